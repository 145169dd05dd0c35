"""What the URLs of a service have in common, and how one is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

from twisted.internet.interfaces import ISSLTransport
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.core.service import Life, Service
from txsockjs.core.session import Session
from txsockjs.counters import Counters
from txsockjs.errors import (
    NotFound,
    NoWebSocketHere,
    ServiceStopping,
    UnknownSession,
    WireError,
)
from txsockjs.request import OpeningRequest, joined
from txsockjs.web.head import HeadHeaders
from txsockjs.web.headers import NEVER_CACHED, HeaderBlock, HeaderRules, Policy
from txsockjs.web.response import empty, lastOf, refuse

_IFRAME: Final = re.compile(rb"iframe[0-9-.a-z_]*\.html")


class ServiceResource(Resource):
    """
    One URL of a SockJS service: its methods, its header policy, its errors.

    :cvar policy: the header rules that hold.
    :cvar method: the method that `answer` takes, beside OPTIONS.
    :cvar isWebSocket: whether it takes an upgrade to WebSocket.
    :cvar opens: whether a request for a session that is not there opens it; None where
        it is not about a session that is known by its id.
    :cvar hasHead: whether HEAD is answered as GET is; then `answer` returns a body.
        Where GET opens a session, HEAD must not.
    """

    isLeaf = True
    policy: ClassVar[Policy]
    method: ClassVar[bytes]
    hasHead: ClassVar[bool] = False
    isWebSocket: ClassVar[bool] = False
    opens: ClassVar[bool | None] = None

    def __init__(self, service: Service, rules: HeaderRules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.service = service
        self.rules = rules
        # RFC 9110, section 10.2.1.
        self._allow = b"OPTIONS, " + self.method + b", HEAD" * self.hasHead

    def render(self, request: Request) -> bytes | int:
        """
        Answer any request for this URL.
        """
        method = request.method
        isAllowed = False
        try:
            if method == self.method or (method == b"HEAD" and self.hasHead):
                origins = _values(request, b"Origin")
                several = origins is not None and len(origins) > 1
                guarded = self.rules.guarded or several
                if guarded and Policy.CORS in self.policy:
                    self.rules.checkOrigin(request)
                isAllowed = True
                return self.answer(request)
            if method == b"OPTIONS":
                return self.options(request)
        except WireError as error:
            return self.refuse(request, error, isAllowed)
        return self.refuseMethod(request)

    def refuse(
        self, request: Request, error: WireError, isAllowed: bool = True
    ) -> bytes:
        """
        Refuse a request.

        :param isAllowed: whether the page that asks may know why.
        :return: the body.
        """
        self.service.refused(error)
        if isAllowed:
            self.headers(request).apply(request)
        self.neverCached(request)
        return refuse(request, error)

    def options(self, request: Request) -> int:
        """
        Answer OPTIONS, which a browser asks before it makes a request across origins.

        :raise WireError: to refuse the request.
        """
        self.rules.preflight(
            request, self.policy, b"OPTIONS, " + self.method, self.service.clock
        )
        request.setHeader(b"Allow", self._allow)
        return empty(request)

    def headers(self, request: Request) -> HeaderBlock:
        """
        The headers of its policy, for the answer to a request.
        """
        return self.rules.headers(request, self.policy)

    def answer(self, request: Request) -> bytes | int:
        """
        Answer a request with the right method, with the headers of its policy. Where
        the policy names CORS, the page may use this service.

        :return: the body, or ``NOT_DONE_YET``.
        :raise WireError: to refuse the request.
        """
        raise NotImplementedError

    def checkOwner(self, request: Request, session: Session) -> None:
        """
        Check that a session is this client's.

        :raise UnknownSession: if it is not.
        """
        if session.owner != self.rules.owner(request):
            raise UnknownSession

    def refuseMethod(self, request: Request) -> bytes | int:
        """
        405 with an ``Allow`` header, no body and no content type.
        """
        request.setResponseCode(405)
        self.neverCached(request)
        request.setHeader(b"Allow", self._allow)
        return empty(request)

    def neverCached(self, request: Request) -> None:
        """
        Keep caches from keeping a response, if the policy says so.
        """
        if Policy.NEVER_CACHED in self.policy:
            request.setHeader(b"Cache-Control", NEVER_CACHED)


class Elsewhere(Protocol):
    """
    The other processes that have sessions of a service.
    """

    def takes(self, request: Request, resource: ServiceResource) -> bool:
        """
        Have a request answered elsewhere, if its session is not here.

        :param resource: what would answer it here, if ``opens`` is not None.
        :return: whether that is done. If not, nothing has happened.
        """
        raise NotImplementedError


class ServiceTree(Resource):
    """
    All URLs of a service: finds the Resource for one, and asks it. It is a leaf to
    twisted.web, which would go through a chain of ``getChild``.

    :ivar counters: what the service has done.
    :ivar elsewhere: the other processes that have sessions of the service, if there are
        any.
    :ivar greeting: what is at its base URL.
    :ivar iframe: what is at every URL of the iframe page, if there is one.
    :ivar pages: its other pages, by name.
    :ivar service: the sessions, and the life, of the service.
    :ivar transports: its transports, by name.
    """

    isLeaf = True
    counters: Counters
    elsewhere: Elsewhere | None = None
    greeting: ServiceResource
    iframe: ServiceResource | None
    pages: dict[bytes, ServiceResource]
    service: Service
    transports: dict[bytes, ServiceResource]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def start(self) -> None:
        """
        Start the service: somebody asks for it.
        """
        raise NotImplementedError

    def render(self, request: Request) -> bytes | int:
        """
        Find the Resource for the rest of the URL, and have it answer.
        """
        life = self.service.life
        if life is Life.NEW:
            self.start()
        segments = request.postpath or [b""]
        resource = self._find(segments)
        if life is Life.DRAINING and not (
            resource is not None
            and resource.opens
            and segments[-2] in self.service.byId
        ):
            # The next request is for another process. Who reads a session to its end
            # goes on.
            lastOf(request)
        try:
            if life is Life.STOPPED:
                # Stopped stays stopped, whoever's connection is still open.
                raise ServiceStopping
            if resource is None:
                raise NotFound
            if not resource.isWebSocket and asksForWebSocket(request):
                raise NoWebSocketHere
        except WireError as error:
            self.service.refused(error)
            return refuse(request, error)
        if self.elsewhere is not None and self.elsewhere.takes(request, resource):
            return NOT_DONE_YET
        return resource.render(request)

    def _find(self, segments: list[bytes]) -> ServiceResource | None:
        count = len(segments)
        if count == 3:
            server, session, transport = segments
            # PROTOCOL section 1: neither has a dot, and neither is empty.
            if server and session and b"." not in server and b"." not in session:
                return self.transports.get(transport)
        elif count == 1:
            page = segments[0]
            if not page:
                return self.greeting
            if _IFRAME.fullmatch(page):
                return self.iframe
            return self.pages.get(page)
        return None

    def getChild(self, path: bytes, request: Request) -> Any:
        return self


def asksForWebSocket(request: Request) -> bool:
    """
    Whether a request wants to be upgraded to WebSocket.
    """
    values = _values(request, b"Upgrade")
    return values is not None and names(values, b"websocket")


def _values(request: Request, name: bytes) -> Sequence[bytes] | None:
    """
    The values of a header of a request, which must not be changed.

    :param name: its name, as Twisted has it.
    """
    headers = request.requestHeaders
    if isinstance(headers, HeadHeaders) and headers.fields is not None:
        # As they came: the short way.
        return headers.fields.get(name)
    return headers.getRawHeaders(name)


def names(values: Sequence[bytes] | None, token: bytes) -> bool:
    """
    Whether a header with a list of tokens has this one. (RFC 9110, section 5.6.1)
    """
    for value in values or ():
        if value.lower() == token:
            return True
        if token in [item.strip().lower() for item in value.split(b",")]:
            return True
    return False


def openingRequest(
    request: Request,
    service: str,
    transport: str,
    rules: HeaderRules,
    subprotocol: str | None = None,
) -> OpeningRequest:
    """
    The snapshot of a request that the application gets.

    :param service: the name of the service that it came for.
    :param transport: the SockJS name of the transport that it came for.
    :param subprotocol: what was agreed to speak over its WebSocket.
    """
    secure = request.isSecure()
    headers = request.requestHeaders
    lines = headers.lines if isinstance(headers, HeadHeaders) else None
    return OpeningRequest(
        service=service,
        transport=transport,
        subprotocol=subprotocol,
        secure=secure,
        peer=rules.peer(request),
        host=request.getHost(),
        certificate=_certificate(request) if secure else None,
        path=_pathWithoutId(request),
        args=request.args,
        headers=joined(headers.getAllRawHeaders()) if lines is None else lines,
        cookies=request.received_cookies if lines is None else None,
    )


def _pathWithoutId(request: Request) -> str:
    segments = request.path.split(b"/")
    if len(request.postpath or ()) == 3:
        # BASE/server/session/transport
        segments[-2] = b"-"
    return b"/".join(segments).decode("latin-1")


def _certificate(request: Request) -> Any:
    if hasattr(request, "certificate"):
        # It came by way of another process, which has seen it.
        return request.certificate
    transport = ISSLTransport(request.transport, None)
    return transport.getPeerCertificate() if transport is not None else None
