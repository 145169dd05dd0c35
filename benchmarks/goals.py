"""What the project wants to reach: ours against each, within one run."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.run import Run

#: "Level with": so much is within the noise of a run.
LEVEL = 1.05


@dataclass(frozen=True)
class Goal:
    """Our figure of a row is to be at most ``factor`` times the peer's."""

    row: str
    peer: str
    factor: float
    key: str = "cpu"


GOALS = (
    Goal("websocket", "tcp", 1.25),
    Goal("websocket", "node", LEVEL),
    Goal("websocket", "aiohttp", 0.65),
    Goal("websocket", "tornado", 0.4),
    Goal("websocket-16", "node", 0.4),
    Goal("broadcast", "node", LEVEL),
    Goal("broadcast", "aiohttp", 0.7),
    Goal("xhr-streaming", "node", LEVEL),
    Goal("xhr-streaming", "aiohttp", LEVEL),
    Goal("xhr-polling", "node", LEVEL),
    Goal("xhr-polling", "aiohttp", LEVEL),
    Goal("open-close", "aiohttp", 1.0),
    Goal("rooms-redis", "socketio", 1.0),
    Goal("rooms-redis", "python-socketio", 0.5),
    Goal("client", "websockets", 1.0),
    Goal("client", "autobahn-client", 0.5),
    Goal("client-16", "websockets", 1.0),
    Goal("client-memory", "websockets", 1.0, "memory"),
    Goal("memory", "node", 1.0, "memory"),
    Goal("memory", "aiohttp", 0.6, "memory"),
    Goal("memory", "tornado", 0.6, "memory"),
)

#: Ours of the first row is to cost at most so many times what ours of the second does.
BESIDE = (("rooms", "broadcast", 1.1),)

#: What a row costs with several processes is to be at most so many times what it costs
#: with one.
SEVERAL = (
    ("workers-websocket", "workers", 1.05),
    ("workers-streaming", "workers", 1.15),
    ("workers-polling", "workers", 1.15),
    # Plain connections are handed over, where nothing forbids it.
    ("workers-streaming-tls", "passing", 2.2),
    ("workers-polling-tls", "passing", 2.2),
)

#: The figure of the second row is to be no more than ``FLAT`` times the first's.
FLAT = 1.25
GROWTH = ("growth-100", "growth-9000")


def growth(run: Run, peer: str) -> float | None:
    """What a message costs with 9,000 sessions, by what it costs with 100."""
    few, many = GROWTH
    return between(run, peer, many, few)


def between(run: Run, peer: str, row: str, other: str) -> float | None:
    """A server's figure of one row by its figure of another."""
    one, two = (run.spread(name, peer, "cpu") for name in (row, other))
    if one is None or two is None or not two.best:
        return None
    return one.best / two.best
