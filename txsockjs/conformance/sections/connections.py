"""
Section 7: what HTTP/1.0 and HTTP/1.1 clients get, byte by byte; section 8: upgrades of
URLs that are no WebSocket.
"""

from __future__ import annotations

from twisted.web.http_headers import Headers

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.client import ByteStream
from txsockjs.conformance.wire import (
    CLOSED,
    HANDSHAKE,
    PRELUDE_END,
    STREAMING,
    TRANSPORTS,
    arrayFrame,
    framed,
)


class HTTPTest(Case):
    """
    A check over raw connections.
    """

    async def ask(
        self,
        connection: ByteStream,
        method: str,
        path: str,
        headers: bytes = b"",
        body: bytes = b"",
        version: bytes = b"1.1",
    ) -> tuple[int, Headers]:
        """
        Send a request and read the answer's head.
        """
        message = self.target.message(method, path, headers, body, version)
        connection.transport.write(message)
        return await connection.readHead()

    async def readBody(self, connection: ByteStream, headers: Headers) -> bytes:
        """
        The body of an answer, however it is framed on a connection that stays.
        """
        if headers.getRawHeaders(b"Transfer-Encoding") == [b"chunked"]:
            body = b""
            while chunk := await connection.readChunk():
                body += chunk
            return body
        length = headers.getRawHeaders("Content-Length", ["0"])[0]
        return await connection.read(int(length))


class HTTP10Tests(HTTPTest):
    """
    An HTTP/1.0 client is given no chunks.
    """

    @each(*STREAMING)
    async def testStreaming(self, transport: str) -> None:
        """
        A streaming answer has no ``Transfer-Encoding`` and ends with the connection.
        """
        connection = await self.connect()
        row = TRANSPORTS[transport]
        path = f"{self.session('close').path}/{transport}{row.query}"
        status, headers = await self.ask(connection, row.method, path, version=b"1.0")
        self.assertEqual(status, 200)
        self.assertIsNone(headers.getRawHeaders("Transfer-Encoding"))
        self.assertIsNone(headers.getRawHeaders("Content-Length"))
        await connection.readThrough(PRELUDE_END[transport])
        frames = framed(transport, "o") + framed(transport, CLOSED)
        await self.assertReceives(connection, frames)
        await self.assertEnds(connection)

    @each(*STREAMING)
    async def testKeepAliveStreaming(self, transport: str) -> None:
        """
        It does so even for a client that would keep the connection.
        """
        connection = await self.connect()
        row = TRANSPORTS[transport]
        path = f"{self.session('close').path}/{transport}{row.query}"
        keep = b"Connection: keep-alive\r\n"
        _, headers = await self.ask(connection, row.method, path, keep, version=b"1.0")
        self.assertIsNone(headers.getRawHeaders("Transfer-Encoding"))
        await connection.readThrough(PRELUDE_END[transport])
        frames = framed(transport, "o") + framed(transport, CLOSED)
        await self.assertReceives(connection, frames)
        await self.assertEnds(connection)

    async def testStreamsAtOnce(self) -> None:
        """
        Frames of a streaming answer arrive as they are sent, not at its end.
        """
        session = self.session()
        connection = await self.connect()
        path = f"{session.path}/xhr_streaming"
        await self.ask(connection, "POST", path, version=b"1.0")
        await self.assertReceives(connection, b"h" * 2048 + b"\no\n")
        await session.send("x")
        await self.assertReceives(connection, b'a["x"]\n')

    async def testPoll(self) -> None:
        """
        A polling answer has no ``Transfer-Encoding``, and the connection ends after it.
        """
        connection = await self.connect()
        path = f"{self.session().path}/xhr"
        status, headers = await self.ask(connection, "POST", path, version=b"1.0")
        self.assertEqual(status, 200)
        self.assertIsNone(headers.getRawHeaders("Transfer-Encoding"))
        self.assertEqual(await connection.readAll(), b"o\n")

    @each(greeting="", info="/info", iframe="/iframe.html")
    async def testPages(self, path: str) -> None:
        """
        The pages need no chunks either.
        """
        connection = await self.connect()
        status, headers = await self.ask(
            connection, "GET", self.at() + path, version=b"1.0"
        )
        self.assertEqual(status, 200)
        self.assertIsNone(headers.getRawHeaders("Transfer-Encoding"))
        self.assertNotEqual(await connection.readAll(), b"")


class HTTP11Tests(HTTPTest):
    """
    An HTTP/1.1 client keeps its connection.
    """

    @each(*STREAMING)
    async def testChunks(self, transport: str) -> None:
        """
        A streaming answer is chunked: prelude, frames, the last chunk.
        """
        connection = await self.connect()
        row = TRANSPORTS[transport]
        path = f"{self.session('close').path}/{transport}{row.query}"
        _, headers = await self.ask(connection, row.method, path)
        coding = headers.getRawHeaders(b"Transfer-Encoding")
        self.assertEqual(coding, [b"chunked"])
        body = await self.readBody(connection, headers)
        frames = framed(transport, "o") + framed(transport, CLOSED)
        self.assertTrue(body.endswith(PRELUDE_END[transport] + frames), body)

    @each(*STREAMING)
    async def testStreamsAtOnce(self, transport: str) -> None:
        """
        Frames arrive in chunks of their own as they are sent.
        """
        session = self.session()
        connection = await self.connect()
        row = TRANSPORTS[transport]
        await self.ask(connection, row.method, f"{session.path}/{transport}{row.query}")
        await connection.readChunksThrough(framed(transport, "o"))
        await session.send("x")
        frame = framed(transport, 'a["x"]')
        self.assertEqual(await connection.readChunksThrough(frame), frame)

    async def testKeptAfterStreaming(self) -> None:
        """
        The connection serves on when a streaming answer has reached its limit.
        """
        session = self.session()
        connection = await self.connect()
        path = f"{session.path}/xhr_streaming"
        _, headers = await self.ask(connection, "POST", path)
        await session.send("x" * self.limit)
        body = await self.readBody(connection, headers)
        expected = arrayFrame("x" * self.limit).encode() + b"\n"
        self.assertEqual(body, b"h" * 2048 + b"\no\n" + expected)
        status, _ = await self.ask(connection, "GET", self.at())
        self.assertEqual(status, 200)

    async def testSessionOnOneConnection(self) -> None:
        """
        Polls and sends may share one connection.
        """
        path = self.session().path
        connection = await self.connect()
        for _ in range(3):
            _, headers = await self.ask(connection, "POST", f"{path}/xhr")
            body = await self.readBody(connection, headers)
            self.assertIn(body, (b"o\n", b'a["x"]\n'))
            status, _ = await self.ask(
                connection, "POST", f"{path}/xhr_send", body=b'["x"]'
            )
            self.assertEqual(status, 204)

    async def testPipelined(self) -> None:
        """
        Requests that arrive in one piece are answered in their order.
        """
        path = self.session().path
        connection = await self.connect()
        connection.transport.write(
            self.target.message("POST", f"{path}/xhr")
            + self.target.message("POST", f"{path}/xhr_send", body=b'["x"]')
            + self.target.message("POST", f"{path}/xhr")
        )
        _, headers = await connection.readHead()
        self.assertEqual(await self.readBody(connection, headers), b"o\n")
        self.assertEqual((await connection.readHead())[0], 204)
        _, headers = await connection.readHead()
        self.assertEqual(await self.readBody(connection, headers), b'a["x"]\n')

    @each(
        notModified=("GET", "/iframe.html", 304),
        sent=("POST", "/xhr_send", 204),
        preflight=("OPTIONS", "/xhr", 204),
        notAllowed=("PUT", "/xhr", 405),
        notFound=("GET", "/nothing", 404),
    )
    async def testNoBody(self, method: str, path: str, status: int) -> None:
        """
        After an answer without a body (a 204 has no length: RFC 9110, section
        8.6) the connection serves on.
        """
        base, headers, body = self.session().path, b"", b""
        if status == 304:
            base = self.at()
            tag = (await self.fetch("GET", base + path)).header("ETag")
            headers = f"If-None-Match: {tag}\r\n".encode()
        if status == 204 and method == "POST":
            await self.fetch("POST", f"{base}/xhr")
            body = b'["x"]'
        connection = await self.connect()
        answer, got = await self.ask(connection, method, base + path, headers, body)
        self.assertEqual(answer, status)
        if status == 204:
            self.assertIsNone(got.getRawHeaders("Content-Length"))
        if status < 400:
            self.assertIsNone(got.getRawHeaders("Transfer-Encoding"))
        else:
            await self.readBody(connection, got)
        self.assertEqual((await self.ask(connection, "GET", self.at()))[0], 200)

    async def testConnectionClose(self) -> None:
        """
        A client that asks for it has its connection closed after the answer.
        """
        connection = await self.connect()
        path = f"{self.session().path}/xhr"
        _, headers = await self.ask(connection, "POST", path, b"Connection: close\r\n")
        self.assertEqual(headers.getRawHeaders("Connection"), ["close"])
        self.assertTrue((await connection.readAll()).rstrip(b"\r\n0").endswith(b"o"))


class UpgradeTests(HTTPTest):
    """
    A WebSocket handshake at a URL that is no WebSocket is refused, no more.
    """

    @each(
        upgrade="/upgrade",
        info="/info",
        iframe="/iframe.html",
        xhr="/000/upgraded/xhr",
        eventsource="/000/upgraded/eventsource",
        unknown="/000/upgraded/nothing",
    )
    async def testGet(self, path: str) -> None:
        """
        A handshake is a clean 4xx, and the server serves on.
        """
        await self.assertRefused("GET", path)

    @each(
        upgrade="/upgrade",
        info="/info",
        xhr="/000/upgraded/xhr",
        send="/000/upgraded/xhr_send",
        websocket="/000/upgraded/websocket",
        unknown="/000/upgraded/nothing",
    )
    async def testPost(self, path: str) -> None:
        """
        So is one with another method than GET.
        """
        await self.assertRefused("POST", path)

    async def assertRefused(self, method: str, path: str) -> None:
        """
        A handshake is 4xx, and the next connection is served.
        """
        connection = await self.connect()
        status, _ = await self.ask(connection, method, self.at() + path, HANDSHAKE)
        self.assertTrue(400 <= status < 500, status)
        self.assertEqual((await self.fetch("GET", self.at())).status, 200)
