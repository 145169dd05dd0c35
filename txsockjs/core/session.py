"""What is said in a SockJS session, and when: `Session`. (PROTOCOL section 6.)

A session decides, and then acts. Whatever happens to it (`Session.send`,
`Session.receive`, `Session.attach`, `Session.lost`, a timer) changes its state along
the tables of `txsockjs.core.states`, and leaves what is to be done. `Session._drive`
does that when the change is over: nothing that the session calls can find it half way,
and what calls back changes the state and waits its turn.

The application is never called from inside a call of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import HEARTBEAT, OVERFLOW, Frame, Message, Part
from txsockjs.core.inbox import Inbox
from txsockjs.core.life import SessionLife
from txsockjs.core.outbox import FRAME_SIZE, MESSAGE_COST
from txsockjs.core.states import Condition, Event, State
from txsockjs.counters import TransportCounters
from txsockjs.errors import UnknownSession
from txsockjs.interfaces import IHostedSession, IReceiver, ISessionHost

# To look up a member of an Enum takes longer than most of what is done with it.
_NEW: Final = State.NEW
_OPEN: Final = State.OPEN
_GONE: Final = State.GONE
_READY: Final = Condition.READY
_FULL: Final = Condition.FULL


class EndOfTurn:
    """
    When the sessions of a service act: at the end of a turn of the reactor, all of them
    in one call.
    """

    def __init__(
        self, clock: IReactorTime, failed: Callable[[Session, Failure], None]
    ) -> None:
        """
        :param failed: is told of a session that raised.
        """
        self._clock = clock
        self._failed = failed
        self._waiting: list[Session] = []
        self._call: IDelayedCall | None = None

    def add(self, session: Session) -> None:
        """
        Call ``session.flush()`` once, when this turn of the reactor ends.
        """
        self._waiting.append(session)
        if self._call is None:
            self._call = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._call = None
        waiting, self._waiting = self._waiting, []
        for session in waiting:
            try:
                # As flush() does, at one call less for each session.
                session._scheduled = False
                session._drive()
            except BaseException:
                self._failed(session, Failure())


@implementer(IHostedSession)
class Session(SessionLife):
    """
    One session: what happens to it, and what follows from that.
    """

    __slots__ = ("_paused",)

    spoke: float

    def __init__(self, host: ISessionHost, counters: TransportCounters) -> None:
        super().__init__(host, counters)
        self._paused = False

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
                elif self._outbox.unread and self.pending > self._enough:
                    # Nobody tells when that is taken.
                    self._lookSoon()
                    return
                else:
                    self._drained = True
                    self._crowded = False
                    self._application.sessionDrained()
                    if self._outbox:
                        # It sends as long as it may: others come first.
                        if not self._scheduled:
                            self._scheduled = True
                            self._host.endOfTurn.add(self)
                        return
        finally:
            self._running = False

    def _later(self) -> None:
        """
        Act when this turn of the reactor ends, if not sooner.
        """
        if not self._running and not self._scheduled:
            self._scheduled = True
            self._host.endOfTurn.add(self)

    def flush(self) -> None:
        """
        This turn of the reactor ends: do what is to be done.
        """
        self._scheduled = False
        self._drive()

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
        if size > FRAME_SIZE or size > self._options.max_buffer:
            self._crowd()
        elif outbox.unread is not None:
            self._weigh(self._crowded)
        elif not self._running and not self._scheduled and self.condition is _READY:
            # As _later() does, at one call less for each message.
            self._scheduled = True
            self._host.endOfTurn.add(self)

    def _crowd(self) -> None:
        """
        More waits than one frame takes: write at once, and keep small what waits.
        """
        outbox, told = self._outbox, self._crowded
        if not self._running:
            # From inside a call of the application's: nothing but frames.
            self._running = True
            try:
                while self.condition is _READY and outbox and not self._effects:
                    # As on TCP: who sends much waits for the end of the turn, in which
                    # others come.
                    self._crowded = True
                    self._writeMessages()
                    self._drained = False
            finally:
                self._running = False
        outbox.pack()
        self._weigh(told)

    def _weigh(self, told: bool) -> None:
        """
        Tell who sends to wait, or give up who was told and did not.
        """
        pending, allowed = self.pending, self._options.max_buffer
        self.counters.held(pending)
        if pending > allowed and (told or self._outbox.size > allowed):
            if self.state is _OPEN:
                self._host.overflowed(self, pending)
                why = "too many undelivered bytes"
                self.fail(OVERFLOW, Failure(ConnectionLost(why)))
        elif pending > self._enough:
            self._crowded = True
            self._drained = False
        self._later()

    @property
    def pending(self) -> int:
        """
        Bytes that the peer has not taken, as they count for ``max_buffer``: those that
        wait here, and those of responses that it does not read.
        """
        return self._outbox.pending

    @property
    def crowded(self) -> bool:
        """
        Whether who sends should wait until all is taken.
        """
        if self._crowded:
            return True
        pending = self._outbox.pending
        return pending > 0 and pending > self._enough

    @property
    def _enough(self) -> int:
        """
        How much may be pending before who sends should wait. One more message may come
        then, which may be half of what is allowed.
        """
        allowed: int = self._options.max_buffer
        return min(FRAME_SIZE, allowed // 2 - MESSAGE_COST)

    def _writeMessages(self) -> None:
        """
        Give the receiver as much of the outbox as one frame takes.
        """
        outbox, application = self._outbox, self._application
        if application is not None and application.listening:
            self._drained = False
        frame: Part
        if len(outbox) == 1:
            # The short way.
            outbox.size = outbox.packed = 0
            frame = outbox.pop()
        else:
            frame = outbox.gather()
        self._write(frame)
        counters, json = self.counters, frame.json
        counters.messagesOut += frame.count
        counters.bytesOut += frame.size if json is None else len(json) + 2

    def _write(self, frame: Frame) -> None:
        """
        Give the receiver a frame. Until it has taken that, it is full.
        """
        receiver = self._receiver
        if receiver is None:
            return
        # The short way: Event.WRITING, and Event.ROOM where there is more of it.
        self.condition = _FULL
        self.spoke = self._clock.seconds()
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
            self._left()
        else:
            self.condition: Condition = _READY if room else _FULL

    def beat(self) -> None:
        """
        The connection was silent for an interval.
        """
        if self.condition is _READY:
            self._leave(self._write, HEARTBEAT)
            self._drive()

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

        :param size: how many bytes they came as.
        :return: None once the application has them, or a `Deferred` that fires when
            it has: it paused its transport. That one fails with `UnknownSession` if
            the session is lost first. What comes after its close is dropped.
        :raise UnknownSession: if the session is over, and its peer knows.
        :raise NotReading: if it is paused and holds all that it may.
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
        Deliver nothing to the application until `resumeReceiving`.
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

    @property
    def deaf(self) -> bool:
        """
        Whether the application does not read what the peer answers.
        """
        return self._paused or bool(self._inbox)
