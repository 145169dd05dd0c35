"""Tests for `txsockjs.endpoints`: the string ``sockjs:``."""

from __future__ import annotations

import treq
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txsockjs.endpoints import SockJSServerEndpoint
from txsockjs.errors import OptionError
from txsockjs.options import Cookie, SockJSOptions


def authorize(request: object) -> None:
    """
    Lets everybody in.
    """


# A value for each option, as a string may carry it, and what it then is.
VALUES: dict[str, tuple[str, object]] = {
    "websocket": ("false", False),
    "disabled_transports": ("xhr,jsonp", frozenset(("xhr", "jsonp"))),
    "cookie_needed": ("yes", True),
    "cookie": (r"node; path\=/; Secure", Cookie(b"node", b"; path=/; Secure")),
    "base_url": (r"https\://a.example/chat", "https://a.example/chat"),
    "iframe": ("off", False),
    "heartbeat": ("12.5", 12.5),
    "timeout": ("10", 10.0),
    "streaming_limit": ("4096", 4096),
    "encoding": ("latin-1", "latin-1"),
    "sockjs_url": (r"https\://example.com/sockjs.js", "https://example.com/sockjs.js"),
    "proxy_header": ("X-Forwarded-For", b"X-Forwarded-For"),
    "origins": (
        r"https\://a.example,https\://b.example",
        frozenset(("https://a.example", "https://b.example")),
    ),
    "max_message_size": ("1000", 1000),
    "max_buffer": ("2000", 2000),
    "max_sessions": ("3", 3),
    "verify_ip": ("on", True),
    "subprotocols": ("v12.stomp,mqtt", ("v12.stomp", "mqtt")),
    "compression": ("true", True),
    "compression_memory_level": ("5", 5),
    "compression_window_bits": ("12", 12),
    "fragment_size": ("32k", 32768),
    "authorize": ("tests.test_endpoints.authorize", authorize),
    "authorize_timeout": ("3.5", 3.5),
    "max_authorizing": ("7", 7),
    "drain_timeout": ("0.5", 0.5),
}


def parse(description: str) -> SockJSServerEndpoint:
    return serverFromString(MemoryReactorClock(), description)


class ParseTests(SynchronousTestCase):
    """
    What a string turns into.
    """

    def test_plugin(self) -> None:
        """
        Twisted finds the parser by the prefix ``sockjs``.
        """
        self.assertIsInstance(parse(r"sockjs:tcp\:8080"), SockJSServerEndpoint)

    def test_example(self) -> None:
        """
        The documented string listens on the endpoint in it, with the options in it.
        """
        reactor = MemoryReactorClock()
        endpoint = serverFromString(
            reactor,
            r"sockjs:tcp\:8080\:interface\=127.0.0.1:encoding=utf8:websocket=false",
        )
        self.successResultOf(endpoint.listen(Factory.forProtocol(Echo)))
        [(port, site, _, interface)] = reactor.tcpServers
        self.assertEqual((port, interface), (8080, "127.0.0.1"))
        options = site.services[""].options
        self.assertEqual(options, SockJSOptions(encoding="utf8", websocket=False))
        self.assertIs(site.services[""].service.clock, reactor)

    def test_noOptions(self) -> None:
        """
        Without options, the defaults hold.
        """
        self.assertEqual(parse(r"sockjs:tcp\:0").options, SockJSOptions())

    def test_everyOption(self) -> None:
        """
        Every option that there is can be a keyword.
        """
        self.assertEqual(
            set(VALUES), {name for name, default, meaning in SockJSOptions.fields()}
        )
        for name, (text, value) in VALUES.items():
            options = parse(rf"sockjs:tcp\:0:{name}={text}").options
            self.assertEqual(getattr(options, name), value, name)

    def test_nested(self) -> None:
        """
        The endpoint in it may be one with an endpoint in it, too.
        """
        reactor = MemoryReactorClock()
        endpoint = serverFromString(reactor, r"sockjs:haproxy\:tcp\:8080:timeout=9")
        self.successResultOf(endpoint.listen(Factory.forProtocol(Echo)))
        [(_, factory, _, _)] = reactor.tcpServers
        self.assertIsInstance(factory, HAProxyWrappingFactory)
        self.assertEqual(factory.wrappedFactory.services[""].options.timeout, 9)

    def test_keepAlive(self) -> None:
        """
        How long a connection may be idle is an option of the string's, too.
        """
        for text, seconds in [("", 75.0), (":keep_alive=90", 90.0)]:
            reactor = MemoryReactorClock()
            endpoint = serverFromString(reactor, rf"sockjs:tcp\:8080{text}")
            self.successResultOf(endpoint.listen(Factory.forProtocol(Echo)))
            [(_, factory, _, _)] = reactor.tcpServers
            self.assertEqual(factory.keepAlive, seconds)


class RefusalTests(SynchronousTestCase):
    """
    Strings that are wrong are refused when they are parsed.
    """

    def assertRefused(self, description: str, *words: str) -> None:
        error = self.assertRaises(ValueError, parse, description)
        for word in words:
            self.assertIn(word, str(error))

    def test_unknownOption(self) -> None:
        """
        An unknown option is named.
        """
        self.assertRefused(r"sockjs:tcp\:0:colour=red", "'colour'")

    def test_reservedWords(self) -> None:
        """
        A keyword with the name of one of the parser's own arguments is unknown as well.
        """
        self.assertRefused(r"sockjs:tcp\:0:reactor=select", "'reactor'")
        self.assertRefused(r"sockjs:tcp\:0:self=x", "'self'")

    def test_keepAlive(self) -> None:
        """
        A time that is none is named.
        """
        self.assertRefused(r"sockjs:tcp\:0:keep_alive=0", "'keep_alive': '0'")

    def test_malformedOption(self) -> None:
        """
        A malformed value is shown, with its option's name.
        """
        for option, text in (
            ("websocket", "perhaps"),
            ("timeout", "soon"),
            ("max_buffer", "-1"),
            ("disabled_transports", "pigeon"),
            ("encoding", "klingon"),
            ("origins", "example.com"),
        ):
            self.assertRefused(rf"sockjs:tcp\:0:{option}={text}", f"'{option}'", text)

    def test_errorType(self) -> None:
        """
        A bad option is an `OptionError` that has the name apart.
        """
        error = self.assertRaises(OptionError, parse, r"sockjs:tcp\:0:timeout=soon")
        self.assertEqual(error.name, "timeout")

    def test_noEndpoint(self) -> None:
        """
        Without an endpoint to listen on there is nothing to serve.
        """
        self.assertRefused("sockjs:", "takes one endpoint")
        self.assertRefused("sockjs:timeout=5", "takes one endpoint")

    def test_colonsNotEscaped(self) -> None:
        """
        Who forgets to escape the inner colon is told so.
        """
        self.assertRefused("sockjs:tcp:8080", "escaped", "['tcp', '8080']")

    def test_unknownEndpoint(self) -> None:
        """
        An inner endpoint of an unknown type is named.
        """
        self.assertRefused(r"sockjs:pigeon\:8080", "pigeon")


class ListenTests(TestCase):
    """
    The endpoint over real sockets.
    """

    async def test_serves(self) -> None:
        """
        The factory is reached at the root of the site, with the options of the string.
        """
        endpoint = serverFromString(
            reactor, r"sockjs:tcp\:0\:interface\=127.0.0.1:websocket=false"
        )
        port = await endpoint.listen(Factory.forProtocol(Echo))
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}"
        info = await (await treq.get(f"{url}/info", persistent=False)).json()
        self.assertIs(info["websocket"], False)

        async def post(name: str, body: bytes = b"") -> bytes:
            response = await treq.post(f"{url}/0/a/{name}", body, persistent=False)
            return await response.content()

        self.assertEqual(await post("xhr"), b"o\n")
        await post("xhr_send", b'["hello"]')
        self.assertEqual(await post("xhr"), b'a["hello"]\n')
