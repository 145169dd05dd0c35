"""Many who connect at once, and those who are there. (`txsockjs.web.site`)"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, RecordingFactory
from txsockjs.factory import SockJSFactory
from txsockjs.web.site import ACCEPTED

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class AcceptingTests(SynchronousTestCase):
    """
    How many connections a port accepts in one turn of the reactor.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.factory: Any = SockJSFactory(RecordingFactory(Echo), clock=self.clock)
        self.factory.doStart()
        self.addCleanup(self.factory.doStop)

    def connect(self, port: Any, factory: Any = None) -> StringTransport:
        """
        A connection that a port has accepted, with a request on it.
        """
        transport: Any = StringTransport()
        transport.server = port
        protocol = (factory or self.factory).buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(REQUEST)
        self.assertIn(b"HTTP/1.1 200 ", transport.value())
        # Its timer is not left behind.
        protocol.connectionLost(Failure(ConnectionDone()))
        return transport  # type: ignore[no-any-return]

    def test_many(self) -> None:
        """
        One that would accept more the next time, as Twisted's does when more were
        waiting, accepts no more than `ACCEPTED`.
        """
        port = SimpleNamespace(numberAccepts=100)
        self.connect(port)
        self.assertEqual(port.numberAccepts, ACCEPTED)

    def test_few(self) -> None:
        """
        One that accepts few is left alone.
        """
        port = SimpleNamespace(numberAccepts=1)
        self.connect(port)
        self.assertEqual(port.numberAccepts, 1)

    def test_wrapped(self) -> None:
        """
        It is found below what wraps the connection, as TLS does.
        """
        port = SimpleNamespace(numberAccepts=100)
        wrapping: Any = WrappingFactory(self.factory)
        wrapping.protocol = ProtocolWrapper
        self.connect(port, wrapping)
        self.assertEqual(port.numberAccepts, ACCEPTED)

    def test_others(self) -> None:
        """
        One that accepts in its own way does so, and a connection need not have one:
        another process may have accepted it.
        """
        self.connect(SimpleNamespace())
        self.connect(None)
