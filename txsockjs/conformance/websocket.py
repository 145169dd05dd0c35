"""
The suite's WebSocket client: Autobahn's, read by awaiting.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.types import ConnectionResponse
from twisted.internet.defer import Deferred, DeferredQueue, TimeoutError
from twisted.internet.interfaces import IReactorTime

from txsockjs.conformance.client import MOST, Target


class WebSocket(WebSocketClientProtocol):  # type: ignore[misc]
    """
    An open WebSocket.

    :ivar patience: seconds without news after which a read fails.
    :ivar opened: fires with this when the handshake is done.
    :ivar closed: fires with the code and reason of the server's close frame, or None
        for both where there was none, when the connection has ended.
    :ivar response: the server's answer to the handshake.
    """

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        super().__init__()
        self.clock = clock
        self.patience = patience
        self.opened: Deferred[WebSocket] = Deferred()
        self.closed: Deferred[tuple[int | None, str | None]] = Deferred()
        self.response: Any = None
        self._messages: DeferredQueue[str | bytes | None] = DeferredQueue()

    def onConnect(self, response: ConnectionResponse) -> None:
        self.response = response

    def onOpen(self) -> None:
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self._messages.put(payload if isBinary else payload.decode())

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if not self.opened.called:
            self.opened.errback(AssertionError(f"no handshake: {reason}"))
        self._messages.put(None)
        self.closed.callback((self.remoteCloseCode, self.remoteCloseReason))

    def send(self, message: str | bytes) -> None:
        """
        Send a text or a binary message.
        """
        if isinstance(message, str):
            self.sendMessage(message.encode("utf-8"))
        else:
            self.sendMessage(message, isBinary=True)

    async def receive(self) -> str | bytes:
        """
        The next message: str if it is text.

        :raise AssertionError: the connection ended, or fell silent, before it.
        """
        try:
            message = await self._messages.get().addTimeout(self.patience, self.clock)
        except TimeoutError:
            raise AssertionError("silence before a message") from None
        if message is None:
            raise AssertionError("closed before a message")
        return message

    async def ended(self) -> tuple[int | None, str | None]:
        """
        What `closed` fires with.

        :raise AssertionError: a message came, or nothing did, before the end.
        """
        try:
            message = await self._messages.get().addTimeout(self.patience, self.clock)
        except TimeoutError:
            raise AssertionError("silence before the end") from None
        if message is not None:
            raise AssertionError(f"a message before the end: {message!r}")
        return await self.closed

    async def stop(self) -> None:
        """
        End the connection if it has not ended, and wait until it has.
        """
        self.transport.abortConnection()
        await self.closed


class _Factory(WebSocketClientFactory):  # type: ignore[misc]
    """
    Makes one `WebSocket`.
    """

    def __init__(self, target: Target, path: str, patience: float) -> None:
        super().__init__(
            "ws" + target.origin.removeprefix("http") + path,
            reactor=target.clock,
            headers=dict(target.headers),
        )
        self._clock = target.clock
        self._patience = patience
        # Autobahn's own timers would outlive a check; the suite has its own patience.
        self.setProtocolOptions(
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            maxMessagePayloadSize=MOST,
        )

    def buildProtocol(self, addr: object) -> WebSocket:
        socket = WebSocket(self._clock, self._patience)
        socket.factory = self
        return socket


async def connect(
    target: Target, path: str, patience: float | None = None
) -> WebSocket:
    """
    Open a WebSocket.

    :param patience: seconds that the target may be silent, where it may be so for
        longer than usual.
    :raise AssertionError: the server refused the handshake.
    """
    patience = patience or target.patience
    factory = _Factory(target, path, patience)
    socket = await target.endpoint().connect(factory)
    assert isinstance(socket, WebSocket)
    return await socket.opened.addTimeout(patience, target.clock)
