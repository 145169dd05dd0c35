"""The open sessions, looked through in small steps: `Census`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, Final

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from txsockjs.sessions import SessionInfo
from txsockjs.transports.resource import SockJSResource

#: Seconds from one look through all to the next, at least.
INTERVAL: Final = 1.0

#: How much of the time of a core this may take.
SHARE: Final = 0.004

# Sessions that one step looks at, and characters of an address that are shown.
_STEP: Final = 200
_SHOWN: Final = 80


@attrs.define(eq=False)
class Row:
    """
    A session, as the page shows it.

    :ivar service: its service's name.
    :ivar key: its number there.
    :ivar transport: the transport that opened it.
    :ivar peer: where its client is.
    :ivar since: when it was opened.
    :ivar pending: how many bytes its client has not taken.
    :ivar text: what a filter looks for, in lower case.
    """

    service: str
    key: int
    transport: str
    peer: str
    since: float
    pending: int
    text: str

    @property
    def values(self) -> list[str | int | float]:
        """
        What the page is told.
        """
        since = round(self.since, 1)
        return [
            *(self.service, self.key, self.peer, self.transport, since, self.pending)
        ]


def peerName(address: object) -> str:
    """
    Where a client is, in a few characters. They may be anything: a proxy's header has
    what a client has put there, if the proxy lets it.
    """
    if isinstance(address, IPv4Address):
        name = address.host
    elif isinstance(address, IPv6Address):
        name = f"[{address.host}]"
    else:
        path = getattr(address, "name", None)
        name = "unix:" + repr(path)[1:].strip("'") if path else type(address).__name__
    # Of who is behind a proxy nobody knows the port.
    port = getattr(address, "port", 0)
    if port:
        name += f":{port}"
    return name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"


class Census:
    """
    Looks through all sessions again and again, from `start` to `stop`, some in each
    turn of the reactor. The more there are, the longer that takes: it never uses more
    than its share of the time.

    :ivar rows: the sessions, as they were when it last came to the end.
    :ivar complete: whether it did.
    """

    def __init__(
        self,
        clock: IReactorTime,
        services: Iterable[SockJSResource],
        counted: Callable[[], object],
        seconds: Callable[[], float] = perf_counter,
    ) -> None:
        """
        :param clock: what has it go on.
        :param services: whose sessions.
        :param counted: called each time when it has come to the end.
        :param seconds: what measures the time that it takes.
        """
        self._clock = clock
        self._services = services
        self._counted = counted
        self._seconds = seconds
        self._call: IDelayedCall | None = None
        self._known: dict[tuple[str, int], Row] = {}
        self.rows: list[Row] = []
        self.complete: bool = False

    def start(self) -> None:
        """
        Begin. The first time through, it does not wait between steps.
        """
        self._begin()

    def stop(self) -> None:
        """
        End, and forget the sessions.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._known, self.rows, self.complete = {}, [], False

    def _begin(self) -> None:
        self._step(self._all(), {})

    def _all(self) -> Iterator[tuple[str, SessionInfo[Any]]]:
        for service in list(self._services):
            name = service.counters.service
            for info in service.openSessions():
                yield name, info

    def _step(
        self,
        sessions: Iterator[tuple[str, SessionInfo[Any]]],
        found: dict[tuple[str, int], Row],
    ) -> None:
        began = self._seconds()
        known = self._known
        for _ in range(_STEP):
            entry = next(sessions, None)
            if entry is None:
                break
            name, info = entry
            row = known.get((name, info.key)) or _row(name, info)
            row.pending = info.pending
            found[name, info.key] = row
        else:
            spent = self._seconds() - began
            wait = spent / SHARE if self.complete else 0
            self._call = self._clock.callLater(wait, self._step, sessions, found)
            return
        self._known = found
        self.rows = list(found.values())
        self.complete = True
        self._counted()
        spent = self._seconds() - began
        self._call = self._clock.callLater(max(INTERVAL, spent / SHARE), self._begin)


def _row(name: str, info: SessionInfo[Any]) -> Row:
    peer = peerName(info.peer)
    text = f"{peer} {info.transport} {name}".lower()
    return Row(name, info.key, info.transport, peer, info.since, info.pending, text)
