"""Tests of `txsockjs.connection`: routers, their settings and their statistics."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.connections import ConnectionTestCase, Echo
from txsockjs import OptionError, PrefixError
from txsockjs.connection import (
    ConnectionFactory,
    SockJSApplication,
    SockJSRouter,
)
from txsockjs.services import loadService
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite


class RouterTests(ConnectionTestCase):
    """What is around the connections."""

    def test_settings(self) -> None:
        """Settings have their names there, and options of ours win."""
        self.serve(
            Echo,
            timeout=4,
            disconnect_delay=3,
            heartbeat_delay=10,
            response_limit=4096,
            disabled_transports=["websocket"],
            jsessionid=False,
            verify_ip=False,
            sockjs_url="/sockjs.js",
            session_check_interval=2,
            immediate_flush=False,
            disable_nagle=False,
            max_buffer="1M",
        )
        options = self.router.options
        self.assertEqual((options.timeout, options.heartbeat), (4.0, 10.0))
        self.assertEqual(options.streaming_limit, 4096)
        self.assertEqual(options.disabled_transports, {"websocket"})
        self.assertEqual(options.sockjs_url, "/sockjs.js")
        self.assertEqual(options.max_buffer, 1048576)
        self.assertFalse(options.cookie_needed or options.verify_ip)
        self.assertEqual(self.router.settings["response_limit"], 4096)

    def test_defaults(self) -> None:
        """A setting that is not given is what it is there."""
        self.serve(Echo)
        options = self.router.options
        self.assertTrue(options.cookie_needed and options.verify_ip)
        self.assertEqual((options.timeout, options.heartbeat), (5.0, 25.0))
        self.assertEqual(options.streaming_limit, 131072)
        self.assertIsNone(options.origins)
        self.assertEqual(self.router.settings["disconnect_delay"], 5)

    def test_origins(self) -> None:
        """Hosts that may connect become origins, of either scheme."""
        self.serve(Echo, websocket_allow_origin=["example.com", "other.example:8080"])
        allows = self.router.options.allowsOrigin
        self.assertIn("same", self.router.options.origins)
        for host in "example.com", "other.example:8080":
            self.assertTrue(allows(f"http://{host}") and allows(f"https://{host}"))
        self.assertFalse(allows("https://evil.example"))
        self.serve(Echo, websocket_allow_origin=["example.com"], origins=None)
        self.assertTrue(self.router.options.allowsOrigin("https://evil.example"))

    def test_badSettings(self) -> None:
        """One that is unknown or wrong is told by its name."""
        for name, value, words in (
            ("disconect_delay", 5, "disconnect_delay"),
            ("websocket_allow_origin", 5, "a list of hosts, not 5"),
            ("websocket_allow_origin", ["no host"], "no host"),
            ("response_limit", "many", "many"),
        ):
            error = self.assertRaises(
                OptionError, SockJSRouter, Echo, "/chat", {name: value}
            )
            self.assertIn(words, str(error))

    def test_notClasses(self) -> None:
        """What is no connection class is refused, and so are coroutines in one."""

        class Waiting(Echo):
            async def on_message(self, message: str) -> None:
                pass

        wrong: Any
        for wrong, words in (
            (Echo(Any), "is not a subclass of SockJSConnection"),
            (str, "is not a subclass of SockJSConnection"),
            (Waiting, "on_message is an async function"),
        ):
            error = self.assertRaises(TypeError, SockJSRouter, wrong, "/chat")
            self.assertIn(words, str(error))

    def test_urls(self) -> None:
        """Routers of one application are added up, each at its prefix."""
        clock = MemoryReactor()
        first = SockJSRouter(Echo, "/a/b", clock=clock)
        second = SockJSRouter(Echo, "/c", clock=clock)
        urls = second.apply_routes([])
        site = MemorySite(SockJSApplication(first.urls + urls, clock=clock))
        self.addCleanup(site.stop)
        client = MemoryClient(site)
        for prefix in "/a/b", "/c":
            session = client.session(prefix=prefix)
            session.send("hi")
            self.assertEqual(session.received, ["hi"])
        self.assertEqual(client.request("GET", "/chat/info").status, 404)
        self.assertRaises(PrefixError, SockJSApplication, first.urls + first.urls)

    def test_resource(self) -> None:
        """It is a Resource: beside others at its prefix, or the root of a Site."""
        for prefix in "/chat", "":
            clock = MemoryReactor()
            root: Any = SockJSRouter(Echo, prefix, clock=clock)
            if prefix:
                router, root = root, Resource()
                root.putChild(b"chat", router)
            site = MemorySite(Site(root, reactor=clock))
            session = MemoryClient(site).session(prefix=prefix)
            session.send("hi")
            self.assertEqual(session.received, ["hi"])

    def test_notUrls(self) -> None:
        """What is no router's is refused, with what to do about it."""
        wrong: Any
        for wrong in [("/", Echo)], ["/"], [()]:
            error = self.assertRaises(TypeError, SockJSApplication, wrong)
            self.assertIn("root.putChild", str(error))

    def test_stats(self) -> None:
        """They have the names that they have there."""
        self.serve(Echo)
        self.site.advance(1)
        first, second = self.session(), self.session("xhr_streaming")
        for _ in range(4):
            first.send("a")
        first.abort()
        self.site.advance(1)
        self.assertEqual(
            self.router.stats.dump(),
            {
                "sessions_active": 1,
                "connections_active": 1,
                "connections_ps": 1.0,
                "packets_sent_ps": 2.0,
                "packets_recv_ps": 2.0,
                "transp_websocket": 0,
                "transp_xhr_streaming": 1,
            },
        )
        self.router.broadcast([], "a")
        self.assertIsNone(second.closed)
        self.site.advance(12)
        self.assertEqual(self.router.stats.dump()["packets_sent_ps"], 0.0)

    def test_average(self) -> None:
        """It is over the last ten seconds that are over."""
        clock = Clock()
        average = SockJSRouter(Echo, clock=clock).stats.pack_sent_ps
        for second in range(30):
            average.add(second)
            average.add(1)
            clock.advance(1)
        average.add(1000)
        self.assertEqual(average.last_average, sum(range(20, 30)) / 10 + 1)

    def test_service(self) -> None:
        """It is a service, which closes its sessions when it stops."""
        self.serve(Echo)
        services = MultiService()
        self.router.setServiceParent(services)
        services.startService()
        self.assertTrue(IService.providedBy(self.router))
        session = self.session()
        stopped = services.stopService()
        self.site.advance(1)
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.successResultOf(stopped)

    def test_byName(self) -> None:
        """``twistd sockjs --service`` takes the class by its name."""
        factory = loadService(f"{__name__}.Echo")
        self.assertIsInstance(factory, ConnectionFactory)
        site = MemorySite.serving(factory)
        self.addCleanup(site.stop)
        session = MemoryClient(site).session()
        session.send("hello")
        self.assertEqual(session.received, ["hello"])
