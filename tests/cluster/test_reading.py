"""Reading what peers answer, and the connections that it comes on."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster import connections
from txsockjs.cluster.connections import NotConnected, PeerPool, TooManyConnections
from txsockjs.cluster.reading import LONGEST_HEAD, BadResponse, ResponseReader

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: %d\r\n\r\n%b"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n%b0\r\n\r\n"


class Kept:
    """
    Keeps what it is told of a response.
    """

    def __init__(self, takesChunks: bool = False) -> None:
        self.takesChunks = takesChunks
        self.code = 0
        self.wire = b""
        self.body = b""
        self.pieces: list[bytes] = []
        self.isDone = False
        self.error: Exception | None = None

    def begun(self, head: Any) -> None:
        self.code = head.code
        self.wire = head.wire

    def came(self, data: bytes) -> None:
        self.pieces.append(data)
        self.body += data

    def done(self) -> None:
        self.isDone = True

    def broken(self, error: Exception) -> None:
        self.error = error


def chunked(parts: list[bytes]) -> bytes:
    return CHUNKED % b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


class ReaderTests(SynchronousTestCase):
    """
    `ResponseReader`.
    """

    @given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 60))
    def test_pieces(self, parts: list[bytes], size: int) -> None:
        """
        A response is the same however it is cut, and nobody is told of nothing.
        """
        whole = b"".join(parts)
        for response in (chunked(parts), PLAIN % (len(whole), whole)):
            reader, answer = ResponseReader(), Kept()
            reader.answer = answer
            for start in range(0, len(response), size):
                self.assertFalse(answer.isDone)
                reader.read(response[start : start + size])
            self.assertTrue(answer.isDone)
            self.assertEqual((answer.code, answer.body), (200, whole))
            self.assertNotIn(b"", answer.pieces)
            self.assertIsNone(reader.answer)

    @given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 60))
    def test_asTheyAre(self, parts: list[bytes], size: int) -> None:
        """
        Chunks that are passed on as they are lose nothing, however they are cut; of
        the head, only what is about the connection is left out.
        """
        response = chunked(parts).replace(b"X: y", b"X: y\r\nconnection: x", 1)
        reader, answer = ResponseReader(), Kept(takesChunks=True)
        reader.answer = answer
        for start in range(0, len(response), size):
            reader.read(response[start : start + size])
        self.assertTrue(answer.isDone)
        self.assertEqual(answer.wire + answer.body, chunked(parts))
        self.assertNotIn(b"", answer.pieces)

    def test_together(self) -> None:
        """
        What comes in one read is told at once.
        """
        reader, answer = ResponseReader(), Kept()
        reader.answer = answer
        reader.read(chunked([b"a", b"b", b"c"]))
        self.assertEqual(answer.pieces, [b"abc"])
        reader.answer = answer = Kept(takesChunks=True)
        reader.read(chunked([b"a", b"b"]))
        self.assertEqual(answer.pieces, [b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"])

    def test_bad(self) -> None:
        """
        What is no response is told to nobody.
        """
        for data in (
            b"x" * LONGEST_HEAD,
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 99 No\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n",
            CHUNKED[:-7] + b"1\r\nabc",
            CHUNKED[:-7] + b"-1\r\n",
            CHUNKED[:-7] + b"1" * 40,
        ):
            reader = ResponseReader()
            reader.answer = Kept()
            self.assertRaises(BadResponse, reader.read, data)
        self.assertRaises(BadResponse, ResponseReader().read, PLAIN % (0, b""))


class PoolTests(SynchronousTestCase):
    """
    `PeerPool`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.connecting: list[Deferred[Any]] = []
        endpoint: Any = self
        self.pool = PeerPool(self.clock, endpoint, most=3)

    def connect(self, factory: Any) -> Deferred[Any]:
        connecting: Deferred[Any] = Deferred()
        self.connecting.append(connecting)
        return connecting

    def connected(self) -> Any:
        """
        Have the oldest attempt succeed.
        """
        connection = self.pool.buildProtocol(None)
        connection.makeConnection(StringTransport())
        self.connecting.pop(0).callback(connection)
        return connection

    def test_most(self) -> None:
        """
        There are no more connections than there may be.
        """
        answers = [Kept() for _ in range(4)]
        for answer in answers:
            self.pool.ask(b"x", answer)
        self.assertEqual(len(self.pool), 3)
        self.assertEqual([each.error is None for each in answers], [True] * 3 + [False])
        error: Any = answers[3].error
        self.assertIsInstance(error, NotConnected)
        self.assertIsInstance(error.reason, TooManyConnections)

    def test_time(self) -> None:
        """
        Connecting has a time limit.
        """
        answer = Kept()
        self.pool.ask(b"x", answer)
        self.clock.advance(connections.CONNECT_TIME)
        self.assertIsInstance(answer.error, NotConnected)
        self.assertEqual(len(self.pool), 0)

    def test_again(self) -> None:
        """
        A connection is used again, and given up when it was idle for some time.
        """
        first, second = Kept(), Kept()
        self.pool.ask(b"1", first)
        connection = self.connected()
        connection.dataReceived(PLAIN % (1, b"a"))
        self.pool.ask(b"2", second)
        self.assertEqual(connection.transport.value(), b"12")
        connection.dataReceived(PLAIN % (1, b"b"))
        self.assertEqual((first.body, second.body), (b"a", b"b"))
        self.assertFalse(self.pool.isBusy())
        self.clock.advance(connections.IDLE_TIME)
        self.assertTrue(connection.transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closes(self) -> None:
        """
        One that its peer closes is not used again.
        """
        self.pool.ask(b"1", Kept())
        connection = self.connected()
        closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        connection.dataReceived(closing)
        self.assertTrue(connection.transport.disconnecting)
        self.pool.ask(b"2", Kept())
        self.assertEqual(len(self.connecting), 1)

    def test_givenUpMeanwhile(self) -> None:
        """
        Nor is one that was given up from within its answer.
        """

        class Leaving(Kept):
            def came(inner, data: bytes) -> None:
                asked.giveUp()

        for answer in PLAIN % (1, b"a"), PLAIN % (5, b"a"):
            asked = self.pool.ask(b"1", Leaving())
            connection = self.connected()
            connection.dataReceived(answer)
            self.assertTrue(connection.transport.disconnecting)
            self.pool.ask(b"2", Kept())
            self.assertEqual(connection.transport.value(), b"1")
            self.connecting.pop(0).cancel()

    def test_givenUp(self) -> None:
        """
        Who does not wait any longer is told nothing, and leaves nothing behind.
        """
        answers = [Kept(), Kept()]
        asked = [self.pool.ask(b"x", answer) for answer in answers]
        connection = self.connected()
        for each in asked:
            each.giveUp()
        self.assertTrue(connection.transport.disconnecting)
        self.assertEqual([each.error for each in answers], [None, None])
