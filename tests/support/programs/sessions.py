"""A SockJS session over a real WebSocket: `openSession`."""

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

    :ivar closed: the code and the reason of the close frame, if one came.
    :ivar ended: what fires when the connection is closed.
    """

    closed: tuple[int, str] | None = None

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
        elif frame.startswith("c"):
            code, reason = json.loads(frame[1:])
            self.closed = code, reason

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


class RawSession(Session):
    """
    A WebSocket whose messages are what is said on it.
    """

    def onOpen(self) -> None:
        self.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self._messages.put(payload.decode())

    def send(self, message: str) -> None:
        self.sendMessage(message.encode())


async def openSession(test: Any, url: str) -> Session:
    """
    Open a session; it is closed when the test ends.

    :param url: the service's base URL.
    """
    path = f"{url.rstrip('/')}/000/{id(test):x}/websocket"
    return await openSocket(test, path, Session)


async def openSocket(
    test: Any, url: str, session: type[Session] = RawSession
) -> Session:
    """
    Open a WebSocket; it is closed when the test ends.

    :param url: its URL, with ``http`` as its scheme.
    :param session: what is said on it.
    """
    from twisted.internet import reactor

    parts = urlsplit(url)
    factory = WebSocketClientFactory(url.replace("http", "ws", 1))
    # Autobahn's timers would be left behind.
    factory.setProtocolOptions(
        openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0
    )
    factory.protocol = session
    endpoint = TCP4ClientEndpoint(reactor, parts.hostname, parts.port)
    opened: Session = await endpoint.connect(factory)
    test.addCleanup(lambda: opened.transport.abortConnection() or opened.ended)
    await opened.opened
    return opened
