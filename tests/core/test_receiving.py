"""Tests for `txsockjs.core.session` and `txsockjs.core.inbox`: what comes in, and how
long it is kept from an application that does not read."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support.sessions import SessionTestCase, close, polling
from txsockjs.core.inbox import Inbox
from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.core.session import Session
from txsockjs.errors import NotReading, UnknownSession


class ReceiveTests(SessionTestCase):
    """
    `Session.receive`.
    """

    def test_messages(self) -> None:
        """
        The application gets each message, in order, before the call returns.
        """
        session, _ = self.open()
        self.assertIsNone(session.receive(["a", b"b", ""]))
        self.assertEqual(["a", b"b", ""], self.application.received)

    def test_nothing(self) -> None:
        """
        An empty array is a client's heartbeat, and nothing to the application.
        """
        session, _ = self.open()
        self.assertIsNone(session.receive([]))
        self.assertEqual([], self.application.received)

    def test_withoutAReceiver(self) -> None:
        """
        Messages come in between two polls too.
        """
        session, _ = self.open(polling())
        session.receive(["a"])
        self.assertEqual(["a"], self.application.received)

    def test_notOpen(self) -> None:
        """
        A session that has closed or is gone takes nothing. (PROTOCOL 6.7)
        """
        session, _ = self.open(polling())
        session.close(close())
        self.attach(session, polling())
        self.assertRaises(UnknownSession, session.receive, ["a"])
        session.abort()
        self.assertRaises(UnknownSession, session.receive, ["a"])
        self.assertEqual([], self.application.received)


class CrossingTests(SessionTestCase):
    """
    A client that cannot know yet of the end sends on. To be refused would end it before
    what waits for it.
    """

    def test_closing(self) -> None:
        """
        What comes while the close frame waits is dropped without a word.
        """
        session, _ = self.open(polling())
        session.close(close())
        self.assertIsNone(session.receive(["a"]))
        self.attach(session, polling())
        self.assertEqual([], self.application.received)

    def test_behindMessages(self) -> None:
        """
        So is what comes while the close frame is on its way behind messages, in one
        response with them.
        """
        session, receiver = self.open()
        self.send(session, "x")
        session.close(close())
        self.turn()
        self.assertTrue(receiver.finished)
        self.assertIsNone(session.receive(["a"]))
        self.clock.advance(5)
        self.assertRaises(UnknownSession, session.receive, ["a"])
        self.assertEqual([], self.application.received)


class PausingTests(SessionTestCase):
    """
    An application that has stopped reading.
    """

    def setUp(self) -> None:
        super().setUp()
        self.done: list[object] = []

    def receive(self, session: Session, *messages: str) -> Deferred[None]:
        """
        Let messages come that are held, and keep what becomes of them.
        """
        held = session.receive(list(messages))
        assert held is not None
        held.addCallbacks(self.done.append, lambda f: self.done.append(f.type))
        return held

    def test_held(self) -> None:
        """
        Nothing is delivered while the application is not reading, and whoever brought
        it waits.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a", "b")
        self.turn()
        self.assertEqual(([], []), (self.application.received, self.done))

    def test_resume(self) -> None:
        """
        When it reads on, it gets all in order, in the next turn and not from inside
        its call; then those who brought it are told.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a", "b")
        self.receive(session, "c")
        session.resumeReceiving()
        self.assertEqual([], self.application.received)
        self.turn()
        self.assertEqual(["a", "b", "c"], self.application.received)
        self.assertEqual([None, None], self.done)

    def test_notOvertaken(self) -> None:
        """
        What comes between the resumption and that turn keeps its place.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a")
        session.resumeReceiving()
        self.receive(session, "b")
        self.turn()
        self.assertEqual(["a", "b"], self.application.received)
        self.assertIsNone(session.receive(["c"]))
        self.assertEqual(["a", "b", "c"], self.application.received)

    def test_pauseInsideReceive(self) -> None:
        """
        An application that pauses at a message gets none of the messages behind it.
        """
        session, _ = self.open()
        self.application.onReceived = lambda message: session.pauseReceiving()
        self.receive(session, "a", "b", "c")
        self.assertEqual(["a"], self.application.received)
        session.resumeReceiving()
        self.turn()
        self.assertEqual((["a", "b"], []), (self.application.received, self.done))
        session.resumeReceiving()
        self.turn()
        self.assertEqual(
            (["a", "b", "c"], [None]), (self.application.received, self.done)
        )

    def test_pauseAtTheLast(self) -> None:
        """
        A pause at the last message holds nothing back of that delivery.
        """
        session, _ = self.open()
        self.application.onReceived = lambda message: session.pauseReceiving()
        self.assertIsNone(session.receive(["a"]))
        self.receive(session, "b")
        self.assertEqual(["a"], self.application.received)

    def test_resumeTwice(self) -> None:
        """
        Reading on twice delivers once, and nothing twice.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a")
        session.resumeReceiving()
        session.resumeReceiving()
        self.turn()
        self.assertEqual(["a"], self.application.received)

    def test_resumeAndPause(self) -> None:
        """
        An application that pauses again in the same turn gets nothing.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a")
        session.resumeReceiving()
        session.pauseReceiving()
        self.turn()
        self.assertEqual([], self.application.received)

    def test_answersOfTheHeld(self) -> None:
        """
        What the application answers to held messages goes out in one frame.
        """
        session, receiver = self.open()
        self.application.onReceived = lambda message: self.send(session, str(message))
        session.pauseReceiving()
        self.receive(session, "a", "b")
        session.resumeReceiving()
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a","b"]')

    def test_sendingGoesOn(self) -> None:
        """
        That the application does not read does not keep it from writing.
        """
        session, receiver = self.open()
        session.pauseReceiving()
        self.send(session, "x")
        self.turn()
        self.assertFrames(receiver, b"o", b'a["x"]')

    def test_tooMuch(self) -> None:
        """
        Once as much is held as may be, no more is taken; what is held stays.
        """
        self.configure(max_buffer=100 + 2 * MESSAGE_COST)
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "x" * 60)
        self.assertRaises(NotReading, session.receive, ["y" * 60])
        self.receive(session, "z" * 40)
        session.resumeReceiving()
        self.turn()
        self.assertEqual(["x" * 60, "z" * 40], self.application.received)

    def test_oneDeliveryAlways(self) -> None:
        """
        One delivery is held whatever its size, so that none is refused for ever.
        """
        self.configure(max_buffer=100)
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "x" * 1000)
        session.resumeReceiving()
        self.turn()
        self.assertEqual(["x" * 1000], self.application.received)

    def test_closed(self) -> None:
        """
        Once the application has closed, nobody will take what is held: whoever brought
        it waits no longer, and the application gets none of it.
        """
        session, _ = self.open()
        session.pauseReceiving()
        self.receive(session, "a")
        session.close(close())
        self.assertEqual([None], self.done)
        session.resumeReceiving()
        self.turn()
        self.assertEqual([], self.application.received)

    def test_closedWhilePaused(self) -> None:
        """
        A session that was paused and then closed holds nothing any more.
        """
        session, _ = self.open()
        session.pauseReceiving()
        session.close(close())
        self.assertIsNone(session.receive(["a"]))

    def test_lost(self) -> None:
        """
        When the session is lost, whoever brought it is told.
        """
        session, receiver = self.open()
        session.pauseReceiving()
        self.receive(session, "a")
        session.resumeReceiving()
        receiver.drop()
        self.turn()
        self.assertEqual(([], [UnknownSession]), (self.application.received, self.done))

    def test_closeInsideTheHeld(self) -> None:
        """
        An application that closes at a held message gets none of those behind.
        """
        session, _ = self.open()
        self.application.onReceived = lambda message: session.close(close())
        session.pauseReceiving()
        self.receive(session, "a")
        self.receive(session, "b")
        session.resumeReceiving()
        self.turn()
        self.assertEqual(["a"], self.application.received)
        self.assertEqual([None] * 2, self.done)


class InboxTests(SynchronousTestCase):
    """
    `Inbox`.
    """

    def test_order(self) -> None:
        """
        Messages come out in order; each delivery is completed when its last one has.
        """
        inbox = Inbox(1000)
        first, second = inbox.hold(["a", "b"]), inbox.hold([])
        self.assertEqual("a", inbox.next())
        inbox.complete()
        self.assertNoResult(first)
        self.assertEqual("b", inbox.next())
        inbox.complete()
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertFalse(inbox)

    def test_room(self) -> None:
        """
        What was taken out makes room.
        """
        inbox = Inbox(3 + MESSAGE_COST)
        inbox.hold(["abc"])
        self.assertRaises(NotReading, inbox.hold, ["d"])
        inbox.next()
        inbox.complete()
        inbox.hold(["def"])
        self.assertEqual("def", inbox.next())

    def test_empty(self) -> None:
        """
        Messages without a character take room too.
        """
        inbox = Inbox(10 * MESSAGE_COST)
        for _ in range(10):
            inbox.hold([""])
        self.assertRaises(NotReading, inbox.hold, [""])

    def test_drop(self) -> None:
        """
        Dropping ends or fails what is held, and leaves nothing.
        """
        inbox = Inbox(3)
        held = inbox.hold(["a"])
        inbox.drop()
        self.successResultOf(held)
        held = inbox.hold(["a"])
        inbox.drop(UnknownSession())
        self.failureResultOf(held, UnknownSession)
        self.assertFalse(inbox)
        inbox.drop()
