"""A service in memory whose option ``authorize`` a test decides on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import SockJSOptions
from txsockjs.testing import MemoryClient, MemorySession, MemorySite, MemoryWebSocket

TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class Caller(Protocol):
    """Knows who is calling, and remembers what it sees."""

    transport: Any = None

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[type[BaseException] | None] = []

    def connectionMade(self) -> None:
        self.avatar = self.transport.avatar

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


class Callers:
    """A factory of `Caller`, which it keeps."""

    def __init__(self) -> None:
        self.made: list[Caller] = []
        self.refuses = False
        self.raises = False

    def doStart(self) -> None:
        pass

    doStop = doStart

    def buildProtocol(self, addr: object) -> Caller | None:
        if self.raises:
            raise ZeroDivisionError
        if self.refuses:
            return None
        self.made.append(Caller())
        return self.made[-1]


class AuthorizeTestCase(SynchronousTestCase):
    """A service whose ``authorize`` a test decides on."""

    def serve(self, authorize: Callable[[Any], object], **options: Any) -> None:
        self.callers = Callers()
        factory: Any = self.callers
        options["authorize"] = authorize
        self.site = MemorySite.serving(factory, SockJSOptions(**options))
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def serveLater(self, **options: Any) -> None:
        """Answers wait in ``self.asked`` until the test gives them."""
        self.asked: list[Deferred[Any]] = []
        self.requests: list[Any] = []

        def authorize(request: Any) -> Deferred[Any]:
            self.requests.append(request)
            self.asked.append(Deferred())
            return self.asked[-1]

        self.serve(authorize, **options)

    def answer(self, result: object, index: int = 0) -> None:
        self.asked[index].callback(result)
        self.site.settle()

    def session(self, transport: str = "websocket") -> MemorySession:
        return self.client.session(transport)

    def raw(self) -> MemoryWebSocket:
        return self.client.websocket("/websocket")

    def assertCalling(self, avatar: object) -> None:
        [caller] = self.callers.made
        self.assertEqual(caller.avatar, avatar)

    def assertForgotten(self) -> None:
        """Nothing is left of any session, once its close frame may go."""
        service = self.site.site.services[""].service  # type: ignore[attr-defined]
        self.assertEqual(service.authorizing, 0)
        self.site.advance(3 * service.options.timeout)
        self.assertEqual((len(service), service._ids), (0, {}))
