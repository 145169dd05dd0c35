"""A browser's side: L{MemoryClient}, L{MemorySession}."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeVar

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IProtocol

from txsockjs.testing.connection import (
    MemoryConnection,
    MemoryResponse,
    MemoryWebSocket,
    RequestHeaders,
)
from txsockjs.testing.site import CLIENT, MemorySite

_P = TypeVar("_P", bound=IProtocol)


class MemoryClient:
    """
    A browser's side of a L{MemorySite}: requests, each on the first connection that is
    free; WebSockets; and whole SockJS sessions.
    """

    def __init__(
        self,
        site: MemorySite,
        peer: IPv4Address | IPv6Address = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> None:
        """
        @param site: what to talk to.
        @param peer: the client's address.
        @param secure: whether the Site sees TLS connections.
        @param certificate: the client's certificate, as the Site sees it.
        """
        self.site = site
        self._peer = peer
        self._secure = secure
        self._certificate = certificate
        self._connections: list[MemoryConnection] = []
        self._sessions = 0

    def connect(self) -> MemoryConnection:
        """
        Open a connection of its own.
        """
        return self._connect(MemoryConnection(self.site.reactor))

    def _connect(self, protocol: _P) -> _P:
        return self.site.connect(
            protocol, self._peer, secure=self._secure, certificate=self._certificate
        )

    def idle(self) -> MemoryConnection:
        """
        A connection that no response is on.
        """
        for connection in self._connections:
            response = connection.response
            if not connection.closed and response is not None and response.finished:
                return connection
        connection = self.connect()
        self._connections.append(connection)
        return connection

    def request(
        self,
        method: str,
        path: str,
        headers: RequestHeaders = (),
        body: bytes = b"",
    ) -> MemoryResponse:
        """
        Make a request, as L{MemoryConnection.request}.
        """
        return self.idle().request(method, path, headers, body)

    def websocket(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> MemoryWebSocket:
        """
        Open a WebSocket.

        @param path: the URL's path.
        @param headers: headers to send with the handshake.
        """
        scheme = "wss" if self._secure else "ws"
        factory = WebSocketClientFactory(
            f"{scheme}://sockjs.example{path}",
            headers=dict(headers or {}),
            reactor=self.site.reactor,
        )
        # Autobahn's timers run on a process-wide clock.
        factory.setProtocolOptions(
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
        )
        factory.protocol = partial(MemoryWebSocket, self.site.reactor)
        socket: MemoryWebSocket = factory.buildProtocol(None)
        return self._connect(socket)

    def session(self, transport: str = "websocket", prefix: str = "") -> MemorySession:
        """
        Open a SockJS session.

        @param transport: C{"websocket"}, or one of the receiving HTTP transports.
        @param prefix: where the service is, such as C{"/chat"}.
        """
        self._sessions += 1
        session = MemorySession(self, transport, f"{prefix}/000/s{self._sessions}")
        self.site.settle()
        return session


# How each HTTP transport asks for frames and finds them in a response.
_STRING: Final = rb'("(?:[^"\\]|\\.)*")'
_RECEIVING: Final[dict[str, tuple[str, str, re.Pattern[bytes]]]] = {
    "xhr": ("POST", "", re.compile(rb"(?m)^(.+)\n")),
    "xhr_streaming": ("POST", "", re.compile(rb"(?m)^(.+)\n")),
    "eventsource": ("GET", "", re.compile(rb"(?m)^data: (.+)\r\n\r\n")),
    "htmlfile": ("GET", "?c=c", re.compile(rb"<script>\np\(%b\);" % _STRING)),
    "jsonp": ("GET", "?c=c", re.compile(rb"/\*\*/c\(%b\);\r\n" % _STRING)),
}


class MemorySession:
    """
    A browser's end of a SockJS session, which comes again as long as it is open.

    @ivar received: the messages that came.
    @ivar opened: whether the server has opened it.
    @ivar closed: code and reason of its end, or None as long as it is open. Code 1006
        stands for an end without a close frame.
    """

    def __init__(self, client: MemoryClient, transport: str, path: str) -> None:
        self.received: list[str] = []
        self.opened = False
        self.closed: tuple[int, str] | None = None
        self._client = client
        self._transport = transport
        self._path = path
        self._seen = 0
        self._socket: MemoryWebSocket | None = None
        self._paused = False
        if transport == "websocket":
            self._socket = client.websocket(f"{path}/websocket")
            self._socket.updated = self._readSocket
            self._readSocket()
        else:
            self._receive(client.idle())

    def send(self, *messages: str) -> None:
        """
        Send messages, in one frame or request.
        """
        payload = json.dumps(messages)
        if self._socket is not None:
            self._socket.send(payload)
            return
        sending = "jsonp_send" if self._transport == "jsonp" else "xhr_send"
        response = self._client.request(
            "POST", f"{self._path}/{sending}", body=payload.encode("utf-8")
        )
        if response.status >= 300:
            raise RuntimeError(f"{sending} was refused with {response.status}")

    def abort(self) -> None:
        """
        Lose the connection, as a network does. One that is closed has none.
        """
        if self._socket is not None:
            self._socket.abort()
        elif self.closed is None:
            self.closed = (1006, "")
            self._response.connection.abort()

    def pauseReading(self) -> None:
        """
        Read nothing of what the server writes, as a browser that is stuck.
        """
        self._paused = True
        self._receiving.pauseProducing()

    def resumeReading(self) -> None:
        """
        Read on.
        """
        self._paused = False
        self._receiving.resumeProducing()
        self._client.site.settle()

    @property
    def _receiving(self) -> Any:
        if self._socket is not None:
            return self._socket.transport
        return self._response.connection.transport

    def _receive(self, connection: MemoryConnection) -> None:
        method, query, _ = _RECEIVING[self._transport]
        self._seen = 0
        self._response = connection.begin(
            method, f"{self._path}/{self._transport}{query}"
        )
        self._response.updated = self._readResponse
        if self._paused:
            self._receiving.pauseProducing()

    def _readResponse(self) -> None:
        response = self._response
        if self.closed is not None or not response.raw:
            return
        pattern = _RECEIVING[self._transport][2]
        for match in pattern.finditer(response.body, self._seen):
            self._seen = match.end()
            self._read(self._frame(match[1]))
        if self.closed is not None:
            return
        if response.connection.closed or response.status not in (0, 200):
            self.closed = (1006, "")
        elif response.finished:
            self._receive(response.connection)

    def _frame(self, found: bytes) -> str:
        if self._transport == "eventsource":
            found = found.replace(b"%25", b"%")
        elif self._transport in ("htmlfile", "jsonp"):
            return str(json.loads(found))
        return found.decode("utf-8")

    def _readSocket(self) -> None:
        assert self._socket is not None
        for frame in self._socket.messages[self._seen :]:
            assert isinstance(frame, str)
            self._read(frame)
        self._seen = len(self._socket.messages)
        if self.closed is None and self._socket.ended is not None:
            self.closed = (1006, "")

    def _read(self, frame: str) -> None:
        if frame == "o":
            self.opened = True
        elif frame.startswith("a"):
            self.received += json.loads(frame[1:])
        elif frame.startswith("c"):
            code, reason = json.loads(frame[1:])
            self.closed = (code, reason)
