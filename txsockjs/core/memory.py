"""What is remembered of sessions that have ended: L{Endings}."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from txsockjs.core.frames import Close
from txsockjs.errors import UnknownSession

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
        self._endings: dict[bytes, tuple[float, Close, object]] = {}

    def add(self, id: bytes, close: Close, owner: object = None) -> None:
        """
        A session has ended.

        @param owner: who may be told, besides knowing its id.
        """
        if len(id) > MAX_ID:
            return
        endings = self._endings
        endings.pop(id, None)
        endings[id] = (self._clock.seconds() + REMEMBERED, close, owner)
        while len(endings) > MAX_ENDINGS:
            del endings[next(iter(endings))]

    def get(self, id: bytes, owner: object = None) -> Close | None:
        """
        What a client is told that comes for a session which has ended, or None for one
        that nobody knows.

        @param owner: who asks.
        @raise UnknownSession: if it was somebody else's.
        """
        ending = self._endings.get(id)
        if ending is None:
            return None
        until, close, owned = ending
        if self._clock.seconds() >= until:
            return None
        if owner != owned:
            raise UnknownSession
        return close
