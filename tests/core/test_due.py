"""Tests for `txsockjs.core.timers`."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.core.timers import Timers


class Alarm:
    """
    Something that has a time.
    """

    def __init__(self, ring: Callable[[], object]) -> None:
        self.timeUp = ring


class TimersTests(SynchronousTestCase):
    """
    Any number of times, and one call of the reactor's.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.failures: list[Failure] = []
        self.rang: list[str] = []
        self.timers: Timers[Alarm] = Timers(
            self.clock, lambda alarm, failure: self.failures.append(failure)
        )

    def add(self, due: float, name: str = "a") -> Alarm:
        """
        Have an alarm that notes its name.
        """
        alarm = Alarm(lambda: self.rang.append(name))
        self.timers.add(due, alarm)
        return alarm

    def test_inOrder(self) -> None:
        """
        Each is called when it is due, whenever it was added.
        """
        for due, name in [(3, "c"), (1, "a"), (2, "b"), (1, "a2")]:
            self.add(due, name)
        self.clock.advance(0.999)
        self.assertEqual([], self.rang)
        self.clock.advance(0.001)
        self.assertEqual(["a", "a2"], self.rang)
        self.clock.pump([1, 1])
        self.assertEqual(["a", "a2", "b", "c"], self.rang)

    def test_oneCall(self) -> None:
        """
        The reactor has one call for all of them, and none when there are none.
        """
        alarms = {due: self.add(due) for due in (5, 7, 3, 9)}
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        for due, alarm in alarms.items():
            self.timers.remove(due, alarm)
        self.assertEqual([], self.clock.getDelayedCalls())
        self.add(4)
        self.clock.advance(4)
        self.assertEqual((["a"], []), (self.rang, self.clock.getDelayedCalls()))

    def test_removeOneOfMany(self) -> None:
        """
        Of those that are due at one time the right one is taken back.
        """
        alarms = [self.add(1, str(count)) for count in range(4)]
        self.timers.remove(1, alarms[2])
        self.clock.advance(1)
        self.assertEqual(["0", "1", "3"], self.rang)

    def test_removedByAnother(self) -> None:
        """
        One that is due and is taken back by one that comes before it is not called.
        """
        second = Alarm(lambda: self.rang.append("second"))
        self.timers.add(1, Alarm(lambda: self.timers.remove(1, second)))
        self.timers.add(1, second)
        self.add(1, "third")
        self.clock.advance(1)
        self.assertEqual(["third"], self.rang)

    def test_addedMeanwhile(self) -> None:
        """
        What is due at once waits for the next turn of the reactor: others come first.
        """
        self.timers.add(1, Alarm(lambda: self.add(self.clock.seconds(), "next")))
        self.clock.callLater(1, self.rang.append, "other")
        self.clock.advance(1)
        self.assertEqual(["other", "next"], self.rang)

    def test_raises(self) -> None:
        """
        What one raises is told, and stops none of the others.
        """
        self.timers.add(1, Alarm(lambda: 1 / 0))
        self.add(1, "b")
        self.add(2, "c")
        self.clock.pump([1, 1])
        self.assertEqual(["b", "c"], self.rang)
        self.assertTrue(self.failures[0].check(ZeroDivisionError))

    @given(
        st.lists(
            st.tuples(st.sampled_from(["add", "remove", "wait"]), st.integers(0, 9)),
            max_size=60,
        )
    )
    def test_asDelayedCalls(self, steps: list[tuple[str, int]]) -> None:
        """
        Whatever is added, taken back and waited for, the same are called at the same
        times as with a delayed call for each.
        """
        self.setUp()
        expected: list[str] = []
        pending = []
        for number, (what, value) in enumerate(steps):
            name = str(number)
            if what == "add":
                due = self.clock.seconds() + value
                call = self.clock.callLater(value, expected.append, name)
                pending.append((due, self.add(due, name), call))
            elif what == "remove" and pending:
                due, alarm, call = pending.pop(value % len(pending))
                if call.active():
                    call.cancel()
                    self.timers.remove(due, alarm)
            else:
                self.clock.advance(value)
                self.assertEqual(sorted(expected), sorted(self.rang))
