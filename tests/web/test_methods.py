"""Methods: what HEAD, OPTIONS and a wrong method get, at every URL of a service."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher

from tests.support.http2 import HTTP2Case
from tests.support.serving import NEVER_CACHED, ORIGIN, ServiceCase
from txsockjs.testing import MemoryResponse
from txsockjs.transports import pages

#: Every URL that answers, each with the methods that its ``Allow`` names.
URLS = {
    "/": "OPTIONS, GET, HEAD",
    "/iframe.html": "OPTIONS, GET, HEAD",
    "/info": "OPTIONS, GET, HEAD",
    "/0/s/xhr": "OPTIONS, POST",
    "/0/s/xhr_streaming": "OPTIONS, POST",
    "/0/s/xhr_send": "OPTIONS, POST",
    "/0/s/eventsource": "OPTIONS, GET",
    "/0/s/htmlfile?c=f": "OPTIONS, GET",
    "/0/s/jsonp?c=f": "OPTIONS, GET",
    "/0/s/jsonp_send": "OPTIONS, POST",
    "/0/s/websocket": "OPTIONS, GET",
    "/websocket": "OPTIONS, GET",
}
PAGES = ["/", "/iframe.html", "/info"]
#: Those for which the protocol has no word on caches.
UNSPOKEN = ["/", "/iframe.html", "/websocket", "/0/s/websocket"]
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"]


class MethodCase(ServiceCase):
    def setUp(self) -> None:
        self.serve()

    def assertBodiless(self, response: MemoryResponse) -> None:
        """
        Nothing comes after the headers, and the connection serves on.
        """
        self.assertTrue(response.raw.endswith(b"\r\n\r\n"), response.raw)
        self.assertEqual(response.raw.count(b"\r\n\r\n"), 1)
        self.assertEqual(response.connection.request("GET", "/").status, 200)

    def fields(self, response: MemoryResponse) -> dict[bytes, Any]:
        """
        The headers, but for the date.
        """
        fields = dict(response.headers.getAllRawHeaders())
        del fields[b"Date"]
        return fields


class AllowTests(MethodCase):
    """
    A wrong method is told the right ones. (RFC 9110, section 10.2.1)
    """

    def test_each(self) -> None:
        """
        405, with every method that is answered and no other; nothing keeps it.
        """
        for path, allow in URLS.items():
            for method in METHODS:
                if method in allow:
                    continue
                response = self.client.request(method, path)
                self.assertRefused(response, 405, b"")
                self.assertBodiless(response)
                cached = None if path in UNSPOKEN else NEVER_CACHED
                self.assertHeaders(
                    response, Allow=allow, Content_Type=None, Cache_Control=cached
                )
        self.assertEqual(self.sessions, [])

    def test_allowed(self) -> None:
        """
        What is named is answered.
        """
        for path, allow in URLS.items():
            for method in allow.split(", "):
                status = self.client.request(method, path, (), b"[]").status
                self.assertNotIn(status, (405, 501), (method, path))


class OptionsTests(MethodCase):
    """
    OPTIONS.
    """

    def test_each(self) -> None:
        """
        204 without a length and a type, and with the methods. (RFC 9110, section 8.6)
        """
        for path, allow in URLS.items():
            response = self.client.request("OPTIONS", path, {"Origin": ORIGIN})
            self.assertEqual(response.status, 204)
            self.assertHeaders(
                response,
                Allow=allow,
                Content_Length=None,
                Content_Type=None,
                Transfer_Encoding=None,
            )
            self.assertBodiless(response)
        self.assertEqual(self.sessions, [])

    def test_sent(self) -> None:
        """
        The 204 that answers a message has no length either.
        """
        self.open()
        response = self.post("/0/s1/xhr_send", b'["a"]')
        self.assertEqual(response.status, 204)
        self.assertHeaders(response, Content_Length=None, Transfer_Encoding=None)
        self.assertBodiless(response)


class HeadTests(MethodCase):
    """
    HEAD. (RFC 9110, section 9.3.2)
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(pages, "randbits", lambda bits: 1 << 31)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def assertNotLogged(self) -> None:
        """
        Twisted finds nothing wrong with the answers.
        """
        texts = [formatEvent(event) for event in self.events]
        self.assertEqual([each for each in texts if "HEAD" in each], [])

    def test_pages(self) -> None:
        """
        The headers of GET, the length among them, and no body.
        """
        for path in PAGES:
            for headers in {}, {"Origin": ORIGIN}:
                head = self.client.request("HEAD", path, headers)
                get = self.get(path, headers)
                self.assertEqual((head.status, get.status), (200, 200))
                self.assertEqual(self.fields(head), self.fields(get))
                self.assertBodiless(head)
        self.assertNotLogged()

    def test_known(self) -> None:
        """
        Of a page that the client has, 304 as for GET.
        """
        tag = self.header(self.get("/iframe.html"), "ETag") or ""
        response = self.client.request("HEAD", "/iframe.html", {"If-None-Match": tag})
        self.assertEqual(response.status, 304)
        self.assertHeaders(response, Content_Length=None, ETag=tag)
        self.assertBodiless(response)

    def test_refused(self) -> None:
        """
        Where GET is refused, the length of the text, and no text.
        """
        self.serve(origins=[ORIGIN])
        evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
        upgrade = {"Upgrade": "websocket"}
        for path, headers in [
            ("/info", evil),
            ("/iframe.html", evil),
            ("/info", upgrade),
            ("/nothing", {}),
            ("/0/./xhr", {}),
        ]:
            head = self.client.request("HEAD", path, headers)
            get = self.get(path, headers)
            self.assertGreaterEqual(head.status, 400)
            self.assertEqual(head.status, get.status)
            self.assertEqual(self.fields(head), self.fields(get))
            length = self.header(head, "Content-Length")
            self.assertEqual(length, str(len(get.body)))
            self.assertBodiless(head)
        self.assertNotLogged()

    def test_opensNothing(self) -> None:
        """
        Where GET opens a session, HEAD is no way to ask.
        """
        for path in ["eventsource", "htmlfile?c=f", "jsonp?c=f", "websocket"]:
            response = self.client.request("HEAD", f"/0/s/{path}")
            self.assertRefused(response, 405, b"")
        self.assertEqual(self.sessions, [])
        self.assertNotLogged()


class RefusalTests(MethodCase):
    """
    What a refusal looks like.
    """

    def test_each(self) -> None:
        """
        Plain text that no browser takes for something else, under a status by its name;
        it is kept by no cache at a URL of which nothing is.
        """
        self.serve(origins=[ORIGIN], max_sessions=1)
        self.open()
        version = {"Sec-WebSocket-Version": "7"}
        for method, path, headers, line in [
            ("GET", "/info", {"Origin": "null"}, b"403 Forbidden"),
            ("GET", "/0/s/jsonp?c=f", {"Origin": "null"}, b"403 Forbidden"),
            ("GET", "/iframe.html", {"Referer": "null"}, b"403 Forbidden"),
            ("GET", "/0/s/jsonp", {}, b"500 Internal Server Error"),
            ("GET", "/0/s/htmlfile?c=(", {}, b"500 Internal Server Error"),
            ("POST", "/0/s/xhr_send", {}, b"404 Not Found"),
            ("POST", "/0/s/xhr", {}, b"503 Service Unavailable"),
            ("GET", "/nothing", {}, b"404 Not Found"),
            ("GET", "/websocket", {}, b"400 Bad Request"),
            ("GET", "/websocket", HANDSHAKE | version, b"426 Upgrade Required"),
        ]:
            response = self.client.request(method, path, headers)
            self.assertEqual(response.raw.partition(b"\r\n")[0], b"HTTP/1.1 " + line)
            self.assertHeaders(
                response,
                Content_Type="text/plain; charset=UTF-8",
                X_Content_Type_Options="nosniff",
                Cache_Control=NEVER_CACHED
                if path.startswith(("/0", "/info"))
                else None,
            )
            self.assertTrue(response.body)


class HealthTests(MethodCase):
    """
    What load balancers ask, to know whether the service is up.
    """

    CHECKS = [
        # What HAProxy sends for "option httpchk" alone.
        b"OPTIONS / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ]

    def statuses(self) -> list[int]:
        """
        What the checks are answered with, each on a connection that is closed then.
        """
        found = []
        for check in self.CHECKS:
            connection = self.connect()
            connection.send(check)
            self.assertTrue(connection.closed)
            found.append(int(connection.received[9:12]))
        return found

    def test_up(self) -> None:
        """
        A service that is up says 200 or 204.
        """
        self.assertEqual(self.statuses(), [204, 200, 200, 204, 200, 200])

    def test_full(self) -> None:
        """
        So does one that has as many sessions as it may, for any origins.
        """
        self.serve(max_sessions=1, origins=[])
        self.open()
        self.assertEqual(self.statuses(), [204, 200, 200, 204, 200, 200])

    def test_stopping(self) -> None:
        """
        One that stops says 503, and takes no new browsers from there on.
        """
        self.open()
        self.site.site.closeSessions()
        self.assertEqual(self.statuses(), [503] * 6)


class HTTP2Tests(HTTP2Case):
    """
    The same over HTTP/2.
    """

    def test_options(self) -> None:
        """
        204 has no length.
        """
        browser = self.browse()
        for path, allow in URLS.items():
            stream = browser.request("OPTIONS", path)
            headers = browser.headers[stream]
            self.assertEqual((browser.status[stream], headers["allow"]), ("204", allow))
            self.assertNotIn("content-length", headers)
            self.assertEqual(browser.ended[stream], "end")

    def test_head(self) -> None:
        """
        HEAD has the length of GET, and no data.
        """
        self.patch(pages, "randbits", lambda bits: 1 << 31)
        browser = self.browse()
        for path in [*PAGES, "/nothing"]:
            get, head = (browser.request(method, path) for method in ("GET", "HEAD"))
            self.assertEqual(browser.status[get], browser.status[head])
            length = int(browser.headers[head]["content-length"])
            self.assertEqual(length, len(browser.bodies[get]))
            self.assertFalse(browser.bodies.get(head))
            self.assertEqual(browser.ended[head], "end")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_noBody(self) -> None:
        """
        304, and the 204 of a message, have no length and no data.
        """
        browser = self.browse()
        tag = browser.headers[browser.request("GET", "/iframe.html")]["etag"]
        known = browser.request("GET", "/iframe.html", b"", ("if-none-match", tag))
        browser.request("POST", "/0/s/xhr")
        sent = browser.request("POST", "/0/s/xhr_send", b'["a"]')
        for stream, status in [(known, "304"), (sent, "204")]:
            self.assertEqual(browser.status[stream], status)
            self.assertNotIn("content-length", browser.headers[stream])
            self.assertFalse(browser.bodies.get(stream))
            self.assertEqual(browser.ended[stream], "end")
