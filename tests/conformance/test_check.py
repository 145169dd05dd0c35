"""
`txsockjs.conformance.check`, of servers that are in order and of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

from twisted.internet import reactor
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.protocols import wire
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from tests.conformance.server import Closer, TextEcho, listen
from tests.support.programs.certificates import makeCertificate
from txsockjs.command.reaching import Unverified
from txsockjs.conformance import check
from txsockjs.conformance.services import STREAMING_LIMIT
from txsockjs.core import frames
from txsockjs.errors import NothingToCheck
from txsockjs.factory import SockJSFactory, SockJSMultiFactory
from txsockjs.request import OpeningRequest
from txsockjs.transports import eventsource, xhr


class Silent(Protocol):
    """
    Takes what it gets, and says nothing.
    """


class CheckTest(TestCase):
    """
    A test of the whole, over sockets.
    """

    timeout = 60

    def setUp(self) -> None:
        self.out = StringIO()

    async def listen(self, factory: ServerFactory) -> str:
        """
        Start a server; it ends with the test.

        :return: its URL.
        """
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}"

    async def echo(self, **options: Any) -> str:
        """
        A server with one echo, which is all.

        :return: its URL.
        """
        factory = Factory.forProtocol(TextEcho)
        return await self.listen(SockJSFactory(factory, options))

    async def check(self, url: str, *only: str, **arguments: Any) -> int:
        """
        Check some of a server.
        """
        return await check(url, only=only, out=self.out, reactor=reactor, **arguments)

    def named(self, verdict: str) -> list[str]:
        """
        The names of the checks with a verdict, as the report has them.
        """
        lines = self.out.getvalue().splitlines()
        start = f"  {verdict} "
        return [
            line.removeprefix(start).strip().partition(":")[0]
            for line in lines
            if line.startswith(start)
        ]


class EchoTests(CheckTest):
    """
    A server that has an echo and nothing else.
    """

    QUICK = ("pages", "headers", "sessions", "xhr", "websockets", "closing.closing")

    async def test_passes(self) -> None:
        """
        Nothing fails that an echo can show; the rest is skipped, and why.
        """
        self.assertEqual(await self.check(await self.echo(), *self.QUICK), 0)
        self.assertEqual(self.named("FAILED"), [])
        self.assertGreater(len(self.named("ok")), 200)
        report = self.out.getvalue()
        self.assertIn("no service for it was named (--close URL)", report)
        self.assertIn("the limit of a response is not known", report)
        self.assertIn("whether the application takes binary messages", report)

    async def test_limit(self) -> None:
        """
        Whoever says what the limit of a response is has it checked.
        """
        url = await self.echo(streaming_limit=2000)
        only = "sessions.streamingLimit"
        self.assertEqual(await self.check(url, only, streamingLimit=2000), 0)
        self.assertEqual(len(self.named("ok")), 12)
        self.assertEqual(
            await self.check(url, only, streamingLimit=1999, timeout=3.0), 1
        )

    async def test_cookies(self) -> None:
        """
        An echo that needs cookies, as its ``info`` says, is checked for them.
        """
        url = await self.echo(cookie_needed=True)
        self.assertEqual(await self.check(url, "headers.cookie"), 0)
        self.assertIn("dummy_xhr", self.named("ok"))
        self.assertEqual(
            {name.partition("_")[0] for name in self.named("skipped")}, {"notNeeded"}
        )

    async def test_noWebSocket(self) -> None:
        """
        So is one without WebSocket for having none.
        """
        url = await self.echo(websocket=False)
        self.assertEqual(await self.check(url, "websockets"), 0)
        self.assertEqual(self.named("ok"), ["disabled_framed", "disabled_raw"])
        self.assertIn("the service has no WebSocket", self.out.getvalue())

    async def test_named(self) -> None:
        """
        Services that are named are used.
        """
        site = SockJSMultiFactory()
        site.addFactory(Factory.forProtocol(wire.Echo), "a/echo")
        site.addFactory(Factory.forProtocol(Closer), "b")
        url = await self.listen(site)
        services = {"close": f"{url}/b"}
        code = await self.check(f"{url}/a/echo/", "closing.closing", services=services)
        self.assertEqual((code, self.named("skipped")), (0, []))
        self.assertEqual(len(self.named("ok")), 15)

    async def test_header(self) -> None:
        """
        A header that is given goes with every request, of all kinds.
        """
        seen: set[tuple[str, ...]] = set()

        def authorize(request: OpeningRequest) -> bool:
            seen.add(request.headers.get("authorization", ()))
            return True

        url = await self.echo(authorize=authorize)
        only = ("websockets.raw", "websockets.handshake.switches*", "xhr.polling")
        headers = [("Authorization", "Bearer x")]
        self.assertEqual(await self.check(url, *only, headers=headers), 0)
        self.assertEqual(seen, {("Bearer x",)})


class TLSTests(CheckTest):
    """
    A server over TLS.
    """

    async def test_verified(self) -> None:
        """
        Its certificate is verified, unless that is not wanted; then requests, raw
        connections and WebSockets all work.
        """
        factory = SockJSFactory(Factory.forProtocol(TextEcho))
        options = makeCertificate().options()
        endpoint = SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        url = f"https://127.0.0.1:{port.getHost().port}"
        with self.assertRaises(NothingToCheck) as raised:
            await self.check(url)
        self.assertIn("certificate verify failed", str(raised.exception))
        only = ("xhr.polling", "websockets.raw", "connections.http10.poll")
        self.assertEqual(await self.check(url, *only, contextFactory=Unverified()), 0)
        self.assertEqual(len(self.named("ok")), 8)


class StandardTests(CheckTest):
    """
    A server with the four services.
    """

    async def test_found(self) -> None:
        """
        The services are found below the URL, and nothing is skipped.
        """
        url, stop = await listen({})
        self.addCleanup(stop)
        code = await self.check(url, "sessions", "closing.closing", "headers.cookie")
        self.assertEqual((code, self.named("skipped")), (0, []))

    async def test_below(self) -> None:
        """
        They may be below a path; one that is missing is reported.
        """
        site = SockJSMultiFactory()
        options = {"streaming_limit": STREAMING_LIMIT}
        site.addFactory(Factory.forProtocol(wire.Echo), "my/tests/echo", options)
        url = await self.listen(site)
        code = await self.check(f"{url}/my/tests/", "sessions", "closing.closing")
        self.assertEqual(code, 0)
        self.assertIn("no service at /my/tests/close: status 404", self.out.getvalue())

    async def test_junit(self) -> None:
        """
        The XML is written where it is asked for, and has what the report has.
        """
        path = Path(self.mktemp())
        url, stop = await listen({})
        self.addCleanup(stop)
        self.assertEqual(await self.check(url, "xhr.polling", junit=path), 0)
        names = [case.get("name") for case in ElementTree.parse(path).iter("testcase")]
        self.assertEqual(names, self.named("ok"))

    async def test_noPlace(self) -> None:
        """
        A file that cannot be written is an error before anything is checked.
        """
        url, stop = await listen({})
        self.addCleanup(stop)
        checked = self.check(url, junit=Path(self.mktemp(), "no", "report.xml"))
        with self.assertRaises(FileNotFoundError):
            await checked
        self.assertEqual(self.out.getvalue(), "")


class FaultTests(CheckTest):
    """
    A server with a fault fails the checks that are about it, and no others.
    """

    async def assertFails(
        self, fault: Any, only: Sequence[str], expected: set[str]
    ) -> None:
        """
        With a fault in the server, exactly these checks fail, and the status says so.
        """
        url = await self.echo()
        with fault:
            self.assertEqual(await self.check(url, *only, timeout=3.0), 1)
        self.assertEqual(set(self.named("FAILED")), expected)
        for name in expected:
            self.assertRegex(self.out.getvalue(), rf"(?m)^FAILED \S+\.{name}$")

    def test_prelude(self) -> Any:
        """
        A prelude that is one byte short.
        """
        short = patch.object(xhr, "_PRELUDE", b"h" * 2047 + b"\n")
        only = ("xhr", "eventsource", "htmlfile")
        return self.assertFails(short, only, {"bytes"})

    def test_percent(self) -> Any:
        """
        An event with a bare ``%``, at which the browser's client fails.
        """

        def bare(frame: frames.Frame) -> bytes:
            return b"data: " + frame.data + b"\r\n\r\n"

        only = ("xhr", "eventsource")
        broken = patch.object(eventsource, "formatEvent", bare)
        expected = {"percent_one", "percent_several", "percent_escape"}
        return self.assertFails(broken, only, expected | {"arriveAsSent_eventsource"})

    async def test_close(self) -> None:
        """
        A service that closes with a code of its own, where the usual one is expected.
        """

        class Closing(Protocol):
            transport: Any = None

            def connectionMade(self) -> None:
                self.transport.loseConnection(3001, "Go away!")

        site = SockJSMultiFactory()
        site.addFactory(Factory.forProtocol(wire.Echo), "echo")
        site.addFactory(Factory.forProtocol(Closing), "close")
        url = await self.listen(site)
        self.assertEqual(await self.check(url, "xhr.polling", "websockets.raw"), 1)
        self.assertEqual(self.named("FAILED"), ["close", "close"])
        self.assertIn("Tuples differ: (3001, 'Go away!')", self.out.getvalue())


class NothingTests(CheckTest):
    """
    What cannot be checked.
    """

    async def assertNothing(self, url: str, said: str) -> None:
        """
        There is nothing to check, and the error says in a line what came instead.
        """
        with self.assertRaises(NothingToCheck) as raised:
            await self.check(url, timeout=0.5)
        self.assertIn(said, str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))
        self.assertEqual(self.out.getvalue(), "")

    async def test_nobody(self) -> None:
        """
        Nothing listens there.
        """
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}"
        await port.stopListening()
        await self.assertNothing(url, f"nothing answers at {url}/: Connection was ref")

    async def test_silent(self) -> None:
        """
        Something listens, and says nothing.
        """
        url = await self.listen(Factory.forProtocol(Silent))
        await self.assertNothing(url, "silence before an answer")

    async def test_endless(self) -> None:
        """
        Something answers without end.
        """

        class Endless(Protocol):
            transport: Any = None

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
                self.transport.registerProducer(self, False)

            def resumeProducing(self) -> None:
                self.transport.write(b"x" * 1_000_000)

            def stopProducing(self) -> None:
                pass

        url = await self.listen(Factory.forProtocol(Endless))
        await self.assertNothing(url, "8388608 bytes came and more")

    async def test_nonsense(self) -> None:
        """
        What is there for ``info`` is none.
        """
        root = Resource()
        for name, body in (("a", b"[" * 100_000), ("b", b"[]"), ("c", b"")):
            service = Resource()
            service.putChild(b"info", Data(body, "application/json"))
            root.putChild(name.encode(), service)
        url = await self.listen(Site(root))
        await self.assertNothing(f"{url}/a", "no JSON at /a/info")
        await self.assertNothing(f"{url}/b", "no JSON object at /b/info")
        await self.assertNothing(f"{url}/c", "no JSON at /c/info")

    async def test_noTLS(self) -> None:
        """
        What listens there talks no TLS.
        """
        url = await self.listen(Factory.forProtocol(wire.Echo))
        await self.assertNothing(url.replace("http:", "https:"), "nothing answers at")

    async def test_noService(self) -> None:
        """
        A server of HTTP has no service there.
        """
        url = await self.echo()
        await self.assertNothing(f"{url}/a/b", "no SockJS service at")

    async def test_noEcho(self) -> None:
        """
        A service is there that does not send back what it gets.
        """
        factory = SockJSFactory(Factory.forProtocol(wire.Discard))
        await self.assertNothing(await self.listen(factory), "is no echo")

    async def test_arguments(self) -> None:
        """
        An argument that cannot be used is an error before anything is asked.
        """
        url = "http://127.0.0.1:9"
        for arguments, said in (
            ({"timeout": 0}, "above 0, not 0"),
            ({"timeout": float("nan")}, "above 0, not nan"),
            ({"streamingLimit": 10}, "256 bytes at the least, not 10"),
            (
                {"services": {"chat": url}},
                "a service is one of close, cookie, disabled",
            ),
            ({"services": {"close": "http://127.0.0.1:8/"}}, "are of one server"),
        ):
            with self.assertRaises(ValueError) as raised:
                await self.check(url, **arguments)
            self.assertIn(said, str(raised.exception))
