"""Tests for `txsockjs.web.head`, and for what `txsockjs.web.site` makes of it."""

from __future__ import annotations

import re
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, ServiceCase
from txsockjs.testing import MemoryConnection, MemorySite
from txsockjs.transports import pages
from txsockjs.web import channel as channelModule
from txsockjs.web.head import HeadHeaders, Start, readStart

LINE = b"POST /0/s1/xhr_send?a=b HTTP/1.1"
PLAIN = [
    b"Host: a",
    b"user-agent:  Some/1.0 (very; long) \t",
    b"Accept: text/html",
    b"accept: */*",
    b"Connection: keep-alive",
    b"Content-Length: 5",
]


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


def read(data: bytes) -> Start:
    """
    Read what is plain.
    """
    start = readStart(data)
    assert start is not None
    return start


class ReadingTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """
        What is plain is read as Twisted reads it, and the body is left where it is.
        """
        data = head(LINE, *PLAIN)
        start = read(data + b'["a"]')
        self.assertEqual(start.method, b"POST")
        self.assertEqual(start.target, b"/0/s1/xhr_send?a=b")
        self.assertEqual(start.size, len(data))
        self.assertEqual(start.head.length, 5)
        self.assertEqual(
            dict(HeadHeaders(start.head).getAllRawHeaders()),
            {
                b"Host": [b"a"],
                b"User-Agent": [b"Some/1.0 (very; long)"],
                b"Accept": [b"text/html", b"*/*"],
                b"Connection": [b"keep-alive"],
                b"Content-Length": [b"5"],
            },
        )

    def test_noLength(self) -> None:
        """
        What announces no body has none.
        """
        self.assertEqual(read(head(b"GET / HTTP/1.1", b"Host: a")).head.length, 0)

    def test_remembered(self) -> None:
        """
        The same headers are the same, whatever the URL; each request has its own of
        them.
        """
        read(head(LINE, *PLAIN))
        first = read(head(LINE, *PLAIN))
        second = read(head(b"GET /other HTTP/1.1", *PLAIN))
        self.assertIs(first.head, second.head)
        headers = HeadHeaders(first.head)
        headers.addRawHeader(b"Accept", b"more")
        headers.removeHeader(b"Host")
        self.assertEqual(
            HeadHeaders(second.head).getRawHeaders(b"Accept"), [b"text/html", b"*/*"]
        )
        self.assertTrue(HeadHeaders(second.head).hasHeader(b"Host"))

    def test_onceIsNot(self) -> None:
        """
        What comes once drives out nothing that comes again; and its headers are its
        own, too.
        """
        kept = [head(LINE, *PLAIN, b"X-Kept: %d" % count) for count in range(9)]
        heads = [[read(data).head for data in kept] for _ in range(5)][4]
        for count in range(5000):
            once = read(head(LINE, *PLAIN, b"X-Request-Id: %d" % count))
            self.assertEqual(
                HeadHeaders(once.head).getRawHeaders(b"X-Request-Id"), [b"%d" % count]
            )
        for data, expected in zip(kept, heads, strict=True):
            self.assertIs(read(data).head, expected)

    def test_webSocketsAreNot(self) -> None:
        """
        The opening of a WebSocket, which never comes again, takes no other's place.
        """
        data = head(b"GET / HTTP/1.1", b"Host: a", b"Sec-WebSocket-Key: x")
        read(data)
        self.assertIsNot(read(data).head, read(data).head)

    def test_notComplete(self) -> None:
        """
        A head is read when it is all there.
        """
        data = head(LINE, *PLAIN)
        for end in range(len(data)):
            self.assertIsNone(readStart(data[:end]))

    def test_leftToTwisted(self) -> None:
        """
        Whatever is not plain is not read here.
        """
        for line in [
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET / HTTP/2.0",
            b"GET /\x7f HTTP/1.1",
            b"GET /a b HTTP/1.1",
            b"HEAD / HTTP/1.1",
            b"get / HTTP/1.1",
            b"\r\nGET / HTTP/1.1",
            b"GET /%b HTTP/1.1" % (b"a" * 4096),
        ]:
            self.assertIsNone(readStart(head(line, b"Host: a")), line)
        for lines in [
            [],
            [b"Host: a", b"Host: a"],
            [b"Host: a", b"Connection: close"],
            [b"Host: a", b"Connection: Keep-Alive, Close"],
            [b"Host: a", b"Connection: keep-alive", b"Connection: close"],
            [b"Host: a", b"Expect: 100-continue"],
            [b"Host: a", b"Transfer-Encoding: chunked"],
            [b"Host: a", b"Transfer-Encoding: identity"],
            [b"Host: a", b"Content-Length: 0", b"Content-Length: 0"],
            [b"Host: a", b"Content-Length: 1" + b"0" * 9],
            [b"Host: a", b"Content-Length: -1"],
            [b"Host: a", b"Content-Length: \xb2"],
            [b"Host: a", b"X: a\x00"],
            [b"Host: a", b"X: a\rY: b"],
            [b"Host: a", b"X: a\nY: b"],
            [b"Host: a", b"X: a", b" folded"],
            [b" X: a", b"Host: a"],
            [b"Host: a", b"X : a"],
            [b"Host: a", b": a"],
            [b"Host: a", b"no colon"],
            [b"Host: a", b"X: " + b"a" * 4096],
            [b"Host: a", *[b"a:"] * 64],
        ]:
            self.assertIsNone(readStart(head(LINE, *lines)), lines)


_VALUES = st.text("aZ09 \t,;=:\x00\r\n\x7f\xe4-", max_size=8).map(
    lambda text: text.encode("latin-1")
)
_LINES = st.one_of(
    st.sampled_from(
        [
            b"Host: a",
            b"host:b",
            b"Content-Length: 0",
            b"Content-Length: 5",
            b"content-length:5",
            b"Transfer-Encoding: chunked",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Origin: http://page.example",
            b"Access-Control-Request-Headers: x",
            b"Cookie: JSESSIONID=z; a=b",
            b"Upgrade: websocket",
            b" folded",
            b"Bad name: a",
        ]
    ),
    st.builds(lambda value: b"X-Any:" + value, _VALUES),
)
_TARGETS = st.sampled_from(
    [
        b"/",
        b"/info",
        b"/iframe.html?x",
        b"/0/s1/xhr",
        b"/0/s1/xhr_send",
        b"/0/s%31/xhr_send",
        b"/0/s1/jsonp?c=f%2e",
        b"//s1/xhr_send",
        b"*",
        b"http://a/info",
        b"/\xff",
        b"/" + b"a" * 20_000,
        b"",
    ]
)
_REQUESTS = st.builds(
    lambda method, target, version, lines, body: (
        head(b"%b %b %b" % (method, target, version), *lines) + body
    ),
    st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD", b"get"]),
    _TARGETS,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]),
    st.lists(_LINES, max_size=4).map(lambda lines: [b"Host: a", *lines]),
    st.sampled_from([b"", b'["a"]', b"[]", b"\r\n", b"0\r\n\r\n"]),
)

# What is not all there, when the next request comes.
_TORN = st.builds(
    lambda request, lines: b"".join(request.splitlines(True)[:lines]),
    _REQUESTS,
    st.integers(0, 6),
)


class DifferentialTests(SynchronousTestCase):
    """
    With Twisted's reading alone, every answer is the same.
    """

    def answers(self, pieces: list[bytes]) -> tuple[bytes, bool]:
        """
        What a service answers on one connection, and whether that is closed then.
        """
        site = MemorySite.serving(Factory.forProtocol(Echo), {"cookie_needed": True})
        connection = site.connect(MemoryConnection(site.reactor))
        connection.send(head(b"POST /0/s1/xhr HTTP/1.1", b"Host: a"))
        for piece in pieces:
            connection.send(piece)
        # A second may end meanwhile.
        received = re.sub(rb"(?m)^Date: [^\r]+", b"Date: now", connection.received)
        answered = received, connection.closed
        site.stop()
        self.assertEqual(site.reactor.getDelayedCalls(), [])
        return answered

    @settings(deadline=None)
    @given(
        st.lists(_REQUESTS | _TORN, max_size=3),
        st.lists(st.integers(0, 400), max_size=3),
    )
    def test_anyRequests(self, requests: list[bytes], cuts: list[int]) -> None:
        """
        Any requests, in any pieces.
        """
        data = b"".join(requests)
        ends = sorted(cut for cut in cuts if cut < len(data))
        parts = zip([0, *ends], [*ends, len(data)], strict=True)
        pieces = [data[begin:end] for begin, end in parts]
        with (
            patch.object(pages, "randbits", lambda bits: 7),
        ):
            answered = [self.answers(way) for way in (requests, pieces)]
            with patch.object(channelModule, "readStart", lambda data: None):
                expected = self.answers([data])
        for answer in answered:
            self.assertEqual(answer, expected)
        self.flushLoggedErrors()


class SiteTests(ServiceCase):
    """
    What the site makes of requests that come at once.
    """

    def test_bodyTooLarge(self) -> None:
        """
        The limit of a body holds.
        """
        self.serve(max_message_size=10)
        session = self.open()
        self.assertEqual(self.post("/0/s1/xhr_send", b'["12345678"]').status, 413)
        self.assertEqual(session.received, [])

    def test_cookies(self) -> None:
        """
        Cookies are taken from every request.
        """
        self.serve(cookie_needed=True)
        response = self.post("/0/s1/xhr", headers={"Cookie": "JSESSIONID=abc"})
        self.assertHeaders(response, Set_Cookie="JSESSIONID=abc; path=/")

    def test_nextRequestHasAllTheTime(self) -> None:
        """
        The time that a response takes is none of what the next request has, however
        long it was.
        """
        self.serve(heartbeat=None)
        session = self.open()
        connection = self.connect()
        connection.send(head(b"POST /0/s1/xhr HTTP/1.1", b"Host: a"))
        self.site.advance(125)
        session.transport.write(b"late")
        self.site.settle()
        self.assertIn(b'a["late"]', connection.received)
        self.site.advance(74)
        self.assertFalse(connection.closed)
        self.site.advance(1)
        self.assertTrue(connection.closed)
