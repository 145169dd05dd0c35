"""Tests for a connection that becomes a WebSocket: bytes at hand, TLS, PROXY."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import PING, PONG, Socket, closeFrame, frame, upgrade
from tests.support.wrappers import TLSCase, WrapperCase
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryConnection

BOTH = ["/0/s/websocket", "/websocket"]


class AtHandTests(ServiceCase):
    """
    Bytes that come with the request, or before it is answered.
    """

    def test_sameSegment(self) -> None:
        """
        Frames in the same segment as the request are not lost.
        """
        self.serve(Echo)
        behind = frame(b'["a"]') + frame(b"?", PING) + frame(b'["b"]')
        socket = Socket(self.connect(), behind=behind)
        self.assertEqual(self.sessions[0].received, [b"a", b"b"])
        self.assertIn((PONG, b"?"), [each[:2] for each in socket.frames])
        self.assertEqual(b"".join(socket.texts), b'oa["a"]a["b"]')

    def test_cutAnywhere(self) -> None:
        """
        Wherever the bytes are cut into two segments, all arrive.
        """
        data = (
            upgrade("/websocket") + frame(b"a") + frame(b"b" * 200) + closeFrame(1000)
        )
        for cut in range(1, len(data), 3):
            self.serve(Echo)
            connection = self.connect()
            connection.send(data[:cut])
            connection.send(data[cut:])
            self.assertEqual(self.sessions[0].received, [b"a", b"b" * 200])
            self.assertTrue(connection.closed)

    def test_byteByByte(self) -> None:
        """
        Every byte may come alone.
        """
        self.serve(Echo)
        connection = self.connect()
        for byte in upgrade("/websocket") + frame(b"abc"):
            connection.send(bytes([byte]))
        self.assertEqual(self.sessions[0].received, [b"abc"])

    def test_afterRequests(self) -> None:
        """
        A connection on which requests were made before, one of them in the same
        segment, is taken over in its turn.
        """
        self.serve(Echo)
        connection = self.connect()
        connection.request("GET", "/info")
        connection.send(
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + upgrade("/websocket") + frame(b"a")
        )
        self.assertEqual(self.sessions[0].received, [b"a"])
        self.assertTrue(connection.received.endswith(b"\x81\x01a"))

    def test_behindAPoll(self) -> None:
        """
        An upgrade that is pipelined behind a poll waits for the poll's end.
        """
        self.serve(Echo)
        self.open()
        connection = self.connect()
        poll = b"POST /0/s1/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        connection.send(poll + upgrade("/websocket") + frame(b"a"))
        self.assertEqual(len(self.sessions), 1)
        self.sessions[0].transport.write(b"now")
        self.site.settle()
        self.assertEqual(self.sessions[1].received, [b"a"])

    def test_body(self) -> None:
        """
        A handshake has no body; one that says it has is refused, so that nobody
        disagrees about where the first frame begins.
        """
        for header in [
            {"Content-Length": "3"},
            {"Transfer-Encoding": "chunked"},
        ]:
            self.serve(Echo)
            body = b"abc" if "Content-Length" in header else b"0\r\n\r\n"
            socket = Socket(self.connect(), BOTH[1], header, body + frame(b"a"))
            self.assertTrue(socket.head.startswith(b"HTTP/1.1 400 "), socket.head)
            self.assertEqual(self.sessions, [])

    def test_emptyBody(self) -> None:
        """
        ``Content-Length: 0`` is no body.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), BOTH[1], {"Content-Length": "0"}, frame(b"a"))
        self.assertEqual(socket.texts, [b"a"])

    def test_nothingKept(self) -> None:
        """
        The HTTP side of the connection is given up: no request, no timer.
        """
        self.serve(Echo, heartbeat=None)
        Socket(self.connect(), BOTH[1])
        calls = [each.func.__name__ for each in self.site.reactor.getDelayedCalls()]
        self.assertEqual(calls, ["_updateLogDateTime"])


class Failing(ProtocolWrapper):
    """
    What stands between, and fails when the handshake is answered.

    :cvar raises: whether it raises; if not, the connection is lost.
    """

    raises = False

    def write(self, data: bytes) -> None:
        if self.raises:
            raise ZeroDivisionError
        self.transport.connectionLost(Failure(ConnectionLost()))


class Raising(Failing):
    raises = True


class FailingTests(WrapperCase):
    """
    A handshake that comes to nothing.
    """

    def wrap(self, site: SockJSFactory) -> WrappingFactory:
        return WrappingFactory(site)

    def shake(self, protocol: type[Failing], path: str) -> None:
        """
        Shake hands over such a connection.
        """
        self.start()
        self.site.site.protocol = protocol
        Socket(self.connect(), path)

    def assertNothing(self) -> None:
        """
        There is no session, no timer, and no connection.
        """
        service = self.site.site.wrappedFactory.resource.service
        self.assertEqual(len(service), 0)
        self.assertEqual(service._ids, {})
        reactor = self.site.reactor
        names = [each.func.__name__ for each in reactor.getDelayedCalls()]
        self.assertEqual(names, ["_updateLogDateTime"])
        self.assertEqual(reactor.getReaders() + reactor.getWriters(), [])

    def test_lost(self) -> None:
        """
        Where the connection is lost while the answer is written, nothing is opened.
        """
        for path in BOTH:
            self.shake(Failing, path)
            self.assertEqual(self.sessions, [])
            self.assertNothing()

    def test_raises(self) -> None:
        """
        Where writing raises, that is logged once, and nothing is opened.
        """
        for path in BOTH:
            self.shake(Raising, path)
            self.assertEqual(self.sessions, [])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertNothing()


class Wrapped:
    """
    What holds under any wrapper.
    """

    def assertServes(self: Any, connect: Any) -> None:
        """
        Both kinds of WebSocket echo, and end in good order.

        :param connect: what connects to the Site.
        """
        for path in BOTH:
            self.start()
            connection = connect()
            behind = frame(b'["first"]')
            socket = Socket(connection, path, behind=behind)
            socket.say('["a"]')
            self.assertEqual(len(self.sessions[0].received), 2)
            self.assertIn(b"first", socket.texts[-2])
            socket.send(closeFrame(1000))
            self.assertTrue(socket.closed)
            self.assertEqual(len(self.sessions[0].lost), 1)
            self.assertEqual(self.flushLoggedErrors(), [])


class TLSTests(Wrapped, TLSCase):
    """
    TLS, for real.
    """

    def test_serves(self) -> None:
        """
        A WebSocket over TLS.
        """
        self.assertServes(self.connectSecurely)

    def test_secure(self) -> None:
        """
        The application sees that it is secure.
        """
        self.start()
        Socket(self.connectSecurely())
        transport = self.sessions[0].transport
        self.assertTrue(transport.request.secure)
        self.assertTrue(ISSLTransport.providedBy(transport))

    def test_slowReader(self) -> None:
        """
        What waits in TLS for a slow reader counts, and a producer is paused for it.
        """
        self.start()
        socket = Socket(self.connectSecurely(), BOTH[1])
        below = socket.connection.transport.transport
        below.pauseProducing()
        for _ in range(30):
            self.sessions[0].transport.write(b"x" * 10_000)
            self.site.settle()
        self.sessions[0].transport.loseConnection()
        self.site.advance(4)
        below.resumeProducing()
        self.site.settle()
        self.assertEqual(b"".join(socket.texts), b"x" * 300_000)

    def test_noCloseNotify(self) -> None:
        """
        A peer that ends WebSocket, but not TLS, is cut off.
        """
        self.start()
        socket = Socket(self.connectSecurely(), BOTH[1])
        socket.connection.transport.transport.pauseProducing()
        socket.send(closeFrame(1000))
        self.site.advance(60)
        reactor = self.site.reactor
        self.assertEqual(
            [r for r in reactor.getReaders() if r.getPeer().host == "192.0.2.7"], []
        )

    def test_fault(self) -> None:
        """
        A fault is told, and TLS ended, over TLS too.
        """
        for path in BOTH:
            self.start()
            socket = Socket(self.connectSecurely(), path)
            socket.send(frame(b"", 3))
            self.assertEqual(socket.frames[-1].code, 1002)
            self.assertTrue(socket.closed)
            self.assertEqual(len(self.sessions[0].lost), 1)

    def test_pauseReading(self) -> None:
        """
        An application that pauses is not called, over TLS too.
        """
        self.start()
        socket = Socket(self.connectSecurely(), BOTH[1])
        session = self.sessions[0]
        session.transport.pauseProducing()
        for _ in range(10):
            socket.say("a")
        self.assertEqual(session.received, [])
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(session.received, [b"a"] * 10)


class ProxyTests(Wrapped, WrapperCase):
    """
    HAProxy's PROXY protocol.
    """

    def wrap(self, site: SockJSFactory) -> WrappingFactory:
        return HAProxyWrappingFactory(site)

    def connectByProxy(self) -> MemoryConnection:
        """
        Connect as a proxy does.
        """
        connection = self.connect()
        connection.send(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n")
        return connection

    def test_serves(self) -> None:
        """
        A WebSocket behind the PROXY protocol.
        """
        self.assertServes(self.connectByProxy)

    def test_peer(self) -> None:
        """
        The peer is the one that the proxy names.
        """
        self.start()
        Socket(self.connectByProxy())
        self.connectByProxy().request("POST", "/0/s/xhr")
        for session in self.sessions:
            peer = session.transport.getPeer()
            self.assertEqual((peer.host, peer.port), ("203.0.113.9", 4711))

    def test_sameSegment(self) -> None:
        """
        PROXY's line, the request and a frame in one segment.
        """
        self.start()
        connection = self.connect()
        line = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"
        connection.send(line + upgrade("/websocket") + frame(b"a"))
        self.assertEqual(self.sessions[0].received, [b"a"])
