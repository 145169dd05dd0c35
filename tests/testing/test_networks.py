"""Bad networks and slow browsers, as `txsockjs.testing` has them."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, RecordingFactory
from tests.testing.test_network import CountingProducer
from txsockjs import SessionClosed
from txsockjs.testing import MemoryClient, MemorySite, MemorySockJSEndpoint
from txsockjs.testing.session import TRANSPORTS

OVER_HTTP = TRANSPORTS[1:]


class EndlessProducer:
    """
    A pull producer that always has more.
    """

    def __init__(self, transport: Any) -> None:
        self.count = 0
        self._transport = transport
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.count += 1
        self._transport.write(b"x" * 50_000)

    def stopProducing(self) -> None:
        pass


class NetworkTestCase(SynchronousTestCase):
    """
    A service that keeps its protocols.
    """

    options: dict[str, object] = {}

    def setUp(self) -> None:
        self.factory = RecordingFactory(Echo)
        self.made = self.factory.sessions
        self.site = MemorySite.serving(self.factory, self.options)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def lost(self) -> Any:
        """
        Why the session was lost that was opened last: once.
        """
        [reason] = self.made[-1].lost
        return reason.value


class CloseTests(NetworkTestCase):
    """
    A page that closes its session.
    """

    def test_websocket(self) -> None:
        """
        The server hears code and reason.
        """
        session = self.client.session()
        session.close(4001, "enough")
        self.assertEqual(session.closed, (4001, "enough"))
        lost = self.lost()
        self.assertIsInstance(lost, SessionClosed)
        self.assertEqual((lost.code, lost.reason), (4001, "enough"))

    def test_http(self) -> None:
        """
        Over HTTP the client goes, and the server sees it at once.
        """
        for name in OVER_HTTP:
            session = self.client.session(name)
            session.close()
            self.assertEqual(session.closed, (1000, ""), name)
            self.assertIsInstance(self.lost(), ConnectionLost)

    def test_sent(self) -> None:
        """
        What was sent before arrives before.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.send("a", "b")
            session.close()
            self.assertEqual(self.made[-1].received, [b"a", b"b"])

    def test_again(self) -> None:
        """
        To close what is closed, or was lost, has no effect, and others are not hit.
        """
        for name in TRANSPORTS:
            session, other = (self.client.session(name) for _ in range(2))
            session.close(4001)
            session.close(4002)
            session.abort()
            session.vanish()
            session.pauseReading()
            session.resumeReading()
            self.assertEqual(session.closed, (4001, ""), name)
            other.send("still here")
            self.assertEqual(other.received, ["still here"])
            other.close()

    def test_nothingMore(self) -> None:
        """
        Of what comes after, the page hears nothing.
        """
        client = MemoryClient(self.site, delay=1)
        for name in TRANSPORTS:
            session = client.session(name)
            self.site.advance(5)
            self.made[-1].transport.write(b"late")
            session.close()
            self.site.advance(5)
            self.assertEqual((session.received, session.closed), ([], (1000, "")))


class DropTests(NetworkTestCase):
    """
    Connections that are lost without a close.
    """

    options = {"heartbeat": 5.0, "timeout": 2.0, "max_buffer": 1_000_000}

    def test_abort(self) -> None:
        """
        The server hears of a reset at once, as of a connection lost.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.abort()
            self.assertEqual(session.closed, (1006, ""), name)
            self.assertNotIsInstance(self.lost(), ConnectionDone)

    def test_vanish(self) -> None:
        """
        Of a machine that is gone the server hears nothing. It finds out where it asks
        for a sign of life, or waits for the next request.
        """
        for name, seconds in ("websocket", 20), ("xhr", 8), ("jsonp", 8):
            session = self.client.session(name)
            session.vanish()
            self.assertEqual(session.closed, (1006, ""))
            self.site.settle()
            self.assertEqual(self.made[-1].lost, [])
            self.site.advance(seconds)
            self.assertIsInstance(self.lost(), ConnectionLost, name)

    def test_vanishStreaming(self) -> None:
        """
        Where it only writes, it holds what is not taken, up to ``max_buffer``.
        """
        for name in "xhr_streaming", "eventsource", "htmlfile":
            self.client.session(name).vanish()
            for _ in range(40):
                self.made[-1].transport.write(b"x" * 100_000)
                self.site.settle()
            self.assertIn("too many undelivered bytes", str(self.lost()), name)

    def test_vanishWebSocket(self) -> None:
        """
        A raw WebSocket can vanish too.
        """
        socket = self.client.websocket("/websocket")
        socket.vanish()
        self.made[-1].transport.write(b"anybody?")
        self.site.advance(20)
        self.assertIsInstance(self.lost(), ConnectionLost)
        self.assertEqual(socket.messages, [])


class DelayTests(NetworkTestCase):
    """
    A network that takes time.
    """

    def test_trip(self) -> None:
        """
        Each way takes the delay, and nothing comes before, over each transport.
        """
        client = MemoryClient(self.site, delay=0.25)
        for name in TRANSPORTS:
            session = client.session(name)
            self.assertFalse(session.opened)
            self.site.advance(0.499)
            self.assertFalse(session.opened)
            self.site.advance(1)
            self.assertTrue(session.opened, name)
            session.send("hello")
            self.site.advance(0.251)
            self.assertEqual(self.made[-1].received, [b"hello"])
            self.assertEqual(session.received, [])
            self.site.advance(0.25)
            self.assertEqual(session.received, ["hello"], name)

    def test_order(self) -> None:
        """
        Messages keep their order, and none is lost, up to the end.
        """
        client = MemoryClient(self.site, delay=0.25)
        for name in TRANSPORTS:
            session = client.session(name)
            self.site.advance(1)
            texts = [str(number) for number in range(20)]
            for text in texts:
                session.send(text)
                self.site.advance(0.01)
            self.site.advance(2)
            self.made[-1].transport.write(b"last")
            self.made[-1].transport.loseConnection(4001, "enough")
            self.site.advance(2)
            self.assertEqual(session.received, [*texts, "last"], name)
            self.assertEqual(session.closed, (4001, "enough"))

    def test_site(self) -> None:
        """
        The delay of a Site is that of all who have none of their own, in either kind
        of client.
        """
        self.site.delay = 1
        far, near = self.client, MemoryClient(self.site, delay=0)
        self.assertTrue(near.session().opened)
        self.assertFalse(far.session().opened)
        for delay, seconds in (None, 4), (0, 0), (2, 8):
            endpoint = MemorySockJSEndpoint(
                self.site,
                delay=delay,
                peer="198.51.100.9",
                transports=["websocket"],
                timeout=60,
            )
            connecting = endpoint.connect(RecordingFactory(Echo))
            if seconds:
                self.site.advance(seconds - 0.1)
                self.assertNoResult(connecting)
            self.site.advance(0.2)
            self.successResultOf(connecting)
            peer = self.made[-1].transport.request.peer
            self.assertEqual(peer.host, "198.51.100.9")

    def test_early(self) -> None:
        """
        A WebSocket that is not open yet takes no message, and says so.
        """
        client = MemoryClient(self.site, delay=1)
        raised = self.assertRaises(RuntimeError, client.session().send, "hello")
        self.assertIn("MemorySite.advance", str(raised))

    def test_refused(self) -> None:
        """
        A message that the server refuses is the session's end, when that is heard.
        """
        session = MemoryClient(self.site, delay=1).session("xhr")
        self.site.advance(4)
        self.made[-1].transport.abortConnection()
        session.send("hello")
        self.site.advance(4)
        assert session.closed is not None
        self.assertNotEqual(session.closed[0], 1000)
        other = MemoryClient(self.site, delay=1).session("xhr")
        self.site.advance(4)
        other.send("x" * 2_000_000)
        self.site.advance(60)
        self.assertEqual(other.closed, (1006, ""))

    def test_lateEnd(self) -> None:
        """
        An end takes its time too: until it is there, who writes hears nothing of it.
        """
        client = MemoryClient(self.site, delay=1)
        for name in TRANSPORTS:
            session = client.session(name)
            self.site.advance(5)
            self.made[-1].transport.abortConnection()
            self.site.advance(0.5)
            if name == "websocket":
                session.send("anybody?")
            self.assertIsNone(session.closed, name)
            self.site.advance(5)
            self.assertIsNotNone(session.closed, name)

    def test_peer(self) -> None:
        """
        A session with an address of its own has the network of its client.
        """
        session = MemoryClient(self.site, secure=True, delay=1).session(
            peer="198.51.100.9"
        )
        self.assertFalse(session.opened)
        self.site.advance(2)
        self.assertTrue(session.opened)
        self.assertTrue(self.made[-1].transport.request.secure)

    def test_nothingLeft(self) -> None:
        """
        What was on its way when the Site stops is forgotten.
        """
        session = MemoryClient(self.site, delay=1).session()
        self.site.advance(3)
        session.send("hello")
        self.made[-1].transport.write(b"hello")
        self.site.settle()
        self.assertNotEqual(self.site.reactor.getDelayedCalls(), [])
        self.site.stop()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_lateRoom(self) -> None:
        """
        Bytes on their way take room too: who writes faster is paused.
        """
        self.site.room = 1000
        session = MemoryClient(self.site, delay=1).session()
        self.site.advance(3)
        producer = CountingProducer()
        self.made[-1].transport.registerProducer(producer, True)
        self.made[-1].transport.write(b"x" * 100_000)
        self.site.settle()
        self.assertEqual(producer.calls, ["pause"])
        self.site.advance(300)
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertEqual(session.received, ["x" * 100_000])

    def test_endless(self) -> None:
        """
        Until the news of a lost connection has come, who writes without end writes no
        more than the network holds.
        """
        for name in ("websocket", "xhr_streaming", "eventsource", "htmlfile"):
            session = MemoryClient(self.site, delay=1).session(name)
            self.site.advance(3)
            producer = EndlessProducer(self.made[-1].transport)
            self.site.advance(3)
            session.abort()
            before = producer.count
            self.site.advance(0.9)
            self.assertEqual(self.made[-1].lost, [], name)
            self.assertLess(producer.count - before, 10, name)
            self.site.advance(30)
            self.assertIsInstance(self.lost(), ConnectionLost)


class SlowReaderTests(NetworkTestCase):
    """
    A browser that stops reading, and goes on.
    """

    options = {"max_buffer": 1_000_000}

    def produce(self, name: str) -> tuple[Any, CountingProducer]:
        session = self.client.session(name)
        producer = CountingProducer()
        self.made[-1].transport.registerProducer(producer, True)
        return session, producer

    def fill(self, producer: CountingProducer) -> int:
        """
        Write until the producer is paused.
        """
        for count in range(1000):
            if producer.calls:
                return count
            self.made[-1].transport.write(b"x" * 1000)
            self.site.settle()
        raise AssertionError("it is never paused")

    def test_producer(self) -> None:
        """
        The producer is paused when the network is full, not later, resumed when the
        browser reads on, and nothing is lost: over each transport, again and again.
        """
        for name in TRANSPORTS:
            session, producer = self.produce(name)
            for _ in range(2):
                session.pauseReading()
                count = self.fill(producer)
                self.assertLess(count, 300, name)
                self.site.advance(1)
                self.assertEqual((producer.calls, session.received), (["pause"], []))
                session.resumeReading()
                self.assertEqual(producer.calls, ["pause", "resume"], name)
                self.assertEqual(session.take(), ["x" * 1000] * count)
                producer.calls.clear()
            self.made[-1].transport.unregisterProducer()

    def test_bounded(self) -> None:
        """
        Who does not obey is closed, with 1013: what waits is bounded.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.pauseReading()
            for _ in range(200):
                self.made[-1].transport.write(b"x" * 10_000)
                self.site.settle()
            self.assertIn("too many undelivered bytes", str(self.lost()), name)

    def test_rawWebSocket(self) -> None:
        """
        A raw WebSocket can be slow, too.
        """
        socket = self.client.websocket("/websocket")
        producer = CountingProducer()
        self.made[-1].transport.registerProducer(producer, True)
        socket.pauseReading()
        count = self.fill(producer)
        socket.resumeReading()
        self.assertEqual(producer.calls, ["pause", "resume"])
        self.assertEqual(len(socket.messages), count)
