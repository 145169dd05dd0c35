"""Tests for complete responses whose connection is lost before they are delivered."""

from __future__ import annotations

from typing import Any

from tests.support.serving import ServiceCase
from tests.support.wrappers import TLSCase
from txsockjs.testing import MemoryConnection

# Seconds: the default of ``timeout``. Looks are that far apart.
DELAY = 5

TRANSPORTS = {
    "xhr": "POST",
    "xhr_streaming": "POST",
    "eventsource": "GET",
    "htmlfile?c=f": "GET",
    "jsonp?c=f": "GET",
}
POLLING = ("xhr", "jsonp?c=f")


class CutCase(ServiceCase):
    def connectClient(self) -> MemoryConnection:
        """
        Serve, and connect.
        """
        self.core = self.serve().site.services[""].service
        return self.connect()

    def begin(self, transport: str) -> MemoryConnection:
        """
        Have a response be complete that its client does not read.
        """
        connection = self.connectClient()
        self.request(connection, transport)
        if transport in POLLING:
            self.request(connection, transport)
        connection.transport.pauseProducing()
        for _ in range(4):
            self.sessions[0].transport.write(b"x" * 60_000)
        self.site.reactor.settle()
        self.assertGreater(self.core.byId[b"s1"].receiver.pendingBytes(), 0)
        return connection

    def request(self, connection: MemoryConnection, transport: str) -> Any:
        return connection.request(TRANSPORTS[transport], f"/0/s1/{transport}")

    def isThere(self) -> bool:
        return b"s1" in self.core.byId


class CutTests(CutCase):
    """
    Over each transport.
    """

    def test_lost(self) -> None:
        """
        No proxy has all of it, and can go on to deliver it: what is allowed for that
        beyond the disconnect delay is not waited for. That one is, from the loss.
        """
        for transport in TRANSPORTS:
            for before in (0, 1, 4.9):
                connection = self.begin(transport)
                self.site.reactor.advance(before)
                connection.abort()
                self.site.reactor.advance(DELAY - 0.1)
                self.assertTrue(self.isThere(), transport)
                self.site.reactor.advance(DELAY + 0.2)
                self.assertFalse(self.isThere(), transport)

    def test_comesAgain(self) -> None:
        """
        Its client, which comes again in time, has its session.
        """
        for transport in TRANSPORTS:
            connection = self.begin(transport)
            connection.abort()
            self.site.reactor.advance(DELAY - 0.1)
            again = self.request(self.connect(), transport)
            self.site.reactor.advance(DELAY - 0.1)
            self.assertTrue(self.isThere(), transport)
            self.assertEqual(again.status, 200)
            self.assertNotIn(b"c[", again.body)

    def test_delivered(self) -> None:
        """
        Where all of it was taken before the connection is lost, a proxy may have it:
        its client has the time for that.
        """
        for transport in TRANSPORTS:
            connection = self.begin(transport)
            connection.transport.resumeProducing()
            self.site.reactor.settle()
            connection.abort()
            self.site.reactor.advance(2 * DELAY)
            self.assertTrue(self.isThere(), transport)
            self.site.reactor.advance(30 + DELAY)
            self.assertFalse(self.isThere(), transport)


class SecureCutTests(CutCase, TLSCase):
    def connectClient(self) -> MemoryConnection:
        self.start()
        self.core = self.site.site.wrappedFactory.services[""].service
        return self.connectSecurely()

    def test_lost(self) -> None:
        """
        So it is over TLS, with a response that is complete at once.
        """
        for transport in POLLING:
            connection = self.begin(transport)
            connection.abort()
            self.site.reactor.advance(DELAY - 0.1)
            self.assertTrue(self.isThere(), transport)
            self.site.reactor.advance(DELAY + 0.2)
            self.assertFalse(self.isThere(), transport)
