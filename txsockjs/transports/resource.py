"""The Resource of a whole service: `SockJSResource`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txsockjs._checkers import IsResource
from txsockjs.clock import Clock, clockOr
from txsockjs.core.frames import Close
from txsockjs.core.service import RESTART, Service
from txsockjs.counters import Counters
from txsockjs.factories import ProtocolSource, factoryOf
from txsockjs.options import SockJSOptions
from txsockjs.sessions import Sessions
from txsockjs.shutdown import ShutdownHook
from txsockjs.transports.base import ServiceResource, ServiceTree
from txsockjs.transports.eventsource import EventSource
from txsockjs.transports.htmlfile import HTMLFile
from txsockjs.transports.jsonp import JSONPPolling, JSONPSend
from txsockjs.transports.pages import Greeting, Iframe, Info
from txsockjs.transports.rawwebsocket import RawWebSocketResource
from txsockjs.transports.websocket import WebSocketResource
from txsockjs.transports.xhr import XHRPolling, XHRSend, XHRStreaming
from txsockjs.web.headers import HeaderRules

_RECEIVING: Final = {
    "xhr": XHRPolling,
    "xhr_streaming": XHRStreaming,
    "eventsource": EventSource,
    "htmlfile": HTMLFile,
    "jsonp": JSONPPolling,
    "websocket": WebSocketResource,
}
_SENDING: Final = {"xhr_send": XHRSend, "jsonp_send": JSONPSend}


class SockJSResource(ServiceTree, IsResource):
    """
    A SockJS service over any factory, to be put beside other web content.

    The factory's ``doStart`` runs with the first request or `start`, its ``doStop``
    with `stop`. A reactor that is told to stop waits for `closeSessions`, and then
    calls `stop`. A ``Site`` made with ``parsePOSTFormSubmission=False`` spares half the
    cost of a POST.

    :ivar counters: what it has done.
    :ivar service: the sessions, and the life, of the service.
    """

    _log = Logger()

    def __init__(
        self,
        factory: ProtocolSource,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        name: str = "sockjs",
    ) -> None:
        """
        :param factory: the factory whose protocols the sessions are, or the class of
            these.
        :param options: the service's options, or a dict of them by name.
        :param clock: what tells the time; the global reactor if not given.
        :param name: what logs and metrics call the service.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        :raise TypeError: if ``factory`` is neither.
        """
        super().__init__()
        self._factory = made = factoryOf(factory)
        self._started = False
        options = SockJSOptions.of(options)
        self.options: SockJSOptions = options
        service = Service(clockOr(clock), options, name)
        self.service: Service = service
        self.counters: Counters = service.counters
        self._shutdown = ShutdownHook(service.clock, self.closeSessions, self.stop)
        rules = HeaderRules(options)
        self.greeting: Greeting = Greeting(service, rules)
        self.iframe: Iframe | None = Iframe(service, rules) if options.iframe else None
        self.pages: dict[bytes, ServiceResource] = {b"info": Info(service, rules)}
        if options.offers("rawwebsocket"):
            self.pages[b"websocket"] = RawWebSocketResource(service, rules, made)
        self.transports: dict[bytes, ServiceResource] = {}
        for name, receiving in _RECEIVING.items():
            if options.offers(name):
                resource = receiving(service, rules, made)
                self.transports[name.encode("ascii")] = resource
        for name, sending in _SENDING.items():
            if options.offers(name):
                self.transports[name.encode("ascii")] = sending(service, rules)

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
            self._shutdown.arm()

    def stop(self) -> None:
        """
        Drop the sessions that are still there and stop the wrapped factory. What that
        raises is logged: the other services of a Site are stopped all the same.
        """
        self.service.stop()
        self._shutdown.disarm()
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

    def openSessions(self) -> Sessions[Any]:
        """
        The sessions that are open: to list them, tell them all something, or close one.
        """
        return Sessions(self.service)

    def closeSessions(
        self, code: int = RESTART.code, reason: str = RESTART.reason
    ) -> Deferred[None]:
        """
        Refuse new sessions and close the open ones, which get what was written to them
        before and then this close frame.

        :return: what fires when all are closed, after ``drain_timeout`` seconds at
            most.
        """
        return self.service.drain(Close(code, reason))
