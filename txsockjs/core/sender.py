"""What a session sends, to the receiver that it has: L{Sender}."""

from __future__ import annotations

from typing import Final

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from txsockjs.core.driver import Driver
from txsockjs.core.frames import HEARTBEAT, Close, Frame
from txsockjs.core.outbox import FRAME_SIZE, Outbox
from txsockjs.core.peer import Peer
from txsockjs.core.states import Condition, Event
from txsockjs.counters import TransportCounters
from txsockjs.interfaces import IReceiver, ISessionHost

# To look up a member of an Enum takes longer than most of what is done with it.
_READY: Final = Condition.READY
_FULL: Final = Condition.FULL


class Sender(Driver):
    """
    The half of a session that is turned to its receiver.

    @ivar closeFrame: what its peer is told at the end, once it is known.
    @ivar counters: what it adds to what its service has done.
    """

    __slots__ = (
        "_clock",
        "_options",
        "_outbox",
        "_peer",
        "_receiver",
        "closeFrame",
        "counters",
    )

    def __init__(self, host: ISessionHost, counters: TransportCounters) -> None:
        super().__init__(host)
        self._clock = host.clock
        self._options = host.options
        self._outbox = Outbox()
        self._peer = Peer(host.clock, host.options)
        # The receiver that has the session's frames, or that had them last.
        self._receiver: IReceiver | None = None
        self.closeFrame: Close | None = None
        self.counters = counters

    @property
    def receiver(self) -> IReceiver | None:
        """
        Its receiver, or the last one that it had.
        """
        return self._receiver

    @property
    def pending(self) -> int:
        """
        Bytes that the peer has not taken, as they count for C{max_buffer}: those that
        wait here, and those of responses that it does not read.
        """
        return self._outbox.pending

    @property
    def crowded(self) -> bool:
        """
        Whether so much is pending that who sends should wait.
        """
        allowed: int = self._options.max_buffer
        return self.pending > min(FRAME_SIZE, allowed // 2)

    def _writeMessages(self) -> None:
        """
        Give the receiver as much of the outbox as one frame takes.
        """
        frame = self._outbox.gather()
        self._write(frame)
        counters = self.counters
        counters.messagesOut += frame.count
        counters.bytesOut += frame.sent

    def _write(self, frame: Frame) -> None:
        """
        Give the receiver a frame. Until it has taken that, it is full.
        """
        receiver = self._receiver
        if receiver is None:
            return
        # The short way: Event.WRITING, and Event.ROOM where there is more of it.
        self.condition = _FULL
        self._peer.spoke = self._clock.seconds()
        try:
            room = receiver.sendFrame(frame)
        except BaseException:
            self._host.failed(self, Failure())
            if receiver is self._receiver:
                self._leave(receiver.abort)
                why = "it could not be written to"
                self._end(Event.LOST, Failure(ConnectionLost(why)))
            return
        if receiver is not self._receiver:
            # It was lost on the way.
            return
        if receiver.finished:
            # What has come meanwhile saw a receiver that is full.
            self.condition = _FULL
            self._turn(Event.LAST)
            self._leave(receiver.finish)
            self._peer.left(self)
        else:
            self.condition = _READY if room else _FULL

    def stir(self) -> None:
        """
        Some time has passed: what could not be done before may be now.
        """
        self._drive()

    def _take(self, receiver: IReceiver) -> None:
        """
        Have a receiver, from now on.
        """
        receiver.session = self
        self._receiver = receiver
        self._turn(Event.ATTACHED)
        self._peer.came(self)

    def expire(self) -> None:
        """
        Nobody came in time, or nobody needs to come any more.
        """
        why = "no receiver within the timeout"
        self._end(Event.EXPIRED, Failure(ConnectionLost(why)))
        self._drive()

    def giveUp(self, why: str) -> None:
        """
        Nobody is there, though the connection is.
        """
        self._end(Event.LOST, Failure(ConnectionLost(why)))
        self._drive()

    def beat(self) -> None:
        """
        The connection was silent for an interval.
        """
        if self.condition is _READY:
            self._leave(self._write, HEARTBEAT)
            self._drive()

    @property
    def deaf(self) -> bool:
        """
        Whether the application does not read what the peer answers.
        """
        raise NotImplementedError

    def _end(self, event: Event, reason: Failure) -> None:
        """
        Everything is over.
        """
        raise NotImplementedError
