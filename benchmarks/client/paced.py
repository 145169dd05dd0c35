"""Messages at a rate, whether the server answers or not: what users feel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter

from benchmarks.client.drivers import (
    LINGER,
    Driver,
    Idle,
    Kind,
    openSessions,
)
from benchmarks.client.loop import PATIENCE, Loop
from benchmarks.client.session import Session
from benchmarks.errors import Stalled


class Paced(Driver):
    """
    So many messages a second in all, by the sessions in turn.

    A message whose time has come while all sessions wait for an answer is sent as soon
    as one has it, and counts from when its time was: a server that stops is not asked
    less, and what waited because of it counts.

    :param rate: messages a second.
    """

    def __init__(
        self, loop: Loop, kinds: Sequence[Kind], rate: float | None = None
    ) -> None:
        super().__init__(loop)
        self._kinds = kinds
        self._interval = 1 / (rate or 2000.0)
        self._due = 0.0
        self._late: deque[float] = deque()
        self._idle: deque[Session] = deque()
        self._flying = 0
        self._finishing = False
        for _, plan, _ in kinds:
            plan.answered = self._answered

    def open(self, settled: Callable[[], None], pause: float) -> None:
        self._idle.extend(openSessions(self.loop, self._kinds))

    def start(self) -> None:
        self._due = perf_counter()
        self.loop.pulse = self._pulse

    def _pulse(self, now: float) -> float:
        while self._due <= now:
            self._flying += 1
            if self._idle:
                self._idle.popleft().send()
            else:
                self._late.append(self._due)
            self._due += self._interval
        return self._due

    def _answered(self, session: Session) -> None:
        self.latencies.append(perf_counter() - session.sentAt)
        self.count += 1
        self._flying -= 1
        if self._late:
            session.send()
            session.sentAt = self._late.popleft()
        else:
            self._idle.append(session)
        if self._finishing and not self._flying:
            self.loop.stop()

    def finish(self) -> None:
        self._finishing = True
        self.loop.pulse = None
        if self._flying and not self.loop.run(PATIENCE):
            raise Stalled(f"{self._flying} messages were never answered")
        self.loop.run(LINGER)


class Rested(Idle):
    """Sessions that have had one message echoed, and then do nothing."""

    def _opened(self, kinds: Sequence[Kind]) -> list[Session]:
        sessions = super()._opened(kinds)
        waiting = len(sessions)

        def answered(session: Session) -> None:
            nonlocal waiting
            waiting -= 1
            if not waiting:
                self.loop.stop()

        [(_, plan, _)] = kinds
        plan.answered = answered
        for session in sessions:
            session.send()
        if not self.loop.run(PATIENCE):
            raise Stalled(f"{waiting} messages were never answered")
        plan.answered = self._surprised
        return sessions
