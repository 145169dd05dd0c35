"""UNIX sockets that are read plainly."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from txsockjs.cluster.reads import readAsEver, readPlainly


class Reader(Protocol):
    """
    Keeps what comes.
    """

    def __init__(self) -> None:
        self.received = b""
        self.waited = 0
        self.there: Deferred[bytes] = Deferred()
        self.lost: Deferred[type[Exception] | None] = Deferred()

    def connectionMade(self) -> None:
        self.transport: Any
        readPlainly(self.transport)

    def until(self, size: int) -> Deferred[bytes]:
        self.waited, self.there = size, Deferred()
        self._look()
        return self.there

    def _look(self) -> None:
        if self.waited and len(self.received) >= self.waited:
            self.waited = 0
            self.there.callback(self.received)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        readAsEver(self.transport)
        self.lost.callback(reason.check(ConnectionDone, ConnectionAborted))


class ReadTests(TestCase):
    """
    `readPlainly`.
    """

    async def connect(self) -> tuple[Reader, Reader]:
        """
        The two ends of a connection.
        """
        # The path of a UNIX socket is short.
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/s"
        server = Reader()
        factory = Factory.forProtocol(lambda: server)
        port = await UNIXServerEndpoint(reactor, path).listen(factory)
        self.addCleanup(port.stopListening)
        factory = Factory.forProtocol(Reader)
        client = await UNIXClientEndpoint(reactor, path).connect(factory)
        self.addCleanup(client.transport.abortConnection)
        client.transport.write(b"a")
        await server.until(1)
        return client, server

    async def test_both(self) -> None:
        """
        Either end has all that the other one writes, much or little.
        """
        ends = await self.connect()
        for one, other in ends, ends[::-1]:
            before = len(other.received)
            one.transport.write(b"x" * 1_000_000)
            one.transport.write(b"y")
            received = await other.until(before + 1_000_001)
            self.assertEqual(received[before:], b"x" * 1_000_000 + b"y")

    async def test_pause(self) -> None:
        """
        One that is paused has nothing, until it goes on.
        """
        client, server = await self.connect()
        server.transport.pauseProducing()
        client.transport.write(b"b")
        # The kernel has it by then.
        await deferLater(reactor, 0)
        await deferLater(reactor, 0)
        self.assertEqual(server.received, b"a")
        server.transport.resumeProducing()
        self.assertEqual(await server.until(2), b"ab")

    async def test_end(self) -> None:
        """
        The end is told, and nothing holds on to the transport.
        """
        client, server = await self.connect()
        self.assertIn("doRead", vars(server.transport))
        client.transport.write(b"b")
        client.transport.loseConnection()
        self.assertIs(await server.lost, ConnectionDone)
        self.assertEqual(server.received, b"ab")
        self.assertNotIn("doRead", vars(server.transport))

    async def test_others(self) -> None:
        """
        Whatever is no UNIX socket stays as it is.
        """
        transport: Any = object()
        readPlainly(transport)
        readAsEver(transport)
