"""Tests for `txsockjs.demo`: the demo services and their page."""

from __future__ import annotations

import os
import re

import treq
from twisted.internet import reactor
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.server import Site

from txsockjs import demo
from txsockjs.options import DEFAULT_SOCKJS_URL


class ServicesTests(SynchronousTestCase):
    """
    The four protocols.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.factories = demo.factories(self.clock)

    def connect(self, name: str) -> tuple[IProtocol, StringTransport]:
        protocol = self.factories[name].buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def test_echo(self) -> None:
        """
        Echo answers with what it is sent.
        """
        protocol, transport = self.connect("echo")
        protocol.dataReceived(b"hello")
        self.assertEqual(transport.value(), b"hello")

    def test_broadcast(self) -> None:
        """
        Broadcast tells all that are there, the sender too, and nobody who has left.
        """
        one, toOne = self.connect("broadcast")
        two, toTwo = self.connect("broadcast")
        one.dataReceived(b"first")
        two.connectionLost(None)
        one.dataReceived(b"second")
        self.assertEqual(toOne.value(), b"firstsecond")
        self.assertEqual(toTwo.value(), b"first")

    def test_close(self) -> None:
        """
        Close ends a session as it opens.
        """
        _protocol, transport = self.connect("close")
        self.assertTrue(transport.disconnecting)

    def test_ticker(self) -> None:
        """
        Ticker counts each client's own seconds.
        """
        _protocol, transport = self.connect("ticker")
        self.clock.pump([0.5, 0.5, 0.5])
        self.assertEqual(transport.value(), b"tick 1")
        self.clock.advance(0.5)
        self.assertEqual(transport.value(), b"tick 1tick 2")

    def test_tickerStops(self) -> None:
        """
        Ticker leaves no timer behind.
        """
        protocol, _transport = self.connect("ticker")
        protocol.connectionLost(None)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PageTests(TestCase):
    """
    The page and its files, from a real site: `File` needs a reactor.
    """

    def serve(self, client: FilePath[str] | None, url: str) -> None:
        port = reactor.listenTCP(0, Site(demo.pages(client, url)), 5, "127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}"

    async def get(self, path: str) -> tuple[int, str, str]:
        """
        Status, content type and body.
        """
        response = await treq.get(self.url + path, persistent=False)
        [kind] = response.headers.getRawHeaders("Content-Type")
        return response.code, kind, await response.text()

    def client(self) -> FilePath[str]:
        script = FilePath(self.mktemp())
        script.setContent(b"// the client")
        return script

    async def test_page(self) -> None:
        """
        The page is HTML, and each file that it names is served.
        """
        self.serve(self.client(), demo.CLIENT_PATH)
        code, kind, html = await self.get("/")
        self.assertEqual((code, kind), (200, "text/html; charset=utf-8"))
        names = re.findall(r'(?:src|href)="/?([\w.]+)"', html)
        self.assertEqual(
            set(names), {"demo.css", "demo.js", "chat.js", "sockjs.min.js"}
        )
        for name in [*names, "rooms.js"]:
            self.assertEqual((await self.get(f"/{name}"))[0], 200, name)

    async def test_localClient(self) -> None:
        """
        With a copy of the client here, the page loads that.
        """
        self.serve(self.client(), demo.CLIENT_PATH)
        self.assertIn('<script src="/sockjs.min.js"', (await self.get("/"))[2])
        code, kind, script = await self.get("/sockjs.min.js")
        self.assertEqual((code, script), (200, "// the client"))
        self.assertIn("javascript", kind)

    async def test_clientFromElsewhere(self) -> None:
        """
        Without one, the page loads the client from the URL that it is given.
        """
        self.serve(None, DEFAULT_SOCKJS_URL)
        html = (await self.get("/"))[2]
        self.assertIn(f'<script src="{DEFAULT_SOCKJS_URL}"', html)
        self.assertEqual((await self.get("/sockjs.min.js"))[0], 404)

    async def test_urlIsEscaped(self) -> None:
        """
        A URL cannot write to the page.
        """
        self.serve(None, '"><script>alert(1)</script>')
        self.assertNotIn("<script>alert", (await self.get("/"))[2])

    async def test_consoles(self) -> None:
        """
        The page has a console for each service, and no other, but for the rooms, which
        have a chat.
        """
        self.serve(None, DEFAULT_SOCKJS_URL)
        script, chat = [(await self.get(f"/{name}.js"))[2] for name in ("demo", "chat")]
        consoles = set(re.findall(r'name: "(\w+)"', script))
        self.assertIn('new Rooms("/rooms"', chat)
        self.assertEqual(consoles | {"rooms"}, set(demo.factories(Clock())))


class FindClientTests(SynchronousTestCase):
    """
    Where a copy of the client is looked for.
    """

    def test_explicit(self) -> None:
        """
        A path that is given is used, if there is a file.
        """
        script = FilePath(self.mktemp())
        self.assertIsNone(demo.findClient(script.path))
        script.setContent(b"")
        self.assertEqual(demo.findClient(script.path), script)

    def test_fromNpm(self) -> None:
        """
        Otherwise it is found where npm puts it under the current directory.
        """
        here = FilePath(self.mktemp())
        here.makedirs()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(here.path)
        self.assertIsNone(demo.findClient())
        dist = here.descendant(["node_modules", "sockjs-client", "dist"])
        dist.makedirs()
        dist.child("sockjs.min.js").setContent(b"")
        self.assertEqual(demo.findClient(), dist.child("sockjs.min.js"))
