"""Tests for `txsockjs.transports.pages`: greeting, info, iframe."""

from __future__ import annotations

import json

from tests.support.serving import ServiceCase

IFRAME = b"""\
<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="%b"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>
"""


class GreetingTests(ServiceCase):
    def test_text(self) -> None:
        """
        The base URL greets, with and without HEAD.
        """
        self.serve()
        response = self.get("/")
        self.assertEqual(response.body, b"Welcome to SockJS!\n")
        for each in [response, self.client.request("HEAD", "/")]:
            self.assertEqual(each.status, 200)
            self.assertHeaders(
                each, Content_Type="text/plain; charset=UTF-8", Content_Length="19"
            )

    def test_methods(self) -> None:
        """
        The pages change nothing.
        """
        self.serve()
        for path in ["/", "/iframe.html"]:
            for method in ["POST", "PUT", "DELETE"]:
                self.assertRefused(self.client.request(method, path), 405, b"")


class InfoTests(ServiceCase):
    def info(self, **options: object) -> dict[str, object]:
        """
        What a service with these options says.
        """
        self.serve(**options)
        response = self.get("/info")
        self.assertHeaders(response, Content_Type="application/json; charset=UTF-8")
        found: dict[str, object] = json.loads(response.body)
        self.assertEqual(
            list(found), ["websocket", "cookie_needed", "origins", "entropy"]
        )
        return found

    def test_baseURL(self) -> None:
        """
        It tells the client to go on with another URL, if that is wanted.
        """
        self.serve(base_url="https://chat7.example.com/chat")
        info = json.loads(self.get("/info").body)
        self.assertEqual(info["base_url"], "https://chat7.example.com/chat")

    def test_defaults(self) -> None:
        """
        WebSocket, no cookie, all origins.
        """
        info = self.info()
        del info["entropy"]
        self.assertEqual(
            info, {"websocket": True, "cookie_needed": False, "origins": ["*:*"]}
        )

    def test_options(self) -> None:
        """
        The options show.
        """
        self.assertIs(self.info(websocket=False)["websocket"], False)
        disabled = ["websocket"]
        self.assertIs(self.info(disabled_transports=disabled)["websocket"], False)
        self.assertIs(
            self.info(disabled_transports=["rawwebsocket"])["websocket"], True
        )
        self.assertIs(self.info(cookie_needed=True)["cookie_needed"], True)

    def test_entropy(self) -> None:
        """
        Fresh on each call, 32 bits.
        """
        self.serve()
        found = [json.loads(self.get("/info").body)["entropy"] for _ in range(20)]
        self.assertEqual(len(set(found)), 20)
        self.assertTrue(all(type(e) is int and 0 <= e < 1 << 32 for e in found))

    def test_stopping(self) -> None:
        """
        A service that stops says so with 503, and opens no session.
        """
        self.serve()
        session = self.open()
        closed = self.site.site.closeSessions()
        self.assertRefused(self.get("/info"), 503)
        self.assertRefused(self.post("/0/t/xhr"), 503)
        self.assertEqual(self.post("/000/s1/xhr").body, b'c[1012,"Service Restart"]\n')
        self.site.advance(1)
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(len(session.lost), 1)


class IframeTests(ServiceCase):
    def test_body(self) -> None:
        """
        The page is exactly the protocol's, at every name it may have.
        """
        self.serve(sockjs_url="/sockjs.js")
        for path in [
            "/iframe.html",
            "/iframe-a.html",
            "/iframe-.html",
            "/iframe0._a.html",
        ]:
            response = self.get(path)
            self.assertEqual(response.body, IFRAME % b"/sockjs.js")
            self.assertHeaders(response, Content_Type="text/html; charset=UTF-8")

    def test_switchedOff(self) -> None:
        """
        Without the page, its URLs are none of the service's.
        """
        self.serve(iframe=False)
        for path in ("/iframe.html", "/iframe-a.html"):
            self.assertEqual(self.get(path).status, 404)

    def test_defaultURL(self) -> None:
        """
        The client comes from the CDN where nothing else is said.
        """
        self.serve()
        url = b"https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js"
        self.assertEqual(self.get("/iframe.html").body, IFRAME % url)

    def test_escaped(self) -> None:
        """
        Nothing in the URL ends the attribute.
        """
        self.serve(sockjs_url='/a"><script>&{url}')
        self.assertIn(
            b'src="/a&quot;&gt;&lt;script&gt;&amp;{url}"', self.get("/iframe.html").body
        )

    def test_etag(self) -> None:
        """
        A stable tag; who has the page already gets 304 and nothing else.
        """
        self.serve()
        tag = self.header(self.get("/iframe.html"), "ETag")
        self.assertEqual(tag, self.header(self.get("/iframe-a.html?t"), "ETag"))
        response = self.get("/iframe.html", {"If-None-Match": tag})
        self.assertEqual((response.status, response.body), (304, b""))
        self.assertHeaders(response, Content_Type=None, ETag=tag, Content_Length=None)

    def test_tags(self) -> None:
        """
        The tag is found among others, on several lines, in the weak form that a proxy
        makes of it when it compresses, and so is any tag. (RFC 9110, section 13.1.2)
        """
        self.serve()
        tag = self.header(self.get("/iframe.html"), "ETag")
        for values, status in [
            ([f"W/{tag}"], 304),
            ([f'"a", {tag}'], 304),
            ([f'"a,b",W/"c" ,W/{tag}'], 304),
            (['"a"', f"{tag}"], 304),
            ([f"{tag}", '"a"'], 304),
            (["*"], 304),
            (['"a", "b"', '"*"'], 200),
            ([f'"a, {tag}"'], 200),
            ([f"{tag}".strip('"')], 200),
        ]:
            known = [("If-None-Match", value) for value in values]
            self.assertEqual(self.get("/iframe.html", known).status, status, values)

    def test_modifiedSince(self) -> None:
        """
        Where there is a tag in question, a date is not. (RFC 9110, section 13.1.3)
        """
        self.serve()
        headers = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
        self.assertEqual(self.get("/iframe.html", headers).status, 200)
        headers["If-None-Match"] = '"a"'
        self.assertEqual(self.get("/iframe.html", headers).status, 200)

    def test_otherTag(self) -> None:
        """
        Another tag gets the page, and another URL makes another tag.
        """
        self.serve()
        tag = self.header(self.get("/iframe.html"), "ETag")
        self.assertEqual(self.get("/iframe.html", {"If-None-Match": '"a"'}).status, 200)
        self.serve(sockjs_url="/a.js")
        self.assertNotEqual(self.header(self.get("/iframe.html"), "ETag"), tag)
