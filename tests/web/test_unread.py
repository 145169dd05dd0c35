"""Tests for an application that does not read."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.sockets import BINARY, TEXT, Socket, frame
from txsockjs import SessionClosed, SessionFailed
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
            assert isinstance(end, type)
            self.assertEqual(2, len(messages))
            self.assertTrue(issubclass(end, ConnectionDone))

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

    def test_brokenBehind(self) -> None:
        """
        A good message with a broken one behind it in the segment is read, then the end;
        whatever it is that ends the wait.
        """
        for close in None, "loseConnection", "abortConnection":
            socket = self.open("/0/s/websocket")
            socket.sendMessage(b'["a"]')
            socket.sendMessage(b'["b')
            self.site.settle()
            self.assertEqual((3000, "Broken framing."), socket.ended)
            self.assertEqual([], self.reader.heard)
            if close is not None:
                getattr(self.reader.transport, close)()
                self.site.settle()
            end = self.read()[-1]
            self.assertEqual(1 if close else 2, len(self.reader.heard))
            self.assertEqual(SessionFailed if close is None else end, end)
            self.assertEqual(0, len(self.site.site.resource.service))

    def test_closeCodeBehind(self) -> None:
        """
        What was behind unread messages when the network failed is read all the same:
        messages, and the browser's own close.
        """
        for path in "/0/s/websocket", "/websocket":
            socket = self.open(path)
            for message in b'"a"', b'"b"', b'"c"':
                socket.sendMessage(message, isBinary=True)
            socket.sendClose(4000, "mine")
            self.site.settle()
            socket.abort()
            # What is not read has an end that is not seen, until somebody writes.
            for _ in range(3):
                self.reader.transport.write(b"x")
                self.site.settle()
            self.assertEqual([], self.reader.heard)
            *messages, end = self.read()
            self.assertEqual(3, len(messages))
            self.assertEqual(SessionClosed, end)

    def test_burst(self) -> None:
        """
        As many messages as a browser likes are held back for an application that does
        not read, framed, raw, binary or compressed: they stay with the network.
        """
        for path in "/0/s/websocket", "/websocket":
            for opcode in TEXT, BINARY:
                for compression in False, True:
                    self.open("/websocket", compression=compression, max_buffer=5000)
                    offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
                    socket = Socket(MemoryClient(self.site).connect(), path, offer)
                    payload, rsv = b'"ab"', 0
                    if compression:
                        payload, rsv = b"\x52\x4a\x4c\x52\x02\x00", 4
                    socket.send(*[frame(payload, opcode, rsv=rsv)] * 3000)
                    self.assertEqual([], self.reader.heard)
                    self.assertEqual(3000, len(self.read()), (path, opcode))
                    self.assertFalse(socket.closed)

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
