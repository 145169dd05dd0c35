"""Tests for `txsockjs.core.session`: how a session ends."""

from __future__ import annotations

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from tests.support.sessions import (
    GO_AWAY,
    RecordingApplication,
    SessionTestCase,
    close,
    polling,
    socket,
)
from txsockjs.core.frames import Frame, Message
from txsockjs.core.states import State
from txsockjs.testing import MemoryReceiver


class ClosingTests(SessionTestCase):
    """
    The application closes. (PROTOCOL 6.5)
    """

    def test_close(self) -> None:
        """
        What was sent before is delivered first, then the close frame; the application
        hears of it afterwards, not from inside its call.
        """
        session, receiver = self.open()
        self.send(session, "x")
        session.close(close())
        self.assertLost()
        self.turn()
        self.assertFrames(receiver, b"o", b'a["x"]', GO_AWAY)
        self.assertTrue(receiver.finished)
        self.assertLost(ConnectionDone)

    def test_codeAndReason(self) -> None:
        """
        The application's own code and reason go out.
        """
        session, receiver = self.open()
        session.close(close(4001, "see you"))
        self.turn()
        self.assertFrames(receiver, b"o", b'c[4001,"see you"]')

    def test_nothingAfterClose(self) -> None:
        """
        What is sent after the close goes nowhere, and a second close changes nothing.
        """
        session, receiver = self.open()
        session.close(close())
        self.send(session, "late")
        session.close(close(4000, "again"))
        self.turn()
        self.assertFrames(receiver, b"o", GO_AWAY)
        self.assertEqual(0, session.pending)

    def test_closeBetweenPolls(self) -> None:
        """
        Without a receiver, the next ones get first the messages, then the close.
        """
        session, _ = self.open(polling())
        self.send(session, "x")
        session.close(close())
        self.turn()
        self.assertFrames(self.attach(session, polling()), b'a["x"]')
        self.assertLost()
        self.assertFrames(self.attach(session, polling()), GO_AWAY)
        self.assertLost(ConnectionDone)

    def test_closeAgainAndAgain(self) -> None:
        """
        Every later receiver gets the close frame, until there was none for the delay.
        """
        session, _ = self.open(polling())
        session.close(close())
        for _ in range(4):
            self.assertFrames(self.attach(session, polling()), GO_AWAY)
            self.clock.advance(4.9)
        self.clock.advance(0.2)
        self.assertIs(State.GONE, session.state)
        self.assertLost(ConnectionDone)
        self.assertIdle()

    def test_closedIsNotOpen(self) -> None:
        """
        A session that closes no longer counts as open.
        """
        session, _ = self.open(polling())
        session.close(close())
        self.assertEqual(0, len(self.service))
        self.assertIs(session, self.service.byId.get(b"s"))

    def test_closeSocket(self) -> None:
        """
        A WebSocket's session ends with the WebSocket, for the reason that has.
        """
        session, receiver = self.open(socket(), None)
        session.close(close())
        self.turn()
        self.assertFrames(receiver, b"o", GO_AWAY)
        self.assertTrue(receiver.finished)
        self.assertLost()
        receiver.drop()
        self.assertLost(ConnectionDone)
        self.assertIdle()

    def test_lostWhileClosing(self) -> None:
        """
        The network fails before the close frame could go out.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        session, _ = self.open(receiver)
        self.send(session, "x")
        session.close(close())
        receiver.drop(ConnectionLost())
        self.assertLost(ConnectionLost)
        self.assertIdle()

    def test_nobodyComesForTheClose(self) -> None:
        """
        A closing session without a receiver is lost after the disconnect delay.
        """
        session, _ = self.open(polling())
        session.close(close())
        self.clock.advance(5)
        self.assertLost(ConnectionLost)
        self.assertIdle()


class AbortTests(SessionTestCase):
    """
    `Session.abort` and `Session.fail`.
    """

    def test_abort(self) -> None:
        """
        An aborted session drops its connection at once; the application hears of it
        in the next turn.
        """
        session, receiver = self.open()
        self.send(session, "never")
        session.abort()
        self.assertTrue(receiver.aborted)
        self.assertLost()
        self.turn()
        self.assertLost(ConnectionAborted)
        self.assertFrames(receiver, b"o")
        self.assertIdle()

    def test_abortTwice(self) -> None:
        """
        The second time has no effect.
        """
        session, _ = self.open()
        session.abort()
        session.abort()
        self.turn()
        self.assertLost(ConnectionAborted)

    def test_abortWhileClosing(self) -> None:
        """
        A session that is being closed can be aborted; there is one reason.
        """
        session, _ = self.open(polling())
        session.close(close())
        session.abort()
        self.turn()
        self.assertLost(ConnectionAborted)
        self.assertIdle()

    def test_abortClosed(self) -> None:
        """
        Aborting a session that has told its end forgets it.
        """
        session, _ = self.open(polling())
        session.close(close())
        self.attach(session, polling())
        session.abort()
        self.turn()
        self.assertLost(ConnectionDone)
        self.assertIdle()

    def test_abortInsideReceive(self) -> None:
        """
        An application that aborts gets none of the messages behind, and hears of the
        end when it has returned.
        """
        session, receiver = self.open()

        def abort(message: object) -> None:
            session.abort()
            self.assertLost()
            # Nothing is called from inside a call.
            self.assertFalse(receiver.aborted)

        self.application.onReceived = abort
        session.receive(["x", "y"])
        self.assertTrue(receiver.aborted)
        self.assertEqual(["x"], self.application.received)
        self.assertLost(ConnectionAborted)

    def test_fail(self) -> None:
        """
        A fault drops what waits, and tells the application when its call is over and
        the peer with its own close frame.
        """
        session, receiver = self.open()
        self.send(session, "never")
        session.fail(close(1011, "Internal error"), Failure(ZeroDivisionError()))
        self.assertLost()
        self.assertEqual(0, session.pending)
        self.turn()
        self.assertLost(ZeroDivisionError)
        self.assertFrames(receiver, b"o", b'c[1011,"Internal error"]')
        self.clock.advance(5)
        self.assertLost(ZeroDivisionError)
        self.assertIdle()

    def test_failAfterClose(self) -> None:
        """
        A fault in a session that closes already changes nothing.
        """
        session, receiver = self.open()
        session.close(close())
        session.fail(close(1011, "Internal error"), Failure(ZeroDivisionError()))
        self.turn()
        self.assertFrames(receiver, b"o", GO_AWAY)
        self.assertLost(ConnectionDone)

    def test_othersUntouched(self) -> None:
        """
        The end of one session is nothing to another.
        """
        session, _ = self.open()
        others = self.application = RecordingApplication()
        other, receiver = self.open(id=b"t")
        session.abort()
        self.turn()
        other.send(Message("x"))
        self.turn()
        self.assertFrames(receiver, b"o", b'a["x"]')
        self.assertEqual([], others.lost)


class SettledTests(SessionTestCase):
    """
    `Session.settled`: a session that a stopping service need not wait for.
    """

    def test_untilTheCloseFrameIsDelivered(self) -> None:
        """
        A session is settled when its close frame has left this process.
        """
        session, receiver = self.open()
        self.assertFalse(session.settled)
        receiver.pending = 10
        session.close(close())
        self.turn()
        self.assertFalse(session.settled)
        receiver.pending = 0
        self.assertTrue(session.settled)

    def test_socket(self) -> None:
        """
        A WebSocket's session is settled when the WebSocket has ended.
        """
        session, receiver = self.open(socket())
        session.close(close())
        self.turn()
        self.assertFalse(session.settled)
        receiver.drop()
        self.assertTrue(session.settled)


class Broken(MemoryReceiver):
    """
    A receiver that raises in one of its calls.
    """

    def __init__(self, where: str, limit: int | None = None) -> None:
        super().__init__(limit)
        self.where = where

    def sendFrame(self, frame: Frame) -> bool:
        if self.where == "sendFrame":
            raise KeyboardInterrupt
        return super().sendFrame(frame)

    def finish(self) -> None:
        super().finish()
        if self.where == "finish":
            raise KeyboardInterrupt


class BrokenTests(SessionTestCase):
    """
    What a receiver raises, whatever it is, leaves nothing half way.
    """

    def test_opening(self) -> None:
        """
        A session whose first frame cannot be written is not counted and not there; its
        application hears of the end alone, to let go of what it has.
        """
        receiver = Broken("sendFrame")
        session, _ = self.open(receiver)
        self.assertEqual(0, self.application.opened)
        self.assertLost(ConnectionLost)
        self.assertTrue(receiver.aborted)
        self.assertIs(State.GONE, session.state)
        self.assertEqual(0, self.service.counters.open)
        self.assertIdle()
        self.assertEqual(1, len(self.flushLoggedErrors(KeyboardInterrupt)))

    def test_finishing(self) -> None:
        """
        One that cannot be ended does not keep the next one from being served.
        """
        session, _ = self.open(Broken("finish", 1))
        self.assertEqual(1, self.application.opened)
        self.send(session, "x")
        self.assertFrames(self.attach(session, polling()), b'a["x"]')
        self.assertEqual(1, len(self.flushLoggedErrors(KeyboardInterrupt)))

    def test_gone(self) -> None:
        """
        A receiver that was meant for a session which is just gone is told so.
        """
        session, _ = self.open()
        session.abort()
        receiver = self.attach(session, polling())
        self.assertFrames(receiver, b'c[1002,"Connection interrupted"]')
        self.assertTrue(receiver.finished)

    def test_refusedFirst(self) -> None:
        """
        A session that is refused tells why before what it was sent goes back.
        """
        receiver = MemoryReceiver()
        session = self.service.open(b"s", lambda session: session.wait(receiver))
        held = session.receive(["a"])
        assert held is not None
        seen: list[int] = []
        held.addErrback(lambda reason: seen.append(len(receiver.frames)))
        session.refuse(close(4401, "Unauthorized"), receiver)
        self.assertEqual([1], seen)
