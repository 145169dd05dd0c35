"""The two sides of a bridge: `BrowserSide`, `ServiceSide`."""

from __future__ import annotations

import enum
from typing import Any, Final
from typing import Protocol as TypingProtocol

from twisted.internet import defer, error
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableDescriptor,
    IHalfCloseableProtocol,
    INegotiated,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.request import OpeningRequest
from txsockjs.streams import LineTooLong, Raw, Text
from txsockjs.web.wire import wireOf

# An endpoint that is out of time says so itself, or in the way that it is cancelled.
_TIMEOUTS: Final = (
    defer.TimeoutError,
    defer.CancelledError,
    error.TimeoutError,
    error.ConnectingCancelledError,
)

# Seconds that a service has to end its stream once its browser is gone, and to take
# what the browser sent once it has ended its own.
_LINGER: Final = 30.0

# Seconds without a message after which a session that a slow service has held back has
# brought what it held.
_QUIET: Final = 0.1

# Bytes for the service that do not wait for the end of a turn.
_PIECE: Final = 65536


class Told(enum.Enum):
    """
    What a browser is told when its bridge ends: close code and reason.

    The first ones are RFC 6455's (section 7.4.1); those of the bridge alone are in its
    range for private use, named after the HTTP statuses of a gateway.
    """

    ENDED = 1000, "The service has ended the connection"
    BAD_MESSAGE = 1007, "The message cannot be sent to the service"
    LINE_TOO_LONG = 1009, "The service sent a line that is too long"
    LOST = 4500, "The connection to the service was lost"
    REFUSED = 4502, "The service refused the connection"
    UNREACHABLE = 4503, "The service cannot be reached"
    TIMED_OUT = 4504, "The connection to the service timed out"

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class Bridge(TypingProtocol):
    """
    What the two sides need of their bridge.
    """

    clientEndpoint: IStreamClientEndpoint
    connectTimeout: float
    clock: IReactorTime

    def codec(self) -> Text:
        """
        How bytes are told in text.
        """

    def framing(self) -> Raw:
        """
        Where messages end.
        """

    def connected(self, service: ServiceSide) -> None:
        """
        A connection to the service was made.
        """

    def disconnected(self, service: ServiceSide) -> None:
        """
        A connection to the service is lost.
        """

    def lingers(self, service: ServiceSide) -> None:
        """
        A connection to the service outlives its session.
        """

    def sendsLater(self, service: ServiceSide) -> None:
        """
        A service is to be sent something when this turn of the reactor ends.
        """

    def failed(self, told: Told, failure: Failure, request: OpeningRequest) -> None:
        """
        The service could not be connected to.
        """


@implementer(IPushProducer)
class _Side(Protocol):
    """
    One side of a bridge, which the transport of the other one holds back.

    :ivar paused: whether it does.
    """

    transport: Any = None
    paused: bool = False

    def pauseProducing(self) -> None:
        self.paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """
        The other side is gone: its own ``connectionLost`` says so, and why.
        """


class BrowserSide(_Side):
    """
    The session.
    """

    service: ServiceSide | None = None

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self._codec = bridge.codec()
        self._framing = bridge.framing()
        self._told: Told | None = None
        self._endCall: IDelayedCall | None = None
        self._wasPaused = False
        self._isBinary = False
        self.open: bool = True

    def connectionMade(self) -> None:
        factory = self.bridge
        raw = self.transport.request.transport == "rawwebsocket"
        self._isBinary = self._codec.binary and raw
        # Nothing is lost of what comes before the service is there.
        self.transport.pauseProducing()
        self._connecting = defer.maybeDeferred(
            factory.clientEndpoint.connect, _Connection(self)
        )
        self._connecting.addTimeout(factory.connectTimeout, factory.clock)
        self._connecting.addCallbacks(self._connected, self._notConnected)

    def _connected(self, service: Any) -> None:
        assert self.service is not None
        self.service.transport.registerProducer(self, True)
        self.transport.registerProducer(self.service, True)
        self.transport.resumeProducing()

    def _notConnected(self, failure: Failure) -> None:
        if not self.open:
            # The browser left: this is the attempt that it has cancelled.
            return
        if failure.check(*_TIMEOUTS):
            told = Told.TIMED_OUT
        elif failure.check(error.ConnectionRefusedError):
            told = Told.REFUSED
        else:
            told = Told.UNREACHABLE
        self.bridge.failed(told, failure, self.transport.request)
        self.tell(told)

    def dataReceived(self, data: bytes) -> None:
        if self.service is None or not self.open:
            return
        try:
            message = data if self._isBinary else self._codec.toService(data)
            framed = self._framing.frame(message)
        except ValueError:
            self.tell(Told.BAD_MESSAGE)
        else:
            self.service.send(framed)
            if self._endCall is not None and self._wasPaused:
                self._endSoon()

    def serviceSent(self, data: bytes) -> None:
        """
        Pass on what came from the service.
        """
        if self.open:
            self._framing.feed(data)
            self.passOn()

    def serviceEnded(self, told: Told) -> None:
        """
        Nothing more comes from the service.
        """
        if self._told is None:
            self._told = told
        self.passOn()

    def passOn(self) -> None:
        """
        Pass on what is there from the service, until the session has enough: one chunk
        can be tens of thousands of messages.
        """
        framing, service = self._framing, self.service
        assert service is not None
        try:
            while self.open and not service.paused:
                piece = framing.next()
                if piece is None:
                    if self._told is not None:
                        service.wait()
                        self._endSoon()
                    return
                self._send(piece, framing.complete)
        except LineTooLong:
            self.tell(Told.LINE_TOO_LONG)

    def _send(self, piece: bytes, complete: bool) -> None:
        if self._isBinary:
            self.transport.sendBinary(piece)
            return
        text = self._codec.toBrowser(piece, complete)
        # A raw piece can be the first half of a character, and no message yet.
        if text or complete:
            self.transport.sendMessage(text)

    # The end

    def _endSoon(self) -> None:
        """
        All is passed on that the service sent. It still gets what the browser had sent:
        that waits where the service is slow, here and in the network.
        """
        assert self.service is not None
        self._noEnd()
        if self.service.gone:
            self._end()
        elif not self.paused:
            delay = _QUIET if self._wasPaused else 0
            self._endCall = self.bridge.clock.callLater(delay, self._end)

    def _noEnd(self) -> None:
        if self._endCall is not None:
            self._endCall.cancel()
            self._endCall = None

    def pauseProducing(self) -> None:
        self._wasPaused = True
        # More is to come when the service has taken some.
        self._noEnd()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self._told is not None:
            self.passOn()

    def _end(self) -> None:
        self._endCall = None
        # The rest, and a character that was cut.
        rest = self._framing.end()
        if not self._isBinary:
            text = self._codec.toBrowser(rest, True)
            if text:
                self.transport.sendMessage(text)
        elif rest:
            self.transport.sendBinary(rest)
        assert self._told is not None
        self.tell(self._told)

    def tell(self, told: Told) -> None:
        """
        Close the session, after what was sent before.
        """
        if self.open:
            self._over()
            self.transport.unregisterProducer()
            self.transport.loseConnection(told.code, told.reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.service is None:
            self.open = False
            self._connecting.cancel()
        else:
            self._over()

    def _over(self) -> None:
        self.open = False
        self._noEnd()
        if self.service is not None:
            self.service.finish()


class _Connection(Factory):
    """
    Connects one session to the service.
    """

    noisy = False

    def __init__(self, browser: BrowserSide) -> None:
        self._browser = browser

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        # An endpoint that cannot be cancelled may come too late.
        return ServiceSide(self._browser) if self._browser.open else None


@implementer(IHalfCloseableProtocol)
class ServiceSide(_Side):
    """
    The connection to the service.

    :ivar gone: whether the connection is lost.
    """

    def __init__(self, browser: BrowserSide) -> None:
        self._browser = browser
        self._bridge = browser.bridge
        # Whether the service has ended its stream, and whether it was given the end.
        self._ended = False
        self._finished = False
        self._patience: IDelayedCall | None = None
        self.gone: bool = False
        # What is sent when this turn of the reactor ends, and how many bytes that is.
        self._unsent: list[bytes] = []
        self._size = 0

    def connectionMade(self) -> None:
        self._bridge.connected(self)
        self._browser.service = self
        self._wire = wireOf(self.transport)
        if not self._browser.open:
            self.finish()

    def send(self, data: bytes) -> None:
        """
        Give the service some bytes, with all others of this turn of the reactor.
        """
        if not self._unsent:
            self._bridge.sendsLater(self)
        self._unsent.append(data)
        self._size += len(data)
        if self._size > _PIECE:
            self.flush()

    def flush(self) -> None:
        """
        Send what has been gathered.
        """
        if self._unsent:
            data = b"".join(self._unsent)
            # Who sends so much is told to wait by the transport: there may be more.
            out = self._wire if self._size <= _PIECE else self.transport
            self._unsent.clear()
            self._size = 0
            out.write(data)

    def dataReceived(self, data: bytes) -> None:
        self._browser.serviceSent(data)

    def resumeProducing(self) -> None:
        self.paused = False
        self._browser.passOn()
        if not self.paused:
            self.transport.resumeProducing()

    def readConnectionLost(self) -> None:
        self._ended = True
        if self._finished:
            self.transport.loseConnection()
        else:
            self._browser.serviceEnded(Told.ENDED)

    def writeConnectionLost(self) -> None:
        """
        The service was given the end of the stream.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone = self._finished = True
        self._bridge.disconnected(self)
        if self._patience is not None:
            self._patience.cancel()
        clean = reason.check(error.ConnectionDone)
        self._browser.serviceEnded(Told.ENDED if clean else Told.LOST)

    def finish(self) -> None:
        """
        The browser is gone: give the service the end of the stream, and take what it
        still sends, lest closing with bytes unread resets the connection and loses
        what the browser sent.
        """
        transport = self.transport
        if self._finished:
            return
        self._finished = True
        self.flush()
        self.wait()
        transport.unregisterProducer()
        transport.resumeProducing()
        halfCloseable = IHalfCloseableDescriptor.providedBy(transport)
        if halfCloseable and not (self._ended or INegotiated.providedBy(transport)):
            transport.loseWriteConnection()
        else:
            # TLS ends a stream for both directions (RFC 8446, 6.1, in OpenSSL's use).
            transport.loseConnection()
        self._bridge.lingers(self)

    def wait(self) -> None:
        """
        Give the service half a minute from now.
        """
        if self.gone:
            return
        if self._patience is None:
            self._patience = self._bridge.clock.callLater(_LINGER, self._outOfPatience)
        else:
            self._patience.reset(_LINGER)

    def _outOfPatience(self) -> None:
        self._patience = None
        self.drop()

    def drop(self) -> None:
        """
        Close the connection now.
        """
        self.transport.abortConnection()
