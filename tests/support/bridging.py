"""What the tests of bridges have in common: a service and an endpoint in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
)
from twisted.internet.interfaces import IHalfCloseableProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs import SockJSFactory
from txsockjs.bridge import BridgeFactory, Told
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite
from txsockjs.testing.network import connect

HERE = IPv4Address("TCP", "192.0.2.1", 40000)
THERE = IPv4Address("TCP", "192.0.2.2", 6667)


@implementer(IHalfCloseableProtocol)
class Service(Protocol):
    """What a bridge connects to: it remembers what it sees."""

    transport: Any = None

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        self.lost: list[type[Exception]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Leads to a `Service`, when the test says so."""

    def __init__(self, reactor: MemoryReactor) -> None:
        self.reactor = reactor
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        self.attempt: Deferred[Any] = Deferred(self._cancel)
        return self.attempt

    def _cancel(self, attempt: Deferred[Any]) -> None:
        self.cancelled += 1
        attempt.errback(ConnectingCancelledError(THERE))

    def accept(self) -> Service:
        service = Service()
        client = self.factory.buildProtocol(THERE)
        connect(self.reactor, service, THERE, client, HERE, 65536, False)
        self.attempt.callback(client)
        self.reactor.settle()
        return service


class BridgeTestCase(SynchronousTestCase):
    """A bridge between sessions in memory and a service in memory."""

    def bridge(self, *args: Any, options: Any = None, **kw: Any) -> MemoryEndpoint:
        self.reactor = MemoryReactor()
        endpoint = MemoryEndpoint(self.reactor)
        factory = BridgeFactory(endpoint, *args, clock=self.reactor, **kw)
        self.factory = factory
        self.site = MemorySite(SockJSFactory(factory, options, clock=self.reactor))
        self.addCleanup(self.site.stop)
        self.timers = len(self.reactor.getDelayedCalls())
        self.endpoint = endpoint
        return endpoint

    def session(self, transport: str = "websocket") -> MemorySession:
        return MemoryClient(self.site).session(transport)

    def connected(self, *args: Any, **kw: Any) -> tuple[MemorySession, Service]:
        endpoint = self.bridge(*args, **kw)
        session = self.session()
        return session, endpoint.accept()

    def write(self, service: Service, data: bytes) -> None:
        service.transport.write(data)
        self.reactor.settle()

    def assertNothingLeft(self) -> None:
        self.assertEqual(self.factory.services, set())
        self.assertEqual(len(self.reactor.getDelayedCalls()), self.timers)

    def assertTold(self, session: MemorySession, told: Told) -> None:
        self.assertEqual(session.closed, (told.code, told.reason))


@implementer(IStreamClientEndpoint)
class GivenEndpoint:
    """Gives what it is given, or raises it."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def connect(self, factory: Any) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result
