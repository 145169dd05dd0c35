"""Whether a process that was started is still at work: `Watchdog`, `Deadline`.

Time in which this process was itself stopped counts for nobody: after a suspended
machine, or a SIGSTOP to all, what the others have to say may be there unread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds without a sign of life after which a process is killed, where nothing is
#: said.
TIMEOUT: Final = 30.0

#: After how many looks without an answer that is.
LOOKS: Final = 10

#: Seconds by which a `Deadline` is late where this process was stopped.
LATE: Final = 1.0


class Watchdog:
    """
    Asks a process for a sign of life, over and over, and tells when there was none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timeout: float,
        ask: Callable[[], Deferred[object]],
        hung: Callable[[], object],
    ) -> None:
        """
        :param timeout: seconds that the process has for an answer; 0 for ever.
        :param ask: asks it; what it returns fires with an answer of any kind.
        :param hung: is called when there was none, once.
        """
        self._clock = clock
        self._period = timeout / LOOKS
        self._ask = ask
        self._hung = hung
        self._timer: IDelayedCall | None = None
        self._due = 0.0
        self._isAsked = False
        # At how many looks in a row an answer was missing.
        self._silent = 0

    def start(self) -> None:
        """
        Ask, from now on.
        """
        if self._period and self._timer is None:
            self._arm()

    def stop(self) -> None:
        """
        Ask no more.
        """
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _arm(self) -> None:
        self._due = self._clock.seconds() + self._period
        self._timer = self._clock.callLater(self._period, self._look)

    def _look(self) -> None:
        self._timer = None
        late = self._clock.seconds() - self._due > self._period / 2
        if self._isAsked and not late:
            self._silent += 1
            if self._silent >= LOOKS:
                self._hung()
                return
        self._arm()
        if not self._isAsked:
            self._isAsked = True
            self._ask().addBoth(self._answered)

    def _answered(self, answer: object) -> None:
        self._isAsked = False
        self._silent = 0


class Deadline:
    """
    Calls a function after some time. Where this process was stopped meanwhile, the time
    begins anew.
    """

    def __init__(
        self, clock: IReactorTime, seconds: float, function: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._function = function
        self._arm()

    def cancel(self) -> None:
        """
        Do not call it.
        """
        self._timer.cancel()

    def _arm(self) -> None:
        self._due = self._clock.seconds() + self._seconds
        self._timer: IDelayedCall = self._clock.callLater(self._seconds, self._up)

    def _up(self) -> None:
        if self._clock.seconds() - self._due > LATE:
            self._arm()
        else:
            self._function()
