"""What is remembered of sessions that have ended: L{Endings}."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from txsockjs.core.frames import Close

#: Seconds for which the end of a session is remembered.
REMEMBERED: Final = 300.0

#: How many ends are remembered, and the longest id of one, in bytes.
MAX_ENDINGS: Final = 4096
MAX_ID: Final = 128


class Endings:
    """
    How sessions have ended, by their ids: a client that comes too late is told so, and
    begins no new session in the middle of an old talk. (PROTOCOL 6.6)
    """

    __slots__ = ("_clock", "_endings")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # The oldest first.
        self._endings: dict[bytes, tuple[float, Close]] = {}

    def add(self, id: bytes, close: Close) -> None:
        """
        A session has ended.
        """
        if len(id) > MAX_ID:
            return
        endings = self._endings
        endings.pop(id, None)
        endings[id] = (self._clock.seconds() + REMEMBERED, close)
        while len(endings) > MAX_ENDINGS:
            del endings[next(iter(endings))]

    def get(self, id: bytes) -> Close | None:
        """
        What a client is told that comes for a session which has ended, or None for one
        that nobody knows.
        """
        ending = self._endings.get(id)
        if ending is None:
            return None
        until, close = ending
        if self._clock.seconds() < until:
            return close
        del self._endings[id]
        return None
