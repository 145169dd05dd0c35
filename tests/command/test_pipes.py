"""Tests for `txsockjs.command.pipes`: standard input and output, without files."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.command.memory import MemoryEndpoint
from txsockjs.command import pipes
from txsockjs.command.conversation import Conversation
from txsockjs.command.pipes import Pipes
from txsockjs.command.rendering import JSONLines, Rendering
from txsockjs.errors import SessionClosed


class MemoryIO:
    """
    What Twisted has for standard input and output, with a test at the other end.
    """

    disconnecting = False

    def __init__(self, protocol: Any, reactor: Any) -> None:
        self.protocol = protocol
        self.written = b""
        self.producer: Any = None
        self.reading = True
        self.writable = True
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        if self.writable:
            self.written += data

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None and streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseConnection(self) -> None:
        assert self.producer is None
        self.disconnecting = True

    def flushed(self) -> None:
        """
        All that was written is taken.
        """
        assert self.disconnecting
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def readerGone(self) -> None:
        """
        Whoever read the output has gone.
        """
        self.writable = False
        producer, self.producer = self.producer, None
        producer.stopProducing()
        self.protocol.writeConnectionLost()


class PipesTests(SynchronousTestCase):
    """
    A session that is talked with from a pipe.
    """

    def setUp(self) -> None:
        self.patch(pipes, "StandardIO", MemoryIO)
        self.clock = Clock()
        self.open(Rendering())

    def open(self, rendering: Rendering) -> None:
        """
        Open a session.
        """
        self.pipes = Pipes(self.clock, 100)
        self.conversation = Conversation(self.clock, self.pipes, rendering, 1.0)
        endpoint = MemoryEndpoint(self.clock, 0.0)
        endpoint.echoes = lambda number: False
        connectProtocol(endpoint, self.conversation)
        self.clock.advance(0)
        [self.session] = endpoint.transports
        self.io: MemoryIO = self.pipes.transport

    def give(self, data: bytes) -> None:
        """
        Give it some input.
        """
        self.assertTrue(self.io.reading)
        self.pipes.dataReceived(data)

    def test_pieces(self) -> None:
        """
        Lines are messages, in whatever pieces they come.
        """
        for data in b"on", b"e\r", b"\n\ntwo\nthree \xe2\x82", b"\xac\nla", b"st":
            self.give(data)
        self.pipes.readConnectionLost()
        self.assertEqual(self.session.sent, ["one", "", "two", "three \u20ac", "last"])

    def test_crowded(self) -> None:
        """
        While the session takes no more, nothing is read, and no line of what was read
        is sent; none is lost.
        """
        self.give(b"a\n")
        self.session.producer.pauseProducing()
        self.assertFalse(self.io.reading)
        self.pipes.dataReceived(b"b\nc\nd")
        self.assertEqual(self.session.sent, ["a"])
        self.session.producer.resumeProducing()
        self.assertEqual(self.session.sent, ["a", "b", "c"])
        self.give(b"\n")
        self.assertEqual(self.session.sent, ["a", "b", "c", "d"])

    def test_untaken(self) -> None:
        """
        While the output is not taken, the session is not read from.
        """
        self.io.producer.pauseProducing()
        self.assertTrue(self.session.paused)
        self.io.producer.resumeProducing()
        self.assertFalse(self.session.paused)

    def test_reader(self) -> None:
        """
        Where whoever reads the output has gone, nothing more is read, the session is
        closed, and that is the end.
        """
        self.give(b"a\n")
        self.io.readerGone()
        self.assertFalse(self.io.reading)
        self.assertEqual(self.session.closes, [(1000, "")])
        self.session.receive("too late")
        self.clock.advance(0)
        self.successResultOf(self.conversation.ended)
        self.successResultOf(self.pipes.finish())

    def test_flush(self) -> None:
        """
        What came last is written, and is waited for.
        """
        self.open(JSONLines(lambda: 0.0))
        self.session.receive("last")
        self.session.lose(SessionClosed(3000, "Go away!"))
        self.assertFalse(self.io.reading)
        lines = self.io.written.splitlines()
        self.assertEqual(len(lines), 3)
        finished = self.pipes.finish()
        self.assertNoResult(finished)
        self.io.flushed()
        self.successResultOf(finished)

    def test_drop(self) -> None:
        """
        It is not waited for where it was given up.
        """
        self.session.receive("last")
        self.session.lose(ConnectionLost("broken"))
        finished: Deferred[None] = self.pipes.finish()
        self.assertNoResult(finished)
        self.conversation.abort()
        self.successResultOf(finished)

    def test_long(self) -> None:
        """
        A line that is too long ends it, whether it ends or not; what is behind it is
        not sent.
        """
        for data in b"x" * 101 + b"\nb\n", b"x" * 102:
            self.open(Rendering())
            self.give(b"a\n")
            self.give(data)
            self.assertFalse(self.io.reading)
            self.assertEqual(self.session.sent, ["a"])
            self.assertEqual(self.session.closes, [(1000, "")])
            self.assertIn("line 2 ", str(self.conversation.trouble))

    def test_longest(self) -> None:
        """
        One that is as long as it may be is sent.
        """
        self.give(b"x" * 100 + b"\n" + b"y" * 100)
        self.pipes.readConnectionLost()
        self.assertEqual(self.session.sent, ["x" * 100, "y" * 100])

    def test_encoding(self) -> None:
        """
        So does one that is not UTF-8, be it the last one without an end.
        """
        for data in b"\xff\nb\n", b"\xff":
            self.open(Rendering())
            self.give(b"a\n")
            self.give(data)
            self.pipes.readConnectionLost()
            self.assertEqual(self.session.sent, ["a"])
            self.assertIn("line 2 ", str(self.conversation.trouble))
            self.assertEqual(self.session.closes, [(1000, "")])
