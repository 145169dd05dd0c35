"""Tests for `txsockjs.web.site`: bodies and deadlines, over HTTP/1."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.logger import formatEvent, globalLogPublisher
from twisted.protocols.wire import Echo as WireEcho
from twisted.web.http import combinedLogFormatter

from tests.support.serving import Echo, RecordingFactory, ServiceCase
from tests.support.sockets import Socket
from txsockjs.factory import SockJSMultiFactory
from txsockjs.testing import MemoryConnection, MemoryReactor, MemoryResponse


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    """
    The head of a request.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: sockjs.example", *headers, "", ""]
    return "\r\n".join(lines).encode("ascii")


def answer(connection: MemoryConnection) -> MemoryResponse:
    """
    What came on a connection, as the response to a POST.
    """
    response = MemoryResponse("POST", connection)
    response.raw = connection.received
    return response


class BodyTests(ServiceCase):
    """
    No body larger than ``max_message_size`` is stored.
    """

    def test_announced(self) -> None:
        """
        A Content-Length above the limit is answered with 413 before any body came.
        """
        self.serve(max_message_size=1000)
        self.open()
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Content-Length: 1000000000"))
        self.assertRefused(answer(connection), 413)
        self.assertHeaders(answer(connection), Connection="close")
        self.assertEqual(self.sessions[0].received, [])

    def test_exact(self) -> None:
        """
        A body of exactly the limit is taken, one of a byte more is not.
        """
        self.serve(max_message_size=1000)
        session = self.open()
        message = b"x" * 996
        self.assertEqual(self.post("/0/s1/xhr_send", b'["%b"]' % message).status, 204)
        self.assertEqual(self.post("/0/s1/xhr_send", b'["%bx"]' % message).status, 413)
        self.assertEqual(session.received, [message])

    def test_chunkedWithoutEnd(self) -> None:
        """
        A chunked body is refused at the byte that is too many, though it goes on.
        """
        self.serve(max_message_size=1000)
        self.open()
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Transfer-Encoding: chunked"))
        connection.send(b"3e8\r\n%b\r\n" % (b"x" * 1000))
        self.assertEqual(connection.received, b"")
        connection.send(b"1\r\nx\r\n")
        self.assertRefused(answer(connection), 413)

    def test_dropped(self) -> None:
        """
        What comes of a refused body is dropped, and the answer can be read meanwhile.
        """
        self.serve(max_message_size=1000)
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Content-Length: 1000000"))
        (channel,) = self.channels()
        for _ in range(20):
            connection.send(b"x" * 20000)
        self.assertIsNone(channel.requests[0].content)
        self.assertFalse(connection.closed)
        connection.send(b"x" * 600000)
        self.assertTrue(connection.closed)

    def test_lingerEnds(self) -> None:
        """
        A client that sends on and on after the refusal is cut off.
        """
        self.serve(max_message_size=1000)
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Transfer-Encoding: chunked"))
        for _ in range(40):
            connection.send(b"1000\r\n%b\r\n" % (b"x" * 4096))
            self.site.advance(1)
        self.assertTrue(connection.closed)

    def test_continue(self) -> None:
        """
        A client that asks whether to send a large body is told 413, and not 100.
        """
        self.serve(max_message_size=1000)
        connection = self.connect()
        connection.send(
            head("/0/s1/xhr_send", "Content-Length: 9999", "Expect: 100-continue")
        )
        self.assertRefused(answer(connection), 413)
        self.assertNotIn(b"100 Continue", connection.received)

    def test_ofItsService(self) -> None:
        """
        The limit is that of the service which the URL names, however it is spelt.
        """
        site = SockJSMultiFactory(clock=MemoryReactor())
        site.addFactory(
            Factory.forProtocol(WireEcho), "a/big", {"max_message_size": 500}
        )
        site.addFactory(
            Factory.forProtocol(WireEcho), "small", {"max_message_size": 50}
        )
        self.listen(site)
        body = b"[%b]" % (b" " * 200)
        for path, status in [
            ("/a/big/0/s/xhr_send", 404),
            ("/a/%62ig/0/s/xhr_send", 404),
            ("/small/0/s/xhr_send", 413),
            ("/s%6dall/0/s/xhr_send", 413),
            ("/smaller/0/s/xhr_send", 404),
        ]:
            self.assertEqual(self.post(path, body).status, status, path)

    def test_otherRequestsServed(self) -> None:
        """
        The refusal of one body leaves the session and other connections unharmed.
        """
        self.serve(Echo, max_message_size=1000)
        self.open()
        self.connect().send(head("/0/s1/xhr_send", "Content-Length: 99999"))
        self.assertEqual(self.post("/0/s1/xhr_send", b'["a"]').status, 204)
        self.assertEqual(self.post("/0/s1/xhr").body, b'a["a"]\n')

    def test_repeatedHost(self) -> None:
        """
        A request with two Hosts is refused (RFC 9112, section 3.2).
        """
        self.serve()
        connection = self.connect()
        connection.send(head("/info", "Host: other.example", method="GET"))
        self.assertRefused(answer(connection), 400)
        self.assertTrue(connection.closed)

    def channels(self) -> list[Any]:
        """
        The server's sides of the connections.
        """
        return [
            reader.protocol.channel
            for reader in self.site.reactor.getReaders()
            if hasattr(reader.protocol, "channel")
        ]


class DeadlineTests(ServiceCase):
    """
    Each part of a request has one time-out of the Site's, however its bytes trickle.
    """

    siteOptions = {"timeout": 30}

    def trickle(self, connection: MemoryConnection, byte: bytes) -> None:
        """
        Send a byte a second, for a minute.
        """
        for _ in range(60):
            if connection.closed:
                break
            connection.send(byte)
            self.site.advance(1)

    def test_requestLine(self) -> None:
        """
        A request line that comes byte by byte ends with the connection.
        """
        self.serve()
        connection = self.connect()
        connection.send(b"GET /")
        self.trickle(connection, b"a")
        self.assertTrue(connection.closed)
        self.assertLess(self.site.reactor.seconds(), 32)

    def test_headers(self) -> None:
        """
        Headers that come byte by byte end with the connection.
        """
        self.serve()
        connection = self.connect()
        connection.send(b"GET /info HTTP/1.1\r\nHost: a\r\nX: ")
        self.trickle(connection, b"a")
        self.assertTrue(connection.closed)

    def test_body(self) -> None:
        """
        A body that comes byte by byte ends with the connection.
        """
        self.serve()
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Content-Length: 5000"))
        self.trickle(connection, b"a")
        self.assertTrue(connection.closed)

    def test_partsEachHaveTheirTime(self) -> None:
        """
        Request line, headers and body may each take nearly all of the time.
        """
        self.serve(timeout=1000)
        session = self.open()
        connection = self.connect()
        for part in [
            b"POST /0/s1/xhr_send HTTP/1.1\r\n",
            b"Host: a\r\nContent-Length: 5\r\n\r\n",
            b'["a"]',
        ]:
            self.site.advance(29)
            connection.send(part)
        self.assertIn(b"204 No Content", connection.received)
        self.assertEqual(session.received, [b"a"])

    def test_largeBodyHasMoreTime(self) -> None:
        """
        A body that comes slowly, but steadily, is taken.
        """
        self.serve(timeout=1000)
        session = self.open()
        connection = self.connect()
        connection.send(head("/0/s1/xhr_send", "Content-Length: 500004"))
        connection.send(b'["')
        for _ in range(10):
            self.site.advance(9)
            connection.send(b"x" * 50000)
        connection.send(b'"]')
        self.assertIn(b"204 No Content", connection.received)
        self.assertEqual(session.received, [b"x" * 500000])

    def test_idle(self) -> None:
        """
        A connection on which no request has begun is closed after the time-out.
        """
        self.serve()
        connection = self.connect()
        self.site.advance(29)
        self.assertFalse(connection.closed)
        self.site.advance(2)
        self.assertTrue(connection.closed)

    def test_longPoll(self) -> None:
        """
        A poll is answered after any time.
        """
        self.serve(heartbeat=None)
        session = self.open()
        poll = self.post("/000/s1/xhr")
        self.site.advance(500)
        session.transport.write(b"late")
        self.site.settle()
        self.assertEqual(poll.body, b'a["late"]\n')

    def test_stream(self) -> None:
        """
        A streaming response lasts for any time.
        """
        self.serve(heartbeat=None)
        stream = self.get("/000/s1/eventsource")
        self.site.advance(500)
        self.sessions[0].transport.write(b"late")
        self.site.settle()
        self.assertTrue(stream.body.endswith(b'data: a["late"]\r\n\r\n'))
        self.assertFalse(stream.finished)

    def test_webSocket(self) -> None:
        """
        A WebSocket lasts for any time.
        """
        self.serve(Echo, heartbeat=None)
        socket = Socket(self.connect())
        self.site.advance(500)
        socket.say('"still"')
        self.assertEqual(socket.texts, [b"o", b'a["still"]'])


class ClosingTests(ServiceCase):
    """
    A connection that closes has an end, and is not cut off while it is read.
    """

    def ask(self, size: int) -> MemoryConnection:
        """
        Poll a message on a connection that is to close after it, and read nothing.
        """
        self.serve(timeout=100)
        self.open().transport.write(b"x" * size)
        connection = self.connect()
        connection.transport.pauseProducing()
        connection.request("POST", "/000/s1/xhr", {"Connection": "close"})
        return connection

    def serverSides(self) -> int:
        """
        How many connections the server has, beside the one that the session came on.
        """
        return len({r.socket for r in self.transports()}) - 1

    def transports(self) -> list[Any]:
        reactor = self.site.reactor
        every = [*reactor.getReaders(), *reactor.getWriters()]
        return [each for each in every if each.getPeer().host == "192.0.2.7"]

    def test_neverRead(self) -> None:
        """
        A response that nobody reads does not hold its connection for ever.
        """
        self.ask(500_000)
        self.assertEqual(self.serverSides(), 1)
        self.site.advance(40)
        self.assertEqual(self.serverSides(), 0)

    def test_readSlowly(self) -> None:
        """
        A response that is read slowly is read to its end.
        """
        connection = self.ask(2_000_000)
        for _ in range(100):
            connection.transport.resumeProducing()
            self.site.reactor.turn()
            connection.transport.pauseProducing()
            self.site.advance(10)
        self.assertTrue(connection.closed)
        self.assertEqual(len(connection.response.body), 2_000_005 + 1)

    def test_keptAliveAndReadSlowly(self) -> None:
        """
        The idle time-out does not cut off a response that is still being read.
        """
        self.serve(timeout=1000)
        self.open().transport.write(b"x" * 2_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        response = connection.request("POST", "/000/s1/xhr")
        while not response.finished and not connection.closed:
            connection.transport.resumeProducing()
            self.site.reactor.turn()
            connection.transport.pauseProducing()
            self.site.advance(10)
        self.assertEqual(len(response.body), 2_000_006)


class AccessLogTests(ServiceCase):
    """
    What an access log has of it.
    """

    def log(self) -> list[str]:
        """
        Serve with an access log.

        :return: its lines.
        """
        lines: list[str] = []

        def format(timestamp: str, request: Any) -> str:
            lines.append(f"{request.method} {request.uri} {request.code}")
            return ""

        self.siteOptions = {"logFormatter": format}
        self.serve(Echo, max_message_size=10)
        return lines

    def test_upgrade(self) -> None:
        """
        A WebSocket is a request that was answered with 101.
        """
        lines = self.log()
        Socket(self.connect(), "/websocket?a=b")
        self.assertEqual(lines, ["b'GET' b'/websocket?a=b' 101"])

    def test_refusedUpgrade(self) -> None:
        """
        A handshake in error is logged with its own status.
        """
        lines = self.log()
        Socket(self.connect(), "/websocket", {"Sec-WebSocket-Key": "short"})
        self.assertEqual(lines, ["b'GET' b'/websocket' 400"])

    def test_tooBig(self) -> None:
        """
        A body that was refused is logged with 413, once.
        """
        lines = self.log()
        self.post("/0/s/xhr_send?x", b"x" * 11)
        self.assertEqual(lines, ["b'POST' b'/0/s/xhr_send?x' 413"])

    def clients(self, site: SockJSMultiFactory) -> list[str]:
        """
        Serve a Site, and have requests come through a proxy: for its service, for a
        page beside it, and for a WebSocket.

        :return: the clients of each, as the log has them.
        """
        self.listen(site)
        told = {"X-Forwarded-For": "198.51.100.66, 2001:db8::7"}
        self.get("/chat/info", told)
        self.post("/chat/0/s/xhr_send", b"x" * 11, told)
        Socket(self.connect(), "/chat/websocket", told)
        self.get("/nothing", told)
        self.get("/chat/info", {"X-Forwarded-For": "nobody"})
        self.get("/chat/info")
        return [line.split('"')[1] for line in self.lines]

    def logged(self) -> SockJSMultiFactory:
        """
        A Site with an access log in Twisted's own format, without services. Its lines
        are ``self.lines``.
        """
        self.lines: list[str] = []

        def format(timestamp: str, request: Any) -> str:
            self.lines.append(combinedLogFormatter(timestamp, request))
            return ""

        return SockJSMultiFactory(clock=MemoryReactor(), logFormatter=format)

    def test_client(self) -> None:
        """
        The client is the one that the service's ``proxy_header`` tells, and for other
        pages too where all services have the same.
        """
        site = self.logged()
        options = {"proxy_header": "X-Forwarded-For", "max_message_size": 10}
        site.addFactory(RecordingFactory(Echo), "chat", options)
        told, socket = "2001:db8::7", "192.0.2.7"
        self.assertEqual(self.clients(site), [told] * 4 + [socket] * 2)

    def test_clientWithoutHeader(self) -> None:
        """
        Where the service has no such option, what the header says is nobody.
        """
        site = self.logged()
        options = {"max_message_size": 10}
        site.addFactory(RecordingFactory(Echo), "chat", options)
        self.assertEqual(self.clients(site), ["192.0.2.7"] * 6)

    def test_clientOfSeveral(self) -> None:
        """
        Where services differ, a page beside them has the socket's address.
        """
        site = self.logged()
        options = {"proxy_header": "X-Forwarded-For", "max_message_size": 10}
        site.addFactory(RecordingFactory(Echo), "chat", options)
        site.addFactory(RecordingFactory(Echo), "open")
        told, socket = "2001:db8::7", "192.0.2.7"
        self.assertEqual(self.clients(site), [told] * 3 + [socket] * 3)

    def test_clientElsewhere(self) -> None:
        """
        For whatever else looks at the request, the client is who it was.
        """
        seen: list[Any] = []
        site = self.logged()
        options = {"proxy_header": "X-Forwarded-For"}
        site.addFactory(RecordingFactory(Echo), "chat", options)
        log = site.log

        def watched(request: Any) -> None:
            log(request)
            seen.append(request.getClientAddress().host)

        self.patch(site, "log", watched)
        self.listen(site)
        self.get("/chat/info", {"X-Forwarded-For": "198.51.100.66"})
        self.assertEqual(seen, ["192.0.2.7"])
        self.assertIn("198.51.100.66", self.lines[0])

    def test_off(self) -> None:
        """
        Without an access log nothing is written to Twisted's log.
        """
        self.serve()
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.get("/info")
        Socket(self.connect())
        said = [formatEvent(event) for event in events]
        self.assertEqual([line for line in said if "GET" in line], [])
