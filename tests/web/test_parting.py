"""What clients that are served while a service drains are told."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address

from tests.support.serving import Echo, Recorder, ServiceCase
from txsockjs.testing import MemoryClient

RESTART = b'c[1012,"Service Restart"]\n'
SENDING = ("xhr_send", "jsonp_send")


class CrossingTests(ServiceCase):
    """
    A message that crosses the close frame.
    """

    def drain(self, **options: Any) -> Any:
        """
        Have a session that polls be closed, and its client be told.
        """
        self.serve(Recorder, **options)
        session = self.open("s")
        self.drained = self.site.site.closeSessions()
        self.assertEqual(self.post("/0/s/xhr").body, RESTART)
        return session

    def test_told(self) -> None:
        """
        It is dropped, and answered as though it had been taken: refused, the stock
        client would report 1006 where it reads that answer before the close frame.
        """
        session = self.drain()
        for sending in SENDING:
            self.assertLess(self.post(f"/0/s/{sending}", b'["a"]').status, 300)
        self.assertEqual(session.received, [])
        self.assertEqual(self.post("/0/s/xhr").body, RESTART)

    def test_after(self) -> None:
        """
        So it is when all sessions have ended, as long as requests come, and who comes
        to receive is told the same again.
        """
        self.drain()
        self.site.advance(1)
        self.successResultOf(self.drained)
        for sending in SENDING:
            self.assertLess(self.post(f"/0/s/{sending}", b'["a"]').status, 300)
        self.assertEqual(self.post("/0/s/xhr").body, RESTART)

    def test_others(self) -> None:
        """
        What is sent to a session that nobody knows, or that has ended otherwise, is 404
        as ever.
        """
        self.serve(Echo)
        for id in "lost", "closed":
            self.open(id)
        lost, closed = self.sessions
        lost.transport.abortConnection()
        closed.transport.loseConnection(3001, "enough")
        self.assertIn(b"3001", self.post("/0/closed/xhr").body)
        self.site.site.closeSessions()
        for id in "lost", "closed", "never":
            for sending in SENDING:
                response = self.post(f"/0/{id}/{sending}", b'["a"]')
                self.assertRefused(response, 404)

    def test_owner(self) -> None:
        """
        So is what somebody else sends.
        """
        self.drain(verify_ip=True)
        other = MemoryClient(self.site, IPv4Address("TCP", "192.0.2.8", 1))
        for _ in range(2):
            response = other.request("POST", "/0/s/xhr_send", (), b'["a"]')
            self.assertRefused(response, 404)
            self.site.advance(1)
        self.successResultOf(self.drained)


class LastTests(ServiceCase):
    """
    Connections that stay open between requests.
    """

    def test_last(self) -> None:
        """
        While a service drains, an answer is the last one on its connection, and says
        so: no client begins a request in the moment in which the process goes.
        """
        self.serve(Echo)
        self.open("s")
        self.open("t")
        connection = self.connect()
        before = connection.request("GET", "/info")
        self.assertFalse(before.headers.hasHeader(b"Connection"))
        self.assertFalse(connection.closed)
        waiting = self.connect()
        polled = waiting.request("POST", "/0/t/xhr")
        self.site.site.closeSessions()
        self.site.settle()
        self.assertEqual(polled.body, RESTART)
        found = polled.headers.getRawHeaders(b"Connection")
        self.assertEqual((found, waiting.closed), ([b"close"], True))
        answers = [
            ("GET", "/info", 503),
            ("POST", "/0/s/xhr", 200),
            ("POST", "/0/s/xhr", 200),
            ("POST", "/0/s/xhr_send", 204),
            ("GET", "/nothing", 404),
            ("POST", "/0/new/xhr_streaming", 503),
        ]
        for method, path, status in answers:
            connection = self.connect()
            response = connection.request(method, path, body=b'["a"]')
            self.assertEqual(response.status, status, path)
            found = response.headers.getRawHeaders(b"Connection")
            self.assertEqual(found, [b"close"], path)
            self.assertTrue(connection.closed, path)

    def test_reads(self) -> None:
        """
        Who still reads what was written to a session does so on the same connection,
        up to the close frame.
        """
        self.serve(Echo, max_message_size=4096, streaming_limit=1)
        for transport in "xhr", "xhr_streaming":
            session = self.open(transport)
            session.transport.write(b"last words")
        self.site.site.closeSessions()
        for transport in "xhr", "xhr_streaming":
            connection = self.connect()
            path = f"/0/{transport}/{transport}"
            response = connection.request("POST", path)
            self.assertIn(b'a["last words"]\n', response.body)
            self.assertFalse(response.headers.hasHeader(b"Connection"))
            self.assertFalse(connection.closed)
            self.assertIn(RESTART, connection.request("POST", path).body)
