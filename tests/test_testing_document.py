"""The document about ``txsockjs.testing``: its programs run, and it lists all."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest import TestLoader, TestResult

from docutils import nodes
from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

import txsockjs.testing
from tests.support.documents import ROOT, blocks, commands, literals, read

DOCUMENT = "docs/testing.rst"


def isTest(found: object) -> bool:
    """
    Whether this is a class of tests.
    """
    return inspect.isclass(found) and issubclass(found, SynchronousTestCase)


class MemberTests(SynchronousTestCase):
    """
    The tables of all members.
    """

    def listed(self) -> dict[str, set[str]]:
        """
        The names in the first columns of the tables, by that in their first cell.
        """
        found: dict[str, set[str]] = {}
        for table in read(DOCUMENT).findall(nodes.table):
            cells = [row[0] for row in table.findall(nodes.row)]
            name, *rest = [
                re.sub(r"^await ", "", literal).partition("(")[0].rpartition(".")[2]
                for cell in cells
                for literal in literals(cell)
            ]
            found[name] = set(rest)
        return found

    def members(self, kind: type) -> set[str]:
        """
        The public members that a class has of this package: what it and its bases
        define, and what they set in ``__init__``.
        """
        found: set[str] = set()
        for base in kind.__mro__:
            if base.__module__.startswith("txsockjs.testing."):
                found |= set(vars(base)) - {"provides", "implements"}
                tree = ast.parse(dedent(inspect.getsource(base)))
                found |= {
                    node.attr
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.ctx, ast.Store)
                    and ast.unparse(node.value) == "self"
                }
        return {name for name in found if not name.startswith("_")}

    def test_classes(self) -> None:
        """
        Each public name has its table, and each table its name.
        """
        self.assertEqual(set(self.listed()), set(txsockjs.testing.__all__))

    def test_members(self) -> None:
        """
        Each public member is listed, with its class, and no other.
        """
        self.maxDiff = None
        inherited = {
            "MemoryAsyncioReactor": self.members(txsockjs.testing.MemoryReactor)
            - {"turn"},
            "MemorySockJSEndpoint": {"connect"},
        }
        for name, listed in self.listed().items():
            kind = getattr(txsockjs.testing, name)
            want = self.members(kind) - inherited.get(name, set())
            if name == "MemorySockJSEndpoint":
                want |= {"connect"}
            self.assertEqual(listed, want, name)

    def test_signatures(self) -> None:
        """
        What stands in the brackets of a method are its arguments, in their order.
        """
        checked = 0
        for table in read(DOCUMENT).findall(nodes.table):
            cells = [row[0] for row in table.findall(nodes.row)]
            kind = getattr(txsockjs.testing, literals(cells[0])[0])
            for literal in [found for cell in cells[1:] for found in literals(cell)]:
                match = re.fullmatch(r"(?:await )?(?:\w+\.)?(\w+)\((.*)\)", literal)
                if match is None or match[1] == "connect":
                    continue
                names = re.findall(r"(?:^|, )\*?(\w+)", match[2])
                actual = [
                    name
                    for name in inspect.signature(getattr(kind, match[1])).parameters
                    if name not in ("self", "values", "problem")
                ]
                self.assertEqual(names, actual, f"{kind.__name__}.{match[1]}")
                checked += 1
        self.assertGreater(checked, 25)

    def test_linked(self) -> None:
        """
        Who reads of the fakes elsewhere finds the way.
        """
        for name in "docs/applications.rst", "docs/clients.rst", "docs/handlers.rst":
            self.assertIn(":doc:`testing`", (ROOT / name).read_text(), name)
        self.assertIn("docs/testing.rst", (ROOT / "README.rst").read_text())
        self.assertIn("\n    testing\n", (ROOT / "docs/index.rst").read_text())


class ProgramTests(TestCase):
    """
    The programs: each is a whole file.
    """

    timeout = 120

    # How each is run: here, or by a command of the document.
    HERE = ("chat", "opening", "pages", "networks", "handler", "rooms", "client")
    APART = ("asyncio", "waiting", "pytest", "pytest_asyncio", "pytest_twisted")

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()
        self.programs = {block.name: block.text for block in blocks(DOCUMENT, "python")}

    def test_all(self) -> None:
        """
        None is left out here.
        """
        self.assertEqual(sorted(self.programs), sorted(self.HERE + self.APART))

    def test_here(self) -> None:
        """
        Their tests pass.
        """
        for name in (*self.HERE, "asyncio"):
            space: dict[str, Any] = {"__name__": name}
            exec(compile(self.programs[name], f"{DOCUMENT}: {name}", "exec"), space)
            result = TestResult()
            for found in list(space.values()):
                if getattr(found, "__module__", "") == name and isTest(found):
                    TestLoader().loadTestsFromTestCase(found).run(result)
            problems = [text for _, text in result.failures + result.errors]
            self.assertEqual("".join(map(str, problems)), "", name)
            self.assertEqual(result.testsRun, self.programs[name].count("def test_"))

    def test_wrong(self) -> None:
        """
        They fail where the application is wrong.
        """
        wrong = self.programs["chat"].replace('self.tell("leaves")', "pass")
        space: dict[str, Any] = {"__name__": "wrong"}
        exec(wrong, space)
        result = TestResult()
        TestLoader().loadTestsFromTestCase(space["ChatTests"]).run(result)
        self.assertEqual(len(result.failures), 1)

    async def run_(self, *command: str) -> str:
        """
        Run Python with files of the programs around, each named ``test_NAME.py``; it
        must succeed.

        :return: what it said.
        """
        for name, text in self.programs.items():
            (self.here / f"test_{name}.py").write_text(text, "utf-8")
        # What pytest leaves behind stays here, too.
        (self.here / "pytest.ini").write_text(
            "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
        )
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{self.here}"}
        out, err, status = await getProcessOutputAndValue(
            sys.executable, ("-m", *command), environment, str(self.here), reactor
        )
        said = (out + err).decode()
        self.assertEqual(status, 0, said)
        return said

    async def test_trial(self) -> None:
        """
        The command of trial's runs the test that waits, and all the others as well.
        """
        [[option, *told]] = commands(DOCUMENT, "python")
        self.assertEqual(option, "-m")
        others = [f"test_{name}" for name in (*self.HERE, "asyncio")]
        said = await self.run_(*told, *others)
        count = sum(
            self.programs[name].count("def test_")
            for name in (*self.HERE, "asyncio", "waiting")
        )
        self.assertIn(f"PASSED (successes={count})", said)

    async def test_pytest(self) -> None:
        """
        The commands of pytest's pass, and so do the plain tests under it.
        """
        plain, twisted = commands(DOCUMENT, "pytest")
        others = [f"test_{name}.py" for name in (*self.HERE, "asyncio")]
        said = await self.run_("pytest", *plain, *others)
        count = sum(
            self.programs[n].count("def test_") for n in (*self.HERE, "asyncio")
        )
        self.assertIn(f"{count + 3 + 1} passed", said)
        self.assertIn("1 passed", await self.run_("pytest", *twisted))
