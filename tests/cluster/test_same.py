"""What is passed on is answered as though it had come there."""

from __future__ import annotations

import re
from typing import Any

from OpenSSL import crypto
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol

from tests.cluster.support import ClusterCase
from tests.support.programs.certificates import makeCertificate
from txsockjs.testing import MemoryConnection

PEER = IPv4Address("TCP", "192.0.2.99", 4242)


class Origins(ClusterCase):
    """
    Two workers, and one that serves alone.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2)
        self.one = self.idOf(1)
        self.far, self.near = (self.at(each, peer=PEER) for each in self.workers)

    def both(self, method: str, path: str, **kw: Any) -> tuple[Any, Any]:
        """
        The whole answers to a request here and there, each about a session of its own:
        the first line, the headers in some order, and the rest.
        """
        answers = []
        for client, start in (self.near, "near"), (self.far, "far"):
            response = client.request(
                method, path.replace("ID", self.idOf(1, start)), **kw
            )
            raw = re.sub(rb"Date: [^\r]+", b"Date:", response.raw)
            head, _, body = raw.replace(start.encode(), b"").partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            answers.append((first, sorted(lines), body))
        return answers[0], answers[1]


class AnswerTests(Origins):
    """
    The bytes of the answer.
    """

    options = {"cookie_needed": True, "origins": ("https://page.example",)}

    def assertSame(self, *arguments: Any, **kw: Any) -> None:
        near, far = self.both(*arguments, **kw)
        self.assertEqual(near, far)
        self.assertTrue(near[0])

    def test_opening(self) -> None:
        """
        The first answer of each transport is the same, to the byte: status, CORS,
        cookie, caching, prelude and frame.
        """
        headers = {
            "Origin": "https://page.example",
            "Cookie": "JSESSIONID=mine; other=1",
            "Access-Control-Request-Headers": "X-A",
        }
        for method, path in (
            ("POST", "/0/ID-x/xhr"),
            ("POST", "/0/ID-y/xhr_streaming"),
            ("GET", "/0/ID-z/eventsource"),
            ("GET", "/0/ID-h/htmlfile?c=cb"),
            ("GET", "/0/ID-j/jsonp?c=cb"),
        ):
            self.assertSame(method, path, headers=headers)

    def test_errors(self) -> None:
        """
        So is what is refused.
        """
        for method, path, headers, body in (
            ("POST", "/0/ID/xhr", {"Origin": "https://other.example"}, b""),
            ("GET", "/0/ID/htmlfile", {}, b""),
            ("GET", "/0/ID/jsonp?c=a;b", {}, b""),
            ("POST", "/0/ID/xhr_send", {}, b'["x"]'),
            ("POST", "/0/ID/jsonp_send", {}, b"d="),
            ("PUT", "/0/ID/xhr", {}, b""),
            ("OPTIONS", "/0/ID/xhr", {}, b""),
            ("POST", "/0/ID/xhr_send", {}, b"x" * 200_000),
        ):
            self.assertSame(method, path, headers=headers, body=body)

    def test_badMessages(self) -> None:
        """
        And what is wrong in a session that is open.
        """
        for start in "near", "far":
            self.near.request("POST", f"/0/{self.idOf(1, start)}/xhr")
        for body in b"", b"x", b'["x', b'["x"]':
            self.assertSame("POST", "/0/ID/xhr_send", body=body)
        self.assertSame("POST", "/0/ID/jsonp_send", body=b'["y"]')
        self.assertSame("POST", "/0/ID/xhr")

    def test_forms(self) -> None:
        """
        Nobody reads a body as a form of other kinds, whatever it is said to be.
        """
        for start in "near", "far":
            self.near.request("POST", f"/0/{self.idOf(1, start)}/xhr")
        for kind in (
            "multipart/form-data",
            "multipart/form-data; boundary=a",
            "application/x-www-form-urlencoded",
        ):
            # What is so long is Twisted's to read.
            headers = {"Content-Type": kind, "X-Long": "x" * 5000}
            self.assertSame("POST", "/0/ID/xhr_send", headers=headers, body=b'["x"]')
        near, _ = self.both("POST", "/0/ID/xhr")
        self.assertEqual(near[2].count(b"x"), 3)

    def test_long(self) -> None:
        """
        A frame that takes many reads comes whole.
        """
        text = "x" * 100_000
        for start in "near", "far":
            self.near.request("POST", f"/0/{self.idOf(1, start)}/xhr")
            for _ in range(5):
                path = f"/0/{self.idOf(1, start)}/xhr_send"
                self.far.request("POST", path, body=f'["{text}"]'.encode())
        near, far = self.both("POST", "/0/ID/xhr")
        self.assertEqual(near, far)
        self.assertGreater(len(far[2]), 100_000)

    def test_oldClient(self) -> None:
        """
        A client of HTTP/1.0, without a Host, gets its answer, and the connection ends.
        """
        connection = self.far.connect()
        connection.send(f"POST /0/{self.one}/xhr HTTP/1.0\r\n\r\n".encode())
        self.assertIn(b"HTTP/1.0 200 OK", connection.received)
        self.assertTrue(connection.received.endswith(b"\r\n\r\no\n"))
        self.assertTrue(connection.closed)

    def test_chunked(self) -> None:
        """
        A body in chunks is passed on.
        """
        self.near.request("POST", f"/0/{self.one}/xhr")
        connection = self.far.connect()
        start = f"POST /0/{self.one}/xhr_send HTTP/1.1\r\nHost: a\r\n"
        connection.send(start.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.send(b'5\r\n["a"]\r\n0\r\n\r\n')
        self.assertIn(b" 204 ", connection.received)
        self.assertEqual(self.workers[1].sessions[0].received, [b"a"])

    def test_pipelined(self) -> None:
        """
        Requests that come together are answered in their order.
        """
        connection = self.far.connect()
        post = (
            f"POST /0/{self.one}/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        )
        opening, sending = post % ("xhr", 0), post % ("xhr_send", 5) + '["a"]'
        connection.send((opening + sending + opening).encode())
        places = [connection.received.find(each) for each in (b"o\n", b"204", b"a[")]
        self.assertEqual(places, sorted(places))
        self.assertGreater(places[0], 0)


class Telling(Protocol):
    """
    Keeps what it is told of its request.
    """

    def connectionMade(self) -> None:
        transport: Any = self.transport
        self.request = transport.request
        self.received: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)


class RequestTests(ClusterCase):
    """
    What the application sees.
    """

    def opened(self, **kw: Any) -> list[Any]:
        """
        The requests of two sessions, one that was opened where it is, and one that was
        not.
        """
        for worker, start in zip(self.workers, ("far", "near"), strict=True):
            self.at(worker, **kw).request(
                "POST",
                f"/0/{self.idOf(1, start)}/xhr?a=1&a=2",
                [
                    ("Cookie", "a=1; b=2"),
                    ("X-Twice", "1"),
                    ("X-Twice", "2"),
                    ("Sockjs-Passed", "1 0 1 203.0.113.1,1 203.0.113.2,2"),
                    ("Sockjs-Certificate", "eHg="),
                    ("User-Agent", "\xe4 b"),
                ],
            )
        return [each.request for each in self.workers[1].sessions]

    def test_request(self) -> None:
        """
        It is told the client's own address, headers, cookies and arguments, and nothing
        that a client says in our headers.
        """
        self.begin(2, Telling)
        for kw in (
            {"peer": PEER},
            {"peer": "2001:db8::1"},
            {"peer": PEER, "secure": True},
        ):
            far, near = self.opened(**kw)[-2:]
            self.assertEqual(far.peer, near.peer)
            self.assertEqual(far.host, near.host)
            self.assertEqual(far.secure, near.secure)
            self.assertEqual(far.args, near.args)
            self.assertEqual(far.cookies, {"a": "1", "b": "2"})
            self.assertEqual(far.path, near.path)
            told = {
                n: v for n, v in near.headers.items() if not n.startswith("sockjs-")
            }
            self.assertEqual(dict(far.headers), told)
            for worker in self.workers:
                for id in list(worker.service.byId):
                    worker.service.byId[id].abort()

    def test_certificate(self) -> None:
        """
        It is told the client's certificate, where that has shown one.
        """
        self.begin(2, Telling)
        certificate = makeCertificate().original
        for request in self.opened(secure=True, certificate=certificate):
            self.assertEqual(
                crypto.dump_certificate(crypto.FILETYPE_PEM, request.certificate),
                crypto.dump_certificate(crypto.FILETYPE_PEM, certificate),
            )


class OwnerTests(ClusterCase):
    """
    The option ``verify_ip``.
    """

    options = {"verify_ip": True}

    def test_owner(self) -> None:
        """
        It is the client's address that counts, wherever its requests come in.
        """
        self.begin(2)
        path = f"/0/{self.idOf(1)}"
        for worker in self.workers:
            mine = self.at(worker, peer="192.0.2.1")
            other = self.at(worker, peer="192.0.2.2")
            mine.request("POST", f"{path}/xhr")
            sent = [
                client.request("POST", f"{path}/xhr_send", body=b'["x"]').status
                for client in (mine, other)
            ]
            self.assertEqual(sent, [204, 404])
            self.assertEqual(other.request("POST", f"{path}/xhr").status, 404)


class LogTests(ClusterCase):
    """
    The access log.
    """

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        self.siteOptions = {"logFormatter": self.format, "logPath": self.mktemp()}

    def format(self, timestamp: str, request: Any) -> str:
        line = f"{request.getClientAddress().host} {request.code} {request.sentLength}"
        self.lines.append(line)
        return line

    def test_once(self) -> None:
        """
        A request is logged once, where it came in.
        """
        self.begin(2)
        path = f"/0/{self.idOf(1)}/xhr"
        self.at(self.workers[0], peer=PEER).request("POST", path)
        self.assertEqual(self.lines, ["192.0.2.99 200 2"])


class PaceTests(Origins):
    """
    A client that reads slowly, or is gone.
    """

    def opened(self) -> tuple[MemoryConnection, Any]:
        """
        A stream that is passed on, and its session's protocol.
        """
        connection = self.far.connect()
        connection.begin("POST", f"/0/{self.one}/xhr_streaming")
        self.reactor.settle()
        return connection, self.workers[1].sessions[0]

    def test_slow(self) -> None:
        """
        A session whose client does not read is told to pause, and goes on when it does.
        """
        connection, session = self.opened()
        paused: list[bool] = []

        class Producer:
            def pauseProducing(self) -> None:
                paused.append(True)

            def resumeProducing(self) -> None:
                paused.append(False)

            def stopProducing(self) -> None:
                pass

        session.transport.registerProducer(Producer(), True)
        transport: Any = connection.transport
        transport.pauseProducing()
        for _ in range(100):
            if paused:
                break
            session.transport.write(b"x" * 10_000)
            self.reactor.settle()
        self.assertEqual(paused, [True])
        transport.resumeProducing()
        self.reactor.settle()
        # The stream has had all that it carries; the rest comes with the next one.
        self.far.request("POST", f"/0/{self.one}/xhr_streaming")
        self.assertEqual(paused, [True, False])

    def test_gone(self) -> None:
        """
        Where the client goes, the session learns that its stream is lost, and there is
        no connection left for it.
        """
        connection, _ = self.opened()
        core = self.workers[1].service.byId[self.one.encode()]
        self.assertIsNotNone(core.receiver)
        connection.abort()
        self.reactor.settle()
        self.assertIsNone(core.receiver)
        self.assertEqual(self.workers[1].site.reactor, self.reactor)

    def test_vanished(self) -> None:
        """
        A client that takes nothing for as long as from one heartbeat to the next is
        gone, as it is where its session is.
        """
        connection, session = self.opened()
        transport: Any = connection.transport
        transport.pauseProducing()
        session.transport.write(b"x" * 80_000)
        core = self.workers[1].service.byId[self.one.encode()]
        self.reactor.advance(24)
        self.assertIsNotNone(core.receiver)
        self.reactor.advance(30)
        self.assertIsNone(core.receiver)

    def test_kept(self) -> None:
        """
        One connection carries what is passed on one after the other, and is given up
        when nothing has come for a while.
        """
        for _ in range(20):
            self.far.request("POST", f"/0/{self.one}/xhr")
            self.near.request("POST", f"/0/{self.one}/xhr_send", body=b'["x"]')
        self.assertEqual(self.ports.connected, ["/memory/1"])
        self.reactor.advance(60)
        self.far.request("POST", f"/0/{self.idOf(1, 'new')}/xhr")
        self.assertEqual(self.ports.connected, ["/memory/1"] * 2)
