"""Peers that are gone, or frozen, without a word: over real sockets."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.wire import Echo
from twisted.trial.unittest import TestCase

from txsockjs.factory import SockJSFactory


class Until(Protocol):
    """
    A client that waits for something to come.
    """

    def __init__(self, what: bytes) -> None:
        self.what = what
        self.received = b""
        self.came: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.what in self.received and not self.came.called:
            self.came.callback(None)

    def connectionLost(self, reason: object = None) -> None:
        if not self.came.called:
            self.came.errback(AssertionError(self.received))
        self.ended.callback(None)


class UNIXTests(TestCase):
    """
    A connection that the kernel does not watch.
    """

    timeout = 20

    async def test_streaming(self) -> None:
        """
        Where the kernel cannot tell of a silent peer, streams are served all the same.
        """
        path = self.mktemp()
        site = SockJSFactory(Factory.forProtocol(Echo))
        port = reactor.listenUNIX(path, site)
        self.addCleanup(port.stopListening)
        endpoint = UNIXClientEndpoint(reactor, path)
        client = await connectProtocol(endpoint, Until(b"\no\n"))
        client.transport.write(
            b"POST /0/a/xhr_streaming HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            await client.came
        finally:
            client.transport.abortConnection()
            await client.ended
