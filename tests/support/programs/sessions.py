"""A SockJS session over a real WebSocket: L{openSession}."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint


class Session(WebSocketClientProtocol):
    """
    A client's end of a session.

    @ivar ended: what fires when the connection is closed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._messages: DeferredQueue[str] = DeferredQueue()
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        frame = payload.decode()
        if frame == "o":
            self.opened.callback(None)
        elif frame.startswith("a"):
            for message in json.loads(frame[1:]):
                self._messages.put(message)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.ended.callback(None)
        if not self.opened.called:
            self.opened.errback(ConnectionError(reason))

    def send(self, message: str) -> None:
        """
        Send a message.
        """
        self.sendMessage(json.dumps([message]).encode())

    async def receive(self, count: int = 1) -> list[str]:
        """
        The next messages.
        """
        return [await self._messages.get() for _ in range(count)]

    async def leave(self) -> None:
        """
        Close the session.
        """
        self.sendClose(1000)
        await self.ended


async def openSession(test: Any, url: str) -> Session:
    """
    Open a session; it is closed when the test ends.

    @param url: the service's base URL.
    """
    from twisted.internet import reactor

    parts = urlsplit(url)
    factory = WebSocketClientFactory(
        f"ws://{parts.netloc}{parts.path.rstrip('/')}/000/{id(test):x}/websocket"
    )
    # Autobahn's timers would be left behind.
    factory.setProtocolOptions(
        openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0
    )
    factory.protocol = Session
    endpoint = TCP4ClientEndpoint(reactor, parts.hostname, parts.port)
    session = await endpoint.connect(factory)
    test.addCleanup(lambda: session.transport.abortConnection() or session.ended)
    await session.opened
    return session
