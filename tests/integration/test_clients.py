"""Clients and servers over real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme
from twisted.application.internet import ClientService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from txsockjs import SockJSFactory
from txsockjs.client import SockJSClientEndpoint, connect
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import InfoFailed, SessionClosed

COUNT = 10_000


class Counter(Protocol):
    """
    Sends numbers, from one on, at the pace of who takes them, and keeps what comes. The
    same class serves at both ends.

    :ivar heard: what came in.
    :ivar done: fires when that is all.
    """

    transport: Any = None

    def connectionMade(self) -> None:
        self.heard: list[bytes] = []
        self.done: Deferred[Counter] = Deferred()
        self.lost: list[Any] = []
        self._next = 0
        self._paused = False
        self.factory.made.append(self)  # type: ignore[union-attr]
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused and self._next < COUNT:
            self._next += 1
            self.transport.write(b"%d %s" % (self._next, b"\xc3\xa9" * 40))
        if self._next == COUNT:
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self._paused = True

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        if len(self.heard) == COUNT:
            self.done.callback(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.value)


class CounterFactory(Factory):
    """
    Keeps its protocols.
    """

    noisy = False
    protocol = Counter

    def __init__(self) -> None:
        self.made: list[Counter] = []


class ServerTestCase(TestCase):
    """
    A service on a port of its own.
    """

    timeout = 60

    async def serve(
        self, factory: Any, where: str = "tcp:0:interface=127.0.0.1", **options: Any
    ) -> int:
        """
        Serve a factory at ``/``.

        :return: the port's number.
        """
        site = SockJSFactory(factory, options)
        port: Any = await serverFromString(reactor, where).listen(site)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number


class TransportTests(ServerTestCase):
    async def test_each(self) -> None:
        """
        Over each transport ten thousand messages go either way at once; none is lost,
        doubled or out of order.
        """
        expected = [
            b"%d %s" % (number, b"\xc3\xa9" * 40) for number in range(1, COUNT + 1)
        ]
        for name in (*TRANSPORTS, "raw"):
            server, client = CounterFactory(), CounterFactory()
            # Responses of streaming are reopened on the way.
            port = await self.serve(server)
            settings: Any = {"raw": True} if name == "raw" else {"transports": name}
            url = f"http://127.0.0.1:{port}/"
            endpoint = SockJSClientEndpoint(reactor, url, **settings)
            await endpoint.connect(client)
            [ours], [theirs] = client.made, server.made
            await ours.done
            await theirs.done
            self.assertEqual(ours.heard, expected)
            self.assertEqual(theirs.heard, expected)
            ended: Deferred[None] = Deferred()
            client.stopFactory = lambda ended=ended: ended.callback(None)
            ours.transport.loseConnection(4000, "Thank you")
            await ended
            [reason] = ours.lost
            self.assertIsInstance(reason, SessionClosed)
            self.assertEqual((reason.code, reason.reason), (4000, "Thank you"))

    async def test_nothing(self) -> None:
        """
        Where there is no service, the error says what there is.
        """
        port = await self.serve(Factory.forProtocol(Echo))
        with self.assertRaises(InfoFailed) as caught:
            await connect(reactor, f"http://127.0.0.1:{port}/nothing/here")
        self.assertIn("/nothing/here/info: ", str(caught.exception))
        self.assertIn("404 Not Found", str(caught.exception))


class TLSTests(ServerTestCase):
    async def test_string(self) -> None:
        """
        Over TLS, with an authority and a certificate that an endpoint string names,
        each side sees who is there.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        authority = trustme.CA()
        for name in "localhost", "client.example":
            own = authority.issue_cert(name)
            own.private_key_and_cert_chain_pem.write_to_path(directory / f"{name}.pem")
        authority.cert_pem.write_to_path(directory / "ca.pem")
        seen: list[Any] = []

        class Server(Echo):
            def connectionMade(self) -> None:
                seen.append(self.transport.getPeerCertificate())

        port = await self.serve(
            Factory.forProtocol(Server),
            f"ssl:0:interface=127.0.0.1:privateKey={directory}/localhost.pem:"
            f"certKey={directory}/localhost.pem",
        )
        for transports in TRANSPORTS:
            endpoint: Any = clientFromString(
                reactor,
                rf"sockjs:https\://localhost\:{port}/:trustRoots={directory}/ca.pem:"
                rf"certificate={directory}/client.example.pem:transports={transports}",
            )
            factory = CounterFactory()
            await endpoint.connect(factory)
            [client] = factory.made
            await client.done
            certificate = Certificate(client.transport.getPeerCertificate())
            expected = (directory / "localhost.pem").read_bytes()
            self.assertEqual(
                certificate.digest("sha256"),
                Certificate.loadPEM(expected).digest("sha256"),
            )
            ended: Deferred[None] = Deferred()
            factory.stopFactory = lambda ended=ended: ended.callback(None)
            client.transport.loseConnection()
            await ended
        self.assertEqual(len(seen), 3)

    async def test_untrusted(self) -> None:
        """
        A server that nobody vouches for is not talked to.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        own = trustme.CA().issue_cert("localhost")
        own.private_key_and_cert_chain_pem.write_to_path(directory / "own.pem")
        port = await self.serve(
            Factory.forProtocol(Echo),
            f"ssl:0:interface=127.0.0.1:privateKey={directory}/own.pem",
        )
        for settings in {}, {"raw": True}:
            with self.assertRaises(Exception) as caught:
                await connect(reactor, f"https://localhost:{port}/", **settings)
            self.assertIn("certificate is not trusted", str(caught.exception))


class ServiceTests(ServerTestCase):
    async def test_reconnects(self) -> None:
        """
        A ClientService has a session again when the server has closed one, and none
        when it is stopped.
        """
        servers: list[Any] = []

        class Server(Echo):
            def connectionMade(self) -> None:
                servers.append(self)

        port = await self.serve(Factory.forProtocol(Server))
        endpoint = SockJSClientEndpoint(reactor, f"http://127.0.0.1:{port}/")
        client = Factory.forProtocol(Protocol)
        client.noisy = False
        service = ClientService(endpoint, client, retryPolicy=lambda attempts: 0.01)
        service.startService()
        for count in range(1, 4):
            protocol: Any = await service.whenConnected()
            self.assertEqual(len(servers), count)
            gone: Deferred[None] = Deferred()
            protocol.connectionLost = lambda reason, gone=gone: gone.callback(reason)
            servers[-1].transport.loseConnection(4000, "Again")
            reason: Any = await gone.addErrback(lambda reason: reason.value)
            self.assertEqual(str(reason), "4000 'Again'")
            # The service hears of it behind its protocol.
            await deferLater(reactor, 0)
        await service.whenConnected()
        # Not from inside a call of the service's own.
        await deferLater(reactor, 0)
        await service.stopService()
