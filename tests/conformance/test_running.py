"""
How checks are found and made, without a server or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.samples import SERVICES, group
from txsockjs.conformance import running
from txsockjs.conformance.client import ByteStream, Target
from txsockjs.conformance.running import Check, Outcome, Verdict
from txsockjs.conformance.services import pathOf


class MakingTests(SynchronousTestCase):
    """
    `running.make` and `running.run`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.group = group()
        self.target = Target(self.clock, "http://example.com:8080/echo", 5)

    def begin(self, method: str) -> Deferred[Outcome]:
        check = Check(self.group, method)
        return Deferred.fromCoroutine(running.make(check, self.target, SERVICES))

    def assertOutcome(self, method: str, verdict: Verdict, why: str) -> None:
        outcome = self.successResultOf(self.begin(method))
        self.assertEqual((outcome.verdict, outcome.why), (verdict, why))

    def test_ok(self) -> None:
        """
        A check that raises nothing is ok, and ends what it has begun, the last first.
        """
        self.assertOutcome("testGood", Verdict.OK, "")
        self.assertEqual(self.group.said, ["last begun", "first begun"])

    def test_row(self) -> None:
        """
        Each row is a check of its own, which fails on its own.
        """
        self.assertOutcome("testRow_one", Verdict.OK, "")
        self.assertOutcome("testRow_two", Verdict.FAILED, "2 != 1")

    def test_skipped(self) -> None:
        """
        A check that the server offers nothing for is skipped, with the reason.
        """
        self.assertOutcome("testClosing", Verdict.SKIPPED, "none (--close URL)")
        why = "the limit of a response is not known (--streaming-limit N)"
        self.assertOutcome("testLimit", Verdict.SKIPPED, why)

    def test_error(self) -> None:
        """
        An error is a failure, and what goes wrong after it does not hide it.
        """
        self.assertOutcome("testRaises", Verdict.FAILED, "LookupError: where?")

    def test_badEnd(self) -> None:
        """
        What cannot be ended is a failure too.
        """
        self.assertOutcome("testBadEnd", Verdict.FAILED, "no end")

    def test_endless(self) -> None:
        """
        A check that does not end has failed when its time is up, which it tells.
        """
        outcome = self.begin("testWaits")
        self.clock.advance(29.9)
        self.assertNoResult(outcome)
        self.clock.advance(0.1)
        found = self.successResultOf(outcome)
        self.assertEqual(found.verdict, Verdict.FAILED)
        self.assertEqual(found.why, "no end of it within 30 seconds")
        self.assertEqual(found.seconds, 30)

    def test_patience(self) -> None:
        """
        Whoever has more patience with the server has more with a check.
        """
        self.target.patience = 10
        outcome = self.begin("testWaits")
        self.clock.advance(59)
        self.assertNoResult(outcome)
        self.clock.advance(1)
        self.successResultOf(outcome)

    def outcomes(self, checks: Sequence[Check]) -> list[str]:
        """
        Begin a run.

        :return: the names of what it has given so far.
        """
        names: list[str] = []

        async def collect() -> None:
            async with aclosing(running.run(checks, self.target, SERVICES)) as made:
                async for outcome in made:
                    names.append(outcome.check.shortName)  # noqa: PERF401

        self.collecting = Deferred.fromCoroutine(collect())
        return names

    def test_order(self) -> None:
        """
        Outcomes come in the order of the checks, though later checks may end sooner.
        """
        checks = [Check(self.group, name) for name in ("testWaits", "testGood")]
        names = self.outcomes(checks)
        self.assertEqual(self.group.said, ["last begun", "first begun"])
        self.assertEqual(names, [])
        self.group.waiting[0].callback(None)
        self.assertEqual(names, ["waits", "good"])
        self.successResultOf(self.collecting)

    def test_atOnce(self) -> None:
        """
        No more than so many quick checks are made at a time; slow ones are all begun.
        """
        slow = type("Slow", (self.group,), {"slow": True, "waiting": []})
        many = [Check(type("G", (self.group,), {}), "testWaits") for _ in range(20)]
        late = [Check(slow, "testWaits"), Check(type("S", (slow,), {}), "testWaits")]
        self.outcomes([*many, *late])
        self.assertEqual(len(self.group.waiting), running.AT_ONCE)
        self.assertEqual(len(slow.waiting), 2)
        self.group.waiting[3].callback(None)
        self.assertEqual(len(self.group.waiting), running.AT_ONCE + 1)
        self.collecting.addErrback(lambda failure: failure.trap(CancelledError))
        self.collecting.cancel()

    def test_cancelled(self) -> None:
        """
        A run that is cancelled ends at once, and so do the checks that it has begun.
        """
        self.outcomes([Check(self.group, "testWaits")])
        self.assertEqual(self.group.said, [])
        self.collecting.cancel()
        self.failureResultOf(self.collecting, CancelledError)
        self.assertEqual(self.group.said, ["given up"])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NameTests(SynchronousTestCase):
    """
    `running.allChecks` and `running.chosen`.
    """

    def test_unique(self) -> None:
        """
        No two checks have one name.
        """
        names = [check.name for check in running.allChecks()]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 500)

    def test_names(self) -> None:
        """
        A check is named by section, group and method, and tells its clause as text.
        """
        [check] = running.chosen(["xhr.sending.contentTypes_json"])
        self.assertEqual(check.method, "testContentTypes_json")
        self.assertEqual(check.group, "xhr.sending")
        self.assertEqual(
            check.heading, "xhr_send: a JSON array of messages to an open session."
        )
        self.assertTrue(check.clause.startswith("Any content type of the request"))

    def test_capitals(self) -> None:
        """
        A name that begins with an abbreviation keeps it in one piece.
        """
        groups = {check.group for check in running.allChecks()}
        self.assertLessEqual(
            {"headers.cors", "sessions.url", "connections.http10"}, groups
        )

    def test_order(self) -> None:
        """
        The rows of a check stand where the check does.
        """
        names = [check.shortName for check in running.chosen(["pages.greeting"])]
        self.assertEqual(
            names[:3], ["greeting_bare", "greeting_slash", "noCookie_bare"]
        )

    def test_patterns(self) -> None:
        """
        Sections, groups and patterns choose what they name, in the suite's order, and
        each check once.
        """
        found = running.chosen(["xhr.polling.bytes", "*.polling.bytes", "heartbeats"])
        self.assertEqual(
            [check.name for check in found],
            [
                "xhr.polling.bytes",
                "jsonp.polling.bytes",
                "heartbeats.heartbeat.http",
                "heartbeats.heartbeat.webSocket",
            ],
        )

    def test_unknown(self) -> None:
        """
        A name of nothing is an error that says what there is.
        """
        error = self.assertRaises(ValueError, running.chosen, ["xhr", "xht"])
        self.assertIn("no check is named 'xht'; the sections are pages,", str(error))

    def test_urls(self) -> None:
        """
        A URL that cannot be checked is an error that says why.
        """
        for url, said in (
            ("example.com", "is no URL"),
            ("ftp://example.com/", "is no URL"),
            ("http://example.com/?x=1", "drop it"),
            ("http://me:secret@example.com/", "drop it"),
            ("http://example.com:0/", "port 0"),
        ):
            error = self.assertRaises(ValueError, pathOf, url)
            self.assertIn(said, str(error))
        elsewhere = "https://example.com/close"
        error = self.assertRaises(
            ValueError, pathOf, elsewhere, "http://example.com:8080"
        )
        self.assertIn("all services are of one server", str(error))
        self.assertEqual(pathOf("http://example.com/a/echo/"), "/a/echo")


class ByteStreamTests(SynchronousTestCase):
    """
    `ByteStream`.
    """

    def test_cancelled(self) -> None:
        """
        Who waits after one whose wait was cancelled does wait.
        """
        clock = Clock()
        stream = ByteStream(clock, 5)
        transport = StringTransport()
        stream.makeConnection(transport)
        reading = Deferred.fromCoroutine(stream.read(1))
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        stopping = Deferred.fromCoroutine(stream.stop())
        self.assertNoResult(stopping)
        self.assertTrue(transport.disconnecting)
        stream.connectionLost()
        self.successResultOf(stopping)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """
        A wait that was too long is no other's end.
        """
        clock = Clock()
        stream = ByteStream(clock, 5)
        reading = Deferred.fromCoroutine(stream.read(1))
        clock.advance(5)
        self.failureResultOf(reading, AssertionError)
        again = Deferred.fromCoroutine(stream.read(1))
        self.assertNoResult(again)
        stream.dataReceived(b"x")
        self.assertEqual(self.successResultOf(again), b"x")
