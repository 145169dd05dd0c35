"""Tests for `txsockjs.command.loading`: many sessions, in no time."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.command.memory import MemoryEndpoint
from txsockjs.command.load import report, summary
from txsockjs.command.loading import MOST_AWAITED, Load, Plan
from txsockjs.command.progress import progressLine
from txsockjs.command.tally import Tally
from txsockjs.errors import SessionClosed


class LoadCase(SynchronousTestCase):
    """
    A load on a service in memory.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = MemoryEndpoint(self.clock)

    def begin(self, **plan: Any) -> Load:
        """
        Begin a load: 4 sessions, 2 a second, each with one message a second, for 10.
        """
        settings: dict[str, Any] = {
            "sessions": 4,
            "rate": 2.0,
            "messageRate": 1.0,
            "transports": {"websocket": 1},
            "duration": 10.0,
        }
        self.plan = Plan(**{**settings, **plan})
        endpoints = dict.fromkeys(self.plan.transports, self.endpoint)
        self.load = Load(self.clock, self.plan, endpoints)
        self.done = self.load.start()
        return self.load

    def run_(self, seconds: float) -> None:
        """
        Let the time pass, in small steps.
        """
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)

    def total(self) -> Tally:
        return Tally.total(self.load.tallies.values())

    def assertOver(self) -> None:
        """
        It is over, with nothing left behind.
        """
        self.successResultOf(self.done)
        self.assertEqual(self.endpoint.open, 0)
        # What was on its way to the server, or from it, is the network's.
        calls = [call.func for call in self.clock.getDelayedCalls()]
        ours = [call for call in calls if call.__module__ != MemoryEndpoint.__module__]
        self.assertEqual(ours, [])


class OpeningTests(LoadCase):
    """
    How sessions are opened.
    """

    def test_rate(self) -> None:
        """
        They are opened at the rate, the first one at once, and there are no more than
        the plan has.
        """
        self.begin(sessions=5, rate=2.0)
        self.run_(9)
        expected = [0.0, 0.5, 1.0, 1.5, 2.0]
        self.assertEqual(len(self.endpoint.attempts), 5)
        for began, due in zip(self.endpoint.attempts, expected, strict=True):
            self.assertApproximates(began, due, 0.011)

    def test_late(self) -> None:
        """
        Where the process was held up, those that were due meanwhile are opened then,
        and those that are due later are not.
        """
        self.begin(sessions=10, rate=2.0)
        self.clock.advance(2.1)
        self.assertEqual(len(self.endpoint.attempts), 5)

    def test_never_more(self) -> None:
        """
        For a session that failed or was lost no other one is opened.
        """
        self.endpoint.failing = {1}
        self.begin(sessions=4, rate=10.0)
        self.run_(3)
        self.endpoint.transports[0].lose(SessionClosed(3000, "Go away!"))
        self.run_(20)
        self.assertOver()
        self.assertEqual(len(self.endpoint.attempts), 4)
        self.assertEqual(self.endpoint.most, 3)
        self.assertEqual(self.load.peak, 3)

    def test_peak(self) -> None:
        """
        The most that were open at once are the most of any time, not of the last.
        """
        load = self.begin(sessions=4, rate=1.0)
        self.run_(2.5)
        for transport in self.endpoint.transports:
            transport.lose(SessionClosed(3000, "Go away!"))
        self.run_(2)
        self.assertEqual((self.endpoint.open, load.peak), (1, 3))

    def test_stubborn(self) -> None:
        """
        A session that opens though it was given up is closed.
        """
        self.endpoint.stubborn = True
        self.endpoint.latency = 2.0
        load = self.begin(sessions=1, duration=1.0)
        self.run_(2.5)
        [transport] = self.endpoint.transports
        self.assertEqual(transport.closes, [(1000, "")])
        self.run_(3)
        self.assertOver()
        self.assertEqual(load.tallies["websocket"].sent, 0)

    def test_shares(self) -> None:
        """
        Each transport has its share.
        """
        shares = {"websocket": 3, "xhr-polling": 1}
        load = self.begin(sessions=8, rate=100.0, transports=shares)
        self.run_(1)
        opened = {name: tally.opened for name, tally in load.tallies.items()}
        self.assertEqual(opened, {"websocket": 6, "xhr-polling": 2})

    def test_took(self) -> None:
        """
        How long opening took is measured.
        """
        self.begin()
        self.run_(3)
        openings = self.total().openings
        self.assertEqual(len(openings), 4)
        self.assertApproximates(openings.maximum, 0.25, 0.011)

    def test_failures(self) -> None:
        """
        What failed is counted by what it says. Where all has failed, it is over.
        """
        self.endpoint.failing = range(4)
        self.begin()
        self.run_(2)
        self.assertOver()
        self.assertEqual(self.total().failed, 4)
        self.assertEqual(self.total().errors, {"it says no": 4})
        self.assertFalse(self.total().fine)

    def test_cancelled(self) -> None:
        """
        What is not open when time is up is given up.
        """
        self.endpoint.hanging = {3}
        self.begin()
        self.run_(9)
        self.assertEqual(self.total().connecting, 1)
        self.run_(3)
        self.assertOver()
        self.assertEqual((self.total().cancelled, self.total().failed), (1, 0))
        self.assertFalse(self.total().fine)


class MessageTests(LoadCase):
    """
    What the sessions send and hear.
    """

    def test_rate(self) -> None:
        """
        Each sends at its rate, from when it is open until time is up; all comes back.
        """
        self.begin(sessions=1, messageRate=4.0, duration=10.25)
        self.run_(10)
        self.assertApproximates(self.total().sent, 39, 1)
        self.run_(2)
        self.assertOver()
        total = self.total()
        self.assertApproximates(total.sent, 40, 1)
        self.assertEqual(total.echoed, total.sent)
        self.assertTrue(total.fine)
        self.assertApproximates(total.roundTrips.maximum, 0.5, 0.031)

    def test_size(self) -> None:
        """
        Messages have the size, and no two of them are the same.
        """
        self.begin(size=100)
        self.run_(5)
        sent = [text for each in self.endpoint.transports for text in each.sent]
        self.assertGreater(len(sent), 10)
        self.assertEqual({len(text) for text in sent}, {100})
        self.assertEqual(len(set(sent)), len(sent))

    def test_spread(self) -> None:
        """
        Sessions that were opened together do not send all together.
        """
        self.begin(sessions=10, rate=1e6)
        self.run_(0.75)
        self.assertTrue(3 <= self.total().sent <= 7, self.total().sent)

    def test_none(self) -> None:
        """
        With a rate of 0, sessions are only held.
        """
        self.begin(messageRate=0.0)
        self.run_(11)
        self.assertOver()
        self.assertEqual((self.total().sent, self.total().closed), (0, 4))
        self.assertTrue(self.total().fine)

    def test_due(self) -> None:
        """
        A round trip counts from when the message was due, not from when a process that
        was held up came to send it.
        """
        self.begin(sessions=1, messageRate=1.0)
        self.run_(1)
        self.clock.advance(5)
        self.run_(1)
        self.assertEqual(self.total().echoed, 6)
        self.assertApproximates(self.total().roundTrips.percentile(50), 3.0, 1.0)

    def test_lost(self) -> None:
        """
        A message that does not come back is waited for, for so long and no longer.
        """
        self.endpoint.echoes = lambda number: number != 5
        self.begin(sessions=1, wait=2.0)
        self.run_(11.9)
        self.assertNoResult(self.done)
        self.assertEqual(self.endpoint.open, 1)
        self.run_(0.5)
        self.assertOver()
        self.assertEqual(self.total().sent - self.total().echoed, 1)
        self.assertFalse(self.total().fine)

    def test_foreign(self) -> None:
        """
        What is none of the session's own messages is counted apart, whatever it is; so
        is one that comes twice.
        """
        self.endpoint.echoes = lambda number: False
        self.begin(sessions=1)
        self.run_(3)
        [transport] = self.endpoint.transports
        self.assertGreater(len(transport.sent), 1)
        mark = transport.sent[0].split(".")[0]
        for text in ("", "hello", f"{mark}.1.", f"{mark}.1.x ", f"{mark}.2.1 ."):
            transport.receive(text)
        transport.receive(f"{mark}.1." + "9" * 5000)
        transport.receive(f"{mark}.1.\u0662 .")
        self.assertEqual((self.total().other, self.total().echoed), (7, 0))
        transport.receive(transport.sent[0])
        transport.receive(transport.sent[0])
        self.assertEqual((self.total().other, self.total().echoed), (8, 1))

    def test_crowded(self) -> None:
        """
        To a session that takes no more nothing is sent; what was due is counted.
        """
        self.begin(sessions=1)
        self.run_(2)
        [transport] = self.endpoint.transports
        sent, transport.crowded = len(transport.sent), True
        self.run_(3)
        self.assertEqual((len(transport.sent), self.total().skipped), (sent, 3))
        transport.crowded = False
        self.run_(2)
        self.assertEqual(len(transport.sent), sent + 2)
        self.assertFalse(self.total().fine)

    def test_absurd(self) -> None:
        """
        However many are due, that takes no longer, and nothing is left uncounted.
        """
        self.clock.advance(2e9)
        self.begin(sessions=1, messageRate=1e9, duration=2.0)
        self.run_(3)
        self.assertOver()
        total = self.total()
        self.assertApproximates(total.sent + total.skipped, 1.75e9, 0.03e9)
        self.assertGreater(total.echoed, MOST_AWAITED)

    def test_awaited(self) -> None:
        """
        Nor is there more on its way than what is remembered.
        """
        self.endpoint.echoes = lambda number: False
        self.begin(sessions=1, messageRate=500.0)
        self.run_(5)
        self.assertEqual(self.total().sent, MOST_AWAITED)
        self.assertGreater(self.total().skipped, 500)


class EndTests(LoadCase):
    """
    How it ends.
    """

    def test_closed(self) -> None:
        """
        When time is up, each session is closed with the code 1000.
        """
        self.begin()
        self.run_(12)
        self.assertOver()
        closes = [transport.closes for transport in self.endpoint.transports]
        self.assertEqual(closes, [[(1000, "")]] * 4)
        self.assertEqual((self.total().closed, self.total().open), (4, 0))

    def test_deaf(self) -> None:
        """
        A server that does not let sessions end does not hold it up.
        """
        self.endpoint.closes = False
        self.begin(closing=3.0)
        self.run_(12.5)
        self.assertNoResult(self.done)
        self.run_(2)
        self.assertOver()
        self.assertEqual(self.total().lost, 4)

    def test_ended(self) -> None:
        """
        A session that ends before its time is lost, with the messages on their way.
        """
        self.begin(sessions=1)
        self.run_(2.1)
        self.endpoint.transports[0].lose(SessionClosed(1012, "Service Restart"))
        self.assertOver()
        self.assertEqual(self.total().errors, {"closed: 1012 Service Restart": 1})
        self.assertEqual(self.total().lost, 1)
        self.assertFalse(self.total().fine)

    def test_endedAwaited(self) -> None:
        """
        What such a session was waiting for is not waited for in the end.
        """
        self.begin(sessions=2, rate=100.0)
        self.run_(1.05)
        first = self.endpoint.transports[0]
        self.assertGreater(len(first.sent), 0)
        first.lose(SessionClosed(3000, "Go away!"))
        self.assertGreater(self.total().sent, self.total().echoed)
        self.run_(9.95)
        self.assertOver()

    def test_stop(self) -> None:
        """
        Told to stop, it ends as it would in the end.
        """
        load = self.begin(sessions=100)
        self.run_(2)
        load.stop()
        attempts = len(self.endpoint.attempts)
        self.run_(2)
        self.assertOver()
        self.assertEqual(len(self.endpoint.attempts), attempts)
        self.assertTrue(load.interrupted)
        self.assertEqual(self.total().closed, self.total().opened)

    def test_abort(self) -> None:
        """
        Told again, it drops everything at once.
        """
        self.endpoint.closes = False
        self.endpoint.echoes = lambda number: False
        load = self.begin()
        self.run_(5)
        load.stop()
        self.assertNoResult(self.done)
        load.abort()
        self.assertOver()
        self.assertTrue(all(each.aborted for each in self.endpoint.transports))


class ResultTests(LoadCase):
    """
    What is told of it.
    """

    def test_report(self) -> None:
        """
        The result is JSON, with a part for all and one for each transport.
        """
        shares = {"websocket": 3, "xhr-polling": 1}
        load = self.begin(transports=shares)
        self.run_(12)
        text = json.dumps(report(load, "http://example.com/echo", 0.0))
        found = json.loads(text)
        self.assertEqual(found["url"], "http://example.com/echo")
        self.assertEqual(found["began"], "1970-01-01T00:00:00.000Z")
        self.assertEqual(found["plan"]["transports"], shares)
        self.assertEqual(found["sessions"]["opened"], 4)
        self.assertEqual(found["transports"]["websocket"]["sessions"]["opened"], 3)
        self.assertEqual(found["messages"]["lost"], 0)
        self.assertApproximates(found["round_trip_ms"]["p99.9"], 500, 31)

    def test_summary(self) -> None:
        """
        For a person there are the numbers, what went wrong, and how often.
        """
        self.endpoint.failing = {0}
        self.endpoint.hanging = {1}
        load = self.begin()
        self.run_(5)
        self.endpoint.transports[0].receive("what?")
        self.run_(10)
        text = "\n".join(summary(load))
        self.assertIn("2 of 4 sessions opened, 2 at once at the most", text)
        self.assertIn("1 x it says no", text)
        self.assertIn("1 sessions were not open yet", text)
        self.assertIn("1 messages came in", text)
        self.assertNotIn("no message came back", text)

    def test_no_echo(self) -> None:
        """
        Where nothing comes back, there is a hint.
        """
        self.endpoint.echoes = lambda number: False
        load = self.begin()
        self.run_(17)
        self.assertOver()
        self.assertIn("no message came back", "\n".join(summary(load)))

    def test_line(self) -> None:
        """
        On its way it is told in one line.
        """
        load = self.begin()
        self.run_(3)
        self.assertRegex(
            progressLine(load),
            r"^   3\.0 s: 4 of 4 open, 0 failed, 0 lost; \d+ messages, \d+ back: "
            r"p50 5\d\d, p99 5\d\d, p99\.9 5\d\d ms$",
        )

    def test_fine(self) -> None:
        """
        All was well where nothing at all went wrong.
        """
        self.assertTrue(Tally(opened=1, closed=1, sent=1, echoed=1, other=1).fine)
        for wrong in "failed", "cancelled", "lost", "skipped", "sent":
            self.assertFalse(Tally(**{wrong: 1}).fine, wrong)

    def test_errors(self) -> None:
        """
        There are only so many different errors; the rest is one.
        """
        tally = Tally()
        for number in range(30):
            tally.error(f"error {number}")
        self.assertEqual(len(tally.errors), 21)
        self.assertEqual(tally.errors["other errors"], 10)
