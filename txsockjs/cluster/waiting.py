"""Requests for a slot that has no worker just now: `WaitingRoom`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request

#: Seconds that a request waits for a worker, and how many of them may wait at once.
WAIT_TIME: Final = 5.0
MOST_WAITING: Final = 1000


class _Waiting(NamedTuple):
    timer: IDelayedCall
    again: Callable[[], object]
    giveUp: Callable[[], object]


class WaitingRoom:
    """
    Where requests wait until something has changed.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[Request, _Waiting] = {}
        # Until when each may wait, however often it comes again.
        self._until: WeakKeyDictionary[Request, float] = WeakKeyDictionary()

    def __len__(self) -> int:
        """
        How many wait.
        """
        return len(self._waiting)

    def wait(
        self,
        request: Request,
        again: Callable[[], object],
        giveUp: Callable[[], object],
    ) -> None:
        """
        Have a request wait.

        :param again: called when something has changed.
        :param giveUp: called instead when it has waited for long enough, or too many
            wait.
        """
        now = self._clock.seconds()
        rest = self._until.setdefault(request, now + WAIT_TIME) - now
        if rest <= 0 or len(self._waiting) >= MOST_WAITING:
            giveUp()
            return
        timer = self._clock.callLater(rest, self._timeUp, request)
        self._waiting[request] = _Waiting(timer, again, giveUp)
        request.notifyFinish().addErrback(partial(self._gone, request))

    def _timeUp(self, request: Request) -> None:
        self._waiting.pop(request).giveUp()

    def _gone(self, request: Request, reason: Failure) -> None:
        if request in self._waiting:
            self._waiting.pop(request).timer.cancel()

    def changed(self) -> None:
        """
        Something has changed: all who wait try again.
        """
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.timer.cancel()
            each.again()

    def close(self) -> None:
        """
        Nothing will change any more.
        """
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.timer.cancel()
            each.giveUp()
