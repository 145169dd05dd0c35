"""What sessions of `txsockjs.testing` are opened with, as the server sees it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.support.serving import Echo, RecordingFactory
from txsockjs import SockJSResource
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite
from txsockjs.testing.session import TRANSPORTS


class OpeningTestCase(SynchronousTestCase):
    """
    A service that keeps its protocols.
    """

    def setUp(self) -> None:
        factory = RecordingFactory(Echo)
        self.made = factory.sessions
        self.site = MemorySite.serving(factory, {"subprotocols": ["v2", "v1"]})
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def request(self) -> Any:
        """
        The opening request of the session that was opened last.
        """
        return self.made[-1].transport.request


class ValueTests(OpeningTestCase):
    """
    Plain values, over each transport.
    """

    def test_session(self) -> None:
        """
        The server sees query, headers, cookies, origin and address.
        """
        for name in TRANSPORTS:
            session = self.client.session(
                name,
                query={"name": "Ann & Bob", "x": ["1", "2"]},
                headers=[("X-A", "1"), ("X-A", "2"), ("X-B", "\xff".encode())],
                cookies={"token": "s3cret", "b": "2"},
                origin="https://example.com",
                peer="198.51.100.9",
            )
            self.assertTrue(session.opened, name)
            request = self.request()
            self.assertEqual(request.args["name"], ("Ann & Bob",))
            self.assertEqual(request.args["x"], ("1", "2"))
            self.assertEqual(request.headers["x-a"], ("1", "2"))
            self.assertEqual(request.headers["x-b"], ("\xc3\xbf",))
            self.assertEqual(request.cookies, {"token": "s3cret", "b": "2"})
            self.assertEqual(request.headers["origin"], ("https://example.com",))
            self.assertEqual(request.peer.host, "198.51.100.9")

    def test_client(self) -> None:
        """
        What a client has, all of its sessions have, but for what they have themselves.
        """
        client = MemoryClient(
            self.site,
            "2001:db8::9",
            headers={"X-A": "1", "X-B": "1"},
            cookies={"a": "1", "b": "1"},
            origin="https://example.com",
        )
        for name in TRANSPORTS:
            client.session(name, headers={"x-a": "2"}, cookies={"a": "2"})
            request = self.request()
            self.assertEqual(request.peer.host, "2001:db8::9")
            self.assertEqual(request.headers["x-a"], ("2",))
            self.assertEqual(request.headers["x-b"], ("1",))
            self.assertEqual(request.cookies, {"a": "2", "b": "1"})
            self.assertEqual(request.headers["origin"], ("https://example.com",))
            client.session(name, origin="https://example.org")
            self.assertEqual(self.request().headers["origin"], ("https://example.org",))

    def test_address(self) -> None:
        """
        An address of Twisted's has a port too.
        """
        address = IPv4Address("TCP", "198.51.100.9", 4000)
        self.client.session(peer=address)
        self.assertEqual(self.request().peer, address)

    def test_query(self) -> None:
        """
        A query may be text, pairs, or part of the URL.
        """
        for query in "name=Ann", "?name=Ann", [("name", "Ann")], {"name": "Ann"}:
            self.client.session("jsonp", query=query)
            self.assertEqual(self.request().args["name"], ("Ann",))
        self.client.session("xhr", "?name=Ann", query={"more": "1"})
        self.assertEqual(dict(self.request().args), {"name": ("Ann",), "more": ("1",)})

    def test_prefix(self) -> None:
        """
        Where the service is may be said with its slashes or without.
        """
        root = Resource()
        reactor = MemoryReactor()
        root.putChild(b"chat", SockJSResource(RecordingFactory(Echo), clock=reactor))
        site = MemorySite(Site(root, reactor=reactor))
        self.addCleanup(site.stop)
        for prefix in "/chat", "chat", "/chat/", "chat?a=1":
            session = MemoryClient(site).session("xhr", prefix)
            self.assertTrue(session.opened, prefix)

    def test_subprotocols(self) -> None:
        """
        Client and server agree on one, and both know which; or on none.
        """
        session = self.client.session(subprotocols=["v1", "v0"])
        self.assertEqual((session.subprotocol, self.request().subprotocol), ("v1",) * 2)
        socket = self.client.websocket("/websocket", subprotocols=["v2"])
        self.assertEqual(socket.subprotocol, "v2")
        self.assertIsNone(self.client.session().subprotocol)
        self.assertIsNone(self.client.session("xhr").subprotocol)

    def test_websocket(self) -> None:
        """
        A raw WebSocket takes the same values.
        """
        client = MemoryClient(self.site, cookies={"a": "1"})
        client.websocket(
            "/websocket",
            [("X-A", "1"), ("X-A", "2")],
            query={"name": "Ann"},
            cookies={"b": "2"},
            origin="https://example.com",
        )
        request = self.request()
        self.assertEqual(request.headers["x-a"], ("1", "2"))
        self.assertEqual(request.args["name"], ("Ann",))
        self.assertEqual(request.cookies, {"a": "1", "b": "2"})
        self.assertEqual(request.headers["origin"], ("https://example.com",))

    def test_everyRequest(self) -> None:
        """
        Over HTTP each request of a session has its cookies, as a browser's has.
        """
        seen: list[Any] = []

        class Seeing(Request):
            def process(self) -> None:
                seen.append((self.method, self.getCookie(b"a")))
                super().process()

        self.site.site.requestFactory = Seeing
        session = self.client.session("xhr", cookies={"a": "1"})
        session.send("hello")
        self.site.settle()
        self.assertEqual(session.received, ["hello"])
        self.assertEqual(set(seen), {(b"POST", b"1")})
        self.assertEqual(len(seen), 4)

    def test_several(self) -> None:
        """
        Several clients, each with several sessions, are on one Site, and each hears
        what is for it.
        """
        clients = [MemoryClient(self.site, f"198.51.100.{n}") for n in range(1, 4)]
        for name in TRANSPORTS:
            sessions = [client.session(name) for client in clients for _ in range(2)]
            for number, session in enumerate(sessions):
                session.send(str(number))
            for number, session in enumerate(sessions):
                self.assertEqual(session.take(), [str(number)], name)
                self.assertEqual(session.received, [])
        self.assertEqual(len(self.made), 6 * len(TRANSPORTS))

    def test_requests(self) -> None:
        """
        Requests have what the client has, and what they have themselves in its place.
        """
        root = Resource()
        seen: list[Any] = []

        class Page(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                headers = request.requestHeaders
                seen.append(headers.getRawHeaders("Cookie"))
                seen.append(headers.getRawHeaders("Accept-Language"))
                request.addCookie(b"token", b"s3cret", path=b"/")
                request.addCookie(b"other", b'"x y"')
                return b""

        root.putChild(b"login", Page())
        site = MemorySite(Site(root, reactor=MemoryReactor()))
        self.addCleanup(site.stop)
        client = MemoryClient(
            site, headers={"Accept-Language": "de"}, cookies={"a": "1"}
        )
        response = client.request("GET", "/login")
        client.request("GET", "/login", {"accept-language": "en", "cookie": "a=2"})
        self.assertEqual(seen, [["a=1"], ["de"], ["a=2"], ["en"]])
        self.assertEqual(response.cookies, {"token": "s3cret", "other": "x y"})


class ErrorTests(OpeningTestCase):
    """
    What cannot be: the error names the value, and says what to do.
    """

    def assertProblem(self, kind: type[Exception], *said: str, **values: Any) -> None:
        """
        Opening a session with these raises, at once, and says this.
        """
        raised = self.assertRaises(kind, self.client.session, **values)
        for words in said:
            self.assertIn(words, str(raised))
        self.assertEqual(self.made, [])

    def test_transport(self) -> None:
        """
        A transport that there is not.
        """
        meant = "did you mean xhr_streaming?"
        self.assertProblem(
            ValueError, "'xhr-streaming'", meant, transport="xhr-streaming"
        )
        self.assertProblem(
            ValueError, "there are websocket, xhr,", transport="carrier pigeon"
        )

    def test_headers(self) -> None:
        """
        A header that is none, or would be two.
        """
        self.assertProblem(ValueError, "'X A'", headers={"X A": "1"})
        self.assertProblem(ValueError, "one line", headers={"X-A": "1\r\nX-B: 2"})
        self.assertProblem(ValueError, "UTF-8", headers={"X-A": "\u20ac"})
        self.assertProblem(ValueError, "UTF-8", headers={"X-A": b"\xff"})
        self.assertProblem(TypeError, "use str()", headers={"X-A": 1})
        self.assertProblem(ValueError, "Origin", origin="https://a\n")

    def test_cookies(self) -> None:
        """
        A cookie that no browser sends.
        """
        quote = "urllib.parse.quote"
        self.assertProblem(ValueError, "'a;b'", quote, cookies={"c": "a;b"})
        self.assertProblem(ValueError, "'c d'", cookies={"c d": "1"})
        self.assertProblem(TypeError, "use str()", cookies={"c": 1})

    def test_subprotocols(self) -> None:
        """
        Subprotocols of what has none; and one in place of a list.
        """
        self.assertProblem(
            ValueError, "['v1']", "websocket", transport="xhr", subprotocols=["v1"]
        )
        self.assertProblem(TypeError, "['v1']", subprotocols="v1")

    def test_peer(self) -> None:
        """
        A name where an address is needed.
        """
        said = "'client.example' is no address"
        self.assertProblem(ValueError, said, peer="client.example")

    def test_site(self) -> None:
        """
        A client of something else than a Site in memory; and a Site without its clock.
        """
        site: Any = Site(Resource())
        raised = self.assertRaises(TypeError, MemoryClient, site)
        self.assertIn("MemorySite.serving(factory)", str(raised))
        for wrong in site, Factory.forProtocol(Echo):
            raised = self.assertRaises(TypeError, MemorySite, wrong)
            self.assertIn("clock=MemoryReactor()", str(raised))

    def test_message(self) -> None:
        """
        A message that is no text; and one on a session that is closed.
        """
        session: Any = self.client.session()
        raised = self.assertRaises(TypeError, session.send, b"hello")
        self.assertIn("b'hello'", str(raised))
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.close(4001, "enough")
            raised = self.assertRaises(RuntimeError, session.send, "hello")
            self.assertIn("(4001, 'enough')", str(raised))

    def test_close(self) -> None:
        """
        A code or a reason that no browser closes with leaves the session open.
        """
        for end in self.client.session(), self.client.websocket("/websocket"):
            self.assertRaises(ValueError, end.close, 1001)
            self.assertRaises(ValueError, end.close, 5000)
            self.assertRaises(ValueError, end.close, 4000, "x" * 124)
            end.send("hello")
        self.assertEqual(self.made[0].received, [b"hello"])

    def test_delay(self) -> None:
        """
        A time that is none.
        """
        for wrong in -1.0, float("nan"), float("inf"):
            raised = self.assertRaises(ValueError, MemoryClient, self.site, delay=wrong)
            self.assertIn(repr(wrong), str(raised))
            self.assertRaises(ValueError, self.site.advance, wrong)
