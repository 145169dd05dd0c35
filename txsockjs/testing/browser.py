"""Requests and WebSockets of a browser: `Browser`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.interfaces import IProtocol

from txsockjs.testing.connection import (
    MemoryConnection,
    MemoryResponse,
    MemoryWebSocket,
)
from txsockjs.testing.network import checkSeconds
from txsockjs.testing.site import CLIENT, MemorySite, addressOf
from txsockjs.testing.values import (
    Opening,
    Peer,
    Query,
    RequestHeaders,
    Text,
    withQuery,
)

_P = TypeVar("_P", bound=IProtocol)


class Browser:
    """
    What a `MemoryClient <txsockjs.testing.MemoryClient>` has beside sessions.
    """

    def __init__(
        self,
        site: MemorySite,
        peer: Peer = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
        headers: RequestHeaders = (),
        cookies: Mapping[str, str] | None = None,
        origin: str | None = None,
        delay: float | None = None,
    ) -> None:
        """
        :param site: what to talk to.
        :param peer: the client's address, or its host alone: ``"198.51.100.9"``.
        :param secure: whether the Site sees TLS connections.
        :param certificate: the client's certificate, as the Site sees it.
        :param headers: what each request has beside its own headers.
        :param cookies: names and values that each request has.
        :param origin: the origin of the page, ``"https://example.com"``, that each
            request tells.
        :param delay: how many seconds bytes are on their way, in either direction;
            None for the Site's.
        :raise ValueError: for what no browser can send.
        """
        if not isinstance(site, MemorySite):
            raise TypeError(
                f"a MemoryClient talks to a MemorySite, not {site!r}: give it "
                f"MemorySite(site), or MemorySite.serving(factory)"
            )
        self.site = site
        self._peer = addressOf(peer)
        self._secure = secure
        self._certificate = certificate
        self.opening: Opening = Opening().adding(headers, cookies, origin)
        self._delay = None if delay is None else checkSeconds("delay", delay)
        self._connections: list[MemoryConnection] = []

    def connect(self) -> MemoryConnection:
        """
        Open a connection of its own.
        """
        return self._connect(MemoryConnection(self.site.reactor))

    def _connect(self, protocol: _P) -> _P:
        return self.site.connect(
            protocol,
            self._peer,
            secure=self._secure,
            certificate=self._certificate,
            delay=self._delay,
        )

    def idle(self) -> MemoryConnection:
        """
        A connection that no response is on.
        """
        self._connections = [c for c in self._connections if not c.closed]
        for connection in self._connections:
            response = connection.response
            if response is not None and response.finished:
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
        Make a request, as `MemoryConnection.request`, with what each request of this
        client has.

        :param headers: headers of this one, in place of those of the same name.
        """
        return self.idle().request(method, path, self.opening.pairs(headers), body)

    def websocket(
        self,
        path: str,
        headers: RequestHeaders | None = None,
        *,
        query: Query = (),
        cookies: Mapping[str, str] | None = None,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
    ) -> MemoryWebSocket:
        """
        Open a WebSocket.

        :param path: the URL's path: ``"/websocket"`` is the raw one of a service.
        :param headers: headers to send with the handshake.
        :param query: the URL's query, as for a session.
        :param cookies: names and values to send with it.
        :param origin: the origin of the page.
        :param subprotocols: what the client can speak, in order of preference. What
            was agreed to is `MemoryWebSocket.subprotocol`.
        :raise ValueError: for what no browser can send.
        """
        if isinstance(subprotocols, str):
            raise TypeError(f"subprotocols is a list: [{subprotocols!r}]")
        opening = self.opening.adding(headers or (), cookies, origin)
        return self.openWebSocket(withQuery(path, query), opening, subprotocols)

    def openWebSocket(
        self, path: str, opening: Opening, subprotocols: Sequence[str]
    ) -> MemoryWebSocket:
        """
        Open a WebSocket, with all that is to be sent.
        """
        scheme = "wss" if self._secure else "ws"
        factory = WebSocketClientFactory(
            f"{scheme}://sockjs.example{path}",
            protocols=list(subprotocols) or None,
            reactor=self.site.reactor,
        )
        # It asks this for its items alone, where a name may be more than once, and
        # writes them as UTF-8.
        factory.headers = _Pairs(opening.pairs())
        # Autobahn's timers run on a process-wide clock.
        factory.setProtocolOptions(
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
        )
        factory.protocol = partial(MemoryWebSocket, self.site.reactor)
        socket: MemoryWebSocket = factory.buildProtocol(None)
        return self._connect(socket)


class _Pairs:
    """
    Headers, for what asks for the items of a dict.
    """

    def __init__(self, pairs: list[tuple[str, Text]]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return [
            (name, value if isinstance(value, str) else value.decode("utf-8"))
            for name, value in self._pairs
        ]
