"""The opening handshake of a client's WebSocket, against servers of any kind."""

from __future__ import annotations

import base64
from itertools import repeat
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionRefusedError,
)

from tests.support.carriers import CLIENT, SERVER, Carried, CarrierTestCase
from tests.support.sockets import frame
from txsockjs.client.websocket import RawWebSocket
from txsockjs.errors import RequestFailed, TransportFailed

AT = "http://sockjs.example/0/s/websocket"


class RequestTests(CarrierTestCase):
    """
    What is asked for.
    """

    def end(self, carrier: Any) -> None:
        """
        Abort, and forget.
        """
        carrier.abort()
        self.reactor.settle()
        self.session.told.clear()

    def test_request(self) -> None:
        """
        It has what RFC 6455, section 4.1, wants, and nothing that nobody has asked for.
        """
        carrier = self.carry()
        line, _, _ = self.server.request.partition(b"\r\n")
        self.assertEqual(line, b"GET /0/s/websocket HTTP/1.1")
        headers = self.server.headers
        key = base64.b64decode(headers.pop("sec-websocket-key"))
        self.assertEqual(len(key), 16)
        self.assertEqual(
            headers,
            {
                "host": "sockjs.example",
                "upgrade": "websocket",
                "connection": "Upgrade",
                "sec-websocket-version": "13",
            },
        )
        self.end(carrier)
        self.end(self.carry())
        again = base64.b64decode(self.server.headers["sec-websocket-key"])
        self.assertNotEqual(again, key)

    def test_resource(self) -> None:
        """
        Path, query and host are those of the URL; a port is said if it is not the
        usual one.
        """
        for url, host, resource in (
            ("http://a.example", "a.example", "/"),
            ("http://a.example?a=1", "a.example", "/?a=1"),
            ("http://a.example:8080/b/websocket", "a.example:8080", "/b/websocket"),
            ("https://a.example/%C3%A9", "a.example", "/%C3%A9"),
            ("http://[::1]:81/b?c=d&e", "[::1]:81", "/b?c=d&e"),
        ):
            carrier = self.carry(RawWebSocket, url)
            self.assertEqual(self.server.headers["host"], host)
            self.assertEqual(self.server.request.split()[1].decode(), resource)
            self.end(carrier)

    def test_headers(self) -> None:
        """
        The user's headers go with it. A host takes the place of the URL's.
        """
        self.web.headers = {"X-A": "é, b", "HOST": "b.example", "Origin": "http://c"}
        carrier = self.carry()
        headers = self.server.headers
        self.assertEqual(
            [headers[name] for name in ("x-a", "host", "origin")],
            ["é, b", "b.example", "http://c"],
        )
        self.end(carrier)

    def test_headersRefused(self) -> None:
        """
        A header that is the handshake's own, or none at all, is refused by its name.
        """
        for name, value in (
            ("Sec-WebSocket-Protocol", "a"),
            ("connection", "close"),
            ("X-A", "b\r\nX-B: c"),
            ("X A", "b"),
            ("", "b"),
        ):
            self.session = Carried()
            self.web.headers = {name: value}
            self.carry()
            self.assertLost(TransportFailed, repr(name))
            self.assertEqual(self.server.received, b"")

    def test_offers(self) -> None:
        """
        Subprotocols and compression are offered where that is set.
        """
        carrier = self.carry(subprotocols="b,a", compression=True)
        headers = self.server.headers
        self.assertEqual(headers["sec-websocket-protocol"], "b, a")
        self.assertEqual(
            headers["sec-websocket-extensions"],
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
        )
        self.server.accept({"Sec-WebSocket-Protocol": "a"})
        self.reactor.settle()
        self.assertEqual(carrier.subprotocol, "a")
        self.end(carrier)


class AnswerTests(CarrierTestCase):
    """
    What comes back.
    """

    def answered(self, *lines: str, body: bytes = b"", **settings: Any) -> Any:
        """
        A carrier whose server answers so.
        """
        carrier = self.carry(**settings)
        self.say("\r\n".join([*lines, "", ""]).encode("latin-1"), body)
        return carrier

    def test_accepted(self) -> None:
        """
        What comes with the answer is read; what comes before it, of the kind that is
        not the answer yet, is not.
        """
        for segment in 1, 65536:
            self.session = Carried()
            carrier = self.carry()
            self.reactor.segment = repeat(segment).__next__
            self.server.say(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
            self.server.accept(
                {"Set-Cookie": "a=\xe9\x85"},
                frame(b"o", mask=None) + frame(b'a["x"]', mask=None),
            )
            self.reactor.settle()
            self.assertEqual(
                self.session.told,
                [("connected", None), ("frame", "o"), ("frame", 'a["x"]')],
            )
            carrier.abort()
            self.reactor.settle()
        url, headers = self.web.cookies[-1]
        self.assertEqual(url, AT)
        self.assertEqual(headers.getRawHeaders(b"set-cookie"), [b"a=\xe9\x85"])

    def test_refused(self) -> None:
        """
        A refusal is told with its status, and with what a short text says. Cookies are
        kept.
        """
        for segment in 1, 65536:
            self.session = Carried()
            self.reactor.segment = repeat(segment).__next__
            self.answered(
                "HTTP/1.1 403 Forbidden",
                "Content-Type: TEXT/plain; charset=UTF-8",
                "Content-Length: 16",
                "Set-Cookie: a=b",
                body=b"This origin\nmay\x00",
            )
            self.assertLost(
                TransportFailed, f"{AT} answered 403 Forbidden: This origin may"
            )
            self.assertIsNotNone(self.server.ended)
        self.assertEqual(len(self.web.cookies), 2)

    def test_refusedAtOnce(self) -> None:
        """
        Where there is no short text, none is waited for.
        """
        for lines in (
            ["HTTP/1.1 503 Service Unavailable", "Content-Length: 9"],
            ["HTTP/1.0 503 Service Unavailable", "Content-Type: text/html"],
            ["HTTP/1.1 503 Service Unavailable", "Content-Type: text/plain"],
            [
                "HTTP/1.1 503 Service Unavailable",
                "Content-Type: text/plain",
                "Content-Length: 999999",
            ],
            [
                "HTTP/1.1 503 Service Unavailable",
                "Content-Type: text/plain",
                "Content-Length: -1",
            ],
        ):
            self.session = Carried()
            self.answered(*lines, body=b"ab")
            reason = self.assertLost(TransportFailed)
            self.assertEqual(str(reason), f"{AT} answered 503 Service Unavailable")

    def test_refusedSlowly(self) -> None:
        """
        A text that does not come in a second is done without, and so is one that is
        cut off.
        """
        lines = ["HTTP/1.1 404 ", "Content-Type: text/plain", "Content-Length: 9"]
        self.answered(*lines, body=b"Noth")
        self.reactor.advance(0.9)
        self.assertEqual(self.session.told, [])
        self.reactor.advance(0.2)
        self.assertLost(TransportFailed, f"{AT} answered 404: Noth")
        self.session = Carried()
        self.answered(*lines, body=b"Noth")
        self.server.transport.loseConnection()
        self.reactor.settle()
        self.assertLost(TransportFailed, f"{AT} answered 404: Noth")

    def test_nonsense(self) -> None:
        """
        What is not HTTP, or too much of it, is told so.
        """
        for data, text in (
            (
                b"SSH-2.0-OpenSSH\r\n\r\n",
                "answered what is not HTTP: 'SSH-2.0-OpenSSH'",
            ),
            (b"\r\n\r\n", "answered what is not HTTP: ''"),
            (b"HTTP/1.1 1o1 Yes\r\n\r\n", "answered what is not HTTP"),
            (b"HTTP/1.1 101\r\n\r\n", "the answer is not in order: HTTP Upgrade"),
            (b"HTTP/1.0 101 Yes\r\n\r\n", "not in order: Unsupported HTTP version"),
            (b"x" * 40000, "the head of the answer has more than 32768 bytes"),
            (
                b"HTTP/1.1 100 Continue\r\n\r\n" * 3000,
                "the head of the answer has more than 32768 bytes",
            ),
        ):
            for segment in 4096, 1 << 20:
                self.session = Carried()
                self.reactor.segment = repeat(segment).__next__
                self.carry()
                self.say(data)
                self.assertLost(TransportFailed, AT, text)
                self.assertIsNotNone(self.server.ended)

    def test_disagrees(self) -> None:
        """
        An answer that agrees to something else is refused, in words that tell why.
        """
        for headers, text in (
            ({"Sec-WebSocket-Accept": "a"}, "Sec-WebSocket-Accept bogus value"),
            ({"Upgrade": "h2c"}, "HTTP Upgrade header different"),
            ({"Connection": "close"}, "HTTP Connection header does not include"),
            ({"Sec-WebSocket-Protocol": "a"}, 'selected by server "a" not in'),
            ({"Sec-WebSocket-Extensions": "permessage-deflate"}, "denied by client"),
            ({"Sec-WebSocket-Extensions": "x-a"}, 'wants to use extension "x-a"'),
        ):
            self.session = Carried()
            self.carry()
            self.server.accept(headers)
            self.reactor.settle()
            self.assertLost(TransportFailed, f"{AT}: the answer is not in order", text)
            self.assertIsNotNone(self.server.ended)

    def test_noAnswer(self) -> None:
        """
        A connection that ends without an answer is told so.
        """
        self.carry()
        self.server.transport.loseConnection()
        self.reactor.settle()
        self.assertLost(RequestFailed, "sockjs.example:80: the connection was lost")

    def test_notConnected(self) -> None:
        """
        So is one that does not come about, whatever an endpoint does.
        """

        class Endpoint:
            def connect(self, factory: Any) -> Deferred[Any]:
                return fail(ConnectionRefusedError())

        self.web.endpointFor = lambda url: Endpoint()  # type: ignore
        self.carry()
        self.assertLost(RequestFailed, "sockjs.example:80: connection refused")
        self.session = Carried()
        self.web.endpointFor = lambda url: {}[url]  # type: ignore
        self.carry()
        self.assertLost(RequestFailed, "sockjs.example:80: ")


class RedirectionTests(CarrierTestCase):
    """
    Answers that say where to ask instead.
    """

    def redirect(self, location: str | None, status: int = 302) -> None:
        """
        Let the server answer so.
        """
        field = "" if location is None else f"Location: {location}\r\n"
        self.say(f"HTTP/1.1 {status} Elsewhere\r\n{field}\r\n".encode("ascii"))

    def test_followed(self) -> None:
        """
        They are followed, each over a connection of its own, and cookies are kept.
        """
        carrier = self.carry()
        for status, location, url in (
            (301, "/a?b", "http://sockjs.example/a?b"),
            (302, "ws://b.example/c", "http://b.example/c"),
            (303, "//c.example:81/", "http://c.example:81/"),
            (307, "https://d.example/e#f", "https://d.example/e"),
            (308, "wss://d.example/g", "https://d.example/g"),
        ):
            self.redirect(location, status)
            self.assertEqual(self.web.asked[-1].partition("#")[0], url)
            self.assertIsNotNone(self.servers.made[-2].ended)
        self.assertEqual(self.session.told, [])
        self.assertEqual(len(self.web.cookies), 5)
        self.server.accept()
        self.reactor.settle()
        self.assertEqual(self.session.words, ["connected"])
        carrier.send("x")
        self.reactor.settle()
        self.assertEqual(self.server.frames[0].payload, b'["x"]')
        carrier.abort()
        self.reactor.settle()

    def test_bounded(self) -> None:
        """
        Ten of them, and no more.
        """
        self.carry()
        for _ in range(11):
            self.redirect("/")
        self.assertLost(RequestFailed, "more than 10 times")
        self.assertEqual(len(self.servers.made), 11)

    def test_refused(self) -> None:
        """
        Not followed is one to nowhere, to what is no WebSocket's, or out of TLS.
        """
        for url, location, text in (
            ("https://a.example/", "http://a.example/", "it has no TLS"),
            ("https://a.example/", "ws://a.example/", "it has no TLS"),
            ("http://a.example/", "ftp://a.example/", "is no URL"),
            ("http://a.example/", "http://[/", "is no URL"),
            ("http://a.example/", None, "there is no Location"),
        ):
            self.session = Carried()
            self.carry(RawWebSocket, url)
            self.redirect(location)
            self.assertLost(RequestFailed, "302 Elsewhere", text)
            self.assertIsNotNone(self.server.ended)

    def test_aborted(self) -> None:
        """
        Who has aborted is not redirected.
        """
        carrier = self.carry()
        self.server.say(b"HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n")
        while not self.web.cookies:
            self.reactor.turn()
        carrier.abort()
        self.reactor.settle()
        self.assertLost(ConnectionAborted)
        self.assertEqual(len(self.servers.made), 1)


class StoppedTests(CarrierTestCase):
    """
    Carriers that are not wanted any more before they are open.
    """

    def stop(self, carrier: Any, how: str) -> None:
        """
        Close or abort. The session is told of the end once that has returned.
        """
        if how == "close":
            carrier.close(1000, "")
        else:
            carrier.abort()
        self.assertEqual(self.session.told, [])
        self.reactor.settle()
        self.assertLost(ConnectionDone if how == "close" else ConnectionAborted)
        self.session = Carried()

    def test_beforeConnecting(self) -> None:
        """
        It does not even begin.
        """
        for how in "close", "abort":
            before = len(self.servers.made)
            carrier = self.unsettled()
            self.stop(carrier, how)
            self.assertEqual(len(self.servers.made), before)

    def unsettled(self) -> Any:
        """
        A carrier that has begun, with nothing done yet.
        """
        settle, self.reactor.settle = self.reactor.settle, lambda: None  # type: ignore
        try:
            return self.carry()
        finally:
            self.reactor.settle = settle  # type: ignore

    def test_connecting(self) -> None:
        """
        The endpoint is told to give up. If it does not, the connection is dropped.
        """

        class Endpoint:
            def connect(self, factory: Any) -> Deferred[Any]:
                self.factory = factory
                self.cancelled = 0
                return Deferred(self.cancel)

            def cancel(self, deferred: Deferred[Any]) -> None:
                self.cancelled += 1

        real = self.web.endpointFor("")
        for how in "close", "abort":
            endpoint = Endpoint()
            self.web.endpointFor = lambda url: endpoint  # type: ignore # noqa: B023
            carrier = self.carry()
            self.stop(carrier, how)
            self.assertEqual(endpoint.cancelled, 1)
            real.connect(endpoint.factory)
            self.reactor.settle()
            self.assertIsNotNone(self.server.ended)
            self.assertEqual(self.server.received, b"")

    def test_handshake(self) -> None:
        """
        The connection is dropped, and an answer that comes with that is not read.
        """
        for how in "close", "abort":
            carrier = self.carry()
            self.server.accept()
            self.stop(carrier, how)
            self.assertIsNotNone(self.server.ended)

    def test_addresses(self) -> None:
        """
        There are addresses from when there is a connection, and behind its end.
        """
        carrier = self.unsettled()
        self.assertEqual((carrier.peer, carrier.host, carrier.pending), (None, None, 0))
        self.assertIsNone(carrier.certificate)
        self.reactor.settle()
        self.stop(carrier, "abort")
        self.assertEqual((carrier.peer, carrier.host), (SERVER, CLIENT))
        self.assertIsNone(carrier.certificate)
