"""The package is built as ``docs/architecture.rst`` says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, literals, rows
from txsockjs.client.states import STATES as CLIENT_STATES
from txsockjs.core.service import LIVES
from txsockjs.core.states import CONDITIONS, STATES

DOCUMENT = "docs/architecture.rst"

#: Lines that a file may have.
SIZE = 500

#: What nothing but the rooms of the web, and those above them, may import.
WEB = ("twisted.web", "autobahn", "txaio")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Module:
    """
    One file of the package.

    :ivar name: its dotted name.
    """

    def __init__(self, path: Path) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.name = ".".join(parts).removesuffix(".__init__")
        self.tree = ast.parse(path.read_text("utf-8"))

    @cached_property
    def hidden(self) -> list[ast.stmt]:
        """
        The imports inside functions.
        """
        return [
            node
            for function in ast.walk(self.tree)
            if isinstance(function, FUNCTIONS)
            for node in ast.walk(function)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]

    @cached_property
    def forTypes(self) -> list[ast.stmt]:
        """
        The imports that are never executed.
        """
        return [
            node
            for test in ast.walk(self.tree)
            if isinstance(test, ast.If) and ast.unparse(test.test) == "TYPE_CHECKING"
            for node in test.body
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]

    def imported(self) -> Iterator[str]:
        """
        The dotted name of all that is imported when the module runs, in functions too.
        """
        for node in ast.walk(self.tree):
            if node in self.forTypes:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name} has a relative import"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def packageModules() -> dict[str, Module]:
    """
    The modules of the package, by name. A package with nothing in it is no module.
    """
    found = map(Module, sorted((ROOT / "txsockjs").rglob("*.py")))
    return {module.name: module for module in found if module.tree.body}


@cache
def floors() -> dict[str, int]:
    """
    The floor of each room that the document has, counted from the ground.
    """
    return {
        name: floor
        for floor, row in enumerate(rows(DOCUMENT, "Room"))
        for name in literals(row[0])
    }


def within(name: str, packages: tuple[str, ...]) -> bool:
    """
    Whether a dotted name is one of the packages, or in one.
    """
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


class RoomTests(SynchronousTestCase):
    """
    Who imports whom.
    """

    def setUp(self) -> None:
        self.modules = packageModules()
        self.floors = floors()

    def ours(self, module: Module) -> Iterator[str]:
        """
        The modules of the package that a module imports.
        """
        for name in module.imported():
            while within(name, ("txsockjs",)) and name not in self.modules:
                name = name.rpartition(".")[0]
            if within(name, ("txsockjs",)):
                yield name

    def test_rooms(self) -> None:
        """
        The table has each module, and nothing that there is not.
        """
        self.assertEqual(set(self.floors), set(self.modules))

    def test_floors(self) -> None:
        """
        A module imports only from floors below its own. So there is no cycle either.
        """
        upwards = [
            f"{module.name} imports {name}"
            for module in self.modules.values()
            for name in self.ours(module)
            if self.floors[name] >= self.floors[module.name]
        ]
        self.assertEqual(upwards, [])

    def test_hidden(self) -> None:
        """
        No import is hidden in a function, but for the default reactor.
        """
        hidden = {
            module.name: [ast.unparse(node) for node in module.hidden]
            for module in self.modules.values()
            if module.hidden
        }
        self.assertEqual(
            hidden, {"txsockjs.clock": ["from twisted.internet import reactor"]}
        )

    def test_forTypes(self) -> None:
        """
        What is imported for its types alone is on a lower floor, too.
        """
        upwards = [
            f"{module.name}: {ast.unparse(node)}"
            for module in self.modules.values()
            for node in module.forTypes
            if self.floors.get(getattr(node, "module", None) or "", -1)
            >= self.floors[module.name]
        ]
        self.assertEqual(upwards, [])

    def test_reactor(self) -> None:
        """
        Nothing but the clock and the command names the global reactor.
        """
        naming = {
            module.name
            for module in self.modules.values()
            if "twisted.internet.reactor" in module.imported()
        }
        self.assertEqual(naming, {"txsockjs.clock", "txsockjs.tap"})

    def test_core(self) -> None:
        """
        Below the first room of the web, nothing knows of HTTP or WebSocket.
        """
        ground = self.floors["txsockjs.web.headers"]
        self.assertGreater(ground, self.floors["txsockjs.core.service"])
        for module in self.modules.values():
            if self.floors[module.name] < ground:
                found = [name for name in module.imported() if within(name, WEB)]
                self.assertEqual(found, [], module.name)

    def test_trial(self) -> None:
        """
        The package, with its fakes for tests, needs no trial.
        """
        for module in self.modules.values():
            self.assertFalse(
                [name for name in module.imported() if within(name, ("twisted.trial",))]
            )


class SizeTests(SynchronousTestCase):
    """
    How long files are.
    """

    def test_size(self) -> None:
        """
        No file of Python is longer than one can keep in the head.
        """
        long = [
            str(path.relative_to(ROOT))
            for place in ("txsockjs", "tests", "examples", "benchmarks")
            for path in (ROOT / place).rglob("*.py")
            if "node_modules" not in path.parts
            and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
            and len(path.read_text("utf-8").splitlines()) > SIZE
        ]
        self.assertEqual(long, [])

    def test_plugins(self) -> None:
        """
        The plugin files have ten lines at the most; there is no ``__init__.py``, which
        would hide the plugins of others.
        """
        plugins = sorted((ROOT / "twisted").rglob("*.py"))
        self.assertEqual(
            [path.name for path in plugins],
            ["txsockjs_endpoints.py", "txsockjs_tap.py"],
        )
        for path in plugins:
            self.assertLessEqual(len(path.read_text("utf-8").splitlines()), 10)


class StateTests(SynchronousTestCase):
    """
    The states of a session.
    """

    def assertTable(self, heading: str, table: Any) -> None:
        """
        A table of the document, of states by events, is that of the code.
        """
        documented = {
            (literals(row[0])[0], event, literals(row[2])[0])
            for row in rows(DOCUMENT, heading)
            for event in literals(row[1])
        }
        self.assertEqual(
            documented,
            {
                (state.name, event.name, after.name)
                for state, events in table.items()
                for event, after in events.items()
            },
        )

    def test_states(self) -> None:
        """
        The document's table is the session's.
        """
        self.assertTable("In the state", STATES)

    def test_conditions(self) -> None:
        """
        So it is with the receiver's condition.
        """
        self.assertTable("In the condition", CONDITIONS)

    def test_clientStates(self) -> None:
        """
        So it is with the client's session.
        """
        self.assertTable("In the client's state", CLIENT_STATES)

    def test_lives(self) -> None:
        """
        And with the life of a service.
        """
        documented = {
            literals(row[0])[0]: set(literals(row[2])) for row in rows(DOCUMENT, "Life")
        }
        self.assertEqual(
            documented,
            {life.name: {after.name for after in LIVES[life]} for life in LIVES},
        )
