"""Tests for `txsockjs.demo`: the demo services and their page."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import sys
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsockjs import demo
from txsockjs.browser import CLIENT
from txsockjs.services import loadService
from txsockjs.tap import Options
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

PAGES = FilePath(demo.__file__).sibling("pages")


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


def serve(pages: Resource) -> MemoryClient:
    """
    A browser at a site of the page.
    """
    return MemoryClient(MemorySite(Site(pages, reactor=MemoryReactor())))


class PageTests(SynchronousTestCase):
    """
    The page and its files.
    """

    def setUp(self) -> None:
        self.client = serve(demo.pages())

    def get(self, path: str) -> Any:
        """
        A file that has to be there.
        """
        response = self.client.request("GET", path)
        self.assertEqual(response.status, 200, path)
        return response

    def header(self, response: Any, name: str) -> str:
        """
        The one header of this name.
        """
        [value] = response.headers.getRawHeaders(name)
        return str(value)

    def follow(self, names: list[str], pattern: str) -> list[str]:
        """
        What files name, those that these name, and so on.
        """
        found: list[str] = []
        while names:
            name = names.pop()
            if name not in found:
                found.append(name)
                names += re.findall(pattern, self.get(f"/{name}").body.decode())
        return found

    def test_page(self) -> None:
        """
        The page is HTML, and each file that it or one of its modules names is served.
        """
        response = self.get("/")
        kind = self.header(response, "Content-Type")
        self.assertEqual(kind, "text/html; charset=utf-8")
        html = response.body.decode()
        names = re.findall(r'(?:src|href)="([^#":]+)"', html)
        modules = self.follow(["demo.js"], r'from "?\'?\./([\w.]+)')
        self.assertLessEqual({"sockjs.min.js", "demo.css", "demo.js"}, set(names))
        self.assertIn("rooms.js", modules)
        for name in names:
            self.get(f"/{name}")
        shown = {path.basename() for path in PAGES.children()} - {"index.html"}
        self.assertEqual(shown - set(names) - set(modules), set())

    def test_client(self) -> None:
        """
        The stock client comes from the package, or from a file that is given.
        """
        response = self.get(demo.CLIENT_PATH)
        self.assertEqual(response.body, CLIENT.getContent())
        self.assertIn("javascript", self.header(response, "Content-Type"))
        other = FilePath(self.mktemp())
        other.setContent(b"// another")
        self.client = serve(demo.pages(other))
        self.assertEqual(self.get(demo.CLIENT_PATH).body, b"// another")

    def test_policy(self) -> None:
        """
        Nothing comes from elsewhere, nothing is inline, nobody else frames the page.
        But it may have what transports of the client need of this server.
        """
        response = self.get("/")
        policy = dict(
            each.strip().split(" ", 1)
            for each in self.header(response, "Content-Security-Policy").split(";")
        )
        own = {"script-src", "style-src", "connect-src", "frame-src", "form-action"}
        self.assertEqual({policy.pop(each) for each in own}, {"'self'"})
        self.assertEqual(policy.pop("img-src"), "'self'")
        none = {"default-src", "base-uri", "frame-ancestors"}
        self.assertEqual(policy, dict.fromkeys(none, "'none'"))
        self.assertEqual(self.header(response, "X-Content-Type-Options"), "nosniff")
        html = response.body.decode()
        self.assertNotRegex(html, r"<style|\bstyle=|<script>|\bon\w+=")

    def test_tag(self) -> None:
        """
        Who has the page is told so; HEAD has what GET has, without the page.
        """
        response = self.get("/")
        known = {"If-None-Match": self.header(response, "ETag")}
        again = self.client.request("GET", "/", known)
        self.assertEqual((again.status, again.body), (304, b""))
        head = self.client.request("HEAD", "/")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.header(head, "Content-Length"), str(len(response.body)))

    def test_noHTML(self) -> None:
        """
        No script of the page makes elements of text: what people send stays text.
        """
        for name in self.follow(["demo.js"], r"from '\./([\w.]+)"):
            source = self.get(f"/{name}").body.decode()
            # That of the rooms is two in one.
            most = 1000 if name == "rooms.js" else 500
            self.assertLess(len(source.splitlines()), most, name)
            for way in "innerHTML", "outerHTML", "insertAdjacent", "document.write":
                self.assertNotIn(way, source, name)

    def test_consoles(self) -> None:
        """
        The page has a console for each service, and no other, but for the rooms, which
        have a chat.
        """
        script = self.get("/demo.js").body.decode()
        chat = self.get("/chat.js").body.decode()
        consoles = set(re.findall(r"name: '(\w+)'", script))
        self.assertIn("new Rooms('/rooms'", chat)
        self.assertEqual(consoles | {"rooms"}, set(demo.factories(Clock())))

    def test_sources(self) -> None:
        """
        The source of each service with a console is what is installed; and what the
        page says of how to serve it names what is in there.
        """
        script = self.get("/demo.js").body.decode()
        services = re.findall(r"name: '(\w+)',\s+object: '([\w.]+)'", script)
        self.assertEqual(len(services), 4)
        for name, dotted in services:
            factory = loadService(dotted)
            self.assertIsNotNone(factory.buildProtocol(None), name)
            response = self.get(f"/source/{name}.py")
            module, _, thing = dotted.rpartition(".")
            source = inspect.getsource(importlib.import_module(module))
            self.assertEqual(response.body.decode(), source)
            self.assertIn(f"class {thing}(", source)
            kind = self.header(response, "Content-Type")
            self.assertEqual(kind, "text/plain; charset=utf-8")

    def test_rooms(self) -> None:
        """
        The command that the page shows for the chat is one that can be given.
        """
        html = self.get("/").body.decode()
        shown = re.search(r"(?m)^twistd -n sockjs (.*)</code>", html)
        assert shown is not None
        options = Options(MemoryReactorClock())
        options.parseOptions(shlex.split(shown[1]))
        self.assertEqual(list(options.site.services), ["rooms"])

    def test_documents(self) -> None:
        """
        The page leads to the documents where it is known where they are.
        """
        self.assertIn(b"<code>docs/</code>", self.get("/").body)
        url = 'https://a.example/"<x>'
        self.client = serve(demo.pages(documents=url))
        html = self.get("/").body.decode()
        self.assertIn('<a href="https://a.example/&quot;&lt;x&gt;"', html)
        self.assertNotIn("DOCUMENTS", html)


class DocumentationTests(SynchronousTestCase):
    """
    Where the documents are.
    """

    def install(self, *urls: str) -> None:
        """
        A project that is installed, with some URLs.
        """
        here = FilePath(self.mktemp())
        info = here.child("a_project-1.0.dist-info")
        info.makedirs()
        lines = ["Metadata-Version: 2.4", "Name: a-project", "Version: 1.0"]
        lines += [f"Project-URL: {url}" for url in urls]
        info.child("METADATA").setContent("\n".join(lines).encode() + b"\n")
        self.patch(sys, "path", [here.path, *sys.path])

    def test_known(self) -> None:
        """
        They are where the project's metadata says.
        """
        source = "Source, https://a.example/source"
        self.install(source, "Documentation, https://a.example/,docs")
        self.assertEqual(demo.documentation("a-project"), "https://a.example/,docs")

    def test_unknown(self) -> None:
        """
        A project may have no such URL, or be installed without metadata.
        """
        self.install("Source, https://a.example/source")
        self.assertIsNone(demo.documentation("a-project"))
        self.assertIsNone(demo.documentation("no-project-of-this-name"))
