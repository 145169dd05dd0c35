"""Tests for the option ``origins``: who may use the service."""

from __future__ import annotations

from typing import Any

from tests.support.serving import ORIGIN, ServiceCase
from tests.support.sockets import Socket
from tests.web.test_headers import SHARED

EVIL = "http://evil.example"
HANDSHAKE = (
    b"Host: sockjs.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class OriginCase(ServiceCase):
    """
    A service for pages of `ORIGIN`.
    """

    def setUp(self) -> None:
        self.serve(origins=[ORIGIN])

    def statuses(self, headers: Any, method: str | None = None) -> set[int]:
        """
        The statuses of all shared URLs; 404 and 500 tell that a request was let in.
        """
        return {
            self.client.request(method or own, path, headers).status
            for own, path in SHARED
        }

    def assertIn_(self, headers: Any) -> None:
        """
        A request with these headers is let in, everywhere.
        """
        self.assertNotIn(403, self.statuses(headers))

    def assertOut(self, headers: Any) -> None:
        """
        A request with these headers is refused, everywhere, and opens no session.
        """
        before = len(self.sessions)
        self.assertEqual(self.statuses(headers), {403})
        self.assertEqual(len(self.sessions), before)


class OriginTests(OriginCase):
    def test_allowed(self) -> None:
        """
        A page of the origin is let in, and reads the answer.
        """
        self.assertIn_({"Origin": ORIGIN})
        response = self.get("/info", {"Origin": ORIGIN})
        self.assertHeaders(response, Access_Control_Allow_Origin=ORIGIN)

    def test_refused(self) -> None:
        """
        Another page is not, and gets no cross-origin header.
        """
        self.assertOut({"Origin": EVIL})
        self.assertHeaders(
            self.get("/info", {"Origin": EVIL}),
            Access_Control_Allow_Origin=None,
            Access_Control_Allow_Credentials=None,
        )

    def test_preflight(self) -> None:
        """
        Asking before is refused as the request itself would be.
        """
        self.assertEqual(self.statuses({"Origin": EVIL}, "OPTIONS"), {403})
        self.assertEqual(self.statuses({"Origin": ORIGIN}, "OPTIONS"), {204})

    def test_noPage(self) -> None:
        """
        A program that is no browser sends none of the headers, and is let in.
        """
        self.assertIn_({})

    def test_greeting(self) -> None:
        """
        The greeting is for everybody.
        """
        self.assertEqual(self.get("/", {"Origin": EVIL}).status, 200)

    def test_iframe(self) -> None:
        """
        Whoever frames the iframe page uses the service: other pages may not, and a
        browser that has it cached is told so.
        """
        refused = self.get("/iframe.html", {"Referer": f"{EVIL}/page"})
        self.assertEqual(refused.status, 403)
        allowed = self.get("/iframe.html", {"Referer": f"{ORIGIN}/page"})
        self.assertEqual(allowed.status, 200)
        [policy] = allowed.headers.getRawHeaders("Content-Security-Policy", [])
        self.assertTrue(policy.startswith("frame-ancestors "))
        self.assertIn(ORIGIN, policy)
        self.assertNotIn(EVIL, policy)

    def test_iframeAskedAgain(self) -> None:
        """
        Where some pages may have the iframe page and others not, no cache shares it,
        and none uses it unasked; who has it and may still is told so.
        """
        for origins in [[ORIGIN], lambda origin: origin == ORIGIN]:
            self.serve(origins=origins)
            allowed = {"Referer": f"{ORIGIN}/"}
            page = self.get("/iframe.html", allowed)
            tag = self.header(page, "ETag") or ""
            known = self.get("/iframe.html", {**allowed, "If-None-Match": tag})
            self.assertEqual((page.status, known.status), (200, 304))
            for response in [page, known]:
                self.assertHeaders(
                    response,
                    Cache_Control="private, no-cache",
                    Expires=None,
                    Vary="Origin, Referer, Sec-Fetch-Site",
                )
            evil = {"Referer": f"{EVIL}/", "If-None-Match": tag}
            self.assertEqual(self.get("/iframe.html", evil).status, 403)

    def test_callable(self) -> None:
        """
        A callable decides about the origin as it was sent.
        """
        asked: list[str] = []
        self.serve(origins=lambda origin: bool(asked.append(origin)) or origin == EVIL)
        self.assertEqual(self.get("/info", {"Origin": EVIL}).status, 200)
        self.assertEqual(self.get("/info", {"Origin": "http://A.example"}).status, 403)
        self.assertEqual(asked, [EVIL, "http://A.example"])

    def test_callableThatRaises(self) -> None:
        """
        A callable that raises lets nobody in, and is logged.
        """
        self.serve(origins=lambda origin: 1 / 0)
        self.assertEqual(self.get("/info", {"Origin": EVIL}).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class WithoutOriginTests(OriginCase):
    """
    A script or an iframe of a page sends no Origin: other headers tell of the page.
    """

    def test_referer(self) -> None:
        """
        The origin of the Referer is the page's.
        """
        self.assertIn_({"Referer": f"{ORIGIN}/chat/?a=b"})
        self.assertOut({"Referer": f"{EVIL}/{ORIGIN}/"})
        self.assertIn_([("Referer", f"{ORIGIN}/"), ("Referer", "")])
        self.assertIn_({"Referer": ""})

    def test_refererInDisguise(self) -> None:
        """
        A user name in the Referer is no origin, and what cannot be read is refused.
        """
        for referer in [
            "http://page.example@evil.example/",
            "http://page.example:80:@evil.example/",
            "http://evil.example\\@page.example/",
            "http://page.example\\.evil.example/",
            "http:/page.example/",
            "http:/\\page.example/",
            "http:///page.example/",
            "http://page\t.example/",
            "http://page.example/ ä",
            "http://user@page.example/",
            "http://[",
            "page.example",
            "//page.example/",
        ]:
            self.assertOut({"Referer": referer})

    def test_several(self) -> None:
        """
        Two headers that say two things are nobody's, in any order.
        """
        for name, own, other in [
            ("Origin", ORIGIN, EVIL),
            ("Referer", f"{ORIGIN}/", f"{EVIL}/"),
            ("Sec-Fetch-Site", "same-origin", "cross-site"),
        ]:
            self.assertOut([(name, own), (name, other)])
            self.assertOut([(name, other), (name, own)])

    def test_severalOrigins(self) -> None:
        """
        No browser sends two Origins, alike or not, and without the option neither.
        """
        twice = [("Origin", ORIGIN), ("Origin", ORIGIN)]
        self.assertOut(twice)
        self.serve()
        self.assertOut(twice)
        self.assertEqual(self.statuses(twice, "OPTIONS"), {403})
        for path in ["/0/s/websocket", "/websocket"]:
            lines = HANDSHAKE + b"Origin: %b\r\n" % ORIGIN.encode() * 2
            connection = self.connect()
            connection.send(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), lines))
            self.assertEqual(connection.received[:12], b"HTTP/1.1 403")

    def test_originBeforeReferer(self) -> None:
        """
        Where there is an Origin, the Referer does not count.
        """
        self.assertOut({"Origin": EVIL, "Referer": f"{ORIGIN}/"})
        self.assertIn_({"Origin": ORIGIN, "Referer": f"{EVIL}/"})

    def test_fetchSite(self) -> None:
        """
        A page that hides its address is known to be foreign by ``Sec-Fetch-Site``.
        """
        self.assertOut({"Sec-Fetch-Site": "cross-site"})
        self.assertOut({"Sec-Fetch-Site": "same-site"})
        self.assertIn_({"Sec-Fetch-Site": "same-origin"})
        self.assertIn_({"Sec-Fetch-Site": "none"})


class WebSocketOriginTests(OriginCase):
    """
    The same holds for WebSocket.
    """

    def status(self, path: str, **headers: Any) -> bytes:
        """
        The status line of an upgrade.
        """
        return Socket(self.connect(), path, headers).head[:12]

    def test_both(self) -> None:
        """
        Framed and raw: 101 for a page of the origin, 403 for another.
        """
        for path in ["/0/s/websocket", "/websocket"]:
            self.assertEqual(self.status(path, Origin=ORIGIN), b"HTTP/1.1 101")
            self.assertEqual(self.status(path, Origin=EVIL), b"HTTP/1.1 403")
            self.assertEqual(self.status(path), b"HTTP/1.1 101")

    def test_none(self) -> None:
        """
        Without the option every origin is let in, ``null`` and nonsense too.
        """
        self.serve()
        for origin in [EVIL, "null", "file://", "chrome-extension://abc", "?", ""]:
            self.assertEqual(self.status("/websocket", Origin=origin), b"HTTP/1.1 101")

    def test_connectionServesOn(self) -> None:
        """
        After a refusal the connection serves the next request.
        """
        connection = self.connect()
        Socket(connection, "/websocket", {"Origin": EVIL})
        self.assertFalse(connection.closed)
        self.assertEqual(connection.request("GET", "/info").status, 200)
