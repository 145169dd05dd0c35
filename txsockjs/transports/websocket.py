"""The transport ``websocket``, by Autobahn. (PROTOCOL section 7)

A connection that asks for an upgrade is taken from twisted.web and given to a
`SocketReceiver`. Autobahn does the handshake, control frames, fragmentation and every
error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from txsockjs.admission import Admission
from txsockjs.core.frames import Frame, decodeSocket
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.errors import (
    BadHandshake,
    BrokenJSON,
    MessageTooBig,
    NotAnUpgrade,
    NotAWebSocket,
    UnknownSession,
    WireError,
    WrongVersion,
)
from txsockjs.interfaces import IReceiver
from txsockjs.request import OpeningRequest
from txsockjs.subprotocols import offered
from txsockjs.transports.base import (
    ServiceResource,
    asksForWebSocket,
    names,
    openingRequest,
)
from txsockjs.transports.framing import formatAnswer, formatFragments, formatText
from txsockjs.transports.listener import Fault
from txsockjs.transports.socket import STATE_OPEN, SocketFactory, SocketProtocol
from txsockjs.web.headers import HeaderRules, Policy
from txsockjs.web.response import headersBeside, linesBeside
from txsockjs.web.takeover import takeOver
from txsockjs.web.wire import Wire

_NORMAL: Final = 1000

# Sixteen bytes in base64 (RFC 6455, section 4.1).
_KEY: Final = re.compile(rb"[a-zA-Z0-9+/]{22}==")

_VERSIONS: Final = ([b"13"], [b"8"])


@implementer(IReceiver, IPushProducer)
class SocketReceiver:
    """
    One framed WebSocket, as a session's receiver. Its life is the session's life.
    """

    __slots__ = (
        "_deflating",
        "_socket",
        "_unanswered",
        "_writable",
        "finished",
        "heard",
        "session",
        "wire",
    )

    persistent = True
    carried = 0

    def __init__(self, socket: SocketProtocol) -> None:
        self._socket = socket
        self.wire: Wire = socket.wire
        self._writable = True
        self._unanswered: bytes | None = None
        self._deflating = socket.isDeflating()
        self.finished: bool = False
        self.heard: bool = True
        self.session: Session | None = None
        socket.transport.registerProducer(self, True)

    @staticmethod
    def format(frame: Frame) -> bytes:
        """
        A SockJS frame as a WebSocket frame of text.
        """
        return formatText(frame.data)

    @staticmethod
    def inFragments(size: int, frame: Frame) -> bytes:
        """
        The same in fragments of ``size`` bytes.
        """
        return formatFragments(frame.data, size)

    def sendFrame(self, frame: Frame) -> bool:
        if self._deflating:
            self._socket.sendMessage(frame.data)
        elif self._socket.state == STATE_OPEN:
            self.wire.write(frame.formatted(self.format))
        return self._writable

    @classmethod
    def fragmenting(cls, size: int) -> type[SocketReceiver]:
        """
        The same for a service that writes no frame larger than so many bytes.
        """
        # A frame keeps what one function has made of it, and that is this one.
        format = staticmethod(partial(cls.inFragments, size))
        return type(cls.__name__, (cls,), {"__slots__": (), "format": format})

    def follows(self, former: IReceiver) -> bool:
        return False

    def ping(self) -> None:
        self._socket.sendPing()

    def finish(self) -> None:
        self._socket.sendCloseFrame(_NORMAL)

    def abort(self) -> None:
        self._socket.dropConnection(abort=True)
        # That leaves alone a connection which is closing already.
        self.wire.abort()

    def pendingBytes(self) -> int:
        return self.wire.pending()

    def heldBytes(self) -> int:
        return self.wire.held()

    def takenBytes(self) -> int:
        return self.wire.taken()

    def isCut(self) -> bool:
        return self.wire.isCut()

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        """
        Hand the payloads of WebSocket text messages to the session.

        :return: None, or what fires when the application is reading again.
        :raise Fault: if one is no SockJS message. Those before it are delivered.
        """
        most = self._socket.maxMessages
        if len(texts) == 1:
            [text] = texts
            count = len(text) if text.isascii() else size(texts)
            try:
                messages = decodeSocket(text, most)
            except (BrokenJSON, MessageTooBig) as error:
                raise _fault(error, None) from None
            return self.receive(messages, count)
        messages = []
        for read, text in enumerate(texts):
            try:
                messages += decodeSocket(text, most)
            except (BrokenJSON, MessageTooBig) as error:
                taken = self.receive(messages, size(texts[:read]))
                raise _fault(error, taken) from None
        return self.receive(messages, size(texts))

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        """
        Hand the payload of a WebSocket binary message to the session.
        """
        try:
            text = payload.decode("utf-8")
        except UnicodeDecodeError:
            # No JSON begins so.
            text = "?"
        return self.deliver([text])

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection has ended.
        """
        if self.session is not None:
            self.session.lost(self, reason)

    def receive(
        self, messages: Sequence[str | bytes], size: int = 0
    ) -> Deferred[None] | None:
        """
        Hand messages to the session. Those that come after its end are dropped.

        :param size: how many bytes they came as.
        """
        session = self.session
        try:
            return session.receive(messages, size) if session is not None else None
        except UnknownSession:
            return None

    def pauseProducing(self) -> None:
        self._writable = False

    def pinged(self, payload: bytes) -> None:
        """
        Answer a ping, if the peer takes what it is sent. Of those that have to wait,
        the last is answered (RFC 6455, section 5.5.3).
        """
        if self._writable:
            self._socket.sendPong(payload)
        else:
            self._unanswered = payload

    def resumeProducing(self) -> None:
        self._writable = True
        if self._unanswered is not None:
            self._socket.sendPong(self._unanswered)
            self._unanswered = None
        if self.session is not None:
            self.session.resume(self)

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """


class WebSocketResource(ServiceResource):
    """
    The URL of a WebSocket. What is framed and what is raw differ in their receiver.
    """

    policy = Policy.COOKIE
    method = b"GET"
    isWebSocket = True
    _log = Logger()
    transport: ClassVar[str] = "websocket"
    receiver: ClassVar[type[SocketReceiver]] = SocketReceiver

    def __init__(
        self, service: Service, rules: HeaderRules, factory: IProtocolFactory
    ) -> None:
        super().__init__(service, rules)
        self._admission = Admission(service, factory)
        self._subprotocols = service.options.subprotocols
        self._compression = service.options.compression
        size = service.options.fragment_size
        self._receiver = (
            self.receiver if size is None else self.receiver.fragmenting(size)
        )
        self._sockets = SocketFactory(
            service.clock,
            service.options,
            self._opened,
            {"service": service.counters.service, "transport": self.transport},
        )

    def answer(self, request: Request) -> int:
        """
        Take the connection over, if the request is a handshake in order.
        (RFC 6455, section 4.2.1)
        """
        headers = self.headers(request)
        if not asksForWebSocket(request):
            raise NotAWebSocket
        # All at once, with names as Twisted writes them, is half the work of each by
        # itself.
        header = dict(request.requestHeaders.getAllRawHeaders()).get
        if not names(header(b"Connection"), b"upgrade"):
            raise NotAnUpgrade
        hosts, keys = header(b"Host", []), header(b"Sec-Websocket-Key", [])
        if (
            request.clientproto != b"HTTP/1.1"
            or len(hosts) != 1
            or len(keys) != 1
            or not _KEY.fullmatch(keys[0])
            # Where a body ends and frames begin, a proxy could see otherwise.
            or header(b"Content-Length", [b"0"]) != [b"0"]
            or header(b"Transfer-Encoding")
        ):
            raise BadHandshake
        versions = header(b"Sec-Websocket-Version", [])
        if versions not in _VERSIONS:
            # RFC 6455, section 4.4, and RFC 9110, section 15.5.22.
            request.setHeader(b"Sec-WebSocket-Version", b"13")
            request.setHeader(b"Upgrade", b"websocket")
            request.setHeader(b"Connection", b"Upgrade")
            raise WrongVersion
        self.rules.checkOrigin(request)
        self.service.admit()
        offers = header(b"Sec-Websocket-Protocol") if self._subprotocols else None
        subprotocol = self._choose(request, offers) if offers else None
        socket = self._sockets.buildProtocol(None)
        service = self.service.counters.service
        socket.opening = openingRequest(
            request, service, self.transport, self.rules, subprotocol
        )
        socket.wire = takeOver(request, socket)
        extensions = b",".join(header(b"Sec-Websocket-Extensions", []))
        lines = None
        if subprotocol is None and not (extensions and self._compression):
            lines = linesBeside(request, headers)
        try:
            if lines is not None:
                socket.answer(formatAnswer(keys[0], lines), int(versions[0]))
            else:
                beside = headersBeside(request, headers)
                if subprotocol is not None:
                    beside["Sec-WebSocket-Protocol"] = [subprotocol]
                socket.shakeHands(
                    keys[0].decode("ascii"),
                    int(versions[0]),
                    extensions.decode("latin-1"),
                    beside,
                )
        except Exception:
            # The request cannot be answered any more, and its session, if there is one,
            # ends with the connection.
            self._log.failure(
                "A {transport} connection could not be opened and is dropped.",
                service=service,
                transport=self.transport,
            )
            socket.transport.abortConnection()
        # The request has no end that would be logged.
        request.setResponseCode(101)
        request.channel.factory.log(request)
        return NOT_DONE_YET

    def _choose(self, request: Request, offers: Sequence[bytes]) -> str | None:
        """
        What to agree to of the subprotocols that a handshake offers. Where that is
        none of them, the answer says nothing of it, and it is for the client to decide
        whether that will do. (RFC 6455, section 4.2.2)

        :raise BadHandshake: if the offer is not in order.
        """
        try:
            names = offered(offers)
        except ValueError:
            raise BadHandshake from None
        if not names:
            return None
        chosen = self.service.options.chooseSubprotocol(names, request)
        if chosen is not None:
            # Two of them in an answer are none to a browser.
            request.responseHeaders.removeHeader(b"Sec-WebSocket-Protocol")
        return chosen

    def _opened(self, socket: SocketProtocol) -> None:
        receiver = socket.receiver = self._receiver(socket)
        opening: OpeningRequest = socket.opening
        del socket.opening
        self._admission.open(None, receiver, opening)


def size(texts: Sequence[str]) -> int:
    """
    How many bytes some texts are in UTF-8.
    """
    count = 0
    for text in texts:
        count += len(text) if text.isascii() else len(text.encode("utf-8"))
    return count


def _fault(error: WireError, taken: Deferred[None] | None) -> Fault:
    """
    How a WebSocket is told of an error. (PROTOCOL section 7)
    """
    if isinstance(error, MessageTooBig):
        return Fault(1009, error.text, taken)
    return Fault(3000, "Broken framing.", taken)
