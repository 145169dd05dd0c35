"""Tests for `txsockjs.web.wire.Wire.write`, over TCP and over TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory

from tests.support.serving import RecordingFactory, ServiceCase
from tests.support.wrappers import certificate
from txsockjs.testing import MemoryConnection, MemoryReactor
from txsockjs.web.wire import wireOf


class PlainTests(ServiceCase):
    """
    Over TCP.
    """

    def factory(self, factory: Factory, reactor: MemoryReactor) -> Any:
        """
        What listens for this factory.
        """
        return factory

    def connected(self, connection: MemoryConnection) -> Protocol:
        """
        What connects for this connection.
        """
        return connection

    def setUp(self) -> None:
        self.start(Protocol)

    def start(self, protocol: type[Protocol]) -> None:
        """
        Connect a browser with a server's protocol.
        """
        reactor = MemoryReactor()
        recording = RecordingFactory(protocol)
        listening = self.factory(recording, reactor)
        listening.reactor = reactor
        self.listen(listening)
        self.browser = MemoryConnection(reactor)
        self.site.connect(self.connected(self.browser))
        self.transport = recording.sessions[0].transport

    def below(self, side: Any) -> Any:
        """
        TCP's part of a transport.
        """
        return side

    def test_atOnce(self) -> None:
        """
        What is written is on its way before the reactor turns.
        """
        browser = self.below(self.browser.transport).getHandle()
        self.assertFalse(browser.isReadable())
        wireOf(self.transport).write(b"now")
        self.assertTrue(browser.isReadable())
        self.site.settle()
        self.assertEqual(self.browser.received, b"now")

    def test_order(self) -> None:
        """
        It comes in its turn, whatever else is written and however large it is.
        """
        parts = [b"%d" % i * size for i, size in enumerate([1, 9, 70000, 20000, 3] * 3)]
        for number, part in enumerate(parts):
            if number % 3 == 1:
                self.transport.write(part)
            else:
                wireOf(self.transport).write(part)
        self.site.settle()
        self.assertEqual(self.browser.received, b"".join(parts))

    def test_greeting(self) -> None:
        """
        It may be the first that is written.
        """

        class Greeter(Protocol):
            def connectionMade(self) -> None:
                wireOf(self.transport).write(b"hello")

        self.start(Greeter)
        self.assertEqual(self.browser.received, b"hello")

    def test_behindWhatWaits(self) -> None:
        """
        What Twisted holds back goes first.
        """
        for _ in range(3):
            self.transport.write(b"first ")
            wireOf(self.transport).write(b"second ")
            self.site.settle()
        self.assertEqual(self.browser.received, b"first second " * 3)

    def test_roomAgain(self) -> None:
        """
        When the kernel has room again, what waits for it goes first.
        """
        below = self.below(self.browser.transport)
        below.pauseProducing()
        for part in (b"a" * 70_000, b"b" * 70_000):
            wireOf(self.transport).write(part)
            self.site.settle()
        # Then a part is sent, and the rest waits in the other of Twisted's buffers.
        below.doRead()
        self.site.settle()
        below.doRead()
        wireOf(self.transport).write(b"c")
        below.resumeProducing()
        self.site.settle()
        expected = b"a" * 70_000 + b"b" * 70_000 + b"c"
        self.assertEqual(self.browser.received, expected)

    def test_slowReader(self) -> None:
        """
        What the peer does not take waits, and the producer is told.
        """
        told: list[bool] = []

        class Producer:
            def pauseProducing(self) -> None:
                told.append(False)

            def resumeProducing(self) -> None:
                told.append(True)

            def stopProducing(self) -> None:
                pass

        self.transport.registerProducer(Producer(), True)
        below = self.below(self.browser.transport)
        below.pauseProducing()
        for _ in range(40):
            wireOf(self.transport).write(b"x" * 10_000)
            self.site.settle()
        self.assertEqual(set(told), {False})
        below.resumeProducing()
        self.site.settle()
        self.assertTrue(told[-1])
        self.assertEqual(self.browser.received, b"x" * 400_000)

    def test_afterTheEnd(self) -> None:
        """
        Behind the end nothing goes, and nothing is raised.
        """
        wireOf(self.transport).write(b"last")
        self.transport.loseConnection()
        self.site.settle()
        self.assertFalse(self.transport.connected)
        wireOf(self.transport).write(b"too late")
        self.site.settle()
        self.assertEqual(self.browser.received, b"last")

    def test_whileWaitingForTheEnd(self) -> None:
        """
        What still waits when the connection is closed goes before what is written
        after that, if that goes at all.
        """
        below = self.below(self.browser.transport)
        below.pauseProducing()
        wireOf(self.transport).write(b"x" * 100_000)
        self.transport.loseConnection()
        wireOf(self.transport).write(b"late")
        below.resumeProducing()
        self.site.settle()
        received = self.browser.received.removesuffix(b"late")
        self.assertEqual(received, b"x" * 100_000)
        self.assertTrue(self.browser.closed)

    def test_reset(self) -> None:
        """
        A connection that the peer has reset is lost where Twisted notices.
        """
        self.browser.transport.abortConnection()
        wireOf(self.transport).write(b"x")
        wireOf(self.transport).write(b"y")
        self.site.settle()
        self.assertFalse(self.transport.connected)
        wireOf(self.transport).write(b"z")


class TLSTests(PlainTests):
    """
    Over TLS.
    """

    def factory(self, factory: Factory, reactor: MemoryReactor) -> Any:
        return TLSMemoryBIOFactory(certificate().options(), False, factory, reactor)

    def connected(self, connection: MemoryConnection) -> Protocol:
        factory = Factory.forProtocol(lambda: connection)
        options = CertificateOptions(verify=False)
        client = TLSMemoryBIOFactory(options, True, factory, self.site.reactor)
        protocol: Protocol = client.buildProtocol(None)
        return protocol

    def below(self, side: Any) -> Any:
        return side.transport
