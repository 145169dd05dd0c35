"""A client's connections: `MemoryConnection`, `MemoryWebSocket`."""

from __future__ import annotations

from collections.abc import Callable
from http.client import parse_headers
from http.cookies import CookieError, SimpleCookie
from io import BytesIO
from typing import Any

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES
from twisted.web.http_headers import Headers

from txsockjs.testing.network import MemoryReactor
from txsockjs.testing.values import RequestHeaders, Text, headerPairs


class MemoryResponse:
    """
    A response, as far as it has come.

    :ivar raw: all of its bytes.
    :ivar connection: the connection that it comes on.
    :ivar updated: what is called when more has come, or the connection is lost.
    """

    def __init__(self, method: str, connection: MemoryConnection) -> None:
        self.raw = b""
        self.connection = connection
        self.updated: Callable[[], None] = lambda: None
        self._method = method
        self._status = 0
        self._headers = Headers()
        self._body = b""
        # How many bytes of raw are understood.
        self._read = 0
        self._complete = False

    @property
    def status(self) -> int:
        """
        The status code, or 0 as long as there is none.
        """
        self._parse()
        return self._status

    @property
    def headers(self) -> Headers:
        """
        The headers.
        """
        self._parse()
        return self._headers

    @property
    def cookies(self) -> dict[str, str]:
        """
        The cookies that it sets, by name: for a session to be opened with.
        """
        found: dict[str, str] = {}
        for value in self.headers.getRawHeaders("Set-Cookie", []):
            try:
                cookie = SimpleCookie(value)
            except CookieError:
                continue
            found.update({name: morsel.value for name, morsel in cookie.items()})
        return found

    @property
    def body(self) -> bytes:
        """
        The body, without its chunked coding, as far as it has come.
        """
        self._parse()
        return self._body

    @property
    def finished(self) -> bool:
        """
        Whether all of it has come.
        """
        self._parse()
        return self._complete

    def _parse(self) -> None:
        if not self._status:
            self._parseHead()
        if not self._status or self._complete:
            return
        length = self._headers.getRawHeaders("Content-Length")
        if self._method == "HEAD" or self._status in NO_BODY_CODES:
            self._complete = True
        elif self._headers.hasHeader("Transfer-Encoding"):
            self._parseChunks()
        else:
            self._body += self.raw[self._read :]
            self._read = len(self.raw)
            if length is not None:
                self._complete = len(self._body) >= int(length[0])
            else:
                self._complete = self.connection.closed

    def _parseHead(self) -> None:
        head, end, _ = self.raw.partition(b"\r\n\r\n")
        if not end:
            return
        self._read = len(head + end)
        line, _, fields = head.partition(b"\r\n")
        self._status = int(line.split(b" ")[1])
        for name, value in parse_headers(BytesIO(fields + end)).items():
            self._headers.addRawHeader(name.encode("ascii"), value.encode("latin-1"))

    def _parseChunks(self) -> None:
        """
        Take in whole chunks (RFC 9112, section 7.1).
        """
        while not self._complete:
            begin = self.raw.find(b"\r\n", self._read) + 2
            if begin < 2:
                return
            end = begin + int(self.raw[self._read : begin], 16)
            if len(self.raw) < end + 2:
                return
            self._body += self.raw[begin:end]
            self._read = end + 2
            self._complete = begin == end


class MemoryConnection(Protocol):
    """
    A client's connection, for requests or for any bytes at all.

    :ivar received: all bytes that came.
    :ivar closed: whether it has ended.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        self._reactor = reactor
        self.received: bytes = b""
        self.closed: bool = False
        self.response: MemoryResponse | None = None

    def send(self, data: bytes) -> None:
        """
        Send bytes, which arrive in one piece, and let the server do what it does.
        """
        self._write(data)
        self._reactor.settle()

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def request(
        self,
        method: str,
        path: str,
        headers: RequestHeaders = (),
        body: bytes = b"",
        version: str = "HTTP/1.1",
    ) -> MemoryResponse:
        """
        Make a request. The one before on this connection has to be finished.

        :param headers: headers to send beside ``Host`` and ``Content-Length``, which
            are sent unless they are among them.
        :return: the response, which grows as more of it comes.
        """
        response = self.begin(method, path, headers, body, version)
        self._reactor.settle()
        return response

    def begin(
        self,
        method: str,
        path: str,
        headers: RequestHeaders = (),
        body: bytes = b"",
        version: str = "HTTP/1.1",
    ) -> MemoryResponse:
        """
        Make a request, which is on its way when the reactor turns.
        """
        if self.response is not None and not self.response.finished:
            raise RuntimeError("the response before has not ended")
        pairs = headerPairs(headers)
        fields = [(_bytes(name), _bytes(value)) for name, value in pairs]
        names = {name.lower() for name, _ in fields}
        if b"host" not in names:
            fields.insert(0, (b"Host", b"sockjs.example"))
        if method != "GET" and not names & {b"content-length", b"transfer-encoding"}:
            fields.append((b"Content-Length", b"%d" % len(body)))
        self.response = MemoryResponse(method, self)
        lines = [f"{method} {path} {version}".encode("latin-1")]
        lines += [b"%b: %b" % field for field in fields]
        self._write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return self.response

    def abort(self) -> None:
        """
        Lose the connection, as a network does. One that is closed has none to lose.
        """
        abort(self.transport)
        self._reactor.settle()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.response is not None:
            self.response.raw += data
            self.response.updated()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        if self.response is not None:
            self.response.updated()


def _bytes(text: Text, encoding: str = "latin-1") -> bytes:
    return text.encode(encoding) if isinstance(text, str) else text


def abort(transport: Any) -> None:
    """
    Lose a connection, if there is one still.
    """
    if transport is not None and transport.connected:
        transport.abortConnection()


class MemoryWebSocket(WebSocketClientProtocol):  # type: ignore[misc]
    """
    A WebSocket, with Autobahn at the client's side.

    :ivar messages: what came: text as str, binary as bytes.
    :ivar opened: whether the handshake is done.
    :ivar subprotocol: what server and client have agreed to speak, or None.
    :ivar ended: code and reason of its end, or None as long as it is open. Code 1006
        stands for an end without a close frame, a refused handshake among them.
    :ivar updated: what is called when it has opened, more has come, or it has ended.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        super().__init__()
        self._reactor = reactor
        self.messages: list[str | bytes] = []
        self.opened: bool = False
        self.subprotocol: str | None = None
        self.ended: tuple[int, str] | None = None
        self.updated: Callable[[], None] = lambda: None

    def onConnect(self, response: Any) -> None:
        self.subprotocol = response.protocol

    def onOpen(self) -> None:
        self.opened = True
        self.updated()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(payload if isBinary else payload.decode("utf-8"))
        self.updated()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.ended = (code or 1005, reason or "")
        self.updated()

    def send(self, message: Text) -> None:
        """
        Send a message: text if it is a str, else binary.

        :raise RuntimeError: if it is not open, or not yet.
        """
        if self.ended is not None:
            raise RuntimeError(f"the WebSocket has ended, with {self.ended}")
        if not self.opened:
            raise RuntimeError(
                "the WebSocket is not open yet: let time pass before, with "
                "MemorySite.advance"
            )
        isBinary = isinstance(message, bytes)
        self.sendMessage(_bytes(message, "utf-8"), isBinary)
        self._reactor.settle()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close in good order.

        :raise ValueError: for a code or a reason that no browser sends.
        """
        checkClose(code, reason)
        self.sendClose(code, reason or None)
        self._reactor.settle()

    def abort(self) -> None:
        """
        Lose the connection, as a network does. One that is closed has none to lose.
        """
        abort(self.transport)
        self._reactor.settle()

    def vanish(self) -> None:
        """
        Be gone as a machine without power is: the server hears nothing, and has nothing
        taken from it any more.
        """
        self.transport.getHandle().vanish()

    def pauseReading(self) -> None:
        """
        Read nothing of what the server writes, as a browser that is stuck.
        """
        self.transport.pauseProducing()

    def resumeReading(self) -> None:
        """
        Read on.
        """
        if self.transport.connected:
            self.transport.resumeProducing()
        self._reactor.settle()


def checkClose(code: int, reason: str) -> None:
    """
    :raise ValueError: for what no browser closes with, as the WebSocket of the WHATWG.
    """
    if code != 1000 and not 3000 <= code <= 4999:
        raise ValueError(f"a browser closes with 1000 or 3000 to 4999, not {code!r}")
    size = len(reason.encode("utf-8"))
    if size > 123:
        raise ValueError(f"the reason {reason!r} is {size} bytes, and may be 123")
