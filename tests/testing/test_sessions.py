"""Tests of `txsockjs.testing.MemorySockJSEndpoint`: both ends in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.testing import AccumulatingProtocol
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import InfoFailed, InvalidURL, SessionClosed, SessionFailed
from txsockjs.testing import MemorySite, MemorySockJSEndpoint
from txsockjs.testing.site import SERVER


class Server(Echo):
    """
    An echo that keeps what it is.
    """

    made: list[Server] = []

    def connectionMade(self) -> None:
        self.made.append(self)


class EndpointTests(SynchronousTestCase):
    """
    A client of a Site in memory.
    """

    def setUp(self) -> None:
        self.server = type("Server", (Server,), {"made": []})
        self.site = MemorySite.serving(Factory.forProtocol(self.server))
        self.addCleanup(self.site.stop)
        self.factory: Any = Factory.forProtocol(AccumulatingProtocol)
        self.factory.protocolConnectionMade = None
        self.factory.noisy = False

    def connect(self, *arguments: Any, **settings: Any) -> Any:
        """
        A client's protocol, connected.
        """
        endpoint = MemorySockJSEndpoint(self.site, *arguments, **settings)
        connecting = endpoint.connect(self.factory)
        self.assertNoResult(connecting)
        self.site.settle()
        return self.successResultOf(connecting)

    def test_echo(self) -> None:
        """
        Over each transport a message goes there and back, and the end is told.
        """
        for name in TRANSPORTS:
            client = self.connect(transports=[name])
            self.assertEqual(client.transport.transportName, name)
            client.transport.write(b"hello")
            self.site.advance(1)
            self.assertEqual(client.data, b"hello")
            client.transport.loseConnection(4001, "enough")
            self.site.advance(1)
            self.assertIsInstance(client.closedReason.value, SessionClosed)

    def test_raw(self) -> None:
        """
        So it is over a raw WebSocket.
        """
        client = self.connect(raw=True)
        client.transport.write(b"hello")
        self.site.settle()
        self.assertEqual(client.data, b"hello")
        self.assertEqual(
            self.server.made[0].transport.request.transport, "rawwebsocket"
        )

    def test_request(self) -> None:
        """
        The server sees TLS, headers and cookies as the client has them.
        """
        url = "https://server.example/?token=x"
        headers, cookies = {"X-Name": "value"}, {"a": "b"}
        client = self.connect(url, headers=headers, cookies=cookies)
        request = self.server.made[0].transport.request
        self.assertTrue(request.secure)
        self.assertEqual(request.headers["x-name"], ("value",))
        self.assertEqual(request.cookies["a"], "b")
        self.assertEqual(request.args["token"], ("x",))
        self.assertEqual(client.transport.getPeer(), SERVER)

    def test_time(self) -> None:
        """
        Time passes for both ends alike: a silence that is too long ends the session.
        """
        client = self.connect(heartbeat=10)
        self.site.advance(20.0)
        self.assertFalse(client.closed)
        self.site.advance(1.0)
        self.assertIsInstance(client.closedReason.value, SessionFailed)

    def test_stopped(self) -> None:
        """
        When the Site stops, its clients are lost, and no more connect.
        """
        client = self.connect()
        self.site.stop()
        self.assertTrue(client.closed)
        connecting = MemorySockJSEndpoint(self.site).connect(self.factory)
        self.site.settle()
        failure = self.failureResultOf(connecting, InfoFailed)
        self.assertIn("connection refused", str(failure.value))

    def test_nothingLeft(self) -> None:
        """
        When all is over, nothing waits any more.
        """
        client = self.connect()
        client.transport.loseConnection()
        self.site.advance(60)
        self.site.stop()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    def test_arguments(self) -> None:
        """
        What cannot be used is an error at once.
        """
        self.assertRaises(
            InvalidURL, MemorySockJSEndpoint, self.site, "ftp://example.com"
        )
        self.assertRaises(ValueError, MemorySockJSEndpoint, self.site, timeout=0)
