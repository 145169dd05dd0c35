"""The transports of connections that one connection carries."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.cluster.lines import Line, LineCase, Pace
from txsockjs.cluster import trunk as trunks
from txsockjs.cluster.trunktransport import (
    WINDOW,
    TrunkTransport,
)
from txsockjs.web.wire import wireOf


class TransportTests(LineCase):
    """
    The transport of one connection.
    """

    def test_both(self) -> None:
        """
        What is written comes, both ways, and to nobody else.
        """
        others = self.line.open()
        self.near.transport.write(b"to")
        self.near.transport.writeSequence([b" ", b"there"])
        self.far.transport.write(b"to here")
        self.line.settle()
        self.assertEqual(self.far.received, b"to there")
        self.assertEqual(self.near.received, b"to here")
        self.assertEqual([end.received for end in others], [b"", b""])

    def test_once(self) -> None:
        """
        What is sent in a turn leaves in one piece; so does what is sent in answer to
        what comes in one.
        """
        written: Counter[int] = Counter()
        for side, (trunk, _) in enumerate(self.line.sides):
            wire: Any = trunk._wire
            write = wire.transport.write

            def count(data: bytes, side: int = side, write: Any = write) -> None:
                written[side] += 1
                write(data)

            wire.transport.write = count
        pairs = [self.line.open() for _ in range(20)]
        written.clear()
        for near, far in pairs:
            far.dataReceived = far.transport.write  # type: ignore[method-assign]
            near.transport.write(b"x")
        self.line.settle()
        self.assertEqual([near.received for near, _ in pairs], [b"x"] * 20)
        self.assertEqual(written, {0: 1, 1: 1})

    def test_much(self) -> None:
        """
        What is much does not wait for the end of the turn.
        """
        pairs = [self.line.open() for _ in range(trunks.MOST_GATHERED // WINDOW + 1)]
        transport = self.line.sides[0][1]
        for near, _ in pairs[:-1]:
            near.transport.write(bytes(WINDOW))
        self.assertEqual(transport.value(), b"")
        pairs[-1][0].transport.write(bytes(WINDOW))
        self.assertGreater(len(transport.value()), trunks.MOST_GATHERED)
        self.line.settle()
        self.assertEqual({len(far.received) for _, far in pairs}, {WINDOW})

    def test_window(self) -> None:
        """
        Who does not read is sent no more than the window has room for; the rest waits
        where it was written, and comes when it is read. The others go on.
        """
        data = bytes(range(256)) * 4096
        others = self.line.open()
        self.far.transport.pauseProducing()
        self.near.transport.write(data)
        others[0].transport.write(b"x")
        self.line.settle()
        self.assertEqual(self.far.received, b"")
        self.assertEqual(others[1].received, b"x")
        transport = self.near.transport
        self.assertEqual(transport.waiting, len(data) - WINDOW)
        self.assertLessEqual(len(self.far.transport._held), WINDOW)
        self.far.transport.resumeProducing()
        self.assertEqual(self.far.received, b"")
        self.line.settle()
        self.assertEqual(self.far.received, data)
        self.assertEqual(transport.waiting, 0)

    def test_wire(self) -> None:
        """
        Its wire tells what waits for the other side, and what that takes.
        """
        wire = wireOf(self.near.transport)
        self.assertTrue(wire.write(b"x"))
        self.assertEqual((wire.pending(), wire.held()), (0, 0))
        self.far.transport.pauseProducing()
        self.assertFalse(wire.write(bytes(2 * WINDOW)))
        self.line.settle()
        self.assertEqual((wire.pending(), wire.held()), (WINDOW + 1, WINDOW + 1))
        taken = wire.taken()
        self.line.settle()
        self.assertEqual(wire.taken(), taken)
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertGreater(wire.taken(), taken)
        self.assertEqual(wire.held(), 0)
        self.assertFalse(wire.isCut())

    def test_cut(self) -> None:
        """
        What waited when the connection was lost is cut off, and what was sent is not.
        """
        wire = wireOf(self.near.transport)
        wire.write(bytes(WINDOW + 1))
        self.far.transport.pauseProducing()
        self.far.transport.abortConnection()
        self.line.settle()
        self.assertTrue(wire.isCut())
        self.assertEqual(wire.held(), 0)
        near, far = self.line.open()
        wire = wireOf(near.transport)
        wire.write(b"x")
        far.transport.abortConnection()
        self.line.settle()
        self.assertFalse(wire.isCut())

    def test_producer(self) -> None:
        """
        A producer is paused while something waits, and resumed when nothing does, as
        often as that happens.
        """
        pace = Pace()
        transport = self.near.transport
        transport.registerProducer(pace, True)
        self.assertRaises(RuntimeError, transport.registerProducer, pace, True)
        for _ in range(2):
            pace.told.clear()
            self.far.transport.pauseProducing()
            transport.write(b"x")
            transport.write(bytes(transport._credit))
            self.line.settle()
            self.assertEqual(pace.told, [])
            transport.write(b"x")
            transport.write(b"x")
            self.assertEqual(pace.told, ["pause"])
            self.far.transport.resumeProducing()
            self.line.settle()
            self.assertEqual(pace.told, ["pause", "resume"])

    def test_producerOfClosed(self) -> None:
        """
        A connection may be closed with its producer, which is told of nothing; one that
        comes later has nothing to produce.
        """
        pace = Pace()
        transport = self.near.transport
        transport.registerProducer(pace, True)
        transport.loseConnection()
        self.assertFalse(transport.connected)
        self.line.settle()
        self.assertEqual((self.far.lost, pace.told), ([ConnectionDone], []))
        transport.registerProducer(pace, True)
        self.assertEqual(pace.told, ["stop"])

    def test_close(self) -> None:
        """
        A connection that is closed sends all first, and both sides are told once.
        """
        self.far.transport.pauseProducing()
        self.near.transport.write(bytes(2 * WINDOW))
        self.near.transport.loseConnection()
        self.line.settle()
        self.assertEqual((self.near.lost, self.far.lost), ([], []))
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertEqual(len(self.far.received), 2 * WINDOW)
        self.assertEqual(self.near.lost, [ConnectionDone])
        self.assertEqual(self.far.lost, [ConnectionDone])

    def test_closePaused(self) -> None:
        """
        Who reads later has all of it before the end.
        """
        self.far.transport.pauseProducing()
        self.near.transport.write(b"all")
        self.near.transport.loseConnection()
        self.line.settle()
        self.assertEqual(self.far.lost, [])
        self.far.transport.resumeProducing()
        self.far.transport.pauseProducing()
        self.line.settle()
        self.assertEqual((self.far.received, self.far.lost), (b"", []))
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertEqual((self.far.received, self.far.lost), (b"all", [ConnectionDone]))

    def test_abort(self) -> None:
        """
        One that is aborted sends nothing more, and nobody is called back from there.
        """
        self.far.transport.pauseProducing()
        self.near.transport.write(bytes(2 * WINDOW))
        self.line.settle()
        self.near.transport.abortConnection()
        self.assertEqual(self.near.lost, [])
        self.line.settle()
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertEqual(self.far.received, b"")
        self.assertEqual((self.near.lost, self.far.lost), ([ConnectionLost],) * 2)
        for end in self.near, self.far:
            end.transport.write(b"late")
            end.transport.loseConnection()
            end.transport.abortConnection()
        self.line.settle()
        self.assertEqual((len(self.near.lost), len(self.far.lost)), (1, 1))

    def test_crossing(self) -> None:
        """
        What is on its way to one that has ended is for nobody.
        """
        self.near.transport.abortConnection()
        self.far.transport.write(b"x")
        self.far.transport.loseConnection()
        self.line.settle()
        self.assertEqual((self.near.received, self.near.lost), (b"", [ConnectionLost]))
        near, far = self.line.open()
        near.transport.write(b"x")
        self.line.settle()
        self.assertEqual(far.received, b"x")

    def test_fault(self) -> None:
        """
        A fault drops the connection that it happens on, and is logged; the others on
        the trunk go on.
        """
        others = self.line.open()
        self.far.fault = True
        self.near.transport.write(b"x")
        others[0].transport.write(b"x")
        self.line.settle()
        self.assertEqual(self.near.lost, [ConnectionLost])
        self.assertEqual(others[1].received, b"x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_faultLater(self) -> None:
        """
        So does one that happens when what was held is handed on.
        """
        self.far.fault = True
        self.far.transport.pauseProducing()
        self.near.transport.write(b"x")
        self.line.settle()
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertEqual(self.near.lost, [ConnectionLost])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lost(self) -> None:
        """
        Where the trunk is lost, so are all on it, with what they held.
        """
        self.far.transport.pauseProducing()
        self.near.transport.write(b"x")
        self.line.settle()
        for trunk, _ in self.line.sides:
            trunk.connectionLost(Failure(ConnectionLost()))
        self.line.settle()
        self.far.transport.resumeProducing()
        self.line.settle()
        self.assertEqual((self.near.lost, self.far.lost), ([ConnectionLost],) * 2)
        self.assertEqual(self.far.received, b"")

    def test_addresses(self) -> None:
        """
        Its addresses are those of the sockets.
        """
        transport = self.line.sides[0][1]
        self.assertEqual(self.near.transport.getPeer(), transport.getPeer())
        self.assertEqual(self.near.transport.getHost(), transport.getHost())

    def test_numbers(self) -> None:
        """
        A number is used again when all have been, and never while it is in use.
        """
        self.patch(trunks, "_NUMBERS", 3)
        self.line.open()
        self.near.transport.loseConnection()
        self.line.settle()
        pairs = [self.line.open() for _ in range(2)]
        for number, (near, _) in enumerate(pairs):
            near.transport.write(b"%d" % number)
        self.line.settle()
        self.assertEqual([far.received for _, far in pairs], [b"0", b"1"])


#: What an end of a connection does: which connection, which end, what, and how much.
STEP = st.tuples(
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from(["write", "write", "pause", "resume", "close", "abort", "move"]),
    st.sampled_from([1, 8, 9, 100, 30_000, WINDOW, WINDOW + 1, 200_000]),
)


class PropertyTests(SynchronousTestCase):
    """
    Whatever is done.
    """

    @given(st.lists(STEP, max_size=40))
    def test_any(self, steps: list[tuple[int, int, str, int]]) -> None:
        """
        What comes is the beginning of what was written, and all of it where nobody has
        broken off. No side holds more than the window, and each is told of one end.
        """
        line = Line()
        pairs = [line.open() for _ in range(3)]
        written = {end: b"" for pair in pairs for end in pair}
        closed = set()
        broken = set()
        for number, side, what, size in steps:
            end = pairs[number][side]
            transport = end.transport
            if what == "write" and end not in closed and not end.lost:
                data = bytes([number * 2 + side]) * size
                written[end] += data
                transport.write(data)
            elif what == "pause":
                transport.pauseProducing()
            elif what == "resume":
                transport.resumeProducing()
            elif what == "close":
                closed.add(end)
                broken.add(pairs[number][1 - side])
                transport.loseConnection()
            elif what == "abort":
                closed.update(pairs[number])
                broken.update(pairs[number])
                transport.abortConnection()
            elif what == "move":
                line.turn()
                line.move(side, size)
            for each in written:
                if isinstance(each.transport, TrunkTransport):
                    assert len(each.transport._held) <= WINDOW
        for end in written:
            end.transport.resumeProducing()
        line.settle()
        for pair in pairs:
            for end, other in (pair, pair[::-1]):
                if not closed & set(pair):
                    given = end.transport._credit + other.transport._owed
                    assert given == WINDOW
                assert written[end].startswith(other.received)
                if end not in broken:
                    assert other.received == written[end], (len(other.received), steps)
                ended = bool(closed & set(pair))
                assert len(end.lost) == ended, (end.lost, ended)
        assert not line.clock.getDelayedCalls()
