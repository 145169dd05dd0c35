"""Whatever takes a factory takes a Protocol class, and refuses all else at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs.client import MultiplexClientFactory, SockJSClientEndpoint
from txsockjs.client.multiplex import ChannelEndpoint, MultiplexClientProtocol
from txsockjs.connection import SockJSConnection
from txsockjs.endpoints import SockJSServerEndpoint
from txsockjs.factories import factoryOf
from txsockjs.factory import SockJSFactory, SockJSMultiFactory
from txsockjs.multiplex import MultiplexFactory, SockJSMultiplexResource
from txsockjs.options import SockJSOptions
from txsockjs.testing import (
    MemoryClient,
    MemoryClientEndpoint,
    MemoryReactor,
    MemorySite,
    MemorySockJSEndpoint,
)
from txsockjs.transports.resource import SockJSResource


class EchoFactory(Factory[Echo]):
    """
    A factory that is a class until it is called.
    """

    protocol = Echo


class Duck:
    """
    A factory that says of no interface that it provides it.
    """

    def buildProtocol(self, addr: object) -> Protocol:
        return Echo()

    def doStart(self) -> None:
        pass

    def doStop(self) -> None:
        pass


@implementer(IProtocol)
class Bare:
    """
    A protocol of no class of Twisted's.
    """


async def coroutine(session: object) -> None:
    """
    What a handler is made of.
    """


def memorySite() -> MemorySite:
    return MemorySite.serving(Factory.forProtocol(Echo))


def takers() -> dict[str, Callable[[Any], object]]:
    """
    Each thing that takes a factory, as a function of that.
    """
    clock = Clock()
    connection = MultiplexClientProtocol(MultiplexClientFactory(clock))
    endpoint = TCP4ServerEndpoint(clock, 0)
    return {
        "SockJSFactory": lambda given: SockJSFactory(given, clock=clock),
        "SockJSMultiFactory": lambda given: SockJSMultiFactory(clock=clock).addFactory(
            given, "x"
        ),
        "SockJSResource": lambda given: SockJSResource(given, clock=clock),
        "SockJSServerEndpoint": SockJSServerEndpoint(
            clock, endpoint, SockJSOptions()
        ).listen,
        "MultiplexFactory": lambda given: MultiplexFactory(clock).addFactory(
            "x", given
        ),
        "SockJSMultiplexResource": lambda given: SockJSMultiplexResource(
            clock=clock
        ).addFactory("x", given),
        "MultiplexClientFactory": lambda given: MultiplexClientFactory(
            clock
        ).addFactory("x", given),
        "MultiplexClientProtocol": lambda given: connection.open("x", given),
        "ChannelEndpoint": ChannelEndpoint(connection, "x").connect,
        "SockJSClientEndpoint": SockJSClientEndpoint(
            MemoryReactor(), "http://server.example/", proxy=""
        ).connect,
        "MemorySite": MemorySite.serving,
        "MemoryClientEndpoint": MemoryClientEndpoint(memorySite()).connect,
        "MemorySockJSEndpoint": MemorySockJSEndpoint(memorySite()).connect,
    }


class SourceTests(SynchronousTestCase):
    """
    `factoryOf`.
    """

    def test_factories(self) -> None:
        """
        A factory is taken as it is, whether or not it says that it is one.
        """
        for factory in Factory.forProtocol(Echo), EchoFactory(), Duck():
            self.assertIs(factoryOf(factory), factory)

    def test_classes(self) -> None:
        """
        Of the class of a protocol a factory is made, whosever class it is.
        """
        made: tuple[Any, ...] = (Echo, Bare)
        for kind in made:
            protocol = factoryOf(kind).buildProtocol(None)
            self.assertIsInstance(protocol, kind)

    def test_refused(self) -> None:
        """
        Anything else is refused by its name, with what would do.
        """
        others: list[tuple[Any, str]] = [
            (EchoFactory, "give an instance, EchoFactory()"),
            (Echo(), "give its class, Echo"),
            (coroutine, "txsockjs.handler"),
            (SockJSConnection, "ConnectionFactory"),
            (None, "Factory.forProtocol(MyProtocol)"),
            ("app.Chat", "Factory.forProtocol(MyProtocol)"),
            (int, "Factory.forProtocol(MyProtocol)"),
        ]
        for given, remedy in others:
            error = self.assertRaises(TypeError, factoryOf, given)
            self.assertIn(repr(given), str(error))
            self.assertIn(remedy, str(error))


class TakerTests(SynchronousTestCase):
    """
    All that takes a factory.
    """

    def test_refused(self) -> None:
        """
        Each refuses at once what is no factory, and says so.
        """
        for name, take in takers().items():
            for given in EchoFactory, "app.Chat":
                with self.assertRaises(TypeError, msg=name) as raised:
                    take(given)
                self.assertIn("neither a factory", str(raised.exception))

    def test_served(self) -> None:
        """
        A service of a Protocol class echoes.
        """
        client = MemoryClient(MemorySite.serving(Echo))
        self.addCleanup(client.site.stop)
        session = client.session()
        session.send("x")
        self.assertEqual(session.received, ["x"])
