"""One WebSocket connection, between Autobahn and a session's receiver.

Autobahn gives every connection a copy of all settings, counters, futures and a
description of its transport: several kilobytes, before the first message. Here what is
the same for every connection is an attribute of a class made once for a service, and
the rest is made when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
)
from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from txsockjs.errors import BrokenJSON, NotReading, UnknownSession
from txsockjs.options import SockJSOptions
from txsockjs.transports.framing import readTexts
from txsockjs.web.wire import takenBytes

# The bit of a frame's header that says so (RFC 7692, section 6).
_COMPRESSED: Final = 4

# What Autobahn sets on a connection that is of no use, or that is made on demand.
_PER_CONNECTION: Final = ("factory", "utf8validator", "send_queue")

# What every message asks for: in a slot it is found without the instance's dictionary,
# which with many connections is not in the processor's cache.
_PER_MESSAGE: Final = ("_direct", "receiver", "state")

#: The C{state} of a connection on which frames may be sent.
STATE_OPEN: Final = WebSocketProtocol.STATE_OPEN


class ISocketReceiver(Protocol):
    """
    What a connection needs of its receiver.
    """

    heard: bool

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        """
        Take the payloads of text messages.

        @return: None, or what fires when more may be read.
        @raise BrokenJSON: to drop the connection.
        """

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        """
        Take the payload of a binary message, in the same way.
        """

    def pinged(self, payload: bytes) -> None:
        """
        The peer asks for a sign of life.
        """

    def resumeProducing(self) -> None:
        """
        Frames may be sent again.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection has ended.
        """


class SocketProtocol(WebSocketServerProtocol):  # type: ignore[misc]
    """
    The connection. Its factory makes a subclass of this.

    @ivar receiver: what takes its messages, once it is open.
    """

    factory: SocketFactory
    receiver: ISocketReceiver
    _transport_details = None
    # Whether the next byte begins a frame, and no extension is in use.
    _direct: bool
    _closeCall: IDelayedCall | None = None
    _moved = 0
    _validator: Utf8Validator | None = None
    # What fires when the application has read all that it has been given.
    _unread: Deferred[None] | None = None

    def __init__(self) -> None:
        self._direct = False
        self.state = WebSocketProtocol.STATE_CONNECTING

    # What asks for the dictionary of an instance, as C{vars} and C{cached_property} do,
    # makes one that is larger and slower than what Python has without.

    @property
    def is_open(self) -> Any:
        """
        What Autobahn has to tell: nobody waits for it.
        """
        return txaio.create_future()

    is_closed = is_open

    @property
    def utf8validator(self) -> Utf8Validator:
        """
        What checks a text that comes in parts, made when one does.
        """
        if self._validator is None:
            self._validator = Utf8Validator()
        return self._validator

    # Twisted

    def connectionMade(self) -> None:
        pass

    def dataReceived(self, data: bytes) -> None:
        if self._direct:
            self.receiver.heard = True
            texts, used = readTexts(data, self.maxMessagePayloadSize)
            if texts:
                self._deliver(self.receiver.deliver, texts)
            if used == len(data):
                return
            data = data[used:]
        self._dataReceived(data)
        self._direct = (
            self.state == STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
            and not self.isDeflating()
        )

    def connectionLost(self, reason: Failure) -> None:
        if self._closeCall is not None:
            self._closeCall.cancel()
            self._closeCall = None
        WebSocketProtocol._connectionLost(self, reason)

    # Autobahn

    def shakeHands(
        self, key: str, version: int, extensions: str, headers: Mapping[str, str]
    ) -> None:
        """
        Complete the opening handshake of a request that is in order.

        @param key: its C{Sec-WebSocket-Key}.
        @param version: its C{Sec-WebSocket-Version}.
        @param extensions: its C{Sec-WebSocket-Extensions}.
        @param headers: further headers of the answer.
        """
        self._wskey = key
        self.websocket_version = version
        self.websocket_protocols: list[str] = []
        self.websocket_extensions = self._parseExtensionsHeader(extensions)
        self.succeedHandshake((None, headers))
        del self._wskey, self.websocket_protocols, self.websocket_extensions
        if self.state == STATE_OPEN:
            # The answer has been sent.
            del self.http_response_data
            self._direct = not self.isDeflating()

    def _onPing(self, payload: bytes) -> None:
        self.receiver.pinged(payload)

    def _onPong(self, payload: bytes) -> None:
        self.receiver.heard = True

    def _onOpen(self) -> None:
        self.factory.onOpen(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self._deliver(self.receiver.deliverBinary, payload)
        else:
            self._deliver(self.receiver.deliver, [payload.decode("utf-8")])

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        # One buffer. A list of the pieces would cost many times what is in them, and
        # of empty ones there may be any number.
        self.message_data = [bytearray()]

    def onMessageFrameData(self, payload: bytes) -> None:
        if not self.failedByMe:
            self.message_data[0] += payload

    def sendMessage(self, payload: bytes, isBinary: bool = False) -> None:
        """
        Send a message, of any size: C{max_message_size} is for what comes in, and
        Autobahn's own method would hold what goes out to it.
        """
        if self.state != self.STATE_OPEN:
            return
        rsv = 0
        deflate = self._perMessageCompress
        if deflate is not None:
            rsv = _COMPRESSED
            deflate.start_compress_message()
            payload = deflate.compress_message_data(payload)
            payload += deflate.end_compress_message()
        self.sendFrame(opcode=2 if isBinary else 1, payload=payload, rsv=rsv)

    def sendData(
        self, data: bytes, sync: bool = False, chopsize: int | None = None
    ) -> None:
        self.transport.write(data)

    def dropConnection(self, abort: bool = False) -> None:
        self._direct = False
        # After both close frames Autobahn aborts, and what is still to be sent with it.
        super().dropConnection(abort and not self.wasClean)
        self._limitClosing()

    def sendCloseFrame(self, *args: Any, **kw: Any) -> None:
        super().sendCloseFrame(*args, **kw)
        self._direct = False
        self._limitClosing()

    def _limitClosing(self) -> None:
        """
        Give the peer some time to take what is left and to end the connection.
        """
        # Autobahn's own timers run on a process-wide clock.
        if self._closeCall is None:
            self._moved = takenBytes(self.transport)
            self._closeCall = self.factory.clock.callLater(
                self.factory.closeTimeout, self._closeTimeUp
            )

    def _closeTimeUp(self) -> None:
        self._closeCall = None
        if takenBytes(self.transport) != self._moved:
            # The time counts from when the bytes had been taken.
            self._limitClosing()
            return
        self.onCloseHandshakeTimeout()
        self.transport.abortConnection()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        # Without a receiver, the handshake failed.
        receiver = getattr(self, "receiver", None)
        if receiver is None:
            return
        why = Failure(ConnectionDone() if wasClean else ConnectionLost())
        if self._unread is None or self._unread.called:
            receiver.connectionLost(why)
        else:
            # As on TCP, who has stopped reading reads what came before the end first.
            # It may be waiting to write, too: that goes nowhere from now on.
            receiver.resumeProducing()
            # The application may be the one that ends the wait, from inside a call.
            self._unread.addBoth(self._endLater, receiver, why)

    def _endLater(self, result: None, receiver: ISocketReceiver, why: Failure) -> None:
        self.factory.clock.callLater(0, receiver.connectionLost, why)

    # The receiver

    def isDeflating(self) -> bool:
        """
        Whether compression was negotiated.
        """
        return self._perMessageCompress is not None

    def _deliver(
        self, deliver: Callable[[Any], Deferred[None] | None], what: object
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
                self._unread = taken
                taken.addErrback(_dropped)
                # Dropped or not: the peer's answer to a close frame is to be heard.
                taken.addCallback(self._taken)

    def _taken(self, result: None) -> None:
        self.transport.resumeProducing()


def _dropped(reason: Failure) -> None:
    reason.trap(UnknownSession)


def _acceptDeflate(
    options: SockJSOptions, offers: Sequence[object]
) -> PerMessageDeflateOfferAccept | None:
    """
    Accept permessage-deflate (RFC 7692), if it is offered.

    No side keeps a context from message to message: what a connection costs between
    messages stays what it is without compression. Autobahn stops inflating a message
    at C{max_message_size}.
    """
    bits = options.compression_window_bits
    for offer in offers:
        if not isinstance(offer, PerMessageDeflateOffer):
            continue
        # 0 stands for zlib's own 15 bits, which need not be named.
        limit = bits if bits < 15 and offer.accept_max_window_bits else 0
        asked = offer.request_max_window_bits
        return PerMessageDeflateOfferAccept(
            offer,
            request_no_context_takeover=offer.accept_no_context_takeover,
            request_max_window_bits=limit,
            no_context_takeover=True,
            window_bits=min(bits, asked) if asked else bits,
            mem_level=options.compression_memory_level,
            max_message_size=options.max_message_size,
        )
    return None


class SocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """
    What makes the WebSocket connections of one service.

    @ivar clock: what tells the time.
    @ivar closeTimeout: seconds that a peer has to answer a close frame.
    @ivar onOpen: what is called with a connection when its handshake is done.
    """

    def __init__(
        self,
        clock: IReactorTime,
        options: SockJSOptions,
        onOpen: Callable[[SocketProtocol], None],
    ) -> None:
        super().__init__(reactor=clock, server=None)
        self.clock = clock
        self.closeTimeout = options.timeout
        self.onOpen = onOpen
        self.setProtocolOptions(
            # Autobahn's status page would redirect to any URL it is asked to.
            webStatus=False,
            maxMessagePayloadSize=options.max_message_size,
            # A fault is told by a close frame with its code, not by a broken line.
            failByDrop=False,
            # The request is complete when it gets here, and closing has a timer of
            # ours: no timer of Autobahn's ever runs.
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
        )
        if options.compression:
            self.perMessageCompressionAccept = partial(_acceptDeflate, options)
        self.protocol = self._protocolClass()

    def _protocolClass(self) -> type[SocketProtocol]:
        """
        A class that has what Autobahn would set on each connection.
        """
        template = object.__new__(WebSocketServerProtocol)
        template.factory = self
        WebSocketProtocol._connectionMade(template)
        shared = {
            # A function on a class would become a method.
            name: staticmethod(value) if callable(value) else value
            for name, value in vars(template).items()
            if name not in _PER_CONNECTION + _PER_MESSAGE
        }
        shared["__slots__"] = _PER_MESSAGE
        return type("SocketProtocol", (SocketProtocol,), shared)
