"""What the project wants to reach: ours against each, within one run."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.row import CPU, LONGEST, MEMORY, P999, WALKED, Figure
from benchmarks.run import Run


@dataclass(frozen=True)
class Goal:
    """
    Our figure of a row is to be at most ``factor`` times the peer's.

    :ivar ours: which of ours.
    """

    row: str
    peer: str
    factor: float
    figure: Figure = CPU
    ours: str = "txsockjs"


@dataclass(frozen=True)
class Limit:
    """Our figure of a row is to be at most so much."""

    row: str
    most: float
    figure: Figure


GOALS = (
    Goal("websocket", "node", 0.85),
    Goal("websocket", "go", 0.95),
    Goal("websocket", "epoll", 1.6),
    Goal("websocket", "aiohttp", 0.65),
    Goal("websocket", "tornado", 0.4),
    Goal("websocket-16", "node", 0.3),
    Goal("websocket-16", "go", 0.4),
    Goal("broadcast", "node", 0.75),
    Goal("broadcast", "aiohttp", 0.7),
    Goal("xhr-streaming", "node", 0.5),
    Goal("xhr-streaming", "go", 1.15),
    Goal("xhr-streaming", "aiohttp", 1.0),
    Goal("xhr-polling", "node", 0.75),
    Goal("xhr-polling", "aiohttp", 1.0),
    Goal("open-close", "node", 0.75),
    Goal("open-close", "go", 1.4),
    Goal("open-close", "aiohttp", 1.0),
    Goal("websocket-tls", "node", 1.15),
    Goal("websocket-tls", "go", 1.15),
    Goal("websocket-tls", "tcp", 0.8),
    Goal("churn-9000", "node", 1.0, P999, "twistd"),
    Goal("churn-9000", "node", 1.0, LONGEST, "twistd"),
    Goal("rooms-redis", "socketio", 1.0),
    Goal("rooms-redis", "python-socketio", 0.5),
    Goal("client", "websockets", 1.0),
    Goal("client", "autobahn-client", 0.5),
    Goal("client-16", "websockets", 1.0),
    Goal("client-memory", "websockets", 1.0, MEMORY),
    Goal("memory", "node", 1.0, MEMORY),
    Goal("memory", "aiohttp", 0.6, MEMORY),
    Goal("memory", "tornado", 0.6, MEMORY),
)

LIMITS = (
    Limit("memory", 3500, MEMORY),
    Limit("memory-polling", 5000, MEMORY),
    Limit("collection", 12, WALKED),
)

#: Ours of the first row is to cost at most so many times what ours of the second does.
BESIDE = (
    ("xhr-polling", "xhr-polling-same", 1.15),
    ("handler", "websocket", 1.25),
    ("multiplex", "websocket", 1.25),
    ("bridge", "websocket", 2.0),
    ("rooms", "broadcast", 1.1),
    ("growth-9000", "growth-100", 1.3),
)

#: What a row costs with several processes is to be at most so many times what it costs
#: with one.
SEVERAL = (
    ("workers-websocket", "workers", 1.05),
    ("workers-streaming", "workers", 1.15),
    ("workers-polling", "workers", 1.15),
    ("workers-streaming", "passing", 2.2),
    ("workers-polling", "passing", 2.2),
    ("workers-streaming-tls", "passing", 2.2),
    ("workers-polling-tls", "passing", 2.2),
)

#: Who is measured with one process and with two.
TWICE = (
    ("txsockjs", "workers"),
    ("tcp-direct", "tcp-direct-two"),
    ("epoll", "epoll-two"),
)


def between(run: Run, peer: str, row: str, other: str) -> float | None:
    """A server's figure of one row by its figure of another."""
    one, two = (run.spread(name, peer, "cpu") for name in (row, other))
    if one is None or two is None or not two.best:
        return None
    return one.best / two.best
