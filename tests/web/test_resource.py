"""Tests for `txsockjs.transports.resource`: what is where. (PROTOCOL section 1)"""

from __future__ import annotations

from twisted.internet.protocol import Factory
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.serving import Echo, RecordingFactory, ServiceCase
from tests.support.sockets import Socket
from txsockjs.factory import SockJSMultiFactory, SockJSResource
from txsockjs.options import TRANSPORTS
from txsockjs.testing import MemoryReactor

NOWHERE = [
    "/a",
    "/a.html",
    "//",
    "///",
    "/a/a",
    "/a/a/",
    "/a/",
    "/iframe",
    "/iframe.htm",
    "/IFRAME.HTML",
    "/iframe.HTML",
    "/iframe.xml",
    "/iframe-/.html",
    "/iframe.html/",
    "/iframe.html%0A",
    "/info/",
    "/INFO",
    "/websocket/",
    "/echo",
]

NO_SESSION = [
    "///xhr",
    "//s/xhr",
    "/s//xhr",
    "/a./a/xhr",
    "/a/a./xhr",
    "/./a/xhr",
    "/a/./xhr",
    "/../a/xhr",
    "/a%2e/a/xhr",
    "/a/%2E/xhr",
    "/a/a/xhr/",
    "/a/a/a/xhr",
    "/a/a/XHR",
    "/a/a/xhr%0A",
    "/a/a/",
    "/a/a/rawwebsocket",
    "/a/a/info",
]


class RoutingTests(ServiceCase):
    def test_nowhere(self) -> None:
        """
        Whatever is no URL of the protocol's is 404, with any method.
        """
        self.serve()
        for path in NOWHERE:
            for method in ["GET", "POST", "OPTIONS", "DELETE"]:
                response = self.client.request(method, path)
                self.assertEqual(response.status, 404, (method, path))

    def test_noSession(self) -> None:
        """
        A dot or an empty segment names no session.
        """
        self.serve()
        for path in NO_SESSION:
            self.assertEqual(self.post(path).status, 404, path)
        self.assertEqual(self.sessions, [])

    def test_headOfNowhere(self) -> None:
        """
        HEAD of what is not there is 404 without a body.
        """
        self.serve()
        response = self.client.request("HEAD", "/a")
        self.assertEqual((response.status, response.body), (404, b""))

    def test_anyServer(self) -> None:
        """
        Sessions are known by their id; the server's segment is for load balancers.
        """
        self.serve(Echo)
        self.assertEqual(self.post("/000/s/xhr").body, b"o\n")
        self.assertEqual(self.post("/999/s/xhr_send", b'["a"]').status, 204)
        self.assertEqual(self.post("/x%20/s/xhr").body, b'a["a"]\n')

    def test_escapes(self) -> None:
        """
        An id may be percent-encoded, and is the same however it is spelt.
        """
        self.serve(Echo)
        self.assertEqual(self.post("/abcdefgh_i-j%20/x%20/xhr").body, b"o\n")
        self.assertEqual(self.post("/a/%78%20/xhr_send", b'["a"]').status, 204)
        self.assertEqual(len(self.sessions), 1)

    def test_query(self) -> None:
        """
        A query, as the client adds it against caches, changes nothing.
        """
        self.serve()
        for path in ["/info?t=1", "/iframe.html?t=1", "/?a"]:
            self.assertEqual(self.get(path).status, 200, path)
        self.assertEqual(self.post("/0/s/xhr?t=1").body, b"o\n")

    def test_otherMethods(self) -> None:
        """
        A wrong method is 405, says what is right, and has no body and no content type.
        """
        self.serve()
        for path, allowed, wrong in [
            ("/info", "OPTIONS, GET, HEAD", "POST"),
            ("/0/s/xhr", "OPTIONS, POST", "GET"),
            ("/0/s/xhr_send", "OPTIONS, POST", "PUT"),
            ("/0/s/xhr_streaming", "OPTIONS, POST", "HEAD"),
            ("/0/s/eventsource", "OPTIONS, GET", "POST"),
            ("/0/s/htmlfile?c=a", "OPTIONS, GET", "POST"),
            ("/0/s/jsonp?c=a", "OPTIONS, GET", "POST"),
            ("/0/s/jsonp_send", "OPTIONS, POST", "GET"),
            ("/0/s/websocket", "OPTIONS, GET", "POST"),
            ("/websocket", "OPTIONS, GET", "POST"),
        ]:
            response = self.client.request(wrong, path)
            self.assertRefused(response, 405, b"")
            self.assertHeaders(response, Allow=allowed, Content_Type=None)

    def test_unknownMethod(self) -> None:
        """
        A method that nobody knows is 405 as well.
        """
        self.serve()
        self.assertRefused(self.client.request("BREW", "/info"), 405, b"")


class DisabledTests(ServiceCase):
    """
    The options ``websocket`` and ``disabled_transports``.
    """

    PATHS = {name: f"/0/s/{name}?c=f" for name in TRANSPORTS} | {
        "rawwebsocket": "/websocket"
    }

    def missing(self) -> set[str]:
        """
        The transports that are 404, by OPTIONS, which all of them answer.
        """
        return {
            name
            for name, path in self.PATHS.items()
            if self.client.request("OPTIONS", path).status == 404
        }

    def test_none(self) -> None:
        """
        By default all are there.
        """
        self.serve()
        self.assertEqual(self.missing(), set())

    def test_each(self) -> None:
        """
        Each transport can be disabled by itself.
        """
        for name in TRANSPORTS:
            self.serve(disabled_transports=[name])
            self.assertEqual(self.missing(), {name})

    def test_webSocket(self) -> None:
        """
        ``websocket=False`` takes both WebSocket URLs away, upgrades included.
        """
        self.serve(websocket=False)
        self.assertEqual(self.missing(), {"websocket", "rawwebsocket"})
        self.assertEqual(Socket(self.connect()).head[:12], b"HTTP/1.1 404")


class LifeTests(ServiceCase):
    """
    The wrapped factory's life is the service's.
    """

    class Started(Factory):
        noisy = False
        started = stopped = 0

        def startFactory(self) -> None:
            self.started += 1

        def stopFactory(self) -> None:
            self.stopped += 1

        def buildProtocol(self, addr: object) -> Echo:
            return Echo()

    def test_underAForeignSite(self) -> None:
        """
        Beside other web content a service starts with its first request.
        """
        factory, root = self.Started(), Resource()
        reactor = MemoryReactor()
        service = SockJSResource(factory, clock=reactor)
        root.putChild(b"echo", service)
        self.listen(Site(root, reactor=reactor))
        self.assertEqual(factory.started, 0)
        self.assertEqual(self.get("/echo").body, b"Welcome to SockJS!\n")
        self.assertEqual(self.get("/echo/").body, b"Welcome to SockJS!\n")
        self.assertEqual(self.post("/echo/0/s/xhr").body, b"o\n")
        self.assertEqual(factory.started, 1)
        service.stop()
        self.assertEqual(factory.stopped, 1)

    def test_severalServices(self) -> None:
        """
        Services under one Site share nothing: the same id is a session of each.
        """
        one, two = RecordingFactory(Echo), RecordingFactory(Echo)
        site = SockJSMultiFactory(clock=MemoryReactor())
        site.addFactory(one, "a/one")
        site.addFactory(two, b"two", {"disabled_transports": "jsonp"})
        self.listen(site)
        self.assertEqual(self.post("/a/one/0/s/xhr").body, b"o\n")
        self.assertEqual(self.post("/two/0/s/xhr_send", b'["a"]').status, 404)
        self.assertEqual(self.post("/two/0/s/xhr").body, b"o\n")
        self.assertEqual((len(one.sessions), len(two.sessions)), (1, 1))
        for path in ["/", "/a", "/a/", "/three", "/a/one/x", "/two/0/s/jsonp?c=a"]:
            self.assertRefused(self.get(path), 404)

    def test_maxSessions(self) -> None:
        """
        Past ``max_sessions`` a session is refused with 503, whatever it comes by, and
        the open ones are untouched.
        """
        self.serve(Echo, max_sessions=1)
        self.open()
        for method, path in [
            ("POST", "/0/t/xhr"),
            ("POST", "/0/t/xhr_streaming"),
            ("GET", "/0/t/eventsource"),
            ("GET", "/0/t/htmlfile?c=f"),
            ("GET", "/0/t/jsonp?c=f"),
        ]:
            self.assertRefused(self.client.request(method, path), 503)
        for path in ["/0/t/websocket", "/websocket"]:
            self.assertEqual(Socket(self.connect(), path).head[:12], b"HTTP/1.1 503")
        self.post("/000/s1/xhr_send", b'["a"]')
        self.assertEqual(self.post("/000/s1/xhr").body, b'a["a"]\n')

    def test_roomAgain(self) -> None:
        """
        A session that has ended makes room, before its id is forgotten.
        """
        self.serve(max_sessions=1)
        self.open().transport.loseConnection()
        self.assertEqual(self.post("/000/s1/xhr").body, b'c[3000,"Go away!"]\n')
        self.assertEqual(self.post("/0/t/xhr").body, b"o\n")
