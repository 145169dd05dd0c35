"""Tests for `txsockjs.client.proxies`."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.protocol import Factory

from tests.support.scripted import Asked, FactoryEndpoint, ScriptedTestCase
from tests.support.serving import Recorder
from txsockjs.client.agent import WebClient
from txsockjs.client.proxies import MAX_ANSWER, Proxy, TunnelEndpoint, proxyFor
from txsockjs.errors import InvalidURL, RequestFailed

VARIABLES = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "REQUEST_METHOD",
)


class ProxyTests(ScriptedTestCase):
    """
    `Proxy` and `proxyFor`.
    """

    def setEnvironment(self, **variables: str) -> None:
        """
        Have these variables, and none of the others, until the test ends.
        """
        clean = {
            name: value
            for name, value in os.environ.items()
            if name.lower() not in VARIABLES and name not in VARIABLES
        }
        self.patch(os, "environ", {**clean, **variables})

    def test_url(self) -> None:
        """
        A proxy is named by its URL, with or without a scheme and a port.
        """
        for text, proxy in (
            ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
            ("proxy.example:3128", Proxy("proxy.example", 3128)),
            ("http://proxy.example/", Proxy("proxy.example", 80)),
            ("https://proxy.example", Proxy("proxy.example", 443, True)),
            ("http://[2001:db8::1]:8080", Proxy("2001:db8::1", 8080)),
        ):
            self.assertEqual(Proxy.fromURL(text), proxy)
        self.assertEqual(str(proxy), "[2001:db8::1]:8080")

    def test_authorization(self) -> None:
        """
        Name and password are for the proxy, and are not shown.
        """
        proxy = Proxy.fromURL("http://me:p%40ss%C3%A9@proxy.example:3128")
        self.assertEqual(proxy.authorization, "Basic bWU6cEBzc8Op")
        self.assertNotIn("bWU6", repr(proxy))
        self.assertEqual(str(proxy), "proxy.example:3128")

    def test_noURL(self) -> None:
        """
        What is no proxy is refused, with where it was said, but without the password.
        """
        for text in (
            "socks5://me:secret@h:1",
            "http://me:secret@h:x",
            "http://",
            "a:b",
        ):
            error = self.assertRaises(InvalidURL, Proxy.fromURL, text, "https_proxy")
            self.assertIn("https_proxy", str(error))
            self.assertNotIn("secret", str(error))

    def test_environment(self) -> None:
        """
        The environment says which proxy leads where, as for other programs.
        """
        self.setEnvironment(
            http_proxy="http://one:1",
            HTTPS_PROXY="http://two:2",
            no_proxy="localhost,.inner.example,10.0.0.7:8080",
        )
        for secure, host, port, proxy in (
            (False, "sockjs.example", 80, Proxy("one", 1)),
            (True, "sockjs.example", 443, Proxy("two", 2)),
            (False, "localhost", 80, None),
            (True, "a.inner.example", 443, None),
            (False, "10.0.0.7", 8080, None),
            (False, "10.0.0.7", 80, Proxy("one", 1)),
        ):
            self.assertEqual(proxyFor(None, secure, host, port), proxy, host)

    def test_all(self) -> None:
        """
        One variable stands for both.
        """
        self.setEnvironment(all_proxy="three:3")
        self.assertEqual(proxyFor(None, True, "h", 1), Proxy("three", 3))
        self.setEnvironment(all_proxy="three:3", no_proxy="*")
        self.assertIsNone(proxyFor(None, True, "h", 1))
        self.setEnvironment()
        self.assertIsNone(proxyFor(None, True, "h", 1))

    def test_given(self) -> None:
        """
        What is said by the program takes precedence: a proxy, or none.
        """
        self.setEnvironment(http_proxy="http://one:1", no_proxy="*")
        self.assertEqual(proxyFor("http://two:2", False, "h", 1), Proxy("two", 2))
        self.setEnvironment(http_proxy="http://one:1")
        self.assertIsNone(proxyFor("", False, "h", 1))
        self.assertIsNone(proxyFor(False, False, "h", 1))

    def test_badEnvironment(self) -> None:
        """
        A variable that names none makes the connection fail with its name.
        """
        self.setEnvironment(http_proxy="socks5://h:1")
        endpoint = WebClient(self.reactor).endpointFor("ws://sockjs.example/")
        connecting: Any = endpoint.connect(Factory.forProtocol(Recorder))
        self.assertIn("http_proxy 'socks5://h:1'", self.problem(connecting))


class TunnelTests(ScriptedTestCase):
    """
    `TunnelEndpoint`.
    """

    def connect(self, url: str = "http://proxy.example:3128") -> Any:
        """
        Connect to a server through the scripted one.

        :return: a Deferred of a protocol.
        """
        endpoint = TunnelEndpoint(
            FactoryEndpoint(self.reactor, self.server),
            Proxy.fromURL(url),
            "sockjs.example",
            8080,
        )
        connecting = endpoint.connect(Factory.forProtocol(Recorder))
        self.reactor.settle()
        return connecting

    def test_tunnel(self) -> None:
        """
        Once the proxy has connected, bytes go through, both ways.
        """
        self.server.script = lambda asked: asked.say(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        protocol = self.successResultOf(self.connect())
        self.assertEqual(protocol.received, [b"first"])
        self.server.script = lambda asked: None
        [asked] = self.server.asked
        self.assertEqual(asked.line, "CONNECT sockjs.example:8080")
        self.assertEqual(asked.headers, {"host": "sockjs.example:8080"})
        protocol.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        asked.say(b"second")
        self.reactor.settle()
        self.assertEqual(self.server.asked[1].line, "GET /")
        self.assertEqual(protocol.received, [b"first", b"second"])
        asked.connection.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(len(protocol.lost), 1)

    def test_slowly(self) -> None:
        """
        The answer may come byte by byte, with headers and another phrase, by HTTP/1.0.
        """
        self.reactor.segment = lambda: 1
        self.server.script = lambda asked: asked.say(
            b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n", b"ab"
        )
        protocol = self.successResultOf(self.connect())
        self.assertEqual(protocol.received, [b"a", b"b"])

    def test_authorization(self) -> None:
        """
        The proxy is told who asks.
        """
        self.server.script = lambda asked: asked.say(b"HTTP/1.1 200 OK\r\n\r\n")
        self.successResultOf(self.connect("http://me:secret@proxy.example:3128"))
        [asked] = self.server.asked
        self.assertEqual(asked.headers["proxy-authorization"], "Basic bWU6c2VjcmV0")

    def assertRefused(self, answer: bytes, *words: str) -> None:
        """
        An answer is a failure that says these words, and ends the connection.
        """
        self.server.script = lambda asked: asked.say(answer)
        problem = self.problem(self.connect("http://me:secret@proxy.example:3128"))
        start = "proxy proxy.example:3128 does not connect to sockjs.example:8080: "
        for word in (start, *words):
            self.assertIn(word, problem)
        self.assertNotIn("secret", problem)
        self.assertIsNotNone(self.server.connections[-1].ended)

    def test_refused(self) -> None:
        """
        What the proxy refuses with is said, and what to do.
        """
        self.assertRefused(b"HTTP/1.1 403 Forbidden\r\n\r\nno", "403 Forbidden")
        self.assertRefused(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n",
            "407 Proxy Authentication Required",
            "it wants a name and a password",
        )
        self.assertRefused(b"HTTP/1.1 502\r\n\r\n", "502")
        self.assertRefused(b"HTTP/1.1 100 Continue\r\n\r\n", "100 Continue")
        self.assertRefused(b"SSH-2.0-x\r\n\r\n", "no HTTP", "SSH-2.0-x")
        self.assertRefused(
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * MAX_ANSWER,
            f"more than {MAX_ANSWER} bytes",
        )

    def test_lost(self) -> None:
        """
        A proxy that ends the connection is a failure.
        """

        def script(asked: Asked) -> None:
            asked.connection.transport.loseConnection()

        self.server.script = script
        self.assertIn(
            "its answer: the connection was lost before all had come",
            self.problem(self.connect()),
        )

    def test_cancel(self) -> None:
        """
        Waiting for the proxy can be cancelled, which ends the connection.
        """
        self.server.script = lambda asked: None
        connecting = self.connect()
        connecting.cancel()
        self.failureResultOf(connecting)
        self.reactor.settle()
        self.assertIsNotNone(self.server.connections[0].ended)

    def test_noProtocol(self) -> None:
        """
        A factory that makes no protocol is a failure.
        """
        self.server.script = lambda asked: asked.say(b"HTTP/1.1 200 OK\r\n\r\n")
        factory: Any = Factory()
        factory.buildProtocol = lambda address: None
        endpoint = TunnelEndpoint(
            FactoryEndpoint(self.reactor, self.server), Proxy("h", 1), "s", 2
        )
        connecting = endpoint.connect(factory)
        self.reactor.settle()
        self.failureResultOf(connecting, RequestFailed)
        self.assertIsNotNone(self.server.connections[0].ended)
