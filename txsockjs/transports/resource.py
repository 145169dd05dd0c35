"""The Resource of a whole service: L{SockJSResource}."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request

from txsockjs.clock import clockOr
from txsockjs.core.frames import Close
from txsockjs.core.service import RESTART, Life, Service
from txsockjs.errors import (
    NotFound,
    NoWebSocketHere,
    ServiceStopping,
    WireError,
)
from txsockjs.options import SockJSOptions
from txsockjs.transports.base import Route
from txsockjs.transports.eventsource import EventSource
from txsockjs.transports.htmlfile import HTMLFile
from txsockjs.transports.jsonp import JSONPPolling, JSONPSend
from txsockjs.transports.pages import Greeting, Iframe, Info
from txsockjs.transports.rawwebsocket import RawWebSocketResource
from txsockjs.transports.websocket import WebSocketResource, asksForWebSocket
from txsockjs.transports.xhr import XHRPolling, XHRSend, XHRStreaming
from txsockjs.web.headers import HeaderRules, Policy
from txsockjs.web.response import refuse

_IFRAME: Final = re.compile(rb"iframe[0-9-.a-z_]*\.html")

_RECEIVING: Final = {
    "xhr": XHRPolling,
    "xhr_streaming": XHRStreaming,
    "eventsource": EventSource,
    "htmlfile": HTMLFile,
    "jsonp": JSONPPolling,
    "websocket": WebSocketResource,
}
_SENDING: Final = {"xhr_send": XHRSend, "jsonp_send": JSONPSend}


class SockJSResource(Resource):
    """
    A SockJS service over any factory, to be put beside other web content.

    The factory's C{doStart} runs with the first request or L{start}, its C{doStop} with
    L{stop}. A C{Site} made with C{parsePOSTFormSubmission=False} spares half the cost
    of a POST.

    @ivar counters: what it has done.
    @ivar service: the sessions, and the life, of the service.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        factory: IProtocolFactory,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        clock: IReactorTime | None = None,
        name: str = "sockjs",
    ) -> None:
        """
        @param factory: the factory whose protocols the sessions are.
        @param options: the service's options, or a dict of them by name.
        @param clock: what tells the time; the global reactor if not given.
        @param name: what logs and metrics call the service.
        @raise OptionError: for an option that is unknown or has a value it cannot have.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._factory = factory
        self._started = False
        self.options = options = SockJSOptions.of(options)
        self.service = service = Service(clockOr(clock), options, name)
        self.counters = service.counters
        self._rules = rules = HeaderRules(options)
        self._greeting = Greeting(service, rules)
        self._iframe = Iframe(service, rules)
        self._pages: dict[bytes, Route] = {b"info": Info(service, rules)}
        if options.offers("rawwebsocket"):
            self._pages[b"websocket"] = RawWebSocketResource(service, rules, factory)
        self._transports: dict[bytes, Route] = {}
        for name, receiving in _RECEIVING.items():
            if options.offers(name):
                resource = receiving(service, rules, factory)
                self._transports[name.encode("ascii")] = resource
        for name, sending in _SENDING.items():
            if options.offers(name):
                self._transports[name.encode("ascii")] = sending(service, rules)

    def start(self) -> None:
        """
        Start the wrapped factory, and open sessions. Where the factory cannot start,
        what it raises is raised here, and the service is stopped.
        """
        self.service.start()
        if not self._started:
            self._started = True
            try:
                self._factory.doStart()
            except BaseException:
                self._started = False
                self.service.stop()
                raise

    def stop(self) -> None:
        """
        Drop the sessions that are still there and stop the wrapped factory. What that
        raises is logged: the other services of a Site are stopped all the same.
        """
        self.service.stop()
        if self._started:
            self._started = False
            try:
                self._factory.doStop()
            except BaseException:
                self._log.failure(
                    "{factory!r} raised in doStop; its service is stopped.",
                    factory=self._factory,
                    service=self.counters.service,
                )

    def closeSessions(
        self, code: int = RESTART.code, reason: str = RESTART.reason
    ) -> Deferred[None]:
        """
        Refuse new sessions and close the open ones, which get what was written to them
        before and then this close frame.

        @return: what fires when all are closed, after C{drain_timeout} seconds at most.
        """
        return self.service.drain(Close(code, reason))

    def render(self, request: Request) -> bytes | int:
        """
        Find the route for the rest of the URL, and have it answer.
        """
        life = self.service.life
        if life is Life.NEW:
            self.start()
        route = self._find(request.postpath or [b""])
        try:
            if life is Life.STOPPED:
                # Stopped stays stopped, whoever's connection is still open.
                raise ServiceStopping
            if route is None:
                raise NotFound
            if (
                request.requestHeaders.hasHeader(b"Upgrade")
                and asksForWebSocket(request)
                and not isinstance(route, WebSocketResource)
            ):
                raise NoWebSocketHere
        except WireError as error:
            self.counters.refuse(error)
            return refuse(request, error)
        method = request.method
        isAnswered = method == route.method or (method == b"HEAD" and route.hasHead)
        isAllowed = False
        try:
            if isAnswered:
                self._checkOrigin(request, route)
                isAllowed = True
                return route.answer(request)
            if method == b"OPTIONS":
                return route.options(request)
        except WireError as error:
            self.counters.refuse(error)
            if isAllowed:
                route.headers(request).apply(request)
            route.neverCached(request)
            return refuse(request, error)
        return route.refuseMethod(request)

    def _checkOrigin(self, request: Request, route: Route) -> None:
        """
        Check that the page which made the request may use this route.

        @raise OriginRefused: if it may not.
        """
        origins = request.requestHeaders.getRawHeaders(b"Origin", ())
        if (self._rules.guarded or len(origins) > 1) and Policy.CORS in route.policy:
            self._rules.checkOrigin(request)

    def _find(self, segments: list[bytes]) -> Route | None:
        count = len(segments)
        if count == 3:
            server, session, transport = segments
            # PROTOCOL section 1: neither has a dot, and neither is empty.
            if server and session and b"." not in server and b"." not in session:
                return self._transports.get(transport)
        elif count == 1:
            page = segments[0]
            if not page:
                return self._greeting
            if _IFRAME.fullmatch(page):
                return self._iframe
            return self._pages.get(page)
        return None

    def getChild(self, path: bytes, request: Request) -> Any:
        return self
