"""Requests whose end two servers could see in different places."""

from __future__ import annotations

from tests.support.serving import Echo, Recorder, ServiceCase
from tests.support.wrappers import TLSCase

#: What a smuggled request would be: if it is answered, there are two responses.
INNER = b"GET /iframe.html HTTP/1.1\r\nHost: a\r\n\r\n"

#: Heads that must not be taken, without their first line and Host.
AMBIGUOUS = [
    [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
    [b"Content-Length: 5", b"Content-Length: 6"],
    [b"Content-Length: 5", b"Content-Length: 5"],
    [b"Content-Length: 5, 6"],
    [b"Content-Length: 5 6"],
    [b"Content-Length: +5"],
    [b"Content-Length: -5"],
    [b"Content-Length: 0x5"],
    [b"Content-Length: 5_0"],
    [b"Content-Length: \xb2"],
    [b"Content-Length:"],
    [b"Content-Length : 5"],
    [b"Content-Length\t: 5"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked, identity"],
    [b"Transfer-Encoding: identity, chunked"],
    [b"Transfer-Encoding: gzip, chunked"],
    [b"Transfer-Encoding: xchunked"],
    [b"Transfer-Encoding: chunked;"],
    [b'Transfer-Encoding: "chunked"'],
    [b"Transfer-Encoding : chunked"],
    [b"Transfer-Encoding: \x0bchunked"],
    [b"Transfer-Encoding: chunked\x00"],
    [b"X: a\nTransfer-Encoding: chunked"],
    [b"X: a\rTransfer-Encoding: chunked"],
    [b": a"],
    [b"no colon"],
    [b"Host: b"],
]

#: Chunked bodies that are not in order.
CHUNKS = [
    b"-1\r\n",
    b"+5\r\nabcde\r\n0\r\n\r\n",
    b"0x5\r\nabcde\r\n0\r\n\r\n",
    b"5_0\r\n",
    b" 5\r\nabcde\r\n0\r\n\r\n",
    b"5\nabcde\r\n0\r\n\r\n",
    b"5\r\nabcdefg\r\n0\r\n\r\n",
    b"5\r\nabcde0\r\n\r\n",
    b"\r\n",
    b"g\r\n",
    b"5;\x00\r\nabcde\r\n0\r\n\r\n",
    b"1" * 2000,
]


def request(lines: list[bytes], body: bytes = b"") -> bytes:
    """
    A request that sends a message.
    """
    head = [b"POST /0/s1/xhr_send HTTP/1.1", b"Host: a", *lines]
    return b"\r\n".join([*head, b"", b""]) + body


class SmugglingTests(ServiceCase):
    def assertRejected(self, data: bytes) -> None:
        """
        These bytes are a bad request, after which nothing is served.
        """
        self.serve(Echo)
        session = self.open()
        connection = self.connect()
        connection.send(data)
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 400 "), data)
        self.assertEqual(connection.received.count(b"HTTP/1.1 "), 1, data)
        self.site.advance(16)
        self.assertTrue(connection.closed, data)
        self.assertEqual(session.received, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_heads(self) -> None:
        """
        A head that is ambiguous is 400, and the connection ends.
        """
        for lines in AMBIGUOUS:
            self.assertRejected(request(lines, b'["a"]' + INNER))

    def test_chunks(self) -> None:
        """
        A chunked body that is not in order is 400, and the connection ends.
        """
        for body in CHUNKS:
            self.assertRejected(request([b"Transfer-Encoding: chunked"], body + INNER))

    def test_wellFormed(self) -> None:
        """
        What is behind a body in order is the next request.
        """
        for lines, body in [
            ([b"Content-Length: 5"], b'["a"]'),
            ([b"Transfer-Encoding: Chunked"], b'3;x=y\r\n["a\r\n2\r\n"]\r\n0\r\n\r\n'),
        ]:
            self.serve(Recorder)
            session = self.open()
            connection = self.connect()
            connection.send(request(lines, body + INNER))
            self.assertEqual(connection.received.count(b"HTTP/1.1 20"), 2)
            self.assertEqual(session.received, [b"a"])

    def test_getWithABody(self) -> None:
        """
        A body that no method asks for is read past, not served.
        """
        self.serve()
        connection = self.connect()
        head = b"GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        connection.send(head % len(INNER) + INNER)
        self.assertEqual(connection.received.count(b"HTTP/1.1 200"), 1)

    def test_nothingAfterClose(self) -> None:
        """
        Behind a request that closes the connection nothing is served.
        """
        self.serve()
        connection = self.connect()
        connection.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + INNER
        )
        self.assertEqual(connection.received.count(b"HTTP/1.1 200"), 1)
        self.assertTrue(connection.closed)


class SecureSmugglingTests(TLSCase):
    """
    Over TLS a connection goes on receiving for a while after it was closed.
    """

    def test_inSeveralSegments(self) -> None:
        """
        Nothing is made of what comes behind a bad request, in whatever pieces.
        """
        for line in [b"GARBAGE", b"GET / HTTP/1.1\r\nno colon"]:
            self.start()
            connection = self.connectSecurely()
            connection.transport.transport.pauseProducing()
            connection.send(line + b"\r\nHost: a\r\n\r\n" + INNER)
            for _ in range(5):
                connection.send(INNER)
            connection.transport.transport.resumeProducing()
            self.site.settle()
            self.assertEqual(connection.received.count(b"HTTP/1.1 "), 1)
            self.assertEqual(self.flushLoggedErrors(), [])
