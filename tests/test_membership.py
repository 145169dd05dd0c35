"""Tests of `txsockjs.membership`: how a site joins its cluster, and leaves it."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from tests.test_shutdown import Reactor
from txsockjs import SockJSFactory
from txsockjs.counters import ClusterCounters


class FakeCluster:
    """
    A cluster that starts and stops when the test says so.

    :ivar calls: what was asked of it, as it was answered, in order.
    """

    def __init__(self) -> None:
        self.counters = ClusterCounters()
        self.calls: list[tuple[str, Deferred[None]]] = []

    def add(self, prefix: str, service: Any) -> None:
        pass

    def _asked(self, what: str) -> Deferred[None]:
        self.calls.append((what, Deferred()))
        return self.calls[-1][1]

    def start(self, site: Any) -> Deferred[None]:
        return self._asked("start")

    def stop(self) -> Deferred[None]:
        return self._asked("stop")

    def names(self) -> list[str]:
        return [what for what, _ in self.calls]


class MembershipTests(SynchronousTestCase):
    """
    A site in a cluster.
    """

    def setUp(self) -> None:
        for number in signal.SIGTERM, signal.SIGINT:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = Reactor()
        self.cluster = FakeCluster()
        clock: Any = self.reactor
        self.site = SockJSFactory(Echo, clock=clock, cluster=self.cluster)
        self.site.doStart()

    def answer(self, result: Any = None) -> None:
        """
        Answer what was asked last.
        """
        self.cluster.calls[-1][1].callback(result)

    def test_twice(self) -> None:
        """
        Who asks while the site is leaving already, as it does when it listens no more,
        is told when it has left; it is left once.
        """
        self.answer()
        self.site.doStop()
        both = [self.site.leaveCluster() for _ in range(2)]
        self.assertEqual(self.cluster.names(), ["start", "stop"])
        for each in both:
            self.assertNoResult(each)
        self.answer()
        for each in both:
            self.assertIs(self.successResultOf(each), None)

    def assertLogged(self, problem: str) -> None:
        """
        That what was asked last fails is logged, so.
        """
        with capturedLogs() as events:
            self.cluster.calls[-1][1].errback(ValueError("no way"))
        [event] = events
        self.assertIs(event["log_level"], LogLevel.critical)
        self.assertIn(problem, event["log_format"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_fails(self) -> None:
        """
        Where it cannot be joined, or left, that is logged, and who waits goes on.
        """
        self.assertLogged("cannot pass requests on to this one")
        self.site.doStop()
        left = self.site.leaveCluster()
        self.assertLogged("could not be told")
        self.successResultOf(left)

    def test_early(self) -> None:
        """
        One that is told to leave before it has joined leaves after that.
        """
        self.site.doStop()
        self.assertEqual(self.cluster.names(), ["start"])
        self.answer()
        self.assertEqual(self.cluster.names(), ["start", "stop"])

    def test_reactorStops(self) -> None:
        """
        A reactor that is told to stop waits until the sessions have ended, and then
        until the site has left.
        """
        self.answer()
        waited = self.reactor.fire("before")
        self.assertEqual(self.cluster.names(), ["start"])
        self.reactor.advance(0)
        self.assertEqual(self.cluster.names(), ["start", "stop"])
        ended: list[Any] = []
        for each in waited:
            each.addCallback(ended.append)
        self.assertEqual(len(ended), len(waited) - 1)
        self.answer()
        self.assertEqual(len(ended), len(waited))

    def test_nothingLeft(self) -> None:
        """
        One that has left leaves nothing at the reactor, and may listen again.
        """
        self.answer()
        self.site.doStop()
        self.answer()
        self.assertEqual(self.reactor.triggers, [])
        self.site.doStart()
        self.assertEqual(self.cluster.names(), ["start", "stop", "start"])
        self.assertNotEqual(self.reactor.triggers, [])
