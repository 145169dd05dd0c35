"""Whether the peer of a persistent receiver is still there: L{Pulse}."""

from __future__ import annotations

from txsockjs.interfaces import IReceiver


class Pulse:
    """
    The signs of life of one peer.
    """

    __slots__ = ("_asked", "_taken")

    def __init__(self) -> None:
        # When the peer was asked for a sign of life.
        self._asked: float | None = None
        # How many bytes it had taken when it was last looked at.
        self._taken = 0

    def isFelt(
        self, receiver: IReceiver, now: float, patience: float, heard: bool
    ) -> bool:
        """
        Look at the peer, and ask it for a sign of life if it is silent.

        @param receiver: what the peer is at the other end of.
        @param now: the clock's time, in seconds.
        @param patience: how long it has to answer, in seconds. That counts from when
            the question had left, not from when it was queued.
        @param heard: whether it counts as heard of, whatever it did.
        @return: whether it may still be there: it sent something of late, or takes
            what waits for it, or still has time to answer.
        """
        before, self._taken = self._taken, receiver.takenBytes()
        if receiver.heard or heard:
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
