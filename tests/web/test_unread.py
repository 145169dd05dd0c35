"""Tests for an application that does not read."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.testing import MemoryClient, MemorySite, MemoryWebSocket


class Reader(Protocol):
    """
    Reads when it is told to, and remembers in which order it heard what.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.heard: list[object] = []

    def connectionMade(self) -> None:
        self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard.append(reason.type)


class UnreadTests(SynchronousTestCase):
    """
    What came before the end is read before the end, as on TCP, or refused.
    """

    def open(self, path: str, **options: object) -> MemoryWebSocket:
        self.reader = Reader()
        factory = Factory.forProtocol(lambda: self.reader)
        self.site = MemorySite.serving(factory, options)
        self.addCleanup(self.site.stop)
        return MemoryClient(self.site).websocket(path)

    def read(self) -> list[object]:
        """
        Let the application read; tell what it heard by then.
        """
        self.reader.transport.resumeProducing()
        self.site.settle()
        return self.reader.heard

    def test_close(self) -> None:
        """
        Messages that came with the close frame behind them are read, then the end.
        """
        for path in "/0/s/websocket", "/websocket":
            socket = self.open(path)
            for message in b'["a"]', b'["b"]':
                socket.sendMessage(message)
            socket.sendClose(1000)
            self.site.settle()
            self.assertEqual([], self.reader.heard)
            *messages, end = self.read()
            self.assertEqual(2, len(messages))
            self.assertEqual(ConnectionDone, end)

    def test_lost(self) -> None:
        """
        So are those that came before the network failed.
        """
        socket = self.open("/0/s/websocket")
        socket.send('["a"]')
        socket.abort()
        self.site.settle()
        # What is not read has an end that is not seen, until somebody writes.
        self.assertEqual([b"a", ConnectionLost], self.read())

    def test_writingToo(self) -> None:
        """
        An application that does not read until it has written is let go on.
        """
        socket = self.open("/0/s/websocket")
        socket.transport.pauseProducing()
        self.read()
        self.reader.transport.registerProducer(self.reader.transport, True)
        for _ in range(20):
            self.reader.transport.write(b"x" * 50_000)
        socket.send('["a"]')
        self.assertEqual([], self.reader.heard)
        socket.abort()
        self.site.settle()
        self.assertEqual([b"a", ConnectionLost], self.reader.heard)

    def test_closingToo(self) -> None:
        """
        An application that closes without having read hears of the end, once, and not
        from inside its call.
        """
        for end in "loseConnection", "abortConnection":
            socket = self.open("/0/s/websocket")
            socket.sendMessage(b'["a"]')
            socket.sendClose(1000)
            self.site.settle()
            getattr(self.reader.transport, end)()
            self.assertEqual([], self.reader.heard)
            self.site.settle()
            self.assertEqual(1, len(self.reader.heard))

    def test_patience(self) -> None:
        """
        A peer is not given up because nobody reads what it answers.
        """
        socket = self.open("/0/s/websocket", heartbeat=10)
        socket.send('["a","b"]')
        self.site.advance(100)
        self.assertIsNone(socket.ended)
        self.assertEqual([b"a", b"b"], self.read())

    def test_closed(self) -> None:
        """
        A send to a session that was closed without being read is answered at once.
        """
        self.open("/websocket").abort()
        client = MemoryClient(self.site)
        client.request("POST", "/0/s/xhr")
        self.reader.transport.loseConnection()
        response = client.request("POST", "/0/s/xhr_send", body=b'["a"]')
        self.assertEqual(204, response.status)
