"""Two workers in this process, with real sockets between them: `HandoverCase`."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from twisted.internet import reactor, tcp, unix
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IReactorSocket, IReactorUNIX
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support.missing import missing
from tests.support.serving import Echo, RecordingFactory
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.cluster.workers import WorkerCluster
from txsockjs.factory import SockJSFactory

ACCEPTED = (tcp.Server, unix.Server, unix.Client)


class Talk(Protocol):
    """
    A client's connection.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.ended = False
        self._wanted: tuple[bytes, int, Deferred[None]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: object = None) -> None:
        self.ended = True
        self._look()

    def until(self, text: bytes, count: int = 1) -> Deferred[None]:
        """
        Wait until something has come so often, or the connection has ended.
        """
        done: Deferred[None] = Deferred()
        self._wanted = text, count, done
        self._look()
        return done

    def _look(self) -> None:
        if self._wanted is not None:
            text, count, done = self._wanted
            if self.ended or self.received.count(text) >= count:
                self._wanted = None
                done.callback(None)

    def post(self, path: str, body: bytes = b"") -> None:
        """
        Make a request.
        """
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


class Member:
    """
    A worker in this process.
    """

    def __init__(self, case: HandoverCase, slot: int, options: Any) -> None:
        factory = RecordingFactory(Echo)
        self.sessions = factory.sessions
        self.slots = Slots(2, Peer(slot, slot, f"{case.directory}/{slot}"))
        self.cluster = WorkerCluster(reactor, self.slots)
        self.site = SockJSFactory(factory, options, cluster=self.cluster)
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")

    @property
    def counters(self) -> Any:
        return self.cluster.counters

    async def stop(self) -> None:
        await self.site.leaveCluster()
        await self.port.stopListening()


class HandoverCase(TestCase):
    """
    Two workers, and a session of the second one.
    """

    timeout = 20
    options: dict[str, Any] = {}

    def setUp(self) -> None:
        for interface in (IReactorUNIX, IReactorSocket):
            if not interface.providedBy(reactor):
                raise missing(f"this reactor has no {interface.__name__}")
        # Paths of sockets are limited to 107 bytes.
        self.directory = tempfile.mkdtemp()
        self.near, self.far = (Member(self, slot, self.options) for slot in range(2))
        self.tell(self.near, self.far)
        slots = self.near.slots
        ids = [f"id{number}" for number in range(100)]
        self.path, self.other, self.own = (
            f"/0/{next(id for id in ids if slots.slotOf(id.encode()) == slot)}"
            for slot in (1, 1, 0)
        )
        self.talks: list[Talk] = []

    def tell(self, *members: Member) -> None:
        for member in (self.near, self.far):
            member.slots.update([each.slots.me for each in members])

    async def tearDown(self) -> None:
        for talk in self.talks:
            talk.transport.abortConnection()
        for member in (self.near, self.far):
            await member.stop()
        # Connections that were accepted learn of their end in the next turns.
        while any(isinstance(each, ACCEPTED) for each in reactor.getReaders()):
            await deferLater(reactor, 0.01)
        shutil.rmtree(self.directory)

    async def connect(self) -> Talk:
        port = self.near.port.getHost().port
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        talk: Talk = await connectProtocol(endpoint, Talk())
        self.talks.append(talk)
        return talk

    async def assertCounts(self, handed: int, passed: int) -> None:
        """
        So many connections were handed over and taken, and so many requests passed on.
        """
        near, far = self.near.counters, self.far.counters
        while near.handed < handed:
            # The client may have its answer before that is known.
            await deferLater(reactor, 0.01)
        found = near.handed, far.adopted, near.passed
        self.assertEqual(found, (handed, handed, passed))
