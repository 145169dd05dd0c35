"""Tests for `txsockjs.web.channel`: where a connection stands, and its pace."""

from __future__ import annotations

import tempfile
from typing import Any

from twisted.internet.address import IPv4Address

from tests.support.serving import Echo, ServiceCase
from txsockjs.testing import MemoryConnection
from txsockjs.web.channel import AHEAD

HOST = b"Host: a"
BAD_HOSTS = [b"a b", b"a/b", b"a@b", b"a:b", b"[::1", b"a\xff", b"a:1:2", b"http://a"]
IFRAME = b"GET /iframe.html HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


def poll(path: bytes = b"/0/s1/xhr", *lines: bytes) -> bytes:
    return head(b"POST %b HTTP/1.1" % path, HOST, *lines)


class ChannelCase(ServiceCase):
    def answers(self, *pieces: bytes) -> list[bytes]:
        """
        The status codes of what is answered to these bytes on one connection.
        """
        self.connection = self.connect()
        for piece in pieces:
            self.connection.send(piece)
        parts = self.connection.received.split(b"HTTP/1.1 ")[1:]
        self.assertEqual(self.flushLoggedErrors(), [])
        return [part[:3] for part in parts]

    def connect(self, **kw: Any) -> MemoryConnection:
        """
        Connect, from an address of its own.
        """
        self.peer = IPv4Address("TCP", "192.0.2.99", 1)
        return super().connect(peer=self.peer, **kw)

    def servers(self) -> list[Any]:
        """
        The server's sides of these connections.
        """
        reactor = self.site.reactor
        every = {*reactor.getReaders(), *reactor.getWriters()}
        return [
            each
            for each in every
            if each.getPeer().host == "192.0.2.99" and hasattr(each.protocol, "channel")
        ]

    def assertRejects(self, status: bytes, *pieces: bytes, count: int = 1) -> None:
        """
        These bytes have this one answer, after which the connection is closed; it is
        counted, where it is known for whom it was, and nobody is warned.
        """
        warnings = self.keepWarnings()
        counters: Any = self.site.site
        refused = counters.services[""].counters.refused
        before = sum(refused.values())
        self.assertEqual(self.answers(*pieces), [status], pieces)
        self.assertTrue(self.connection.closed)
        self.assertEqual(sum(refused.values()), before + count)
        self.assertEqual(warnings, [])


class PositionTests(ChannelCase):
    def test_requestInsideAHead(self) -> None:
        """
        What comes behind a part of a head belongs to that head, in its own segment too.
        """
        self.serve(Echo)
        for part in [
            b"POST /0/s1/xhr HTTP/1.1\r\n",
            head(b"GET / HTTP/1.1", HOST)[:-2],
        ]:
            self.assertRejects(b"400", part, poll())
            self.assertRejects(b"400", part + poll())
        self.assertEqual(self.sessions, [])

    def test_requestInsideABody(self) -> None:
        """
        What comes while a body is expected is that body.
        """
        self.serve(Echo)
        start = poll(b"/0/s/xhr", b"Content-Length: %d" % (len(poll()) + 1))
        self.assertEqual(self.answers(start, poll()), [])
        self.connection.send(b"x")
        self.assertEqual(len(self.sessions), 1)

    def test_pipelined(self) -> None:
        """
        Requests that come together are answered in their order, in any pieces.
        """
        send = poll(b"/0/s1/xhr_send", b"Content-Length: 5") + b'["a"]'
        talk = poll() + send + poll() + IFRAME
        for size in (1, 7, len(talk)):
            self.serve(Echo)
            pieces = [talk[n : n + size] for n in range(0, len(talk), size)]
            self.assertEqual(self.answers(*pieces), [b"200", b"204", b"200", b"200"])
            self.assertIn(b'a["a"]\n', self.connection.received)

    def test_notFromInside(self) -> None:
        """
        The next request is not begun from within what ends the response before it.
        """
        self.serve()
        session = self.open()
        self.assertEqual(self.answers(poll() + poll(b"/0/s2/xhr")), [])
        session.transport.write(b"x")
        self.assertEqual(len(self.sessions), 1)
        self.site.settle()
        self.assertEqual(len(self.sessions), 2)

    def test_lostMeanwhile(self) -> None:
        """
        It is not begun at all when the connection is lost before.
        """
        self.serve()
        session = self.open()
        self.assertEqual(self.answers(poll() + poll(b"/0/s2/xhr")), [])
        session.transport.loseConnection()
        [server] = self.servers()
        server.abortConnection()
        self.site.settle()
        self.assertEqual(len(self.sessions), 1)


class RuleTests(ChannelCase):
    """
    What makes a request one, as the RFCs say.
    """

    def test_host(self) -> None:
        """
        HTTP/1.1 has one Host, which may be one. (RFC 9112, section 3.2)
        """
        self.serve()
        for line in b"GET /iframe.html HTTP/1.1", b"OPTIONS /info HTTP/1.1":
            self.assertRejects(b"400", head(line))
            self.assertRejects(b"400", head(line, HOST, HOST))
            for host in BAD_HOSTS:
                self.assertRejects(b"400", head(line, b"Host: " + host))
            for host in b"a", b"a:80", b"[::1]:80", b"", b"a_b.example", b"1.2.3.4":
                [status] = self.answers(head(line, b"Host: " + host))
                self.assertEqual(status[:1], b"2", host)

    def test_noHostBefore(self) -> None:
        """
        HTTP/1.0 needs none.
        """
        self.serve()
        connection = self.connect()
        connection.send(head(b"GET /iframe.html HTTP/1.0"))
        self.assertIn(b" 200 OK\r\n", connection.received)

    def test_absoluteForm(self) -> None:
        """
        A target with a host is served, and that is the Host. (RFC 9112, section 3.2.2)
        """
        self.serve()
        for target in b"http://b/0/s/xhr", b"HTTPS://b:80/0/s/xhr?x":
            self.assertEqual(self.answers(poll(target)), [b"200"])
            opening = self.sessions[-1].transport.request
            self.assertEqual(opening.headers["host"][0][:1], "b")
            self.sessions[-1].transport.abortConnection()
        self.assertEqual(self.answers(head(b"GET http://b HTTP/1.1", HOST)), [b"200"])

    def test_badAbsoluteForm(self) -> None:
        """
        One that names no host, or somebody before it, is none. (RFC 9110, section 4.2)
        """
        self.serve()
        for target in b"http:///", b"http://:80/", b"http://a@b/", b"http://a:x/":
            line = b"GET %b HTTP/1.1" % target
            self.assertRejects(b"400", head(line, HOST), count=0)

    def test_bodyOfAbsoluteForm(self) -> None:
        """
        The limit of its body is that of the service.
        """
        self.serve(max_message_size=10)
        start = poll(b"http://b/0/s/xhr_send", b"Content-Length: 11")
        self.assertRejects(b"413", start + b"x" * 11)

    def test_targetTooLong(self) -> None:
        """
        414, whether its end has come or not.
        """
        self.serve()
        target = b"GET /" + b"a" * 20_000
        self.assertRejects(b"414", target)
        self.assertRejects(b"414", head(target + b" HTTP/1.1", HOST))
        self.assertRejects(
            b"414", *[target[n : n + 999] for n in range(0, 17_000, 999)]
        )

    def test_headersTooLarge(self) -> None:
        """
        431, for all of them together, for their number, and for one name.
        """
        self.serve()
        for lines in [
            [b"X: " + b"a" * 20_000],
            [b"X: " + b"a" * 1000] * 20,
            [b"a:"] * 501,
            [b"a" * 300 + b": b"],
        ]:
            self.assertRejects(b"431", head(b"GET / HTTP/1.1", HOST, *lines))

    def test_longest(self) -> None:
        """
        What is just not too long is served.
        """
        self.serve()
        value = b"a" * (16384 - len(b"GET / HTTP/1.1" + HOST + b"X: "))
        data = head(b"GET / HTTP/1.1", HOST, b"X: " + value)
        for cut in range(5):
            end = len(data) - cut
            self.assertEqual(self.answers(data[:end], data[end:]), [b"200"])
        self.assertRejects(b"431", head(b"GET / HTTP/1.1", HOST, b"X: a" + value))

    def test_onceRefused(self) -> None:
        """
        A body that is refused, and in disorder behind that, has one answer.
        """
        self.serve(max_message_size=10)
        start = poll(b"/0/s/xhr_send", b"Transfer-Encoding: chunked")
        self.assertRejects(b"413", start + b"b\r\n" + b"x" * 11, b"no end")

    def test_head(self) -> None:
        """
        HEAD has the headers of GET, no body, and nothing to be warned of.
        """
        self.serve()
        events = self.keepWarnings()
        for path in "/", "/info", "/iframe.html":
            get = self.client.request("GET", path)
            self.connection = self.connect()
            self.connection.send(head(b"HEAD %b HTTP/1.1" % path.encode(), HOST))
            start, _, body = self.connection.received.partition(b"\r\n\r\n")
            self.assertEqual(body, b"")
            self.assertEqual(start.count(b"Content-Length: "), 1)
            if path != "/info":
                self.assertIn(b"Content-Length: %d" % len(get.body), start)
        self.assertEqual(events, [])


class BodyTests(ChannelCase):
    def test_inMemory(self) -> None:
        """
        No body needs a file, announced or not.
        """
        self.serve(max_message_size=1_000_000)
        session = self.open()

        def full(*args: object, **kw: object) -> None:
            raise OSError(28, "No space left on device")

        for name in "TemporaryFile", "NamedTemporaryFile", "mkstemp":
            self.patch(tempfile, name, full)
        body = b'["%b"]' % (b"x" * 500_000)
        self.assertEqual(self.post("/0/s1/xhr_send", body).status, 204)
        chunked = {"Transfer-Encoding": "chunked"}
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        self.assertEqual(self.post("/0/s1/xhr_send", body, chunked).status, 204)
        self.assertEqual([len(each) for each in session.received], [500_000] * 2)


class UnreadTests(ChannelCase):
    """
    A connection that is not read is not read from either.
    """

    siteOptions = {"timeout": 1000}

    def flood(self, request: bytes) -> Any:
        """
        Send a request over and over, and read nothing.

        :return: the server's side of the connection.
        """
        self.connection = connection = self.connect()
        connection.transport.pauseProducing()
        for _ in range(10):
            connection.send(request * 500)
        [server] = self.servers()
        return server

    def test_requests(self) -> None:
        """
        Of what is answered, 64 KiB wait, and the response that went past that; of what
        is asked, what was read at once.
        """
        self.serve(Echo)
        for request in IFRAME, poll(b"/0/s1/xhr") + poll(b"/0/s1/xhr_send"):
            server = self.flood(request)
            waiting = len(server.dataBuffer) - server.offset + server._tempDataLen
            self.assertLess(waiting, 65536 + 4096)
            self.assertLessEqual(len(server.protocol.channel._unread), 65536 + AHEAD)

    def test_whileAnswering(self) -> None:
        """
        Requests behind one that takes its time are read ahead to a little more than 16
        KiB.
        """
        self.serve()
        self.open()
        connection = self.connect()
        connection.send(poll())
        [server] = self.servers()
        for _ in range(50):
            connection.send(IFRAME * 500)
        unread = len(server.protocol.channel._unread)
        self.assertGreater(unread, AHEAD)
        self.assertLess(unread, 65536 + AHEAD)

    def test_goesOn(self) -> None:
        """
        When it is read, all of it is answered.
        """
        self.serve(Echo)
        self.flood(IFRAME)
        self.connection.transport.resumeProducing()
        self.site.settle()
        answered = self.connection.received.count(b"HTTP/1.1 200 ")
        self.assertEqual(answered, 10 * 500)


class SlowTests(ChannelCase):
    """
    Who is slow is not gone.
    """

    def take(self, connection: MemoryConnection) -> None:
        """
        Have the client take what has come.
        """
        connection.transport.resumeProducing()
        self.site.reactor.turn()
        connection.transport.pauseProducing()

    def test_idle(self) -> None:
        """
        A connection is idle from when its last response was delivered.
        """
        self.serve(timeout=10_000)
        self.open().transport.write(b"x" * 1_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        response = connection.request("POST", "/0/s1/xhr")
        for _ in range(12):
            self.site.advance(59)
            self.take(connection)
            self.assertFalse(connection.closed)
        connection.transport.resumeProducing()
        self.site.settle()
        self.assertTrue(response.finished)
        self.site.advance(59)
        self.assertFalse(connection.closed)
        self.site.advance(122)
        self.assertTrue(connection.closed)

    def test_standsStill(self) -> None:
        """
        One that takes nothing for that long is given up.
        """
        self.serve(timeout=10_000)
        self.open().transport.write(b"x" * 1_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        connection.request("POST", "/0/s1/xhr")
        self.site.advance(200)
        connection.transport.resumeProducing()
        self.site.settle()
        self.assertTrue(connection.closed)
        self.assertLess(len(connection.received), 1_000_000)

    def test_halfClosed(self) -> None:
        """
        The last response of a connection is followed by an end, and the connection is
        there until the client closes it, or for a while.
        """
        self.serve()
        connection = self.connect()
        transport: Any = connection.transport
        self.patch(transport, "readConnectionLost", lambda reason: None)
        connection.send(head(b"GET / HTTP/1.1", HOST, b"Connection: close"))
        [server] = self.servers()
        connection.send(b"too late")
        self.assertEqual(server.protocol.channel._unread, b"")
        self.site.advance(14)
        self.assertEqual(len(self.servers()), 1)
        self.site.advance(2)
        self.assertEqual(self.servers(), [])
        self.assertEqual(connection.received.count(b"HTTP/1.1"), 1)
