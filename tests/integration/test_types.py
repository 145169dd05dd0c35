"""Programs that use the package pass type checkers without a plugin, and each public
name has a type."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.typed import makeEnvironment, mypy, pyright, writePrograms

#: What must not pass, with what each checker says of it.
WRONG = """
from txsockjs import AsyncSession, SockJSFactory, SockJSProtocol, broadcast, handler
from txsockjs.client import SockJSClientProtocol
from txsockjs.rooms import Rooms

class User:
    name = "Ann"

class Chat(SockJSProtocol[User]):
    def connectionMade(self) -> None:
        self.transport.sendMesage("x")
        self.transport.sendMessage(b"x")
        self.avatar.age
        self.transport.avatar.age
        self.request.arguments

    def messageReceived(self, message: bytes) -> None: ...

class Hello(SockJSClientProtocol):
    def connectionMade(self) -> None:
        self.transport.request

@handler
async def talk(session: AsyncSession[User]) -> None:
    session.avatar.age

SockJSFactory("app.Chat")
SockJSFactory(Chat, clock=3)
Rooms("redis:")
broadcast("x", [3])
"""


#: What each of its wrong lines has, and no other.
MARKS = (
    "sendMesage",
    'sendMessage(b"',
    ".age",
    "arguments",
    "message: bytes",
    "transport.request",
    '"app.',
    "=3",
    '"redis:',
    "[3]",
)


@cache
def checked() -> tuple[list[str], set[tuple[str, int]], set[tuple[str, int]]]:
    """
    Run each checker once, over all programs and the one that is wrong, in an
    environment without what mypy's plugin for zope brings.

    :return: the names of the programs, and where mypy and where pyright has found an
        error: in which file, and in which line.
    """
    here = Path("types").absolute()
    here.mkdir()
    environment = makeEnvironment(Path("types-environment").absolute())
    names = writePrograms(here)
    (here / "wrong.py").write_text(WRONG, "utf-8")
    places = [line.split(":")[:2] for line in mypy(environment, here)]
    told = pyright(environment, here)
    assert told["summary"]["filesAnalyzed"] > len(names), told["summary"]
    return (
        names,
        {(name, int(number)) for name, number in places},
        {
            (
                str(Path(each["file"]).relative_to(here)),
                each["range"]["start"]["line"] + 1,
            )
            for each in told["generalDiagnostics"]
            if _isError(each)
        },
    )


class TypeTests(SynchronousTestCase):
    """
    mypy and pyright.
    """

    timeout = 300

    def test_programs(self) -> None:
        """
        Each program of README, of the documents and of ``examples/`` passes both.
        """
        names, *found = checked()
        self.assertLessEqual(
            {"chat.py", "document_readme.py", "document_applications.py"}, set(names)
        )
        for places in found:
            others = {place for place in places if place[0] != "wrong.py"}
            self.assertEqual(others, set())

    def test_wrong(self) -> None:
        """
        Neither passes a program that is wrong, in any of its lines.
        """
        lines = {
            ("wrong.py", number)
            for number, line in enumerate(WRONG.splitlines(), 1)
            if any(mark in line for mark in MARKS)
        }
        self.assertEqual(len(lines), 12)
        _, *found = checked()
        for places in found:
            own = {place for place in places if place[0] == "wrong.py"}
            self.assertEqual(own, lines)


class CompletenessTests(SynchronousTestCase):
    """
    The package, as pyright sees it.
    """

    timeout = 300

    def test_complete(self) -> None:
        """
        Each name that is public has a type that all type checkers agree on.
        """
        here = Path(self.mktemp()).absolute()
        environment = makeEnvironment(here, stubs=True)
        told = pyright(environment, here, "--ignoreexternal", "--verifytypes=txsockjs")
        completeness = told["typeCompleteness"]
        unknown = [
            (symbol["name"], each["message"])
            for symbol in completeness["symbols"]
            if not symbol["isTypeKnown"]
            for each in symbol["diagnostics"]
            if _isError(each)
        ]
        self.assertEqual(unknown, [])
        self.assertGreater(completeness["exportedSymbolCounts"]["withKnownType"], 3000)
        self.assertEqual(completeness["completenessScore"], 1)


def _isError(diagnostic: dict[str, str]) -> bool:
    return diagnostic["severity"] == "error"
