"""Tests of `txsockjs.rooms.local` and its server, over UNIX sockets."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Awaitable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.rooms.contract import BrokerContract
from tests.rooms.listening import Listener
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import local, localserver
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.local import LocalBroker
from txsockjs.rooms.localserver import LocalBrokerFactory
from txsockjs.rooms.memory import MemoryStore


class _Case(TestCase):
    """A server at a UNIX socket."""

    timeout = 30

    def setUp(self) -> None:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = os.path.join(directory, "rooms")
        self.store = MemoryStore(reactor)
        self.factory = _Counting(self.store)
        self.port: Any = None
        self.addCleanup(lambda: self.port and self.port.stopListening())
        self.listen(self.factory)

    def listen(self, factory: Any) -> None:
        """Serve at the socket."""
        self.port = reactor.listenUNIX(self.path, factory)

    def makeBroker(self) -> IBroker:
        return LocalBroker(reactor, self.path, 5.0)

    def passTime(self, seconds: float) -> Awaitable[object]:
        return deferLater(reactor, seconds)


class _Counting(LocalBrokerFactory):
    """Knows its connections."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.connections: list[Any] = []

    def buildProtocol(self, addr: object) -> Any:
        built = super().buildProtocol(addr)
        self.connections.append(built)
        return built


class LocalContractTests(_Case, BrokerContract):
    """The contract, between processes of one machine."""


class OutageTests(_Case):
    """A server that goes, and comes again."""

    async def started(self) -> tuple[LocalBroker, Listener]:
        broker, listener = self.makeBroker(), Listener()
        self.addCleanup(broker.stop)
        broker.start(listener)
        await listener.when(lambda: bool(broker.up))
        return broker, listener

    async def test_lost(self) -> None:
        """
        Where the connection is lost, what waits fails as uncertain, the listener is
        told once, what is asked then fails at once; it comes up again by itself,
        without a subscription, and with the history that there was.
        """
        broker, listener = await self.started()
        await broker.subscribe("r")
        await broker.publish("r", "1", 10, 60.0)
        waiting = broker.publish("r", "2", 10, 60.0)
        self.factory.connections[0].transport.abortConnection()
        error = await self.assertFailure(waiting, BrokerUnavailable)
        self.assertTrue(error.uncertain)
        await listener.when(lambda: len(listener.of("down")) == 1)
        self.failureResultOf(broker.publish("r", "3", 0, 0.0), BrokerUnavailable)
        await listener.when(lambda: len(listener.of("up")) == 2)
        history = await broker.recent("r", 10)
        self.assertEqual(history.entries[0].text, "1")
        heard = len(listener.of("message", "r"))
        await broker.publish("r", "4", 0, 0.0)
        await broker.members("r")
        self.assertEqual(len(listener.of("message", "r")), heard)

    async def test_gone(self) -> None:
        """
        The members of a process that is gone have left, for the others.
        """
        broker, listener = await self.started()
        other, _ = await self.started()
        await broker.subscribe("r")
        await other.enter("r", {"m": "info"})
        self.factory.connections[1].transport.abortConnection()
        await listener.when(lambda: bool(listener.of("left", "r")))
        self.assertEqual(listener.of("left", "r"), [("m", "info")])

    async def test_silent(self) -> None:
        """
        A server that does not answer in time is given up, and so is one that does not
        greet.
        """
        broker, listener = LocalBroker(reactor, self.path, 0.2), Listener()
        self.addCleanup(broker.stop)
        broker.start(listener)
        await listener.when(lambda: bool(broker.up))
        self.factory.connections[0].told = lambda value: None
        asked = broker.publish("r", "x", 0, 0.0)
        error = await self.assertFailure(asked, BrokerUnavailable)
        self.assertIn("no answer for 0.2 s", str(error))
        await listener.when(lambda: len(listener.of("up")) == 2)
        await self.port.stopListening()
        silent = Factory.forProtocol(Protocol)
        came: Deferred[None] = Deferred()
        seen: list[Any] = []

        def build(addr: object) -> Protocol:
            seen.append(addr)
            if len(seen) == 2:
                came.callback(None)
            return Protocol()

        silent.buildProtocol = build
        self.listen(silent)
        self.factory.connections[-1].transport.abortConnection()
        await came
        self.assertFalse(broker.up)
        await broker.stop()

    async def test_nobody(self) -> None:
        """
        Without a server it tries again until there is one, and can be stopped.
        """
        await self.port.stopListening()
        broker, listener = self.makeBroker(), Listener()
        broker.start(listener)
        self.failureResultOf(broker.members("r"), BrokerUnavailable)
        await self.passTime(0.01)
        self.listen(self.factory)
        await listener.when(lambda: bool(broker.up))
        await broker.stop()
        await self.port.stopListening()
        broker.start(listener)
        await self.passTime(0.01)
        await broker.stop()
        self.port = None

    async def test_waiting(self) -> None:
        """
        No more may wait than the limit; what ends something is not refused.
        """
        self.patch(local, "MOST_WAITING", 2)
        broker, _ = await self.started()
        first = [broker.publish("r", "x", 0, 0.0) for _ in range(2)]
        refused = self.failureResultOf(broker.publish("r", "x", 0, 0.0))
        self.assertIn("2 things of", refused.getErrorMessage())
        self.assertFalse(refused.value.uncertain)
        await broker.leave("r", ["m"])
        for each in first:
            self.assertIs(await each, None)

    async def test_slow(self) -> None:
        """
        The connection of a process that does not read is given up when too much waits
        for it; the others do not notice.
        """
        self.patch(
            localserver,
            "MOST_WAITING",
            1_000_000,
        )
        slow, listener = await self.started()
        fast, _ = await self.started()
        await slow.subscribe("r")
        slow._wire.transport.pauseProducing()
        for _ in range(40):
            await fast.publish("r", "x" * 60_000, 0, 0.0)
        slow._wire.transport.resumeProducing()
        await listener.when(lambda: bool(listener.of("down")))
        await listener.when(lambda: len(listener.of("up")) == 2)
        self.assertTrue(fast.up)
