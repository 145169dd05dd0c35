"""A client's connections: L{MemoryConnection}, L{MemoryWebSocket}."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http.client import parse_headers
from io import BytesIO
from typing import Any, TypeAlias

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES
from twisted.web.http_headers import Headers

from txsockjs.testing.network import MemoryReactor

Text: TypeAlias = "str | bytes"

#: What requests take as headers: a dict, or pairs to repeat a name.
RequestHeaders: TypeAlias = "Mapping[str, Text] | Iterable[tuple[str, Text]]"


class MemoryResponse:
    """
    A response, as far as it has come.

    @ivar raw: all of its bytes.
    @ivar connection: the connection that it comes on.
    @ivar updated: what is called when more has come, or the connection is lost.
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

    @ivar received: all bytes that came.
    @ivar closed: whether it has ended.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        self._reactor = reactor
        self.received = b""
        self.closed = False
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

        @param headers: headers to send beside C{Host} and C{Content-Length}, which are
            sent unless they are among them.
        @return: the response, which grows as more of it comes.
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
        pairs = headers.items() if isinstance(headers, Mapping) else headers
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
        Lose the connection, as a network does.
        """
        transport: Any = self.transport
        transport.abortConnection()
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


class MemoryWebSocket(WebSocketClientProtocol):  # type: ignore[misc]
    """
    A WebSocket, with Autobahn at the client's side.

    @ivar messages: what came: text as str, binary as bytes.
    @ivar ended: code and reason of its end, or None as long as it is open. Code 1006
        stands for an end without a close frame, a refused handshake among them.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        super().__init__()
        self._reactor = reactor
        self.messages: list[str | bytes] = []
        self.ended: tuple[int, str] | None = None
        self.updated: Callable[[], None] = lambda: None

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(payload if isBinary else payload.decode("utf-8"))
        self.updated()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.ended = (code or 1005, reason or "")
        self.updated()

    def send(self, message: Text) -> None:
        """
        Send a message: text if it is a str, else binary.
        """
        isBinary = isinstance(message, bytes)
        self.sendMessage(_bytes(message, "utf-8"), isBinary)
        self._reactor.settle()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close in good order.
        """
        self.sendClose(code, reason or None)
        self._reactor.settle()

    def abort(self) -> None:
        """
        Lose the connection, as a network does.
        """
        self.transport.abortConnection()
        self._reactor.settle()
