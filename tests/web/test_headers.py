"""Tests for `txsockjs.web.headers`: the rules of PROTOCOL section 2."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.server import Request

from tests.support.serving import NEVER_CACHED, ORIGIN, ServiceCase
from txsockjs.testing import MemoryClient, MemoryResponse

#: Method and path of every URL with CORS headers.
SHARED = [
    ("GET", "/info"),
    ("POST", "/000/x/xhr"),
    ("POST", "/000/x/xhr_streaming"),
    ("GET", "/000/x/eventsource"),
    ("GET", "/000/x/htmlfile?c=f"),
    ("GET", "/000/x/jsonp?c=f"),
    ("POST", "/000/s1/xhr_send"),
    ("POST", "/000/s1/jsonp_send"),
]
SESSIONS = SHARED[1:]
PAGES = ["/", "/info", "/iframe.html"]


class HeaderCase(ServiceCase):
    def ask(self, method: str, path: str, headers: Any = ()) -> MemoryResponse:
        """
        Make a request that is in order.
        """
        body = b'["a"]' if path.endswith("send") else b""
        return self.client.request(method, path, headers, body)

    def each(self, urls: list[tuple[str, str]], headers: Any = ()) -> Any:
        """
        The responses of several URLs, with a session ``s1`` for those that send.
        """
        self.open()
        for method, path in urls:
            # A session of its own, since there is one receiver at a time.
            path = path.replace("/x/", f"/{path[7:11]}{len(path)}/")
            yield self.ask(method, path, headers)


class CORSTests(HeaderCase):
    """
    Cross-origin headers.
    """

    def test_origin(self) -> None:
        """
        An Origin comes back, with leave to send credentials.
        """
        self.serve()
        for response in self.each(SHARED, {"Origin": ORIGIN}):
            self.assertHeaders(
                response,
                Access_Control_Allow_Origin=ORIGIN,
                Access_Control_Allow_Credentials="true",
                Access_Control_Allow_Headers=None,
                Vary="Origin",
            )

    def test_nullOrigin(self) -> None:
        """
        The origin ``null`` comes back as any other does.
        """
        self.serve()
        for response in self.each(SHARED, {"Origin": "null"}):
            self.assertHeaders(
                response,
                Access_Control_Allow_Origin="null",
                Access_Control_Allow_Credentials="true",
            )

    def test_noOrigin(self) -> None:
        """
        Without an Origin everybody is allowed, without credentials.
        """
        self.serve()
        for response in self.each(SHARED):
            self.assertHeaders(
                response,
                Access_Control_Allow_Origin="*",
                Access_Control_Allow_Credentials=None,
                Vary="Origin",
            )

    def test_requestHeaders(self) -> None:
        """
        The headers that a page asks for come back.
        """
        self.serve()
        asked = {"Origin": ORIGIN, "Access-Control-Request-Headers": "a, b, c"}
        for response in self.each(SHARED, asked):
            self.assertHeaders(response, Access_Control_Allow_Headers="a, b, c")

    def test_severalRequestHeaders(self) -> None:
        """
        A list may come on several lines, and comes back on one.
        """
        self.serve()
        asked = [("Access-Control-Request-Headers", name) for name in ("a, b", "c")]
        for response in self.each(SHARED, asked):
            self.assertHeaders(response, Access_Control_Allow_Headers="a, b, c")

    def test_emptyRequestHeaders(self) -> None:
        """
        A page that asks for no header gets none.
        """
        self.serve()
        asked = {"Origin": ORIGIN, "Access-Control-Request-Headers": ""}
        for response in self.each(SHARED, asked):
            self.assertHeaders(response, Access_Control_Allow_Headers=None)

    def test_errorToo(self) -> None:
        """
        A page can read what was wrong with its request.
        """
        self.serve()
        self.open()
        response = self.post("/000/s1/xhr_send", b"", {"Origin": ORIGIN})
        self.assertRefused(response, 500, b"Payload expected.")
        self.assertHeaders(response, Access_Control_Allow_Origin=ORIGIN)

    def test_unsharedPages(self) -> None:
        """
        Greeting and iframe have no cross-origin headers.
        """
        self.serve()
        for path in ["/", "/iframe.html"]:
            self.assertHeaders(
                self.get(path, {"Origin": ORIGIN}), Access_Control_Allow_Origin=None
            )


class PreflightTests(HeaderCase):
    """
    OPTIONS, which a browser asks before it makes a request across origins.
    """

    def test_answer(self) -> None:
        """
        204, no body, kept for a year, with the URL's method.
        """
        self.serve()
        for method, path in SHARED:
            response = self.client.request("OPTIONS", path, {"Origin": ORIGIN})
            self.assertEqual((response.status, response.body), (204, b""))
            self.assertHeaders(
                response,
                Cache_Control="public, max-age=31536000",
                Access_Control_Max_Age="31536000",
                Access_Control_Allow_Methods=f"OPTIONS, {method}",
                Access_Control_Allow_Origin=ORIGIN,
                Access_Control_Allow_Credentials="true",
                Content_Type=None,
            )

    def test_expires(self) -> None:
        """
        ``Expires`` is a year from now, as the service's clock has it.
        """
        self.serve()
        response = self.client.request("OPTIONS", "/info")
        self.assertHeaders(response, Expires="Fri, 01 Jan 1971 00:00:00 GMT")

    def test_makesNoSession(self) -> None:
        """
        Asking opens nothing.
        """
        self.serve()
        for _, path in SHARED:
            self.client.request("OPTIONS", path)
        self.assertEqual(self.sessions, [])


class CachingTests(HeaderCase):
    """
    What caches may keep.
    """

    def test_never(self) -> None:
        """
        Info and every session URL must not be stored.
        """
        self.serve()
        for response in self.each(SHARED):
            self.assertHeaders(
                response, Cache_Control=NEVER_CACHED, Expires=None, Last_Modified=None
            )

    def test_iframe(self) -> None:
        """
        The iframe page may be kept for a year.
        """
        self.serve()
        self.assertHeaders(
            self.get("/iframe.html"),
            Cache_Control="public, max-age=31536000",
            Expires="Fri, 01 Jan 1971 00:00:00 GMT",
            Last_Modified=None,
        )


class CookieTests(HeaderCase):
    """
    JSESSIONID, which a load balancer may hold on to.
    """

    def cookies(self, sent: str | None) -> set[str | None]:
        """
        What is set on all session URLs, if a browser sends this.
        """
        self.serve(cookie_needed=True)
        headers = {} if sent is None else {"Cookie": sent}
        return {self.header(r, "Set-Cookie") for r in self.each(SESSIONS, headers)}

    def test_new(self) -> None:
        """
        A browser without the cookie gets one.
        """
        self.assertEqual(self.cookies(None), {"JSESSIONID=dummy; path=/"})

    def test_echoed(self) -> None:
        """
        A browser keeps the one that it has.
        """
        self.assertEqual(
            self.cookies("a=1; JSESSIONID=node-7.x; b=2"),
            {"JSESSIONID=node-7.x; path=/"},
        )

    def test_named(self) -> None:
        """
        It has the name and the attributes that the option says.
        """
        cookie = "node; path=/chat; Secure; SameSite=None"
        self.serve(cookie_needed=True, cookie=cookie)
        for sent, value in (("JSESSIONID=a", "dummy"), ("b=c; node=x7", "x7")):
            response = self.post(f"/0/{value}/xhr", b"", {"Cookie": sent})
            expected = f"node={value}; path=/chat; Secure; SameSite=None"
            self.assertHeaders(response, Set_Cookie=expected)

    def test_callable(self) -> None:
        """
        A callable makes it of the request, or none.
        """

        def cookie(request: Request) -> str | None:
            tenant = request.getHeader("X-Tenant")
            return f"tenant={tenant}" if tenant else None

        self.serve(cookie_needed=True, cookie=cookie)
        response = self.post("/0/a/xhr", b"", {"X-Tenant": "blue"})
        self.assertHeaders(response, Set_Cookie="tenant=blue")
        self.assertHeaders(self.post("/0/b/xhr", b""), Set_Cookie=None)

    def test_callableAtFault(self) -> None:
        """
        What cannot be a header is a fault that is logged, and never sent.
        """
        for made in ("a=b\r\nX-Evil: yes", "a=\xe9"):
            self.serve(cookie_needed=True, cookie=lambda request, made=made: made)
            response = self.post("/0/a/xhr", b"")
            self.assertEqual(response.status, 500)
            self.assertHeaders(response, Set_Cookie=None, X_Evil=None)
            [failure] = self.flushLoggedErrors(ValueError)
            self.assertIn(repr(made), str(failure.value))

    def test_off(self) -> None:
        """
        Without the option no cookie is set, and none echoed.
        """
        self.serve()
        for response in self.each(SESSIONS, {"Cookie": "JSESSIONID=a"}):
            self.assertHeaders(response, Set_Cookie=None)

    def test_pages(self) -> None:
        """
        The pages set no cookie.
        """
        self.serve(cookie_needed=True)
        for path in PAGES:
            self.assertHeaders(self.get(path), Set_Cookie=None)


class StreamingHeaderTests(HeaderCase):
    """
    Headers for proxies that buffer, and browsers that guess.
    """

    def test_nginx(self) -> None:
        """
        The streaming responses, and only they, ask nginx not to buffer.
        """
        self.serve()
        found = {
            path.split("/")[-1]: self.header(response, "X-Accel-Buffering")
            for (_, path), response in zip(SESSIONS, self.each(SESSIONS), strict=True)
        }
        self.assertEqual(
            [name for name, value in found.items() if value == "no"],
            ["xhr_streaming", "eventsource", "htmlfile?c=f"],
        )

    def test_nosniff(self) -> None:
        """
        JSONP and htmlfile tell the browser to trust their content type.
        """
        self.serve()
        found = {
            path.split("/")[-1]: self.header(response, "X-Content-Type-Options")
            for (_, path), response in zip(SESSIONS, self.each(SESSIONS), strict=True)
        }
        self.assertEqual(
            [name for name, value in found.items() if value == "nosniff"],
            ["htmlfile?c=f", "jsonp?c=f", "jsonp_send"],
        )

    def test_embedded(self) -> None:
        """
        What a page of another origin has as a script or in a frame may be had by one
        that is isolated, too.
        """
        self.serve()
        urls = [*SESSIONS, ("GET", "/iframe.html")]
        found = {
            path.split("/")[-1]: [
                self.header(response, f"Cross-Origin-{name}-Policy")
                for name in ("Resource", "Embedder")
            ]
            for (_, path), response in zip(urls, self.each(urls), strict=True)
        }
        self.assertEqual(
            [name for name, values in found.items() if any(values)],
            ["htmlfile?c=f", "jsonp?c=f", "jsonp_send", "iframe.html"],
        )
        self.assertEqual(found["iframe.html"], ["cross-origin", "credentialless"])


class PeerTests(HeaderCase):
    """
    The option ``proxy_header``.
    """

    def peer(self, header: str | None, *values: str) -> Any:
        """
        The peer that an application sees.
        """
        self.serve(proxy_header=header)
        name = header or "X-Forwarded-For"
        self.post("/0/s/xhr", b"", [(name, value) for value in values])
        return self.sessions[0].transport.getPeer()

    def test_unset(self) -> None:
        """
        Nobody's header is believed unless the option names it.
        """
        peer = self.peer(None, "203.0.113.9")
        self.assertEqual((peer.host, peer.port), ("192.0.2.7", 50000))

    def test_lastHop(self) -> None:
        """
        The last entry counts: the nearest proxy wrote it.
        """
        peer = self.peer("X-Forwarded-For", "10.0.0.1, 198.51.100.2", "a, 203.0.113.9")
        self.assertEqual((peer.type, peer.host, peer.port), ("TCP", "203.0.113.9", 0))

    def test_withPort(self) -> None:
        """
        A port in the entry is left out.
        """
        self.assertEqual(
            self.peer("X-Forwarded-For", "203.0.113.9:81").host, "203.0.113.9"
        )

    def test_version6(self) -> None:
        """
        IPv6, bare or in brackets with a port.
        """
        for text in ["2001:db8::1", "[2001:DB8::1]:80", "[2001:db8::1]"]:
            self.assertEqual(self.peer("X-Forwarded-For", text).host, "2001:db8::1")

    def test_badValue(self) -> None:
        """
        What is no address leaves the socket's.
        """
        for text in [
            "",
            "unknown",
            "1.2.3",
            "a:b",
            "1.2.3.4, ",
            "\xff",
            "::1%",
        ]:
            self.assertEqual(self.peer("X-Forwarded-For", text).host, "192.0.2.7", text)

    def test_mapped(self) -> None:
        """
        An IPv4 address that IPv6 has mapped is the IPv4 address.
        """
        for text in ["::ffff:203.0.113.9", "[::FFFF:203.0.113.9]:80"]:
            peer = self.peer("X-Forwarded-For", text)
            self.assertIsInstance(peer, IPv4Address)
            self.assertEqual(peer.host, "203.0.113.9")

    def test_mappedSocket(self) -> None:
        """
        So it is where the socket listens for both.
        """
        self.serve()
        client = MemoryClient(self.site, IPv6Address("TCP", "::ffff:192.0.2.9", 5))
        client.request("POST", "/0/s/xhr")
        peer = self.sessions[0].transport.getPeer()
        self.assertEqual(peer, IPv4Address("TCP", "192.0.2.9", 5))

    def test_forwarded(self) -> None:
        """
        The header ``Forwarded`` has its own form (RFC 7239); its last element counts.
        """
        for text in [
            "for=203.0.113.9",
            "for=198.51.100.2, For=203.0.113.9;proto=https;by=10.0.0.1",
            'for=unknown;by="a,b\\"c", proto=http; for="203.0.113.9:4711"',
            'for="[::ffff:203.0.113.9]:80"',
        ]:
            self.assertEqual(self.peer("Forwarded", text).host, "203.0.113.9", text)
        text = 'by=10.0.0.1;for="[2001:db8::1]:80"'
        self.assertEqual(self.peer("forwarded", text).host, "2001:db8::1")

    def test_badForwarded(self) -> None:
        """
        An element that names nobody, or is not in order, leaves the socket's address,
        whatever is before it.
        """
        for text in [
            "for=203.0.113.9, for=unknown",
            "for=203.0.113.9, by=10.0.0.1",
            "for=203.0.113.9, for=_hidden",
            'for=203.0.113.9, for="198.51.100.2',
            "203.0.113.9",
            "for=203.0.113.9 for=203.0.113.9",
            "for",
        ]:
            self.assertEqual(self.peer("Forwarded", text).host, "192.0.2.7", text)

    def test_absent(self) -> None:
        """
        A request that did not pass the proxy has the socket's address.
        """
        self.assertEqual(self.peer("X-Forwarded-For").host, "192.0.2.7")
