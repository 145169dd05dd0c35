"""What every Resource of a service has in common: L{ServiceResource}."""

from __future__ import annotations

from typing import ClassVar, Final

from twisted.web.http import NO_BODY_CODES
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.core.registry import SessionRegistry
from txsockjs.core.session import Session
from txsockjs.errors import UnknownSession, WireError
from txsockjs.web.headers import HeaderBlock, HeaderRules, Policy

PLAIN: Final = b"text/plain; charset=UTF-8"


class ServiceResource(Resource):
    """
    One URL of a SockJS service: its methods, its header policy, its errors.

    @cvar policy: the header rules that hold.
    @cvar method: the method that L{answer} takes, beside OPTIONS.
    """

    isLeaf = True
    policy: ClassVar[Policy]
    method: ClassVar[bytes]

    def __init__(self, registry: SessionRegistry, rules: HeaderRules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.rules = rules

    def render(self, request: Request) -> bytes | int:
        """
        Answer any request for this URL.
        """
        try:
            if request.method == self.method:
                headers = self.rules.headers(request, self.policy)
                try:
                    return self.answer(request, headers)
                except WireError:
                    headers.apply(request)
                    raise
            if request.method == b"OPTIONS":
                self.rules.preflight(
                    request,
                    self.policy,
                    b"OPTIONS, " + self.method,
                    self.registry.clock,
                )
                return b""
        except WireError as error:
            self.registry.counters.refuse(error)
            return refuse(request, error)
        return self.refuseMethod(request)

    def answer(self, request: Request, headers: HeaderBlock) -> bytes | int:
        """
        Answer a request with the right method.

        @param headers: the headers of its policy, to be put on the response.
        @return: the body, or C{NOT_DONE_YET}.
        @raise WireError: to refuse the request.
        """
        raise NotImplementedError

    def session(self, request: Request) -> tuple[bytes, Session | None]:
        """
        The session's id in the URL, and the session, if there is one.

        @raise UnknownSession: if it is not this client's.
        """
        segments = request.postpath
        assert segments is not None
        id = segments[-2]
        session = self.registry.get(id)
        if session is not None and session.owner != self.rules.owner(request):
            raise UnknownSession
        return id, session

    def refuseMethod(self, request: Request) -> bytes | int:
        """
        405 with an C{Allow} header, no body and no content type.
        """
        request.setResponseCode(405)
        request.setHeader(b"Allow", b"OPTIONS, " + self.method)
        return empty(request)


def empty(request: Request) -> int:
    """
    End the response without a body and without a content type of Twisted's choice.
    """
    if request.code not in NO_BODY_CODES:
        request.setHeader(b"Content-Length", b"0")
    request.defaultContentType = None
    request.finish()
    return NOT_DONE_YET


def refuse(request: Request, error: WireError) -> bytes:
    """
    Say what is wrong, as plain text.
    """
    request.setResponseCode(error.status)
    request.setHeader(b"Content-Type", PLAIN)
    return error.text.encode("utf-8")
