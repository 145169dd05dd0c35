"""One WebSocket connection of a client: Autobahn's protocol, and a way around it.

Autobahn checks the answer to the handshake, and does control frames, fragments,
compression and every error. The common frame is read directly, and all that is sent is
written directly.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any, Final

import txaio
from autobahn.twisted.websocket import WebSocketClientProtocol
from autobahn.util import encode_truncate
from autobahn.websocket.protocol import WebSocketProtocol
from autobahn.websocket.types import ConnectionResponse
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    ISSLTransport,
    ITCPTransport,
)
from twisted.python.failure import Failure

from txsockjs.client.failures import explain, failed
from txsockjs.client.framing import formatFrame, readTexts
from txsockjs.client.handshake import readAnswer, request
from txsockjs.client.interfaces import ISocketUser
from txsockjs.client.place import Settings
from txsockjs.client.wire import Wire, wireFor
from txsockjs.deflate import Deflate
from txsockjs.errors import (
    NO_CODE,
    ConnectFailed,
    SessionClosed,
    SessionFailed,
    TooLarge,
    TransportFailed,
)

#: The code of a connection that ended without a close frame (RFC 6455, section 7.1.5).
LOST: Final = 1006

# The bit of a frame's header that says so (RFC 7692, section 6).
_COMPRESSED: Final = 4
# What a close frame has room for beside its code (RFC 6455, section 5.5).
_REASON_SIZE: Final = 123

# How many seconds a server has to end a connection on which all is said.
_GOODBYE: Final = 1.0

_CONNECTING: Final = WebSocketProtocol.STATE_CONNECTING
_OPEN: Final = WebSocketProtocol.STATE_OPEN
_CLOSING: Final = WebSocketProtocol.STATE_CLOSING
_CLOSED: Final = WebSocketProtocol.STATE_CLOSED

#: What every message asks for: in a slot it is found without the instance's dictionary.
PER_MESSAGE: Final = ("_direct", "deliver", "heard", "state", "wire")


class ClientSocket(WebSocketClientProtocol):  # type: ignore[misc]
    """
    The connection. What is used is a subclass of this, for some settings.

    :cvar settings: those.
    :cvar extensions: what the handshake offers, as a header's value.
    :ivar deliver: what takes a text.
    :ivar paused: whether nothing is read.
    :ivar subprotocol: what the server has chosen, or None.
    :ivar heard: whether something came in, since somebody set this to False.
    :ivar url: the URL of the WebSocket.
    :ivar user: who uses it.
    :ivar wire: the connection, as what is written to it.
    """

    # Autobahn's would warn of every server that does something wrong, and quote it.
    log: Any = txaio.make_logger("none")

    settings: Settings
    extensions: str
    maxMessagePayloadSize: int
    url: str
    user: ISocketUser
    wire: Wire
    deliver: Callable[[str], None]
    heard: bool
    paused: bool = False
    subprotocol: str | None = None
    data: bytes
    _direct: bool
    _perMessageCompress: Any
    _transport_details = None
    _validator: Utf8Validator | None = None
    _answered = False
    # Whether what is missing of the answer to the handshake is not waited for.
    _late = False
    # The payload of a ping that is not answered yet.
    _unanswered: bytes | None = None
    _closeCall: IDelayedCall | None = None
    _moved = 0
    # Why the connection is going to end, where it is known before.
    _why: Exception | None = None

    def __init__(self, user: ISocketUser) -> None:
        self.user = user
        self.state: int = _CONNECTING
        self.heard = self._direct = False

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
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.deliver = self.user.textReceived
        self.wire = wireFor(self.transport, self._drained)
        self.user.socketConnected()

    def dataReceived(self, data: bytes) -> None:
        self.heard = True
        # What is sent in answer goes in one piece.
        self.wire.hold()
        if self._direct:
            texts, used = readTexts(data, self.maxMessagePayloadSize)
            self._deliver(texts)
            data = data[used:]
        if data:
            self.data += data
            self.consumeData()
        self.wire.release()

    def connectionLost(self, reason: Failure) -> None:
        why = self._reason(reason)
        self.state = _CLOSED
        self._direct = False
        self.data = b""
        self.wire.end()
        if self._closeCall is not None:
            self._closeCall.cancel()
            self._closeCall = None
        self.user.socketLost(why)

    def _reason(self, reason: Failure) -> Failure:
        """
        Why the connection has ended.

        :param reason: why it has for Twisted.
        """
        if self._why is not None:
            return Failure(self._why)
        if self.state == _CONNECTING:
            if self.data and not self._answered:
                self._late = True
                self.processHandshake()
            if self._why is not None:
                return Failure(self._why)
            return Failure(failed(reason, self.user.where))
        if self.wasClean and not self.closedByMe:
            return Failure(
                SessionClosed(
                    self.remoteCloseCode or NO_CODE, self.remoteCloseReason or ""
                )
            )
        if self.closedByMe:
            return Failure(ConnectionDone())
        return Failure(SessionFailed(LOST, explain(reason, self.user.where)))

    # The handshake

    def shakeHands(self, url: str, headers: Any) -> None:
        """
        Ask for a WebSocket.

        :param url: its URL, with ``http`` or ``https``.
        :param headers: further headers, by name.
        :raise TransportFailed: if a header cannot be sent.
        """
        self.url = url
        self.websocket_key: bytes = base64.b64encode(os.urandom(16))
        self.wire.write(
            request(
                url,
                self.websocket_key,
                headers,
                self.settings.subprotocols,
                self.extensions,
            )
        )

    def processHandshake(self) -> None:
        try:
            found = readAnswer(self.url, self.data)
            if found is None:
                return
            answer, head, rest = found
            if answer.missing and not self._late:
                # It is worth a moment to hear what is wrong.
                if self._closeCall is None:
                    self._limit(_GOODBYE)
                return
            self._answered = True
            self.user.socketAnswered(answer)
        except ConnectFailed as error:
            self.fail(error)
            return
        if answer.agrees:
            # At bytes that are not ASCII, Autobahn raises.
            self.data = head.decode("ascii", "ignore").encode("ascii") + rest
            super().processHandshake()
        else:
            self.abort()

    def failHandshake(self, reason: str) -> None:
        """
        The answer does not agree.
        """
        self.fail(TransportFailed(f"{self.url}: the answer is not in order: {reason}"))

    def onConnect(self, response: ConnectionResponse) -> None:
        self.subprotocol = response.protocol

    def _onOpen(self) -> None:
        # The answer was read.
        del self.http_response_data, self.http_status_line, self.http_headers
        del self.websocket_key
        agreed: Any = self._perMessageCompress
        if agreed is not None:
            self._perMessageCompress = Deflate(
                agreed.client_max_window_bits,
                agreed.server_max_window_bits,
                not agreed.server_no_context_takeover,
                self.maxMessagePayloadSize,
                agreed.mem_level,
            )
        self.user.socketOpened()

    # In

    def consumeData(self) -> None:
        """
        Process what has come.
        """
        if self.state == _CONNECTING and self._why is None:
            self.processHandshake()
            if self.state == _CONNECTING and self._why is None:
                return
        while self._mayProcess():
            if self._isDirect():
                texts, used = readTexts(self.data, self.maxMessagePayloadSize)
                if texts:
                    self.data = self.data[used:]
                    self._deliver(texts)
                    continue
            if not self.processData():
                break
        if self._mayProcess():
            self._direct = self._isDirect() and not self.data
        else:
            self.data = b""

    def _mayProcess(self) -> bool:
        """
        Whether more is read: not behind a fault, nor behind the server's close frame
        (RFC 6455, sections 7.1.7 and 5.5.1).
        """
        return (
            self.state in (_OPEN, _CLOSING) and self._why is None and not self.wasClean
        )

    def _isDirect(self) -> bool:
        """
        Whether a frame begins here that may be one of the common ones.
        """
        return (
            self.state == _OPEN
            and self.current_frame is None
            and not self.inside_message
            and self._perMessageCompress is None
        )

    def _deliver(self, texts: list[str]) -> None:
        for text in texts:
            self.deliver(text)
            if self.state != _OPEN or self._why is not None:
                # What comes behind our close frame concerns nobody.
                return

    def _onPing(self, payload: bytes) -> None:
        """
        Answer a ping, when the server takes what it is sent. Of those that have to
        wait, the last is answered (RFC 6455, section 5.5.3).
        """
        if self.wire.pending:
            self._unanswered = payload
        else:
            self.sendPong(payload)

    def _onPong(self, payload: bytes) -> None:
        """
        The server is there, as `heard` says.
        """

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != _OPEN:
            pass
        elif isBinary:
            self.user.binaryReceived(payload)
        else:
            self.deliver(payload.decode("utf-8"))

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

    def send(self, opcode: int, payload: bytes) -> None:
        """
        Send a message.

        :param opcode: `TEXT` or `BINARY`.
        """
        if self.state != _OPEN:
            return
        deflate: Deflate | None = self._perMessageCompress
        if deflate is None:
            self.wire.write(formatFrame(opcode, payload))
        else:
            packed = deflate.compress(payload)
            self.wire.write(formatFrame(opcode, packed, _COMPRESSED))

    def sendFrame(self, opcode: int, payload: bytes = b"", **how: object) -> None:
        """
        Send a control frame. Autobahn's own has a key that can be predicted.
        """
        self.wire.write(formatFrame(opcode, payload))

    def _drained(self) -> None:
        if self._unanswered is not None:
            payload, self._unanswered = self._unanswered, None
            self.sendPong(payload)
        self.user.socketDrained()

    # The end

    def close(self, code: int, reason: str) -> None:
        """
        Close in good order, behind what was sent before.
        """
        self.sendCloseFrame(code, encode_truncate(reason, _REASON_SIZE))
        # The answer has to be read, whoever has paused.
        self.transport.resumeProducing()

    def pause(self) -> None:
        """
        Read nothing more, until `resume`.
        """
        if self.state == _OPEN:
            self.paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """
        Read on.
        """
        self.paused = False
        self.transport.resumeProducing()

    def fail(self, why: Exception) -> None:
        """
        Drop the connection.

        :param why: what `ISocketUser.socketLost` is told.
        """
        if self._why is None:
            self._why = why
        self.abort()

    def abort(self) -> None:
        """
        Drop the connection, with what it has not sent.
        """
        self._direct = False
        self.transport.abortConnection()

    def sendCloseFrame(self, *args: Any, **kw: Any) -> None:
        super().sendCloseFrame(*args, **kw)
        self._direct = False
        if self.closedByMe:
            self._limit(self.settings.close_timeout)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:
        stop = super().onCloseFrame(code, reasonRaw)
        if self.wasClean:
            # RFC 6455, section 7.1.1: the server should end the connection.
            self._limit(_GOODBYE)
        return stop

    def _max_message_size_exceeded(self, size: int, most: int, reason: str) -> None:
        if self.state == _OPEN:
            self._why = TooLarge(size, most)
        self._fail_connection(TooLarge(size, most).code, reason)

    def _fail_connection(self, code: int = 1001, reason: str = "going away") -> None:
        """
        The server did what it must not: it is told so, and nothing more is heard of it.
        (RFC 6455, section 7.1.7)
        """
        self.failedByMe = True
        if self.state == _OPEN:
            if self._why is None:
                self._why = SessionFailed(code, reason)
            self.sendCloseFrame(code, encode_truncate(reason, _REASON_SIZE))
        self.wire.release()
        if self.wire.pending:
            self.abort()
            return
        transport = self.transport
        self.wire.end()
        # A connection that is closed with bytes unread is reset, and the server would
        # not see why. TLS has an end of its own.
        if ITCPTransport.providedBy(transport) and not ISSLTransport.providedBy(
            transport
        ):
            transport.loseWriteConnection()
        else:
            transport.loseConnection()
        transport.resumeProducing()
        self._limit(_GOODBYE)

    def _limit(self, seconds: float) -> None:
        """
        Give the server some time to take what is left and to end the connection.
        """
        if self._closeCall is not None:
            self._closeCall.cancel()
        self._moved = self.wire.taken
        self._closeCall = self.user.clock.callLater(seconds, self._timeUp, seconds)

    def _timeUp(self, seconds: float) -> None:
        self._closeCall = None
        if self.state == _CONNECTING:
            self._late = True
            self.processHandshake()
        elif self.wire.taken != self._moved:
            # The time counts from when the bytes had been taken.
            self._limit(seconds)
        else:
            self.abort()
