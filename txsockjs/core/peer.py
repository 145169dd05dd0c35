"""What a session sees of its peer through a receiver: L{Peer}."""

from __future__ import annotations

from txsockjs.interfaces import IReceiver


class Peer:
    """
    Whether the peer takes what is sent, and whether it is there at all. One that is
    slow is told from one that is gone by what it takes from look to look.
    """

    __slots__ = ("_asked", "_question", "_seen", "_since", "_taken")

    def __init__(self) -> None:
        # What it had taken when bytes were last seen to wait, None if none did; and
        # since when it has taken no more.
        self._taken: int | None = None
        self._since = 0.0
        # When it was asked for a sign of life, what it will have taken before it has
        # the question, and what it had taken at the last look.
        self._asked: float | None = None
        self._question = 0
        self._seen = 0

    def responded(self, receiver: IReceiver | None) -> None:
        """
        A response is complete, or there is none: look whether it will take some time
        to deliver.
        """
        self._taken = None
        if receiver is not None and receiver.pendingBytes():
            self._taken = receiver.takenBytes()

    def takes(self, receiver: IReceiver) -> bool:
        """
        Whether the peer has taken some of a slow response since the last look.
        """
        before = self._taken
        if before is not None or receiver.pendingBytes():
            self._taken = receiver.takenBytes()
        return self._taken != before

    def stands(self, receiver: IReceiver, now: float, patience: float) -> bool:
        """
        Whether bytes wait of which the peer has taken none for C{patience} seconds, as
        far as was seen.
        """
        taken = receiver.takenBytes() if receiver.heldBytes() else None
        if taken is None or taken != self._taken:
            self._taken, self._since = taken, now
        return now - self._since >= patience

    def isAlive(
        self, receiver: IReceiver, now: float, patience: float, unread: bool
    ) -> bool:
        """
        Whether the peer of a persistent receiver may still be there: it sent something
        of late, or was asked for a sign of life less than C{patience} seconds ago. That
        time does not run while it takes what was written before the question.

        @param now: the time, in seconds.
        @param unread: whether the application does not read: an answer would not be
            heard.
        """
        taken = receiver.takenBytes()
        before, self._seen = self._seen, taken
        if receiver.heard or unread:
            receiver.heard = False
            self._asked = None
        elif self._asked is None:
            self._asked = now
            self._question = taken + receiver.heldBytes()
            receiver.ping()
        elif taken != before and min(taken, before) < self._question:
            self._asked = now
        elif now - self._asked >= patience:
            return False
        return True
