"""The time that a connection's peer has, at little cost: `TimedChannel`."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from txsockjs.core.timers import Timers
from txsockjs.web.wire import Wire

# Seconds that are none: below what a float tells of the time.
_NOW: Final = 1e-6


class TimedChannel(HTTPChannel):
    """
    An HTTP/1 connection whose time-out is a number in a list that its Site has, and
    costs nothing when it begins anew. Twisted's is a delayed call for each connection,
    which with its methods takes as much memory as a request.

    :ivar site: its Site, which has `connectionTimers` as ``timers``.
    """

    site: Any
    wire: Wire
    factory: Any
    timeOut: Any

    # When time is up for what the peer is to do, if it ever is; and the time at which
    # that is looked at, which may be too soon.
    _due: float | None = None
    _looks: float | None = None

    @property
    def callLater(self) -> Any:
        """
        The reactor's: a method for each connection would be memory.
        """
        return self.factory.reactor.callLater

    @callLater.setter
    def callLater(self, callLater: object) -> None:
        """
        It is what Twisted's factories set: theirs.
        """

    def setTimeout(self, period: float | None) -> float | None:
        """
        Have `timeoutConnection` called, with the times of all connections in one list.

        :param period: after so many seconds; never if it is None.
        :return: what it was before.
        """
        before: float | None = self.timeOut
        self.timeOut = period
        if period is not None:
            self._wait(period)
        elif self._looks is not None:
            self.site.timers.remove(self._looks, self)
            self._due = self._looks = None
        return before

    def resetTimeout(self) -> None:
        """
        Begin the time anew, if it runs.
        """
        if self._due is not None and self.timeOut is not None:
            self._wait(self.timeOut)

    def _wait(self, period: float) -> None:
        timers = self.site.timers
        due = self._due = timers.seconds() + period
        if self._looks is not None:
            if self._looks <= due:
                return
            timers.remove(self._looks, self)
        self._looks = due
        timers.add(due, self)

    def timeUp(self) -> None:
        """
        It is time to look whether time is up.
        """
        timers = self.site.timers
        self._looks = None
        due = self._due
        if due is None:
            return
        if due - timers.seconds() >= _NOW:
            self._looks = due
            timers.add(due, self)
        else:
            self._due = None
            self.timeoutConnection()  # type: ignore[no-untyped-call]


class _Failures:
    """
    Where it is told that what a time-out has called raised.
    """

    _log = Logger()

    def add(self, channel: TimedChannel, reason: Failure) -> None:
        """
        There is one more.
        """
        self._log.failure("The end of a connection's time failed.", failure=reason)
        # Nobody else would end it.
        channel.wire.abort()


def connectionTimers(clock: IReactorTime) -> Timers[TimedChannel]:
    """
    The times of all connections of a Site.
    """
    return Timers(clock, _Failures().add)
