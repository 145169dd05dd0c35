"""What is measured: the table's rows, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.client.burst import OTHERS
from benchmarks.client.drivers import (
    Broadcast,
    Driver,
    Echo,
    Idle,
    OpenClose,
    PacedBroadcast,
)
from benchmarks.client.http import BROWSER
from benchmarks.client.paced import Paced, Rested
from benchmarks.crowd import Crowd
from benchmarks.row import (
    CLIENTS,
    COLLECTION,
    CPU,
    IDLE_CPU,
    JOINED,
    LONGEST,
    MEMORY,
    OPENED,
    OURS,
    P50,
    P99,
    P999,
    PASSING,
    SERVERS,
    TAIL,
    WALKED,
    WORKERS,
    Row,
)

#: Ours beside each other's, where it matters how the process is run.
SERVING = OURS + SERVERS[1:]
#: What is left of a row that a full run has no time to repeat.
ONCE = 1


def echo(name: str, title: str, sessions: int = 50, **more: Any) -> Row:
    """A row of echoes over WebSocket."""
    more.setdefault("floors", ("tcp",))
    return Row(name, title, Echo, {"websocket": sessions}, **more)


def xhr(
    name: str, title: str, transport: str = "xhr", sessions: int = 50, **more: Any
) -> Row:
    """A row of echoes over HTTP, each request with a number of its own."""
    if transport == "xhr":
        more.setdefault("floors", ("web",))
    more.setdefault("identified", True)
    return Row(name, title, Echo, {transport: sessions}, **more)


def passed(name: str, title: str, transport: str = "xhr", **more: Any) -> Row:
    """A row of requests that may come to a process without their session."""
    more.setdefault("servers", PASSING)
    return xhr(name, title, transport, floors=(), **more)


def own(name: str, title: str, **more: Any) -> Row:
    """A row of what only some servers have."""
    more.setdefault("transports", {"websocket": 50})
    more.setdefault("servers", ("txsockjs",))
    more.setdefault("rounds", ONCE)
    return Row(name, title, more.pop("driver", Echo), **more)


def joined(name: str, title: str, driver: Callable[..., Driver], **more: Any) -> Row:
    """A row of rooms that a Redis joins."""
    return Row(name, title, driver, service="/rooms-redis", servers=JOINED, **more)


def client(name: str, title: str, driver: Callable[..., Driver], **more: Any) -> Row:
    """A row that measures clients."""
    more.setdefault("transports", {"websocket": 50})
    return Row(name, title, driver, servers=CLIENTS, **more)


def growth(sessions: int) -> Row:
    """A row of echoes where most sessions wait for their turn."""
    return echo(
        f"growth-{sessions}",
        f"WebSocket echo, 50 of {sessions:,} sessions busy in turn",
        sessions=sessions,
        active=50,
        rounds=ONCE,
    )


def churn(sessions: int, **more: Any) -> Row:
    """A row of the latencies of some, while others come and go."""
    return Row(
        f"churn-{sessions}",
        f"echo at 500 a second, beside {sessions:,} sessions, 200 replaced a second",
        Paced,
        {"websocket": 10},
        rate=500,
        crowd=Crowd(idle=sessions, churn=200),
        servers=SERVING,
        figures=TAIL,
        rounds=ONCE,
        brief=f"{sessions:,} come and go",
        **more,
    )


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        echo(
            "websocket",
            "WebSocket echo, 50 connections in lock step",
            floors=("tcp", "tcp-direct", "epoll", "autobahn"),
            lead=(CPU,),
            brief="lock step",
        ),
        echo(
            "websocket-16",
            "WebSocket echo, 50 connections, 16 in flight each",
            count=16,
            floors=("tcp", "tcp-direct", "epoll", "autobahn"),
            lead=(CPU,),
            brief="16 in flight",
        ),
        Row(
            "broadcast",
            "one message to 500 WebSocket sessions, per delivery",
            Broadcast,
            {"websocket": 500},
            service="/broadcast",
            floors=("tcp",),
            lead=(CPU,),
            brief="one message to 500",
        ),
        xhr(
            "xhr-streaming",
            "xhr-streaming echo (send and receive), 50 sessions, heads that differ",
            "xhr_streaming",
            lead=(CPU,),
            brief="xhr-streaming",
        ),
        xhr(
            "xhr-polling",
            "xhr-polling echo (two requests), 50 sessions, heads that differ",
            lead=(CPU,),
            brief="xhr-polling",
        ),
        xhr(
            "xhr-polling-2000",
            "xhr-polling echo, 50 of 2,000 sessions busy in turn, heads and cookies "
            "that differ",
            sessions=2000,
            active=50,
            personal=True,
            floors=(),
            lead=(CPU,),
            brief="xhr-polling, 2,000 sessions",
        ),
        xhr(
            "xhr-streaming-2000",
            "xhr-streaming echo, likewise",
            "xhr_streaming",
            sessions=2000,
            active=50,
            personal=True,
            rounds=ONCE,
        ),
        Row(
            "open-close",
            "open and close a WebSocket session",
            OpenClose,
            {"websocket": 20},
            floors=("autobahn",),
            lead=(CPU,),
            brief="open and close",
        ),
        Row(
            "memory",
            "2,000 idle WebSocket sessions",
            Idle,
            {"websocket": 2000},
            floors=("tcp", "autobahn"),
            seconds=0,
            figures=(MEMORY,),
            lead=(MEMORY,),
            brief="idle session",
        ),
        Row(
            "memory-polling",
            "2,000 polling sessions",
            Idle,
            {"xhr": 2000},
            identified=True,
            personal=True,
            seconds=0,
            rounds=ONCE,
            figures=(MEMORY,),
        ),
        Row(
            "paced",
            "WebSocket echo at 2,000 a second, 50 connections",
            Paced,
            {"websocket": 50},
            floors=("tcp-direct",),
            rate=2000,
            seconds=3,
            servers=SERVING,
            figures=TAIL,
            lead=(P99,),
            brief="2,000 messages a second",
        ),
        churn(9000, seconds=12, lead=(P999,)),
        churn(18000, seconds=10),
        Row(
            "storm",
            "5,000 clients connect at once, beside an echo at 500 a second",
            Paced,
            {"websocket": 10},
            rate=500,
            crowd=Crowd(storm=5000),
            rounds=ONCE,
            servers=SERVING,
            figures=(OPENED, P50, P99, LONGEST),
            lead=(OPENED, P99),
            brief="5,000 connect at once",
        ),
        Row(
            "collection",
            "18,000 idle WebSocket sessions that have said something",
            Rested,
            {"websocket": 18000},
            floors=("tcp",),
            servers=SERVING,
            figures=(WALKED, COLLECTION),
            seconds=0,
            rounds=ONCE,
        ),
        xhr(
            "xhr-streaming-same",
            "xhr-streaming echo, always the same head",
            "xhr_streaming",
            identified=False,
            rounds=ONCE,
        ),
        xhr(
            "xhr-polling-same",
            "xhr-polling echo, always the same head",
            identified=False,
        ),
        xhr(
            "xhr-polling-browser",
            "xhr-polling echo with a browser's headers, heads that differ",
            headers=BROWSER,
            rounds=ONCE,
        ),
        echo("websocket-1k", "WebSocket echo of 1 kB", size=1000, rounds=ONCE),
        echo("websocket-16k", "WebSocket echo of 16 kB", size=16000, rounds=ONCE),
        echo(
            "websocket-others",
            "WebSocket echo of 1 kB that is not Latin",
            size=1000,
            alphabet=OTHERS,
            rounds=ONCE,
        ),
        echo(
            "websocket-tls",
            "WebSocket echo over TLS",
            tls=True,
            lead=(CPU,),
            brief="lock step over TLS",
        ),
        Row(
            "deflate",
            "WebSocket echo of 1 kB with permessage-deflate",
            Echo,
            {"deflate": 50},
            size=1000,
            service="/deflate",
            rounds=ONCE,
        ),
        Row(
            "multiplex",
            "echo on a multiplexed channel, 50 WebSockets",
            Echo,
            {"multiplex": 50},
            service="/multiplex",
        ),
        own("handler", "echo of a coroutine, 50 WebSockets", service="/handler"),
        own(
            "bridge",
            "echo of a TCP service behind a bridge, 50 WebSockets",
            service="/bridge",
            backend=True,
        ),
        echo(
            "workers-websocket",
            "WebSocket echo by two workers",
            servers=WORKERS,
            floors=("tcp-direct", "tcp-direct-two", "epoll", "epoll-two"),
        ),
        passed(
            "workers-streaming", "xhr-streaming echo by two workers", "xhr_streaming"
        ),
        passed("workers-polling", "xhr-polling echo by two workers"),
        passed(
            "workers-streaming-tls",
            "xhr-streaming echo by two workers, over TLS",
            "xhr_streaming",
            servers=("txsockjs", "passing"),
            tls=True,
        ),
        passed(
            "workers-polling-tls",
            "xhr-polling echo by two workers, over TLS",
            servers=("txsockjs", "passing"),
            tls=True,
        ),
        Row(
            "broadcast-mixed",
            "one message to 500 sessions of four transports, per delivery",
            Broadcast,
            {"websocket": 200, "xhr_streaming": 100, "eventsource": 100, "xhr": 100},
            service="/broadcast",
            rounds=ONCE,
        ),
        own(
            "rooms",
            "one message to a room of 500 WebSocket sessions, per delivery",
            driver=Broadcast,
            transports={"room": 500},
            service="/rooms",
            rounds=1000,
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
            figures=(CPU, P50, P99),
            rounds=ONCE,
        ),
        joined(
            "rooms-redis-publish",
            "messages through Redis to a room of one, 64 in flight",
            Echo,
            transports={"room": 1},
            count=64,
            processes=1,
            rounds=ONCE,
        ),
        client(
            "client", "client of 50 WebSockets, echo in lock step", Echo, rounds=ONCE
        ),
        client(
            "client-16",
            "client of 50 WebSockets, 16 in flight each",
            Echo,
            count=16,
            rounds=ONCE,
        ),
        client(
            "client-memory",
            "client of 1,000 idle WebSockets",
            Idle,
            transports={"websocket": 1000},
            seconds=0,
            figures=(MEMORY,),
            rounds=ONCE,
        ),
        growth(100),
        growth(1000),
        growth(9000),
        Row(
            "idle-9000",
            "9,000 idle WebSocket sessions",
            Idle,
            {"websocket": 9000},
            seconds=25,
            rounds=ONCE,
            figures=(IDLE_CPU, MEMORY),
        ),
    )
}
