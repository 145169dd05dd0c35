"""
Section 2: what the URLs say about origins, caches, cookies and methods.
"""

from __future__ import annotations

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.client import Reply
from txsockjs.conformance.wire import STREAMING, TRANSPORTS

ORIGIN = "http://example.com:8080"
URLS = ("info", *TRANSPORTS)


class HeadersTest(Case):
    """
    A check of the headers of one URL after another.
    """

    async def answer(self, url: str, headers: dict[str, str] | None = None) -> Reply:
        """
        The successful response of ``info`` or of a transport.
        """
        if url == "info":
            return await self.fetch("GET", f"{self.at()}/info", headers)
        return await self.answerOf(url, headers or {})

    async def preflight(self, url: str, headers: dict[str, str] | None = None) -> Reply:
        """
        The response to OPTIONS of ``info`` or of a transport.
        """
        base = self.at() if url == "info" else self.session().path
        return await self.fetch("OPTIONS", f"{base}/{url}", headers)


class CORSTests(HeadersTest):
    """
    Pages of any origin may use the service, with their cookies.
    """

    @each(*URLS)
    async def testOrigin(self, url: str) -> None:
        """
        The origin of the request comes back, and credentials are allowed.
        """
        self.assertCORS(await self.answer(url, {"Origin": ORIGIN}), ORIGIN)

    @each(*URLS)
    async def testNullOrigin(self, url: str) -> None:
        """
        The origin ``null`` is an origin like any other.
        """
        self.assertCORS(await self.answer(url, {"Origin": "null"}), "null")

    @each(*URLS)
    async def testNoOrigin(self, url: str) -> None:
        """
        Without an origin the answer is for all, without credentials.
        """
        self.assertCORS(await self.answer(url), None)

    @each(*URLS)
    async def testVary(self, url: str) -> None:
        """
        The answer depends on the origin, and says so.
        """
        reply = await self.answer(url, {"Origin": ORIGIN})
        self.assertIn("Origin", reply.headers.getRawHeaders("Vary", []))

    @each(*URLS)
    async def testRequestHeaders(self, url: str) -> None:
        """
        The headers that the page asks to send are allowed.
        """
        wanted = {"Access-Control-Request-Headers": "a, b, c"}
        reply = await self.answer(url, wanted)
        self.assertEqual(reply.header("Access-Control-Allow-Headers"), "a, b, c")

    @each(*URLS)
    async def testEmptyRequestHeaders(self, url: str) -> None:
        """
        An empty list of headers is not answered.
        """
        reply = await self.answer(url, {"Access-Control-Request-Headers": ""})
        self.assertIsNone(reply.header("Access-Control-Allow-Headers"))

    @each(*URLS)
    async def testNoRequestHeaders(self, url: str) -> None:
        """
        Headers that nobody asked for are not named.
        """
        reply = await self.answer(url, {"Origin": ORIGIN})
        self.assertIsNone(reply.header("Access-Control-Allow-Headers"))


class OptionsTests(HeadersTest):
    """
    ``info`` and every HTTP transport answer a browser's preflight request.
    """

    @each(*URLS)
    async def testEmpty(self, url: str) -> None:
        """
        The answer is a success without a body.
        """
        reply = await self.preflight(url)
        self.assertIn(reply.status, (200, 204))
        self.assertEqual(reply.body, b"")

    @each(*URLS)
    async def testCached(self, url: str) -> None:
        """
        The answer holds for a year, for caches and for the browser.
        """
        reply = await self.preflight(url)
        self.assertCached(reply)
        self.assertEqual(reply.header("Access-Control-Max-Age"), "31536000")

    @each(*URLS)
    async def testMethods(self, url: str) -> None:
        """
        The methods are exactly OPTIONS and the URL's own.
        """
        method = "GET" if url == "info" else TRANSPORTS[url].method
        reply = await self.preflight(url)
        allowed = reply.header("Access-Control-Allow-Methods")
        self.assertEqual(allowed, f"OPTIONS, {method}")

    @each(*URLS)
    async def testOrigin(self, url: str) -> None:
        """
        The origin and the headers asked for are allowed, as in other answers.
        """
        wanted = {"Origin": ORIGIN, "Access-Control-Request-Headers": "a, b"}
        reply = await self.preflight(url, wanted)
        self.assertCORS(reply, ORIGIN)
        self.assertEqual(reply.header("Access-Control-Allow-Headers"), "a, b")

    @each(*URLS)
    async def testNoOrigin(self, url: str) -> None:
        """
        Without an origin the answer is for all, without credentials.
        """
        self.assertCORS(await self.preflight(url), None)

    @each("xhr", "jsonp")
    async def testNoSession(self, url: str) -> None:
        """
        Asking about a transport opens no session.
        """
        session = self.session()
        await self.fetch("OPTIONS", f"{session.path}/{url}")
        await session.open()


class CachingTests(HeadersTest):
    """
    What a session says is said once.
    """

    @each(*TRANSPORTS)
    async def testNotCached(self, transport: str) -> None:
        """
        No transport's answer is ever cached.
        """
        self.assertNotCached(await self.answer(transport))

    @each(*STREAMING)
    async def testNotBuffered(self, transport: str) -> None:
        """
        A streaming answer tells nginx not to hold it back.
        """
        reply = await self.answer(transport)
        self.assertEqual(reply.header("X-Accel-Buffering"), "no")

    @each("jsonp", "htmlfile")
    async def testNoSniffing(self, transport: str) -> None:
        """
        A browser must not take the answer for something else than it says.
        """
        reply = await self.answer(transport)
        self.assertEqual(reply.header("X-Content-Type-Options"), "nosniff")


class CookieTests(Case):
    """
    A service with ``cookie_needed`` gives load balancers a cookie to stick to.
    """

    service = "cookie"

    async def cookieFor(self, transport: str, sent: str | None) -> str | None:
        headers = {} if sent is None else {"Cookie": sent}
        return (await self.answerOf(transport, headers)).header("Set-Cookie")

    @each(*TRANSPORTS)
    async def testDummy(self, transport: str) -> None:
        """
        Who has no cookie gets one.
        """
        cookie = await self.cookieFor(transport, None)
        self.assertEqual(cookie, "JSESSIONID=dummy; path=/")

    @each(*TRANSPORTS)
    async def testEchoed(self, transport: str) -> None:
        """
        Who has the cookie gets it again.
        """
        cookie = await self.cookieFor(transport, "JSESSIONID=abcdef")
        self.assertEqual(cookie, "JSESSIONID=abcdef; path=/")

    async def testAmongOthers(self) -> None:
        """
        The cookie is found among others, whose names may end like its own.
        """
        sent = "a=b; XJSESSIONID=no; JSESSIONID=abcdef; c=d"
        cookie = await self.cookieFor("xhr", sent)
        self.assertEqual(cookie, "JSESSIONID=abcdef; path=/")

    async def testOnlyOthers(self) -> None:
        """
        Other cookies are none of the service's business.
        """
        cookie = await self.cookieFor("xhr", "a=b; XJSESSIONID=no")
        self.assertEqual(cookie, "JSESSIONID=dummy; path=/")

    async def testOptions(self) -> None:
        """
        The cookie comes with the answer to OPTIONS too: that is a session's URL.
        """
        reply = await self.fetch("OPTIONS", f"{self.session().path}/xhr")
        self.assertEqual(reply.header("Set-Cookie"), "JSESSIONID=dummy; path=/")

    @each(*TRANSPORTS)
    async def testNotNeeded(self, transport: str) -> None:
        """
        A service without ``cookie_needed`` sets no cookie, whatever it was sent.
        """
        sent = {"Cookie": "JSESSIONID=abcdef"}
        reply = await self.answerOf(transport, sent, service="plain")
        self.assertIsNone(reply.header("Set-Cookie"))

    @each(
        percent=b"abc%0d%0aX-Evil: 1",
        carriageReturn=b"abc\rX-Evil: 1",
        folded=b"abc\r\n X-Evil: 1",
        nul=b"abc\0X-Evil: 1",
    )
    async def testNoInjection(self, value: bytes) -> None:
        """
        No value of the cookie makes a header of its own.
        """
        connection = await self.connect()
        headers = b"Cookie: JSESSIONID=%b\r\nConnection: close\r\n" % value
        path = f"{self.session().path}/xhr"
        connection.transport.write(self.target.message("POST", path, headers))
        answer = await connection.readAll()
        self.assertIn(b"HTTP/1.1 ", answer)
        self.assertNotRegex(answer, rb"[\r\n\0]\s*X-Evil")


class MethodTests(Case):
    """
    A wrong method is told which one is right, and no more.
    """

    @each(*TRANSPORTS)
    async def testOther(self, transport: str) -> None:
        """
        GET where POST is meant, and the other way round, is 405.
        """
        right = TRANSPORTS[transport].method
        wrong = "POST" if right == "GET" else "GET"
        path = f"{self.session().path}/{transport}{TRANSPORTS[transport].query}"
        self.assertNotAllowed(await self.fetch(wrong, path), right, wrong)

    @each(*TRANSPORTS)
    async def testPut(self, transport: str) -> None:
        """
        PUT is no method of any transport.
        """
        path = f"{self.session().path}/{transport}{TRANSPORTS[transport].query}"
        right = TRANSPORTS[transport].method
        self.assertNotAllowed(await self.fetch("PUT", path), right, "PUT")
