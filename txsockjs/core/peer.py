"""What a session sees of its peer through a receiver: L{Peer}."""

from __future__ import annotations

from txsockjs.interfaces import IReceiver


class Peer:
    """
    Whether the peer takes what is sent, and whether it is there at all. One that is
    slow is told from one that is gone by what it takes from look to look.

    @ivar seen: what it had taken when bytes were last seen to wait, or None if none
        did.
    """

    __slots__ = ("_asked", "_taken", "seen")

    def __init__(self) -> None:
        self.seen: int | None = None
        self._taken = 0
        # When it was asked for a sign of life.
        self._asked: float | None = None

    def look(self, receiver: IReceiver | None) -> bool:
        """
        See whether bytes wait.

        @return: whether some do of which none was taken since the last look.
        """
        before, self.seen = self.seen, None
        if receiver is not None and receiver.pendingBytes():
            self.seen = receiver.takenBytes()
        return self.seen is not None and self.seen == before

    def isAlive(
        self, receiver: IReceiver, now: float, patience: float, unread: bool
    ) -> bool:
        """
        Whether the peer of a persistent receiver may still be there: it sent something
        of late, or takes what waits for it, or was asked for a sign of life less than
        C{patience} seconds ago. That time counts from when the question had left, not
        from when it was queued.

        @param now: the time, in seconds.
        @param unread: whether the application does not read: an answer would not be
            heard.
        """
        before, self._taken = self._taken, receiver.takenBytes()
        if receiver.heard or unread:
            receiver.heard = False
            self._asked = None
        elif self._taken != before and receiver.pendingBytes():
            self._asked = self._asked and now
        elif self._asked is None:
            self._asked = now
            receiver.ping()
        elif now - self._asked >= patience:
            return False
        return True
