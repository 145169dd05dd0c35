"""One WebSocket connection, between Autobahn and a session's receiver.

Autobahn gives every connection a copy of all settings, counters, futures and a
description of its transport: several kilobytes, before the first message. Here what is
the same for every connection is an attribute of a class made once for a service, and
the rest is made when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import txaio
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.util import encode_truncate
from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsockjs.core.frames import mostMessages
from txsockjs.errors import NO_CODE, SessionClosed, SessionFailed, UnknownSession
from txsockjs.options import SockJSOptions
from txsockjs.transports.deflate import agree, deflater
from txsockjs.transports.framing import REASON_SIZE, cut, readClose, readTexts
from txsockjs.transports.listener import UNHEARD, Fault, ISocketReceiver
from txsockjs.web.wire import GatheringWire, Wire

# The bit of a frame's header that says so (RFC 7692, section 6).
_COMPRESSED: Final = 4
_CLOSE_FRAME: Final = 0x88

# What Autobahn sets on a connection that is of no use, or that is made on demand.
_PER_CONNECTION: Final = ("factory", "utf8validator", "send_queue")

# What every message asks for: in a slot it is found without the instance's dictionary,
# which with many connections is not in the processor's cache.
_PER_MESSAGE: Final = ("_direct", "receiver", "state")

#: The ``state`` of a connection on which frames may be sent.
STATE_OPEN: Final = WebSocketProtocol.STATE_OPEN
_CLOSING: Final = WebSocketProtocol.STATE_CLOSING


class SocketProtocol(WebSocketServerProtocol):  # type: ignore[misc]
    """
    The connection. Its factory makes a subclass of this.

    :cvar maxMessages: how many messages of SockJS's one of WebSocket's may hold.
    :ivar receiver: what takes its messages, once it is open.
    :ivar wire: the connection, as what is written to it.
    """

    _log = Logger()
    # Autobahn's would warn of every peer that does something wrong, and quote it.
    log: Any = txaio.make_logger("none")

    factory: SocketFactory
    data: bytes
    maxMessages: int
    receiver: ISocketReceiver
    websocket_version: int
    wire: Wire
    _transport_details = None
    # Whether the next byte begins a frame, and no extension is in use.
    _direct: bool
    _closeCall: IDelayedCall | None = None
    _moved = 0
    _validator: Utf8Validator | None = None
    # What fires when the application has read what it was given. Until then no more is.
    _unread: Deferred[None] | None = None
    # Why the connection has been lost.
    _lost: Failure | None = None
    # Whether the receiver was told of the end, or is going to be.
    _told = False

    def __init__(self) -> None:
        self._direct = False
        self.state: int = WebSocketProtocol.STATE_CONNECTING

    # What asks for an instance's dictionary, as ``vars`` and ``cached_property`` do,
    # makes one that is larger and slower than what Python has without.
    is_open: Any = UNHEARD
    is_closed: Any = UNHEARD

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
        common = not self._direct
        if not common:
            self.receiver.heard = True
            texts, used = readTexts(data, self.maxMessagePayloadSize)
            if texts:
                self._deliver(self.receiver.deliver, texts)
            if used == len(data):
                return
            data = data[used:]
            close = readClose(data)
            if close is not None and self._unread is None and self._mayProcess():
                # Nothing is processed after it. (RFC 6455, section 5.5.1)
                self._direct = False
                self.onCloseFrame(*close)
                return
        elif self._mayProcess():
            self.receiver.heard = True
        self.data += data
        self.consumeData(common)

    def connectionLost(self, reason: Failure) -> None:
        self._lost = reason
        if self._closeCall is not None:
            self._closeCall.cancel()
            self._closeCall = None
        if self._unread is None or self.state != STATE_OPEN:
            self._end(reason)
        else:
            # As on TCP, who has stopped reading reads what came before the end first.
            # It may be waiting to write, too: that goes nowhere from now on.
            self.receiver.resumeProducing()

    # In

    def consumeData(self, common: bool = True) -> None:
        """
        Process what has come, as far as the application reads. It may begin with one of
        the ``common`` frames.
        """
        while self._mayProcess():
            if self._unread is not None:
                return
            if common and self._isDirect():
                texts, used = readTexts(self.data, self.maxMessagePayloadSize)
                if texts:
                    self.data = self.data[used:]
                    self._deliver(self.receiver.deliver, texts)
                    continue
            common = True
            if not self.processData():
                self._direct = self._isDirect() and not self.data
                return
        # RFC 6455, section 7.1.7: after a fault nothing is processed.
        self.data = b""

    def _mayProcess(self) -> bool:
        return self.state in (STATE_OPEN, _CLOSING) and not self.failedByMe

    def _isDirect(self) -> bool:
        """
        Whether a frame begins here that may be one of the common ones.
        """
        return (
            self.state == STATE_OPEN
            and self.current_frame is None
            and not self.inside_message
            and not self.isDeflating()
        )

    def _deliver(
        self, deliver: Callable[[Any], Deferred[None] | None], what: object
    ) -> None:
        fault = None
        try:
            taken = deliver(what)
        except Fault as error:
            fault, taken = error, error.taken
        if taken is not None:
            self._direct = False
            self._unread = taken
            self.transport.pauseProducing()
            taken.addErrback(lambda reason: reason.trap(UnknownSession))
            taken.addCallback(self._taken)
        if fault is not None:
            self._fail_connection(fault.code, fault.reason)

    def _taken(self, result: object) -> None:
        # That may be from inside a call of the application's.
        self.factory.clock.callLater(0, self._readOn)

    def _readOn(self) -> None:
        self._unread = None
        self.consumeData()
        if self._unread is not None:
            return
        if self._lost is not None:
            self._end(self._lost)
        else:
            self.transport.resumeProducing()

    def _end(self, reason: Failure) -> None:
        WebSocketProtocol._connectionLost(self, reason)
        if self._unread is None and hasattr(self, "receiver"):
            del self.receiver

    # The opening handshake

    def answer(self, answer: bytes, version: int) -> None:
        """
        Complete the opening handshake of a request that is in order, where nothing is
        to be agreed on.

        :param answer: what the request is answered.
        :param version: its ``Sec-WebSocket-Version``.
        """
        self.websocket_version = version
        self._gather(self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        self.wire.write(answer)
        self.state = STATE_OPEN
        self._onOpen()
        self._direct = self.state == STATE_OPEN

    def shakeHands(
        self, key: str, version: int, extensions: str, headers: Mapping[str, str]
    ) -> None:
        """
        The same by Autobahn, whatever is to be agreed on.

        :param key: its ``Sec-WebSocket-Key``.
        :param version: its ``Sec-WebSocket-Version``.
        :param extensions: its ``Sec-WebSocket-Extensions``.
        :param headers: further headers of the answer.
        """
        options = self.factory.options
        agreed = agree(options, extensions) if options.compression else None
        if agreed is not None:
            self._perMessageCompress = deflater(agreed, options)
            headers = {**headers, "Sec-WebSocket-Extensions": agreed.answer}
        self._wskey = key
        self.websocket_version = version
        # Autobahn would look for what to agree to here.
        self.websocket_extensions: list[object] = []
        self._gather(self.succeedHandshake, (None, headers))
        del self._wskey, self.websocket_extensions
        if self.state == STATE_OPEN:
            del self.http_response_data, self.websocket_extensions_in_use
            self._direct = not self.isDeflating()

    def _gather(self, complete: Callable[[Any], object], how: object) -> None:
        # The answer goes out with what is sent as soon as the connection is open.
        self.wire = self.wire.gathering()
        try:
            complete(how)
        finally:
            self._release()

    def _release(self) -> None:
        wire = self.wire
        if type(wire) is GatheringWire:
            self.wire = wire.release()
            if hasattr(self, "receiver"):
                self.receiver.wire = self.wire

    # Autobahn

    def _onOpen(self) -> None:
        if self._lost is not None:
            # Whoever wrote the answer found that nobody is there.
            self.state = WebSocketProtocol.STATE_CLOSED
        else:
            self.factory.onOpen(self)

    def _onPing(self, payload: bytes) -> None:
        self.receiver.pinged(payload)

    def _onPong(self, payload: bytes) -> None:
        self.receiver.heard = True

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != STATE_OPEN:
            # What comes behind our close frame concerns nobody.
            pass
        elif isBinary:
            self._deliver(self.receiver.deliverBinary, payload)
        else:
            self._deliver(self.receiver.deliver, [payload.decode("utf-8")])

    def onMessageBegin(self, isBinary: bool) -> None:
        super().onMessageBegin(isBinary)
        # One buffer. A list of the pieces would cost many times what is in them, and
        # of empty ones there may be any number.
        self.message_data: list[Any] = [bytearray()]

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        if self._isMessageCompressed:
            # `Deflate` counts what comes of it. Both together are no size at all.
            self.message_data_total_length -= length

    def onMessageFrameData(self, payload: bytes) -> None:
        if not self.failedByMe:
            self.message_data[0] += payload

    # Out

    def sendMessage(self, payload: bytes, isBinary: bool = False) -> None:
        """Send a message of any size: Autobahn's way would hold it to
        ``max_message_size``.
        """
        if self.state != self.STATE_OPEN:
            return
        opcode, rsv, deflate = 2 if isBinary else 1, 0, self._perMessageCompress
        if deflate is not None:
            payload, rsv, isBinary = deflate.compress(payload), _COMPRESSED, True
        pieces = cut(payload, self.factory.options.fragment_size, isBinary)
        for rest, piece in enumerate(pieces, 1 - len(pieces)):
            self.sendFrame(opcode=opcode, payload=piece, fin=not rest, rsv=rsv)
            opcode = rsv = 0

    def sendData(self, data: bytes, *how: object) -> None:
        # Others wait for the end of the turn: then there is one call for all of them.
        isAlone = type(self.wire) is GatheringWire or data[0] == _CLOSE_FRAME
        (self.wire if isAlone else self.transport).write(data)

    def isDeflating(self) -> bool:
        """
        Whether compression was negotiated.
        """
        return self._perMessageCompress is not None

    def _fail_connection(self, code: int = 1001, reason: str = "going away") -> None:
        """
        The peer did what it must not: it is told so, and nothing more is heard of it.
        (RFC 6455, section 7.1.7)
        """
        self.failedByMe = True
        if self.state == STATE_OPEN:
            self._log.debug(
                "Closing a {transport} connection of {peer} with {code}: {reason!r}",
                **self._whose(),
                code=code,
                reason=reason,
            )
            self.sendCloseFrame(code, encode_truncate(reason, REASON_SIZE))
            self._tell(SessionFailed(code, reason))
        if self._lost is None:
            self._finish()

    def _finish(self) -> None:
        """
        Tell the peer that nothing more will come, and read until it has ended the
        connection: bytes that nobody reads would reset it, and with it what is to be
        read at the other side.
        """
        transport = self.transport
        transport.unregisterProducer()
        # TLS has an end of its own, and reads on until the peer's.
        if ITCPTransport(transport, None) and not ISSLTransport(transport, None):
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
        transport.resumeProducing()

    def dropConnection(self, abort: bool = False) -> None:
        self._direct = False
        self._release()
        # After both close frames Autobahn aborts, and what is still to be sent with it.
        super().dropConnection(abort and not self.wasClean)
        if not self.wire.endsAtOnce():
            self._limitClosing()

    def sendCloseFrame(self, *args: Any, **kw: Any) -> None:
        super().sendCloseFrame(*args, **kw)
        self._direct = False
        self._release()
        if not kw.get("isReply"):
            # Behind a reply the connection is dropped.
            self._limitClosing()

    def _limitClosing(self) -> None:
        """
        Give the peer some time to take what is left and to end the connection.
        """
        # Autobahn's own timers run on a process-wide clock.
        if self._closeCall is None and self._lost is None:
            self._moved = self.wire.taken()
            self._closeCall = self.factory.clock.callLater(
                self.factory.closeTimeout, self._closeTimeUp
            )

    def _closeTimeUp(self) -> None:
        self._closeCall = None
        if self.wire.taken() != self._moved:
            # The time counts from when the bytes had been taken.
            self._limitClosing()
            return
        self._log.debug(
            "Dropping a {transport} connection of {peer}: it was closed, and goes on.",
            **self._whose(),
        )
        self.onCloseHandshakeTimeout()
        self.transport.abortConnection()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if not wasClean:
            self._tell(ConnectionLost())
        elif self.closedByMe:
            self._tell(ConnectionDone())
        else:
            self._tell(SessionClosed(code or NO_CODE, reason or ""))

    def _tell(self, why: Exception) -> None:
        """
        Tell the receiver of the end, once. What came before it is read first.
        """
        receiver = getattr(self, "receiver", None)
        if receiver is None or self._told:  # Without one, the handshake failed.
            return
        self._told = True
        reason = Failure(why)
        if self._unread is None:
            receiver.connectionLost(reason)
        else:
            receiver.resumeProducing()
            # The application may be the one that ends the wait, from inside a call.
            later = self.factory.clock.callLater
            self._unread.addBoth(lambda _: later(0, receiver.connectionLost, reason))

    def _whose(self) -> dict[str, object]:
        return {**self.factory.labels, "peer": self.transport.getPeer()}


class SocketFactory(WebSocketServerFactory):  # type: ignore[misc]
    """
    What makes the WebSocket connections of one service.

    :ivar clock: what tells the time.
    :ivar closeTimeout: seconds that a peer has to answer a close frame.
    :ivar onOpen: what is called with a connection when its handshake is done.
    :ivar options: the service's options.
    :ivar labels: what its events in the log say of it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        options: SockJSOptions,
        onOpen: Callable[[SocketProtocol], None],
        labels: dict[str, object],
    ) -> None:
        super().__init__(reactor=clock, server=None)
        self.clock = clock
        self.closeTimeout: float = options.timeout
        self.onOpen = onOpen
        self.options = options
        self.labels = labels
        self.setProtocolOptions(
            # Autobahn's status page would redirect to any URL it is asked to.
            webStatus=False,
            maxMessagePayloadSize=options.max_message_size,
            # A fault is told by a close frame with its code, not by a broken line.
            failByDrop=False,
            # The browser's page is told the code that it gave, as from any server.
            echoCloseCodeReason=True,
            # The request is complete when it gets here, and closing has a timer of
            # ours: no timer of Autobahn's ever runs.
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
        )
        self.protocol: type[SocketProtocol] = self._protocolClass()

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
        # What it sets in the handshake.
        shared.update(inside_message=False, current_frame=None)
        shared.update(websocket_protocol_in_use=None, __slots__=_PER_MESSAGE)
        shared["maxMessages"] = mostMessages(self.options.max_message_size)
        return type("SocketProtocol", (SocketProtocol,), shared)
