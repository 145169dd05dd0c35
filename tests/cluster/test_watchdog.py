"""Tests of `txsockjs.cluster.watchdog`."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.watchdog import LATE, LOOKS, Deadline, Watchdog


class WatchdogTests(SynchronousTestCase):
    """
    A watchdog with a look each second.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[object]] = []
        self.hung = 0
        self.dog = Watchdog(self.clock, float(LOOKS), self.ask, self.isHung)
        self.dog.start()

    def ask(self) -> Deferred[object]:
        self.asked.append(Deferred())
        return self.asked[-1]

    def isHung(self) -> None:
        self.hung += 1

    def test_answers(self) -> None:
        """
        Who answers is asked anew at each look, and is not hung.
        """
        for number in range(1, 3 * LOOKS):
            self.clock.advance(1)
            self.assertEqual(len(self.asked), number)
            self.asked[-1].callback(None)
        self.assertEqual(self.hung, 0)

    def test_failure(self) -> None:
        """
        A failure is an answer like others, and is not logged.
        """
        for _ in range(2 * LOOKS):
            self.clock.advance(1)
            self.asked[-1].errback(ValueError("unknown"))
        self.assertEqual(self.hung, 0)

    def test_silent(self) -> None:
        """
        Who does not answer is asked once, and is hung after the time-out; that is told
        once.
        """
        self.clock.pump([1] * LOOKS)
        self.assertEqual((len(self.asked), self.hung), (1, 0))
        self.clock.advance(1)
        self.assertEqual((len(self.asked), self.hung), (1, 1))
        self.clock.pump([1] * LOOKS * 2)
        self.assertEqual(self.hung, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answersLast(self) -> None:
        """
        With an answer at the last moment all of the time begins anew.
        """
        self.clock.pump([1] * LOOKS)
        self.asked[0].callback(None)
        self.clock.pump([1] * LOOKS)
        self.assertEqual((len(self.asked), self.hung), (2, 0))
        self.clock.advance(1)
        self.assertEqual(self.hung, 1)

    def test_late(self) -> None:
        """
        A look that is late counts for nothing, however often and however late.
        """
        self.clock.advance(1)
        for _ in range(3 * LOOKS):
            self.clock.advance(3600)
        self.assertEqual(self.hung, 0)
        self.clock.pump([1] * (LOOKS - 1))
        self.assertEqual(self.hung, 0)
        self.clock.advance(1)
        self.assertEqual(self.hung, 1)

    def test_stop(self) -> None:
        """
        Stopped, it asks nobody.
        """
        self.dog.stop()
        self.clock.advance(1)
        self.assertEqual((self.asked, self.clock.getDelayedCalls()), ([], []))

    def test_never(self) -> None:
        """
        With a time-out of 0 nobody is asked.
        """
        self.dog.stop()
        Watchdog(self.clock, 0, self.ask, self.isHung).start()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DeadlineTests(SynchronousTestCase):
    """
    A deadline.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.calls: list[float] = []
        self.deadline = Deadline(
            self.clock, 10, lambda: self.calls.append(self.clock.seconds())
        )

    def test_called(self) -> None:
        """
        In time, or a little late, the function is called once.
        """
        self.clock.advance(9)
        self.assertEqual(self.calls, [])
        self.clock.advance(1 + LATE)
        self.clock.advance(100)
        self.assertEqual(self.calls, [10 + LATE])

    def test_late(self) -> None:
        """
        Much too late, all of the time begins anew.
        """
        self.clock.advance(1000)
        self.clock.advance(9)
        self.assertEqual(self.calls, [])
        self.clock.advance(1)
        self.assertEqual(self.calls, [1010])

    def test_cancel(self) -> None:
        """
        Cancelled, nothing is called, even when it has begun anew.
        """
        self.clock.advance(1000)
        self.deadline.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
