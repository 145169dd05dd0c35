"""One connection between two workers that carries many."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.cluster.lines import Ends, Line, LineCase
from txsockjs.cluster import trunk as trunks
from txsockjs.cluster.trunk import PREFACE, Trunk, TrunkEndpoint, TrunkFull
from txsockjs.cluster.trunktransport import (
    ABORT,
    CREDIT,
    DATA,
    OPEN,
    WINDOW,
)


class StrangeTests(LineCase):
    """
    Another worker that says what this one does not understand.
    """

    def meet(self, data: bytes, *, side: int = 1, isGreeted: bool = True) -> str:
        """
        Have a side get this, which ends the trunk.

        :return: the problem that is logged.
        """
        if not isGreeted:
            self.line = Line()
        self.logged.clear()
        trunk, transport = self.line.sides[side]
        end = self.near if side == 0 else self.far
        trunk.dataReceived(data)
        self.assertTrue(transport.disconnected or transport.disconnecting)
        trunk.connectionLost(Failure(ConnectionLost()))
        if isGreeted:
            self.assertEqual(end.lost, [ConnectionLost])
        problems = [event["problem"] for event in self.logged if "problem" in event]
        self.line = Line()
        self.near, self.far = self.line.open()
        [problem] = problems
        return str(problem)

    def setUp(self) -> None:
        super().setUp()
        self.logged: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def frame(self, kind: int, number: int, size: int, data: bytes = b"") -> bytes:
        return trunks._HEAD.pack(kind, number, size) + data

    def test_preface(self) -> None:
        """
        One of another version is noticed at its first bytes.
        """
        for other in b"POST / HTTP/1.1\r\n", PREFACE.replace(b"1", b"2"):
            problem = self.meet(other, isGreeted=False)
            self.assertIn("it begins with", problem)

    def test_prefaceInPieces(self) -> None:
        """
        They may come one by one.
        """
        line = Line()
        line.near.open(line.here).transport.write(b"x")
        line.turn()
        while line.move(0, 1):
            pass
        self.assertEqual([end.received for end in line.there.made], [b"x"])

    def test_frames(self) -> None:
        """
        What no worker sends ends the trunk, and is logged once.
        """
        frame = self.frame
        for data, problem in (
            (frame(ABORT + 1, 0, 0), "of the kind 5"),
            (frame(DATA, 0, WINDOW + 1), f"a piece has {WINDOW + 1} bytes"),
            (frame(OPEN, 0, 0), "connection 0 cannot be opened"),
            (frame(CREDIT, 0, 1), "1 bytes were taken that were never sent"),
        ):
            self.assertIn(problem, self.meet(data))
        self.assertIn("cannot be opened", self.meet(frame(OPEN, 5, 0), side=0))

    def test_tooMuch(self) -> None:
        """
        So does more than the window has room for.
        """
        self.far.transport.pauseProducing()
        data = self.frame(DATA, 0, WINDOW, bytes(WINDOW))
        problem = self.meet(data + self.frame(DATA, 0, 1, b"x"))
        self.assertIn(f"more than {WINDOW} bytes", problem)


@implementer(IStreamClientEndpoint)
class Connecting:
    """
    An endpoint whose connections are made by the test.
    """

    def __init__(self) -> None:
        self.attempts: list[tuple[Deferred[Any], Any]] = []
        self.cancelled = 0

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred(self._cancel)
        self.attempts.append((attempt, protocolFactory))
        return attempt

    def _cancel(self, attempt: Any) -> None:
        self.cancelled += 1

    def succeed(self, transport: Any = None) -> tuple[Trunk, Any]:
        """Have the last one succeed, with a transport."""
        attempt, factory = self.attempts[-1]
        transport = transport or StringTransport()
        trunk = factory.buildProtocol(None)
        trunk.makeConnection(transport)
        attempt.callback(trunk)
        return trunk, transport


class EndpointTests(SynchronousTestCase):
    """
    `TrunkEndpoint`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.connecting = Connecting()
        self.endpoint = TrunkEndpoint(self.clock, self.connecting)
        self.ends = Ends()

    def test_one(self) -> None:
        """
        There is one connection for all, which ends with the last.
        """
        waiting = [self.endpoint.connect(self.ends) for _ in range(2)]
        self.assertEqual(len(self.connecting.attempts), 1)
        _, transport = self.connecting.succeed()
        ends = [self.successResultOf(each) for each in waiting]
        ends.append(self.successResultOf(self.endpoint.connect(self.ends)))
        self.assertEqual(ends, self.ends.made)
        self.assertEqual(len(self.connecting.attempts), 1)
        for end in ends:
            self.assertFalse(transport.disconnecting)
            end.transport.loseConnection()
        self.assertTrue(transport.disconnecting)
        self.assertTrue(transport.value().startswith(PREFACE))
        self.assertEqual(transport.value().count(trunks._HEAD.pack(3, 2, 0)), 1)
        self.endpoint.connect(self.ends)
        self.assertEqual(len(self.connecting.attempts), 2)

    def test_failed(self) -> None:
        """
        Where it cannot be made, all who wait are told, and the next one tries again.
        """
        waiting = [self.endpoint.connect(self.ends) for _ in range(2)]
        self.connecting.attempts[0][0].errback(Failure(ConnectError()))
        for each in waiting:
            self.failureResultOf(each, ConnectError)
        again = self.endpoint.connect(self.ends)
        self.connecting.succeed()
        self.successResultOf(again)

    def test_cancelled(self) -> None:
        """
        One who gives up does not take it from another; the last one does.
        """
        first, second = (self.endpoint.connect(self.ends) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.connecting.cancelled, 0)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.connecting.cancelled, 1)
        third = self.endpoint.connect(self.ends)
        self.connecting.succeed()
        self.successResultOf(third)
        self.assertEqual(len(self.ends.made), 1)

    def test_givesUpAtOnce(self) -> None:
        """
        One who gives up when it is there does not end it for another one.
        """
        first, second = (self.endpoint.connect(self.ends) for _ in range(2))
        first.addCallback(lambda end: end.transport.abortConnection())
        _, transport = self.connecting.succeed()
        self.successResultOf(second)
        self.assertFalse(transport.disconnecting)

    def test_full(self) -> None:
        """
        Where the other worker takes nothing, there is an end to what is kept for it,
        and nothing is when nobody waits for it any more.
        """

        class Full(StringTransport):
            """Keeps what it is given, as a socket that is full does."""

            connected = True
            aborted = False

            @property
            def dataBuffer(self) -> bytes:
                return self.value()

            def abortConnection(self) -> None:
                self.aborted = True

        waiting = self.endpoint.connect(self.ends)
        _, transport = self.connecting.succeed(Full())
        end = self.successResultOf(waiting)
        ends = [end]
        for _ in range(trunks.MOST_UNSENT // WINDOW):
            end.transport.write(bytes(WINDOW))
            end = self.successResultOf(self.endpoint.connect(self.ends))
            ends.append(end)
            self.clock.advance(0)
        end.transport.write(bytes(WINDOW))
        self.clock.advance(0)
        self.failureResultOf(self.endpoint.connect(self.ends), TrunkFull)
        for end in ends:
            self.assertFalse(transport.aborted)
            end.transport.abortConnection()
        self.assertTrue(transport.aborted)

    def test_lost(self) -> None:
        """
        Who asks again when it is lost gets another one.
        """
        asked: list[Deferred[Any]] = []
        first = self.endpoint.connect(self.ends)
        trunk, _ = self.connecting.succeed()
        end = self.successResultOf(first)
        end.connectionLost = lambda reason: asked.append(
            self.endpoint.connect(self.ends)
        )
        trunk.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(len(self.connecting.attempts), 2)
        self.connecting.succeed()
        self.successResultOf(asked[0])
