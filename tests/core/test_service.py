"""Tests for `txsockjs.core.service`: the sessions of one service."""

from __future__ import annotations

from twisted.internet.error import ConnectionAborted, ConnectionDone
from zope.interface.verify import verifyObject

from tests.support.sessions import (
    GO_AWAY,
    RecordingApplication,
    SessionTestCase,
    close,
    polling,
    socket,
)
from txsockjs.core import service
from txsockjs.core.frames import Frame
from txsockjs.core.states import State
from txsockjs.errors import ServiceFull, ServiceStopping, UnknownSession
from txsockjs.interfaces import IReceiver
from txsockjs.testing import MemoryReceiver

RESTART = b'c[1012,"Service Restart"]'


class BrokenReceiver(MemoryReceiver):
    """
    A receiver that takes the open frame and then fails.
    """

    def sendFrame(self, frame: Frame) -> bool:
        if self.frames:
            raise ZeroDivisionError
        return super().sendFrame(frame)


class AdmissionTests(SessionTestCase):
    """
    `Service.admit`, ``get`` and ``open``.
    """

    def test_receiver(self) -> None:
        """
        The receiver of these tests is what the interface says.
        """
        verifyObject(IReceiver, MemoryReceiver())

    def test_known(self) -> None:
        """
        A session is found by its id, and by that alone.
        """
        session, _ = self.open(id=b"one")
        self.assertIs(session, self.service.byId.get(b"one"))
        self.assertIsNone(self.service.byId.get(b"two"))

    def test_sockets(self) -> None:
        """
        A WebSocket's session counts, and nobody finds it: two may share an id. (6.8)
        """
        self.open(socket(), None)
        self.open(socket(), None)
        self.assertEqual(2, len(self.service))

    def test_idAnew(self) -> None:
        """
        The id of a session that is over may be used for a new one.
        """
        first, receiver = self.open()
        receiver.drop()
        second, _ = self.open()
        self.assertIs(second, self.service.byId.get(b"s"))
        self.assertIsNot(first, second)

    def test_full(self) -> None:
        """
        No more sessions than ``max_sessions`` are admitted; one that ends makes room.
        """
        self.configure(max_sessions=2)
        self.open(id=b"a")
        self.service.admit()
        _, receiver = self.open(socket(), None)
        self.assertRaises(ServiceFull, self.service.admit)
        receiver.drop()
        self.service.admit()

    def test_closingMakesRoom(self) -> None:
        """
        A session that only waits to tell its end takes nobody's place.
        """
        self.configure(max_sessions=1)
        session, _ = self.open(polling())
        session.close(close())
        self.service.admit()
        self.clock.advance(5)
        self.assertEqual(0, len(self.service))

    def test_refusedTakesNoRoom(self) -> None:
        """
        Neither does one that was refused.
        """
        self.configure(max_sessions=1)
        self.service.open(b"s", lambda s: s.refuse(close(), polling()))
        self.service.admit()


class FlushTests(SessionTestCase):
    """
    The one flush at the end of a turn.
    """

    def test_each(self) -> None:
        """
        Each session that sent is flushed once, in the order of their first messages.
        """
        order: list[bytes] = []

        class Noting(MemoryReceiver):
            def sendFrame(self, frame: Frame) -> bool:
                order.append(frame.data)
                return super().sendFrame(frame)

        sessions = [self.open(Noting(), b"%d" % n)[0] for n in range(3)]
        order.clear()
        for text in ("a", "b"):
            for session in reversed(sessions):
                self.send(session, f"{text}{sessions.index(session)}")
        self.turn()
        self.assertEqual(
            [b'a["a2","b2"]', b'a["a1","b1"]', b'a["a0","b0"]'],
            order,
        )

    def test_sentWhileFlushing(self) -> None:
        """
        What an application sends because another's was taken goes out too.
        """
        session, _ = self.open()
        other, otherReceiver = self.open(id=b"t")
        answers = iter(["x"])
        self.application.onDrained = lambda: self.send(other, *answers)
        self.send(session, "a")
        self.turn()
        self.assertFrames(otherReceiver, b"o", b'a["x"]')

    def test_endedBeforeTheFlush(self) -> None:
        """
        A session that ended in the same turn is flushed without harm.
        """
        session, receiver = self.open()
        self.send(session, "a")
        session.abort()
        self.turn()
        self.assertFrames(receiver, b"o")
        self.assertLost(ConnectionAborted)

    def test_oneFails(self) -> None:
        """
        A session that cannot be flushed is logged and dropped; the others get theirs.
        """
        broken, receiver = self.open(BrokenReceiver())
        brokenApplication, self.application = self.application, RecordingApplication()
        sound, soundReceiver = self.open(id=b"t")
        self.send(broken, "x")
        self.send(sound, "x")
        self.turn()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertTrue(receiver.aborted)
        self.assertEqual(1, len(brokenApplication.lost))
        self.assertFrames(soundReceiver, b"o", b'a["x"]')

    def test_oneRaises(self) -> None:
        """Whatever comes out of a session's turn, be it no ``Exception``, ends that
        session alone.
        """
        raising, receiver = self.open()

        def drained() -> None:
            raise GeneratorExit

        self.application.onDrained = drained
        self.application = RecordingApplication()
        sound, soundReceiver = self.open(id=b"t")
        self.send(raising, "x")
        self.send(sound, "x")
        self.turn()
        self.assertEqual(1, len(self.flushLoggedErrors(GeneratorExit)))
        self.assertTrue(receiver.aborted)
        self.assertFrames(soundReceiver, b"o", b'a["x"]')


class RememberedTests(SessionTestCase):
    """
    What is kept of sessions that have told their end.
    """

    def test_owner(self) -> None:
        """
        One that is forgotten for want of room is remembered for its owner alone.
        """
        self.patch(service, "MAX_CLOSED", 1)
        for id in (b"s", b"t"):
            session, _ = self.open(polling(), id)
            session.owner = "ada"
            session.close(close())
            self.attach(session, polling())
            self.turn()
        ending = self.service.ending(b"s", "ada")
        assert ending is not None
        self.assertEqual(close().data, ending.data)
        self.assertRaises(UnknownSession, self.service.ending, b"s", "bob")


class DrainTests(SessionTestCase):
    """
    The end of a service: `Service.drain`.
    """

    def test_nothingToDrain(self) -> None:
        """
        A service without sessions is drained at once, and leaves no timer.
        """
        self.successResultOf(self.service.drain())
        self.assertIdle()

    def test_newOnesRefused(self) -> None:
        """
        A service that stops admits nobody.
        """
        self.service.drain()
        self.assertRaises(ServiceStopping, self.service.admit)

    def test_delivered(self) -> None:
        """
        The sessions get what was written before, then the close frame; the drain waits
        until that has left the process.
        """
        session, receiver = self.open()
        self.send(session, "last words")
        receiver.pending = 10
        drained = self.service.drain()
        self.clock.advance(1)
        self.assertFrames(receiver, b"o", b'a["last words"]', RESTART)
        self.assertNoResult(drained)
        receiver.pending = 0
        self.clock.advance(0.1)
        self.successResultOf(drained)
        self.assertLost(ConnectionDone)
        self.assertIdle()

    def test_betweenPolls(self) -> None:
        """
        A client between two polls comes again and gets both.
        """
        session, _ = self.open(polling())
        self.send(session, "x")
        drained = self.service.drain()
        self.clock.advance(1)
        self.assertFrames(self.attach(session, polling()), b'a["x"]')
        self.assertNoResult(drained)
        self.assertFrames(self.attach(session, polling()), RESTART)
        self.clock.advance(0.1)
        self.successResultOf(drained)

    def test_clientNeverComes(self) -> None:
        """
        A client that does not come again is waited for no longer than its delay.
        """
        self.open(polling())
        drained = self.service.drain()
        self.clock.pump([4.9, 0.1, 0.1])
        self.successResultOf(drained)
        self.assertIdle()

    def test_capped(self) -> None:
        """
        After ``drain_timeout`` the rest is dropped.
        """
        self.configure(drain_timeout=3)
        receiver = MemoryReceiver()
        receiver.pause()
        session, _ = self.open(receiver)
        self.send(session, "x")
        drained = self.service.drain()
        self.clock.pump([1] * 3)
        self.successResultOf(drained)
        self.assertIs(State.GONE, session.state)
        self.turn()
        self.assertLost(ConnectionAborted)
        self.assertIdle()

    def test_ownCloseFrame(self) -> None:
        """
        The close frame may be another.
        """
        _, receiver = self.open()
        self.service.drain(close())
        self.turn()
        self.assertFrames(receiver, b"o", GO_AWAY)

    def test_twice(self) -> None:
        """
        Whoever asks a second time waits for the same end.
        """
        self.open(polling())
        both = [self.service.drain(), self.service.drain()]
        self.clock.pump([4.9, 0.1, 0.1])
        for drained in both:
            self.successResultOf(drained)
        self.assertIdle()

    def test_abortAll(self) -> None:
        """
        Dropping all ends each session, and its application hears of it once.
        """
        _, receiver = self.open()
        self.open(polling(), b"t")
        self.service.stop()
        self.assertTrue(receiver.aborted)
        self.turn()
        self.assertLost(ConnectionAborted, ConnectionAborted)
        self.assertRaises(ServiceStopping, self.service.admit)
        self.assertIdle()

    def test_abortedWhileDraining(self) -> None:
        """
        A service that is stopped while it drains is drained then and there.
        """
        self.open(polling())
        drained = self.service.drain()
        self.service.stop()
        self.successResultOf(drained)
        self.turn()
        self.assertIdle()

    def test_startedAgain(self) -> None:
        """
        A service that was stopped while it drained, and started again, keeps its new
        sessions and admits more.
        """
        self.open(polling())
        self.service.drain()
        self.service.stop()
        self.turn()
        self.service.start()
        session, _ = self.open()
        self.clock.pump([1] * 20)
        self.assertIs(State.OPEN, session.state)
        self.service.admit()
