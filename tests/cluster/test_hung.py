"""What `txsockjs.cluster.supervision` does with workers that hang."""

from __future__ import annotations

from twisted.logger import LogLevel

from tests.cluster.supervised import PATIENCE, SupervisorCase
from txsockjs.cluster.control import Alive, Drain
from txsockjs.cluster.pauses import PAUSE
from txsockjs.cluster.supervision import ABORT_TIME, LAST, START_TIMEOUT
from txsockjs.cluster.watchdog import LOOKS, TIMEOUT


class HungTests(SupervisorCase):
    """
    Two workers, of which one answers no more.
    """

    def test_hung(self) -> None:
        """
        One that answers no more is told to abort, is killed where it does not, and is
        started again as any that has died. That is logged, and others are left alone.
        """
        first, second = self.begin()
        self.pass_(TIMEOUT * 3, LOOKS * 3)
        first.silent = True
        self.pass_(TIMEOUT)
        self.assertEqual(first.signals, [])
        self.pass_(TIMEOUT / LOOKS, 1)
        self.assertEqual((first.signals, second.signals), (["ABRT"], []))
        self.clock.advance(ABORT_TIME)
        self.assertEqual(first.signals, ["ABRT", "KILL"])
        first.end("signal 9")
        self.assertEqual(
            self.logged(LogLevel.error),
            [
                "Worker 0 has given no sign of life for 30 s: killing it.",
                "Worker 0 has died (signal 9). It is started again in 0.5 s.",
            ],
        )
        self.clock.advance(PAUSE)
        self.assertEqual(self.processes[2].worker.slot, 0)
        self.pass_(TIMEOUT * 2, LOOKS * 2)
        self.assertEqual(second.signals, [])

    def test_aborts(self) -> None:
        """
        One that aborts is not killed.
        """
        first, _ = self.begin()
        first.silent = True
        self.pass_(TIMEOUT * 1.1, 11)
        first.end("signal 6")
        self.clock.advance(ABORT_TIME)
        self.assertEqual(first.signals, ["ABRT"])

    def test_blocked(self) -> None:
        """
        One that is blocked for a shorter time goes on.
        """
        first, _ = self.begin()
        for _ in range(3):
            first.silent, answers = True, first.answers
            self.pass_(TIMEOUT * 0.9, 9)
            first.silent = False
            for answer in answers:
                answer.callback({})
            answers.clear()
            self.pass_(TIMEOUT * 0.2, 2)
        self.assertEqual(first.signals, [])

    def test_stoppedItself(self) -> None:
        """
        Where the parent was stopped, time that has passed meanwhile counts for none of
        the workers: neither for one that serves, nor for one that starts or drains.
        """
        first, second = self.begin()
        self.supervisor.roll()
        self.ready(self.processes[2])
        self.clock.advance(LAST)
        first.silent = second.silent = True
        starting = self.processes[3]
        self.assertEqual((first.of(Drain), starting.told), ([None], []))
        self.pass_(PATIENCE * 0.9)
        for _ in range(3):
            self.clock.advance(3600)
        for each in self.processes:
            self.assertEqual(each.signals, [])
        self.pass_(START_TIMEOUT, 2 * LOOKS)
        for each in first, second, starting:
            self.assertIn("KILL", each.signals)

    def test_starting(self) -> None:
        """
        One that starts is not asked, and has the time for that.
        """
        self.supervisor.begin()
        first, second = self.processes
        for each in first, second:
            each.silent = True
            self.supervisor.joined(each.worker.slot, each.worker.generation, each)
        self.pass_(START_TIMEOUT - 1)
        self.assertEqual((first.of(Alive), first.signals), ([], []))

    def test_hungDraining(self) -> None:
        """
        One that hangs while it drains is not waited for.
        """
        patient = PATIENCE * 100
        self.supervisor._patience = patient
        first, _ = self.begin()
        self.supervisor.end()
        first.silent = True
        self.pass_(TIMEOUT * 1.1, 11)
        self.assertEqual(first.signals, ["ABRT"])

    def test_cutOff(self) -> None:
        """
        One whose connection is lost, and that goes on, is taken for hung.
        """
        first, _ = self.begin()
        first.worker.link = None
        self.pass_(TIMEOUT * 1.1, 11)
        self.assertEqual(first.signals, ["ABRT"])

    def test_noTimeout(self) -> None:
        """
        With a time-out of 0 nobody is asked.
        """
        self.supervisor._timeout = 0.0
        first, _ = self.begin()
        first.silent = True
        self.pass_(TIMEOUT * 3)
        self.assertEqual((first.of(Alive), first.signals), ([], []))
