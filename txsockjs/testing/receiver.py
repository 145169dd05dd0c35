"""A receiver without a browser: `MemoryReceiver`."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import Frame
from txsockjs.core.session import Session
from txsockjs.interfaces import IReceiver


@implementer(IReceiver)
class MemoryReceiver:
    """
    A receiver that keeps the frames which a `Session` gives it.

    :ivar carried: how many bytes it took, for a test to set where it matters.
    :ivar frames: the bytes of each frame that it took.
    :ivar pending: the bytes that `pendingBytes` tells of, for a test to set.
    :ivar cut: whether its connection is gone with some of them, for a test to set.
    :ivar aborted: whether the session dropped it.
    :ivar pings: how often the session asked its peer for a sign of life.
    :ivar heard: whether the peer sent anything, for a test to set.
    """

    session: Session | None = None

    def __init__(self, limit: int | None = None, *, persistent: bool = False) -> None:
        """
        :param limit: how many frames it takes before it is finished: 1 for a polling
            response, None for any number.
        :param persistent: whether its life is the session's life, as a WebSocket's is.
        """
        self.persistent = persistent
        self.carried = 0
        self.frames: list[bytes] = []
        self.pending = 0
        self.cut = False
        self.finished: bool = False
        self.aborted: bool = False
        self.pings: int = 0
        self.heard = False
        self._limit = limit
        self._paused = False

    def sendFrame(self, frame: Frame) -> bool:
        if self.finished:
            raise RuntimeError(f"{frame!r} was sent to a finished receiver")
        self.frames.append(frame.data)
        if len(self.frames) == self._limit:
            self.finished = True
        return not (self.finished or self._paused)

    def follows(self, former: IReceiver) -> bool:
        return False

    def ping(self) -> None:
        self.pings += 1

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.finished = self.aborted = True

    def pendingBytes(self) -> int:
        return self.pending

    def heldBytes(self) -> int:
        return self.pending

    def takenBytes(self) -> int:
        return -self.pending

    def isCut(self) -> bool:
        return self.cut

    def pause(self) -> None:
        """
        Be full from the next frame on.
        """
        self._paused = True

    def resume(self) -> None:
        """
        Have room again.
        """
        self._paused = False
        if self.session is not None:
            self.session.resume(self)

    def drop(self, reason: Exception | None = None) -> None:
        """
        Lose the connection under it, as a network does.

        :param reason: why; by default it was closed in good order.
        """
        self.finished = True
        if self.session is not None:
            self.session.lost(self, Failure(reason or ConnectionDone()))
