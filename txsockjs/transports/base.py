"""What every URL of a service has in common: L{Route}."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.interfaces import ISSLTransport
from twisted.web.server import Request

from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.errors import UnknownSession
from txsockjs.request import OpeningRequest
from txsockjs.web.headers import NEVER_CACHED, HeaderBlock, HeaderRules, Policy
from txsockjs.web.response import empty


class Route:
    """
    One URL of a SockJS service: its methods and its header policy.

    @cvar policy: the header rules that hold.
    @cvar method: the method that L{answer} takes, beside OPTIONS.
    @cvar hasHead: whether HEAD is answered as GET is; then L{answer} returns a body.
        Where GET opens a session, HEAD must not.
    """

    policy: ClassVar[Policy]
    method: ClassVar[bytes]
    hasHead: ClassVar[bool] = False

    def __init__(self, service: Service, rules: HeaderRules) -> None:
        self.service = service
        self.rules = rules
        # RFC 9110, section 10.2.1.
        self._allow = b"OPTIONS, " + self.method + b", HEAD" * self.hasHead

    def options(self, request: Request) -> int:
        """
        Answer OPTIONS, which a browser asks before it makes a request across origins.

        @raise WireError: to refuse the request.
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

        @return: the body, or C{NOT_DONE_YET}.
        @raise WireError: to refuse the request.
        """
        raise NotImplementedError

    def checkOwner(self, request: Request, session: Session) -> None:
        """
        Check that a session is this client's.

        @raise UnknownSession: if it is not.
        """
        if session.owner != self.rules.owner(request):
            raise UnknownSession

    def refuseMethod(self, request: Request) -> bytes | int:
        """
        405 with an C{Allow} header, no body and no content type.
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


def openingRequest(
    request: Request, service: str, transport: str, rules: HeaderRules
) -> OpeningRequest:
    """
    The snapshot of a request that the application gets.

    @param service: the name of the service that it came for.
    @param transport: the SockJS name of the transport that it came for.
    """
    secure = request.isSecure()
    return OpeningRequest(
        service=service,
        transport=transport,
        secure=secure,
        peer=rules.peer(request),
        host=request.getHost(),
        certificate=_certificate(request) if secure else None,
        path=_pathWithoutId(request),
        args=request.args,
        headers=tuple(
            (name, tuple(values))
            for name, values in request.requestHeaders.getAllRawHeaders()
        ),
        cookies=request.received_cookies,
    )


def _pathWithoutId(request: Request) -> str:
    segments = request.path.split(b"/")
    if len(request.postpath or ()) == 3:
        # BASE/server/session/transport
        segments[-2] = b"-"
    return b"/".join(segments).decode("latin-1")


def _certificate(request: Request) -> Any:
    transport = ISSLTransport(request.transport, None)
    return transport.getPeerCertificate() if transport is not None else None
