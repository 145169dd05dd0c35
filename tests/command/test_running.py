"""Tests for what is around the commands: errors, limits, files, displays."""

from __future__ import annotations

import os
import resource
import sys
from argparse import Namespace
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from OpenSSL.SSL import VERIFY_NONE
from rich.console import Console
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from tests.command.memory import MemoryEndpoint
from txsockjs.command import files, load, main
from txsockjs.command.endings import CommandError
from txsockjs.command.files import allowFiles, writeFile
from txsockjs.command.live import LiveProgress
from txsockjs.command.loading import Load, Plan
from txsockjs.command.parser import Subcommand
from txsockjs.command.progress import Lines, Nothing
from txsockjs.command.reaching import Unverified, reachingArguments
from txsockjs.command.running import complain
from txsockjs.errors import InvalidURL, OptionError, SockJSError


class ComplaintTests(SynchronousTestCase):
    """
    Errors on standard error.
    """

    def complaint(self, error: Exception) -> tuple[int, str]:
        errors = StringIO()
        with redirect_stderr(errors):
            status = complain("txsockjs ping", Failure(error))
        return status, errors.getvalue()

    def test_expected(self) -> None:
        """
        An error that is to be expected is one line with what it says; its status is its
        own, or 2 where the command line is wrong, or 1.
        """
        expected: list[tuple[Exception, int]] = [
            (CommandError("this\nand that"), 1),
            (CommandError("this and that", 7), 7),
            (InvalidURL("this and that"), 2),
            (SockJSError("this and that"), 1),
            (OSError("this and that"), 1),
        ]
        for error, status in expected:
            self.assertEqual(
                self.complaint(error), (status, "txsockjs ping: this and that\n")
            )
        status, line = self.complaint(OptionError("timeout", "too long"))
        self.assertEqual(status, 2)
        self.assertIn("'timeout': too long", line)
        self.assertIn("refused", self.complaint(ConnectionRefusedError())[1])

    def test_unexpected(self) -> None:
        """
        Any other one is a fault of the command's: its name is told, and how to see
        more; the traceback is logged.
        """
        status, line = self.complaint(ZeroDivisionError("by zero"))
        self.assertEqual(status, 1)
        self.assertRegex(
            line,
            r"^txsockjs ping: internal error: ZeroDivisionError: by zero: "
            r"[^\n]*--verbose[^\n]*\n$",
        )
        [logged] = self.flushLoggedErrors()
        self.assertIsInstance(logged.value, ZeroDivisionError)


class MainTests(SynchronousTestCase):
    """
    The way in.
    """

    def run_(self, error: BaseException) -> tuple[int, str]:
        """
        Run a command that ends so.
        """

        def fail(arguments: Namespace) -> int:
            raise error

        failing = Subcommand("fail", "", "", "", lambda parser: None, fail)
        self.patch(main, "SUBCOMMANDS", (failing,))
        errors = StringIO()
        with redirect_stderr(errors):
            status = main.main(["fail"])
        return status, errors.getvalue()

    def test_errors(self) -> None:
        """
        What goes wrong before the reactor runs is told as what goes wrong later.
        """
        self.assertEqual(self.run_(CommandError("no")), (1, "txsockjs fail: no\n"))

    def test_interrupted(self) -> None:
        """
        So is Ctrl-C, of which nothing is said.
        """
        self.assertEqual(self.run_(KeyboardInterrupt()), (130, ""))

    def test_broken(self) -> None:
        """
        Nor is anything said where whoever read the output has gone; and Python says
        nothing at its end.
        """
        with open(self.mktemp(), "w") as output:
            self.patch(sys, "stdout", output)
            self.assertEqual(self.run_(BrokenPipeError()), (1, ""))
            self.assertEqual(
                os.readlink(f"/proc/self/fd/{output.fileno()}"), "/dev/null"
            )


class FilesTests(SynchronousTestCase):
    """
    How many files may be open, and one that is written.
    """

    def limit(self, soft: int, hard: int) -> list[Any]:
        """
        Have limits, and note how they are changed.
        """
        changes: list[Any] = []
        self.patch(resource, "getrlimit", lambda which: (soft, hard))
        self.patch(resource, "setrlimit", lambda which, to: changes.append(to))
        return changes

    def test_enough(self) -> None:
        """
        Where there may be so many, nothing is changed.
        """
        for soft in 1000, resource.RLIM_INFINITY:
            changes = self.limit(soft, 2000)
            allowFiles(900)
            self.assertEqual(changes, [])

    def test_raised(self) -> None:
        """
        A limit that can be raised is raised, by what is wanted and a little more.
        """
        for hard in 5000, resource.RLIM_INFINITY:
            changes = self.limit(1000, hard)
            allowFiles(2000)
            self.assertEqual(changes, [(2064, hard)])

    def test_refused(self) -> None:
        """
        Where it cannot, it is told what to try.
        """
        self.limit(1000, 2000)
        error = self.assertRaises(CommandError, allowFiles, 3000)
        self.assertIn("3064 open files, and 2000 are allowed: try 'ulimit", str(error))

    def test_elsewhere(self) -> None:
        """
        A system may refuse it, too; and there may be no such limits.
        """

        def refuse(which: int, to: object) -> None:
            raise ValueError("not here")

        self.limit(1000, 5000)
        self.patch(resource, "setrlimit", refuse)
        error = self.assertRaises(CommandError, allowFiles, 3000)
        self.assertIn("not here", str(error))

        def missing(name: str) -> None:
            raise ImportError(name)

        self.patch(files, "namedModule", missing)
        allowFiles(10**9)

    def test_write(self) -> None:
        """
        A file is written whole; what cannot be is told with its name.
        """
        path = Path(self.mktemp())
        writeFile(str(path), "\u20ac\n")
        self.assertEqual(path.read_text("utf-8"), "\u20ac\n")
        error = self.assertRaises(CommandError, writeFile, f"{path}/x", "")
        self.assertIn(f"cannot write {path}/x: ", str(error))


class DisplayTests(SynchronousTestCase):
    """
    How far a load is.
    """

    def setUp(self) -> None:
        clock = Clock()
        endpoint = MemoryEndpoint(clock)
        endpoint.failing = {0}
        plan = Plan(
            sessions=4,
            rate=2.0,
            messageRate=1.0,
            transports={"websocket": 1, "xhr-polling": 1},
            duration=10.0,
        )
        self.load = Load(clock, plan, dict.fromkeys(plan.transports, endpoint))
        self.load.start()
        for _ in range(500):
            clock.advance(0.01)

    def test_live(self) -> None:
        """
        The display has the time, the sessions, a line for each transport and one for
        all, and what went wrong.
        """
        output = StringIO()
        console = Console(
            file=output, width=100, force_terminal=True, color_system=None
        )
        live = LiveProgress(console)
        live.show(self.load)
        shown = output.getvalue()
        live.close()
        self.assertIn("5.0 of 10 s", shown)
        self.assertIn("3 open, 0 opening, 4 of 4 begun", shown)
        self.assertIn("1 x it says no", shown)
        for name in "transport", "websocket", "xhr-polling", "all":
            self.assertRegex(shown, rf"\n\W*{name} ")

    def test_choice(self) -> None:
        """
        On a terminal there is that display; without what it needs, or elsewhere, there
        are lines; or nothing, if that is wanted.
        """

        class Terminal(StringIO):
            def isatty(self) -> bool:
                return True

        self.assertIsInstance(load.makeProgress(True), Nothing)
        self.patch(sys, "stderr", StringIO())
        self.assertIsInstance(load.makeProgress(False), Lines)
        self.patch(sys, "stderr", Terminal())
        live = load.makeProgress(False)
        self.addCleanup(live.close)
        self.assertIsInstance(live, LiveProgress)

        def missing(name: str) -> None:
            raise ImportError(name)

        self.patch(load, "namedModule", missing)
        self.assertIsInstance(load.makeProgress(False), Lines)


class ReachingTests(SynchronousTestCase):
    """
    How a server is reached.
    """

    def test_arguments(self) -> None:
        """
        Each argument is given on; the certificate is verified unless that is not
        wanted.
        """
        given: dict[str, Any] = {
            "header": [("A", "b"), ("A", "c")],
            "cookie": [("who", "me")],
            "proxy": "",
            "timeout": 5.0,
        }
        found = reachingArguments(Namespace(insecure=False, **given))
        self.assertEqual(
            found,
            {
                "headers": given["header"],
                "cookies": {"who": "me"},
                "proxy": "",
                "timeout": 5.0,
                "contextFactory": None,
            },
        )
        found = reachingArguments(Namespace(insecure=True, **given))
        self.assertIsInstance(found["contextFactory"], Unverified)

    def test_unverified(self) -> None:
        """
        Without verifying, the server is still told which host is meant, if that has a
        name.
        """
        policy = Unverified()
        verifyObject(IPolicyForHTTPS, policy)
        expected = {b"example.com": b"example.com", b"127.0.0.1": None, b"::1": None}
        for host, name in expected.items():
            creator: Any = policy.creatorForNetloc(host, 443)
            connection = creator.clientConnectionForTLS(None)
            self.assertEqual(connection.get_context().get_verify_mode(), VERIFY_NONE)
            self.assertEqual(connection.get_servername(), name)
