"""How long what happens waits for the reactor: `Turns`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds between two looks.
INTERVAL: Final = 0.05

# How many looks the tail is of: those of a minute.
_LOOKS: Final = int(60 / INTERVAL)


class Turns:
    """
    How late the reactor comes to a timer, from `start` to `stop`. What it does in one
    turn, everything else waits for: so long waits whatever comes at a time of its own.
    """

    def __init__(self, clock: IReactorTime) -> None:
        """
        :param clock: the reactor.
        """
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self._late: list[float] = []
        self._minute: deque[float] = deque(maxlen=_LOOKS)

    def start(self) -> None:
        """
        Look from now on.
        """
        self._late = []
        self._minute.clear()
        self._wait()

    def stop(self) -> None:
        """
        Look no more.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def take(self) -> tuple[float, float]:
        """
        How late it came, in seconds: at most in 99 of 100 cases of the last minute; and
        at most since this was last asked.
        """
        late, self._late = self._late, []
        return quantile(self._minute, 0.99), max(late, default=0.0)

    def _wait(self) -> None:
        self._due = self._clock.seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        # The clock of the machine may be set back.
        late = max(0.0, self._clock.seconds() - self._due)
        self._late.append(late)
        self._minute.append(late)
        self._wait()


def quantile(values: Iterable[float], share: float) -> float:
    """
    The value that so large a share of all does not exceed; 0 where there is none.
    """
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
