"""What is remembered of sessions that have ended: `Endings`."""

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

    __slots__ = ("_clock", "_closes", "_owners", "_until")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # By id, the oldest first. Apart they are nothing to the garbage collector.
        self._closes: dict[bytes, Close] = {}
        self._until: dict[bytes, float] = {}
        self._owners: dict[bytes, object] = {}

    def __len__(self) -> int:
        """
        How many are remembered.
        """
        return len(self._closes)

    def __contains__(self, id: bytes) -> bool:
        """
        Whether the end of a session is remembered, whoever asks.
        """
        until = self._until.get(id)
        return until is not None and self._clock.seconds() < until

    def add(self, id: bytes, close: Close, owner: object = None) -> None:
        """
        A session has ended.

        :param owner: who may be told, besides knowing its id.
        """
        if len(id) > MAX_ID:
            return
        self._forget(id)
        self._closes[id] = close
        self._until[id] = self._clock.seconds() + REMEMBERED
        if owner is not None:
            self._owners[id] = owner
        if len(self._closes) > MAX_ENDINGS:
            self._forget(next(iter(self._closes)))

    def _forget(self, id: bytes) -> None:
        self._closes.pop(id, None)
        self._until.pop(id, None)
        self._owners.pop(id, None)

    def get(self, id: bytes, owner: object = None) -> Close | None:
        """
        What a client is told that comes for a session which has ended, or None for one
        that nobody knows.

        :param owner: who asks.
        :raise UnknownSession: if it was somebody else's.
        """
        close = self._closes.get(id)
        if close is None or self._clock.seconds() >= self._until[id]:
            return None
        if owner != self._owners.get(id):
            raise UnknownSession
        return close
