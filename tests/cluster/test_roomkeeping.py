"""Tests of `txsockjs.cluster.roomkeeping`, with processes that are none."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.pauses import LONG, MAX_PAUSE, PAUSE
from txsockjs.cluster.roomkeeping import START_TIMEOUT, RoomKeeper
from txsockjs.cluster.watchdog import LOOKS, TIMEOUT


class FakeProcess:
    """
    A process, and the connection to it.

    :ivar silent: whether it answers nothing.
    """

    lastWords = ""

    def __init__(self, end: Callable[[str], None]) -> None:
        self.end = end
        self.signals: list[str] = []
        self.silent = False

    def signal(self, name: str) -> None:
        self.signals.append(name)

    def tell(self, command: Any, **arguments: Any) -> Deferred[Any]:
        return Deferred() if self.silent else succeed({})


class RoomKeeperTests(SynchronousTestCase):
    """
    The process of the rooms.
    """

    full = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.processes: list[FakeProcess] = []
        self.tries = 0
        self.keeper = RoomKeeper(self.clock, self.started, TIMEOUT)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def started(self, ended: Callable[[str], None]) -> FakeProcess:
        self.tries += 1
        if self.full:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        self.processes.append(FakeProcess(ended))
        return self.processes[-1]

    def ready(self) -> FakeProcess:
        process = self.processes[-1]
        self.keeper.isReady(process)
        return process

    def logged(self) -> list[str]:
        return [event["log_format"].format(**event) for event in self.events]

    def test_wanted(self) -> None:
        """
        It is started once, when somebody wants it, and all are told when it is ready;
        who wants it then, at once.
        """
        self.assertEqual(self.processes, [])
        wanted = [self.keeper.want() for _ in range(2)]
        self.assertEqual(len(self.processes), 1)
        self.assertNoResult(wanted[0])
        self.ready()
        for each in (*wanted, self.keeper.want()):
            self.assertEqual(self.successResultOf(each), {})
        self.assertEqual(len(self.processes), 1)

    def test_noProcess(self) -> None:
        """
        Where it cannot be started it is tried again, once for all who want it, and the
        log says why.
        """
        self.full = True
        wanted = [self.keeper.want() for _ in range(2)]
        self.assertEqual(self.tries, 1)
        self.clock.advance(PAUSE)
        self.assertEqual(self.tries, 2)
        for each in wanted:
            self.assertNoResult(each)
        self.assertIn("temporarily", self.logged()[0])

    def test_pauses(self) -> None:
        """
        Where it dies again and again, the pauses double up to a bound, and so does what
        is between two lines of the log. One that was ready for long is started soon.
        """
        self.keeper.want()
        pauses = []
        for number in range(9):
            if number % 2:
                self.ready()
            self.processes[-1].end("signal 9")
            before, tries = self.clock.seconds(), self.tries
            while self.tries == tries:
                self.clock.advance(PAUSE)
            pauses.append(self.clock.seconds() - before)
        self.assertEqual(pauses[:4], [PAUSE, PAUSE * 2, PAUSE * 4, PAUSE * 8])
        self.assertEqual(pauses[-1], MAX_PAUSE)
        self.assertEqual(len(self.events), 9)
        self.ready()
        self.clock.advance(LONG)
        self.processes[-1].end("signal 9")
        self.assertEqual(
            self.logged()[-1],
            "Worker rooms has died (signal 9). It is started again in 0.5 s.",
        )

    def test_late(self) -> None:
        """
        One that is not ready in time is killed.
        """
        self.keeper.want()
        self.clock.advance(START_TIMEOUT)
        self.assertEqual(self.processes[0].signals, ["KILL"])
        self.assertIn("Worker rooms is not ready after 60 s", self.logged()[0])

    def test_hung(self) -> None:
        """
        One that gives no sign of life is killed, and started again.
        """
        self.keeper.want()
        process = self.ready()
        process.silent = True
        self.clock.pump([TIMEOUT / LOOKS] * (LOOKS + 1))
        self.assertEqual(process.signals, ["KILL"])
        self.assertIn("no sign of life for 30 s", self.logged()[0])
        process.end("signal 9")
        self.clock.advance(PAUSE)
        self.assertEqual(self.tries, 2)

    def test_end(self) -> None:
        """
        It is killed at the end, and not started again.
        """
        self.keeper.want()
        process = self.ready()
        ended = self.keeper.end()
        self.assertEqual(process.signals, ["KILL"])
        self.assertNoResult(ended)
        process.end("signal 9")
        self.successResultOf(ended)
        self.keeper.want()
        self.assertEqual((self.tries, self.clock.getDelayedCalls()), (1, []))

    def test_endWhilePaused(self) -> None:
        """
        One that could not be started keeps nobody from ending, and is tried no more.
        """
        self.full = True
        self.keeper.want()
        self.successResultOf(self.keeper.end())
        self.assertEqual(self.clock.getDelayedCalls(), [])
