"""Tests for `txsockjs.testing.network` and `txsockjs.testing.site`."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IPushProducer,
    IReactorFDSet,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txsockjs.testing import MemoryReactor, MemorySite


class ByteProtocol(Protocol):
    """
    A side of a connection that keeps what comes.
    """

    transport: Any

    def __init__(self) -> None:
        self.data = b""
        self.reasons: list[type] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason.type)


@implementer(IPushProducer)
class CountingProducer:
    """
    A producer that keeps what it is told.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class NetworkTests(SynchronousTestCase):
    """
    The network in memory: Twisted's own transports over sockets that are none.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        site: Any = Factory.forProtocol(ByteProtocol)
        site.reactor = self.reactor
        self.server = ByteProtocol()
        site.buildProtocol = lambda addr: self.server
        self.site = MemorySite(site)
        self.client = self.site.connect(ByteProtocol())

    def test_reactor(self) -> None:
        """
        It is a clock and a reactor of descriptors.
        """
        verifyObject(IReactorTime, self.reactor)
        verifyObject(IReactorFDSet, self.reactor)
        self.assertIs(Server, type(self.server.transport))

    def test_bothWays(self) -> None:
        """
        What one side writes is what the other gets, when the reactor turns.
        """
        self.client.transport.write(b"ping")
        self.server.transport.write(b"pong")
        self.assertEqual((b"", b""), (self.server.data, self.client.data))
        self.site.settle()
        self.assertEqual((b"ping", b"pong"), (self.server.data, self.client.data))

    def test_backPressure(self) -> None:
        """
        A side that does not read fills the network and then the other's buffers, whose
        producer is paused until it reads on.
        """
        producer = CountingProducer()
        self.client.transport.pauseProducing()
        self.server.transport.registerProducer(producer, True)
        self.server.transport.write(b"x" * 200_000)
        self.site.settle()
        self.assertEqual((b"", ["pause"]), (self.client.data, producer.calls))
        self.client.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(200_000, len(self.client.data))
        self.assertEqual(["pause", "resume"], producer.calls)

    def test_room(self) -> None:
        """
        The network holds as much as it was told to.
        """
        self.site.room = 10
        self.client = self.site.connect(ByteProtocol())
        self.client.transport.pauseProducing()
        self.server.transport.write(b"x" * 100)
        self.site.settle()
        self.assertEqual(90, len(self.server.transport.dataBuffer) - 10)

    def test_segment(self) -> None:
        """
        The network can be made to deliver bytes in pieces of any size.
        """
        pieces: list[bytes] = []
        self.server.dataReceived = pieces.append  # type: ignore[method-assign]
        self.reactor.segment = iter([1, 3, 100]).__next__
        self.client.transport.write(b"abcdefgh")
        self.site.settle()
        self.assertEqual([b"a", b"bcd", b"efgh"], pieces)

    def test_loseConnection(self) -> None:
        """
        An orderly end comes after all bytes, and is one on both sides.
        """
        self.server.transport.write(b"x" * 200_000)
        self.server.transport.loseConnection()
        self.assertEqual([], self.server.reasons)
        self.site.settle()
        self.assertEqual(200_000, len(self.client.data))
        for side in (self.server, self.client):
            self.assertEqual(["ConnectionDone"], [r.__name__ for r in side.reasons])

    def test_abortConnection(self) -> None:
        """
        An abort loses what is on its way, and resets the other side.
        """
        self.client.transport.pauseProducing()
        self.server.transport.write(b"x" * 200_000)
        self.site.settle()
        self.server.transport.abortConnection()
        self.client.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(b"", self.client.data)
        self.assertEqual(
            ["ConnectionAborted"], [r.__name__ for r in self.server.reasons]
        )
        self.assertEqual(["ConnectionLost"], [r.__name__ for r in self.client.reasons])

    def test_writeToTheGone(self) -> None:
        """
        Who writes to a side that is gone loses the connection.
        """
        self.client.transport.pauseProducing()
        self.server.transport.abortConnection()
        self.site.settle()
        self.client.transport.write(b"x")
        self.site.settle()
        self.assertEqual(["ConnectionLost"], [r.__name__ for r in self.client.reasons])

    def test_raisingProtocol(self) -> None:
        """
        A protocol that raises loses its connection, which is logged: as in a reactor.
        """
        self.server.dataReceived = lambda data: 1 / 0  # type: ignore[method-assign]
        self.client.transport.write(b"x")
        self.site.settle()
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.assertEqual([ZeroDivisionError], self.server.reasons)

    def test_advance(self) -> None:
        """
        Each delayed call is made at its own time.
        """
        times: list[float] = []

        def again() -> None:
            times.append(self.reactor.seconds())
            if len(times) < 3:
                self.reactor.callLater(1.5, again)

        self.reactor.callLater(1, again)
        self.site.advance(10)
        self.assertEqual([1, 2.5, 4], times)
        self.assertEqual(10, self.reactor.seconds())

    def test_neverSettles(self) -> None:
        """
        What goes round in circles is an error, not a hang.
        """
        side = self.server.transport
        self.reactor.addWriter(side)
        side.doWrite = lambda: None
        self.assertRaises(RuntimeError, self.site.settle)
        self.reactor.removeWriter(side)

    def test_addresses(self) -> None:
        """
        The Site sees the client's address, of either family.
        """
        for address in (
            IPv4Address("TCP", "198.51.100.9", 4000),
            IPv6Address("TCP", "2001:db8::9", 4000),
        ):
            client = self.site.connect(ByteProtocol(), address)
            peer = self.server.transport.getPeer()
            self.assertEqual((address.host, 4000), (peer.host, peer.port))
            self.assertIs(type(address), type(peer))
            self.assertEqual(80, client.transport.getPeer().port)
            self.assertEqual("192.0.2.1", self.server.transport.getHost().host)

    def test_secure(self) -> None:
        """
        A Site may be made to see TLS, with a certificate.
        """
        certificate = object()
        self.site.connect(ByteProtocol(), secure=True, certificate=certificate)
        transport = self.server.transport
        self.assertTrue(ISSLTransport.providedBy(transport))
        self.assertIs(certificate, transport.getPeerCertificate())

    def test_stop(self) -> None:
        """
        To stop ends every connection, whether it reads or not.
        """
        self.client.transport.pauseProducing()
        self.server.transport.pauseProducing()
        self.site.stop()
        self.assertEqual((1, 1), (len(self.client.reasons), len(self.server.reasons)))
        self.assertEqual([], self.reactor.removeAll())

    def test_wrongReactor(self) -> None:
        """
        A Site on the real reactor cannot be served in memory.
        """
        self.assertRaises(TypeError, MemorySite, Site(Resource()))
