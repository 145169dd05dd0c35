"""The process of the rooms of all workers, as their parent keeps it: `RoomKeeper`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from txsockjs.cluster.control import Alive
from txsockjs.cluster.pauses import Pauses
from txsockjs.cluster.watchdog import Deadline, Watchdog
from txsockjs.cluster.worker import Link, Process

#: What it is called.
NAME: Final = "rooms"

#: Seconds in which it has to be ready.
START_TIMEOUT: Final = 60.0


class RoomKeeper:
    """
    Starts the process once somebody wants rooms, and again, after a pause, whenever it
    has ended or hangs.

    :ivar process: the one that runs, if any does.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        start: Callable[[Callable[[str], None]], Process],
        timeout: float,
    ) -> None:
        """
        :param start: starts the process, and has the function called at its end with
            how it has ended.
        :param timeout: seconds without a sign of life after which it is killed; 0 for
            never.
        """
        self.process: Process | None = None
        self._clock = clock
        self._start = start
        self._timeout = timeout
        self._pauses = Pauses()
        self._wanting: list[Deferred[dict[str, object]]] = []
        self._isWanted = False
        # When it was ready, if it is.
        self._since: float | None = None
        # What starts it, kills it if it is not ready, or asks for signs of life.
        self._next: IDelayedCall | Deadline | None = None
        self._watchdog: Watchdog | None = None
        self._ended: Deferred[None] | None = None

    def want(self) -> Deferred[dict[str, object]]:
        """
        Have rooms from now on.

        :return: what fires with nothing when they are there.
        """
        wanted: Deferred[dict[str, object]] = Deferred()
        self._wanting.append(wanted)
        if self._since is not None:
            self._tellAll()
        elif not self._isWanted and self._ended is None:
            self._isWanted = True
            self._launch()
        return wanted

    def _launch(self) -> None:
        self._next = Deadline(self._clock, START_TIMEOUT, self._late)
        try:
            self.process = self._start(self._died)
        except OSError as error:
            self._died(str(error))

    def _late(self) -> None:
        self._next = None
        self._log.error(
            "Worker {worker} is not ready after {seconds:g} s: killing it.",
            worker=NAME,
            seconds=START_TIMEOUT,
        )
        self._kill()

    def isReady(self, link: Link) -> None:
        """
        The rooms are there.
        """
        if self._since is not None:
            return
        self._cancel()
        self._since = self._clock.seconds()
        self._watchdog = Watchdog(
            self._clock, self._timeout, lambda: link.tell(Alive), self._hung
        )
        self._watchdog.start()
        self._tellAll()

    def _tellAll(self) -> None:
        wanting, self._wanting = self._wanting, []
        for wanted in wanting:
            wanted.callback({})

    def _hung(self) -> None:
        self._log.error(
            "Worker {worker} has given no sign of life for {seconds:g} s: killing it.",
            worker=NAME,
            seconds=self._timeout,
        )
        self._kill()

    def _kill(self) -> None:
        if self.process is not None:
            self.process.signal("KILL")

    def _cancel(self) -> None:
        pending, self._next = self._next, None
        if pending is not None:
            pending.cancel()
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    def _died(self, how: str) -> None:
        self._cancel()
        since, self._since = self._since, None
        self.process = None
        if self._ended is not None:
            self._ended.callback(None)
            return
        lasted = 0.0 if since is None else self._clock.seconds() - since
        pause = self._pauses.after(lasted)
        self._log.error(
            "Worker {worker} {what}. It is started again in {pause:g} s.",
            worker=NAME,
            what=f"has died ({how})",
            pause=pause,
        )
        self._next = self._clock.callLater(pause, self._again)

    def _again(self) -> None:
        self._next = None
        self._launch()

    def end(self) -> Deferred[None]:
        """
        End it, for good: nobody has to be told any more.

        :return: what fires when it has ended.
        """
        self._cancel()
        ended = self._ended = Deferred()
        if self.process is None:
            ended.callback(None)
        self._kill()
        return ended
