"""What the tests of multiplexing have in common: topics, and browsers in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs.multiplex import SockJSMultiplexResource
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class Note(Protocol):
    """Remembers what it hears, and does nothing."""

    transport: Any = None

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[type[Exception]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


class NoteFactory(Factory):
    """Keeps its protocols, and how often it was started and stopped."""

    noisy = False

    def __init__(self, protocol: type[Protocol] = Note) -> None:
        self.make = protocol
        self.notes: list[Any] = []
        self.life: list[str] = []

    def buildProtocol(self, addr: Any) -> Protocol:
        self.notes.append(self.make())
        return self.notes[-1]

    def startFactory(self) -> None:
        self.life.append("start")

    def stopFactory(self) -> None:
        self.life.append("stop")


class MultiplexTestCase(SynchronousTestCase):
    """A resource with topics, and browsers in memory."""

    resource = SockJSMultiplexResource

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.service = self.resource({"heartbeat": 25}, clock=self.reactor)
        self.notes = NoteFactory()
        self.service.addFactory("note", self.notes)
        self.service.addFactory("echo", Factory.forProtocol(Echo))
        root = Resource()
        root.putChild(b"multiplex", self.service)
        self.site = MemorySite(Site(root, reactor=self.reactor))
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def session(self, *messages: str, transport: str = "websocket") -> MemorySession:
        """A browser that has sent these messages."""
        session = self.client.session(transport, "/multiplex")
        for message in messages:
            session.send(message)
        return session

    def taken(self, session: MemorySession) -> list[str]:
        """What a browser has received since it was last asked."""
        self.reactor.settle()
        received, session.received[:] = list(session.received), []
        return received
