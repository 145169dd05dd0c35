"""HTTP/1 connections whose clients read nothing, or slowly, over real sockets."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support.serving import Recorder, RecordingFactory
from tests.support.wrappers import certificate
from txsockjs.factory import SockJSFactory

REQUEST = b"GET /iframe.html HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SIZE = 300_000


class Client(Protocol):
    """
    Keeps what it reads, and how much that is.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = bytearray()
        self.pace = 0
        self.made: Deferred[Client] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.pace:
            self.transport.pauseProducing()
            self.next = reactor.callLater(self.pause, self.transport.resumeProducing)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)

    def stop(self) -> Deferred[None]:
        """
        Lose the connection, if there is one.
        """
        if not self.ended.called:
            self.transport.abortConnection()
        return self.ended

    def sip(self) -> None:
        """
        Take two kilobytes four times a second, or what TLS makes of it.
        """
        self.pace = 2048
        # Over TLS, it is the connection below that reads.
        self.tcp = getattr(self.transport, "transport", self.transport)
        # A record of TLS is 16 KiB, and comes at once.
        self.pause = 0.25 if self.tcp is self.transport else 1.0
        self.tcp.bufferSize = self.pace

    def gulp(self) -> None:
        """
        Read on as others do.
        """
        self.pace, self.tcp.bufferSize = 0, 65536
        if self.next.active():
            self.next.reset(0)


class ConnectionCase(TestCase):
    """
    A service, and clients whose kernels take no more than they must.
    """

    timeout = 60

    def listen(self, secure: bool = False, **options: object) -> None:
        factory = RecordingFactory(Recorder)
        self.sessions = factory.sessions
        site: Any = SockJSFactory(factory, options)
        self.site = site
        if secure:
            site = TLSMemoryBIOFactory(certificate().options(), False, site)
        self.port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    async def connect(self, secure: bool = False, kept: int = 4096) -> Client:
        client = Client()
        factory: Any = Factory.forProtocol(lambda: client)
        if secure:
            options = CertificateOptions(verify=False)
            factory = TLSMemoryBIOFactory(options, True, factory)
        factory.noisy = False
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept)
            connection.connect(("127.0.0.1", self.port.getHost().port))
            connection.setblocking(False)
            reactor.adoptStreamConnection(connection.fileno(), socket.AF_INET, factory)
        self.addCleanup(client.stop)
        return await client.made


class UnreadTests(ConnectionCase):
    """
    A client that asks on and on, and reads nothing.
    """

    async def flood(self, secure: bool) -> None:
        """
        What its connection holds stays little, and when it reads, it is served.
        """
        self.listen(secure)
        built: list[Any] = []
        build = self.site.buildProtocol
        self.patch(
            self.site,
            "buildProtocol",
            lambda address: built.append(build(address)) or built[-1],
        )
        client = await self.connect(secure, 65536)
        client.transport.write(REQUEST)
        while not client.received:
            await deferLater(reactor, 0.01)
        client.transport.pauseProducing()
        asked = 10_000
        for _ in range(asked // 100):
            client.transport.write(REQUEST * 100)
            await deferLater(reactor, 0)
        [protocol] = built
        channel = protocol.channel
        while not channel._isPaused:
            await deferLater(reactor, 0.01)
        tcp = channel.transport.transport if secure else channel.transport
        waiting = len(tcp.dataBuffer) - tcp.offset + tcp._tempDataLen
        self.assertLess(waiting, 65536 + (65536 if secure else 4096))
        self.assertLessEqual(len(channel._unread), 2 * 65536)
        client.transport.resumeProducing()
        while client.received.count(b"HTTP/1.1 200") <= asked:
            await deferLater(reactor, 0.01)

    async def test_tcp(self) -> None:
        """
        Over TCP.
        """
        await self.flood(False)

    async def test_tls(self) -> None:
        """
        Over TLS.
        """
        await self.flood(True)


class LastResponseTests(ConnectionCase):
    """
    The last response of a connection, to a client with a slow line.
    """

    async def deliver(self, head: bytes, secure: bool) -> None:
        """
        However slowly it is taken, the session is there when the client comes again.
        """
        self.listen(secure, timeout=1, heartbeat=None)
        client = await self.connect(secure)
        client.transport.write(b"POST /0/s/xhr HTTP/1.0\r\n\r\n")
        while not self.sessions:
            await deferLater(reactor, 0.01)
        [session] = self.sessions
        session.transport.write(b"x" * SIZE)
        client = await self.connect(secure)
        client.sip()
        client.transport.write(head)
        await deferLater(reactor, 6)
        self.assertEqual(session.lost, [])
        self.assertLess(len(client.received), SIZE)
        client.gulp()
        await client.ended
        self.assertTrue(client.received.endswith(b'"%b"]\n' % (b"x" * SIZE)))
        self.assertEqual(session.lost, [])
        session.transport.abortConnection()

    async def test_old(self) -> None:
        """
        With HTTP/1.0.
        """
        await self.deliver(b"POST /0/s/xhr HTTP/1.0\r\n\r\n", False)

    async def test_close(self) -> None:
        """
        With ``Connection: close``.
        """
        await self.deliver(CLOSE, False)

    async def test_tls(self) -> None:
        """
        Over TLS.
        """
        await self.deliver(CLOSE, True)
