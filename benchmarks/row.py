"""What a row of the table is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.client.burst import LATIN
from benchmarks.client.drivers import Driver, PacedBroadcast
from benchmarks.crowd import Crowd

#: Every SockJS server.
SERVERS = ("txsockjs", "node", "go", "aiohttp", "tornado")
#: Ours, as a library and as the program that serves.
OURS = ("txsockjs", "twistd")
#: Those whose rooms are joined by a Redis.
JOINED = ("txsockjs", "socketio", "python-socketio")
#: Clients that are measured against our server.
CLIENTS = ("txsockjs", "websockets", "autobahn-client")
#: Ours with several processes.
WORKERS = ("txsockjs", "workers")
PASSING = (*WORKERS, "passing")
#: Ours in another way: measured where it is named, and not by default.
VARIANTS = ("asyncio", "uvloop")


@dataclass(frozen=True)
class Figure:
    """
    One line of the table.

    :ivar key: the attribute of `benchmarks.measuring.Result`.
    :ivar suffix: what the line says after its row's title.
    :ivar unit: of the figure.
    """

    key: str
    suffix: str
    unit: str


CPU = Figure("cpu", "", "µs")
MEMORY = Figure("memory", "memory of one", "bytes")
IDLE_CPU = Figure("cpu", "CPU of one in 25 s, with its heartbeat", "µs")
P50 = Figure("p50", "p50", "ms")
P99 = Figure("p99", "p99", "ms")
P999 = Figure("p999", "p99.9", "ms")
LONGEST = Figure("longest", "the longest", "ms")
TAIL = (P50, P99, P999, LONGEST)
OPENED = Figure("opened", "until all are open", "s")
WALKED = Figure("walked", "objects of one that the garbage collector walks", "objects")
COLLECTION = Figure("collection", "a full collection", "ms")


@dataclass(frozen=True)
class Row:
    """
    One load.

    :ivar name: as ``--rows`` takes it.
    :ivar title: as the tables print it.
    :ivar driver: the manner of load.
    :ivar transports: how many sessions of each transport.
    :ivar floors: the floors that it is compared with, beside the SockJS servers.
    :ivar count: messages of a burst.
    :ivar size: bytes of a message.
    :ivar alphabet: what the messages are made of.
    :ivar active: how many sessions are busy at any time; all by default.
    :ivar rate: messages a second; as many as the server takes by default.
    :ivar crowd: who is there beside those who are measured.
    :ivar service: the path of the service.
    :ivar headers: header lines of each HTTP request.
    :ivar identified: whether each HTTP request has an ``X-Request-Id`` of its own.
    :ivar personal: whether each session's requests have a cookie and an
        ``X-Forwarded-For`` of their own.
    :ivar backend: whether the service needs an echo behind it.
    :ivar tls: whether the connections are TLS.
    :ivar seconds: how long it is measured; the run's default where it is None.
    :ivar rounds: how often at most.
    :ivar figures: the lines that it gives.
    :ivar servers: the servers that it is measured with, beside the floors; the clients,
        where it is clients that are measured.
    :ivar processes: how many processes share the sessions, joined by a Redis; none
        where it is 0.
    :ivar lead: those of its figures that the picture and the first table show.
    :ivar brief: what it is called there.
    """

    name: str
    title: str
    driver: Callable[..., Driver]
    transports: dict[str, int]
    floors: tuple[str, ...] = ()
    count: int = 1
    size: int = 64
    alphabet: str = LATIN
    active: int | None = None
    rate: float | None = None
    crowd: Crowd | None = None
    service: str = "/echo"
    headers: str = ""
    identified: bool = False
    personal: bool = False
    backend: bool = False
    tls: bool = False
    seconds: float | None = None
    rounds: int = 1000
    figures: tuple[Figure, ...] = (CPU,)
    servers: tuple[str, ...] = SERVERS + VARIANTS
    processes: int = 0
    lead: tuple[Figure, ...] = ()
    brief: str = ""

    @property
    def peers(self) -> tuple[str, ...]:
        """The names of all that it is measured with."""
        return self.servers + self.floors

    @property
    def measuresClients(self) -> bool:
        """Whether it is clients that are measured."""
        return self.servers == CLIENTS

    @property
    def paced(self) -> bool:
        """Whether messages come at a rate of the row's own."""
        return self.rate is not None or self.driver is PacedBroadcast

    @property
    def collected(self) -> bool:
        """Whether the server is asked about its garbage collector."""
        return COLLECTION in self.figures
