"""What the counters have counted, as what happens now: `Readings`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

from txsockjs.counters import Counters
from txsockjs.rooms.directory import Rooms
from txsockjs.transports.resource import SockJSResource

#: Seconds that are remembered.
MEMORY: Final = 300

_FLOWS: Final = ("messagesIn", "messagesOut", "bytesIn", "bytesOut")


class Readings:
    """
    Reads counters, and knows what was added since it last did.
    """

    def __init__(self, services: Iterable[SockJSResource]) -> None:
        self._services = services
        self._before: dict[tuple[str, str], int] = {}
        self._seconds = 0.0
        self._refusals: deque[tuple[float, Counter[tuple[str, str]]]] = deque()
        self._refused: Counter[tuple[str, str]] = Counter()

    def begin(self) -> None:
        """
        What was added before does not count.
        """
        self._before = {}
        self._refused = self._allRefused()

    def services(self, seconds: float) -> list[dict[str, Any]]:
        """
        Each service, with what it does in a second.

        :param seconds: since this was last asked; 0 where that is not known.
        """
        self._seconds = seconds
        return [self._service(service) for service in list(self._services)]

    def _service(self, service: SockJSResource) -> dict[str, Any]:
        counters = service.counters
        name = counters.service
        each = list(counters.values())
        closed = sum((transport.closed for transport in each), Counter[int]())
        found: dict[str, Any] = {
            "name": name,
            "life": service.service.life.value,
            "open": counters.open,
            "opened": sum(transport.opened for transport in each),
            "lost": closed[1006],
            "highWater": max((transport.highWater for transport in each), default=0),
            "transports": {t.transport: t.open for t in each if t.open},
        }
        for flow in _FLOWS:
            total = sum(getattr(transport, flow) for transport in each)
            found[flow] = self._rate(name, flow, total)
        return found

    def _rate(self, name: str, flow: str, total: int) -> float:
        before = self._before.get((name, flow), total)
        self._before[name, flow] = total
        return round((total - before) / self._seconds, 1) if self._seconds else 0.0

    def refused(self, now: float) -> list[list[Any]]:
        """
        Service, cause, how often in the time that is remembered, and how often at all;
        what is refused most often now is first.

        :param now: seconds, as the last time.
        """
        total = self._allRefused()
        new = total - self._refused
        self._refused = total
        if new:
            self._refusals.append((now, new))
        while self._refusals and self._refusals[0][0] < now - MEMORY:
            self._refusals.popleft()
        recent: Counter[tuple[str, str]] = Counter()
        for _, some in self._refusals:
            recent += some
        rows = [[*key, recent[key], count] for key, count in total.items()]
        rows.sort(key=lambda row: (row[2], row[3]), reverse=True)
        return rows

    def _allRefused(self) -> Counter[tuple[str, str]]:
        counters: list[Counters] = [s.counters for s in list(self._services)]
        return Counter(
            {
                (each.service, cause): count
                for each in counters
                for cause, count in each.refused.items()
            }
        )

    def rooms(self, rooms: Iterable[Rooms]) -> list[dict[str, Any]]:
        """
        The rooms of each broker, with what they do in a second.
        """
        found = []
        for number, counters in enumerate([each.counters for each in rooms]):
            entry: dict[str, Any] = {
                name: getattr(counters, name)
                for name in ("name", "up", "rooms", "members", "gaps")
            }
            for flow in "published", "delivered":
                total = getattr(counters, flow)
                # No service's name has a NUL in it.
                entry[flow] = self._rate(f"\0{number}", flow, total)
            found.append(entry)
        return found
