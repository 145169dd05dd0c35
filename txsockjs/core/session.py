"""The life of one SockJS session. (PROTOCOL section 6.)

A session decides, and then acts. Whatever happens to it (L{Session.send},
L{Session.receive}, L{Session.attach}, L{Session.lost}, a timer) changes its state along
the tables of L{txsockjs.core.states}, and leaves what is to be done. L{Session._drive}
does that when the change is over: nothing that the session calls can find it half way,
and what calls back changes the state and waits its turn.

The application is never called from inside a call of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import (
    BUSY,
    INTERRUPTED,
    OPEN,
    OVERFLOW,
    Close,
    Message,
)
from txsockjs.core.inbox import Inbox
from txsockjs.core.outbox import FRAME_SIZE, MESSAGE_COST
from txsockjs.core.sender import Sender
from txsockjs.core.states import Condition, Event, State
from txsockjs.counters import TransportCounters
from txsockjs.errors import UnknownSession
from txsockjs.interfaces import IApplication, IHostedSession, IReceiver, ISessionHost

# To look up a member of an Enum takes longer than most of what is done with it.
_NEW: Final = State.NEW
_OPEN: Final = State.OPEN
_CLOSING: Final = State.CLOSING
_GONE: Final = State.GONE
_READY: Final = Condition.READY
_FULL: Final = Condition.FULL
_DONE: Final = Condition.DONE


@implementer(IHostedSession)
class Session(Sender):
    """
    One session: what happens to it, and what follows from that.

    @ivar onEnd: called when the session ends, if it is set.
    @ivar owner: who may use it besides knowing its id; nobody else is answered.
    """

    __slots__ = (
        "_application",
        "_drained",
        "_farewell",
        "_inbox",
        "_known",
        "_paused",
        "onEnd",
        "owner",
    )

    def __init__(self, host: ISessionHost, counters: TransportCounters) -> None:
        super().__init__(host, counters)
        self._application: IApplication | None = None
        # Whether the application knows that all was taken.
        self._drained = True
        # What the application is still to be told of the end.
        self._farewell: Failure | None = None
        self._inbox: Inbox | None = None
        # Whether the peer is sure to know of the end.
        self._known = False
        self._paused = False
        self.onEnd: Callable[[], object] | None = None
        self.owner: object = None

    # The driver

    def _drive(self) -> None:
        """
        Do what is to be done, one thing after the other, until there is nothing.
        """
        if self._running:
            return
        self._running = True
        try:
            while True:
                if self._effects:
                    self._act()
                elif self.condition is _READY and self._outbox:
                    self._writeMessages()
                elif self.condition is _READY and self.closeFrame is not None:
                    self._writeClose()
                elif self._farewell is not None:
                    self._tellEnd()
                elif self.state is not _OPEN or self._application is None:
                    return
                elif self._inbox and not self._paused:
                    self._deliver(self._inbox)
                elif self._drained or self._outbox or self.condition is _FULL:
                    return
                elif self._outbox.unread and self.crowded:
                    # Nobody tells when that is taken.
                    self._peer.lookSoon(self)
                    return
                else:
                    self._drained = True
                    self._application.sessionDrained()
                    if not self._drained:
                        # It sends as long as it may: others come first.
                        if not self._scheduled:
                            self._scheduled = True
                            self._host.flushLater(self)
                        return
        finally:
            self._running = False

    def _writeClose(self) -> None:
        close, receiver = self.closeFrame, self._receiver
        assert close is not None and receiver is not None
        told = self.state is _CLOSING
        if told:
            self._become(Event.TOLD)
        self._write(close)
        if receiver is not self._receiver:
            return
        # A client that polls has had everything else before it came for this.
        self._known = self.condition is _DONE
        if not self._known:
            self._leave(receiver.finish)
            self.condition = _FULL
            self._turn(Event.LAST)
        if not receiver.persistent:
            if not self._known:
                self._peer.left(self)
            if told:
                self._host.told(self)
            self._part(Failure(ConnectionDone()))

    # The life

    def open(self, application: IApplication, receiver: IReceiver) -> None:
        """
        Open the session: the peer is told, then the application.
        """
        self._become(Event.OPENED)
        self._take(receiver)
        # PROTOCOL 6.1: the first frame of every session, at once.
        self._leave(self._write, OPEN)
        self._leave(self._introduce, application)
        self._drive()

    def _introduce(self, application: IApplication) -> None:
        self._application = application
        if self.state is _OPEN:
            self.counters.opened += 1
            self._drained = False
            application.sessionOpened()
        else:
            # The peer was gone before it could be told.
            self._farewell = Failure(ConnectionLost())

    def wait(self, receiver: IReceiver) -> None:
        """
        It is not known yet whether the session may be opened: its receiver waits.
        """
        receiver.session = self
        self._receiver = receiver
        self._turn(Event.HELD)

    def refuse(self, close: Close, receiver: IReceiver) -> None:
        """
        Do not open the session: the peer gets this close frame and no other.
        """
        self._become(Event.REFUSED)
        self._host.closed(self)
        self.closeFrame = close
        self._take(receiver)
        if self._inbox is not None:
            # Behind the close frame, which tells more.
            self._leave(self._writeClose)
            self._leave(self._inbox.drop, UnknownSession())
        self._drive()

    def attach(self, receiver: IReceiver) -> None:
        """
        A further receiver came for an existing session.
        """
        if self.condition is _READY or self.condition is _FULL or self.state is _GONE:
            # PROTOCOL 6.2: one receiver at a time; the first is not disturbed.
            close = INTERRUPTED if self.state is _GONE else BUSY
            self._leave(receiver.sendFrame, close)
            self._leave(receiver.finish)
        else:
            self.counters.held(self._outbox.size)
            former = self._receiver
            if former is not None:
                self._outbox.follow(former, receiver)
            self._take(receiver)
            self._drained = False
        self._drive()

    def close(self, close: Close) -> None:
        """
        Deliver what was sent before, then this frame. Nothing is sent after it.
        """
        if self.state is _OPEN:
            self._close(Event.CLOSED, close)
        elif self.state is _NEW and self._receiver is not None:
            self.refuse(close, self._receiver)

    def _close(self, event: Event, close: Close, reason: Failure | None = None) -> None:
        self._become(event)
        self.closeFrame = close
        if reason is not None:
            self._part(reason)
        self._host.closed(self)
        if self._inbox is not None:
            self._leave(self._inbox.drop)
        self._actNow()
        if self.condition is _READY or self._farewell is not None:
            self._later()

    def fail(self, close: Close, reason: Failure) -> None:
        """
        Close because of a fault: what waits is dropped, and the application hears of
        the end when its call is over.
        """
        if self.state is _OPEN:
            self._outbox.clear()
            self._close(Event.FAILED, close, reason)

    def abort(self) -> None:
        """
        Drop the session and its connection now. The application hears of it when its
        call is over.
        """
        if self.state is not _GONE:
            self._end(Event.ABORTED, Failure(ConnectionAborted()))
            self._actNow()
            if self._farewell is not None:
                self._later()

    def lost(self, receiver: IReceiver, reason: Failure) -> None:
        """
        The connection under a receiver is gone before the receiver was finished, or a
        persistent receiver has ended.
        """
        if receiver is not self._receiver:
            return
        if self.state is State.CLOSED and not receiver.persistent:
            # PROTOCOL 6.5: it had its close frame; others may still come for it.
            self._turn(Event.DROPPED)
            self._receiver = None
            self._peer.left(self)
        elif self.state is not _GONE:
            self._turn(Event.DROPPED)
            self._receiver = None
            self._end(Event.LOST, reason)
        self._drive()

    @property
    def settled(self) -> bool:
        """
        Whether nothing is left to deliver, its end included.
        """
        receiver = self._receiver
        return self.state is _GONE or (
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
        outbox = self._outbox
        outbox.append(message)
        outbox.size = size = outbox.size + message.size + MESSAGE_COST
        self._drained = False
        if size > FRAME_SIZE or size > self._options.max_buffer:
            self._crowd()
        elif not self._running and not self._scheduled and self.condition is _READY:
            self._later()

    def _crowd(self) -> None:
        """
        More waits than one frame takes: write at once, keep it small, or give up.
        """
        outbox = self._outbox
        if not self._running:
            # From inside a call of the application's: nothing but frames.
            self._running = True
            try:
                while self.condition is _READY and outbox and not self._effects:
                    self._writeMessages()
            finally:
                self._running = False
        outbox.pack()
        pending = self.pending
        self.counters.held(pending)
        if pending > self._options.max_buffer and self.state is _OPEN:
            self._host.overflowed(self, pending)
            self.fail(OVERFLOW, Failure(ConnectionLost("too many undelivered bytes")))
        self._later()

    def resume(self, receiver: IReceiver) -> None:
        """
        The receiver can take frames again.
        """
        if (
            receiver is self._receiver
            and self.condition is _FULL
            and self.state is not _NEW
        ):
            self._turn(Event.ROOM)
            self._later()

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
            if self.state is _GONE or self._known:
                raise UnknownSession
            # Refused, the client would give up before it has read to the end.
            return None
        counters = self.counters
        counters.messagesIn += len(messages)
        counters.bytesIn += size
        application = self._application
        if application is None or self._running or self._paused or self._inbox:
            return self._hold(messages)
        self._running = True
        held = None
        try:
            for count, message in enumerate(messages, 1):
                application.sessionReceived(message)
                if self.state is not _OPEN:
                    break
                if self._paused and count < len(messages):
                    held = self._hold(messages[count:])
                    break
        finally:
            self._running = False
        # What the application answered goes out at once, in one frame.
        self._drive()
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
            self._later()

    def _hold(self, messages: Sequence[str | bytes]) -> Deferred[None]:
        if self._inbox is None:
            self._inbox = Inbox(self._options.max_buffer)
        return self._inbox.hold(messages)

    def _deliver(self, inbox: Inbox) -> None:
        """
        Give the application what was held back, as long as it reads.
        """
        application = self._application
        assert application is not None
        inbox.complete()
        while inbox and not self._paused and self.state is _OPEN:
            application.sessionReceived(inbox.next())
            inbox.complete()

    # The peer

    @property
    def deaf(self) -> bool:
        """
        Whether the application does not read what the peer answers.
        """
        return self._paused or bool(self._inbox)

    # The end

    def _end(self, event: Event, reason: Failure) -> None:
        """
        Everything is over.
        """
        before, receiver, condition = self.state, self._receiver, self.condition
        self._become(event)
        if receiver is not None:
            self._turn(Event.DROPPED)
            self._receiver = None
        self._outbox.clear()
        self._peer.forget()
        if before in (_NEW, _OPEN):
            self._host.closed(self)
        self._host.forget(self, self.closeFrame or INTERRUPTED, before)
        if self.onEnd is not None:
            self._leave(self.onEnd)
        if receiver is not None and (condition is not _DONE or receiver.persistent):
            self._leave(receiver.abort)
        if self._inbox is not None:
            self._leave(self._inbox.drop, UnknownSession())
        self._part(reason)

    def _part(self, reason: Failure) -> None:
        """
        Tell the application of the end, once, when its turn comes.
        """
        if self._application is not None and self._farewell is None:
            self._farewell = reason
            self.counters.ended(self.closeFrame, reason)

    def _tellEnd(self) -> None:
        reason, self._farewell = self._farewell, None
        application, self._application = self._application, None
        assert application is not None and reason is not None
        application.sessionLost(reason)
