"""Tests for `txsockjs.testing.endpoint`."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, readBody
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tests.support.serving import Echo, Recorder
from txsockjs.testing import MemoryClientEndpoint, MemorySite


@implementer(IAgentEndpointFactory)
class Endpoints:
    """
    The way of an Agent to a Site in memory.
    """

    def __init__(self, site: MemorySite) -> None:
        self._site = site

    def endpointForURI(self, uri: object) -> MemoryClientEndpoint:
        return MemoryClientEndpoint(self._site)


class MemoryClientEndpointTests(SynchronousTestCase):
    """
    `MemoryClientEndpoint`.
    """

    def setUp(self) -> None:
        self.site = MemorySite.serving(Factory.forProtocol(Echo))
        self.addCleanup(self.site.stop)
        self.recorders = Factory.forProtocol(Recorder)

    def test_agent(self) -> None:
        """
        An Agent of Twisted's makes its requests through it.
        """
        agent = Agent.usingEndpointFactory(self.site.reactor, Endpoints(self.site))
        requesting = agent.request(b"GET", b"http://sockjs.example/")
        self.assertNoResult(requesting)
        self.site.settle()
        reading = readBody(self.successResultOf(requesting))
        self.site.settle()
        self.assertEqual(self.successResultOf(reading), b"Welcome to SockJS!\n")

    def test_secure(self) -> None:
        """
        Both sides see TLS, and each the other's certificate.
        """
        self.site.certificate = "the server's"
        endpoint = MemoryClientEndpoint(
            self.site, secure=True, certificate="the client's"
        )
        connecting = endpoint.connect(self.recorders)
        self.site.settle()
        transport: Any = self.successResultOf(connecting).transport
        self.assertTrue(ISSLTransport.providedBy(transport))
        self.assertEqual(transport.getPeerCertificate(), "the server's")
        [server] = [t for t in self.site._transports if t is not transport]
        self.assertEqual(server.getPeerCertificate(), "the client's")

    def test_stopped(self) -> None:
        """
        A Site that is stopped refuses.
        """
        connecting = MemoryClientEndpoint(self.site).connect(self.recorders)
        self.site.stop()
        self.failureResultOf(connecting, ConnectionRefusedError)

    def test_noProtocol(self) -> None:
        """
        A factory that makes no protocol is not connected.
        """
        factory: Any = Factory()
        factory.buildProtocol = lambda address: None
        connecting = MemoryClientEndpoint(self.site).connect(factory)
        self.site.settle()
        self.failureResultOf(connecting, ConnectionRefusedError)

    def test_cancelled(self) -> None:
        """
        Before it has connected, it can be cancelled; nothing is connected then.
        """
        connecting = MemoryClientEndpoint(self.site).connect(self.recorders)
        connecting.cancel()
        self.site.settle()
        self.failureResultOf(connecting)
        self.assertEqual(self.site._transports, [])
