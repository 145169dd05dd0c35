"""The life of one SockJS session. (PROTOCOL section 6.)

`SessionLife` is how a session begins, who its receivers are, and how it ends; what is
said in between is `txsockjs.core.session`'s. Whatever happens changes the state along
the tables of `txsockjs.core.states`, and leaves what is to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from txsockjs.core.frames import BUSY, INTERRUPTED, OPEN, Close, Frame
from txsockjs.core.inbox import Inbox
from txsockjs.core.outbox import Outbox
from txsockjs.core.peer import Watch
from txsockjs.core.states import Condition, Event, State
from txsockjs.counters import TransportCounters
from txsockjs.errors import UnknownSession
from txsockjs.interfaces import IApplication, IReceiver, ISessionHost

# To look up a member of an Enum takes longer than most of what is done with it.
_NEW: Final = State.NEW
_OPEN: Final = State.OPEN
_CLOSING: Final = State.CLOSING
_GONE: Final = State.GONE
_READY: Final = Condition.READY
_FULL: Final = Condition.FULL
_DONE: Final = Condition.DONE


class SessionLife(Watch):
    """
    How a session begins, goes on and ends.

    :ivar closeFrame: what its peer is told at the end, once it is known.
    :ivar counters: what it adds to what its service has done.
    :ivar onEnd: called when the session ends, if it is set.
    :ivar owner: who may use it besides knowing its id; nobody else is answered.
    :ivar since: when it was opened.
    """

    __slots__ = (
        "_application",
        "_crowded",
        "_drained",
        "_farewell",
        "_inbox",
        "_known",
        "_outbox",
        "closeFrame",
        "counters",
        "onEnd",
        "owner",
        "since",
    )

    def __init__(self, host: ISessionHost, counters: TransportCounters) -> None:
        super().__init__(host)
        self._outbox = Outbox()
        self._inbox: Inbox | None = None
        self._application: IApplication | None = None
        # Whether the application knows that all was taken, and whether it was told to
        # wait for that.
        self._drained = True
        self._crowded = False
        # What the application is still to be told of the end.
        self._farewell: Failure | None = None
        # Whether the peer is sure to know of the end.
        self._known = False
        self.closeFrame: Close | None = None
        self.counters: TransportCounters = counters
        self.onEnd: Callable[[], object] | None = None
        self.owner: object = None
        self.since: float = 0.0

    # The beginning

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
            self.since = self.spoke
            if self._host.logsSessions:
                self._host.began(self)
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

    # Receivers

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

    def _take(self, receiver: IReceiver) -> None:
        """
        Have a receiver, from now on.
        """
        receiver.session = self
        self._receiver = receiver
        self._turn(Event.ATTACHED)
        self._came()

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
            self._left()
        elif self.state is not _GONE:
            self._turn(Event.DROPPED)
            self._receiver = None
            self._end(Event.LOST, reason)
        self._drive()

    @property
    def application(self) -> IApplication | None:
        """
        What is told of it, while it is open and has not heard of the end.
        """
        return self._application

    @property
    def receiver(self) -> IReceiver | None:
        """
        Its receiver, or the last one that it had.
        """
        return self._receiver

    def _write(self, frame: Frame) -> None:
        """
        Give the receiver a frame.
        """
        raise NotImplementedError

    # The end

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
                self._left()
            if told:
                self._host.told(self)
            self._part(Failure(ConnectionDone()))

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

    def timeUp(self) -> None:
        """
        Some time has passed: what could not be done before may be now.
        """
        self._look()
        self._drive()

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
        self._unwatch()
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
            code = self.counters.ended(self.closeFrame, reason)
            if self._host.logsSessions:
                self._host.ended(self, code)

    def _tellEnd(self) -> None:
        reason, self._farewell = self._farewell, None
        application, self._application = self._application, None
        assert application is not None and reason is not None
        application.sessionLost(reason)
