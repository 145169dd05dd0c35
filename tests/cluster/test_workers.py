"""Sessions that any worker can serve."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol

from tests.cluster.support import ClusterCase

TRANSPORTS = ("xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp", "websocket")


class Closing(Protocol):
    """
    Echoes, until it is told to close.
    """

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if data == b"close":
            transport.loseConnection(3001, "enough")
        else:
            transport.write(data)


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
        client = self.client()
        for transport in TRANSPORTS:
            session = client.session(transport)
            self.assertTrue(session.opened, transport)
            sent = [f"{transport} {number}" for number in range(100)]
            for message in sent:
                session.send(message)
            self.assertEqual(session.received, sent)
            session.send("close")
            self.assertEqual(session.closed, (3001, "enough"), transport)
            self.assertEqual(self.flushLoggedErrors(), [])
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
