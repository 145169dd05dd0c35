"""Tests for `txsockjs.core.session`: what a session sends, and when."""

from __future__ import annotations

import json

from twisted.internet.error import ConnectionLost

from tests.support.sessions import GO_AWAY, SessionTestCase, close, polling
from txsockjs.core.frames import OVERFLOW
from txsockjs.core.outbox import FRAME_SIZE, MESSAGE_COST
from txsockjs.core.states import State
from txsockjs.testing import MemoryReceiver


def sizes(receiver: MemoryReceiver) -> list[int]:
    """
    How many messages there are in each frame of messages that a receiver got.
    """
    return [len(json.loads(f[1:])) for f in receiver.frames if f.startswith(b"a")]


class FlushTests(SessionTestCase):
    """
    One flush a turn.
    """

    def test_oneFrameATurn(self) -> None:
        """
        All that is sent in one turn of the reactor goes out in one frame, at its end.
        """
        session, receiver = self.open()
        self.send(session, "a", "b")
        self.send(session, "c")
        self.assertFrames(receiver, b"o")
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a","b","c"]')
        self.send(session, "d")
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a","b","c"]', b'a["d"]')

    def test_answerAtOnce(self) -> None:
        """
        What the application answers to messages goes out without waiting for a turn.
        """
        session, receiver = self.open()
        self.application.onReceived = lambda message: self.send(session, str(message))
        session.receive(["a", "b"])
        self.assertFrames(receiver, b"o", b'a["a","b"]')

    def test_orderOfSentAndAnswered(self) -> None:
        """
        An answer does not overtake what was sent in the same turn before it.
        """
        session, receiver = self.open()
        self.application.onReceived = lambda message: self.send(session, "answer")
        self.send(session, "first")
        session.receive(["x"])
        self.turn()
        self.assertFrames(receiver, b"o", b'a["first","answer"]')

    def test_closeInsideReceive(self) -> None:
        """
        An application that closes in reply gets none of the messages behind.
        """
        session, receiver = self.open()
        self.application.onReceived = lambda message: session.close(close())
        session.receive(["x", "y"])
        self.assertEqual(["x"], self.application.received)
        self.assertFrames(receiver, b"o", GO_AWAY)

    def test_flushWithNothingToDo(self) -> None:
        """
        A flush without anything to send writes nothing.
        """
        session, receiver = self.open()
        session.flush()
        self.assertFrames(receiver, b"o")

    def test_oneFlushCall(self) -> None:
        """
        Messages of several sessions wait for the same delayed call.
        """
        first, _ = self.open()
        second, _ = self.open(id=b"t")
        before = len(self.clock.getDelayedCalls())
        self.send(first, "a", "b")
        self.send(second, "c")
        self.assertEqual(before + 1, len(self.clock.getDelayedCalls()))

    def test_noFlushWithoutAReceiver(self) -> None:
        """
        Between two polls, sending costs no delayed call: nobody could take it.
        """
        session, _ = self.open(polling())
        before = len(self.clock.getDelayedCalls())
        self.send(session, "a", "b")
        self.assertEqual(before, len(self.clock.getDelayedCalls()))
        self.assertFrames(self.attach(session, polling()), b'a["a","b"]')


class BackPressureTests(SessionTestCase):
    """
    Receivers that take nothing for a while.
    """

    def test_full(self) -> None:
        """
        A receiver that is full gets no frame until it has room again.
        """
        session, receiver = self.open()
        receiver.pause()
        self.send(session, "a")
        self.turn()
        self.send(session, "b")
        self.send(session, "c")
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a"]')
        receiver.resume()
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a"]', b'a["b","c"]')

    def test_closeWaitsToo(self) -> None:
        """
        A close frame keeps its place behind what a full receiver has still to take.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        session, _ = self.open(receiver)
        self.send(session, "a")
        session.close(close())
        self.turn()
        self.assertFrames(receiver, b"o")
        receiver._paused = False
        receiver.resume()
        self.turn()
        self.assertFrames(receiver, b"o", b'a["a"]', GO_AWAY)

    def test_resumeOfAFormerReceiver(self) -> None:
        """
        That a former receiver has room again opens nothing.
        """
        first = polling()
        session, _ = self.open(first)
        second = MemoryReceiver()
        second.pause()
        self.attach(session, second)
        self.send(session, "a")
        self.turn()
        self.send(session, "b")
        session.resume(first)
        self.turn()
        self.assertFrames(second, b'a["a"]')

    def test_drained(self) -> None:
        """
        The application is told that all is taken when the receiver has room again, or
        has ended with it: not while it is full.
        """
        session, receiver = self.open()
        receiver.pause()
        self.application.drained = 0
        self.send(session, "a")
        self.turn()
        self.assertEqual(0, self.application.drained)
        receiver.resume()
        self.turn()
        self.assertEqual(1, self.application.drained)

    def test_drainedByAPoll(self) -> None:
        """
        A poll that takes all that waits tells the application so.
        """
        session, _ = self.open(polling())
        self.send(session, "a")
        self.application.drained = 0
        self.attach(session, polling())
        self.assertEqual(1, self.application.drained)

    def test_notDrainedWhileClosing(self) -> None:
        """
        An application that has closed is not asked for more.
        """
        session, _ = self.open()
        self.application.drained = 0
        self.send(session, "a")
        session.close(close())
        self.turn()
        self.assertEqual(0, self.application.drained)


class ChunkTests(SessionTestCase):
    """
    Frames of some 64 KiB.
    """

    def test_chunks(self) -> None:
        """
        A frame takes no further message once it holds 64 KiB; none is lost or moved.
        """
        session, _ = self.open(polling())
        texts = [f"{n:01000}" for n in range(800)]
        self.send(session, *texts)
        received = []
        while session.pending:
            receiver = self.attach(session, polling())
            (frame,) = receiver.frames
            self.assertLess(len(frame), FRAME_SIZE + 1100)
            received += json.loads(frame[1:])
        self.assertEqual(texts, received)

    def test_pending(self) -> None:
        """
        The session knows what waits: the bytes of the messages, and a cost for each.
        """
        session, _ = self.open(polling())
        self.send(session, "abc", "\u2028")
        self.assertEqual(3 + 3 + 2 * MESSAGE_COST, session.pending)
        self.attach(session, polling())
        self.assertEqual(0, session.pending)

    def test_pendingOfChunks(self) -> None:
        """
        What one chunk takes is no longer counted.
        """
        session, _ = self.open(polling())
        self.send(session, *["x" * 1000] * 100)
        self.assertEqual(100 * (1000 + MESSAGE_COST), session.pending)
        receiver = self.attach(session, polling())
        self.assertEqual([66], sizes(receiver))
        self.assertEqual(34 * (1000 + MESSAGE_COST), session.pending)

    def test_bigMessage(self) -> None:
        """
        A message is never split, however big it is.
        """
        session, _ = self.open(polling())
        self.send(session, "x" * 200_000, "y")
        self.assertEqual([1], sizes(self.attach(session, polling())))
        self.assertFrames(self.attach(session, polling()), b'a["y"]')

    def test_writtenInTheTurn(self) -> None:
        """
        More than 64 KiB in a turn do not wait for its end, and so take no more memory.
        """
        session, receiver = self.open()
        self.send(session, *["x" * 997] * 66)
        self.assertLess(0, sizes(receiver)[0])
        self.assertLess(session.pending, FRAME_SIZE)


class OverflowTests(SessionTestCase):
    """
    The option ``max_buffer``.
    """

    def test_overflow(self) -> None:
        """
        A session with more undelivered bytes than allowed is closed with 1013, which
        is logged; the application hears of it after its call.
        """
        self.configure(max_buffer=100 * (1000 + MESSAGE_COST))
        session, _ = self.open(polling())
        self.send(session, *["x" * 1000] * 100)
        self.assertIs(State.OPEN, session.state)
        self.send(session, "x")
        self.assertLost()
        self.assertEqual(0, session.pending)
        self.turn()
        self.assertLost(ConnectionLost)
        receiver = self.attach(session, polling())
        self.assertFrames(receiver, b'c[1013,"Too many undelivered messages"]')

    def test_small(self) -> None:
        """
        A limit below the size of a frame holds too.
        """
        self.configure(max_buffer=7 + MESSAGE_COST)
        session, _ = self.open(polling())
        self.send(session, "1234567")
        self.assertIs(State.OPEN, session.state)
        self.send(session, "8")
        self.assertIs(State.CLOSING, session.state)

    def test_notWhileItFlows(self) -> None:
        """
        A receiver that takes all of it may be sent more than the limit in one turn.
        """
        self.configure(max_buffer=10)
        session, receiver = self.open()
        self.send(session, "x" * 200, "y" * 200_000)
        self.turn()
        self.assertEqual(2, sum(sizes(receiver)))
        self.assertIs(State.OPEN, session.state)

    def test_overflowInsideReceive(self) -> None:
        """
        An application that answers too much gets none of the messages behind.
        """
        self.configure(max_buffer=10)
        session, _ = self.open(polling())
        self.application.onReceived = lambda message: self.send(session, "x" * 20)
        session.receive(["a", "b"])
        self.assertEqual(["a"], self.application.received)
        self.turn()
        self.assertLost(ConnectionLost)
        self.assertEqual(0, len(self.service))


class UnreadTests(SessionTestCase):
    """
    Responses that the peer does not read, while it comes again on another connection.
    """

    def test_counted(self) -> None:
        """
        What they hold counts to the session, until it is taken.
        """
        former = polling()
        session, _ = self.open(former)
        former.pending = 50_000
        self.attach(session, MemoryReceiver())
        self.assertEqual(50_000, session.pending)
        former.pending = 0
        self.assertEqual(0, session.pending)

    def test_tooMuch(self) -> None:
        """
        More of it than ``max_buffer`` closes the session of one who goes on writing.
        """
        self.configure(max_buffer=100_000)
        receiver = polling()
        session, _ = self.open(receiver)
        for _ in range(3):
            receiver.pending = 40_000
            receiver = self.attach(session, polling())
            self.send(session, "x" * 70_000)
            self.turn()
        self.assertFrames(self.attach(session, polling()), OVERFLOW.data)

    def test_drained(self) -> None:
        """
        Nobody is asked for more before it is taken, and somebody is soon afterwards.
        """
        former = polling()
        session, _ = self.open(former)
        before = self.application.drained
        former.pending = 100_000
        self.attach(session, MemoryReceiver())
        self.clock.pump([0.5] * 10)
        self.assertEqual(before, self.application.drained)
        former.pending = 0
        self.clock.advance(0.5)
        self.assertEqual(before + 1, self.application.drained)
