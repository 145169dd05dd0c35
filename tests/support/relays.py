"""A network in memory that stalls, breaks and goes silent: `Relays`."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.support.scripted import CLIENT, SERVER
from txsockjs.testing import MemoryReactor
from txsockjs.testing.network import connect

BETWEEN = IPv4Address("TCP", "192.0.2.99", 3128)


@implementer(IHalfCloseableProtocol, IPushProducer)
class _End(Protocol):
    """
    One of the two ends of a relay. It passes on what comes, no faster than it is taken.
    """

    transport: Any = None

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.other: _End
        self.closed = False
        self._full = False
        # Which directions have ended in good order.
        self._ended = 0

    def connectionMade(self) -> None:
        self._look()

    def begin(self) -> None:
        """
        Both ends are connected.
        """
        self.transport.registerProducer(self.other, True)

    def dataReceived(self, data: bytes) -> None:
        self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        self.other.transport.loseWriteConnection()
        self._half()

    def writeConnectionLost(self) -> None:
        self._half()

    def _half(self) -> None:
        self._ended += 1
        if self._ended == 2:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._relay.ended(self, reason)

    # What the other end does with what it cannot pass on.

    def pauseProducing(self) -> None:
        self._full = True
        self._look()

    def resumeProducing(self) -> None:
        self._full = False
        self._look()

    def stopProducing(self) -> None:
        """
        The other end is lost, which it tells itself.
        """

    def _look(self) -> None:
        self.look(self._relay.stalled)

    def look(self, stalled: bool) -> None:
        """
        Read or not.
        """
        if self.transport is None or self.closed:
            return
        if stalled or self._full:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()


class Relay:
    """
    One connection through the network.

    :ivar stalled: whether nothing passes at the moment.
    :ivar silent: whether an end of one side is not told to the other.
    """

    def __init__(self, stalled: bool) -> None:
        self.stalled = stalled
        self.silent = False
        self.client, self.server = _End(self), _End(self)
        self.client.other, self.server.other = self.server, self.client

    @property
    def over(self) -> bool:
        """
        Whether both its connections have ended.
        """
        return self.client.closed and self.server.closed

    def stall(self, stalled: bool) -> None:
        """
        Let nothing pass, or everything again.
        """
        self.stalled = stalled
        self.client.look(stalled)
        self.server.look(stalled)

    def ended(self, end: _End, reason: Failure) -> None:
        other = end.other
        if other.closed or self.silent:
            return
        if reason.check(ConnectionDone):
            # What it has taken already is still passed on.
            other.transport.unregisterProducer()
            other.transport.loseConnection()
        else:
            other.transport.abortConnection()

    def cut(self) -> None:
        """
        Break both connections. What is on its way is lost.
        """
        for end in self.client, self.server:
            if not end.closed:
                end.transport.abortConnection()

    def vanish(self, end: _End) -> None:
        """
        Break the connection with one side, while the other hears nothing any more.
        """
        self.silent = True
        self.stall(True)
        if not end.closed:
            end.transport.abortConnection()


class Relays:
    """
    The network.

    :ivar all: each connection that was made, in order.
    :ivar stalled: whether new connections are stalled.
    :ivar refusing: whether nobody can connect.
    """

    def __init__(self, server: Any, reactor: MemoryReactor, room: int = 65536) -> None:
        """
        :param server: the server's factory.
        :param room: how many bytes each of the two parts of a connection holds.
        """
        self._server = server
        self._reactor = reactor
        self._room = room
        self.all: list[Relay] = []
        self.stalled = False
        self.refusing = False

    def live(self) -> list[Relay]:
        """
        The connections that there are.
        """
        return [relay for relay in self.all if not relay.over]

    def endpoint(self) -> IStreamClientEndpoint:
        """
        What connects to the server.
        """
        return _Endpoint(self)

    def open(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        if self.refusing:
            return fail(ConnectionRefusedError())
        server = self._server.buildProtocol(CLIENT)
        client = factory.buildProtocol(SERVER)
        assert server is not None and client is not None
        relay = Relay(self.stalled)
        self.all.append(relay)
        reactor, room = self._reactor, self._room
        connect(reactor, server, SERVER, relay.server, BETWEEN, room, False)
        connect(reactor, relay.client, SERVER, client, CLIENT, room, False)
        relay.client.begin()
        relay.server.begin()
        return succeed(client)


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, relays: Relays) -> None:
        self._relays = relays

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._relays.open(protocolFactory)
