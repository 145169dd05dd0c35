"""The life of one SockJS session. (PROTOCOL section 6.)

Every state is written by L{Stateful._become} alone, along the table there. The
application hears of the end once, on the way out of OPEN or CLOSING.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import (
    BUSY,
    FRAME_SIZE,
    HEARTBEAT,
    MESSAGE_COST,
    OPEN,
    OVERFLOW,
    Close,
    Frame,
    Message,
    gather,
)
from txsockjs.core.inbox import Inbox
from txsockjs.core.peer import Peer
from txsockjs.core.states import State, Stateful
from txsockjs.counters import TransportCounters
from txsockjs.errors import UnknownSession
from txsockjs.interfaces import IApplication, IHostedSession, IReceiver, ISessionHost

# To look up a member of an Enum takes longer than most of what is done with it.
_NEW: Final = State.NEW
_OPEN: Final = State.OPEN

# Seconds after which a timer is late: the process was stopped, or blocked; and turns of
# the reactor that it takes then to accept a connection and to read what came on it.
_LATE: Final = 1.0
_TURNS: Final = 3


@implementer(IHostedSession)
class Session(Stateful):
    """
    One session: its state, what waits to be sent, its receiver and its one timer.

    @ivar counters: what it adds to what its service has done.
    @ivar onEnd: called when the session ends, if it is set.
    @ivar owner: who may use it besides knowing its id; nobody else is answered.
    @ivar pending: bytes that wait in the outbox.
    """

    __slots__ = (
        "_application",
        "_armed",
        "_clock",
        "_closeFrame",
        "_dirty",
        "_host",
        "_inbox",
        "_last",
        "_late",
        "_options",
        "_outbox",
        "_paused",
        "_peer",
        "_receiver",
        "_timer",
        "_told",
        "_writable",
        "counters",
        "onEnd",
        "owner",
        "pending",
    )

    def __init__(self, host: ISessionHost, counters: TransportCounters) -> None:
        super().__init__()
        self._host = host
        self._clock = host.clock
        self._options = host.options
        self._application: IApplication | None = None
        self._closeFrame: Close | None = None
        # Whether a flush is sure to come.
        self._dirty = False
        self._inbox: Inbox | None = None
        # The receiver that has the session's frames, or that had them last.
        self._receiver: IReceiver | None = None
        self._writable = False
        self._outbox: list[Message] = []
        self._paused = False
        self._peer = Peer()
        # When the last frame went out, or the last receiver went away.
        self._last = 0.0
        self._timer: IDelayedCall | None = None
        self._armed = 0.0
        # How many turns of the reactor ago the timer was found to be late.
        self._late = 0
        # Whether the peer is sure to know of the end.
        self._told = False
        self.counters = counters
        self.onEnd: Callable[[], object] | None = None
        self.owner: object = None
        self.pending = 0

    # The life

    def open(self, application: IApplication, receiver: IReceiver) -> None:
        """
        Open the session: the peer is told, then the application.
        """
        self._application = application
        self._become(State.OPEN)
        self.counters.opened += 1
        self._take(receiver)
        # PROTOCOL 6.1: the first frame of every session, at once.
        self._send(OPEN)
        self._dirty = True
        application.sessionOpened()
        self.flush()
        if self._inbox and not self._paused:
            self._clock.callLater(0, self._release)

    def wait(self, receiver: IReceiver) -> None:
        """
        It is not known yet whether the session may be opened: its receiver waits.
        """
        receiver.session = self
        self._receiver = receiver

    def refuse(self, close: Close, receiver: IReceiver) -> None:
        """
        Do not open the session: the peer gets this close frame and no other.
        """
        self._become(State.CLOSING)
        self._host.closed(self)
        self._closeFrame = close
        self._take(receiver)
        self.flush()
        if self._inbox is not None:
            # Behind the close frame, which tells more.
            self._inbox.drop(UnknownSession())

    def attach(self, receiver: IReceiver) -> None:
        """
        A further receiver came for an existing session.
        """
        if self._writable or (self._receiver and not self._receiver.finished):
            # PROTOCOL 6.2: one receiver at a time; the first is not disturbed.
            receiver.sendFrame(BUSY)
            receiver.finish()
            return
        self.counters.held(self.pending)
        self._take(receiver)
        self.flush()

    def close(self, close: Close) -> None:
        """
        Deliver what was sent before, then this frame. Nothing is sent after it.
        """
        if self.state is State.OPEN:
            self._become(State.CLOSING)
            self._closeFrame = close
            self._host.closed(self)
            if self._inbox is not None:
                self._inbox.drop()
            self._flushLater()
        elif self.state is State.NEW and self._receiver is not None:
            self.refuse(close, self._receiver)

    def fail(self, close: Close, reason: Failure, *, later: bool = False) -> None:
        """
        Close because of a fault: what waits is dropped, and the application hears of
        the end at once, or later where it is the caller.
        """
        if self.state is State.OPEN:
            self._outbox.clear()
            self.pending = 0
            self.close(close)
            self._tellApplication(reason, later)

    def abort(self) -> None:
        """
        Drop the session and its connection now. The application hears of it in the
        next turn of the reactor.
        """
        if self.state is not State.GONE:
            self._tellApplication(Failure(ConnectionAborted()), later=True)
            self._end(None)

    def lost(self, receiver: IReceiver, reason: Failure) -> None:
        """
        The connection under a receiver is gone before the receiver was finished, or a
        persistent receiver has ended.
        """
        if receiver is not self._receiver:
            return
        self._receiver = None
        self._writable = False
        if self.state is State.CLOSED and not receiver.persistent:
            # PROTOCOL 6.5: it had its close frame; others may still come for it.
            self._wait()
        elif self.state is not State.GONE:
            self._end(reason)

    @property
    def settled(self) -> bool:
        """
        Whether nothing is left to deliver, its end included.
        """
        receiver = self._receiver
        return self.state is State.GONE or (
            self.state is State.CLOSED
            and receiver is not None
            and not receiver.persistent
            and not receiver.pendingBytes()
        )

    # Out

    def send(self, message: Message) -> None:
        """
        Send one message. Without effect once the session is closing.
        """
        if self.state is not _OPEN:
            return
        self._outbox.append(message)
        self.pending = pending = self.pending + len(message.quoted) + 1
        allowed = self._options.max_buffer
        if pending > FRAME_SIZE or pending > allowed:
            self._writeOut()
            self.counters.held(self.pending)
            # Many small messages take far more memory than their bytes.
            held = self.pending + MESSAGE_COST * len(self._outbox)
            if held > allowed:
                self._host.overflowed(self, held)
                reason = Failure(ConnectionLost("too many undelivered bytes"))
                self.fail(OVERFLOW, reason, later=True)
                return
        if not self._dirty:
            self._flushLater()

    def resume(self, receiver: IReceiver) -> None:
        """
        The receiver can take frames again.
        """
        if receiver is self._receiver and not receiver.finished:
            self._writable = True
            self._flushLater()

    def flush(self) -> None:
        """
        Hand over as much of the outbox as the receiver takes.
        """
        self._dirty = False
        if self._outbox:
            self._writeOut()
            if self._outbox:
                return
        if self.state is _OPEN:
            receiver, application = self._receiver, self._application
            if application is not None and (
                self._writable or receiver is None or receiver.finished
            ):
                application.sessionDrained()
        elif self._writable and self._closeFrame is not None:
            self._sendClose()

    def _writeOut(self) -> None:
        counters, outbox = self.counters, self._outbox
        while self._writable and outbox:
            frame, count, size = gather(outbox)
            counters.messagesOut += count
            counters.bytesOut += size + 1
            self.pending -= size
            self._send(frame)

    def _flushLater(self) -> None:
        if not self._dirty and self._writable:
            self._dirty = True
            self._host.flushLater(self)

    def _send(self, frame: Frame) -> None:
        receiver = self._receiver
        assert receiver is not None
        self._last = self._clock.seconds()
        self._writable = receiver.sendFrame(frame)
        if receiver.finished:
            self._writable = False
            self._wait()

    def _sendClose(self) -> None:
        receiver, close = self._receiver, self._closeFrame
        assert receiver is not None and close is not None
        if self.state is State.CLOSING:
            self._become(State.CLOSED)
        self._send(close)
        self._writable = False
        # A client that polls has had everything else before it came for this.
        self._told = receiver.finished
        if not self._told:
            receiver.finish()
        if not receiver.persistent:
            self._tellApplication(Failure(ConnectionDone()))
            self._wait()

    # In

    def receive(
        self, messages: Sequence[str | bytes], size: int = 0
    ) -> Deferred[None] | None:
        """
        Messages came in.

        @param size: how many bytes they came as.
        @return: None once the application has them, or a L{Deferred} that fires when
            it has: it paused its transport. That one fails with L{UnknownSession} if
            the session is lost first. What comes after its close is dropped.
        @raise UnknownSession: if the session is over, and its peer knows.
        @raise NotReading: if it is paused and holds all that it may.
        """
        if self.state is not _OPEN and self.state is not _NEW:
            if self.state is State.GONE or self._told:
                raise UnknownSession
            # Refused, the client would give up before it has read to the end.
            return None
        counters = self.counters
        counters.messagesIn += len(messages)
        counters.bytesIn += size
        application = self._application
        if application is None or self._paused or self._inbox:
            return self._hold(messages)
        self._dirty = True
        held = None
        for count, message in enumerate(messages, 1):
            application.sessionReceived(message)
            if self.state is not _OPEN:
                break
            if self._paused and count < len(messages):
                held = self._hold(messages[count:])
                break
        # What the application answered goes out at once, in one frame.
        self.flush()
        return held

    def pauseReceiving(self) -> None:
        """
        Deliver nothing to the application until L{resumeReceiving}.
        """
        self._paused = True

    def resumeReceiving(self) -> None:
        """
        Deliver what was held back, in the next turn of the reactor, and go on.
        """
        self._paused = False
        if self._inbox:
            self._clock.callLater(0, self._release)

    def _hold(self, messages: Sequence[str | bytes]) -> Deferred[None]:
        if self._inbox is None:
            self._inbox = Inbox(self._options.max_buffer)
        return self._inbox.hold(messages)

    def _release(self) -> None:
        inbox, application = self._inbox, self._application
        if inbox is None or application is None:
            return
        self._dirty = True
        inbox.complete()
        while inbox and not self._paused and self.state is State.OPEN:
            application.sessionReceived(inbox.next())
            inbox.complete()
        self.flush()

    # The timer

    def _take(self, receiver: IReceiver) -> None:
        receiver.session = self
        self._receiver = receiver
        self._writable = True
        self._last = self._clock.seconds()
        if self._options.heartbeat is not None:
            self._arm(self._options.heartbeat)

    def _wait(self) -> None:
        """
        No receiver: the disconnect delay begins. (PROTOCOL 6.4)
        """
        self._peer.responded(self._receiver)
        self._last = self._clock.seconds()
        self._arm(self._options.timeout)

    def _arm(self, delay: float) -> None:
        """
        Have the timer fire in C{delay} seconds or sooner: when it is too soon, it looks
        at what happened since and sleeps on.
        """
        due = self._clock.seconds() + delay
        if self._timer is not None:
            if self._armed <= due:
                return
            self._timer.cancel()
        self._armed = due
        self._late = 0
        self._timer = self._clock.callLater(delay, self._timeUp)

    def _timeUp(self) -> None:
        self._timer = None
        receiver = self._receiver
        waiting = receiver is None or receiver.finished
        delay = self._options.timeout if waiting else self._options.heartbeat
        if delay is None:
            return
        now, unread = self._clock.seconds(), self._paused or bool(self._inbox)
        if now - self._armed > _LATE and self._late < _TURNS:
            # What came meanwhile is heard first.
            self._late += 1
            self._timer = self._clock.callLater(0, self._timeUp)
        elif (
            receiver
            and receiver.persistent
            and not self._peer.isAlive(receiver, now, delay, unread)
        ):
            self._give(receiver, "the peer did not answer a ping")
        elif not waiting and receiver and self._peer.stands(receiver, now, delay):
            # Bytes that have not moved for a whole interval never will.
            self._give(receiver, "the peer takes no more bytes")
        elif (rest := self._last + delay - now) > 0:
            self._arm(rest)
        elif receiver and not waiting:
            if self._writable and not receiver.pendingBytes():
                self._send(HEARTBEAT)
            self._last = now
            self._arm(delay)
        elif not receiver or not self._isDelivering(receiver, now):
            self._end(Failure(ConnectionLost("no receiver within the timeout")))

    def _isDelivering(self, receiver: IReceiver, now: float) -> bool:
        """
        Wait on while the last response is on its way: the delay counts from when it was
        delivered. Bytes that stand still for five delays never will be.
        """
        delay = self._options.timeout
        if self._peer.takes(receiver):
            self._last = now
        elif not receiver.pendingBytes() or now - self._last >= 5 * delay:
            return False
        self._arm(delay)
        return True

    def _give(self, receiver: IReceiver, why: str) -> None:
        """
        Give the peer up.
        """
        receiver.abort()
        self.lost(receiver, Failure(ConnectionLost(why)))

    # The end

    def _end(self, reason: Failure | None) -> None:
        if self.state in (State.NEW, State.OPEN):
            self._host.closed(self)
        self._become(State.GONE)
        receiver, self._receiver = self._receiver, None
        self._writable = False
        self._outbox.clear()
        self.pending = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._host.forget(self)
        if self.onEnd is not None:
            self.onEnd()
        if receiver is not None and not receiver.finished:
            receiver.abort()
        if reason is not None:
            self._tellApplication(reason)
        if self._inbox is not None:
            self._inbox.drop(UnknownSession())

    def _tellApplication(self, reason: Failure, later: bool = False) -> None:
        application, self._application = self._application, None
        if application is None:
            return
        self.counters.ended(self._closeFrame, reason)
        if later:
            self._clock.callLater(0, application.sessionLost, reason)
        else:
            application.sessionLost(reason)
