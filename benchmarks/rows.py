"""What is measured: the table's rows, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.client.burst import LATIN, OTHERS
from benchmarks.client.drivers import (
    Broadcast,
    Driver,
    Echo,
    Idle,
    OpenClose,
    PacedBroadcast,
)
from benchmarks.client.http import BROWSER

SERVERS = ("txsockjs", "node", "aiohttp", "tornado")
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
    :ivar service: the path of the service.
    :ivar headers: header lines of each HTTP request.
    :ivar tls: whether the connections are TLS.
    :ivar seconds: how long it is measured; the run's default where it is None.
    :ivar rounds: how often at most.
    :ivar figures: the lines that it gives.
    :ivar servers: the servers that it is measured with, beside the floors; the clients,
        where it is clients that are measured.
    :ivar processes: how many processes share the sessions, joined by a Redis; none
        where it is 0.
    :ivar main: whether it is one of the goals' rows, which the picture shows.
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
    service: str = "/echo"
    headers: str = ""
    tls: bool = False
    seconds: float | None = None
    rounds: int = 1000
    figures: tuple[Figure, ...] = (CPU,)
    servers: tuple[str, ...] = SERVERS + VARIANTS
    processes: int = 0
    main: bool = False

    @property
    def peers(self) -> tuple[str, ...]:
        """The names of all that it is measured with."""
        return self.servers + self.floors

    @property
    def measuresClients(self) -> bool:
        """Whether it is clients that are measured."""
        return self.servers == CLIENTS


def echo(name: str, title: str, sessions: int = 50, **more: Any) -> Row:
    """A row of echoes over WebSocket."""
    more.setdefault("floors", ("tcp",))
    return Row(name, title, Echo, {"websocket": sessions}, **more)


def joined(name: str, title: str, driver: Callable[..., Driver], **more: Any) -> Row:
    """A row of rooms that a Redis joins."""
    return Row(name, title, driver, service="/rooms-redis", servers=JOINED, **more)


def client(name: str, title: str, driver: Callable[..., Driver], **more: Any) -> Row:
    """A row that measures clients."""
    more.setdefault("transports", {"websocket": 50})
    return Row(name, title, driver, servers=CLIENTS, **more)


def growth(sessions: int, rounds: int = 1000) -> Row:
    """A row of echoes where most sessions wait for their turn."""
    title = f"WebSocket echo, 50 of {sessions:,} sessions busy in turn"
    return echo(
        f"growth-{sessions}", title, sessions=sessions, active=50, rounds=rounds
    )


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        echo(
            "websocket",
            "WebSocket echo, 50 connections in lock step",
            floors=("tcp", "autobahn"),
            main=True,
        ),
        echo(
            "websocket-16",
            "WebSocket echo, 50 connections, 16 in flight each",
            count=16,
            floors=("tcp", "autobahn"),
            main=True,
        ),
        Row(
            "broadcast",
            "one message to 500 WebSocket sessions, per delivery",
            Broadcast,
            {"websocket": 500},
            service="/broadcast",
            floors=("tcp",),
            main=True,
        ),
        Row(
            "xhr-streaming",
            "xhr-streaming echo (send and receive), 50 sessions",
            Echo,
            {"xhr_streaming": 50},
            main=True,
        ),
        Row(
            "xhr-polling",
            "xhr-polling echo (two requests), 50 sessions",
            Echo,
            {"xhr": 50},
            floors=("web",),
            main=True,
        ),
        Row(
            "open-close",
            "open and close a WebSocket session",
            OpenClose,
            {"websocket": 20},
            floors=("autobahn",),
            main=True,
        ),
        Row(
            "memory",
            "2,000 idle WebSocket sessions",
            Idle,
            {"websocket": 2000},
            floors=("tcp", "autobahn"),
            seconds=0,
            figures=(MEMORY,),
            main=True,
        ),
        echo("websocket-1k", "WebSocket echo of 1 kB", size=1000),
        echo("websocket-16k", "WebSocket echo of 16 kB", size=16000),
        echo(
            "websocket-others",
            "WebSocket echo of 1 kB that is not Latin",
            size=1000,
            alphabet=OTHERS,
        ),
        echo("websocket-tls", "WebSocket echo over TLS", tls=True),
        Row(
            "xhr-polling-browser",
            "xhr-polling echo with a browser's headers",
            Echo,
            {"xhr": 50},
            headers=BROWSER,
            floors=("web",),
        ),
        Row(
            "broadcast-mixed",
            "one message to 500 sessions of four transports, per delivery",
            Broadcast,
            {"websocket": 200, "xhr_streaming": 100, "eventsource": 100, "xhr": 100},
            service="/broadcast",
        ),
        Row(
            "rooms",
            "one message to a room of 500 WebSocket sessions, per delivery",
            Broadcast,
            {"room": 500},
            service="/rooms",
            servers=("txsockjs",),
        ),
        joined(
            "rooms-redis",
            "one message to a room of two processes, 250 sessions each, per delivery",
            Broadcast,
            transports={"room": 500},
            processes=2,
        ),
        joined(
            "rooms-redis-quiet",
            "the same at 20 messages a second",
            PacedBroadcast,
            transports={"room": 500},
            processes=2,
        ),
        joined(
            "rooms-redis-publish",
            "messages through Redis to a room of one, 64 in flight",
            Echo,
            transports={"room": 1},
            count=64,
            processes=1,
        ),
        echo(
            "workers-websocket",
            "WebSocket echo by two workers",
            servers=WORKERS,
            floors=(),
        ),
        Row(
            "workers-streaming",
            "xhr-streaming echo by two workers",
            Echo,
            {"xhr_streaming": 50},
            servers=PASSING,
        ),
        Row(
            "workers-polling",
            "xhr-polling echo by two workers",
            Echo,
            {"xhr": 50},
            servers=PASSING,
        ),
        Row(
            "workers-streaming-tls",
            "xhr-streaming echo by two workers, over TLS",
            Echo,
            {"xhr_streaming": 50},
            servers=("txsockjs", "passing"),
            tls=True,
        ),
        Row(
            "workers-polling-tls",
            "xhr-polling echo by two workers, over TLS",
            Echo,
            {"xhr": 50},
            servers=("txsockjs", "passing"),
            tls=True,
        ),
        client("client", "client of 50 WebSockets, echo in lock step", Echo),
        client(
            "client-16", "client of 50 WebSockets, 16 in flight each", Echo, count=16
        ),
        client(
            "client-memory",
            "client of 1,000 idle WebSockets",
            Idle,
            transports={"websocket": 1000},
            seconds=0,
            figures=(MEMORY,),
        ),
        growth(100),
        growth(1000),
        growth(9000, rounds=3),
        Row(
            "idle-9000",
            "9,000 idle WebSocket sessions",
            Idle,
            {"websocket": 9000},
            floors=("tcp", "autobahn"),
            seconds=25,
            rounds=2,
            figures=(IDLE_CPU, MEMORY),
        ),
    )
}
