"""A service under a foreign Site: what a Resource above it does stays in force."""

from __future__ import annotations

import gzip
import zlib
from functools import partial
from typing import Any

from twisted.web import http
from twisted.web._http2 import H2Connection
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import GzipEncoderFactory, Request, Site

from tests.support.http2 import Browser, NegotiatedServer
from tests.support.serving import Echo, RecordingFactory, ServiceCase
from tests.support.sockets import Socket
from txsockjs.factory import SockJSResource
from txsockjs.testing import MemoryReactor, MemoryResponse, network

GZIP = {"Accept-Encoding": "gzip"}
TAGGED = {
    "X-Frame-Options": "DENY",
    "Vary": "Accept-Language",
    "Cache-Control": "max-age=5",
    "Content-Type": "text/html",
}

#: Method, path and status of an answer of each kind, in their order.
ANSWERS = [
    ("POST", "/echo/0/s/xhr", 200),
    ("POST", "/echo/0/s/xhr_send", 204),
    ("POST", "/echo/0/s/xhr", 200),
    ("POST", "/echo/0/s/jsonp_send", 200),
    ("GET", "/echo/0/s/jsonp?c=f", 200),
    ("GET", "/echo/info", 200),
    ("HEAD", "/echo/info", 200),
    ("OPTIONS", "/echo/info", 204),
    ("GET", "/echo/iframe.html", 200),
    ("GET", "/echo", 200),
    ("HEAD", "/echo", 200),
    ("PUT", "/echo/0/s/xhr", 405),
    ("POST", "/echo/0/none/xhr_send", 404),
    ("GET", "/echo/nothing", 404),
    ("GET", "/echo/0/s/jsonp", 500),
]


class Parent(Resource):
    """
    Sets cookies and headers, as a page that knows its visitors does.
    """

    def __init__(
        self, child: IResource, lines: dict[str, str], cookies: dict[str, str]
    ) -> None:
        super().__init__()
        self._child = child
        self._lines = lines
        self._cookies = cookies

    def getChild(self, path: bytes, request: Request) -> Any:
        for name, value in self._cookies.items():
            request.addCookie(name, value)
        for name, value in self._lines.items():
            request.setHeader(name, value)
        return self._child


class ForeignCase(ServiceCase):
    """
    A service below a Resource of somebody's, encoded for those who take that.
    """

    cookies: dict[str, str] = {}

    def start(self, lines: dict[str, str] | None = None, **options: object) -> None:
        """
        Serve an echo.

        :param lines: headers that the parent sets.
        """
        factory, reactor = RecordingFactory(Echo), MemoryReactor()
        self.sessions = factory.sessions
        service = SockJSResource(factory, options, clock=reactor)
        encoded = EncodingResourceWrapper(service, [GzipEncoderFactory()])
        parent = Parent(encoded, lines or {}, self.cookies)
        self.listen(Site(parent, reactor=reactor))
        self.addCleanup(service.stop)

    def answers(self, headers: dict[str, str]) -> Any:
        """
        An answer of each kind, each complete, and the connection in order after it.
        """
        for method, path, status in ANSWERS:
            body = b'["a"]' if path.endswith("_send") else b""
            response = self.client.request(method, path, headers, body)
            self.assertEqual(response.status, status, path)
            self.assertTrue(response.finished, path)
            self.assertEqual(
                response.connection.request("GET", "/echo").status, 200, path
            )
            yield response

    def values(self, response: MemoryResponse, name: str) -> list[str]:
        return list(response.headers.getRawHeaders(name, []))


class CookieTests(ForeignCase):
    """
    Cookies of a parent.
    """

    cookies = {"visitor": "7", "seen": "today"}
    THEIRS = ["visitor=7", "seen=today"]

    def test_everywhere(self) -> None:
        """
        They are on every answer.
        """
        self.start()
        for response in self.answers({}):
            self.assertEqual(self.values(response, "Set-Cookie"), self.THEIRS)

    def test_besideOurs(self) -> None:
        """
        So is the service's own, once.
        """
        self.start(cookie_needed=True)
        ours = "JSESSIONID=dummy; path=/"
        for method, path in [("POST", "xhr"), ("POST", "xhr_send"), ("OPTIONS", "xhr")]:
            response = self.client.request(method, f"/echo/0/s/{path}", (), b'["a"]')
            found = self.values(response, "Set-Cookie")
            self.assertEqual(found, [*self.THEIRS, ours])

    def test_caches(self) -> None:
        """
        No shared cache hands one visitor's cookie to another, however it was set.
        """
        year = "private, max-age=31536000"
        for cookies, lines in [(self.cookies, {}), ({}, {"Set-Cookie": "visitor=7"})]:
            self.cookies = cookies
            self.start(lines)
            for method, path in [("GET", "iframe.html"), ("OPTIONS", "info")]:
                response = self.client.request(method, f"/echo/{path}")
                self.assertHeaders(response, Cache_Control=year)

    def test_webSocket(self) -> None:
        """
        They are on the answer to a handshake.
        """
        for cookie, needed in [([], False), (["JSESSIONID=a; path=/"], True)]:
            self.start(TAGGED, cookie_needed=needed)
            sent = {**GZIP, "Cookie": "JSESSIONID=a"}
            socket = Socket(self.connect(), "/echo/0/s/websocket", sent)
            line, *fields = socket.head.decode("ascii").splitlines()
            self.assertEqual(line[:12], "HTTP/1.1 101")
            found = [each[12:] for each in fields if each.startswith("Set-Cookie: ")]
            self.assertEqual(found, [*self.THEIRS, *cookie])
            self.assertIn("X-Frame-Options: DENY", fields)
            self.assertNotIn("Content-", socket.head.decode("ascii"))

    def test_stream(self) -> None:
        """
        They are on a stream.
        """
        self.start()
        response = self.get("/echo/0/s/eventsource")
        self.assertEqual(response.body, b"\r\ndata: o\r\n\r\n")
        self.assertEqual(self.values(response, "Set-Cookie"), self.THEIRS)


class HeaderTests(ForeignCase):
    """
    Headers of a parent.
    """

    def test_beside(self) -> None:
        """
        What the service does not say itself stays; what it does is said once, but for
        what an answer depends on, which is said together.
        """
        self.start(TAGGED)
        for response in self.answers({}):
            self.assertHeaders(response, X_Frame_Options="DENY")
            self.assertEqual(len(self.values(response, "Cache-Control")), 1)
            self.assertLess(len(self.values(response, "Content-Type")), 2)
            self.assertEqual(self.values(response, "Vary")[0], "Accept-Language")
        poll = self.post("/echo/0/t/xhr")
        self.assertEqual(self.values(poll, "Vary"), ["Accept-Language", "Origin"])
        self.assertTrue((self.header(poll, "Cache-Control") or "").startswith("no-"))
        self.assertHeaders(poll, Content_Type="application/javascript; charset=UTF-8")

    def test_besideCookies(self) -> None:
        """
        A cookie that was set as a header stays beside the service's own.
        """
        self.start({"Set-Cookie": "visitor=7"}, cookie_needed=True)
        ours = "JSESSIONID=dummy; path=/"
        for path in ["xhr", "xhr_send"]:
            response = self.post(f"/echo/0/s/{path}", b'["a"]')
            found = self.values(response, "Set-Cookie")
            self.assertEqual(found, ["visitor=7", ours])

    def test_notRepeated(self) -> None:
        """
        What a parent has said of ``Vary`` is not said again.
        """
        self.start({"Vary": "Origin"})
        for path in ["xhr", "xhr_send"]:
            response = self.post(f"/echo/0/s/{path}", b'["a"]')
            self.assertEqual(self.values(response, "Vary"), ["Origin"])


class EncoderTests(ForeignCase):
    """
    An encoder: it has all that there is to encode.
    """

    def decoded(self, response: MemoryResponse) -> bytes:
        """
        A body as a browser has it.
        """
        encoding = self.header(response, "Content-Encoding")
        self.assertIn(encoding, (None, "gzip"))
        return gzip.decompress(response.body) if encoding else response.body

    def test_same(self) -> None:
        """
        Every answer is the same to a browser, encoded or not.
        """
        self.start()
        plain = [response.body for response in self.answers({})]
        self.start()
        encoded = list(self.answers(GZIP))
        for before, response in zip(plain, encoded, strict=True):
            body = self.decoded(response)
            # What info says is fresh each time.
            self.assertEqual(before[:70], body[:70])
        zipped = [r for r in encoded if self.header(r, "Content-Encoding")]
        self.assertEqual(len(zipped), sum(1 for body in plain if body))

    def test_nothingToEncode(self) -> None:
        """
        What has no body gets none, and says nothing of a coding.
        """
        self.start()
        for response in self.answers(GZIP):
            if not response.body:
                self.assertTrue(response.raw.endswith(b"\r\n\r\n"), response.raw)
                self.assertHeaders(response, Content_Encoding=None)

    def test_etag(self) -> None:
        """
        An encoded page has the weak form of the tag, caches keep it apart, and who
        has either gets 304.
        """
        self.start({"Vary": "Accept-Language"})
        plain = self.header(self.get("/echo/iframe.html"), "ETag") or ""
        response = self.get("/echo/iframe.html", GZIP)
        self.assertHeaders(response, ETag=f"W/{plain}")
        vary = ["Accept-Language", "Accept-Encoding"]
        self.assertEqual(self.values(response, "Vary"), vary)
        for tag in plain, f"W/{plain}":
            for headers in {}, GZIP:
                known = {**headers, "If-None-Match": tag}
                again = self.get("/echo/iframe.html", known)
                self.assertEqual(again.status, 304)
                self.assertTrue(again.raw.endswith(b"\r\n\r\n"), again.raw)
                self.assertHeaders(again, Content_Encoding=None)

    def test_stream(self) -> None:
        """
        A stream is not encoded: an encoder would hold its frames back.
        """
        self.start(streaming_limit=20)
        for method, transport, prelude, frame in [
            ("GET", "eventsource", b"\r\n", b'data: a["a"]\r\n\r\n'),
            ("POST", "xhr_streaming", b"h" * 2048 + b"\n", b'a["a"]\n'),
        ]:
            path = f"/echo/0/{transport}"
            stream = self.client.request(method, f"{path}/{transport}", GZIP)
            self.assertTrue(stream.body.startswith(prelude))
            self.assertHeaders(stream, Content_Encoding=None)
            self.post(f"{path}/xhr_send", b'["a"]')
            self.assertTrue(stream.body.endswith(frame), stream.body)
            self.post(f"{path}/xhr_send", b'["aaaaaaaaaaaaaaaaaaaa"]')
            self.assertTrue(stream.finished)

    def test_http2(self) -> None:
        """
        The same holds over HTTP/2.
        """
        self.start()
        self.patch(network, "SecureServer", NegotiatedServer)
        # It takes the global reactor else.
        self.patch(http, "H2Connection", partial(H2Connection, self.site.reactor))
        browser = self.site.connect(Browser(self.site), secure=True)
        gzip_ = ("accept-encoding", "gzip")
        for method, path, status in ANSWERS:
            body = b'["a"]' if path.endswith("_send") else b""
            stream = browser.request(method, path, body, gzip_)
            self.assertEqual(browser.status[stream], str(status), path)
            self.assertEqual(browser.ended[stream], "end")
            data = browser.bodies.get(stream, b"")
            encoded = "content-encoding" in browser.headers[stream]
            self.assertEqual(bool(data), encoded, path)
            if data:
                self.assertTrue(zlib.decompress(data, 31))
        self.assertEqual(self.flushLoggedErrors(), [])
