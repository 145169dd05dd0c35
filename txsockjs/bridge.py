"""A bridge from SockJS sessions to a stream service: L{BridgeFactory}.

Each session opens one connection of a Twisted client endpoint (TCP, TLS, UNIX, ...),
and what either side sends goes to the other. Neither side is read faster than the other
one takes it.

SockJS has no half-closed sessions. So a service that ends its stream has the session
closed, after all that it sent; and a session that ends gives the service the end of the
stream, after all that the browser sent, and a while to end its own. What happened is
told to the browser by the close code, one of L{Told}.
"""

from __future__ import annotations

import binascii
import codecs
import enum
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from twisted.internet import defer, error
from twisted.internet.endpoints import clientFromString, connectProtocol
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
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.clock import clockOr
from txsockjs.request import OpeningRequest

__all__ = ["MAX_LINE", "BridgeFactory", "Told"]

#: Bytes of the longest line that C{framing="lines"} takes from a service.
MAX_LINE: Final = 65536

# An endpoint that is out of time says so itself, or in the way that it is cancelled.
_TIMEOUTS: Final = (
    defer.TimeoutError,
    defer.CancelledError,
    error.TimeoutError,
    error.ConnectingCancelledError,
)

# Seconds that a service has to end its stream once its browser is gone.
_LINGER: Final = 30.0


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


class _LineTooLong(Exception):
    pass


class _Raw:
    """
    Chunks as they come.
    """

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """
        Split what came in.

        @return: each piece, and whether it is complete in itself.
        """
        yield data, False

    def end(self) -> bytes:
        """
        What is left when the stream ends.
        """
        return b""

    def frame(self, message: bytes) -> bytes:
        """
        What the service gets for one message.

        @raise ValueError: for one that cannot be framed.
        """
        return message


class _Lines(_Raw):
    """
    Lines, that end in CRLF or LF when they come, and in CRLF when they go.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield self._fitting(line).removesuffix(b"\r"), True
        self._fitting(self._rest)

    def _fitting(self, line: bytes) -> bytes:
        if len(line) > MAX_LINE:
            raise _LineTooLong
        return line

    def end(self) -> bytes:
        return self._rest

    def frame(self, message: bytes) -> bytes:
        line = message.rstrip(b"\r\n")
        if b"\n" in line or b"\r" in line:
            # A page that sends what its user typed must not send a second command.
            raise ValueError("more than one line")
        return line + b"\r\n"


class _Text:
    """
    UTF-8. What is not is shown as U+FFFD; a character that is cut waits for its rest.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")

    def toBrowser(self, data: bytes, complete: bool) -> str:
        """
        The message for the next bytes of the service.
        """
        return self._decoder.decode(data, complete)

    def toService(self, data: bytes) -> bytes:
        """
        The bytes for a message.

        @raise ValueError: for one that stands for no bytes.
        """
        return data


class _Latin1(_Text):
    """
    Each byte is the character of the same number.
    """

    encoding = "latin-1"

    def toService(self, data: bytes) -> bytes:
        return data.decode("utf-8").encode("latin-1")


class _Base64(_Text):
    """
    Each message is base64 of its own (RFC 4648, section 4).
    """

    def toBrowser(self, data: bytes, complete: bool) -> str:
        return binascii.b2a_base64(data, newline=False).decode("ascii")

    def toService(self, data: bytes) -> bytes:
        return binascii.a2b_base64(data, strict_mode=True)


_MODES: Final = {"text": _Text, "base64": _Base64, "latin1": _Latin1}
_FRAMINGS: Final = {"raw": _Raw, "lines": _Lines}


@implementer(IPushProducer)
class _Side(Protocol):
    """
    One side of a bridge, which the transport of the other one holds back.
    """

    transport: Any = None

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """
        The other side is gone: its own C{connectionLost} says so, and why.
        """


class _BrowserSide(_Side):
    """
    The session.
    """

    _service: _ServiceSide | None = None

    def __init__(self, bridge: BridgeFactory) -> None:
        self.bridge = bridge
        self._codec = bridge.codec()
        self._framing = bridge.framing()
        self._open = True

    def connectionMade(self) -> None:
        factory = self.bridge
        # Nothing is lost of what comes before the service is there.
        self.transport.pauseProducing()
        service = _ServiceSide(self, factory.clock)
        self._connecting = connectProtocol(factory.clientEndpoint, service)
        self._connecting.addTimeout(factory.connectTimeout, factory.clock)
        self._connecting.addCallbacks(self._connected, self._notConnected)

    def _connected(self, service: _ServiceSide) -> None:
        self._service = service
        service.transport.registerProducer(self, True)
        self.transport.registerProducer(service, True)
        self.transport.resumeProducing()

    def _notConnected(self, failure: Failure) -> None:
        if not self._open:
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
        if self._service is None or not self._open:
            return
        try:
            framed = self._framing.frame(self._codec.toService(data))
        except ValueError:
            self._service.finish()
            self.tell(Told.BAD_MESSAGE)
        else:
            self._service.transport.write(framed)

    def serviceSent(self, data: bytes) -> None:
        """
        Pass on what came from the service.
        """
        if not self._open:
            return
        try:
            for piece, complete in self._framing.feed(data):
                text = self._codec.toBrowser(piece, complete)
                # A raw piece can be the first half of a character, and no message yet.
                if text or complete:
                    self.transport.sendMessage(text)
        except _LineTooLong:
            assert self._service is not None
            self._service.finish()
            self.tell(Told.LINE_TOO_LONG)

    def serviceEnded(self, told: Told) -> None:
        """
        Nothing more comes from the service.
        """
        if self._open:
            rest = self._codec.toBrowser(self._framing.end(), True)
            if rest:
                self.transport.sendMessage(rest)
            self.tell(told)

    def tell(self, told: Told) -> None:
        """
        Close the session, after what was sent before.
        """
        if self._open:
            self._open = False
            self.transport.unregisterProducer()
            self.transport.loseConnection(told.code, told.reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._open = False
        if self._service is None:
            self._connecting.cancel()
        else:
            self._service.finish()


@implementer(IHalfCloseableProtocol)
class _ServiceSide(_Side):
    """
    The connection to the service.
    """

    def __init__(self, browser: _BrowserSide, clock: IReactorTime) -> None:
        self._browser = browser
        self._clock = clock
        self._over = False
        self._linger: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._browser.bridge.services.add(self)

    def dataReceived(self, data: bytes) -> None:
        self._browser.serviceSent(data)

    def readConnectionLost(self) -> None:
        self._browser.serviceEnded(Told.ENDED)
        # What the browser sent before is still written out.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        The service was given the end of the stream.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._browser.bridge.services.discard(self)
        if self._linger is not None:
            self._linger.cancel()
        clean = reason.check(error.ConnectionDone)
        self._browser.serviceEnded(Told.ENDED if clean else Told.LOST)

    def finish(self) -> None:
        """
        The browser is gone: give the service the end of the stream, and take what it
        still sends, lest closing with bytes unread resets the connection and loses
        what the browser sent.
        """
        transport = self.transport
        if self._over:
            return
        self._over = True
        transport.unregisterProducer()
        transport.resumeProducing()
        self._linger = self._clock.callLater(_LINGER, self._lingered)
        halfCloseable = IHalfCloseableDescriptor.providedBy(transport)
        if halfCloseable and not INegotiated.providedBy(transport):
            transport.loseWriteConnection()
        else:
            # TLS ends a stream for both directions (RFC 8446, 6.1, in OpenSSL's use).
            transport.loseConnection()

    def _lingered(self) -> None:
        self._linger = None
        self.transport.abortConnection()


class BridgeFactory(Factory):
    """
    Joins every session to a connection of its own to a service.

    @ivar clientEndpoint: where the service is.
    @ivar connectTimeout: seconds within which it must be connected to.
    @ivar clock: what tells the time.
    """

    _log = Logger()

    def __init__(
        self,
        clientEndpoint: IStreamClientEndpoint,
        mode: str = "text",
        framing: str = "raw",
        connectTimeout: float = 10.0,
        *,
        clock: IReactorTime | None = None,
    ) -> None:
        """
        @param clientEndpoint: where the service is.
        @param mode: how bytes are told in messages, which are text: C{"text"} for a
            service that speaks UTF-8, C{"base64"} for any bytes at all, or C{"latin1"}
            for any bytes as characters of the same number, which is shorter for ASCII.
        @param framing: C{"raw"} for a stream, where messages have no bounds to rely on;
            C{"lines"} for a message a line, its end taken off and put on here.
        @param connectTimeout: seconds within which the service must be connected to.
        @param clock: what tells the time; the global reactor if not given.
        @raise ValueError: for a mode, framing or time that there is not.
        """
        self.clientEndpoint = clientEndpoint
        self.codec: Callable[[], _Text] = _choose("mode", _MODES, mode)
        self.framing: Callable[[], _Raw] = _choose("framing", _FRAMINGS, framing)
        if not connectTimeout > 0:
            raise ValueError(
                f"connectTimeout is a number of seconds above 0, not {connectTimeout!r}"
            )
        self.connectTimeout = connectTimeout
        self.clock = clockOr(clock)
        self.services: set[_ServiceSide] = set()

    @classmethod
    def fromString(cls, reactor: Any, description: str) -> BridgeFactory:
        """
        The bridge that a string describes: a client endpoint, and after it, in any
        order, C{mode}, C{framing} and C{connectTimeout}, such as
        C{"tcp:irc.example.net:6667:framing=lines"}. The endpoint may also be one
        argument, with its colons escaped: C{r"tcp\\:irc.example.net\\:6667"}.

        @param reactor: what connects, and tells the time.
        @raise ValueError: if it describes none.
        """
        arguments = _ARGUMENT.findall(description)
        options: dict[str, Any] = {}
        while arguments and (match := _OPTION.fullmatch(arguments[-1])):
            name, value = match.groups()
            if name in options:
                raise ValueError(f"{name} is given twice")
            options[name] = value
            arguments.pop()
        endpoint = ":".join(arguments)
        if len(arguments) == 1:
            endpoint = _ESCAPED.sub(r"\1", endpoint)
        if "connectTimeout" in options:
            try:
                options["connectTimeout"] = float(options["connectTimeout"])
            except ValueError:
                raise ValueError(
                    f"connectTimeout is a number, not {options['connectTimeout']!r}"
                ) from None
        try:
            service = clientFromString(reactor, endpoint)
        except Exception as problem:
            raise ValueError(f"{endpoint!r} is no client endpoint: {problem}") from None
        return cls(service, clock=reactor, **options)

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _BrowserSide(self)

    def stopFactory(self) -> None:
        for service in list(self.services):
            service.transport.unregisterProducer()
            service.transport.loseConnection()

    def failed(self, told: Told, failure: Failure, request: OpeningRequest) -> None:
        """
        Log that the service could not be connected to.
        """
        self._log.warn(
            "{endpoint}: {problem}; the session is closed with {code}.",
            endpoint=self.clientEndpoint,
            problem=failure.getErrorMessage(),
            service=request.service,
            transport=request.transport,
            code=told.code,
        )


_ARGUMENT: Final = re.compile(r"(?:\\.|[^:\\])+")
_OPTION: Final = re.compile(r"(mode|framing|connectTimeout)=(.*)")
_ESCAPED: Final = re.compile(r"\\(.)")


def _choose(name: str, known: dict[str, Any], value: str) -> Any:
    if value not in known:
        allowed = ", ".join(map(repr, known))
        raise ValueError(f"{name} is one of {allowed}, not {value!r}")
    return known[value]
