"""Two workers, and one connection between them that carries many."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.trunk import Trunk, TrunkFactory


class End(Protocol):
    """
    One end of a connection: keeps what comes.

    :ivar lost: why it ended, each time that it was told so.
    """

    transport: Any = None
    fault = False

    def __init__(self) -> None:
        self.received = b""
        self.pieces = 0
        self.lost: list[type[BaseException]] = []

    def dataReceived(self, data: bytes) -> None:
        if self.fault:
            raise ZeroDivisionError("a fault")
        self.received += data
        self.pieces += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.type is not None
        self.lost.append(reason.type)


class Ends(Factory):
    """
    Makes them.
    """

    def __init__(self) -> None:
        self.made: list[End] = []

    def buildProtocol(self, addr: Any) -> End:
        self.made.append(End())
        return self.made[-1]


class Pace:
    """
    A producer, which notes what it is told.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Line:
    """
    Two trunks, and the bytes between them.

    :ivar here: the side that opens connections, and what makes their protocols.
    :ivar there: the other side, likewise.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.here, self.there = Ends(), Ends()
        self.near: Trunk = TrunkFactory(self.clock).buildProtocol(None)
        self.far: Trunk = TrunkFactory(self.clock, self.there).buildProtocol(None)
        self.sides = [(self.near, StringTransport()), (self.far, StringTransport())]
        for trunk, transport in self.sides:
            trunk.makeConnection(transport)

    def turn(self) -> None:
        """A turn of the reactor at both sides."""
        self.clock.advance(0)

    def move(self, side: int, size: int | None = None) -> int:
        """Have some of what a side has sent come to the other."""
        transport, other = self.sides[side][1], self.sides[1 - side][0]
        data = transport.value()
        part, rest = data[:size], data[len(data[:size]) :]
        transport.clear()
        if rest:
            transport.write(rest)
        if part:
            other.dataReceived(part)
        return len(part)

    def settle(self) -> None:
        """Have all arrive."""
        self.turn()
        while self.move(0) + self.move(1) + len(self.clock.getDelayedCalls()):
            self.turn()

    def open(self) -> tuple[End, End]:
        """
        One more connection.

        :return: its two ends.
        """
        near: End = self.near.open(self.here)
        self.settle()
        return near, self.there.made[-1]


class LineCase(SynchronousTestCase):
    """
    Two workers.
    """

    def setUp(self) -> None:
        self.line = Line()
        self.near, self.far = self.line.open()
