"""Channels, by the stock ``sockjs-client`` and two multiplex clients; and by our own
client, of the server of ``websocket-multiplex``."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.programs.node import TESTS, need, runNode
from tests.support.programs.processes import ROOT, URL, start
from txsockjs.client import MultiplexClientFactory, SockJSClientEndpoint
from txsockjs.errors import SessionClosed
from txsockjs.multiplex import SockJSMultiplexResource

AWKWARD = "a,b ☃ 😀"
LOOPBACK = "tcp:0:interface=127.0.0.1"


class Brief(Protocol):
    """Says one thing, and closes its channel."""

    def connectionMade(self) -> None:
        self.transport.write(b"hi")
        self.transport.loseConnection(4001, "so, that was it")


class ClientCase:
    """What must hold with either client, over each transport."""

    timeout = 60
    client: str
    #: What this client tells of an end beyond that it is one.
    told: dict[str, str]

    async def setUp(self: Any) -> None:
        need("node", packages=("sockjs-client", "websocket-multiplex"))
        service = SockJSMultiplexResource()
        for name in "echo", AWKWARD:
            service.addFactory(name, Factory.forProtocol(Echo))
        service.addFactory("brief", Factory.forProtocol(Brief))
        self.addCleanup(service.stop)
        root = Resource()
        root.putChild(b"multiplex", service)
        port = await serverFromString(reactor, LOOPBACK).listen(Site(root))
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}/multiplex"

    async def assertWorks(self: Any, transport: str) -> None:
        [happened] = await runNode(
            reactor, "multiplex.js", self.url, transport, self.client
        )
        opened = ["open", "message a,b,,", "message still here"]
        self.assertEqual(happened["echo"][:3], opened)
        self.assertEqual(happened[AWKWARD][:2], ["open", "message again"])
        self.assertEqual(happened["brief"], ["open", "message hi", self.told["brief"]])
        nothing = [event for event in happened["nothing"] if event != "open"]
        self.assertEqual(nothing, self.told["nothing"])

    async def test_webSocket(self: Any) -> None:
        """Over a WebSocket."""
        await self.assertWorks("websocket")

    async def test_streaming(self: Any) -> None:
        """Over a streaming response."""
        await self.assertWorks("xhr-streaming")

    async def test_polling(self: Any) -> None:
        """Over polls."""
        await self.assertWorks("xhr-polling")


class PublicClientTests(ClientCase, TestCase):
    """The public client of websocket-multiplex."""

    client = str(TESTS / "node_modules" / "websocket-multiplex" / "multiplex_client.js")
    told = {"brief": "close", "nothing": ["close"]}


class OwnClientTests(ClientCase, TestCase):
    """The client in ``examples/``, which tells why, too."""

    client = str(ROOT / "examples" / "multiplex_client.js")
    told = {
        "brief": "close 4001 so, that was it",
        "nothing": ["error There is no such topic.", "close 3000 Go away!"],
    }


class Heard(Protocol):
    """Keeps what it hears, and fires when its channel is closed."""

    transport: Any = None

    def connectionMade(self) -> None:
        self.heard: list[bytes] = []
        self.closed: Deferred[Failure] = Deferred()
        self.news: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        news, self.news = self.news, Deferred()
        news.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(reason.value)


class ForeignServerCase:
    """What must hold of our own client with that server, over each transport."""

    timeout = 60
    transport: str

    async def test_channels(self: Any) -> None:
        """Channels of any name carry messages, and end by either side."""
        need("node", packages=("sockjs", "websocket-multiplex"))
        script = str(TESTS / "js" / "multiplex_server.js")
        server = await start(self, URL, "node", script)
        endpoint = SockJSClientEndpoint(
            reactor, server.ready[0], transports=[self.transport]
        )
        connection: Any = await endpoint.connect(MultiplexClientFactory())
        channels = [connection.open(name, self.heard) for name in ("echo", AWKWARD)]
        for channel in channels:
            channel.transport.write("é☃,".encode())
        for channel in channels:
            while not channel.heard:
                await channel.news
            self.assertEqual(channel.heard, ["é☃,".encode()])
        channels[0].transport.loseConnection()
        self.assertIsInstance(await channels[0].closed, SessionClosed)
        brief = connection.open("brief", self.heard)
        reason = await brief.closed
        self.assertEqual((brief.heard, reason.code), ([b"hi"], 3000))
        again = connection.open("echo", self.heard)
        again.transport.write(b"again")
        await again.news
        self.assertEqual(again.heard, [b"again"])
        connection.loseConnection()
        await connection.transport.whenEnded()
        self.assertTrue(again.closed.called and channels[1].closed.called)
        self.assertEqual((connection.refused, connection.dropped), (0, 0))

    def setUp(self: Any) -> None:
        self.heard = Factory.forProtocol(Heard)
        self.heard.noisy = False


class ForeignWebSocketTests(ForeignServerCase, TestCase):
    """Over ``websocket``."""

    transport = "websocket"


class ForeignStreamingTests(ForeignServerCase, TestCase):
    """Over ``xhr-streaming``."""

    transport = "xhr-streaming"


class ForeignPollingTests(ForeignServerCase, TestCase):
    """Over ``xhr-polling``."""

    transport = "xhr-polling"
