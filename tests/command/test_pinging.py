"""Tests for `txsockjs.command.pinging`: round trips, in no time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.command.memory import MemoryEndpoint
from txsockjs.command.ping import cells, line, report
from txsockjs.command.pinging import Pinger, Trips
from txsockjs.errors import SessionClosed, TransportFailed


class PingCase(SynchronousTestCase):
    """
    A service in memory, which each trip takes a quarter of a second to or from.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = MemoryEndpoint(self.clock)
        self.trips = Trips("websocket")

    def begin(self, **settings: Any) -> Deferred[None]:
        wanted = {"count": 4, "interval": 1.0, "wait": 2.0, **settings}
        self.pinger = Pinger(self.clock, **wanted)
        measuring = self.pinger.transport(self.trips, self.endpoint)
        self.running: Deferred[None] = Deferred.fromCoroutine(measuring)
        # How many sessions are left when it is over.
        self.left: list[int] = []

        def over(result: Any) -> Any:
            self.left.append(self.endpoint.open)
            return result

        return self.running.addBoth(over)

    def run_(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)

    def assertOver(self) -> None:
        """
        It is over, with nothing left behind.
        """
        self.successResultOf(self.running)
        self.assertEqual(self.left, [0])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EchoTests(PingCase):
    """
    A service that echoes.
    """

    def test_echo(self) -> None:
        """
        So many messages go there and back over one session, at the interval.
        """
        self.begin()
        self.run_(3.6)
        self.assertEqual(len(self.endpoint.transports[0].sent), 4)
        self.run_(1)
        self.assertOver()
        self.assertEqual(len(self.endpoint.attempts), 1)
        self.assertEqual(self.trips.measured, "echo")
        self.assertEqual((self.trips.sent, self.trips.lost), (4, 0))
        self.assertApproximates(self.trips.durations.minimum, 0.5, 0.021)
        self.assertApproximates(self.trips.durations.maximum, 0.5, 0.021)
        self.assertEqual(self.endpoint.transports[0].closes, [(1000, "")])

    def test_lost(self) -> None:
        """
        A message that does not come back in time is lost, and the next one is sent.
        """
        self.endpoint.echoes = lambda number: number != 2
        self.begin()
        self.run_(6)
        self.assertOver()
        self.assertEqual((self.trips.sent, self.trips.lost), (4, 1))
        self.assertIsNone(self.trips.problem)

    def test_late(self) -> None:
        """
        One that comes back when it is lost already stays lost, and is not taken for
        another one. What nobody has sent is not, either.
        """
        self.endpoint.echoes = lambda number: number != 1
        self.begin(wait=0.75)
        self.run_(3)
        [transport] = self.endpoint.transports
        for text in (transport.sent[1], "hello", ""):
            transport.receive(text)
        self.run_(3)
        self.assertOver()
        self.assertEqual((self.trips.sent, self.trips.lost), (4, 1))

    def test_closed(self) -> None:
        """
        A session that ends before its time ends the measuring, and says why.
        """
        self.begin()
        self.run_(1.5)
        self.endpoint.transports[0].lose(SessionClosed(4001, "No pings"))
        self.run_(2)
        self.assertOver()
        self.assertEqual(self.trips.problem, "closed: 4001 No pings")
        self.assertEqual((self.trips.sent, self.trips.lost), (2, 1))

    def test_stop(self) -> None:
        """
        Where it is cancelled, what was measured is left, and the session is closed.
        """
        running = self.begin(count=100)
        self.run_(2.5)
        self.pinger.stop()
        running.cancel()
        self.run_(1)
        self.failureResultOf(running)
        self.assertEqual(self.endpoint.open, 0)
        self.assertEqual((self.trips.sent, self.trips.lost), (2, 0))


class OpeningTests(PingCase):
    """
    A service that does not echo.
    """

    def test_no_echo(self) -> None:
        """
        Where the first message does not come back, openings are measured.
        """
        self.endpoint.echoes = lambda number: False
        self.begin()
        self.run_(8)
        self.assertOver()
        self.assertEqual(self.trips.measured, "opening")
        self.assertEqual((self.trips.sent, self.trips.lost), (4, 0))
        self.assertApproximates(self.trips.durations.maximum, 0.25, 0.021)
        sent = [len(transport.sent) for transport in self.endpoint.transports]
        self.assertEqual(sent, [1, 0, 0, 0, 0])

    def test_refused(self) -> None:
        """
        So they are where the service ends the session at the first message.
        """
        self.endpoint.echoes = lambda number: False
        self.begin()
        self.run_(0.6)
        self.endpoint.transports[0].lose(SessionClosed(4000, "What?"))
        self.run_(6)
        self.assertOver()
        self.assertEqual((self.trips.measured, self.trips.problem), ("opening", None))

    def test_silent(self) -> None:
        """
        Where it is asked for, no message is sent.
        """
        self.begin(openings=True)
        self.run_(5)
        self.assertOver()
        self.assertEqual(len(self.endpoint.transports), 4)
        self.assertEqual([t.sent for t in self.endpoint.transports], [[]] * 4)

    def test_some(self) -> None:
        """
        An opening that fails is lost, and the next one is tried.
        """
        self.endpoint.failing = {1}
        self.begin(openings=True)
        self.run_(5)
        self.assertOver()
        self.assertEqual((self.trips.sent, self.trips.lost), (4, 1))
        self.assertEqual(self.trips.problem, "it says no")

    def test_stopConnecting(self) -> None:
        """
        So it is where the first session is not open yet, whatever its end looks like.
        """
        self.endpoint.hanging = {0}
        self.endpoint.cancelled = TransportFailed("it was cancelled")
        running = self.begin()
        self.run_(1)
        self.pinger.stop()
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertEqual((self.trips.sent, self.trips.lost), (0, 0))
        self.assertEqual(len(self.endpoint.attempts), 1)

    def test_none(self) -> None:
        """
        Where the transport does not work at all, that is told soon.
        """
        self.endpoint.failing = range(9)
        self.begin()
        self.run_(1)
        self.assertOver()
        self.assertEqual((self.trips.sent, self.trips.lost), (1, 1))
        self.assertEqual(self.trips.problem, "it says no")

    def test_stop(self) -> None:
        """
        Where it is cancelled, what hangs is no loss.
        """
        self.endpoint.hanging = {2}
        running = self.begin(openings=True)
        self.run_(4)
        self.pinger.stop()
        running.cancel()
        self.failureResultOf(running)
        self.assertEqual((self.trips.sent, self.trips.lost), (2, 0))
        self.assertEqual(self.endpoint.open, 0)


class ResultTests(PingCase):
    """
    What is told of it.
    """

    def test_line(self) -> None:
        """
        The summary of a transport is a line.
        """
        self.begin()
        self.run_(5)
        self.assertRegex(
            line(tuple(cells(self.trips))),
            r"^websocket      echo         4     0( +5\d\d ms){4}$",
        )

    def test_nothing(self) -> None:
        """
        Where all was lost, there are no times.
        """
        self.assertRegex(
            line(tuple(cells(Trips("websocket", sent=3)))),
            r"^websocket      echo         3     3( +-){4}$",
        )

    def test_report(self) -> None:
        """
        As JSON, it has the same.
        """
        self.begin()
        self.run_(5)
        found = report("http://example.com/echo", [self.trips])
        [trips] = found["trips"]
        self.assertEqual(found["url"], "http://example.com/echo")
        self.assertEqual((trips["name"], trips["measured"]), ("websocket", "echo"))
        self.assertEqual((trips["sent"], trips["lost"], trips["problem"]), (4, 0, None))
        self.assertApproximates(trips["ms"]["p50"], 500, 31)
