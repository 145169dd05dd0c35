"""Tests for `txsockjs.transport`: producers, at the pace of the browser."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer

from tests.test_transport import GO_AWAY, Recorder, TransportTestCase
from txsockjs.core.outbox import FRAME_SIZE, MESSAGE_COST
from txsockjs.testing import MemoryReceiver
from txsockjs.transport import SessionTransport

KILOBYTE = b"x" * 1021


@implementer(IPushProducer, IPullProducer)
class Producer:
    """
    A producer that writes so much each time it is resumed.

    :ivar calls: what it was told to do.
    """

    def __init__(self, consumer: SessionTransport, *items: bytes) -> None:
        self._consumer = consumer
        self.items = list(items)
        self.calls: list[str] = []

    def resumeProducing(self) -> None:
        self.calls.append("resume")
        if self.items:
            self._consumer.write(self.items.pop(0))

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def stopProducing(self) -> None:
        self.calls.append("stop")


def fill(transport: SessionTransport) -> None:
    """
    Write until a push producer has to pause.
    """
    for _ in range(FRAME_SIZE // 1024 + 2):
        transport.write(KILOBYTE)


class ProducerTestCase(TransportTestCase):
    """
    A session with a producer.
    """

    def register(
        self,
        *items: bytes,
        streaming: bool,
        receiver: MemoryReceiver | None = None,
    ) -> Producer:
        """
        Open a session and register a producer of these items with it.
        """
        self.protocol = Recorder()
        self.transport = self.open(self.protocol, receiver)
        producer = Producer(self.transport, *items)
        self.transport.registerProducer(producer, streaming)
        return producer

    def poll(self) -> list[bytes]:
        """
        Let a polling receiver come; the frames that it got.
        """
        receiver = MemoryReceiver(1)
        self.session.attach(receiver)
        self.turn()
        return receiver.frames


class RegisteringTests(ProducerTestCase):
    """
    ``registerProducer`` and ``unregisterProducer``.
    """

    def test_second(self) -> None:
        """
        There is one producer at a time; the next may come when it has left.
        """
        producer = self.register(streaming=True)
        other: Any = Producer(self.transport)
        error = self.assertRaises(
            RuntimeError, self.transport.registerProducer, other, True
        )
        self.assertIn(repr(producer), str(error))
        self.transport.unregisterProducer()
        self.transport.registerProducer(other, False)
        self.assertEqual(["resume"], other.calls)

    def test_pushIsNotStarted(self) -> None:
        """
        A push producer starts by itself, a pull producer when it is asked.
        """
        self.assertEqual([], self.register(b"x", streaming=True).calls)
        self.assertEqual(["resume"], self.register(b"x", streaming=False).calls)

    def test_afterTheEnd(self) -> None:
        """
        A producer that comes too late is stopped at once.
        """
        self.register(streaming=True)
        self.transport.unregisterProducer()
        self.receiver.drop()
        late: Any = Producer(self.transport)
        self.transport.registerProducer(late, True)
        self.assertEqual(["stop"], late.calls)

    def test_stopped(self) -> None:
        """
        A producer is stopped once when the session ends, before its protocol hears of
        the end; one that was unregistered is not.
        """
        producer = self.register(streaming=True)
        self.protocol.hooks["connectionLost"] = lambda: producer.calls.append("lost")
        self.receiver.drop()
        self.assertEqual(["stop", "lost"], producer.calls)
        former = self.register(streaming=True)
        self.transport.unregisterProducer()
        self.receiver.drop()
        self.assertEqual([], former.calls)

    def test_stopRaises(self) -> None:
        """
        A producer that raises when it is stopped does not keep the end from its
        protocol.
        """
        producer: Any = self.register(streaming=True)
        producer.stopProducing = lambda: 1 / 0
        self.receiver.drop()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual(1, len(self.protocol.reasons))

    def test_resumeRaises(self) -> None:
        """
        A producer that raises when it is resumed loses its session, which is logged.
        """
        producer: Any = self.register(streaming=True, receiver=MemoryReceiver(1))
        fill(self.transport)
        producer.resumeProducing = lambda: 1 / 0
        while self.session.pending:
            self.poll()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual([b'c[1011,"Internal error"]'], self.poll())
        self.assertEqual(1, len(self.protocol.reasons))


class PushTests(ProducerTestCase):
    """
    Push producers: paused while too much waits.
    """

    def test_paused(self) -> None:
        """
        A push producer is paused once when more than 64 KiB wait, and resumed when all
        is taken.
        """
        producer = self.register(streaming=True)
        self.receiver.pause()
        self.transport.write(b"the last that it takes")
        self.turn()
        for _ in range(FRAME_SIZE // (len(KILOBYTE) + MESSAGE_COST)):
            self.transport.write(KILOBYTE)
        self.assertEqual([], producer.calls)
        fill(self.transport)
        self.assertEqual(["pause"], producer.calls)
        while self.session.pending:
            self.receiver.resume()
            self.turn()
            self.receiver.pause()
        self.receiver.resume()
        self.turn()
        self.assertEqual(["pause", "resume"], producer.calls)

    def test_turns(self) -> None:
        """
        A producer that writes until it is paused, to a receiver that takes everything,
        leaves the others their turn.
        """
        producer = self.register(streaming=True)
        for turn in range(3):
            while producer.calls[-1:] != ["pause"]:
                self.transport.write(KILOBYTE)
            self.assertEqual(turn + 1, producer.calls.count("pause"))
            self.assertLess(len(self.receiver.frames), 2 * turn + 3)
            self.turn()
        self.assertEqual(["pause", "resume"] * 3, producer.calls)
        self.assertEqual(0, self.session.pending)

    def test_littleAtATime(self) -> None:
        """
        One that writes little in a turn is never paused while it flows.
        """
        producer = self.register(streaming=True)
        for _ in range(200):
            self.transport.write(KILOBYTE)
            self.turn()
        self.assertEqual([], producer.calls)

    def test_acrossPolls(self) -> None:
        """
        Between two polls a push producer is paused too, and goes on when the browser
        has come for what waits.
        """
        producer = self.register(streaming=True, receiver=MemoryReceiver(1))
        fill(self.transport)
        self.assertEqual(["pause"], producer.calls)
        self.poll()
        self.assertEqual(["pause"], producer.calls)
        self.poll()
        self.assertEqual(["pause", "resume"], producer.calls)

    def test_memoryIsBounded(self) -> None:
        """
        A push producer that heeds its calls never has much more than 64 KiB waiting,
        and everything arrives in order.
        """
        items = [b"%05d" % n + KILOBYTE for n in range(500)]
        producer = self.register(streaming=True, receiver=MemoryReceiver(1))
        most, frames, sent = 0, b"", 0
        for _ in range(1000):
            while sent < len(items) and producer.calls[-1:] != ["pause"]:
                self.transport.write(items[sent])
                sent += 1
                most = max(most, self.session.pending)
            if not self.session.pending:
                break
            frames += b"".join(self.poll())
        self.assertLess(most, FRAME_SIZE + 2048)
        self.assertEqual(b"".join(items), frames.translate(None, b'a[]",'))


class PullTests(ProducerTestCase):
    """
    Pull producers: asked for more when all is taken.
    """

    def test_oneATurn(self) -> None:
        """
        A pull producer is asked again each time its last item has gone out.
        """
        producer = self.register(b"a", b"b", b"c", streaming=False)
        for _ in range(3):
            self.turn()
        self.assertFrames(b'a["a"]', b'a["b"]', b'a["c"]')
        self.transport.unregisterProducer()
        self.turn()
        self.assertEqual(4, len(producer.calls))

    def test_full(self) -> None:
        """
        It is not asked while the receiver is full.
        """
        producer = self.register(b"a", b"b", b"c", streaming=False)
        self.receiver.pause()
        for _ in range(3):
            self.turn()
        self.assertFrames(b'a["a"]')
        self.assertEqual(1, len(producer.calls))
        self.receiver.resume()
        self.turn()
        self.assertFrames(b'a["a"]', b'a["b"]', b'a["c"]')

    def test_acrossPolls(self) -> None:
        """
        A pull producer has one item waiting between two polls, and not more.
        """
        producer = self.register(
            b"a", b"b", b"c", streaming=False, receiver=MemoryReceiver(1)
        )
        self.clock.advance(1)
        self.assertEqual(1, len(producer.calls))
        self.assertEqual([[b'a["a"]'], [b'a["b"]']], [self.poll(), self.poll()])

    def test_registeredWhileOpening(self) -> None:
        """
        A protocol may register its producer as soon as it is connected.
        """
        protocol = Recorder()
        producers: list[Producer] = []

        def start() -> None:
            producers.append(Producer(protocol.transport, b"a", b"b"))
            protocol.transport.registerProducer(producers[0], False)

        protocol.hooks["connectionMade"] = start
        self.open(protocol)
        self.turn()
        self.turn()
        self.assertFrames(b'a["a"]', b'a["b"]')


class ClosingTests(ProducerTestCase):
    """
    ``loseConnection`` with a producer registered: as on TCP.
    """

    def test_pull(self) -> None:
        """
        A pull producer is heard to its end, and then the connection closes.
        """
        self.register(b"a", b"b", b"c", streaming=False)
        self.transport.loseConnection(4001, "done")
        for _ in range(4):
            self.turn()
        self.assertEqual([], self.protocol.reasons)
        self.transport.unregisterProducer()
        self.turn()
        self.assertFrames(b'a["a"]', b'a["b"]', b'a["c"]', b'c[4001,"done"]')
        self.assertEqual([ConnectionDone], [r.type for r in self.protocol.reasons])

    def test_twice(self) -> None:
        """
        The first close stands, however long it waits.
        """
        self.register(streaming=False)
        self.transport.loseConnection(4001, "first")
        self.transport.loseConnection(4002, "second")
        self.transport.unregisterProducer()
        self.turn()
        self.assertFrames(b'c[4001,"first"]')

    def test_pushThatFlows(self) -> None:
        """
        A push producer that is not paused keeps nothing open.
        """
        producer = self.register(streaming=True)
        self.transport.write(b"a")
        self.transport.loseConnection()
        self.turn()
        self.assertFrames(b'a["a"]', GO_AWAY)
        self.assertEqual(["stop"], producer.calls)

    def test_pushThatIsPaused(self) -> None:
        """
        A push producer that is paused has more to give: it is resumed, and once that
        has gone out without another pause, the connection closes.
        """
        producer = self.register(
            b"last words", streaming=True, receiver=MemoryReceiver(1)
        )
        fill(self.transport)
        self.transport.loseConnection()
        frames = b"".join(b"".join(self.poll()) for _ in range(2))
        self.assertEqual(["pause", "resume"], producer.calls)
        self.assertEqual([b'a["last words"]'], self.poll())
        self.assertEqual([GO_AWAY], self.poll())
        self.assertNotIn(b"c[", frames)
        self.assertEqual([ConnectionDone], [r.type for r in self.protocol.reasons])

    def test_pushThatAnswersLater(self) -> None:
        """
        A push producer that was resumed may take its time: until it has written, the
        connection stays open.
        """
        self.register(streaming=True, receiver=MemoryReceiver(1))
        fill(self.transport)
        self.transport.loseConnection()
        for _ in range(2):
            self.poll()
        receiver = MemoryReceiver(1)
        self.session.attach(receiver)
        self.session.receive(["x"])
        self.turn()
        self.assertEqual([], receiver.frames)
        self.transport.write(b"late")
        self.turn()
        self.assertEqual([b'a["late"]'], receiver.frames)
        self.assertEqual([GO_AWAY], self.poll())

    def test_unregisteredWhilePaused(self) -> None:
        """
        A producer that leaves while it is paused had nothing more: the connection
        closes behind what waits.
        """
        self.register(streaming=True, receiver=MemoryReceiver(1))
        fill(self.transport)
        self.transport.loseConnection()
        self.transport.unregisterProducer()
        frames = [self.poll() for _ in range(3)]
        self.assertEqual([GO_AWAY], frames[-1])

    def test_lostMeanwhile(self) -> None:
        """
        If the browser leaves before, the producer is stopped and the end told once.
        """
        producer = self.register(b"a", streaming=False)
        self.transport.loseConnection()
        self.receiver.drop()
        self.turn()
        self.assertEqual("stop", producer.calls[-1])
        self.assertEqual(1, len(self.protocol.reasons))
