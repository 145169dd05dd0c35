"""What is to end in good order when the reactor stops: `ShutdownHook`."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger


class ShutdownHook:
    """
    Has a reactor that is told to stop wait for the end of something, and then stop it.
    A second signal to stop has it wait no longer.

    A clock that is no reactor is never told to stop, and there this does nothing.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        end: Callable[[], Deferred[None]],
        stop: Callable[[], None],
    ) -> None:
        """
        :param clock: the reactor, or a clock alone.
        :param end: what begins the end, and returns what fires when that is over. It is
            called one turn after what else waits for the end of the reactor, so that a
            program that ends things in its own way comes first.
        :param stop: what stops it for good.
        """
        self._clock = clock
        self._end = end
        self._stop = stop
        self._before: object = None
        self._during: object = None
        # Whom a second signal stops besides.
        self._next: ShutdownHook | None = None

    def arm(self) -> None:
        """
        From now on the reactor waits.
        """
        reactor: Any = self._clock
        if self._during is None and IReactorCore.providedBy(reactor):
            add = reactor.addSystemEventTrigger
            self._before = add("before", "shutdown", self._ends)
            self._during = add("during", "shutdown", self._stops)

    def disarm(self) -> None:
        """
        It does so no longer.
        """
        reactor: Any = self._clock
        before, self._before = self._before, None
        during, self._during = self._during, None
        for trigger in before, during:
            if trigger is not None:
                reactor.removeSystemEventTrigger(trigger)

    def _ends(self) -> Deferred[None]:
        # What has fired can no longer be removed.
        self._before = None
        self._takeSignals()
        turn: Deferred[None] = deferLater(self._clock, 0)
        return turn.addCallback(lambda _: self._end())

    def _takeSignals(self) -> None:
        """
        Take the place of the reactor's handlers of signals, which would only complain
        that it was told before; or that of another hook, which is then the next one.
        """
        for number in signal.SIGTERM, signal.SIGINT:
            owner = getattr(signal.getsignal(number), "__self__", None)
            if isinstance(owner, ShutdownHook):
                self._next = owner
            elif owner is not self._clock:
                continue
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, frame: object) -> None:
        reactor: Any = self._clock
        reactor.callFromThread(self._dropAll)

    def _dropAll(self) -> None:
        self._log.warn("Told to stop once more: dropping what is left of the sessions.")
        hook: ShutdownHook | None = self
        while hook is not None:
            hook._stop()
            hook = hook._next

    def _stops(self) -> None:
        self._during = None
        self._stop()
