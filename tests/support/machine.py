"""Any order of polls, streams, sockets, drops, writes, closes and time, on one session.

Hypothesis looks for an order in which a message is lost, doubled or moved, the end is
told twice or not at all, a timer stays behind, or a counter goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.model import Model, Noting, Taker
from tests.support.sessions import close
from txsockjs.core.frames import BUSY, Message
from txsockjs.core.session import Session
from txsockjs.core.states import Condition, State
from txsockjs.errors import NotReading, UnknownSession
from txsockjs.options import SockJSOptions
from txsockjs.testing import MemoryReceiver

# Stands for a message of 40 kB.
BIG = "big"

TEXTS = st.lists(
    st.sampled_from(["", "a", "\u2028", '"', "\ud800", BIG]) | st.text(),
    min_size=1,
    max_size=5,
)


alive = precondition(lambda self: not self.gone)


class SessionMachine(RuleBasedStateMachine):
    """
    Sessions over HTTP, one after the other.
    """

    persistent = False

    @initialize(
        heartbeat=st.sampled_from([None, 1, 25]),
        buffer=st.sampled_from([1000, 10**7]),
        limit=st.sampled_from([None, 1]),
    )
    def serve(self, heartbeat: float | None, buffer: int, limit: int | None) -> None:
        """
        Have a service, and a session.
        """
        self.clock = Clock()
        self.options = SockJSOptions(heartbeat=heartbeat, max_buffer=buffer)
        self.service = Noting(self.clock, self.options)
        self.open(None if self.persistent else limit)

    def open(self, limit: int | None) -> None:
        """
        A receiver opens a new session.
        """
        self.model = model = Model(self.clock, self.options.heartbeat)
        self.formers: list[Taker] = []
        self.busy: list[MemoryReceiver] = []
        self.receiver = Taker(model, limit, persistent=self.persistent)
        model.receiver = self.receiver
        self.session = self.service.open(None if self.persistent else b"s", self._start)

    def _start(self, session: Session) -> None:
        self.model.application.session = session
        session.open(self.model.application, self.receiver)

    @property
    def gone(self) -> bool:
        return self.session.state is State.GONE

    def call(self, method: Callable[..., object], *args: object) -> None:
        """
        The application calls the session.
        """
        application = self.model.application
        before, application.busy = application.busy, True
        method(*args)
        application.busy = before

    def send(self, text: str) -> None:
        """
        The application sends.
        """
        if self.session.state is State.OPEN:
            self.model.sent.append(text)
            self.call(self.session.send, Message(text))
            # More than max_buffer, and nobody to take it.
            self.model.dropped |= self.session.state is not State.OPEN

    # The browser

    @rule(limit=st.sampled_from([1, 1, 2, 5, None]))
    def come(self, limit: int | None) -> None:
        """
        A receiver comes: for a new session, for what waits, or too early.
        """
        if self.gone:
            self.open(None if self.persistent else limit)
            return
        if self.persistent:
            return
        if self.session.condition in (Condition.READY, Condition.FULL):
            self.busy.append(MemoryReceiver())
            self.session.attach(self.busy[-1])
            return
        self.formers.append(self.receiver)
        self.receiver = self.model.receiver = Taker(self.model, limit)
        self.session.attach(self.receiver)

    @precondition(lambda self: self.formers and not self.gone)
    @rule(ended=st.booleans())
    def stir(self, ended: bool) -> None:
        """
        A connection that the session had before has room again, or ends.
        """
        state = self.session.state
        if ended:
            self.session.lost(self.formers[-1], Failure(ConnectionLost()))
        else:
            self.session.resume(self.formers[-1])
        assert self.session.state is state

    @alive
    @rule(fault=st.sampled_from(["drop", "abort", "fail"]))
    def giveUp(self, fault: str) -> None:
        """
        The network fails under the receiver, the application aborts or has raised.
        """
        if fault == "abort":
            self.abort()
        elif fault == "fail":
            self.fail()
        elif not self.receiver.finished:
            self.model.dropped |= self.session.state in (State.OPEN, State.CLOSING)
            self.receiver.drop(ConnectionLost())
            assert self.gone
        elif self.persistent:
            # After its close frame, a WebSocket ends in good order.
            self.receiver.drop()
            assert self.gone

    @precondition(lambda self: not self.receiver.finished and not self.gone)
    @rule(pending=st.integers(0, 1000))
    def fill(self, pending: int) -> None:
        """
        The receiver is full.
        """
        self.receiver.pause()
        self.receiver.pending = pending
        self.send("the last that it takes")
        self.turn()

    @alive
    @rule()
    def deliver(self) -> None:
        """
        All that the receiver has taken is delivered, and it has room again.
        """
        self.receiver.pending = 0
        if not self.receiver.finished:
            self.receiver.resume()

    @alive
    @rule(texts=TEXTS)
    def bring(self, texts: list[str]) -> None:
        """
        The browser sends.
        """
        before = len(self.model.brought)
        self.model.brought += texts
        try:
            held = self.session.receive(list(texts))
        except UnknownSession:
            assert self.session.state is not State.OPEN
            del self.model.brought[before:]
        except NotReading:
            del self.model.brought[before:]
        else:
            if held is not None:
                self.model.held += 1
                held.addErrback(lambda reason: reason.trap(UnknownSession))
                held.addCallback(partial(self._done, self.model))

    def _done(self, model: Model, result: object) -> None:
        model.held -= 1

    # The application

    @alive
    @rule(texts=TEXTS)
    def write(self, texts: list[str]) -> None:
        """
        The application sends.
        """
        for text in texts:
            self.send("x" * 40_000 if text == BIG else text)

    @alive
    @rule(deed=st.sampled_from(["nothing", "echo", "close", "pause", "abort", "fail"]))
    def behave(self, deed: str) -> None:
        """
        What the application does with each message from now on.
        """
        deeds = {
            "nothing": lambda message: None,
            "echo": lambda message: self.send(str(message)),
            "close": lambda message: self.close(),
            "pause": lambda message: self.session.pauseReceiving(),
            "abort": lambda message: self.abort(),
            "fail": lambda message: self.fail(),
        }
        self.model.application.onReceived = deeds[deed]

    def abort(self) -> None:
        """
        The application aborts.
        """
        self.model.dropped = True
        self.call(self.session.abort)
        assert self.gone

    def fail(self) -> None:
        """
        The application has raised.
        """
        self.model.dropped |= self.session.state is State.OPEN
        self.session.fail(close(1011, "Internal error"), Failure(ZeroDivisionError()))

    @alive
    @rule()
    def close(self) -> None:
        """
        The application closes.
        """
        self.call(self.session.close, close())

    @precondition(lambda self: self.gone)
    @rule()
    def tooLate(self) -> None:
        """
        Whatever the application does to a session that is gone has no effect.
        """
        self.turn()
        session, told = self.session, len(self.model.application.lost)
        session.send(Message("late"))
        session.close(close())
        session.fail(close(), Failure(ZeroDivisionError()))
        session.abort()
        session.resumeReceiving()
        session.flush()
        session.resume(self.receiver)
        session.lost(self.receiver, Failure(ConnectionLost()))
        assert self.gone
        assert len(self.model.application.lost) == told

    @alive
    @rule()
    def pauseReading(self) -> None:
        """
        The application does not read.
        """
        self.session.pauseReceiving()

    @alive
    @rule()
    def resumeReading(self) -> None:
        """
        The application reads on.
        """
        self.session.resumeReceiving()

    @alive
    @rule(first=TEXTS, second=TEXTS)
    def hesitate(self, first: list[str], second: list[str]) -> None:
        """
        The application does not read for a moment, in which the browser sends.
        """
        self.session.pauseReceiving()
        self.bring(first)
        self.session.resumeReceiving()
        self.bring(second)

    @alive
    @rule(
        deeds=st.lists(
            st.sampled_from(
                [
                    "come",
                    "bring",
                    "write",
                    "close",
                    "abort",
                    "fail",
                    "drop",
                    "resume",
                    "pause",
                    "read",
                    "raise",
                ]
            ),
            min_size=1,
            max_size=4,
        )
    )
    def callBack(self, deeds: list[str]) -> None:
        """
        What happens in the middle of the next calls of the receiver's.
        """
        self.model.deeds = [partial(self.meanwhile, deed) for deed in deeds]

    def meanwhile(self, deed: str) -> None:
        """
        Something happens while the session is in a call of the receiver's.
        """
        session, receiver = self.session, self.receiver
        if deed == "raise":
            raise ZeroDivisionError
        if self.gone:
            return
        if deed == "drop":
            if session._receiver is receiver and session.state is not State.CLOSED:
                self.model.dropped = True
                session.lost(receiver, Failure(ConnectionLost()))
            return
        if deed == "resume":
            session.resume(receiver)
            return
        deeds: dict[str, Callable[[], object]] = {
            "come": partial(self.come, 1),
            "bring": partial(self.bring, ["meanwhile"]),
            "write": partial(self.send, "meanwhile"),
            "close": self.close,
            "abort": self.abort,
            "fail": self.fail,
            "pause": self.pauseReading,
            "read": self.resumeReading,
        }
        deeds[deed]()

    @alive
    @rule(deed=st.sampled_from(["nothing", "send", "close", "abort"]))
    def whenDrained(self, deed: str) -> None:
        """
        What the application does when it is asked for more.
        """

        def send() -> None:
            if len(self.model.sent) < 50:
                self.send("more")

        deeds = {
            "nothing": lambda: None,
            "send": send,
            "close": self.close,
            "abort": self.abort,
        }
        self.model.application.onDrained = deeds[deed]

    # Time

    @rule()
    def turn(self) -> None:
        """
        The turn of the reactor ends: nothing that could go out has not.
        """
        self.clock.advance(0)
        model = self.model
        for busy in self.busy:
            assert (busy.frames, busy.finished) == ([BUSY.data], True)
        if self.receiver.live and not self.gone:
            assert model.dropped or model.taken == model.sent
        if self.session.state is State.OPEN and not self.session._paused:
            assert model.application.received == model.brought
        if self.session.state is not State.OPEN or not self.session._paused:
            assert not model.held
        if self.gone:
            assert len(model.application.lost) == 1
            assert not self.clock.getDelayedCalls()
        else:
            assert len(self.clock.getDelayedCalls()) <= 1

    @rule(seconds=st.sampled_from([0.1, 1, 4.9, 5, 26, 80]))
    def advance(self, seconds: float) -> None:
        """
        Time passes. A session with a receiver that takes frames stays; one without any
        for long enough goes.
        """
        self.turn()
        state, receiver = self.session.state, self.receiver
        heartbeat, frames = self.options.heartbeat, len(receiver.frames)
        stays = receiver.live and state is State.OPEN and not self.model.deeds
        # Nobody comes; or nothing moves.
        goes = receiver.finished and not self.persistent
        goes |= bool(not receiver.live and receiver.pending and heartbeat)
        steps = max(1, int(seconds))
        for _ in range(steps):
            self.clock.advance(seconds / steps)
        if stays and not receiver.finished:
            assert self.session.state is State.OPEN
            beats = receiver.frames[frames:].count(b"h")
            want = int(seconds / heartbeat) if heartbeat else 0
            assert abs(beats - want) <= 1
        if goes and seconds > 75:
            assert self.gone
        if self.gone and state in (State.OPEN, State.CLOSING):
            self.model.dropped = True
        self.turn()

    # What always holds

    @invariant()
    def nothingLostOrMoved(self) -> None:
        """
        What was taken is what was sent, from the beginning on; so is what came in.
        """
        model = self.model
        assert model.taken == model.sent[: len(model.taken)]
        received = model.application.received
        assert received == model.brought[: len(received)]

    @invariant()
    def countersAreRight(self) -> None:
        """
        The session counts the bytes that wait, the service the sessions that are open.
        """
        if self.gone:
            assert not self.session.pending
        else:
            least, most = self.model.waiting
            unread = sum(former.pending for former in self.formers)
            assert least <= self.session.pending <= most + unread
            assert self.session.pending <= self.options.max_buffer + unread
        assert len(self.service) == (self.session.state is State.OPEN)
        known = self.service.byId.get(b"s")
        assert known is (None if self.gone or self.persistent else self.session)

    @invariant()
    def nothingRaised(self) -> None:
        """
        Nothing was raised but what a receiver was told to raise.
        """
        for failure in self.service.failures:
            if not failure.check(ZeroDivisionError):
                failure.raiseException()

    @invariant()
    def toldOnce(self) -> None:
        """
        The application hears of the end once, and not while the session is open.
        """
        told = len(self.model.application.lost)
        assert self.model.application.opened == 1
        assert told <= (self.session.state is not State.OPEN)

    def teardown(self) -> None:
        """
        In the end the browser comes for all that is left.
        """
        if not hasattr(self, "session"):
            return
        self.model.application.onReceived = lambda message: None
        self.close()
        self.deliver()
        self.turn()
        for _ in range(100):
            if self.gone or self.model.closed is not None:
                break
            self.come(1)
            self.turn()
        if self.persistent and not self.gone:
            self.receiver.drop()
        assert self.model.dropped or self.model.taken == self.model.sent
        self.receiver.pending = 0
        self.advance(80)
        assert self.gone
        assert len(self.model.application.lost) == 1


class SocketMachine(SessionMachine):
    """
    Sessions over WebSockets.
    """

    persistent = True
