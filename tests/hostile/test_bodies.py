"""Bodies that are no SockJS messages, on everything that takes messages."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import BINARY, Socket, frame

#: What JSON or Python makes of these is anything but a list of strings.
BROKEN = [
    b'[null,"x"]',
    b'["x",null]',
    b'[{"a":1}]',
    b"null",
    b"true",
    b"5",
    b"-0",
    b"1e999",
    b"{}",
    b'{"a":"b"}',
    b"[1]",
    b"[[]]",
    b'["a",["b"]]',
    b"[NaN]",
    b"NaN",
    b"[Infinity]",
    b'["a"',
    b'["a]',
    b'"',
    b"[",
    b"[,]",
    b'["a",]',
    b'["a"]["b"]',
    b"['a']",
    b'["\\x"]',
    b'["\\u12"]',
    b'["\n"]',
    b'["\x00"]',
    b"[" * 200_000,
    b'{"a":' * 50_000,
    b"[" + b"1" * 100_000 + b"]",
    b'["\xff"]',
    b'["\xed\xa0\x80"]',
    b'["\xc0\x80"]',
    b"\xef\xbb\xbf[]",
    b"\xff\xfe[\x00]\x00",
    b"\x00",
    b"a",
]

#: Strings that are odd, but strings, and what the application hears.
ODD = {
    b'["\\ud800"]': ["\ufffd".encode()],
    b'["\\udc00\\ud800"]': ["\ufffd\ufffd".encode()],
    b'["\\ud83d\\ude00"]': ["\U0001f600".encode()],
    b'["\\u0000"]': [b"\0"],
    b' [ "a" , "b" ]\n': [b"a", b"b"],
    b'["\xef\xbf\xbf"]': [b"\xef\xbf\xbf"],
    b'["constructor","__proto__"]': [b"constructor", b"__proto__"],
}


class SendTests(ServiceCase):
    """
    ``xhr_send`` and ``jsonp_send``.
    """

    def bodies(self, body: bytes) -> list[tuple[str, bytes, dict[str, str]]]:
        """
        The ways to send a body: path, body and headers.
        """
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        quoted = quote_from_bytes(body).encode()
        return [
            ("/0/s1/xhr_send", body, {}),
            ("/0/s1/jsonp_send", body, {"Content-Type": "text/plain"}),
            ("/0/s1/jsonp_send", b"d=" + quoted, form),
        ]

    def test_broken(self) -> None:
        """
        500 and the protocol's words; the session goes on, and nothing is logged.
        """
        self.serve(Echo)
        session = self.open()
        for body in BROKEN:
            for path, sent, headers in self.bodies(body):
                response = self.post(path, sent, headers)
                self.assertRefused(response, 500, b"Broken JSON encoding.")
        self.assertEqual(self.post("/0/s1/xhr_send", b'["a"]').status, 204)
        self.assertEqual(session.received, [b"a"])

    def test_odd(self) -> None:
        """
        Whatever is a list of strings is delivered, and comes back escaped.
        """
        for body, expected in ODD.items():
            for path, sent, headers in self.bodies(body):
                self.serve(Echo)
                session = self.open()
                self.assertIn(self.post(path, sent, headers).status, [200, 204])
                self.assertEqual(session.received, expected)
                self.assertEqual(self.post("/0/s1/xhr").status, 200)
                self.assertEqual(session.lost, [])

    def test_largestAllowed(self) -> None:
        """
        A body of the size that is allowed, with as many messages as may be at once, is
        delivered; one more, and it is refused, which does its session no harm.
        """
        for size, most in (10_000, 1000), (160_000, 10_000):
            self.serve(max_message_size=size)
            session = self.open()
            for count, status in (most, 204), (most + 1, 413), (size // 4, 413):
                body = b"[" + b",".join([b'""'] * count)
                body += b" " * (size - 1 - len(body)) + b"]"
                self.assertEqual(self.post("/0/s1/xhr_send", body).status, status)
            self.assertEqual(session.received, [b""] * most)
            self.assertEqual(self.post("/0/s1/xhr_send", b'["a"]').status, 204)

    def test_endless(self) -> None:
        """
        A gigabyte that is announced, or chunks without end, are refused at once.
        """
        self.serve(Echo)
        session = self.open()
        for path in ["/0/s1/xhr_send", "/0/s1/jsonp_send", "/websocket", "/info"]:
            for header, body in [
                ("Content-Length: 1073741824", b"x" * 1000),
                ("Transfer-Encoding: chunked", b"100001\r\n" + b"x" * 0x100001),
            ]:
                connection = self.connect()
                head = f"POST {path} HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n"
                connection.send(head.encode() + body)
                self.assertTrue(connection.received.startswith(b"HTTP/1.1 413 "))
        self.assertEqual((session.received, session.lost), ([], []))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_withReceivers(self) -> None:
        """
        The body of a receiving request is bounded as well, and means nothing.
        """
        self.serve(max_message_size=1000)
        self.assertEqual(self.post("/0/s/xhr", b"[" * 1000).body, b"o\n")
        self.assertRefused(self.post("/0/s/xhr", b"[" * 1001), 413)


class SocketTests(ServiceCase):
    """
    ``websocket``.
    """

    def test_broken(self) -> None:
        """
        The connection is dropped at once, by text and by binary; nothing is logged.
        """
        for body in BROKEN:
            for opcode in [1, BINARY]:
                self.serve(Echo)
                socket = Socket(self.connect())
                socket.send(frame(body, opcode))
                self.site.advance(11)
                self.assertTrue(socket.closed, body[:40])
                self.assertEqual(self.sessions[0].received, [])
                self.assertEqual(len(self.sessions[0].lost), 1)
                self.assertEqual(self.flushLoggedErrors(), [])

    def test_odd(self) -> None:
        """
        Whatever is a list of strings is delivered.
        """
        for body, expected in ODD.items():
            self.serve(Echo)
            socket = Socket(self.connect())
            socket.send(frame(body))
            self.assertEqual(self.sessions[0].received, expected)
            self.assertFalse(socket.closed)

    def test_endless(self) -> None:
        """
        A frame of a gigabyte, or fragments without end, are told 1009.
        """
        self.serve(Echo)
        part = frame(b"x" * 100_000, 0, final=False)
        for data in [
            [frame(b"x" * 1000, size=1 << 30)],
            [frame(b"[", final=False), *[part] * 11],
        ]:
            socket = Socket(self.connect())
            socket.send(*data)
            self.assertEqual(socket.frames[-1].code, 1009)
