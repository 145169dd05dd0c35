"""Tests of `txsockjs.cluster.parent`, with no process."""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.holding import Inheritance
from txsockjs.cluster.parent import ParentService
from txsockjs.cluster.supervision import PAUSE


class Listening:
    """
    The socket of the rooms.
    """

    def fileno(self) -> int:
        return 9

    def stopListening(self) -> None:
        pass


class FullReactor(MemoryReactorClock):
    """
    A reactor of a system that has no room for one more process.
    """

    tries = 0

    def spawnProcess(self, *args: Any, **kwargs: Any) -> Any:
        self.tries += 1
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


class RoomsTests(SynchronousTestCase):
    """
    The process of the rooms, where it cannot be started.
    """

    def setUp(self) -> None:
        self.reactor = FullReactor()
        self.parent = ParentService(self.reactor, 2, [], [], 1.0)
        self.parent._inheritance = Inheritance({}, [], 10)
        self.parent._rooms = Listening()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_again(self) -> None:
        """
        It is tried again, once for all who want it, and the log says why.
        """
        wanted = [self.parent.startBroker() for _ in range(2)]
        self.assertEqual(self.reactor.tries, 1)
        self.reactor.advance(PAUSE)
        self.assertEqual(self.reactor.tries, 2)
        for each in wanted:
            self.assertNoResult(each)
        self.assertIn("temporarily", self.events[0]["what"])

    def test_stop(self) -> None:
        """
        The parent can end all the same, and tries no more.
        """
        self.parent.startBroker()
        self.successResultOf(Deferred.fromCoroutine(self.parent._stopBroker()))
        self.reactor.advance(PAUSE)
        self.assertEqual(self.reactor.tries, 1)


class TerminateTests(SynchronousTestCase):
    """
    What a parent does when it is told to stop.
    """

    def test_logged(self) -> None:
        """
        It stops, and the log says so, once.
        """
        reactor = MemoryReactorClock()
        parent = ParentService(reactor, 2, [], [], 1.0)
        with capturedLogs() as events:
            parent._terminate()
        [event] = events
        self.assertIs(event["log_level"], LogLevel.info)
        self.assertIn("Told to stop", event["log_format"])
        self.assertTrue(reactor.hasStopped)
