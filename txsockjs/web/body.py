"""A request as a SockJS Site takes it, and its body: `BoundedRequest`.

twisted.web hands a request to its Resource when all of the body is there, and keeps a
large one in a file. Here a body is refused before more of it is stored than its service
accepts, and kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from time import time
from typing import Any, ClassVar, Final

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.server import Request, version

from txsockjs.errors import MessageTooBig, WireError
from txsockjs.web.head import HeadHeaders, Start, checkHost, originForm
from txsockjs.web.response import dateAt, refuse
from txsockjs.web.wire import isHTTP1

#: So many bytes of a body are worth one more time-out.
BODY_STEP: Final = 65536

_HTTP: Final = b"HTTP/1.1"


class Later:
    """
    An attribute that is made when it is first asked for. Until then it takes no memory.
    """

    def __init__(self, make: Callable[[Any], object]) -> None:
        """
        :param make: makes it, of the instance.
        """
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        value = self._make(instance)
        setattr(instance, self._name, value)
        return value


class BoundedRequest(Request):
    """
    A request whose body is no larger than its service accepts, and which comes in in
    time, over HTTP/1 and HTTP/2.

    :ivar madeHeaders: the headers of the response, if anybody has asked for them; and
    :ivar madeCookies: its cookies.
    :cvar receivesAtOnce: the class whose requests `receive` may be called for, and no
        subclass of it that does not say so of itself.
    """

    receivesAtOnce: ClassVar[object]

    # Twisted's own are without types.
    method: Any
    uri: Any
    path: Any
    clientproto: Any
    site: Any
    transport: Any
    host: Any

    # A request that waits is most of what a polling session takes. What most requests
    # are never asked for is made when it is, and not by Twisted at the beginning.
    queued: Any = 0
    notifications: Any = ()
    args: Any = Later(lambda request: {})
    client: Any = Later(lambda request: request.transport.getPeer())
    content: Any = Later(lambda request: BytesIO())
    postpath: Any = Later(lambda request: request._segments()[request._depth :])
    prepath: Any = Later(lambda request: request._segments()[: request._depth])
    received_cookies: Any = Later(lambda request: request._readCookies())
    requestHeaders: Any = Later(lambda request: Headers())
    _adapterCache: Any = Later(lambda request: {})
    _parsePOSTFormSubmission = False
    madeHeaders: Any = None
    madeCookies: Any = None
    # How many segments of the path led to what answers.
    _depth = 0
    # What is told that the connection is lost, if that comes before the end.
    _listener: Any = None

    _refused = False
    _step = BODY_STEP
    # HTTP/2 alone: HTTP/1 has one request at a time, and the channel's timer.
    _deadline: IDelayedCall | None = None

    def __init__(self, channel: Any, *args: Any, **more: Any) -> None:
        if not isinstance(channel, HTTPChannel) or args not in ((), (0,)) or more:
            super().__init__(channel, *args, **more)  # type: ignore[no-untyped-call]
            return
        # As Twisted does, of what is not made later.
        self.channel = channel
        self.transport = channel.transport
        self.host = getattr(channel, "host", None) or channel.getHost()
        site = getattr(channel, "site", None)
        self._parsePOSTFormSubmission = getattr(site, "_parsePOSTFormSubmission", True)

    @property
    def responseHeaders(self) -> Any:
        """
        The headers of the response.
        """
        headers = self.madeHeaders
        if headers is None:
            headers = self.madeHeaders = Headers()
            if self.site is not None:
                self._addCommon(headers)
        return headers

    @responseHeaders.setter
    def responseHeaders(self, headers: Headers) -> None:
        self.madeHeaders = headers

    @property
    def cookies(self) -> Any:
        """
        The cookies of the response, as lines.
        """
        if self.madeCookies is None:
            self.madeCookies = []
        return self.madeCookies

    @cookies.setter
    def cookies(self, cookies: list[bytes]) -> None:
        self.madeCookies = cookies

    def notifyFinish(self) -> Any:
        if not self.notifications:
            self.notifications = []
        return super().notifyFinish()

    def listen(self, listener: Any) -> None:
        """
        Have ``listener.connectionLost(reason)`` called if the connection is lost before
        the response is complete. There is one listener; a Deferred of `notifyFinish`
        takes ten times the memory.
        """
        self._listener = listener

    def rest(self) -> None:
        """
        The response will take a while: keep nothing that can be made again.
        """
        if type(self.requestHeaders) is HeadHeaders:
            self.requestHeaders.rest()
            before, after = self.prepath, self.postpath
            if before + after == self._segments():
                self._depth = len(before)
                del self.prepath, self.postpath

    def _segments(self) -> list[bytes]:
        segments: list[bytes] = self.path[1:].split(b"/")
        return segments

    def _readCookies(self) -> dict[bytes, bytes]:
        cookies = self.received_cookies = {}
        self.parseCookies()  # type: ignore[no-untyped-call]
        return cookies

    def _addCommon(self, headers: Headers) -> None:
        """
        Add what each response has, as Twisted does.
        """
        fields = headers._rawHeaders
        fields[b"Server"], fields[b"Date"] = [version], [dateAt(int(time()))]

    def finish(self) -> None:
        """
        The response is complete.
        """
        self._listener = None
        super().finish()  # type: ignore[no-untyped-call]

    def gotLength(self, length: int | None) -> None:
        """
        The headers are in, and the body follows.

        :param length: its ``Content-Length``, or None if there is none.
        """
        channel: Any = self.channel
        self.content = BytesIO()
        if not isHTTP1(channel):
            site = channel.site
            if site.timeOut is not None and self._deadline is None:
                self._deadline = site.reactor.callLater(site.timeOut, self._timeUp)
            # A stream cannot be written to before its request is complete.
            self._room = site.bodyLimit(channel.path)
            return
        channel.resetTimeout()
        try:
            checkHost(self.requestHeaders, channel._version)
            host, channel._path = originForm(channel._path)
            if host is not None:
                # RFC 9112, section 3.2.2.
                self.requestHeaders.setRawHeaders(b"Host", [host])
            self._room = channel.site.bodyLimit(channel._path) if length != 0 else 0
            if length is not None and length > self._room:
                raise MessageTooBig
        except WireError as error:
            self._refuse(error)

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
        channel: Any = self.channel
        if not self._refused:
            super().requestReceived(  # type: ignore[no-untyped-call]
                command, path, version
            )
        elif isHTTP1(channel):
            channel.close()
        else:
            channel.requestDone(self)

    def receive(self, start: Start, body: bytes, isAsked: bool = True) -> None:
        """
        All of the request came at once, and its body is not too large.

        :param isAsked: whether the Site's Resource is to answer it.
        """
        self.method, self.uri, self.clientproto = start.method, start.target, _HTTP
        self.path, _, query = start.target.partition(b"?")
        if query:
            self.args = parse_qs(query, True)
        self.requestHeaders = HeadHeaders(start.head)
        if body:
            self.content = BytesIO(body)
        if isAsked:
            self.process()
        else:
            self._find()

    def process(self) -> None:
        """
        Have the Site's Resource answer. This is Twisted's way without what it does for
        other Sites: segments that need no decoding are not decoded, and no Resource
        has an encoder.
        """
        if self.path == b"*" or b"%" in self.path:
            super().process()  # type: ignore[no-untyped-call]
            return
        try:
            self.render(self._find())  # type: ignore[no-untyped-call]
        except BaseException:
            self.processingFailed(Failure())  # type: ignore[no-untyped-call]

    def _find(self) -> Any:
        """
        The Site's Resource for a path that needs no decoding.
        """
        channel: Any = self.channel
        site = self.site = channel.site
        if self.madeHeaders is not None:
            self._addCommon(self.madeHeaders)
        self.prepath = []
        self.postpath = self.path[1:].split(b"/")
        return site.getResourceFor(self)

    def connectionLost(self, reason: Failure) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        listener, self._listener = self._listener, None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        if listener is not None:
            listener.connectionLost(reason)

    def _refuse(self, error: WireError) -> None:
        """
        Answer at once, and drop what is still to come of the body for a while: a client
        that is cut off while it sends does not get to read the answer.
        (RFC 9112, section 9.6)
        """
        self._refused = True
        self._room = -1
        channel: Any = self.channel
        if isHTTP1(channel):
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
        # What came of the body is for nobody.
        self.content = None
        response: Any = self
        body = refuse(self, error)
        if body:
            response.setHeader(b"Content-Length", b"%d" % len(body))
        response.write(body)
        response.channel.site.refused(self.uri, error)
        response.channel.site.log(self)

    def _prolong(self) -> None:
        channel: Any = self.channel
        if self._deadline is not None:
            self._deadline.reset(channel.site.timeOut)
        elif isHTTP1(channel):
            channel.resetTimeout()

    def _timeUp(self) -> None:
        self._deadline = None
        channel: Any = self.channel
        self.connectionLost(Failure(ConnectionLost("the request came in too slowly")))
        channel.abortConnection()


BoundedRequest.receivesAtOnce = BoundedRequest
