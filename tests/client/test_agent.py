"""Tests for `txsockjs.client.agent`, in memory."""

from __future__ import annotations

import gzip
from http.cookiejar import CookieJar
from typing import Any

from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.http_headers import Headers

from tests.support.scripted import Asked, ScriptedTestCase
from txsockjs.client.agent import IDLE, WebClient
from txsockjs.client.cookies import MAX_COOKIES
from txsockjs.client.failures import explain
from txsockjs.errors import InvalidURL, RequestFailed


class RequestTests(ScriptedTestCase):
    """
    `WebClient.request`.
    """

    def test_response(self) -> None:
        """
        The response knows its status, its URL and its connection, and can be read.
        """
        self.server.script = lambda asked: asked.answer(b"hello", "404 Not Here")
        response = self.successResultOf(self.get("/a?b"))
        self.assertEqual(response.status, "404 Not Here")
        self.assertEqual(response.url, "http://sockjs.example/a?b")
        self.assertEqual(response.connection.getPeer().host, "192.0.2.1")
        self.assertIsNone(response.connection.certificate)
        self.assertEqual(self.successResultOf(self.read(response)), b"hello")
        self.assertEqual(self.server.asked[0].line, "GET /a?b")

    def test_body(self) -> None:
        """
        A body is sent with its length.
        """
        self.web.request("POST", "http://sockjs.example/", body=b"some")
        self.reactor.settle()
        [asked] = self.server.asked
        self.assertEqual((asked.line, asked.body), ("POST /", b"some"))

    def test_headers(self) -> None:
        """
        The user's headers are in each request; its own take precedence.
        """
        for headers in (
            {"X-Key": "k", "User-Agent": "u"},
            [("X-Key", "k"), ("User-Agent", "u")],
            Headers({"X-Key": ["k"], "User-Agent": ["u"]}),
        ):
            self.web = self.client(headers=headers)
            self.get()
            self.get(headers={"X-Key": "own"})
            first, second = self.server.asked[-2:]
            self.assertEqual(first.headers["x-key"], "k")
            self.assertEqual(second.headers["x-key"], "own")
            self.assertEqual(second.headers["user-agent"], "u")

    def test_cookies(self) -> None:
        """
        Cookies of the user's are sent, and so are those that a response sets.
        """
        self.web = self.client(cookies={"mine": "1"})
        self.server.script = lambda asked: asked.answer(
            b"", "200 OK", "Set-Cookie: JSESSIONID=dummy; path=/"
        )
        self.get()
        self.get()
        first, second = (asked.headers["cookie"] for asked in self.server.asked)
        self.assertEqual(first, "mine=1")
        self.assertEqual(set(second.split("; ")), {"mine=1", "JSESSIONID=dummy"})

    def test_cookiesOfAddresses(self) -> None:
        """
        So it is where the server has an address, or a name without a domain.
        """
        for host in ("127.0.0.1:8080", "localhost:8080", "[::1]:8080", "node"):
            self.web = self.client(cookies={"mine": "1"})
            self.server.script = lambda asked: asked.answer(
                b"", "200 OK", "Set-Cookie: JSESSIONID=dummy; path=/"
            )
            for _ in range(2):
                self.web.request("GET", f"http://{host}/")
                self.reactor.settle()
            cookies = self.server.asked[-1].headers.get("cookie", "").split("; ")
            self.assertEqual(set(cookies), {"mine=1", "JSESSIONID=dummy"}, host)

    def test_jar(self) -> None:
        """
        A jar of the user's is used as it is.
        """
        jar = CookieJar()
        self.web = self.client(cookies=jar)
        self.server.script = lambda asked: asked.answer(
            b"", "200 OK", "Set-Cookie: a=b"
        )
        self.get()
        self.assertEqual([cookie.name for cookie in jar], ["a"])

    def test_tooManyCookies(self) -> None:
        """
        A server cannot make the client keep any number of cookies, nor large ones.
        """
        setting = [f"Set-Cookie: c{number}=v" for number in range(MAX_COOKIES + 9)]
        large = "Set-Cookie: large=" + "x" * 4096
        self.server.script = lambda asked: asked.answer(b"", "200 OK", large, *setting)
        self.get()
        names = [cookie.name for cookie in self.web.cookies]
        self.assertEqual(len(names), MAX_COOKIES)
        self.assertNotIn("large", names)

    def test_anotherServer(self) -> None:
        """
        What was meant for one server is not told to another, nor are headers to another
        port.
        """
        self.web = self.client(headers={"X-Key": "k"}, cookies={"mine": "1"})
        self.get()
        self.web.request("GET", "http://sockjs.example:81/")
        self.web.request("GET", "http://other.example/")
        self.reactor.settle()
        _, port, other = (asked.headers for asked in self.server.asked)
        self.assertNotIn("x-key", port)
        self.assertNotIn("x-key", other)
        self.assertNotIn("cookie", other)

    def test_upgraded(self) -> None:
        """
        The same server with TLS is told.
        """
        self.web = self.client(headers={"X-Key": "k"})
        self.get()
        self.web.request("GET", "https://sockjs.example/")
        self.reactor.settle()
        self.assertEqual(self.server.asked[-1].headers["x-key"], "k")

    def test_badURL(self) -> None:
        """
        What is no URL fails, and does not raise.
        """
        for url in ("ftp://sockjs.example/", "http://[::1/", "nothing"):
            asking: Any = self.web.request("GET", url)
            self.assertIn(url, str(self.failureResultOf(asking, InvalidURL).value))

    def test_compressed(self) -> None:
        """
        Nothing but plain bodies is asked for. One that is compressed nevertheless is
        refused, and not taken for text.
        """
        self.server.script = lambda asked: asked.answer(
            gzip.compress(b"x"), "200 OK", "Content-Encoding: gzip"
        )
        problem = self.problem(self.get())
        self.assertIn("compressed (gzip)", problem)
        [asked] = self.server.asked
        self.assertEqual(asked.headers["accept-encoding"], "identity")
        self.assertIsNotNone(asked.connection.ended)
        self.server.script = lambda asked: asked.answer(
            b"x", "200 OK", "Content-Encoding: Identity"
        )
        reading = self.read(self.successResultOf(self.get()))
        self.assertEqual(self.successResultOf(reading), b"x")


class ConnectionTests(ScriptedTestCase):
    """
    Which connections there are.
    """

    def test_kept(self) -> None:
        """
        A connection is used again, until it has had nothing to do for some seconds.
        """
        self.server.script = lambda asked: asked.answer()
        self.get()
        self.reactor.advance(IDLE - 0.1)
        self.get()
        self.assertEqual(len(self.server.connections), 1)
        self.reactor.advance(IDLE)
        self.assertIsNotNone(self.server.connections[0].ended)
        self.get()
        self.assertEqual(len(self.server.connections), 2)

    def test_own(self) -> None:
        """
        A request does not wait for another.
        """
        self.server.script = lambda asked: self.reactor.callLater(1, asked.answer)
        self.get()
        self.get()
        self.assertEqual(len(self.server.connections), 2)
        self.reactor.advance(1)

    def test_notTwice(self) -> None:
        """
        A ``POST`` that meets the end of a connection that was kept is not made again.
        """
        self.server.script = lambda asked: asked.answer()
        self.get()

        def script(asked: Asked) -> None:
            asked.connection.transport.loseConnection()

        self.server.script = script
        asking: Any = self.web.request("POST", "http://sockjs.example/", body=b"x")
        self.reactor.settle()
        self.assertIn("lost before all had come", self.problem(asking))
        self.assertEqual(len(self.server.asked), 2)

    def test_cancel(self) -> None:
        """
        To cancel a request ends its connection, at whatever point.
        """
        connecting = self.web.request("GET", "http://sockjs.example/")
        connecting.cancel()
        self.problem(connecting)
        self.reactor.settle()
        self.assertEqual(self.server.connections, [])
        self.server.script = lambda asked: None
        asking = self.get()
        asking.cancel()
        self.problem(asking)
        self.server.script = lambda asked: asked.begin()
        reading = self.read(self.successResultOf(self.get()))
        reading.cancel()
        self.failureResultOf(reading)
        self.reactor.settle()
        self.assertNotIn(None, [each.ended for each in self.server.connections])

    def test_close(self) -> None:
        """
        What is kept is closed when the client is.
        """
        self.server.script = lambda asked: asked.answer()
        self.get()
        self.assertIsNone(self.server.connections[0].ended)
        closing = self.web.close()
        self.reactor.settle()
        self.successResultOf(closing)
        self.assertIsNotNone(self.server.connections[0].ended)


class HandshakeTests(SynchronousTestCase):
    """
    `WebClient.headersFor` and `WebClient.keepCookies`.
    """

    def test_headers(self) -> None:
        """
        A handshake has the user's headers, and the cookies that there are.
        """
        web = WebClient(None, headers={"X-Key": "k"}, cookies={"a": "1"})
        url = "wss://sockjs.example/echo"
        self.assertEqual(web.headersFor(url), {"X-Key": "k", "Cookie": "a=1"})
        web.keepCookies(url, Headers({"Set-Cookie": ["b=2; path=/", "c=3; path=/no"]}))
        self.assertEqual(set(web.headersFor(url)["Cookie"].split("; ")), {"a=1", "b=2"})
        self.assertEqual(web.headersFor("wss://other.example/"), {})

    def test_ownCookie(self) -> None:
        """
        The user's own header takes precedence.
        """
        web = WebClient(None, headers={"Cookie": "own=1"}, cookies={"a": "1"})
        self.assertEqual(web.headersFor("ws://localhost/"), {"Cookie": "own=1"})


class SettingsTests(SynchronousTestCase):
    """
    What a `WebClient` can be given.
    """

    def test_contextFactory(self) -> None:
        """
        A context factory says whom to trust; one that does not check is refused.
        """
        for good in (
            None,
            BrowserLikePolicyForHTTPS(),
            optionsForClientTLS("sockjs.example"),
        ):
            WebClient(None, contextFactory=good)
        error = self.assertRaises(
            TypeError, WebClient, None, contextFactory=CertificateOptions()
        )
        self.assertIn("IPolicyForHTTPS", str(error))

    def test_proxy(self) -> None:
        """
        A proxy is checked at once.
        """
        self.assertRaises(InvalidURL, WebClient, None, proxy="socks5://localhost")

    def test_timeout(self) -> None:
        """
        A host that does not answer is not waited for without end.
        """
        reactor = MemoryReactorClock()
        web = WebClient(reactor, timeout=7, proxy=False)
        asking: Any = web.request("GET", "http://192.0.2.1:8080/")
        reactor.advance(6.9)
        self.assertNoResult(asking)
        reactor.advance(0.2)
        problem = str(self.failureResultOf(asking, RequestFailed).value)
        self.assertIn("192.0.2.1:8080: not connected within 7 s", problem)


class ExplainTests(SynchronousTestCase):
    """
    `explain`.
    """

    def test_texts(self) -> None:
        """
        What went wrong is said in words, with the server.
        """
        for error, text in (
            (
                ConnectionRefusedError(),
                "h:1: connection refused: nothing listens",
            ),
            (DNSLookupError("no such"), "h:1: the name has no address"),
            (RequestFailed("said already"), "said already"),
            (ValueError("other"), "h:1: other"),
            (KeyError(), "h:1: KeyError"),
        ):
            self.assertTrue(explain(Failure(error), "h:1").startswith(text), error)
