"""Sessions that any worker can serve."""

from __future__ import annotations

from tests.cluster.support import Closing, ClusterCase


class TransportTests(ClusterCase):
    """
    What a session is like that each request asks another worker for.
    """

    def test_transports(self) -> None:
        """
        Messages go both ways on any transport, in their order, and the end is told with
        code and reason.
        """
        self.begin(3, Closing)
        self.assertTalksOverAll()
        self.assertGreater(self.workers[0].cluster.counters.passed, 100)

    def test_one(self) -> None:
        """
        A session is at the worker of its slot, whoever was asked for it.
        """
        self.begin(3)
        for slot in range(3):
            client = self.client()
            id = self.idOf(slot)
            for _ in range(3):
                client.request("POST", f"/0/{id}/xhr_send", (), b"")
            self.assertEqual(client.request("POST", f"/0/{id}/xhr").body, b"o\n")
        self.assertEqual([len(worker.sessions) for worker in self.workers], [1, 1, 1])
