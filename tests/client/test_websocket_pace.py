"""What waits, and whether who is silent is there: a client's side of a WebSocket."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.support.carriers import CarrierTestCase
from tests.support.sockets import PING, PONG, frame
from txsockjs import SessionFailed
from txsockjs.client.websocket import RawWebSocket
from txsockjs.client.wire import PullWire, PushWire, Wire, wireFor


class WaitingTests(CarrierTestCase):
    """
    A server that does not read.
    """

    def stopped(self) -> Any:
        """
        A carrier whose server has stopped to read.
        """
        carrier = self.opened()
        self.server.transport.pauseProducing()
        return carrier

    def end(self, carrier: Any) -> None:
        """
        Abort.
        """
        carrier.abort()
        self.reactor.settle()

    def test_pending(self) -> None:
        """
        What the network does not take is counted to the byte, and is carried in order
        when it does; the session hears when all is.
        """
        carrier = self.stopped()
        sent = 0
        for index in range(40):
            carrier.send("x" * 10_000 + str(index))
            sent += 2 + 2 + 4 + len(str(index)) + 10_000 + 4
        self.reactor.settle()
        self.assertEqual(carrier.pending, sent - self.web.room)
        self.assertNotIn("drained", self.session.words)
        self.server.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(carrier.pending, 0)
        self.assertEqual(self.session.words.count("drained"), 1)
        self.assertEqual(
            [each.payload for each in self.server.frames],
            [b'["%b"]' % (b"x" * 10_000 + b"%d" % index) for index in range(40)],
        )
        self.end(carrier)

    def test_large(self) -> None:
        """
        So is one message that is larger than all that is given at once.
        """
        carrier = self.stopped()
        carrier.send("x" * 500_000)
        self.assertEqual(carrier.pending, 500_004 + 14 - self.web.room)
        self.server.transport.resumeProducing()
        self.reactor.settle()
        [message] = self.server.frames
        self.assertEqual(message.payload, b'["%b"]' % (b"x" * 500_000))
        self.end(carrier)

    def test_writesOn(self) -> None:
        """
        Who sends more when it hears that all is taken keeps the order.
        """
        carrier = self.stopped()
        texts = ["a" * 100_000, "b" * 100_000, "c"]

        def then(what: str, value: Any) -> None:
            if what == "drained" and len(texts) > 1:
                carrier.send(texts.pop(1))

        self.session.then = then
        carrier.send(texts[0])
        self.server.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(
            [each.payload[2:3] for each in self.server.frames], [b"a", b"b", b"c"]
        )
        self.end(carrier)

    def test_pong(self) -> None:
        """
        Pings are answered when what waits is taken, and then the last of them.
        """
        carrier = self.stopped()
        carrier.send("x" * 100_000)
        for payload in b"1", b"2":
            self.say(frame(payload, PING, mask=None))
        before = carrier.pending
        self.assertLess(before, 100_000)
        self.server.transport.resumeProducing()
        self.reactor.settle()
        _, pong = self.server.frames
        self.assertEqual((pong.opcode, pong.payload), (PONG, b"2"))
        self.end(carrier)

    def test_together(self) -> None:
        """
        What is sent in answer to one read goes in one piece, but not too much of it.
        """
        self.web.room = 1 << 20
        carrier = self.opened()
        writes: list[bytes] = []
        socket = carrier._socket.transport.getHandle()
        send = socket.send

        def counting(data: Any) -> Any:
            writes.append(bytes(data))
            return send(data)

        socket.send = counting

        def then(what: str, value: Any) -> None:
            if what == "frame":
                carrier.send("x" * int(value))

        self.session.then = then
        self.say(*(frame(b"10", mask=None) for _ in range(100)))
        self.assertEqual(len(writes), 1)
        self.assertEqual(len(self.server.frames), 100)
        self.say(*(frame(b"1000", mask=None) for _ in range(100)))
        self.assertLess(len(writes), 10)
        self.assertLess(max(map(len, writes)), 20_000)
        self.assertEqual(len(self.server.frames), 200)
        self.end(carrier)


class WatchTests(CarrierTestCase):
    """
    A raw WebSocket on which nothing comes.
    """

    def test_answered(self) -> None:
        """
        The server is pinged when it was silent for the heartbeat's time, and is kept
        while it answers.
        """
        carrier = self.opened(RawWebSocket, heartbeat=10)
        self.reactor.advance(10)
        for count in range(1, 4):
            self.assertEqual(
                [each.opcode for each in self.server.frames], [PING] * count
            )
            self.say(frame(b"", PONG, mask=None))
            self.reactor.advance(20)
        self.assertEqual(self.session.words, ["connected"])
        carrier.abort()
        self.reactor.settle()

    def test_talks(self) -> None:
        """
        One that says something is not asked.
        """
        carrier = self.opened(RawWebSocket, heartbeat=10)
        for _ in range(5):
            self.reactor.advance(9)
            self.say(frame(b"a", mask=None))
        self.assertEqual(self.server.frames, [])
        carrier.abort()
        self.reactor.settle()

    def test_silent(self) -> None:
        """
        Who does not answer is lost.
        """
        self.opened(RawWebSocket, heartbeat=10)
        self.reactor.advance(19)
        self.assertEqual(self.session.words, ["connected"])
        self.reactor.advance(2)
        reason = self.assertLost(SessionFailed, "sockjs.example:80", "for 20 seconds")
        self.assertEqual(reason.code, 1006)
        self.assertIsNotNone(self.server.ended)

    def test_waits(self) -> None:
        """
        Where one side does not read, silence means nothing.
        """
        carrier = self.opened(RawWebSocket, heartbeat=10)
        carrier.pauseReceiving()
        self.reactor.advance(100)
        carrier.resumeReceiving()
        self.server.transport.pauseProducing()
        carrier.send("x" * 100_000)
        self.reactor.advance(100)
        self.assertEqual(self.session.words, ["connected"])
        self.server.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(len(self.server.frames), 1)
        carrier.abort()
        self.reactor.settle()

    def test_off(self) -> None:
        """
        Without a heartbeat, nobody looks.
        """
        carrier = self.opened(RawWebSocket, heartbeat=0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        carrier.abort()
        self.reactor.settle()


class PushTests(SynchronousTestCase):
    """
    A transport that tells when it has too much, as that of TLS.
    """

    def setUp(self) -> None:
        self.transport = StringTransport()
        self.drained = 0
        self.wire = wireFor(self.transport, self._drained)

    def _drained(self) -> None:
        self.drained += 1

    def test_kind(self) -> None:
        """
        It is one that pushes.
        """
        self.assertIsInstance(self.wire, PushWire)
        self.assertNotIsInstance(self.wire, PullWire)
        self.assertTrue(self.transport.streaming)

    def test_passes(self) -> None:
        """
        It has what is written as long as it takes it.
        """
        self.wire.write(b"a")
        self.wire.write(b"b" * 200_000)
        self.assertEqual(self.transport.value(), b"a" + b"b" * 200_000)
        self.assertEqual((self.wire.pending, self.drained), (0, 0))

    def test_waits(self) -> None:
        """
        When it has too much the rest waits, piece by piece, until it has none.
        """
        write = self.transport.write

        def full(data: bytes) -> None:
            write(data)
            self.wire.pauseProducing()

        self.transport.write = full  # type: ignore[method-assign]
        self.wire.write(b"a" * 150_000)
        self.wire.write(b"b")
        for taken in 65536, 131072, 150_001:
            self.assertEqual(len(self.transport.value()), taken)
            self.assertEqual(self.wire.pending > 0, True)
            self.assertGreaterEqual(self.wire.pending, 150_001 - taken)
            self.assertEqual(self.drained, 0)
            self.wire.resumeProducing()
        self.assertEqual((self.wire.pending, self.drained), (0, 1))
        self.assertEqual(self.transport.value(), b"a" * 150_000 + b"b")
        self.wire.pauseProducing()
        self.assertEqual(self.wire.pending, 0)

    def test_end(self) -> None:
        """
        After the end nothing is written, and nobody hears of it.
        """
        self.wire.pauseProducing()
        self.wire.write(b"a")
        self.wire.end()
        self.wire.end()
        self.wire.write(b"b")
        self.wire.resumeProducing()
        self.assertIsNone(self.transport.producer)
        self.assertEqual((self.wire.pending, self.drained), (0, 0))
        self.assertEqual(self.transport.value(), b"")

    def test_ended(self) -> None:
        """
        A connection that is lost already takes nothing.
        """

        class Lost(StringTransport):
            def registerProducer(self, producer: Any, streaming: bool) -> None:
                producer.stopProducing()

            def unregisterProducer(self) -> None:
                pass

        wire: Wire = wireFor(Lost(), self._drained)
        wire.end()
        wire.write(b"a")
        self.assertEqual(wire.pending, 0)
