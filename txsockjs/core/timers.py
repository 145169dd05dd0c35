"""When things are due, any number of them at the price of one call: `Timers`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure


class Timed(Protocol):
    """
    What has a time at which it wants to be called.
    """

    def timeUp(self) -> None:
        """
        That time has come.
        """


T = TypeVar("T", bound=Timed)


class Timers(Generic[T]):
    """
    The times of all sessions of a service, with one call of the reactor's for the
    soonest. A delayed call for each would be five objects that the garbage collector
    has to walk; here it is a number and a reference, in two lists.
    """

    __slots__ = ("_call", "_clock", "_due", "_failed", "_now", "_waiting", "_when")

    def __init__(
        self, clock: IReactorTime, failed: Callable[[T, Failure], None]
    ) -> None:
        """
        :param failed: is told of one that raised; the others are called all the same.
        """
        self._clock = clock
        self._failed = failed
        self._call: IDelayedCall | None = None
        # When that is.
        self._when = 0.0
        # The times in order, and what each is the time of.
        self._due: list[float] = []
        self._waiting: list[T] = []
        # Those that are being called.
        self._now: deque[T] = deque()

    def seconds(self) -> float:
        """
        What time it is, by their clock.
        """
        return self._clock.seconds()

    def add(self, due: float, timed: T) -> None:
        """
        Call ``timed.timeUp()`` when it is ``due``, in seconds of the clock; in the next
        turn of the reactor if it is already.
        """
        place = bisect_right(self._due, due)
        self._due.insert(place, due)
        self._waiting.insert(place, timed)
        if place == 0:
            self._arm()

    def remove(self, due: float, timed: T) -> None:
        """
        Do not: it was added for this time.
        """
        if timed in self._now:
            self._now.remove(timed)
            return
        place = self._waiting.index(timed, bisect_left(self._due, due))
        del self._due[place], self._waiting[place]
        if not self._due and self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self) -> None:
        """
        Have the reactor call at the soonest time. A call that comes too soon finds
        nothing to do.
        """
        soonest = self._due[0]
        if self._call is not None:
            if self._when <= soonest:
                return
            self._call.cancel()
        self._when = soonest
        delay = max(0.0, soonest - self._clock.seconds())
        self._call = self._clock.callLater(delay, self._timeUp)

    def _timeUp(self) -> None:
        self._call = None
        count = bisect_right(self._due, max(self._when, self._clock.seconds()))
        self._now.extend(self._waiting[:count])
        del self._due[:count], self._waiting[:count]
        while self._now:
            timed = self._now.popleft()
            try:
                timed.timeUp()
            except BaseException:
                self._failed(timed, Failure())
        if self._due:
            self._arm()
