"""An HTTP/1 connection as a SockJS Site takes it: `BoundedChannel`.

twisted.web gives a connection more time with every byte, and reads on where nobody
reads its answers. Here each part of a request has one time-out of the Site's, which no
trickle of bytes prolongs, and a connection that is not read is not read from either.
Responses, long polls and streams among them, have no deadline: the session's heartbeat
looks after those.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from txsockjs.errors import WireError
from txsockjs.web.deadlines import TimedChannel
from txsockjs.web.head import LONGEST_NAME, Start, readStart
from txsockjs.web.response import PLAIN
from txsockjs.web.wire import Wire, wireOf

#: How many bytes are read ahead while a request is answered, and the rest of the read
#: that goes past that.
AHEAD: Final = 16384


_REJECTION: Final = (
    b"HTTP/1.1 %d %b\r\n"
    b"Connection: close\r\n"
    b"Content-Type: %b\r\n"
    b"Content-Length: %d\r\n\r\n"
    b"%b"
)


class BadRequest(WireError):
    status = 400
    text = "This is no HTTP."


class TargetTooLong(WireError):
    status = 414
    text = "The URL is longer than this server accepts."


class HeadersTooLarge(WireError):
    status = 431
    text = "The headers are larger than this server accepts."


class StandIn(Protocol):
    """
    What answers a request of a channel without a `Request`.
    """

    def receive(self, start: Start, body: bytes) -> None:
        """
        The request is this one. The channel is told of the end of the answer.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection is gone before that.
        """


class Position(enum.Enum):
    """
    Where in the talk a connection stands.
    """

    #: The next byte begins a request.
    START = enum.auto()
    #: Between two lines of a head.
    HEAD = enum.auto()
    BODY = enum.auto()
    #: The request is in, and its response is not complete. What comes has to wait.
    ANSWER = enum.auto()
    #: Nothing more is read.
    END = enum.auto()


_START, _HEAD, _BODY, _ANSWER, _END = Position


class BoundedChannel(TimedChannel):
    """
    An HTTP/1 connection whose peer has to go on, in sending and in taking.

    Lines and bodies are Twisted's to understand; this says which bytes they are, so
    that it always knows where it stands.

    :ivar host: its own address, once it is known.
    :ivar wire: what its responses are written to.
    :ivar shortcut: makes what stands in for the `Request` that begins so, where there
        need be none. It gets the channel, too.
    """

    host: IAddress | None = None
    wire: Wire
    shortcut: Callable[[BoundedChannel, Start], StandIn | None] | None = None

    _position = _START
    # What has come and was not understood yet.
    _unread = b""
    _isReading = False
    _isPaused = False
    # What reads on when the response before is complete.
    _next: IDelayedCall | None = None
    # How much the peer had taken at the last look, if not all.
    _taken: int | None = None
    # Whether a request was answered, and no byte of a further one is here; and what is
    # left of the time for that when the timer fires, None for no end of it.
    _isIdle = False
    _idleRest: float | None = 0.0

    @property
    def channel(self) -> BoundedChannel:
        """
        What talks: itself. It takes the place of what found out that it should.
        """
        return self

    def makeConnection(self, transport: Any) -> None:
        """
        There is a connection.
        """
        self.wire = wireOf(transport)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, and begin no time-out anew, as `HTTPChannel` does.
        """
        if self._position is _END:
            # For nobody. (RFC 9112, section 9.6)
            return
        self._unread = self._unread + data if self._unread else data
        if not self._isReading:
            self._read()
            if self._unread:
                self._checkPace()

    @property
    def isBetweenRequests(self) -> bool:
        """
        Whether no request is being read or answered. The next one may have begun to
        come: what of it is here is `unread`.
        """
        return self._position is _START and not self._isReading and self._next is None

    def unread(self) -> bytes:
        """
        What has come behind the request that is being answered, or was answered last.
        """
        return self._unread

    # Reading

    def _read(self) -> None:
        """
        Understand what has come, until that has to wait for more, or for the peer.
        """
        self._isReading = True
        try:
            while self._unread:
                position = self._position
                if position is _START:
                    # Nobody is answered who does not take the answers.
                    if self._waitingForTransport or not (
                        self._receiveAtOnce() or self._readLine()
                    ):
                        break
                elif position is _HEAD:
                    if not self._readLine():
                        break
                elif position is _BODY or self.transport is None:
                    # Without a transport, a WebSocket has taken the connection over.
                    data, self._unread = self._unread, b""
                    self.rawDataReceived(data)
                else:
                    break
        finally:
            self._isReading = False

    def _receiveAtOnce(self) -> bool:
        """
        Take a request that is all there and plain.

        :return: whether it was; if not, nothing has happened.
        """
        data = self._unread
        start = readStart(data)
        channel: Any = self
        factory: Any = channel.requestFactory
        if start is None or getattr(factory, "receivesAtOnce", None) is not factory:
            return False
        length = start.head.length
        end = start.size + length
        if end > len(data) or (
            length > channel.site.smallBody
            and length > channel.site.bodyLimit(start.target)
        ):
            return False
        self._unread = data[end:]
        request: Any = None
        if self.shortcut is not None:
            request = self.shortcut(self, start)
        if request is None:
            request = channel.requestFactory(self, 0)
        self.requests.append(request)
        # The timer goes on, which is cheaper than another one for each request.
        self._handlingRequest = True
        self._position = _ANSWER
        request.receive(start, data[start.size : end])
        return True

    def replace(self, standIn: StandIn, start: Start, body: bytes) -> Any:
        """
        Have a `Request` after all in place of what stood in for it. Nobody is asked to
        answer it.
        """
        channel: Any = self
        request = channel.requestFactory(self, 0)
        self.requests[self.requests.index(standIn)] = request
        request.receive(start, body, isAsked=False)
        return request

    def _readLine(self) -> bool:
        """
        Take a line of a head.

        :return: whether there was one.
        """
        if self._isIdle:
            # A request has begun, and has its own time.
            self._isIdle = False
            channel: Any = self
            self.setTimeout(channel.site.timeOut)
        line, end, rest = self._unread.partition(b"\r\n")
        size = len(line) - (not end and line.endswith(b"\r"))
        if size > self.totalHeadersSize - self._receivedHeaderSize:
            first = self._position is _START
            self._reject(TargetTooLong() if first else HeadersTooLarge())
        elif not end:
            return False
        elif self._position is _HEAD and line.find(b":") > LONGEST_NAME:
            # Twisted remembers the names of headers.
            self._reject(HeadersTooLarge())
        else:
            self._unread = rest
            first = self._position is _START
            self._position = _HEAD
            self.lineReceived(line)  # type: ignore[no-untyped-call]
            if first and self.requests:
                # The request line is in; the headers have a time of their own.
                self.resetTimeout()
        return True

    def setRawMode(self) -> None:
        """
        The head is in, or all of the request.
        """
        if self._position is not _END:
            self._position = _ANSWER if self._handlingRequest else _BODY

    def _finishRequestBody(self, data: bytes) -> None:
        self._unread = data
        self.allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:
        """
        A response is complete.
        """
        self.requests.remove(request)
        if self._position is _END:
            return
        if not self.persistent:
            self.close()
            return
        self._handlingRequest = False
        self._position = _START
        self.beIdle()
        if self._unread and not self._isReading:
            # Whoever has finished a response is not called back from there.
            channel: Any = self
            self._next = channel.callLater(0, self._readOn)

    def beIdle(self) -> None:
        """
        Give the peer the time of idle connections, from now on; in two parts where that
        is longer than it may take nothing of what waits for it.
        """
        channel: Any = self
        period, rest = channel.site.idleTimes
        self._isIdle = True
        self._idleRest = rest
        self.setTimeout(period)

    def _readOn(self) -> None:
        self._next = None
        self._read()
        self._checkPace()

    def _reject(self, error: WireError) -> None:
        """
        Answer what no request can be made of.
        """
        channel: Any = self
        if self._position is not _BODY or not self.requests[-1].startedWriting:
            text = error.text.encode("ascii")
            reason = HTTPStatus(error.status).phrase.encode("ascii")
            channel.transport.write(
                _REJECTION % (error.status, reason, PLAIN, len(text), text)
            )
            _, _, rest = self._unread.partition(b" ")
            target = getattr(self, "_path", rest.partition(b" ")[0])
            channel.site.refused(target, error)
        self.close()

    def _respondToBadRequestAndDisconnect(self) -> None:
        if self._position is not _END:
            tooMany = self._receivedHeaderCount > self.maxHeaders
            self._reject(HeadersTooLarge() if tooMany else BadRequest())

    # The pace of both sides

    def pauseProducing(self) -> None:
        """
        The peer does not take what is written: read nothing more from it, but look
        whether it goes away while it is answered.
        """
        self._waitingForTransport = True
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()
        self._checkPace()

    def resumeProducing(self) -> None:
        """
        The peer has taken what was written.
        """
        self._waitingForTransport = False
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        if self._position is _START:
            if self._isIdle:
                self.beIdle()
            else:
                self.resetTimeout()
            if not self._isReading:
                self._read()
        self._checkPace()

    def _checkPace(self) -> None:
        """
        Have the transport read, or not.
        """
        position = self._position
        if position is _ANSWER:
            waits = len(self._unread) > AHEAD
        else:
            waits = self._waitingForTransport and position is not _END
        if waits is not self._isPaused and self.transport is not None:
            self._isPaused = waits
            if waits:
                self._networkProducer.pauseProducing()
            else:
                self._networkProducer.resumeProducing()

    def timeoutConnection(self) -> None:
        """
        Time is up for what the peer was to do.
        """
        if self._position is _ANSWER:
            # It is not the peer's turn; the next request has all of the time.
            return
        transport: Any = self.transport
        held = self.wire.held()
        before, self._taken = self._taken, self.wire.taken() if held else None
        # A slow reader is no dead one.
        isTaking = self._taken != before
        if self._position is _END:
            if held and isTaking:
                self.setTimeout(self.abortTimeout)
            elif held:
                transport.abortConnection()
            else:
                self.wire.hangUp()
        elif self._position is _START and isTaking:
            # A connection is idle from when its last response was delivered.
            self.beIdle()
        elif self._isIdle and not held and self._idleRest != 0:
            rest, self._idleRest = self._idleRest, 0.0
            self.setTimeout(rest)
        else:
            self._end()
            transport.loseConnection()

    # The end

    def close(self) -> None:
        """
        Send no more, and close when the peer has taken all, or takes no more of it. The
        kernel may hold megabytes that a slow line carries away in minutes.
        (RFC 9112, section 9.6)
        """
        transport: Any = self.transport
        self._end()
        if _canHalfClose(transport):
            transport.loseWriteConnection()
        else:
            # With TLS it is the peer's answer that is waited for.
            transport.loseConnection()

    def loseConnection(self) -> None:
        """
        Close when what was written has left the process, or when the peer takes no more
        of it.
        """
        transport: Any = self.transport
        if self._position is not _END:
            self._end()
            transport.loseConnection()

    def _end(self) -> None:
        self._position = _END
        self._checkPace()
        self._forget()
        network: Any = self._networkProducer
        network.unregisterProducer()
        self._taken = self.wire.taken()
        self.setTimeout(self.abortTimeout)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._position = _END
        self._forget()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _forget(self) -> None:
        self._unread = b""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def getHost(self) -> IAddress:
        """
        The connection's own address, which the kernel is asked for once.
        """
        if self.host is None:
            host: IAddress = super().getHost()  # type: ignore[no-untyped-call]
            self.host = _once(host) if type(host) is IPv4Address else host
        return self.host


@lru_cache(64)
def _once(address: IAddress) -> IAddress:
    """
    One object for all connections to an address: a server has few of its own.
    """
    return address


def _canHalfClose(transport: Any) -> bool:
    """
    Whether one side of a connection can be closed: TLS has to end before.
    """
    while isinstance(transport, ProtocolWrapper):
        if isinstance(transport, TLSMemoryBIOProtocol):
            return False
        transport = transport.transport
    return (
        ITCPTransport.providedBy(transport)
        and hasattr(transport, "loseWriteConnection")
        and not getattr(transport, "TLS", False)
    )
