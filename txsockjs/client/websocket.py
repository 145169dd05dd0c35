"""The carriers over WebSocket: with SockJS's frames, and raw. (PROTOCOL section 7)"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONEncoder
from typing import ClassVar, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.failures import failed
from txsockjs.client.framing import BINARY, TEXT
from txsockjs.client.handshake import Answer
from txsockjs.client.interfaces import ICarried, ICarrier, ISocketUser
from txsockjs.client.place import Place
from txsockjs.client.redirections import follow
from txsockjs.client.servers import Server
from txsockjs.client.sharing import socketClass
from txsockjs.client.socket import LOST, ClientSocket
from txsockjs.errors import SessionFailed, TransportFailed

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

_quote: Final = JSONEncoder(ensure_ascii=False).encode
_quoteASCII: Final = JSONEncoder().encode


@implementer(IProtocolFactory)
class _Opening:
    """
    What an endpoint makes the connection of.
    """

    noisy = False

    def __init__(self, socket: ClientSocket) -> None:
        self._socket = socket

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        socket: IProtocol = self._socket
        return socket

    def doStart(self) -> None:
        """
        Nothing is to be done before.
        """

    def doStop(self) -> None:
        """
        Nor behind.
        """


@implementer(ISocketUser)
class SocketCarrier:
    """
    What carries a session over one WebSocket, and how that is come to.
    """

    __slots__ = (
        "_call",
        "_connecting",
        "_ending",
        "_next",
        "_opened",
        "_over",
        "_place",
        "_redirections",
        "_send",
        "_session",
        "_socket",
        "_url",
        "_why",
        "clock",
        "host",
        "peer",
        "subprotocol",
        "textReceived",
    )

    name: ClassVar[str] = "websocket"
    # What stands behind the URL of the session.
    _path: ClassVar[str] = ""

    # What sends a message, once there is a connection.
    _send: Callable[[int, bytes], None]

    def __init__(
        self, session: ICarried, place: Place, textReceived: Callable[[str], None]
    ) -> None:
        """
        :param textReceived: what of the session takes the text of a message.
        """
        self.clock: IReactorTime = place.clock
        self.textReceived: Callable[[str], None] = textReceived
        self.peer: IAddress | None = None
        self.host: IAddress | None = None
        self.subprotocol: str | None = None
        self._session = session
        self._place = place
        self._url = place.at(self._path)
        self._redirections = 0
        # Where the server has sent us.
        self._next: str | None = None
        # The connection, from when it is tried to make it.
        self._socket: ClientSocket | None = None
        self._opened = False
        # What is going to be done in the next turn.
        self._call: IDelayedCall | None = None
        self._connecting: Deferred[IProtocol] | None = None
        # Why it ends, where we have said so, and whether that is being said.
        self._why: Exception | None = None
        self._ending = False
        self._over = False

    @property
    def where(self) -> str:
        """
        The server, as errors name it.
        """
        return str(Server(self._url))

    @property
    def pending(self) -> int:
        return self._reached.wire.pending if self._opened else 0

    @property
    def certificate(self) -> object:
        transport = self._socket and self._socket.transport
        if transport is None or not ISSLTransport.providedBy(transport):
            return None
        certificate: object = transport.getPeerCertificate()
        return certificate

    @property
    def _reached(self) -> ClientSocket:
        """
        The connection, where it is known that there is one.
        """
        assert self._socket is not None
        return self._socket

    # The session's side

    def start(self) -> None:
        self._call = self.clock.callLater(0, self._connect)

    def close(self, code: int, reason: str) -> None:
        if self._opened:
            self._reached.close(code, reason)
        else:
            self._stop(ConnectionDone())

    def abort(self) -> None:
        self._stop(ConnectionAborted())

    def pauseReceiving(self) -> None:
        if self._opened:
            self._reached.pause()

    def resumeReceiving(self) -> None:
        if self._opened:
            self._reached.resume()

    def _stop(self, why: Exception) -> None:
        """
        Drop whatever there is.
        """
        self._why = why
        self._ending = True
        if self._call is not None:
            self._call.cancel()
            self._end(Failure(why))
        elif self._connecting is not None:
            self._connecting.cancel()
        if self._socket is not None and self._socket.transport is not None:
            self._socket.fail(why)
        self._ending = False

    # The connection's side

    def _connect(self) -> None:
        self._call = None
        self._socket = socketClass(self._place.settings)(self)
        opening = _Opening(self._socket)
        self._connecting = maybeDeferred(
            lambda: self._place.web.endpointFor(self._url).connect(opening)
        )
        self._connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: IProtocol) -> None:
        self._connecting = None

    def _failed(self, reason: Failure) -> None:
        self._connecting = None
        self._end(Failure(failed(reason, self.where)))

    def socketConnected(self) -> None:
        socket = self._reached
        if self._over or self._why is not None:
            # Whoever connects does not care that it was cancelled.
            socket.abort()
            return
        self.peer = socket.transport.getPeer()
        self.host = socket.transport.getHost()
        headers = self._place.web.headersFor(self._url)
        try:
            socket.shakeHands(self._url, headers)
        except TransportFailed as error:
            socket.fail(error)

    def socketAnswered(self, answer: Answer) -> None:
        self._place.web.keepCookies(self._url, answer.headers)
        if answer.agrees:
            return
        if not answer.redirects:
            raise TransportFailed(str(answer))
        self._redirections += 1
        self._next = follow("GET", answer, self._redirections)

    def socketOpened(self) -> None:
        socket = self._reached
        self.subprotocol = socket.subprotocol
        self._opened = True
        self._send = socket.send
        self._session.carrierConnected()

    def binaryReceived(self, payload: bytes) -> None:
        """
        That is no frame of SockJS's: like any other that is none, it is dropped.
        """

    def socketDrained(self) -> None:
        if self._opened:
            self._session.carrierDrained()

    def socketLost(self, reason: Failure) -> None:
        if self._next is not None and self._why is None:
            self._url, self._next, self._socket = self._next, None, None
            self._call = self.clock.callLater(0, self._connect)
        else:
            self._end(reason)

    def _end(self, reason: Failure) -> None:
        """
        Tell the session of the end, once.
        """
        self._call = None
        if self._over:
            return
        if self._ending:
            # Not before the call that ends it has returned.
            self._call = self.clock.callLater(0, self._end, reason)
            return
        self._over = True
        self._session.carrierLost(reason if self._why is None else Failure(self._why))


@implementer(ICarrier)
class WebSocket(SocketCarrier):
    """
    A WebSocket with SockJS's frames.
    """

    __slots__ = ()

    _path = "websocket"

    def __init__(self, session: ICarried, place: Place) -> None:
        super().__init__(session, place, session.carrierFrame)

    def send(self, message: str | bytes) -> None:
        # An array of one: not every server takes one of several, or a bare string.
        try:
            payload = b"[%b]" % _quote(message).encode("utf-8")
        except UnicodeEncodeError:
            # A lone surrogate: JSON has it escaped.
            payload = b"[%b]" % _quoteASCII(message).encode("ascii")
        self._send(TEXT, payload)


@implementer(ICarrier)
class RawWebSocket(SocketCarrier):
    """
    A WebSocket without SockJS: messages as they are, both ways.
    """

    __slots__ = ("_pinged", "_watching")

    def __init__(self, session: ICarried, place: Place) -> None:
        super().__init__(session, place, session.carrierMessage)
        self._watching: IDelayedCall | None = None
        self._pinged = False

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            # UTF-8 has no lone surrogates.
            self._send(TEXT, _LONE_SURROGATE.sub("\ufffd", message).encode("utf-8"))
        else:
            self._send(BINARY, message)

    def binaryReceived(self, payload: bytes) -> None:
        self._session.carrierMessage(payload)

    def socketOpened(self) -> None:
        self._watch()
        super().socketOpened()

    def _watch(self) -> None:
        """
        Look at times whether the server is there: there are no heartbeats here.
        """
        interval = self._place.settings.heartbeat
        if interval is not None:
            self._reached.heard = False
            self._watching = self.clock.callLater(interval, self._look, interval)

    def _look(self, interval: float) -> None:
        self._watching = None
        socket = self._reached
        if socket.heard or socket.paused or socket.wire.pending:
            # Where one of both does not read, silence means nothing.
            self._pinged = False
        elif self._pinged:
            socket.fail(
                SessionFailed(
                    LOST,
                    f"{self.where}: nothing came for {2 * interval:g} seconds, not "
                    "even an answer to a ping",
                )
            )
            return
        else:
            self._pinged = True
            socket.sendPing()
        self._watch()

    def _end(self, reason: Failure) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        super()._end(reason)
