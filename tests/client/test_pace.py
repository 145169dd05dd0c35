"""Who sends waits for the server, and the server for who reads."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer

from tests.support.client import SessionTestCase, turn
from txsockjs.client.life import ENOUGH
from txsockjs.errors import SessionClosed, SessionFailed

GO_AWAY = (3000, "Go away!")


@implementer(IPushProducer, IPullProducer)
class Producer:
    """
    Keeps what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.then: Any = lambda: None

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
        self.then()

    def stopProducing(self) -> None:
        self.told.append("stop")


class OutboundTests(SessionTestCase):
    def fill(self, size: int = ENOUGH) -> None:
        """
        Send that much, which the network does not take.
        """
        self.carrier.pending += size
        self.transport.write(b"x" * size)

    def test_crowded(self) -> None:
        """
        Where much waits, whoever asks is told when it does not any more.
        """
        self.open()
        self.assertFalse(self.transport.crowded)
        self.successResultOf(self.transport.whenDrained())
        self.fill()
        self.assertTrue(self.transport.crowded)
        self.assertEqual(self.transport.pending, ENOUGH)
        drained = self.transport.whenDrained()
        turn(self.clock)
        self.assertNoResult(drained)
        self.carrier.drain()
        turn(self.clock)
        self.successResultOf(drained)
        self.assertFalse(self.transport.crowded)

    def test_notTaken(self) -> None:
        """
        Who waits is let go at the end, too.
        """
        self.open()
        self.fill()
        drained = self.transport.whenDrained()
        self.transport.abortConnection()
        self.assertOver(ConnectionAborted)
        self.successResultOf(drained)

    def test_push(self) -> None:
        """
        A push producer is paused while much waits, and resumed once all is taken.
        """
        self.open()
        producer = Producer()
        self.transport.registerProducer(producer, True)
        self.fill(10)
        self.assertEqual(producer.told, [])
        self.fill()
        self.assertEqual(producer.told, ["pause"])
        turn(self.clock)
        self.assertEqual(producer.told, ["pause"])
        self.carrier.drain()
        turn(self.clock)
        self.assertEqual(producer.told, ["pause", "resume"])
        self.transport.abortConnection()
        self.assertOver(ConnectionAborted)
        self.assertEqual(producer.told, ["pause", "resume", "stop"])

    def test_drainedInside(self) -> None:
        """
        A producer is not called from inside its own call, even if the network takes all
        at once.
        """
        self.open()
        producer = Producer()
        self.transport.registerProducer(producer, True)
        depth = 0
        rounds = 0

        def write() -> None:
            nonlocal depth, rounds
            depth += 1
            rounds += 1
            self.assertEqual(depth, 1)
            if rounds < 5:
                self.fill()
                self.carrier.drain()
            depth -= 1

        producer.then = write
        self.fill()
        self.carrier.drain()
        for _ in range(10):
            turn(self.clock)
        self.assertEqual(rounds, 5)

    def test_pull(self) -> None:
        """
        A pull producer is asked for more when all is taken.
        """
        self.open()
        producer = Producer()
        items = [b"1", b"2", b"3"]

        def write() -> None:
            if items:
                self.transport.write(items.pop(0))
            else:
                self.transport.unregisterProducer()
                self.transport.loseConnection()

        producer.then = write
        self.transport.registerProducer(producer, False)
        for _ in range(5):
            turn(self.clock)
        self.assertEqual(self.carrier.sent, ["1", "2", "3"])
        self.assertOver(SessionClosed)

    def test_closeWaits(self) -> None:
        """
        As on TCP, a producer that is paused is heard before the session closes.
        """
        self.open()
        producer = Producer()
        producer.then = lambda: self.transport.write(b"last")
        self.transport.registerProducer(producer, True)
        self.fill()
        self.transport.loseConnection()
        self.assertEqual(producer.told, ["pause"])
        self.assertEqual(self.carrier.calls, ["start"])
        self.carrier.drain()
        self.assertOver(SessionClosed)
        self.assertEqual(self.carrier.sent[1:], ["last"])

    def test_overflow(self) -> None:
        """
        More than ``max_buffer`` ends the session; the error names that.
        """
        self.open(max_buffer=10_000)
        self.fill(4000)
        self.assertTrue(self.transport.crowded)
        self.fill(4000)
        self.assertEqual(self.carrier.calls, ["start"])
        self.fill(4000)
        self.assertOver(SessionFailed, "12000 bytes wait")
        self.assertIn("max_buffer allows 10000", str(self.protocol.lost[0]))

    def test_empty(self) -> None:
        """
        Empty messages count, too.
        """
        self.open()
        self.carrier.pending = ENOUGH
        for _ in range(ENOUGH // 32):
            self.transport.write(b"")
        self.assertTrue(self.transport.crowded)


class InboundTests(SessionTestCase):
    def test_pause(self) -> None:
        """
        While the application has paused nothing is delivered, and the network is not
        read.
        """
        self.open()
        self.transport.pauseProducing()
        self.carrier.say('a["1","2"]', 'a["3"]')
        turn(self.clock)
        self.assertEqual(self.protocol.heard, [])
        self.assertEqual(self.carrier.calls, ["start", "pause"])
        self.transport.resumeProducing()
        self.assertEqual(self.protocol.heard, [])
        turn(self.clock)
        self.assertEqual(self.protocol.heard, [b"1", b"2", b"3"])
        self.assertEqual(self.carrier.calls, ["start", "pause", "resume"])
        self.carrier.say('a["4"]')
        self.assertEqual(self.protocol.heard[-1], b"4")

    def test_pauseInside(self) -> None:
        """
        It may pause in the middle of a frame; order is kept.
        """
        self.open()
        self.protocol.then = lambda data: self.transport.pauseProducing()
        self.carrier.say('a["1","2","3"]', 'a["4"]')
        for count in range(1, 5):
            turn(self.clock)
            self.assertEqual(len(self.protocol.heard), count)
            self.transport.resumeProducing()
        self.assertEqual(self.protocol.heard, [b"1", b"2", b"3", b"4"])
        turn(self.clock)
        self.assertEqual(self.carrier.calls[-1], "resume")

    def test_inside(self) -> None:
        """
        What comes in while the application is called waits until it has returned.
        """
        self.open()
        depth = 0

        def then(data: bytes) -> None:
            nonlocal depth
            depth += 1
            self.assertEqual(depth, 1)
            if data == b"1":
                self.carrier.say('a["3"]', 'a["4"]')
            depth -= 1

        self.protocol.then = then
        self.carrier.say('a["1","2"]')
        turn(self.clock)
        self.assertEqual(self.protocol.heard, [b"1", b"2", b"3", b"4"])

    def test_insideProducer(self) -> None:
        """
        So does what comes in while its producer is called, and is then delivered.
        """
        self.open()
        producer = Producer()

        def then() -> None:
            self.carrier.say('a["1"]')
            self.assertEqual(self.protocol.heard, [])

        self.transport.registerProducer(producer, False)
        producer.then = then
        turn(self.clock)
        self.transport.write(b"x")
        turn(self.clock)
        self.assertEqual(producer.told, ["resume", "resume"])
        self.assertEqual(self.protocol.heard, [b"1"])

    def test_lostInside(self) -> None:
        """
        The end that comes then is told behind that call.
        """
        self.open()

        def then(data: bytes) -> None:
            self.carrier.lose(ValueError("gone"))
            self.assertEqual(self.protocol.lost, [])

        self.protocol.then = then
        self.carrier.say('a["1"]')
        self.assertOver(SessionFailed, "gone")

    def test_pausedProducer(self) -> None:
        """
        Who has paused reads nothing, though its producer is told to go on.
        """
        self.open()
        self.transport.pauseProducing()
        self.transport.registerProducer(Producer(), False)
        self.transport.write(b"x")
        turn(self.clock)
        self.carrier.say('a["1"]')
        turn(self.clock)
        self.assertEqual(self.protocol.heard, [])
        self.assertEqual(self.carrier.calls, ["start", "pause"])

    def test_lostWhilePaused(self) -> None:
        """
        The end waits behind what came before it.
        """
        self.open()
        self.transport.pauseProducing()
        self.carrier.say('a["1"]', 'c[3000,"Bye"]')
        turn(self.clock)
        self.assertEqual((self.protocol.heard, self.protocol.lost), ([], []))
        self.transport.resumeProducing()
        self.assertOver(SessionClosed, "3000 'Bye'")
        self.assertEqual(self.protocol.heard, [b"1"])

    def test_closedWhilePaused(self) -> None:
        """
        Who closes wants nothing more, and is told of the end though it has paused.
        """
        for end in ("loseConnection", "abortConnection"):
            self.open()
            self.transport.pauseProducing()
            self.carrier.say('a["1"]')
            getattr(self.transport, end)()
            if end == "loseConnection":
                # The server's answer to that has to be read.
                self.assertEqual(
                    self.carrier.calls[1:], ["pause", "resume", ("close", *GO_AWAY)]
                )
            turn(self.clock)
            self.assertEqual(len(self.protocol.lost), 1)
            self.assertEqual(self.protocol.heard, [])

    def test_closedBehindTheEnd(self) -> None:
        """
        That holds where the session is lost already.
        """
        self.open()
        self.transport.pauseProducing()
        self.carrier.say('a["1"]')
        self.carrier.lose(ValueError("gone"))
        turn(self.clock)
        self.assertEqual(self.protocol.lost, [])
        self.transport.loseConnection()
        self.assertOver(SessionFailed, "gone")

    def test_closeInside(self) -> None:
        """
        Behind a close nothing is delivered, not even what came in the same frame.
        """
        self.open()
        self.protocol.then = lambda data: self.transport.loseConnection()
        self.carrier.say('a["1","2"]', 'a["3"]')
        self.assertOver(SessionClosed)
        self.assertEqual(self.protocol.heard, [b"1"])

    def test_overflow(self) -> None:
        """
        What comes though the network is not to be read is bounded.
        """
        self.open(max_buffer=10_000)
        self.transport.pauseProducing()
        for _ in range(12):
            self.carrier.say(f'a["{"x" * 1000}"]')
        turn(self.clock)
        self.transport.resumeProducing()
        self.assertOver(SessionFailed, "max_buffer allows 10000")
        self.assertGreaterEqual(len(self.protocol.heard), 9)
