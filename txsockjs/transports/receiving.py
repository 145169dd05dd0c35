"""The receiving transports: a response that takes frames to the browser.

`ReceivingResource` is their base; a transport is a content type, a prelude and a
format. (PROTOCOL sections 6 and 7)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from txsockjs.admission import Admission
from txsockjs.core.frames import Close, Frame
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.interfaces import IReceiver
from txsockjs.transports.base import ServiceResource, openingRequest
from txsockjs.web.body import BoundedRequest
from txsockjs.web.headers import HeaderBlock, HeaderRules
from txsockjs.web.response import responseOf


class ReceivingResource(ServiceResource):
    """
    One receiving transport of a service.

    :cvar transport: its SockJS name.
    :cvar contentType: the content type of its responses.
    :cvar streaming: whether a response carries many frames, or one.
    """

    transport: ClassVar[str]
    contentType: ClassVar[bytes]
    streaming: ClassVar[bool] = False
    opens: ClassVar[bool | None] = True

    def __init__(
        self, service: Service, rules: HeaderRules, factory: IProtocolFactory
    ) -> None:
        super().__init__(service, rules)
        self._admission = Admission(service, factory)

    def prelude(self, request: Request) -> bytes:
        """
        What a streaming response begins with.
        """
        return b""

    def format(self, request: Request) -> Callable[[Frame], bytes]:
        """
        How this response writes a frame.

        :raise WireError: to refuse the request, before there is a session.
        """
        raise NotImplementedError

    def answer(self, request: Request) -> int:
        """
        Attach the response to its session, which the first one opens.
        """
        headers = self.headers(request)
        format = self.format(request)
        assert request.postpath is not None
        id = request.postpath[-2]
        session = self.service.byId.get(id)
        if session is None:
            ending = self.service.ending(id, self.rules.owner(request))
            if ending is not None:
                self._receiver(request, format, headers).turnAway(ending)
                return NOT_DONE_YET
            self.service.admit()
        elif session.owner is not None:
            self.checkOwner(request, session)
        receiver = self._receiver(request, format, headers)
        if session is not None:
            session.attach(receiver)
        else:
            service = self.service.counters.service
            opening = openingRequest(request, service, self.transport, self.rules)
            self._admission.open(id, receiver, opening, self.rules.owner(request))
        if not receiver.finished and isinstance(request, BoundedRequest):
            request.rest()
        return NOT_DONE_YET

    def _receiver(
        self, request: Request, format: Callable[[Frame], bytes], headers: HeaderBlock
    ) -> ResponseReceiver:
        if not self.streaming:
            return PollingReceiver(
                request, format, headers, self.contentType, self.service
            )
        receiver = StreamingReceiver(
            request, format, self.service.options.streaming_limit
        )
        receiver.begin(headers, self.contentType, self.prelude(request))
        return receiver


@implementer(IReceiver)
class ResponseReceiver:
    """
    One response, as a session's receiver.
    """

    __slots__ = ("_ended", "_format", "_response", "carried", "finished", "session")

    persistent = False
    heard = False

    def __init__(self, request: Request, format: Callable[[Frame], bytes]) -> None:
        self._response = responseOf(request)
        self._format = format
        # Whether nothing more can be done with the response.
        self._ended = False
        self.carried: int = 0
        # Whether it takes no further frame: it has had its last one, or is lost.
        self.finished: bool = False
        self.session: Session | None = None
        if isinstance(request, BoundedRequest):
            request.listen(self)
        else:
            request.notifyFinish().addErrback(self.connectionLost)

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection is gone, and the response was not complete.
        """
        self._ended = True
        if not self.finished:
            self.finished = True
            if self.session is not None:
                self.session.lost(self, Failure(ConnectionLost()))

    def sendFrame(self, frame: Frame) -> bool:
        raise NotImplementedError

    def follows(self, former: IReceiver) -> bool:
        return (
            isinstance(former, ResponseReceiver)
            and former._response.wire.transport is self._response.wire.transport
        )

    def turnAway(self, close: Close) -> None:
        """
        Tell the browser that there is no session for it.
        """
        self.sendFrame(close)
        self.finish()

    def ping(self) -> None:
        """
        Responses have no way to ask.
        """

    def finish(self) -> None:
        self.finished = True
        if not self._ended:
            self._ended = True
            self._response.finish()

    def abort(self) -> None:
        self.finished = True
        if not self._ended:
            self._ended = True
            self._response.wire.abort()

    def pendingBytes(self) -> int:
        return self._response.wire.pending(self.carried)

    def heldBytes(self) -> int:
        return self._response.wire.held()

    def takenBytes(self) -> int:
        return self._response.wire.taken()

    def isCut(self) -> bool:
        return self._response.wire.isCut()


class PollingReceiver(ResponseReceiver):
    """
    A response that carries one frame and ends. (PROTOCOL 6.3)
    """

    __slots__ = ("_contentType", "_headers", "_service")

    def __init__(
        self,
        request: Request,
        format: Callable[[Frame], bytes],
        headers: HeaderBlock,
        contentType: bytes,
        service: Service,
    ) -> None:
        super().__init__(request, format)
        self._service = service
        self._headers = headers
        self._contentType = contentType

    def sendFrame(self, frame: Frame) -> bool:
        self.finished = True
        if isinstance(frame, Close) and self._service.isParting(frame):
            # Its client comes back at once, and this process may be gone by then.
            self._response.last()
        data = frame.formatted(self._format)
        self.carried: int = len(data)
        self._response.whole(200, self._headers, self._contentType, data)
        return False


@implementer(IPushProducer)
class StreamingReceiver(ResponseReceiver):
    """
    A response that carries frames until they reach the response limit. (PROTOCOL 6.3)
    """

    __slots__ = ("_limit", "_paused", "_request")

    carried: int

    def __init__(
        self, request: Request, format: Callable[[Frame], bytes], limit: int
    ) -> None:
        """
        :param limit: how many bytes of frames it carries.
        """
        super().__init__(request, format)
        self._request = request
        self._limit = limit
        self._paused = False

    def begin(self, headers: HeaderBlock, contentType: bytes, prelude: bytes) -> None:
        """
        Begin the response.
        """
        self._response.begin(headers, contentType, prelude)
        self._request.registerProducer(self, True)

    def sendFrame(self, frame: Frame) -> bool:
        data = frame.formatted(self._format)
        self.carried += len(data)
        self._response.write(data)
        self.finished: bool = self.carried >= self._limit
        return not self._paused

    def finish(self) -> None:
        if not self._ended:
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
