"""What the status page shows, while somebody looks: `Watch`."""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from heapq import nlargest
from importlib.metadata import version
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from txsockjs.rooms.directory import Rooms
from txsockjs.status.census import Census, Row
from txsockjs.status.pauses import Pauses
from txsockjs.status.readings import MEMORY, Readings
from txsockjs.status.turns import Turns
from txsockjs.transports.resource import SockJSResource

#: What a graph has a point of, once a second.
COLUMNS: Final = (
    "time",
    "sessions",
    "messagesIn",
    "messagesOut",
    "bytesIn",
    "bytesOut",
    "late",
    "latest",
    "pause",
    "pending",
)

# How many of those are shown that read slowest, and of refusals.
_SLOWEST: Final = 8
_REFUSALS: Final = 50

# Seconds between two points.
_INTERVAL: Final = 1.0


class Watcher(Protocol):
    """
    Who looks.
    """

    def changed(self, message: Mapping[str, object]) -> None:
        """
        Something has changed: a part of what `Watch.everything` has.
        """

    def counted(self) -> None:
        """
        The sessions were looked through: `Watch.rows`.
        """


class Watch:
    """
    Measures once a second, and tells all who look what has changed. While nobody looks
    nothing runs: no timer, and no callback of the garbage collector.
    """

    def __init__(
        self,
        clock: IReactorTime,
        services: Iterable[SockJSResource],
        rooms: Iterable[Rooms] = (),
        workers: Callable[[], Iterable[Mapping[str, object]]] = tuple,
    ) -> None:
        self._clock = clock
        self._rooms = rooms
        self._workers = workers
        self._began = clock.seconds()
        self._readings = Readings(services)
        self._turns = Turns(clock)
        self._pauses = Pauses()
        self._census = Census(clock, services, self._counted)
        self._history: deque[list[float]] = deque(maxlen=MEMORY)
        self._state: dict[str, object] = {}
        self._watchers: list[Watcher] = []
        self._call: IDelayedCall | None = None
        self._last = 0.0

    @property
    def rows(self) -> list[Row] | None:
        """
        The sessions, or None where they were not looked through yet.
        """
        return self._census.rows if self._census.complete else None

    def add(self, watcher: Watcher) -> None:
        """
        Somebody looks.
        """
        self._watchers.append(watcher)
        if len(self._watchers) == 1:
            self._turns.start()
            self._pauses.start()
            self._readings.begin()
            self._last = self._clock.seconds()
            self._state = self._measure(0)
            self._call = self._clock.callLater(_INTERVAL, self._tick)
            self._census.start()

    def remove(self, watcher: Watcher) -> None:
        """
        Somebody looks no more.
        """
        self._watchers.remove(watcher)
        if not self._watchers and self._call is not None:
            self._call.cancel()
            self._call = None
            self._turns.stop()
            self._pauses.stop()
            self._census.stop()

    def everything(self) -> dict[str, object]:
        """
        All that there is to know, for somebody who has just come.
        """
        return {
            "type": "all",
            "versions": {
                "txsockjs": version("txsockjs"),
                "Twisted": version("Twisted"),
                "Python": platform.python_version(),
                "reactor": type(self._clock).__name__,
            },
            "began": self._began,
            "now": self._clock.seconds(),
            "columns": COLUMNS,
            "history": list(self._history),
            **self._state,
        }

    def _tick(self) -> None:
        self._call = self._clock.callLater(_INTERVAL, self._tick)
        now = self._clock.seconds()
        state = self._measure(now - self._last)
        self._last = now
        before, self._state = self._state, state
        changed = {k: v for k, v in state.items() if v != before.get(k)}
        message = {
            "type": "change",
            "now": now,
            "point": self._history[-1],
            **changed,
        }
        for watcher in list(self._watchers):
            watcher.changed(message)

    def _measure(self, seconds: float) -> dict[str, object]:
        """
        What holds now, by name; and another point of the graphs.

        :param seconds: since the last time; 0 where there was none.
        """
        now = self._clock.seconds()
        services = self._readings.services(seconds)
        rows = self._census.rows
        slowest = nlargest(
            _SLOWEST, (row for row in rows if row.pending), key=lambda r: r.pending
        )
        late, latest = self._turns.take()
        pauses = self._pauses.take()
        if seconds:

            def added(name: str) -> float:
                return float(round(sum(each[name] for each in services), 1))

            self._history.append(
                [
                    round(now, 1),
                    added("open"),
                    *(added(name) for name in COLUMNS[2:6]),
                    _milliseconds(late),
                    _milliseconds(latest),
                    _milliseconds(max(pauses, default=0)),
                    sum(row.pending for row in rows),
                ]
            )
        return {
            "services": services,
            "refused": self._readings.refused(now)[:_REFUSALS],
            "slowest": [row.values for row in slowest],
            "rooms": self._readings.rooms(self._rooms),
            "workers": [dict(each) for each in self._workers()],
        }

    def _counted(self) -> None:
        for watcher in list(self._watchers):
            watcher.counted()


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 2)
