"""Workers in memory, and clients that go to any of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, cycle
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, RecordingFactory
from txsockjs.cluster.entrance import PeerSite
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.cluster.trunk import TrunkFactory
from txsockjs.cluster.workers import WorkerCluster
from txsockjs.factory import SockJSFactory
from txsockjs.testing import (
    MemoryClient,
    MemoryClientEndpoint,
    MemoryConnection,
    MemoryReactor,
    MemorySite,
)


class MemoryPorts:
    """
    The UNIX sockets of a machine in memory.

    :ivar sites: what listens, by its path.
    """

    def __init__(self, reactor: MemoryReactor) -> None:
        self.reactor = reactor
        self.sites: dict[str, MemorySite] = {}
        self.connected: list[Any] = []

    def listening(self, path: str) -> Any:
        return _Listening(self, path)

    def connecting(self, path: str) -> Any:
        return _Connecting(self, path)


def carrying(reactor: MemoryReactor, accepting: Any) -> Any:
    """
    What listens for other workers, and has what they open served by a factory.
    """
    factory: Any = TrunkFactory(reactor, accepting)
    factory.reactor = reactor
    return factory


class _Listening:
    def __init__(self, ports: MemoryPorts, path: str) -> None:
        self._ports, self._path = ports, path

    def listen(self, factory: Any) -> Deferred[Any]:
        listening: Deferred[Any] = Deferred()
        if isinstance(factory, (PeerSite, TrunkFactory)):
            factory.reactor = self._ports.reactor
            self._ports.sites[self._path] = MemorySite(factory)
        listening.callback(self)
        return listening

    def stopListening(self) -> None:
        site = self._ports.sites.pop(self._path, None)
        if site is not None:
            site.stop()


class _Connecting:
    def __init__(self, ports: MemoryPorts, path: str) -> None:
        self._ports, self._path = ports, path

    def connect(self, factory: Any) -> Deferred[Any]:
        site = self._ports.sites.get(self._path)
        if site is None:
            site = MemorySite(SockJSFactory(Factory(), clock=self._ports.reactor))
            site.stop()
        self._ports.connected.append(self._path)
        endpoint: IStreamClientEndpoint = MemoryClientEndpoint(site)
        return endpoint.connect(factory)


class MemoryWorkers(WorkerCluster):
    """
    A worker among others in memory.
    """

    def __init__(self, reactor: Any, slots: Slots, ports: MemoryPorts) -> None:
        super().__init__(reactor, slots)
        self._memory = ports

    def listening(self, path: str) -> Any:
        return self._memory.listening(path)

    def connecting(self, path: str) -> Any:
        return self._memory.connecting(path)


class Worker:
    """
    A worker in memory.

    :ivar sessions: the protocols that its service has made.
    """

    def __init__(
        self, case: ClusterCase, count: int, me: Peer, protocol: type[Protocol]
    ) -> None:
        factory = RecordingFactory(protocol)
        self.sessions = factory.sessions
        self.slots = Slots(count, me)
        self.cluster = MemoryWorkers(case.reactor, self.slots, case.ports)
        site = SockJSFactory(
            factory,
            case.options,
            clock=case.reactor,
            cluster=self.cluster,
            **case.siteOptions,
        )
        self.site = MemorySite(site)
        self.site.sessionIds = case.ids
        self.service = site.services[""].service

    def stop(self) -> None:
        """
        Have it be gone, with all of its connections.
        """
        self.site.stop()


class AnyMember(MemoryClient):
    """
    A client that a load balancer sends anywhere, with each request.
    """

    def __init__(self, sites: Sequence[MemorySite], **kw: Any) -> None:
        super().__init__(sites[0], **kw)
        self._sites = cycle(sites)
        self._each: dict[MemorySite, list[MemoryConnection]] = {
            site: [] for site in sites
        }

    def idle(self) -> MemoryConnection:
        self.site = next(self._sites)
        self._connections = self._each[self.site]
        return super().idle()


TRANSPORTS = ("xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "websocket")


class Closing(Protocol):
    """
    Echoes, until it is told to close.
    """

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if data == b"close":
            transport.loseConnection(3001, "enough")
        else:
            transport.write(data)


class ClusterCase(SynchronousTestCase):
    """
    Some workers in memory, of one slot each.
    """

    options: dict[str, Any] = {}
    siteOptions: dict[str, Any] = {}

    def setUp(self) -> None:
        # One page's sessions, whoever answers.
        self.ids = map("s{}".format, count(1))
        self.reactor = self.makeReactor()
        self.ports = MemoryPorts(self.reactor)
        self.workers: list[Worker] = []
        self.addCleanup(self._stop)

    def makeReactor(self) -> MemoryReactor:
        return MemoryReactor()

    def begin(self, number: int = 3, protocol: type[Protocol] = Echo) -> None:
        """
        Start so many workers.
        """
        for slot in range(number):
            peer = Peer(slot, slot, f"/memory/{slot}")
            self.workers.append(Worker(self, number, peer, protocol))
        self.tell()

    def assertTalksOverAll(self) -> None:
        """
        A session over each transport says a hundred things, hears them in their order,
        and is closed with a code and a reason; each request may come anywhere.
        """
        client = self.client()
        for transport in TRANSPORTS:
            session = client.session(transport)
            self.assertTrue(session.opened, transport)
            sent = [f"{transport} {number}" for number in range(100)]
            for message in sent:
                session.send(message)
            self.assertEqual(session.received, sent)
            session.send("close")
            self.assertEqual(session.closed, (3001, "enough"), transport)
            self.assertEqual(self.flushLoggedErrors(), [])

    def succeed(self, protocol: type[Protocol] = Echo) -> Worker:
        """
        Start a worker that takes the place of the one of slot 0, which drains.

        :return: the new one.
        """
        generation = len(self.workers)
        peer = Peer(0, generation, f"/memory/{generation}")
        new = Worker(self, self.workers[0].slots.count, peer, protocol)
        self.workers.append(new)
        self.tell()
        return new

    def tell(self) -> None:
        """
        Tell each worker of all.
        """
        peers = [worker.slots.me for worker in self.workers]
        for worker in self.workers:
            worker.slots.update(peers)

    def lose(self, worker: Worker) -> None:
        """
        Have a worker be gone. The others are not told.
        """
        worker.stop()
        self.workers.remove(worker)
        self.reactor.settle()

    def client(self, **kw: Any) -> AnyMember:
        """
        A client that goes to each worker in turn.
        """
        return AnyMember([worker.site for worker in self.workers], **kw)

    def idOf(self, slot: int, start: str = "id") -> str:
        """
        An id of a session that belongs to a slot.
        """
        slots = self.workers[0].slots
        return next(
            id
            for id in (f"{start}{number}" for number in range(1000))
            if slots.slotOf(id.encode()) == slot
        )

    def at(self, worker: Worker, **kw: Any) -> MemoryClient:
        """
        A client that goes to one worker.
        """
        return MemoryClient(worker.site, **kw)

    def _stop(self) -> None:
        for worker in self.workers:
            worker.stop()
        # What is passed on is waited for.
        self.reactor.advance(11)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
