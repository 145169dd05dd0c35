"""The transports C{websocket} and raw C{websocket}, by Autobahn. (PROTOCOL section 7)

A connection that asks for an upgrade is taken from twisted.web and given to a
L{SocketReceiver}. Autobahn does the handshake, control frames, fragmentation and every
error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.util import encode_truncate
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IPushProducer
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from txsockjs.core.frames import (
    Close,
    Frame,
    Heartbeat,
    Message,
    Messages,
    decodeSocket,
)
from txsockjs.core.registry import SessionRegistry
from txsockjs.core.session import Session, State
from txsockjs.errors import BrokenJSON, NotReading, UnknownSession, WireError
from txsockjs.interfaces import IReceiver
from txsockjs.transport import OpeningRequest, openSession
from txsockjs.web.base import ServiceResource
from txsockjs.web.framing import formatText, readTexts
from txsockjs.web.headers import HeaderRules, Policy
from txsockjs.web.opening import openingRequest, pendingBytes

_NORMAL: Final = 1000

# A close frame is a control frame of 125 bytes at the most, two of which are the code
# (RFC 6455, section 5.5).
_REASON_SIZE: Final = 123


class NotAWebSocket(WireError):
    status = 400
    text = 'Can "Upgrade" only to "WebSocket".'


class NotAnUpgrade(WireError):
    status = 400
    text = '"Connection" must be "Upgrade".'


@implementer(IReceiver, IPushProducer)
class SocketReceiver:
    """
    One framed WebSocket, as a session's receiver. Its life is the session's life.
    """

    __slots__ = ("_socket", "_transport", "_writable", "finished", "session")

    persistent = True

    def __init__(self, socket: SocketProtocol) -> None:
        self._socket = socket
        self._transport = socket.transport
        self._writable = True
        self.finished = False
        self.session: Session | None = None
        self._transport.registerProducer(self, True)

    def sendFrame(self, frame: Frame) -> bool:
        if self._socket.isOpen():
            self._transport.write(frame.formatted(formatText))
        return self._writable

    def finish(self) -> None:
        self._socket.sendCloseFrame(_NORMAL)

    def abort(self) -> None:
        self._socket.dropConnection(abort=True)

    def pendingBytes(self) -> int:
        return pendingBytes(self._transport)

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        """
        Hand the payloads of WebSocket text messages to the session.

        @return: None, or what fires when the application is reading again.
        @raise BrokenJSON: if one is no SockJS message. Those before it are delivered.
        """
        messages: list[str] = []
        try:
            for text in texts:
                messages += decodeSocket(text)
        except BrokenJSON:
            self.receive(messages)
            raise
        return self.receive(messages)

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        """
        Hand the payload of a WebSocket binary message to the session.
        """
        try:
            return self.deliver([payload.decode("utf-8")])
        except UnicodeDecodeError:
            raise BrokenJSON from None

    def receive(self, messages: Sequence[str | bytes]) -> Deferred[None] | None:
        """
        Hand messages to the session. Those that come after its end are dropped.
        """
        if self.session is None or self.session.state is not State.OPEN:
            return None
        return self.session.receive(messages)

    def pauseProducing(self) -> None:
        self._writable = False

    def resumeProducing(self) -> None:
        self._writable = True
        if self.session is not None:
            self.session.resume(self)

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """


class RawSocketReceiver(SocketReceiver):
    """
    A raw WebSocket: plain messages both ways, text and binary, and no SockJS frames.
    """

    __slots__ = ()

    def sendFrame(self, frame: Frame) -> bool:
        socket = self._socket
        if not socket.isOpen():
            pass
        elif isinstance(frame, (Message, Messages)):
            for message in frame.messages:
                if message.binary is not None:
                    socket.sendMessage(message.binary, isBinary=True)
                else:
                    text = message.text.encode("utf-8", "replace")
                    self._transport.write(formatText(text))
        elif isinstance(frame, Close):
            reason = encode_truncate(frame.reason, _REASON_SIZE)
            socket.sendCloseFrame(frame.code, reason)
        elif isinstance(frame, Heartbeat):
            socket.sendPing()
        return self._writable

    def finish(self) -> None:
        """
        The close frame was the end.
        """

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        return self.receive(texts)

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        return self.receive([payload])


class SocketProtocol(WebSocketServerProtocol):  # type: ignore[misc]
    """
    The WebSocket connection itself, between Autobahn and a receiver.

    @ivar opening: the request that it began with.
    """

    factory: SocketFactory
    opening: OpeningRequest
    _receiver: SocketReceiver
    # Whether the next byte begins a frame, and no extension is in use.
    _direct = False
    _closeCall: IDelayedCall | None = None

    def isOpen(self) -> bool:
        """
        Whether frames may be sent.
        """
        return bool(self.state == self.STATE_OPEN)

    def onOpen(self) -> None:
        self._receiver = self.factory.receiver(self)
        self.factory.opened(self._receiver, self.opening)

    def dataReceived(self, data: bytes) -> None:
        if self._direct:
            texts, used = readTexts(data, self.maxMessagePayloadSize)
            if texts:
                self._deliver(self._receiver.deliver, texts)
            if used == len(data):
                return
            data = data[used:]
        super().dataReceived(data)
        self._direct = (
            self.state == self.STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
            and self._perMessageCompress is None
        )

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        receiver = self._receiver
        if isBinary:
            self._deliver(receiver.deliverBinary, payload)
        else:
            self._deliver(receiver.deliver, [payload.decode("utf-8")])

    def _deliver(
        self, deliver: Callable[[Any], Deferred[None] | None], what: Any
    ) -> None:
        try:
            taken = deliver(what)
        except BrokenJSON:
            # PROTOCOL section 7: the connection is dropped at once.
            self.dropConnection(abort=True)
        except NotReading:
            self._fail_connection(1013, NotReading.text)
        else:
            if taken is not None:
                self.transport.pauseProducing()
                taken.addCallbacks(self._taken, _ended)

    def _taken(self, result: None) -> None:
        self.transport.resumeProducing()

    def dropConnection(self, abort: bool = False) -> None:
        self._direct = False
        super().dropConnection(abort)

    def sendCloseFrame(self, *args: Any, **kw: Any) -> None:
        super().sendCloseFrame(*args, **kw)
        self._direct = False
        if self.closedByMe and self._closeCall is None:
            # Autobahn's own timers run on a process-wide clock.
            self._closeCall = self.factory.clock.callLater(
                self.factory.closeTimeout, self._closeTimeUp
            )

    def _closeTimeUp(self) -> None:
        self._closeCall = None
        self.onCloseHandshakeTimeout()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self._closeCall is not None:
            self._closeCall.cancel()
            self._closeCall = None
        # Without one, the handshake failed.
        receiver: SocketReceiver | None = getattr(self, "_receiver", None)
        if receiver is not None and receiver.session is not None:
            why = ConnectionDone() if wasClean else ConnectionLost()
            receiver.session.lost(receiver, Failure(why))


def _ended(reason: Failure) -> None:
    reason.trap(UnknownSession)


class SocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """
    What makes the WebSocket side of one service.

    @ivar receiver: what stands for a connection in its session.
    @ivar clock: what tells the time.
    @ivar closeTimeout: seconds that a peer has to answer a close frame.
    """

    protocol = SocketProtocol

    def __init__(
        self,
        receiver: type[SocketReceiver],
        registry: SessionRegistry,
        factory: IProtocolFactory,
    ) -> None:
        super().__init__(reactor=registry.clock, server=None)
        self.receiver = receiver
        self.clock = registry.clock
        self.closeTimeout = registry.options.timeout
        self._registry = registry
        self._factory = factory
        self.setProtocolOptions(
            # Autobahn's status page would redirect to any URL it is asked to.
            webStatus=False,
            maxMessagePayloadSize=registry.options.max_message_size,
            # A fault is told by a close frame with its code, not by a broken line.
            failByDrop=False,
            # The handshake is complete when it gets here, and closing has a timer of
            # ours: no timer of Autobahn's ever runs.
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            # Origins were checked before, by this package's rules.
            allowNullOrigin=True,
        )

    def opened(self, receiver: SocketReceiver, opening: OpeningRequest) -> None:
        """
        The handshake is done: open the session.
        """

        def start(session: Session) -> None:
            encoding = self._registry.options.encoding
            openSession(session, receiver, self._factory, opening, encoding)

        self._registry.open(None, start)


class WebSocketResource(ServiceResource):
    """
    The URL of a WebSocket, framed or raw.
    """

    policy = Policy(0)
    method = b"GET"
    transport: ClassVar[str] = "websocket"
    receiver: ClassVar[type[SocketReceiver]] = SocketReceiver

    def __init__(
        self, registry: SessionRegistry, rules: HeaderRules, factory: IProtocolFactory
    ) -> None:
        super().__init__(registry, rules)
        self._sockets = SocketFactory(self.receiver, registry, factory)

    def answer(self, request: Request) -> int:
        """
        Take the connection over.
        """
        if not _names(request, b"Upgrade", b"websocket"):
            raise NotAWebSocket
        if not _names(request, b"Connection", b"upgrade"):
            raise NotAnUpgrade
        if request.clientproto != b"HTTP/1.1" or request.channel.transport is None:
            raise NotAWebSocket
        self.rules.checkOrigin(request)
        self.registry.admit()
        socket = self._sockets.buildProtocol(None)
        socket.opening = openingRequest(request, self.transport, self.rules)
        takeOver(request, socket)
        return NOT_DONE_YET


class RawWebSocketResource(WebSocketResource):
    """
    C{BASE/websocket}: no SockJS framing at all.
    """

    transport = "rawwebsocket"
    receiver = RawSocketReceiver


def _names(request: Request, header: bytes, token: bytes) -> bool:
    values = request.requestHeaders.getRawHeaders(header, [])
    return any(
        item.strip().lower() == token for value in values for item in value.split(b",")
    )


def takeOver(request: Request, protocol: SocketProtocol) -> None:
    """
    Give a request's connection to a WebSocket protocol, and replay the request to it.
    """
    channel: Any = request.channel
    transport: Any = channel.transport
    channel.transport = None
    # HTTPChannel is the transport's producer; the protocol is going to be.
    transport.unregisterProducer()
    # Bytes behind the request in the same segment are still in the channel's hands.
    channel.rawDataReceived = protocol.dataReceived
    if isinstance(transport, ProtocolWrapper):
        # TLS and the PROXY protocol wrap the channel.
        transport.wrappedProtocol = protocol
    elif isinstance(transport.protocol, ProtocolWrapper):
        # TLS that was started on a plain connection.
        transport.protocol.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    lines = [b"%b %b HTTP/1.1" % (request.method, request.uri)]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines += [b"%b: %b" % (name, value) for value in values]
    protocol.makeConnection(transport)
    protocol.dataReceived(b"\r\n".join(lines) + b"\r\n\r\n")
    # The connection has no further request: break the cycle that would keep it.
    channel.requests.clear()
