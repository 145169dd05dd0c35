"""The carriers over WebSocket: with SockJS's frames, and raw. (PROTOCOL section 7)"""

from __future__ import annotations

import re
from collections.abc import Callable
from json import JSONEncoder
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    ISSLTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.framing import BINARY, TEXT
from txsockjs.client.handshake import Answer, forAnother, redirected
from txsockjs.client.interfaces import ICarried, ICarrier
from txsockjs.client.place import Place
from txsockjs.client.sharing import socketClass
from txsockjs.client.socket import LOST, ClientSocket
from txsockjs.errors import SessionClosed, SessionFailed, TransportFailed

# How often a handshake may be sent elsewhere.
_REDIRECTS: Final = 10

_SWITCHING: Final = 101

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


class _SocketCarrier:
    """
    What carries a session over one WebSocket, and how that is come to.
    """

    name: ClassVar[str] = "websocket"
    # What it is called in a session's URLs.
    _path: ClassVar[str] = ""

    def __init__(
        self, session: ICarried, place: Place, textReceived: Callable[[str], None]
    ) -> None:
        """
        @param textReceived: what of the session takes the text of a message.
        """
        self.clock = place.clock
        self.textReceived = textReceived
        self.subprotocol: str | None = None
        self._session = session
        self._place = place
        self._first = self._url = place.at(self._path)
        self._redirects = 0
        self._socket: ClientSocket | None = None
        self._opened = False
        # What is going to be done in the next turn.
        self._call: IDelayedCall | None = None
        self._connecting: Deferred[IProtocol] | None = None
        # Where the server has sent us.
        self._next: str | None = None
        # Why it ends, where we have said so, and whether that is being said.
        self._why: Exception | None = None
        self._ending = False
        self._over = False

    @property
    def pending(self) -> int:
        return self._socket.wire.pending if self._opened and self._socket else 0

    @property
    def peer(self) -> IAddress | None:
        return None if self._transport is None else self._transport.getPeer()

    @property
    def host(self) -> IAddress | None:
        return None if self._transport is None else self._transport.getHost()

    @property
    def certificate(self) -> object:
        secure = ISSLTransport(self._transport, None)
        return None if secure is None else secure.getPeerCertificate()

    @property
    def _transport(self) -> Any:
        return None if self._socket is None else self._socket.transport

    # The session's side

    def start(self) -> None:
        self._call = self.clock.callLater(0, self._connect)

    def close(self, code: int, reason: str) -> None:
        if self._opened and self._socket is not None:
            self._socket.close(code, reason)
        else:
            self._stop(ConnectionDone())

    def abort(self) -> None:
        self._stop(ConnectionAborted())

    def pauseReceiving(self) -> None:
        if self._socket is not None:
            self._socket.pause()

    def resumeReceiving(self) -> None:
        if self._socket is not None:
            self._socket.resume()

    def _stop(self, why: Exception) -> None:
        """
        Drop whatever there is.
        """
        self._why = why
        self._ending = True
        if self._call is not None:
            self._call.cancel()
            self._end(Failure(why))
        if self._connecting is not None:
            self._connecting.cancel()
        if self._socket is not None and self._transport is not None:
            self._socket.fail(why)
        self._ending = False

    # The connection's side

    def _connect(self) -> None:
        self._call = None
        self._socket = socketClass(self._place.settings)(self)
        endpoint = self._place.web.endpointFor(self._url)
        self._connecting = endpoint.connect(_Opening(self._socket))
        self._connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: IProtocol) -> None:
        self._connecting = None

    def _failed(self, reason: Failure) -> None:
        self._connecting = None
        self._end(reason)

    def socketConnected(self, socket: ClientSocket) -> None:
        headers = self._place.web.headersFor(self._url)
        if self._over or self._why is not None:
            socket.abort()
            return
        try:
            socket.shakeHands(self._url, forAnother(self._first, self._url, headers))
        except TransportFailed as error:
            socket.fail(error)

    def socketAnswered(self, answer: Answer) -> None:
        self._place.web.keepCookies(self._url, answer.headers)
        if answer.status == _SWITCHING:
            return
        self._next = redirected(self._url, answer)
        if self._next is None:
            raise TransportFailed(f"{self._url} answered {answer}")
        self._redirects += 1
        if self._redirects > _REDIRECTS:
            raise TransportFailed(
                f"{self._first} was redirected more than {_REDIRECTS} times, "
                f"at last to {self._next}"
            )

    def socketOpened(self, socket: ClientSocket) -> None:
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
        if self._next is not None and not reason.check(TransportFailed):
            self._url, self._next = self._next, None
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
class WebSocket(_SocketCarrier):
    """
    A WebSocket with SockJS's frames.
    """

    _path = "websocket"

    def __init__(self, session: ICarried, place: Place) -> None:
        super().__init__(session, place, session.carrierFrame)

    def send(self, message: str | bytes) -> None:
        try:
            payload = b"[%b]" % _quote(message).encode("utf-8")
        except UnicodeEncodeError:
            # A lone surrogate: JSON has it escaped.
            payload = b"[%b]" % _quoteASCII(message).encode("ascii")
        self._send(TEXT, payload)

    def socketLost(self, reason: Failure) -> None:
        if reason.check(SessionClosed):
            closed = reason.value
            reason = Failure(
                SessionFailed(
                    LOST,
                    f"the WebSocket was closed ({closed}) before the session",
                )
            )
        super().socketLost(reason)


@implementer(ICarrier)
class RawWebSocket(_SocketCarrier):
    """
    A WebSocket without SockJS: messages as they are, both ways.
    """

    def __init__(self, session: ICarried, place: Place) -> None:
        super().__init__(session, place, session.carrierMessage)
        self._watching: IDelayedCall | None = None
        self._pinged = False

    def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            # UTF-8 has no lone surrogates. What reads JSON makes the same of them.
            self._send(TEXT, _LONE_SURROGATE.sub("\ufffd", message).encode("utf-8"))
        else:
            self._send(BINARY, message)

    def binaryReceived(self, payload: bytes) -> None:
        self._session.carrierMessage(payload)

    def socketOpened(self, socket: ClientSocket) -> None:
        self._watch(socket)
        super().socketOpened(socket)

    def _watch(self, socket: ClientSocket) -> None:
        """
        Look whether the server is there: SockJS's heartbeats are not here.
        """
        interval = self._place.settings.heartbeat
        if interval is not None:
            socket.heard = False
            self._watching = self.clock.callLater(interval, self._look, socket)

    def _look(self, socket: ClientSocket) -> None:
        if socket.heard or socket.paused or socket.wire.pending:
            # Where we do not read, or it does not, silence means nothing.
            self._pinged = False
        elif self._pinged:
            seconds = 2 * (self._place.settings.heartbeat or 0)
            socket.fail(
                SessionFailed(
                    LOST,
                    f"nothing came in for {seconds:g} seconds, and no answer to a ping",
                )
            )
            return
        else:
            self._pinged = True
            socket.sendPing()
        self._watch(socket)

    def _end(self, reason: Failure) -> None:
        if self._watching is not None and self._watching.active():
            self._watching.cancel()
        super()._end(reason)
