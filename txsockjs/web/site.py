"""HTTP as a SockJS Site takes it: no body too large, no request too slow.

twisted.web hands a request to its Resource when all of the body is there, and gives a
connection more time with every byte. L{BoundedRequest} refuses a body before it is
stored; L{BoundedChannel} gives each part of a request one time-out of the Site's, which
no trickle of bytes prolongs. Responses, long polls and streams among them, have no
deadline: the session's heartbeat looks after those.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from time import time
from typing import Any, Final

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import (
    H2_ENABLED,
    HTTPChannel,
    _GenericHTTPChannelProtocol,
    datetimeToString,
    parse_qs,
)
from twisted.web.server import Request, Site, version

from txsockjs.errors import MessageTooBig, WireError
from txsockjs.web.head import Start, readStart
from txsockjs.web.response import refuse
from txsockjs.web.wire import takenBytes

if H2_ENABLED:
    # What this is made of is an extra.
    from txsockjs.web.http2 import BoundedH2Connection

#: So many bytes of a body are worth one more time-out.
BODY_STEP: Final = 65536

_HTTP: Final = b"HTTP/1.1"


class RepeatedHost(WireError):
    status = 400
    text = "A request has one Host."


class BoundedRequest(Request):
    """
    A request whose body is no larger than its service accepts, and which comes in in
    time, over HTTP/1 and HTTP/2.
    """

    _refused = False
    _step = BODY_STEP
    # HTTP/2 alone: HTTP/1 has one request at a time, and the channel's timer.
    _deadline: IDelayedCall | None = None

    def __init__(self, channel: Any, *args: Any, **kw: Any) -> None:
        super().__init__(channel, *args, **kw)  # type: ignore[no-untyped-call]
        site = channel.site
        if isinstance(channel, HTTPChannel):
            # The request line is in; the headers have a time of their own.
            channel.resetTimeout()
        elif site.timeOut is not None:
            self._deadline = site.reactor.callLater(site.timeOut, self._timeUp)

    def gotLength(self, length: int | None) -> None:
        """
        The headers are in, and the body follows.

        @param length: its C{Content-Length}, or None if there is none.
        """
        channel: Any = self.channel
        site = channel.site
        if not isinstance(channel, HTTPChannel):
            # A stream cannot be written to before its request is complete.
            self._room = site.bodyLimit(channel.path)
            super().gotLength(length)  # type: ignore[no-untyped-call]
            return
        channel.resetTimeout()
        self._room = site.bodyLimit(channel._path) if length != 0 else 0
        if len(self.requestHeaders.getRawHeaders(b"Host", ())) > 1:
            # RFC 9112, section 3.2: whose request it is must not be in doubt.
            self._refuse(RepeatedHost())
        elif length is not None and length > self._room:
            self._refuse(MessageTooBig())
        else:
            super().gotLength(length)  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """
        Keep a part of the body, as long as there is room.
        """
        self._room -= len(data)
        if self._room >= 0:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif not self._refused:
            self._refuse(MessageTooBig())
        self._step -= len(data)
        if self._step <= 0 and not self._refused:
            self._step = BODY_STEP
            self._prolong()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        All of the request is in.
        """
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if not self._refused:
            super().requestReceived(  # type: ignore[no-untyped-call]
                command, path, version
            )
        elif isinstance(self.channel, HTTPChannel):
            self.channel.loseConnection()
        else:
            self.channel.requestDone(self)

    def receive(self, start: Start, body: bytes) -> None:
        """
        All of the request came at once, and its body is not too large.
        """
        self.method, self.uri, self.clientproto = start.method, start.target, _HTTP
        self.path, _, query = start.target.partition(b"?")
        self.args = parse_qs(query, True) if query else {}
        self.requestHeaders = start.head.headers()
        if b"Cookie" in start.head.fields:
            self.parseCookies()  # type: ignore[no-untyped-call]
        self.content = BytesIO(body)
        self.process()

    def process(self) -> None:
        """
        Have the Site's Resource answer. This is Twisted's way without what it does for
        other Sites: segments that need no decoding are not decoded, and no Resource
        has an encoder.
        """
        if self.path == b"*" or b"%" in self.path:
            super().process()  # type: ignore[no-untyped-call]
            return
        channel: Any = self.channel
        site = self.site = channel.site
        fields = self.responseHeaders._rawHeaders
        fields[b"Server"], fields[b"Date"] = [version], [_date(int(time()))]
        self.prepath = []
        self.postpath = self.path[1:].split(b"/")
        try:
            self.render(site.getResourceFor(self))  # type: ignore[no-untyped-call]
        except BaseException:
            self.processingFailed(Failure())  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _refuse(self, error: WireError) -> None:
        """
        Answer at once, and drop what is still to come of the body for a while: a client
        that is cut off while it sends does not get to read the answer.
        (RFC 9112, section 9.6)
        """
        self._refused = True
        self._room = -1
        channel: Any = self.channel
        if isinstance(channel, HTTPChannel):
            self.method, self.uri = channel._command, channel._path
            self.clientproto = channel._version
            self.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            # There is nothing to continue with.
            self.requestHeaders.removeHeader(b"Expect")
            channel.setTimeout(channel.abortTimeout)
        else:
            self.method, self.uri = channel.command, channel.path
            self.clientproto = b"HTTP/2"
            if self._deadline is not None:
                self._deadline.reset(HTTPChannel.abortTimeout)
        response: Any = self
        body = refuse(self, error)
        response.setHeader(b"Content-Length", b"%d" % len(body))
        response.write(body)
        response.channel.site.refused(self.uri, error)
        response.channel.site.log(self)

    def _prolong(self) -> None:
        channel: Any = self.channel
        if self._deadline is not None:
            self._deadline.reset(channel.site.timeOut)
        elif isinstance(channel, HTTPChannel):
            channel.resetTimeout()

    def _timeUp(self) -> None:
        self._deadline = None
        channel: Any = self.channel
        self.connectionLost(Failure(ConnectionLost("the request came in too slowly")))
        channel.abortConnection()


@lru_cache(1)
def _date(second: int) -> bytes:
    """
    The value of the header C{Date}, in any request of this second.
    """
    date: bytes = datetimeToString(second)
    return date


class BoundedChannel(HTTPChannel):
    """
    An HTTP/1 connection whose peer has to go on, in sending and in taking.
    """

    _host: IAddress | None = None
    _peer: IAddress | None = None
    # How much the peer had taken, once the connection is closing.
    _taken: int | None = None

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, and begin no time-out anew, as L{HTTPChannel} does. What comes when the
        connection is closing, as it may over TLS, is for nobody.
        """
        if self._taken is not None or (
            self.line_mode
            and not self._buffer
            and not self._busyReceiving
            and self.persistent
            and self._receiveAtOnce(data)
        ):
            return
        LineReceiver.dataReceived(self, data)

    def _receiveAtOnce(self, data: bytes) -> bool:
        """
        Take a request that came in one piece and is plain.

        @return: whether it was; if not, nothing has happened.
        """
        start = readStart(data)
        if start is None or self.requestFactory is not BoundedRequest:
            return False
        channel: Any = self
        length = start.head.length
        if start.size + length != len(data) or (
            length and length > channel.site.bodyLimit(start.target)
        ):
            return False
        request = BoundedRequest(self, 0)
        self.requests.append(request)
        # The timer goes on, which is cheaper than another one for each request.
        self._savedTimeOut = self.timeOut
        self._handlingRequest = True
        # What comes until the response is complete has to wait.
        channel.setRawMode()
        request.receive(start, data[start.size :])
        return True

    def getHost(self) -> IAddress:
        """
        The connection's own address, which the kernel is asked for once.
        """
        if self._host is None:
            self._host = super().getHost()  # type: ignore[no-untyped-call]
        return self._host

    def getPeer(self) -> IAddress:
        """
        The address of the connection's peer.
        """
        if self._peer is None:
            self._peer = super().getPeer()  # type: ignore[no-untyped-call]
        return self._peer

    def loseConnection(self) -> None:
        """
        Close when all is written, or when the peer takes no more of it.
        """
        self._taken = takenBytes(self.transport)
        self.setTimeout(self.abortTimeout)  # type: ignore[no-untyped-call]
        super().loseConnection()  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        """
        Time is up for what the peer was to do.
        """
        if self._handlingRequest and self._taken is None:
            # It is not the peer's turn; the next request has all of the time.
            return
        if self._taken is None:
            self.loseConnection()
            return
        before, self._taken = self._taken, takenBytes(self.transport)
        if self._taken == before:
            transport: Any = self.transport
            transport.abortConnection()
        else:
            # A slow reader is no dead one.
            self.setTimeout(self.abortTimeout)  # type: ignore[no-untyped-call]


class BoundedProtocol(_GenericHTTPChannelProtocol):
    """
    What a connection talks: HTTP/1, or HTTP/2 where TLS negotiated that.
    """

    def dataReceived(self, data: bytes) -> None:
        """
        Find out at the first bytes, as Twisted does, but with the channels above.
        """
        if self._negotiatedProtocol is None:
            transport: Any = self._channel.transport
            if getattr(transport, "negotiatedProtocol", None) == b"h2":
                self._negotiatedProtocol = transport.negotiatedProtocol
                self._talkHTTP2(transport)
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def _talkHTTP2(self, transport: Any) -> None:
        site: Any = self._site
        self._channel.setTimeout(None)
        transport.unregisterProducer()
        channel: Any = BoundedH2Connection(site.reactor)  # type: ignore[no-untyped-call]
        channel.requestFactory = self._requestFactory
        channel.site = channel.factory = site
        channel.timeOut = self._timeOut
        channel.callLater = self._callLater
        self._channel = channel
        channel.makeConnection(transport)
        transport.registerProducer(channel, True)


def boundedProtocol(site: Site) -> BoundedProtocol:
    """
    Make the server's side of a connection to a Site.
    """
    return BoundedProtocol(BoundedChannel())  # type: ignore[no-untyped-call]
