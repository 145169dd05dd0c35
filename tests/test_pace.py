"""Tests for `txsockjs.transport`: when to wait, and when it is too much."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.test_producers import ProducerTestCase, fill
from txsockjs.core.frames import BinaryMessage, Message
from txsockjs.core.outbox import MESSAGE_COST, Outbox
from txsockjs.core.states import State
from txsockjs.testing import MemoryReceiver


class MeasureTests(ProducerTestCase):
    """
    One measure says when to wait, and when it is too much.
    """

    def test_largest(self) -> None:
        """
        A message of half of ``max_buffer`` may be sent whenever nobody said to wait.
        """
        for allowed in 10_000, 131_000, 1_000_000:
            self.configure(max_buffer=allowed)
            self.register(streaming=True, receiver=MemoryReceiver(1))
            many = 0
            while not self.transport.crowded:
                self.transport.write(b"1234567890")
                many += 1
            producer = self.register(streaming=True, receiver=MemoryReceiver(1))
            self.transport.writeSequence([b"1234567890"] * (many - 1))
            self.assertEqual([], producer.calls)
            self.transport.write(b"x" * (allowed // 2))
            self.assertEqual(["pause"], producer.calls)
            self.assertIs(State.OPEN, self.session.state)

    def test_oneRead(self) -> None:
        """
        A protocol that is paused in the middle of one read of the reactor's may send
        the rest of it, in messages of one byte.
        """
        producer = self.register(streaming=True, receiver=MemoryReceiver(1))
        for _ in range(32_768):
            self.transport.write(b"y")
        self.assertEqual(["pause"], producer.calls[:1])
        received = 0
        while self.session.pending:
            received += sum(len(json.loads(frame[1:])) for frame in self.poll())
        self.assertEqual(32_768, received)

    def test_binary(self) -> None:
        """
        So may one of binary messages, in as little time.
        """
        producer = self.register(streaming=True, receiver=MemoryReceiver(1))
        for number in range(20_000):
            self.transport.sendBinary(b"y")
            if number == 600:
                self.assertEqual(["pause"], producer.calls)
        self.assertIs(State.OPEN, self.session.state)
        self.assertEqual(20_000 * (1 + MESSAGE_COST), self.session.pending)

    def test_controls(self) -> None:
        """
        What JSON makes large is not made larger by keeping it as that.
        """
        self.configure(max_buffer=140_000)
        self.register(streaming=True, receiver=MemoryReceiver(1))
        for _ in range(260):
            self.transport.write(bytes(120))
        self.transport.write(bytes(70_000))
        self.assertIs(State.OPEN, self.session.state)
        self.assertEqual(260 * 248 + 70_128, self.session.pending)

    def test_unread(self) -> None:
        """
        What a browser leaves unread while it comes again makes who sends wait, and
        closes the session of one who then does not.
        """
        self.configure(max_buffer=100_000)
        receiver = MemoryReceiver(1)
        producer = self.register(streaming=True, receiver=receiver)
        receiver.pending = 120_000
        self.session.attach(MemoryReceiver())
        self.assertTrue(self.transport.crowded)
        self.transport.write(b"x")
        self.assertEqual(["pause"], producer.calls)
        self.assertIs(State.OPEN, self.session.state)
        self.transport.write(b"x")
        self.assertIs(State.CLOSING, self.session.state)

    def test_whenDrained(self) -> None:
        """
        ``crowded`` holds until ``whenDrained`` fires, and then no more.
        """
        self.register(streaming=True, receiver=MemoryReceiver(1))
        self.assertFalse(self.transport.crowded)
        fill(self.transport)
        drained = self.transport.whenDrained()
        while not drained.called:
            self.assertTrue(self.transport.crowded)
            self.poll()
        self.assertFalse(self.transport.crowded)
        self.assertEqual(0, self.session.pending)

    def test_afterTheEnd(self) -> None:
        """
        Nobody waits for a session that is over.
        """
        self.register(streaming=True)
        self.receiver.pause()
        for _ in range(2):
            fill(self.transport)
        self.assertTrue(self.transport.crowded)
        self.transport.abortConnection()
        self.turn()
        self.assertFalse(self.transport.crowded)
        self.assertTrue(self.transport.whenDrained().called)

    def test_unreadUntold(self) -> None:
        """
        Who sends a large message before it could be told of that is not to blame.
        """
        self.configure(max_buffer=200_000)
        receiver = MemoryReceiver(1)
        producer = self.register(streaming=True, receiver=receiver)
        self.transport.write(b"what the next one takes")
        receiver.pending = 190_000
        self.poll()
        self.assertEqual([], producer.calls)
        self.transport.write(b"x" * 90_000)
        self.assertEqual(["pause"], producer.calls)
        self.assertIs(State.OPEN, self.session.state)
        self.transport.write(b"x" * 90_000)
        self.assertIs(State.CLOSING, self.session.state)

    def test_unreadWhileItFlows(self) -> None:
        """
        Nor is who sends one that goes out at once.
        """
        self.configure(max_buffer=200_000)
        receiver = MemoryReceiver(1)
        self.register(streaming=True, receiver=receiver)
        receiver.pending = 290_000
        self.session.attach(MemoryReceiver())
        self.transport.write(b"x" * 90_000)
        self.assertIs(State.OPEN, self.session.state)

    def test_littleUnread(self) -> None:
        """
        A little that is unread keeps nobody waiting; at the end nothing is.
        """
        receiver = MemoryReceiver(1)
        self.register(streaming=True, receiver=receiver)
        receiver.pending = 1000
        self.session.attach(MemoryReceiver())
        drained = self.transport.whenDrained()
        self.assertFalse(drained.called)
        self.transport.write(b"x")
        self.turn()
        self.assertTrue(drained.called)
        self.transport.abortConnection()
        self.assertEqual(0, self.session.pending)


class OutboxTests(SynchronousTestCase):
    """
    How an outbox is kept small, and what that costs.
    """

    def fill(self, kind: type[Message], count: int = 300) -> None:
        """
        Put so many messages of one byte into the outbox, and keep it small.
        """
        for _ in range(count):
            self.outbox.append(kind.fromBytes(b"y", "utf-8"))
            self.outbox.size += 1 + MESSAGE_COST
        self.outbox.pack()

    def setUp(self) -> None:
        self.outbox = Outbox()

    def test_once(self) -> None:
        """
        What was looked at is not looked at again, whether it was packed or cannot be.
        """
        self.fill(Message)
        self.assertEqual((1, 1), (self.outbox.packed, len(self.outbox)))
        self.fill(BinaryMessage)
        self.assertEqual((301, 301), (self.outbox.packed, len(self.outbox)))
        self.fill(Message, 10)
        self.assertEqual((301, 311), (self.outbox.packed, len(self.outbox)))
        self.assertEqual(300 * 4 - 1 + MESSAGE_COST + 310 * 129, self.outbox.size)

    def test_again(self) -> None:
        """
        When what was packed is gone, what comes is packed in its turn.
        """
        self.fill(Message)
        self.fill(Message)
        self.outbox.gather()
        self.fill(Message)
        self.outbox.append(Message("z"))
        self.outbox.size += 1 + MESSAGE_COST
        self.outbox.gather()
        self.assertEqual((0, 0), (len(self.outbox), self.outbox.packed))
        self.fill(Message)
        self.assertEqual((1, 1), (self.outbox.packed, len(self.outbox)))

    def test_unread(self) -> None:
        """
        What a former receiver on another connection has is counted until it is taken.
        """
        former, other = MemoryReceiver(), MemoryReceiver()
        former.pending = 10
        self.outbox.follow(former, other)
        self.assertEqual(10, self.outbox.pending)
        former.pending = 0
        self.assertEqual(0, self.outbox.pending)
        self.assertIsNone(self.outbox.unread)

    def test_sameConnection(self) -> None:
        """
        On one connection the next waits for it, and it is not counted twice.
        """
        former, other = MemoryReceiver(), MemoryReceiver()
        former.pending = 10
        self.patch(other, "follows", lambda receiver: receiver is former)
        self.outbox.follow(former, other)
        self.assertEqual(0, self.outbox.pending)
