"""How long the garbage collector has kept the process waiting: `Pauses`."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter


class Pauses:
    """
    The pauses of the garbage collector, from `start` to `stop`. While it does not
    run, the collector calls nothing.
    """

    def __init__(self, seconds: Callable[[], float] = perf_counter) -> None:
        """
        :param seconds: what measures them.
        """
        self._seconds = seconds
        self._began: float | None = None
        self._pauses: list[float] = []

    def start(self) -> None:
        """
        Have the collector tell of each run.
        """
        self._pauses = []
        gc.callbacks.append(self._called)

    def stop(self) -> None:
        """
        Have it tell no more.
        """
        gc.callbacks.remove(self._called)
        self._began = None

    def take(self) -> list[float]:
        """
        The pauses since this was last asked, in seconds.
        """
        pauses, self._pauses = self._pauses, []
        return pauses

    def _called(self, phase: str, info: object) -> None:
        # Whatever the thread: the collector holds the lock of them all.
        if phase == "start":
            self._began = self._seconds()
        elif self._began is not None:
            self._pauses.append(self._seconds() - self._began)
            self._began = None
