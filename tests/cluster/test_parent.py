"""Tests of `txsockjs.cluster.parent`, with no process."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.parent import ParentService


class TerminateTests(SynchronousTestCase):
    """
    What a parent does when it is told to stop.
    """

    def test_logged(self) -> None:
        """
        It stops, and the log says so, once.
        """
        reactor = MemoryReactorClock()
        parent = ParentService(reactor, 2, [], [], 1.0)
        with capturedLogs() as events:
            parent._terminate()
        [event] = events
        self.assertIs(event["log_level"], LogLevel.info)
        self.assertIn("Told to stop", event["log_format"])
        self.assertTrue(reactor.hasStopped)
