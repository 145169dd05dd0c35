"""
Section 7: ``websocket`` and the raw WebSocket.
"""

from __future__ import annotations

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.websocket import WebSocket, connect
from txsockjs.conformance.wire import ACCEPT, CLOSED, HANDSHAKE, escaped, messagesOf

NO_UPGRADE = b'Can "Upgrade" only to "WebSocket".'
NO_CONNECTION = b'"Connection" must be "Upgrade".'


class WebSocketTest(Case):
    """
    A check over WebSockets.
    """

    service = "websocket"

    async def open(self, path: str) -> WebSocket:
        """
        A WebSocket at ``path``.
        """
        socket = await connect(self.target, path, self.patience)
        self.atEnd(socket.stop)
        return socket

    async def openSession(self, service: str | None = None) -> WebSocket:
        """
        A new session over a WebSocket, read past its ``o``.
        """
        socket = await self.open(f"{self.session(service).path}/websocket")
        self.assertEqual(await socket.receive(), "o")
        return socket

    async def assertMessages(self, socket: WebSocket, *expected: str) -> None:
        """
        The next messages are exactly these, in one frame or more.
        """
        messages: list[str] = []
        while len(messages) < len(expected):
            frame = await socket.receive()
            assert isinstance(frame, str), f"a binary message: {frame!r}"
            self.assertEqual(frame[:1], "a")
            messages += messagesOf([frame])
        self.assertEqual(messages, list(expected))


class FramedTests(WebSocketTest):
    """
    ``websocket``: SockJS frames as text messages.
    """

    async def testBytes(self) -> None:
        """
        ``o`` first, then frames of messages, exactly.
        """
        socket = await self.open(f"{self.session().path}/websocket")
        self.assertEqual(await socket.receive(), "o")
        socket.send('["x"]')
        self.assertEqual(await socket.receive(), 'a["x"]')

    async def testString(self) -> None:
        """
        A single JSON string is one message.
        """
        socket = await self.openSession()
        socket.send('"x"')
        self.assertEqual(await socket.receive(), 'a["x"]')

    async def testSeveral(self) -> None:
        """
        An array is as many messages as it has strings, in order.
        """
        socket = await self.openSession()
        socket.send('["a","b"]')
        socket.send('["c"]')
        await self.assertMessages(socket, "a", "b", "c")

    @each(empty="", array="[]")
    async def testIgnored(self, nothing: str) -> None:
        """
        An empty message and an empty array are ignored.
        """
        socket = await self.openSession()
        socket.send(nothing)
        socket.send('["x"]')
        self.assertEqual(await socket.receive(), 'a["x"]')

    @each(
        unfinished='["x',
        word="x",
        trailing='["x"]]',
        notANumber="[NaN]",
        deep="[" * 200_000,
    )
    async def testBroken(self, message: str) -> None:
        """
        Broken JSON ends the connection at once, without any further frame, and in
        words: 3000 and an end in good order, no reset.
        """
        socket = await self.openSession()
        socket.send(message)
        self.assertEqual(await socket.ended(), (3000, "Broken framing."))

    @each(
        controls="".join(map(chr, range(0x20))),
        invisible="\u200c\u2028\u2060\ufff0\uffff",
        quotes='"\\',
    )
    async def testEscaped(self, text: str) -> None:
        """
        Frames escape here what they escape everywhere.
        """
        socket = await self.openSession()
        socket.send(f'["{escaped(text)}"]')
        self.assertEqual(await socket.receive(), f'a["{escaped(text)}"]')

    async def testLarge(self) -> None:
        """
        No streaming limit ends a WebSocket.
        """
        socket = await self.openSession()
        for text in ("x" * 40_000, "y" * 40_000, "z"):
            socket.send(f'["{text}"]')
            self.assertEqual(await socket.receive(), f'a["{text}"]')

    async def testServerCloses(self) -> None:
        """
        After its close frame the server closes the socket.
        """
        socket = await self.openSession("close")
        self.assertEqual(await socket.receive(), CLOSED)
        await socket.ended()

    async def testClientCloses(self) -> None:
        """
        The server answers the client's close.
        """
        socket = await self.openSession()
        socket.sendClose(1000)
        self.assertEqual((await socket.ended())[0], 1000)


class IdentityTests(WebSocketTest):
    """
    A WebSocket's life is its session's life; ids do not matter.
    """

    async def testSameId(self) -> None:
        """
        Two sockets with one id are two sessions at once.
        """
        path = f"{self.session().path}/websocket"
        sockets = [await self.open(path), await self.open(path)]
        for socket in sockets:
            self.assertEqual(await socket.receive(), "o")
        for socket, text in zip(sockets, "ab", strict=True):
            socket.send(f'["{text}"]')
            self.assertEqual(await socket.receive(), f'a["{text}"]')

    async def testAgain(self) -> None:
        """
        The id of a socket that has closed is free at once.
        """
        path = f"{self.session('close').path}/websocket"
        for _ in range(2):
            socket = await self.open(path)
            self.assertEqual(await socket.receive(), "o")
            self.assertEqual(await socket.receive(), CLOSED)
            await socket.ended()

    async def testNotAnHTTPSession(self) -> None:
        """
        The session is not there for HTTP: sending to it is 404, polling opens another.
        """
        session = self.session()
        socket = await self.open(f"{session.path}/websocket")
        self.assertEqual(await socket.receive(), "o")
        reply = await session.fetch("xhr_send", body=b'["x"]')
        self.assertEqual(reply.status, 404)
        await session.open()
        socket.send('["y"]')
        self.assertEqual(await socket.receive(), 'a["y"]')


class RawTests(WebSocketTest):
    """
    ``BASE/websocket``: plain messages, no SockJS framing at all.
    """

    @each(text="Hello, world!", likeAFrame='a["x"]', special="\u2028\uffff\U0001d11e")
    async def testText(self, text: str) -> None:
        """
        A text message goes through as it is, and is the first one back.
        """
        socket = await self.open(f"{self.at()}/websocket")
        socket.send(text)
        self.assertEqual(await socket.receive(), text)

    async def testBinary(self) -> None:
        """
        A binary message that is no text goes through as it is, and stays binary. (The
        application of this echo takes bytes; others may take text alone.)
        """
        socket = await self.open(f"{self.at('binary')}/websocket")
        socket.send(b"\x00\x01\xfe\xff")
        self.assertEqual(await socket.receive(), b"\x00\x01\xfe\xff")

    async def testClose(self) -> None:
        """
        The server's code and reason are in the WebSocket's own close frame.
        """
        socket = await self.open(f"{self.at('close')}/websocket")
        self.assertEqual(await socket.ended(), (3000, "Go away!"))

    async def testClientCloses(self) -> None:
        """
        The server answers the client's close.
        """
        socket = await self.open(f"{self.at()}/websocket")
        socket.sendClose(1000)
        self.assertEqual((await socket.ended())[0], 1000)


class HandshakeTests(Case):
    """
    What the URLs answer to requests that are a handshake, and to those that are none.
    """

    service = "websocket"

    def url(self, kind: str, service: str | None = None) -> str:
        """
        The path of the framed or the raw WebSocket.
        """
        if kind == "raw":
            return f"{self.at(service)}/websocket"
        return f"{self.session(service).path}/websocket"

    @each("framed", "raw")
    async def testSwitches(self, kind: str) -> None:
        """
        A handshake is answered as RFC 6455 has it.
        """
        connection = await self.connect()
        connection.transport.write(
            self.target.message("GET", self.url(kind), HANDSHAKE)
        )
        status, headers = await connection.readHead()
        accept = headers.getRawHeaders("Sec-WebSocket-Accept")
        self.assertEqual((status, accept), (101, [ACCEPT]))

    @each(
        list=b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
        case=b"Upgrade: WebSocket\r\nConnection: upgrade\r\n",
    )
    async def testTokens(self, lines: bytes) -> None:
        """
        ``Connection`` may name other things too, and case does not matter. (RFC 6455,
        section 4.2.1)
        """
        lines += HANDSHAKE.partition(b"Connection: Upgrade\r\n")[2]
        connection = await self.connect()
        message = self.target.message("GET", self.url("framed"), lines)
        connection.transport.write(message)
        self.assertEqual((await connection.readHead())[0], 101)

    @each("framed", "raw")
    async def testNoUpgrade(self, kind: str) -> None:
        """
        A plain GET is 400, with exactly this text.
        """
        reply = await self.fetch("GET", self.url(kind))
        self.assertEqual((reply.status, reply.body), (400, NO_UPGRADE))

    @each("framed", "raw")
    async def testOtherUpgrade(self, kind: str) -> None:
        """
        An upgrade to something else is 400, with the same text.
        """
        headers = {"Upgrade": "h2c", "Connection": "Upgrade"}
        reply = await self.fetch("GET", self.url(kind), headers)
        self.assertEqual((reply.status, reply.body), (400, NO_UPGRADE))

    @each("framed", "raw")
    async def testNoConnection(self, kind: str) -> None:
        """
        An upgrade that ``Connection`` does not name is 400, with exactly this text.
        """
        reply = await self.fetch("GET", self.url(kind), {"Upgrade": "WebSocket"})
        self.assertEqual((reply.status, reply.body), (400, NO_CONNECTION))

    @each(
        framedPost=("framed", "POST"),
        framedPut=("framed", "PUT"),
        rawPost=("raw", "POST"),
    )
    async def testWrongMethod(self, kind: str, method: str) -> None:
        """
        Any other method is 405.
        """
        reply = await self.fetch(method, self.url(kind))
        self.assertNotAllowed(reply, right="GET", wrong=method)

    @each("framed", "raw")
    async def testDisabled(self, kind: str) -> None:
        """
        Where the service disables WebSocket, the URL is 404, for a handshake too.
        """
        url = self.url(kind, "disabled")
        self.assertEqual((await self.fetch("GET", url)).status, 404)
        connection = await self.connect()
        connection.transport.write(self.target.message("GET", url, HANDSHAKE))
        self.assertEqual((await connection.readHead())[0], 404)

    async def testCookie(self) -> None:
        """
        The handshake of a service with ``cookie_needed`` sets the cookie: it is a
        session's URL.
        """
        self.at("websocket")
        path = self.url("framed", "cookie")
        socket = await connect(self.target, path, self.patience)
        self.atEnd(socket.stop)
        assert socket.response is not None
        cookie = socket.response.headers.get("set-cookie")
        self.assertEqual(cookie, "JSESSIONID=dummy; path=/")
