"""What is released is built the same each time, from things that are known."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from readme_renderer.rst import render
from twisted.trial.unittest import SynchronousTestCase

from tests.mutants import survivors, testsOf
from tests.test_packaging import ROOT, run

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


class LockTests(SynchronousTestCase):
    """
    ``requirements/``: each version that development needs, with its hashes.
    """

    def locked(self, name: str) -> dict[str, set[Version]]:
        """
        The versions in a file, by name: some are others for another Python.
        """
        versions: dict[str, set[Version]] = {}
        for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
            if match := re.match(r"([\w.-]+)==([^ ;]+)", line):
                found = versions.setdefault(canonicalize_name(match[1]), set())
                found.add(Version(match[2]))
        return versions

    def wanted(self, *extras: str) -> set[Requirement]:
        """
        What the package and some extras want, with those that these name.
        """
        optional = PROJECT["optional-dependencies"]
        found, todo = set(), [*PROJECT["dependencies"]]
        todo += chain.from_iterable(optional[extra] for extra in extras)
        for each in map(Requirement, todo):
            if each.name == "txsockjs":
                found |= self.wanted(*each.extras)
            else:
                found.add(each)
        return found

    def test_satisfied(self) -> None:
        """
        They are what pyproject.toml asks for: ``make lock`` makes them anew.
        """
        for name, extras in {
            "dev.txt": ("dev",),
            "test.txt": ("test", "http2", "metrics", "redis", "cli"),
        }.items():
            locked = self.locked(name)
            for requirement in self.wanted(*extras):
                versions = locked[canonicalize_name(requirement.name)]
                for version in versions:
                    self.assertIn(version, requirement.specifier, requirement.name)

    def test_alike(self) -> None:
        """
        The unit tests run with the versions that everything else runs with.
        """
        everything = self.locked("dev.txt")
        for name, versions in self.locked("test.txt").items():
            self.assertLessEqual(versions, everything[name], name)

    def test_hashes(self) -> None:
        """
        Each has hashes, and no line names where it is from.
        """
        for name in ("dev.txt", "test.txt"):
            text = (ROOT / "requirements" / name).read_text("utf-8")
            self.assertNotIn("://", text)
            self.assertNotIn("-index", text)
            for entry in re.split(r"(?m)^(?=[\w.-]+==)", text)[1:]:
                self.assertIn("--hash=sha256:", entry)


class BuildTests(SynchronousTestCase):
    """
    ``.ci/release``, and what it checks.
    """

    def test_short(self) -> None:
        """
        A wheel and a source distribution, which are the same when they are built again,
        and which the checkers of the index and of wheels find no fault with.
        """
        out = Path("released").absolute()
        script = ROOT / ".ci" / "release"
        run(sys.executable, script, "--short", "--out", out, cwd=ROOT)
        version = PROJECT["version"]
        self.assertEqual(
            {path.name for path in out.iterdir()},
            {f"txsockjs-{version}-py3-none-any.whl", f"txsockjs-{version}.tar.gz"},
        )

    def test_workflows(self) -> None:
        """
        The workflows hold to what zizmor knows of them.
        """
        zizmor = shutil.which("zizmor", path=os.path.dirname(sys.executable))
        assert zizmor is not None
        said = subprocess.run(
            [zizmor, "--offline", "--no-progress", ".github/workflows"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_pythons(self) -> None:
        """
        The workflow runs the unit tests on each CPython from the lowest supported one.
        """
        text = (ROOT / ".github" / "workflows" / "tests.yaml").read_text("utf-8")
        [listed] = re.findall(r"python: (\[.*\])", text)
        lowest = PROJECT["requires-python"].removeprefix(">=")
        self.assertEqual(json.loads(listed)[0], lowest)


class ReadmeTests(SynchronousTestCase):
    """
    README.rst, as a package index shows it.
    """

    def described(self, urls: str) -> str:
        """
        What setup.py says of a project with these URLs.
        """
        work = Path(self.mktemp())
        work.mkdir()
        for name in ("setup.py", "README.rst"):
            shutil.copy(ROOT / name, work)
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        (work / "pyproject.toml").write_text(f"{text}\n{urls}", "utf-8")
        look = (
            "import setuptools, runpy\n"
            "setuptools.setup = lambda **kw: print(kw['long_description'])\n"
            "runpy.run_path('setup.py')"
        )
        return run(sys.executable, "-c", look, cwd=work)

    def test_source(self) -> None:
        """
        Where it is known where the project's files are, each link leads there.
        """
        said = self.described(
            '[project.urls]\nSource = "https://code.example/txsockjs/"\n'
        )
        files = f"https://code.example/txsockjs/blob/v{PROJECT['version']}"
        self.assertIn(f"`Options <{files}/docs/options.rst>`_", said)
        self.assertEqual(re.findall(r"<(?![a-z]+:)[\w./-]+>`_", said), [])

    def test_nowhere(self) -> None:
        """
        Where it is not, README.rst is as it is.
        """
        said = self.described("")
        self.assertEqual(said.strip(), (ROOT / "README.rst").read_text("utf-8").strip())

    def test_rendered(self) -> None:
        """
        It is shown as a page, with its code coloured, and not as plain text.
        """
        flaws = io.StringIO()
        shown = render((ROOT / "README.rst").read_text("utf-8"), stream=flaws)
        self.assertEqual(flaws.getvalue(), "")
        self.assertIn('<span class="nc">Shout</span>', shown or "")

    def test_version(self) -> None:
        """
        The version is in one place.
        """
        look = "import txsockjs; print(txsockjs.__version__)"
        self.assertEqual(
            run(sys.executable, "-c", look, cwd=ROOT).strip(), PROJECT["version"]
        )
        for path in (ROOT / "txsockjs").rglob("*.py"):
            self.assertNotIn(f'"{PROJECT["version"]}"', path.read_text("utf-8"))


class MutantsTests(SynchronousTestCase):
    """
    ``make mutants``.
    """

    def test_tests(self) -> None:
        """
        A module's tests are those that have its name, and those that name it; none that
        need a browser.
        """
        found = list(testsOf(Path("txsockjs/bridge.py"), ROOT / "tests"))
        self.assertIn("tests.test_bridge", found)
        self.assertEqual([name for name in found if "integration" in name], [])

    def test_survivors(self) -> None:
        """
        Those that no test noticed are listed, but for what no test could.
        """

        def change(operator: str, outcome: str) -> str:
            mutation = {"operator_name": operator, "start_pos": [3, 1]}
            result = {"test_outcome": outcome, "diff": "-a\n+b"}
            return json.dumps([{"mutations": [mutation]}, result])

        count, found = survivors(
            [
                change("core/NumberReplacer", "killed"),
                change("core/ReplaceOrWithAnd", "survived"),
                change("core/ReplaceBinaryOperator_BitOr_Add", "survived"),
            ]
        )
        self.assertEqual(count, 2)
        self.assertEqual(
            [each["operator_name"] for each in found], ["core/ReplaceOrWithAnd"]
        )
