"""Who sends when, and what is counted: one class for each manner of load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from time import perf_counter

from benchmarks.client.loop import PATIENCE, Loop
from benchmarks.client.session import Plan, Session
from benchmarks.client.sockets import WebSocketSession
from benchmarks.errors import BenchmarkError, Stalled

#: Fewer than any server's listen backlog, so that no SYN is dropped.
OPENING = 32

#: Seconds at the end, in which nothing may come that nobody waits for.
LINGER = 0.05

Kind = tuple[type[Session], Plan, int]


class Driver(ABC):
    """
    A load.

    :ivar count: what was done since it was warm: messages, deliveries, sessions.
    :ivar latencies: how long each took, in seconds.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.count = 0
        self.latencies = array("d")

    @abstractmethod
    def open(self, settled: Callable[[], None], pause: float) -> None:
        """
        Open what must be open before the clock runs.

        :param settled: called by a driver whose sessions are to be weighed, when the
            server has what it needs once: from then on the sessions count.
        :param pause: seconds after which the server has done what opened sessions make
            it do.
        """

    @abstractmethod
    def start(self) -> None:
        """Begin; from here on the driver goes on by itself while the loop runs."""

    def warmUp(self, seconds: float) -> None:
        """Start, and forget what was done within ``seconds``."""
        self.start()
        self.run(seconds)
        self.count = 0
        del self.latencies[:]

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        self.loop.run(seconds)

    @abstractmethod
    def finish(self) -> None:
        """
        Come to an end.

        :raise BenchmarkError: an answer is missing or there is one too many.
        """


def openSessions(loop: Loop, kinds: Sequence[Kind]) -> list[Session]:
    """Open sessions of each kind, `OPENING` at a time."""
    waiting = deque((kind, plan) for kind, plan, number in kinds for _ in range(number))
    wanted, begun = len(waiting), 0
    ready: list[Session] = []

    def opened(session: Session) -> None:
        ready.append(session)
        loop.stop()

    for _, plan, _ in kinds:
        plan.opened = opened
    while len(ready) < wanted:
        while waiting and begun - len(ready) < OPENING:
            kind, plan = waiting.popleft()
            kind(plan)
            begun += 1
        if not loop.run(PATIENCE):
            raise Stalled(f"only {len(ready)} of {wanted} sessions opened")
    return ready


class Echo(Driver):
    """
    Each session has a burst in flight, or as many of them as ``active`` says, in turn.

    :param active: how many sessions have a burst in flight at any time; all by default.
    """

    def __init__(
        self, loop: Loop, kinds: Sequence[Kind], active: int | None = None
    ) -> None:
        super().__init__(loop)
        self._kinds = kinds
        self._idle: deque[Session] = deque()
        self._active = active
        self._flying = 0
        self._finishing = False
        self._size = len(kinds[0][1].bursts[0].messages)
        for _, plan, _ in kinds:
            plan.answered = self._answered

    def open(self, settled: Callable[[], None], pause: float) -> None:
        self._idle.extend(openSessions(self.loop, self._kinds))

    def start(self) -> None:
        for _ in range(self._active or len(self._idle)):
            self._flying += 1
            self._idle.popleft().send()

    def _answered(self, session: Session) -> None:
        self.latencies.append(perf_counter() - session.sentAt)
        self.count += self._size
        idle = self._idle
        idle.append(session)
        if self._finishing:
            self._flying -= 1
            if not self._flying:
                self.loop.stop()
        else:
            idle.popleft().send()

    def finish(self) -> None:
        self._finishing = True
        if not self.loop.run(PATIENCE):
            raise Stalled(f"{self._flying} bursts were never answered")
        self.loop.run(LINGER)


class Broadcast(Driver):
    """
    The first session says something to all, again when all have heard it.

    The first of ``kinds`` has to be one that sends.
    """

    def __init__(self, loop: Loop, kinds: Sequence[Kind]) -> None:
        super().__init__(loop)
        self._kinds = kinds
        self._sessions: list[Session] = []
        self._missing = 0
        self._sentAt = 0.0
        self._finishing = False
        for _, plan, _ in kinds:
            plan.answered = self._answered

    def open(self, settled: Callable[[], None], pause: float) -> None:
        self._sessions = openSessions(self.loop, self._kinds)
        kind = self._kinds[0][0]
        self._speaker = next(s for s in self._sessions if type(s) is kind)

    def start(self) -> None:
        self._missing = len(self._sessions)
        self._sentAt = perf_counter()
        self._speaker.send()

    def _answered(self, session: Session) -> None:
        self.latencies.append(perf_counter() - self._sentAt)
        self.count += 1
        self._missing -= 1
        if not self._missing:
            if self._finishing:
                self.loop.stop()
            else:
                self.start()

    def finish(self) -> None:
        self._finishing = True
        if not self.loop.run(PATIENCE):
            raise Stalled(f"{self._missing} sessions did not get a broadcast")
        self.loop.run(LINGER)


class PacedBroadcast(Broadcast):
    """The same at a pace that leaves the servers idle in between."""

    #: Seconds from one message to the next.
    interval = 0.05

    def run(self, seconds: float) -> None:
        now = perf_counter()
        end = now + seconds
        while now < end:
            super().start()
            if not self.loop.run(PATIENCE):
                raise Stalled(f"{self._missing} sessions did not get a broadcast")
            self.loop.run(max(0.0, now + self.interval - perf_counter()))
            now = perf_counter()

    def start(self) -> None:
        # All have heard it.
        self.loop.stop()

    def finish(self) -> None:
        self.loop.run(LINGER)


class OpenClose(Driver):
    """Sessions are opened, closed, and followed by the next; so many at a time."""

    def __init__(self, loop: Loop, kinds: Sequence[Kind]) -> None:
        super().__init__(loop)
        (self._kind, self._plan, self._width) = kinds[0]
        self._begun: dict[Session, float] = {}
        self._finishing = False
        self._plan.opened = self._opened
        self._plan.closed = self._closed

    def open(self, settled: Callable[[], None], pause: float) -> None:
        """Nothing is open before the start."""

    def start(self) -> None:
        for _ in range(self._width):
            self._next()

    def _next(self) -> None:
        begun = perf_counter()
        self._begun[self._kind(self._plan)] = begun

    def _opened(self, session: WebSocketSession) -> None:
        session.close()

    def _closed(self, session: Session) -> None:
        self.latencies.append(perf_counter() - self._begun.pop(session))
        self.count += 1
        if not self._finishing:
            self._next()
        elif not self._begun:
            self.loop.stop()

    def finish(self) -> None:
        self._finishing = True
        if not self.loop.run(PATIENCE):
            raise Stalled(f"{len(self._begun)} sessions were never closed")


class Idle(Driver):
    """Sessions that do nothing; the first tenth of them is not weighed."""

    def __init__(self, loop: Loop, kinds: Sequence[Kind]) -> None:
        super().__init__(loop)
        self._kinds = kinds
        for _, plan, _ in kinds:
            plan.answered = self._surprised

    def open(self, settled: Callable[[], None], pause: float) -> None:
        [(kind, plan, wanted)] = self._kinds
        first = max(1, wanted // 10)
        self._opened([(kind, plan, first)])
        self.run(pause)
        settled()
        self.count = len(self._opened([(kind, plan, wanted - first)]))
        self.run(pause)

    def _opened(self, kinds: Sequence[Kind]) -> list[Session]:
        return openSessions(self.loop, kinds)

    def start(self) -> None:
        """Idle sessions need no start."""

    def warmUp(self, seconds: float) -> None:
        """Nor do they warm up."""

    def run(self, seconds: float) -> None:
        self.loop.run(seconds, patience=inf)

    def finish(self) -> None:
        """Nothing is under way."""

    def _surprised(self, session: Session) -> None:
        raise BenchmarkError("an idle session got a message")
