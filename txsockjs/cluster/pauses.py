"""How long it is until a process that has ended is started again: `Pauses`."""

from __future__ import annotations

from typing import Final

#: Seconds until it is, the first time and at most. Each time that it has not been ready
#: for `LONG` seconds doubles them.
PAUSE: Final = 0.5
MAX_PAUSE: Final = 30.0
LONG: Final = 60.0


class Pauses:
    """
    What follows from how often a process has ended, and how soon.
    """

    def __init__(self) -> None:
        self._ends = 0

    def after(self, seconds: float) -> float:
        """
        It has ended.

        :param seconds: how long it was ready.
        :return: seconds until it is started again.
        """
        self._ends = 1 if seconds >= LONG else self._ends + 1
        return float(min(MAX_PAUSE, PAUSE * 2.0 ** min(30, self._ends - 1)))
