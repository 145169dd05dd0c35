"""Sessions that processes on any machine can serve, with a Redis in memory."""

from __future__ import annotations

from tests.cluster.machines import MachinesCase
from tests.cluster.support import Closing


class TransportTests(MachinesCase):
    """
    What a session is like that each request asks another machine for.
    """

    def test_transports(self) -> None:
        """
        Messages go both ways on any transport, in their order, and the end is told with
        code and reason.
        """
        self.begin(3, Closing)
        self.assertTalksOverAll()
        self.assertEqual(sum(len(each.sessions) for each in self.workers), 6)
        passed = sum(each.cluster.counters.passed for each in self.workers)
        self.assertGreater(passed, 300)
