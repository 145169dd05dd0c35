"""Tests of ``twistd sockjs --workers``: the command line, and the parent's service."""

from __future__ import annotations

import sys
from typing import Any

from twisted.python.usage import UsageError

from tests.test_tap import ECHO, TapTestCase
from txsockjs import tap
from txsockjs.cluster.parent import ParentService
from txsockjs.rooms.local import LocalBroker
from txsockjs.tap import Options, makeService


class WorkersTests(TapTestCase):
    """
    What the parent reads, and what it leaves to workers.
    """

    def refused(self, *arguments: str) -> str:
        return str(self.assertRaises(UsageError, self.parse, *arguments))

    def test_number(self) -> None:
        """
        It takes a number within bounds, or ``auto``; else the error names both.
        """
        self.patch(tap, "usableCPUs", lambda: 5)
        self.assertEqual(self.parse("--workers", "3").workers, 3)
        self.assertEqual(self.parse("--workers", "auto").workers, 5)
        self.assertIs(self.parse().workers, None)
        for wrong in "0", "-1", "257", "two", "1.5", "":
            problem = self.refused("--workers", wrong)
            self.assertIn("a number, 1 to 256, or auto", problem)

    def test_timeout(self) -> None:
        """
        ``--worker-timeout`` takes seconds, or 0, and goes with ``--workers`` alone. The
        parent has what is given, or else its own.
        """
        for given, timeout in ("", 30.0), ("2.5", 2.5), ("1", 1.0), ("0", 0.0):
            arguments = ["--workers=2", "--service", ECHO]
            arguments += [f"--worker-timeout={given}"] * bool(given)
            parent: Any = makeService(self.parse(*arguments))
            self.assertEqual(parent._timeout, timeout)
        for wrong in "-1", "0.5", "ten", "inf", "nan", "":
            problem = self.refused("--workers=2", "--worker-timeout", wrong)
            self.assertIn(f"--worker-timeout {wrong}: it takes a number", problem)
        self.assertIn("goes with --workers", self.refused("--worker-timeout=5"))

    def test_loadsNothing(self) -> None:
        """
        The parent loads nothing of what is served, wherever the option stands.
        """
        self.here.child("loud.py").setContent(b"raise RuntimeError('loaded')")
        arguments = ["--service", "x=loud.Service", "--workers", "2"]
        options = self.parse(*arguments)
        self.assertNotIn("loud", sys.modules)
        self.assertEqual(options.what, "SockJS services x")
        self.assertIsInstance(makeService(options), ParentService)
        self.assertEqual(options.arguments, arguments)

    def test_checks(self) -> None:
        """
        What it can check without that, it does before anything is started.
        """
        workers = "--workers=2", "--service", ECHO
        self.assertIn("ehco", self.refused(*workers, "--option", "ehco:timeout=3"))
        self.assertIn("no such directory", self.refused(*workers, "--static", "none"))
        self.assertIn(
            "no such directory", self.refused(*workers, "--access-log", "none/log")
        )
        self.assertIn("--listen what", self.refused(*workers, "--listen", "what"))

    def test_patience(self) -> None:
        """
        It waits for the service whose sessions may take longest to end.
        """
        options = self.parse(
            *("--service", ECHO, "--service", "b=twisted.protocols.wire.Echo"),
            *("--option", "drain_timeout=3", "--option", "b:drain_timeout=40"),
        )
        self.assertEqual(options.patience, 40)

    def worker(self, *arguments: str) -> Any:
        options = Options(self.reactor, "local:/rooms")
        options.parseOptions(("--workers=2", *arguments))
        self.assertFalse(options.hasWorkers)
        return options

    def test_rooms(self) -> None:
        """
        In a worker, services that ask for rooms get those of this machine, unless
        others are named; without such a service nobody wants them.
        """
        rooms = "--service", "r=txsockjs.rooms.RoomsFactory"
        for arguments in (rooms, (*rooms, "--rooms=memory:"), ()):
            options = self.worker(*arguments)
            self.assertTrue(options.wantsRooms, arguments)
            self.assertIsInstance(options.rooms._broker, LocalBroker)
        self.assertFalse(self.worker("--service", ECHO).wantsRooms)
        self.assertIs(self.worker("--service", ECHO).rooms, None)
        elsewhere = self.worker(*rooms, "--rooms=redis://127.0.0.1")
        self.assertFalse(elsewhere.wantsRooms)
        self.assertNotIsInstance(elsewhere.rooms._broker, LocalBroker)
