"""Tests for slow readers, whose session lives, and for responses that are unread."""

from __future__ import annotations

from typing import Any

from hyperframe.frame import SettingsFrame, WindowUpdateFrame
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.protocols.policies import WrappingFactory

from tests.support.http2 import HTTP2Case, headers
from tests.support.serving import ServiceCase
from tests.support.wrappers import TLSCase, WrapperCase
from txsockjs.core import peer
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryConnection, MemorySite

MEGABYTES = b"x" * 2_000_000

REQUESTS = {
    "keep-alive": b"POST /0/s1/xhr HTTP/1.1\r\nHost: a\r\n\r\n",
    "close": b"POST /0/s1/xhr HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "old": b"POST /0/s1/xhr HTTP/1.0\r\n\r\n",
}


def bottom(connection: MemoryConnection) -> Any:
    """
    A connection's own transport, below TLS.
    """
    transport: Any = connection.transport
    return getattr(transport, "transport", transport)


class SlowPollCase(ServiceCase):
    def setUp(self) -> None:
        # Without what is allowed for proxies, which would hide much here.
        self.patch(peer, "SLOWEST_LINE", 1e12)

    def take(self, connection: MemoryConnection) -> None:
        """
        Have the client take what the network holds.
        """
        transport = bottom(connection)
        transport.resumeProducing()
        self.site.reactor.turn()
        transport.pauseProducing()

    def assertLives(self, connection: MemoryConnection, request: bytes) -> None:
        """
        A session lives while its client takes a response in a minute and a half, and
        for the disconnect delay after that.
        """
        session = self.sessions[-1]
        session.transport.write(MEGABYTES)
        bottom(connection).pauseProducing()
        connection.send(request)
        begun = self.site.reactor.seconds()
        while MEGABYTES not in connection.received:
            self.take(connection)
            self.site.advance(3)
            self.assertEqual(session.lost, [])
        self.assertGreater(self.site.reactor.seconds() - begun, 90)
        self.site.advance(1.9)
        self.assertEqual(session.lost, [])
        self.site.advance(9)
        self.assertEqual(len(session.lost), 1)


class SlowPollTests(SlowPollCase):
    """
    Who polls and reads slowly is not gone.
    """

    def test_lives(self) -> None:
        """
        So it is on a connection that stays, and on one that ends with the response.
        """
        for request in REQUESTS.values():
            self.serve()
            self.open()
            self.assertLives(self.connect(), request)

    def test_gone(self) -> None:
        """
        One that takes nothing more is lost after five delays, one whose connection has
        ended after two at the most.
        """
        for request in REQUESTS.values():
            for abort in False, True:
                self.serve()
                session = self.open()
                session.transport.write(MEGABYTES)
                connection = self.connect()
                connection.transport.pauseProducing()
                connection.send(request)
                self.site.advance(4)
                self.take(connection)
                self.site.advance(4)
                if abort:
                    connection.abort()
                self.site.advance(4 if abort else 19)
                self.assertEqual(session.lost, [])
                self.site.advance(8)
                self.assertEqual(len(session.lost), 1)


class SecureSlowPollTests(SlowPollCase, TLSCase):
    def test_lives(self) -> None:
        """
        So it is over TLS.
        """
        for request in REQUESTS.values():
            self.start()
            opening = self.connectSecurely()
            opening.request("POST", "/0/s1/xhr")
            self.assertLives(self.connectSecurely(), request)


class PrefixedSlowPollTests(SlowPollCase, WrapperCase):
    def wrap(self, site: SockJSFactory) -> WrappingFactory:
        return HAProxyWrappingFactory(site)

    def test_lives(self) -> None:
        """
        So it is beneath the PROXY protocol.
        """
        for request in REQUESTS.values():
            self.start()
            prefix = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"
            self.connect().send(prefix + REQUESTS["close"])
            self.assertLives(self.connect(), prefix + request)


class UnreadCase(ServiceCase):
    """
    Polls on connections of their own, of which nothing is read.
    """

    def poll(self) -> MemoryConnection:
        """
        Poll, on a connection of which nothing is read.
        """
        connection = self.connect()
        connection.transport.pauseProducing()
        connection.send(REQUESTS["keep-alive"])
        return connection

    def held(self) -> int:
        """
        How many bytes wait in this process for all connections.
        """
        reactor = self.site.reactor
        every: Any = {*reactor.getReaders(), *reactor.getWriters()}
        return sum(len(each.dataBuffer) + each._tempDataLen for each in every)


class Obedient:
    """
    Writes when it may.
    """

    def __init__(self, transport: Any, message: bytes) -> None:
        self.transport = transport
        self.message = message
        self.paused = False
        transport.registerProducer(self, True)

    def write(self) -> None:
        """
        Write a message, if that is allowed.
        """
        if not self.paused:
            self.transport.write(self.message)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    stopProducing = pauseProducing


class UnreadTests(UnreadCase):
    """
    What one session's responses hold that nobody reads.
    """

    def test_careless(self) -> None:
        """
        It is ``max_buffer``, and a message, however large the messages are; past that
        the session is closed with 1013.
        """
        for size in 430_000, 1000:
            self.serve(max_buffer=1 << 22)
            session = self.open()
            for _ in range(120):
                self.poll()
                for _ in range(200_000 // size or 1):
                    session.transport.write(b"x" * size)
                self.site.settle()
                self.assertLess(self.held(), (1 << 22) + 2 * size + 65536)
            self.assertEqual(len(session.lost), 1)
            self.assertIn(b"c[1013", self.post("/0/s1/xhr").body)

    def test_obedient(self) -> None:
        """
        Who waits when told is never closed, and has two frames on the way at the most.
        """
        self.patch(MemorySite, "room", 1000)
        for size in 430_000, 1000:
            self.serve(max_buffer=1 << 22)
            session = self.open()
            producer = Obedient(session.transport, b"x" * size)
            for _ in range(60):
                self.poll()
                for _ in range(200_000 // size or 1):
                    producer.write()
                self.site.settle()
                self.assertLess(self.held(), 2 * (size + 65536))
            self.assertTrue(producer.paused)
            self.assertEqual(session.lost, [])

    def test_oneConnection(self) -> None:
        """
        Of polls on one connection, one is answered.
        """
        self.serve(max_buffer=1 << 22)
        session = self.open()
        connection = self.poll()
        for _ in range(60):
            session.transport.write(b"x" * 200_000)
            connection.send(REQUESTS["keep-alive"])
            if session.lost:
                break
        self.assertEqual(len(session.lost), 1)
        self.assertLess(self.held(), 200_000 + 65536)

    def test_streams(self) -> None:
        """
        A stream or WebSocket that is not read holds 64 KiB, and a frame; the rest
        counts to its session, which is closed at ``max_buffer``.
        """
        for name in "websocket", "rawwebsocket", "xhr_streaming", "htmlfile":
            self.serve(max_buffer=1 << 20, streaming_limit=10**9)
            if name == "rawwebsocket":
                self.client.websocket("/websocket").transport.pauseProducing()
            else:
                self.client.session(name).pauseReading()
            [session] = self.sessions
            for _ in range(100):
                if not session.lost:
                    self.assertLessEqual(session.transport.pending, 1 << 20)
                session.transport.write(b"x" * 50_000)
                self.site.settle()
                self.assertLess(self.held(), 3 * 65536)
            self.assertEqual(len(session.lost), 1)

    def test_goesOn(self) -> None:
        """
        A producer goes on when the responses have been read or given up, without
        heartbeats too.
        """
        for give in "resumeProducing", "abortConnection":
            self.serve(heartbeat=0)
            session = self.open()
            producer = Obedient(session.transport, b"x" * 430_000)
            connection = self.poll()
            producer.write()
            self.site.settle()
            poll = self.post("/0/s1/xhr")
            producer.write()
            self.site.settle()
            self.assertTrue(poll.finished)
            self.post("/0/s1/xhr")
            self.site.advance(1)
            self.assertTrue(producer.paused)
            getattr(connection.transport, give)()
            self.site.advance(10)
            self.assertFalse(producer.paused)


class StreamCase(HTTP2Case):
    """
    Polls over HTTP/2.
    """

    def setUp(self) -> None:
        self.patch(peer, "SLOWEST_LINE", 1e12)

    def connectWire(self, window: int, **options: object) -> None:
        """
        Connect, with a window for each stream, and read nothing more.
        """
        self.h2 = self.wire(**options)
        self.h2.send(WindowUpdateFrame(0, 2**30), SettingsFrame(0, {4: window}))
        self.h2.send(headers(1, "/0/s1/xhr", method="POST"))
        self.site.settle()
        self.session = self.sessions[0]

    def poll(self, stream: int) -> None:
        self.h2.send(headers(stream, "/0/s1/xhr", method="POST"))
        self.site.settle()

    def take(self) -> None:
        """
        Take what the network holds.
        """
        self.h2.transport.resumeProducing()
        self.site.reactor.turn()
        self.h2.transport.pauseProducing()


class StreamTests(StreamCase):
    def test_lives(self) -> None:
        """
        Who polls and reads slowly is not gone, be the response short enough for the
        connection to have it at once, or not.
        """
        self.patch(MemorySite, "room", 20_000)
        for size in 60_000, 400_000:
            self.connectWire(2**30)
            self.h2.transport.pauseProducing()
            self.session.transport.write(b"x" * size)
            self.poll(7)
            self.site.advance(9)
            while self.h2.received < size:
                self.assertEqual(self.session.lost, [])
                self.take()
                self.site.advance(3)
            self.site.advance(10)
            self.assertEqual(len(self.session.lost), 1)

    def test_gone(self) -> None:
        """
        A session is lost a delay or two after its last response was delivered, whatever
        other streams carry.
        """
        self.connectWire(2**30, streaming_limit=2**30)
        self.h2.send(headers(5, "/0/s2/eventsource"))
        self.site.settle()
        self.session.transport.write(b"x" * 300_000)
        self.h2.transport.pauseProducing()
        self.poll(7)
        for _ in range(30):
            self.sessions[1].transport.write(b"x" * 100_000)
            self.site.advance(1)
            self.take()
            self.take()
        self.assertEqual(len(self.session.lost), 1)
        self.assertEqual(self.sessions[1].lost, [])

    def test_noWindow(self) -> None:
        """
        Responses for which the client gives no room count to their session.
        """
        for size in 430_000, 1000:
            self.connectWire(0, max_buffer=1 << 22)
            for stream in range(3, 180, 2):
                self.poll(stream)
                for _ in range(200_000 // size or 1):
                    self.session.transport.write(b"x" * size)
                self.site.settle()
                queues = self.server._outboundStreamQueues.values()
                held = sum(len(piece) for queue in queues for piece in queue)
                self.assertLess(held, (1 << 22) + 2 * size + 65536)
            self.assertEqual(len(self.session.lost), 1)
