"""Tests for `txsockjs.testing.connection`: requests and responses."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class Hook(Resource):
    """
    A page that is what a test makes of the request.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.answer: Any = lambda request: NOT_DONE_YET

    def render(self, request: Request) -> Any:
        self.requests.append(request)
        return self.answer(request)


class RequestTests(SynchronousTestCase):
    """
    `MemoryClient.request` and `MemoryResponse`.
    """

    def setUp(self) -> None:
        self.hook = Hook()
        self.site = MemorySite(Site(self.hook, reactor=MemoryReactor()))
        self.client = MemoryClient(self.site)
        self.addCleanup(self.site.stop)

    def answer(self, body: bytes, **headers: str) -> None:
        """
        Answer every request with this.
        """

        def answer(request: Request) -> bytes:
            for name, value in headers.items():
                request.responseHeaders.addRawHeader(name.replace("_", "-"), value)
            return body

        self.hook.answer = answer

    def test_complete(self) -> None:
        """
        A finished response has its status, headers and body.
        """
        self.answer(b"body", X_One="1", Content_Type="text/plain")
        response = self.client.request("GET", "/page?a=b")
        self.assertEqual((200, b"body", True), (response.status, response.body, True))
        self.assertTrue(response.finished)
        self.assertEqual(["1"], response.headers.getRawHeaders("x-one"))
        self.assertTrue(response.raw.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(b"/page?a=b", self.hook.requests[0].uri)

    def test_sent(self) -> None:
        """
        Headers and body are sent as they are given, with a host and a length.
        """
        self.hook.answer = lambda request: request.content.read()
        response = self.client.request("POST", "/", {"X-One": b"\xff"}, b"body")
        self.assertEqual(b"body", response.body)
        headers = self.hook.requests[0].requestHeaders
        self.assertEqual([b"\xff"], headers.getRawHeaders(b"x-one"))
        self.assertEqual([b"4"], headers.getRawHeaders(b"content-length"))
        self.assertEqual([b"sockjs.example"], headers.getRawHeaders(b"host"))

    def test_repeatedHeaders(self) -> None:
        """
        Pairs may repeat a name, and take the place of what is sent by default.
        """
        self.answer(b"")
        self.client.request("GET", "/", [("A", "1"), ("A", "2"), ("Host", "other")])
        headers = self.hook.requests[0].requestHeaders
        self.assertEqual(["1", "2"], headers.getRawHeaders("A"))
        self.assertEqual(["other"], headers.getRawHeaders("Host"))

    def test_streaming(self) -> None:
        """
        A response that goes on shows what has come of it, without the chunks.
        """
        response = self.client.request("GET", "/")
        self.assertEqual((b"", False), (response.raw, response.finished))
        (request,) = self.hook.requests
        request.write(b"one\r\n")
        self.site.settle()
        self.assertEqual((b"one\r\n", False), (response.body, response.finished))
        request.write(b"0\r\n\r\n")
        request.finish()
        self.site.settle()
        self.assertEqual(
            (b"one\r\n0\r\n\r\n", True), (response.body, response.finished)
        )

    def test_keepAlive(self) -> None:
        """
        Requests take the connection that is free, or one more.
        """
        self.answer(b"x")
        first = self.client.request("GET", "/")
        self.assertIs(first.connection, self.client.request("GET", "/").connection)
        self.hook.answer = lambda request: NOT_DONE_YET
        pending = self.client.request("GET", "/")
        self.assertIs(first.connection, pending.connection)
        self.assertIsNot(pending.connection, self.client.request("GET", "/").connection)

    def test_oneAtATime(self) -> None:
        """
        A connection has one request at a time.
        """
        connection = self.client.request("GET", "/").connection
        self.assertRaises(RuntimeError, connection.request, "GET", "/")

    def test_oldHTTP(self) -> None:
        """
        A response to HTTP/1.0 that goes on ends with its connection.
        """
        response = self.client.connect().request("GET", "/", version="HTTP/1.0")
        (request,) = self.hook.requests
        request.write(b"one")
        self.site.settle()
        self.assertEqual((b"one", False), (response.body, response.finished))
        request.finish()
        self.site.settle()
        self.assertEqual((b"one", True), (response.body, response.finished))
        self.assertTrue(response.connection.closed)

    def test_noBody(self) -> None:
        """
        What has no body is finished with its head.
        """
        self.answer(b"body")
        head = self.client.request("HEAD", "/")
        self.assertEqual((b"", True), (head.body, head.finished))

        def notModified(request: Request) -> bytes:
            request.setResponseCode(304)
            return b""

        self.hook.answer = notModified
        response = self.client.request("GET", "/")
        self.assertEqual((304, b"", True), (response.status, response.body, True))
        self.assertTrue(response.finished)

    def test_headNotThereYet(self) -> None:
        """
        As long as there is no head, there is no status and nothing else.
        """
        response = self.client.request("GET", "/")
        for raw in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"):
            response.raw = raw
            self.assertEqual((0, b"", False), (response.status, response.body, False))
            self.assertFalse(response.finished)

    def test_byteByByte(self) -> None:
        """
        A response is the same in whatever pieces it comes.
        """
        self.site.reactor.segment = repeat(1).__next__
        self.answer(b"whole")
        self.assertEqual(b"whole", self.client.request("GET", "/").body)

        def inChunks(request: Request) -> int:
            request.write(b"one\r\n")
            request.write(b"two")
            request.finish()
            return NOT_DONE_YET

        self.hook.answer = inChunks
        response = self.client.request("GET", "/")
        self.assertEqual((b"one\r\ntwo", True), (response.body, response.finished))

    def test_anyBytes(self) -> None:
        """
        A connection takes any bytes at all, in the pieces that they are sent in.
        """
        self.answer(b"body")
        connection = self.client.connect()
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
            self.assertEqual(b"", connection.received)
            connection.send(bytes([byte]))
        self.assertTrue(connection.received.endswith(b"\r\n\r\nbody"))

    def test_abort(self) -> None:
        """
        A client can lose its connection in the middle of a response.
        """
        response = self.client.request("GET", "/")
        ended = self.hook.requests[0].notifyFinish()
        response.connection.abort()
        self.failureResultOf(ended)
        self.assertTrue(response.connection.closed)
