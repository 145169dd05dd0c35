"""Twisted's own `portforward` works wrapped: a TCP service, reached by browsers."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.protocols import portforward

from tests.test_wrapped import TRANSPORTS, WrappedTestCase
from txsockjs.testing import MemoryWebSocket
from txsockjs.testing.network import connect

BACKEND = IPv4Address("TCP", "192.0.2.99", 7)


class Backend(Protocol):
    """
    A service behind a port forwarder: it echoes, and keeps what came.
    """

    transport: Any

    def connectionMade(self) -> None:
        self.data: list[bytes] = []
        self.ended = False

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.ended = True


# More than sockets and buffers hold.
TEXT = b"".join(b"%07d\n" % number for number in range(100_000))


def payload(socket: MemoryWebSocket) -> bytes:
    """
    What a framed WebSocket got, as one.
    """
    frames = [str(message) for message in socket.messages]
    texts = [
        text for frame in frames if frame[0] == "a" for text in json.loads(frame[1:])
    ]
    return "".join(texts).encode("utf-8")


class PortForwardTests(WrappedTestCase):
    """
    `portforward`: a TCP service, reached through its forwarder.
    """

    def setUp(self) -> None:
        self.backends: list[Backend] = []
        factory = portforward.ProxyFactory("backend.example", 7)

        class InMemory(portforward.ProxyServer):
            reactor: Any = self

        factory.protocol = InMemory
        self.client = self.serve(factory)

    def connectTCP(self, host: str, port: int, factory: ClientFactory[Any]) -> None:
        """
        Connect to the service, in memory: what a forwarder needs of a reactor.
        """
        backend = Backend()
        self.backends.append(backend)
        protocol = factory.buildProtocol(BACKEND)
        assert protocol is not None
        reactor = self.site.reactor
        connect(reactor, backend, BACKEND, protocol, BACKEND, 65536, False)

    def test_bothWays(self) -> None:
        """
        Bytes go both ways, over each transport.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.send("hello")
            self.site.settle()
            self.assertEqual([b"hello"], self.backends[-1].data, name)
            self.assertEqual(["hello"], session.received, name)

    def test_browserLeaves(self) -> None:
        """
        When the browser leaves, the service's connection ends.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.abort()
            self.site.advance(11)
            self.assertTrue(self.backends[-1].ended, name)

    def test_serviceEnds(self) -> None:
        """
        When the service ends its connection, the browser gets what came before, and
        the end.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            self.backends[-1].transport.write(b"last words")
            self.backends[-1].transport.loseConnection()
            self.site.advance(0.1)
            self.assertEqual(["last words"], session.received, name)
            self.assertEqual((3000, "Go away!"), session.closed, name)

    def test_slowBrowser(self) -> None:
        """
        A browser that does not read stops the service, and gets everything in order
        when it reads on.
        """
        socket = self.client.websocket("/000/s/websocket")
        socket.transport.pauseProducing()
        backend = self.backends[-1]
        backend.transport.write(TEXT)
        self.site.settle()
        self.assertGreater(len(backend.transport.dataBuffer), 400_000)
        socket.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(TEXT, payload(socket))

    def test_serviceEndsMeanwhile(self) -> None:
        """
        A service that has written all and ended its connection before a slow browser
        has read it: the browser gets all of it, and then the end.
        """
        socket = self.client.websocket("/000/s/websocket")
        socket.transport.pauseProducing()
        self.backends[-1].transport.write(TEXT)
        self.backends[-1].transport.loseConnection()
        self.site.settle()
        socket.transport.resumeProducing()
        self.site.advance(1)
        self.assertEqual('c[3000,"Go away!"]', socket.messages.pop())
        self.assertEqual(TEXT, payload(socket))

    def test_slowService(self) -> None:
        """
        A service that does not read stops the browser, and gets everything in order
        when it reads on.
        """
        for name in ("websocket", "xhr_streaming"):
            session = self.client.session(name)
            backend = self.backends[-1]
            backend.transport.pauseProducing()
            texts = [f"{number:05}" * 2000 for number in range(60)]
            for text in texts:
                session.send(text)
            self.site.settle()
            self.assertEqual([], backend.data)
            backend.transport.resumeProducing()
            self.site.settle()
            self.assertEqual("".join(texts).encode(), b"".join(backend.data), name)
