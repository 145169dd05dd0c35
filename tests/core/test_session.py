"""Tests for `txsockjs.core.session`: the life of a session, but for its end."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.support.sessions import (
    GO_AWAY,
    SessionTestCase,
    close,
    polling,
    socket,
)
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.core.states import CONDITIONS, STATES, Event, State
from txsockjs.errors import UnknownSession
from txsockjs.interfaces import IApplication, ISessionHost
from txsockjs.options import SockJSOptions
from txsockjs.testing import MemoryReceiver

BUSY = b'c[2010,"Another connection still open"]'


class StateTests(SynchronousTestCase):
    """
    The tables of states.
    """

    def test_everyTransition(self) -> None:
        """
        A session and its receiver go where the tables say, and nowhere else.
        """
        service = Service(Clock(), SockJSOptions())
        tables: Any = (("state", STATES, "_become"), ("condition", CONDITIONS, "_turn"))
        for name, table, change in tables:
            for state in table:
                for event in Event:
                    session = Session(service, service.counters[""])
                    setattr(session, name, state)
                    expected = table[state].get(event, state)
                    if event in table[state]:
                        getattr(session, change)(event)
                    else:
                        method = getattr(session, change)
                        self.assertRaises(RuntimeError, method, event)
                    self.assertIs(expected, getattr(session, name))

    def test_onlyForward(self) -> None:
        """
        There is no way back for a session, and no way on from the last state.
        """
        order = list(State)
        for state, following in STATES.items():
            after = {order.index(s) for s in following.values()}
            self.assertTrue(all(index > order.index(state) for index in after))
        self.assertEqual({}, STATES[State.GONE])


class OpeningTests(SessionTestCase):
    """
    The beginning of a session. (PROTOCOL 6.1)
    """

    def test_interfaces(self) -> None:
        """
        The fakes and the service are what a session is made for.
        """
        verifyObject(IApplication, self.application)
        verifyObject(ISessionHost, self.service)

    def test_openFrameFirst(self) -> None:
        """
        The peer has its open frame when the application hears of the session.
        """
        receiver = MemoryReceiver()
        seen: list[list[bytes]] = []
        self.application.onOpened = lambda: seen.append(list(receiver.frames))
        session, _ = self.open(receiver)
        self.assertEqual([[b"o"]], seen)
        self.assertIs(State.OPEN, session.state)
        self.assertIs(session, receiver.session)

    def test_writingWhileOpening(self) -> None:
        """
        What the application sends at once follows the open frame in the same turn.
        """

        def greet() -> None:
            assert receiver.session is not None
            self.send(receiver.session, "hello", "you")

        self.application.onOpened = greet
        receiver = MemoryReceiver()
        self.open(receiver)
        self.assertFrames(receiver, b"o", b'a["hello","you"]')

    def test_pollingTakesOnlyTheOpenFrame(self) -> None:
        """
        A polling receiver is finished with the open frame; the rest waits.
        """
        receiver = polling()
        self.application.onOpened = lambda: self.send(receiver.session, "later")
        session, _ = self.open(receiver)
        self.assertFrames(receiver, b"o")
        self.assertFrames(self.attach(session, polling()), b'a["later"]')

    def test_openedTwice(self) -> None:
        """
        A session opens once.
        """
        session, _ = self.open()
        self.assertRaises(
            RuntimeError, session.open, self.application, MemoryReceiver()
        )

    def test_closingWhileOpening(self) -> None:
        """
        An application that closes at once is told of the end after it was told of
        the beginning.
        """
        receiver = MemoryReceiver()
        self.application.onOpened = lambda: receiver.session.close(close())
        self.open(receiver)
        self.assertFrames(receiver, b"o", GO_AWAY)
        self.assertLost(ConnectionDone)

    def test_refuse(self) -> None:
        """
        A refused session gets its close frame and no open frame; it tells nobody.
        """
        receiver = MemoryReceiver()
        session = self.service.open(b"s", lambda s: s.refuse(close(), receiver))
        self.assertFrames(receiver, GO_AWAY)
        self.assertTrue(receiver.finished)
        self.assertIs(State.CLOSED, session.state)
        self.assertEqual(0, len(self.service))

    def test_refusedAgain(self) -> None:
        """
        A refused session repeats its close frame, and is forgotten after the delay.
        """
        session = self.service.open(b"s", lambda s: s.refuse(close(), polling()))
        self.assertFrames(self.attach(session, polling()), GO_AWAY)
        self.clock.advance(5)
        self.assertIsNone(self.service.byId.get(b"s"))
        self.assertIdle()

    def test_refusedSocket(self) -> None:
        """
        A refused WebSocket is closed, and the session gone with it.
        """
        receiver = socket()
        session = self.service.open(None, lambda s: s.refuse(close(), receiver))
        self.assertTrue(receiver.finished)
        receiver.drop()
        self.assertIs(State.GONE, session.state)
        self.assertIdle()


class ReceiverTests(SessionTestCase):
    """
    One receiver at a time. (PROTOCOL 6.2)
    """

    def test_busy(self) -> None:
        """
        A second receiver is told so and ends; the first one is not disturbed.
        """
        session, first = self.open()
        second = self.attach(session, MemoryReceiver())
        self.assertFrames(second, BUSY)
        self.assertTrue(second.finished)
        self.send(session, "x")
        self.turn()
        self.assertFrames(first, b"o", b'a["x"]')
        self.assertFalse(first.finished)

    def test_busyWhileFull(self) -> None:
        """
        A first receiver that takes nothing for now is the first nevertheless.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        session, _ = self.open(receiver)
        self.assertFrames(self.attach(session, polling()), BUSY)

    def test_busyThenGone(self) -> None:
        """
        That the second one's connection ends does not end the session.
        """
        session, _ = self.open()
        self.attach(session, MemoryReceiver()).drop()
        self.assertIs(State.OPEN, session.state)
        self.assertLost()

    def test_nextReceiver(self) -> None:
        """
        When one receiver has ended, the next one has the session.
        """
        session, _ = self.open(polling())
        second = self.attach(session, polling())
        self.send(session, "x")
        self.turn()
        self.assertFrames(second, b'a["x"]')
        self.assertTrue(second.finished)

    def test_formerReceiverIsLost(self) -> None:
        """
        The end of a connection that a former receiver had is nothing to the session.
        """
        session, first = self.open(polling())
        second = self.attach(session, MemoryReceiver())
        session.lost(first, Failure(ConnectionLost()))
        self.assertIs(State.OPEN, session.state)
        self.assertFalse(second.aborted)

    def test_lost(self) -> None:
        """
        The network fails in the middle of a response: the session is over. (6.6)
        """
        session, receiver = self.open()
        receiver.drop(ConnectionLost())
        self.assertIs(State.GONE, session.state)
        self.assertLost(ConnectionLost)
        self.assertIsNone(self.service.byId.get(b"s"))
        self.assertIdle()

    def test_lostTwice(self) -> None:
        """
        A connection that is lost twice tells the application once.
        """
        _, receiver = self.open()
        receiver.drop(ConnectionLost())
        receiver.drop(ConnectionLost())
        self.assertLost(ConnectionLost)


class WaitingTests(SessionTestCase):
    """
    A session of which it is not known yet whether it may be opened.
    """

    def wait(self, receiver: MemoryReceiver) -> Session:
        """
        Have a session wait with this receiver.
        """
        return self.service.open(b"s", lambda session: session.wait(receiver))

    def test_nothingIsSaid(self) -> None:
        """
        The peer hears nothing, however long it takes, and no timer runs.
        """
        receiver = MemoryReceiver()
        session = self.wait(receiver)
        receiver.resume()
        self.clock.advance(1000)
        self.assertFrames(receiver)
        self.assertIs(State.NEW, session.state)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_opened(self) -> None:
        """
        Then it opens with that receiver, and what came in meanwhile is delivered.
        """
        receiver = MemoryReceiver()
        session = self.wait(receiver)
        self.assertFrames(self.attach(session, polling()), BUSY)
        held = session.receive(["a"])
        session.open(self.application, receiver)
        self.assertFrames(receiver, b"o")
        self.turn()
        self.assertEqual(["a"], self.application.received)
        assert held is not None
        self.successResultOf(held)

    def test_refused(self) -> None:
        """
        Or it is refused, and what came in goes back.
        """
        receiver = MemoryReceiver()
        session = self.wait(receiver)
        held = session.receive(["a"])
        session.refuse(close(4401, "Unauthorized"), receiver)
        self.assertFrames(receiver, b'c[4401,"Unauthorized"]')
        self.clock.advance(5)
        assert held is not None
        self.failureResultOf(held, UnknownSession)
        self.assertIdle()

    def test_closed(self) -> None:
        """
        A service that stops refuses it.
        """
        receiver = MemoryReceiver()
        self.wait(receiver).close(close(1012, "Service Restart"))
        self.assertFrames(receiver, b'c[1012,"Service Restart"]')
        self.assertEqual(0, len(self.service))

    def test_lost(self) -> None:
        """
        When its receiver is lost, the session is over, and whoever decides is told.
        """
        for end in ("drop", "abort"):
            ends: list[str] = []
            receiver = MemoryReceiver()
            session = self.wait(receiver)
            session.onEnd = partial(ends.append, end)
            receiver.drop() if end == "drop" else session.abort()
            self.assertEqual([end], ends)
            self.assertIdle()
