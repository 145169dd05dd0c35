"""
Sections 1, 3 and 4: the greeting, ``info``, the iframe pages, and what is not there.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unittest import SkipTest

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.wire import HTML, PLAIN_TEXT

IFRAME = """\
<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="SOCKJS_URL"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"""

NOWHERE = {
    "a": "/a",
    "aDotHtml": "/a.html",
    "twoSlashes": "//",
    "threeSlashes": "///",
    "twoSegments": "/a/a",
    "twoSegmentsAndSlash": "/a/a/",
    "oneSegmentAndSlash": "/a/",
    "iframe": "/iframe",
    "iframeHtm": "/iframe.htm",
    "upperCase": "/IFRAME.HTML",
    "upperCaseSuffix": "/iframe.HTML",
    "iframeXml": "/iframe.xml",
    "iframeSlash": "/iframe-/.html",
}


class GreetingTests(Case):
    """
    The base URL answers a person who looks whether the service is there.
    """

    @each(bare="", slash="/")
    async def testGreeting(self, end: str) -> None:
        """
        BASE and BASE/ greet with exactly one line of plain text.
        """
        reply = await self.fetch("GET", self.at() + end)
        self.assertEqual((reply.status, reply.body), (200, b"Welcome to SockJS!\n"))
        self.assertEqual(reply.header("Content-Type"), PLAIN_TEXT)

    @each(bare="", slash="/")
    async def testNoCookie(self, end: str) -> None:
        """
        The greeting sets no cookie, on a service that needs them either.
        """
        reply = await self.fetch("GET", self.at("cookie") + end)
        self.assertIsNone(reply.header("Set-Cookie"))

    @each(bare="", slash="/")
    async def testWrongMethod(self, end: str) -> None:
        """
        The greeting is for GET.
        """
        reply = await self.fetch("POST", self.at() + end)
        self.assertNotAllowed(reply, right="GET", wrong="POST")


class NotFoundTests(Case):
    """
    Anything that is no URL of the protocol is 404.
    """

    @each(**NOWHERE)
    async def testGet(self, path: str) -> None:
        """
        A path below BASE that means nothing is 404.
        """
        self.assertEqual((await self.fetch("GET", self.at() + path)).status, 404)

    @each(**NOWHERE)
    async def testPost(self, path: str) -> None:
        """
        It is 404 for any method, not 405.
        """
        self.assertEqual((await self.fetch("POST", self.at() + path)).status, 404)

    @each(**NOWHERE)
    async def testOptions(self, path: str) -> None:
        """
        Not even OPTIONS is answered where nothing is.
        """
        reply = await self.fetch("OPTIONS", self.at() + path)
        self.assertEqual(reply.status, 404)

    @each("disabled", "XHR", "xhr_", "upgrade")
    async def testUnknownTransport(self, transport: str) -> None:
        """
        A session's URL with a transport that does not exist is 404.
        """
        path = f"{self.session().path}/{transport}"
        self.assertEqual((await self.fetch("POST", path)).status, 404)

    async def testBelowTransport(self) -> None:
        """
        Nothing lies below a transport's URL.
        """
        reply = await self.fetch("POST", f"{self.session().path}/xhr/more")
        self.assertEqual(reply.status, 404)


class InfoTests(Case):
    """
    ``info`` tells the client what the service offers.
    """

    async def info(self, service: str | None = None) -> dict[str, Any]:
        """
        What ``info`` of a service says.
        """
        reply = await self.fetch("GET", f"{self.at(service)}/info")
        self.assertEqual(reply.status, 200)
        info = json.loads(reply.body)
        self.assertIsInstance(info, dict)
        return dict(info)

    async def testFields(self) -> None:
        """
        The fields that clients read, each of its JSON type.
        """
        info = await self.info()
        self.assertIs(type(info["websocket"]), bool)
        self.assertIs(type(info["cookie_needed"]), bool)
        self.assertEqual(info["origins"], ["*:*"])

    async def testOptions(self) -> None:
        """
        A service with the usual options has WebSockets and needs no cookie.
        """
        if not self.services.standard:
            raise SkipTest("which options the service has is not known")
        info = await self.info()
        self.assertIs(info["websocket"], True)
        self.assertIs(info["cookie_needed"], False)

    async def testContentType(self) -> None:
        """
        The body is JSON in UTF-8, and says so.
        """
        reply = await self.fetch("GET", self.at() + "/info")
        self.assertEqual(
            reply.header("Content-Type"), "application/json; charset=UTF-8"
        )

    async def testEntropy(self) -> None:
        """
        ``entropy`` is an integer of 32 bits.
        """
        entropy = (await self.info())["entropy"]
        self.assertIs(type(entropy), int)
        self.assertTrue(0 <= entropy < 2**32, entropy)

    async def testEntropyIsFresh(self) -> None:
        """
        ``entropy`` is another one on every call.
        """
        calls = [(await self.info())["entropy"] for _ in range(4)]
        self.assertEqual(len(set(calls)), 4, calls)

    async def testWebSocketDisabled(self) -> None:
        """
        ``websocket`` is false where the service disables the transport.
        """
        info = await self.info("disabled")
        self.assertIs(info["websocket"], False)

    async def testCookieNeeded(self) -> None:
        """
        ``cookie_needed`` is true where the service needs cookies.
        """
        info = await self.info("cookie")
        self.assertIs(info["cookie_needed"], True)

    async def testNotCached(self) -> None:
        """
        ``info`` is never cached.
        """
        self.assertNotCached(await self.fetch("GET", self.at() + "/info"))

    async def testNoCookie(self) -> None:
        """
        ``info`` sets no cookie, on a service that needs them either.
        """
        reply = await self.fetch("GET", self.at("cookie") + "/info")
        self.assertIsNone(reply.header("Set-Cookie"))

    async def testWrongMethod(self) -> None:
        """
        ``info`` is for GET and OPTIONS.
        """
        reply = await self.fetch("POST", self.at() + "/info")
        self.assertNotAllowed(reply, right="GET", wrong="POST")


class IframeTests(Case):
    """
    The page that the client loads into a hidden iframe to cross domains.
    """

    @each(
        plain="/iframe.html",
        dash="/iframe-.html",
        letter="/iframe-a.html",
        version="/iframe-0.1.2.html",
        longVersion="/iframe-0.1.2abc-dirty.2144.html",
        underscore="/iframe_9.html",
        query="/iframe.html?t=a1b2",
        versionQuery="/iframe-0.1.2.html?t=a1b2",
    )
    async def testPage(self, path: str) -> None:
        """
        Any version in the name, with or without a query, is the same page, exactly.
        """
        reply = await self.fetch("GET", self.at() + path)
        body = reply.body.decode()
        script = re.search(r'<script src="([^"<>]+)">', body)
        assert script is not None, body
        self.assertEqual((reply.status, reply.header("Content-Type")), (200, HTML))
        self.assertEqual(body.rstrip("\n"), IFRAME.replace("SOCKJS_URL", script[1]))

    async def testScript(self) -> None:
        """
        Unless it is configured, the script is the client's CDN build, over https.
        """
        reply = await self.fetch("GET", self.at() + "/iframe.html")
        self.assertRegex(reply.body, rb'<script src="https://[^"]+/sockjs[^"]*\.js">')

    async def testCached(self) -> None:
        """
        The page may be cached for a year, and names no date of change.
        """
        self.assertCached(await self.fetch("GET", self.at() + "/iframe.html"))

    async def testNoCookie(self) -> None:
        """
        The page sets no cookie, on a service that needs them either.
        """
        reply = await self.fetch("GET", self.at("cookie") + "/iframe.html")
        self.assertIsNone(reply.header("Set-Cookie"))

    async def testStableETag(self) -> None:
        """
        The tag is quoted, and the same every time and for every name of the page.
        """
        paths = ("/iframe.html", "/iframe.html", "/iframe-0.1.2.html?t=a1b2")
        replies = [await self.fetch("GET", self.at() + path) for path in paths]
        tags = {reply.header("ETag") for reply in replies}
        self.assertEqual(len(tags), 1, tags)
        self.assertRegex(tags.pop() or "", r'^(W/)?"[^"]+"$')

    async def testNotModified(self) -> None:
        """
        Who has the page already gets 304, with no body and no content type.
        """
        path = self.at() + "/iframe.html"
        tag = (await self.fetch("GET", path)).header("ETag") or ""
        reply = await self.fetch("GET", path, {"If-None-Match": tag})
        self.assertEqual((reply.status, reply.body), (304, b""))
        self.assertIsNone(reply.header("Content-Type"))

    @each(
        weak="W/{}",
        listed='"another", {}',
        listedFirst='{},"another"',
        withCommas='"an,other", W/{}',
        any="*",
    )
    async def testKnown(self, condition: str) -> None:
        """
        The tag is compared weakly and may be one of several; ``*`` is any. (RFC 9110,
        section 13.1.2)
        """
        path = self.at() + "/iframe.html"
        tag = (await self.fetch("GET", path)).header("ETag") or ""
        headers = {"If-None-Match": condition.format(tag)}
        reply = await self.fetch("GET", path, headers)
        self.assertEqual((reply.status, reply.body), (304, b""))

    async def testModified(self) -> None:
        """
        Who has another page gets the whole page.
        """
        path = self.at() + "/iframe.html"
        reply = await self.fetch("GET", path, {"If-None-Match": '"another"'})
        self.assertEqual(reply.status, 200)
        self.assertIn(b"SockJS.bootstrap_iframe();", reply.body)

    async def testWrongMethod(self) -> None:
        """
        The page is for GET.
        """
        reply = await self.fetch("POST", self.at() + "/iframe.html")
        self.assertNotAllowed(reply, right="GET", wrong="POST")
