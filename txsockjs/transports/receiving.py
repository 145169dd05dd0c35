"""The receiving transports: a response that takes frames to the browser.

L{ReceivingResource} is their base; a transport is a content type, a prelude and a
format. (PROTOCOL sections 6 and 7)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IPushProducer
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from txsockjs.admission import SessionOpener
from txsockjs.core.frames import Frame
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.interfaces import IReceiver
from txsockjs.transports.base import ServiceResource, openingRequest
from txsockjs.web.headers import HeaderBlock, HeaderRules
from txsockjs.web.response import respond, withoutEncoder
from txsockjs.web.wire import heldBytes, pendingBytes, takenBytes, writeThrough


class ReceivingResource(ServiceResource):
    """
    One receiving transport of a service.

    @cvar transport: its SockJS name.
    @cvar contentType: the content type of its responses.
    @cvar streaming: whether a response carries many frames, or one.
    """

    transport: ClassVar[str]
    contentType: ClassVar[bytes]
    streaming: ClassVar[bool] = False

    def __init__(
        self, service: Service, rules: HeaderRules, factory: IProtocolFactory
    ) -> None:
        super().__init__(service, rules)
        self._opener = SessionOpener(service, factory)

    def prelude(self, request: Request) -> bytes:
        """
        What a streaming response begins with.
        """
        return b""

    def format(self, request: Request) -> Callable[[bytes], bytes]:
        """
        How this response writes a frame.

        @raise WireError: to refuse the request, before there is a session.
        """
        raise NotImplementedError

    def answer(self, request: Request, headers: HeaderBlock) -> int:
        """
        Attach the response to its session, which the first one opens.
        """
        format = self.format(request)
        id, session = self.session(request)
        if session is None:
            self.service.admit()
        receiver: ResponseReceiver
        if self.streaming:
            # One would keep frames until it has enough of them.
            withoutEncoder(request)
            headers.apply(request)
            request.responseHeaders.setRawHeaders(b"Content-Type", [self.contentType])
            request.write(self.prelude(request))
            limit = self.service.options.streaming_limit
            receiver = StreamingReceiver(request, format, limit)
        else:
            receiver = PollingReceiver(request, format, headers, self.contentType)
        if session is not None:
            session.attach(receiver)
        else:
            service = self.service.counters.service
            opening = openingRequest(request, service, self.transport, self.rules)
            self._opener.open(id, receiver, opening, self.rules.owner(request))
        return NOT_DONE_YET


@implementer(IReceiver)
class ResponseReceiver:
    """
    One response, as a session's receiver.
    """

    __slots__ = ("_format", "_request", "_transport", "finished", "session")

    persistent = False
    heard = False

    def __init__(self, request: Request, format: Callable[[bytes], bytes]) -> None:
        self._request: Request | None = request
        self._format = format
        channel: Any = request.channel
        # On HTTP/2 the channel is the stream, and has no transport of its own.
        self._transport = channel.transport or channel
        self.finished = False
        self.session: Session | None = None
        request.notifyFinish().addErrback(self._connectionLost)

    def _connectionLost(self, reason: Failure) -> None:
        self._request = None
        if not self.finished:
            self.finished = True
            if self.session is not None:
                self.session.lost(self, Failure(ConnectionLost()))

    def sendFrame(self, frame: Frame) -> bool:
        raise NotImplementedError

    def ping(self) -> None:
        """
        Responses have no way to ask.
        """

    def finish(self) -> None:
        self.finished = True
        request, self._request = self._request, None
        if request is not None:
            request.finish()

    def abort(self) -> None:
        self.finished = True
        request, self._request = self._request, None
        if request is not None:
            self._transport.abortConnection()

    def pendingBytes(self) -> int:
        return pendingBytes(self._transport)

    def heldBytes(self) -> int:
        return heldBytes(self._transport)

    def takenBytes(self) -> int:
        return takenBytes(self._transport)


class PollingReceiver(ResponseReceiver):
    """
    A response that carries one frame and ends. (PROTOCOL 6.3)
    """

    __slots__ = ("_contentType", "_headers", "_size")

    def __init__(
        self,
        request: Request,
        format: Callable[[bytes], bytes],
        headers: HeaderBlock,
        contentType: bytes,
    ) -> None:
        super().__init__(request, format)
        self._headers = headers
        self._contentType = contentType
        self._size = 0

    def sendFrame(self, frame: Frame) -> bool:
        request, self._request = self._request, None
        assert request is not None
        self.finished = True
        data = frame.formatted(self._format)
        self._size = len(data)
        respond(request, 200, self._headers, self._contentType, data)
        return False

    def pendingBytes(self) -> int:
        return pendingBytes(self._transport, self._size)


@implementer(IPushProducer)
class StreamingReceiver(ResponseReceiver):
    """
    A response that carries frames until they reach the response limit. (PROTOCOL 6.3)
    """

    __slots__ = ("_chunked", "_paused", "_room")

    def __init__(
        self, request: Request, format: Callable[[bytes], bytes], limit: int
    ) -> None:
        """
        @param limit: how many bytes of frames it carries.
        """
        super().__init__(request, format)
        self._room = limit
        self._paused = False
        # How to write directly, or None for HTTP/2.
        self._chunked: bool | None = None
        if isinstance(request.channel, HTTPChannel):
            self._chunked = bool(request.chunked)
        request.registerProducer(self, True)

    def sendFrame(self, frame: Frame) -> bool:
        request = self._request
        assert request is not None
        data = frame.formatted(self._format)
        if self._chunked is None:
            request.write(data)
        else:
            request.sentLength += len(data)
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            writeThrough(self._transport, chunk)
        self._room -= len(data)
        if self._room <= 0:
            self.finish()
            return False
        return not self._paused

    def finish(self) -> None:
        if self._request is not None:
            self._request.unregisterProducer()
        super().finish()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self.session is not None:
            self.session.resume(self)

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """
