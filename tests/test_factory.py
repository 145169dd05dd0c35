"""Tests for `txsockjs.factory`: a service's life, and where it is."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogLevel, eventAsText, globalLogPublisher
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data
from zope.interface import implementer

import txsockjs
from txsockjs.errors import OptionError, PrefixError
from txsockjs.factory import SockJSFactory, SockJSMultiFactory, SockJSResource
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

WELCOME = b"Welcome to SockJS!\n"


class CountingFactory(Factory[Any]):
    """
    A factory of echoes that counts its starts and stops.
    """

    protocol = Echo

    def __init__(self) -> None:
        self.calls: list[str] = []

    def startFactory(self) -> None:
        self.calls.append("start")

    def stopFactory(self) -> None:
        self.calls.append("stop")


class RefusingFactory(CountingFactory):
    """
    A factory that refuses everybody.
    """

    def buildProtocol(self, addr: object) -> None:
        self.calls.append(f"refused {addr.host}")  # type: ignore[attr-defined]


class FactoryTestCase(SynchronousTestCase):
    """
    Sites in memory.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.factory = CountingFactory()

    def listen(self, site: Site) -> MemoryClient:
        """
        Listen with this Site; a client of it.
        """
        self.site = MemorySite(site)
        return MemoryClient(self.site)

    def serve(self, options: dict[str, object] | None = None) -> MemoryClient:
        """
        Listen with a `SockJSFactory` of ``self.factory``.
        """
        return self.listen(SockJSFactory(self.factory, options, clock=self.reactor))

    def open(self, client: MemoryClient, prefix: str = "", id: str = "s") -> bytes:
        """
        Poll once; the body of the answer.
        """
        return client.request("POST", f"{prefix}/000/{id}/xhr").body


class SockJSFactoryTests(FactoryTestCase):
    """
    `SockJSFactory`.
    """

    def test_public(self) -> None:
        """
        What is public can be imported from the package itself.
        """
        for name in txsockjs.__all__:
            self.assertIsNotNone(getattr(txsockjs, name))
        for each in (SockJSFactory, SockJSMultiFactory, SockJSResource):
            self.assertIs(each, getattr(txsockjs, each.__name__))

    def test_serves(self) -> None:
        """
        The service is at the root.
        """
        client = self.serve()
        self.assertEqual(WELCOME, client.request("GET", "/").body)
        self.assertEqual(b"o\n", self.open(client))

    def test_options(self) -> None:
        """
        Options may be a dict, as in 1.2.2; a bad one is an error at once.
        """
        client = self.serve({"websocket": False})
        self.assertIn(b'"websocket": false', client.request("GET", "/info").body)
        self.assertRaises(OptionError, SockJSFactory, self.factory, {"timeout": -1})
        self.assertRaises(OptionError, SockJSFactory, self.factory, {"no": 1})
        # By itself it is an error that shows how it is given.
        with self.assertRaises(TypeError) as raised:
            SockJSFactory(self.factory, heartbeat=5)
        self.assertIn("(factory, {'heartbeat': 5})", str(raised.exception))

    def test_startAndStop(self) -> None:
        """
        The wrapped factory starts and stops with the service, once for all ports.
        """
        client = self.serve()
        self.site.site.doStart()
        self.open(client)
        self.assertEqual(["start"], self.factory.calls)
        self.site.site.doStop()
        self.assertEqual(["start"], self.factory.calls)
        self.site.stop()
        self.assertEqual(["start", "stop"], self.factory.calls)

    def test_stopDropsTheSessions(self) -> None:
        """
        The end of the service ends its sessions, and leaves no timer behind.
        """
        client = self.serve()
        lost: list[object] = []

        class Telling(Protocol):
            def connectionLost(self, reason: object = None) -> None:
                lost.append(reason)

        self.factory.protocol = Telling
        sessions = [client.session("xhr_streaming"), client.session("websocket")]
        self.site.stop()
        self.assertEqual(2, len(lost))
        self.assertEqual([(1006, "")] * 2, [session.closed for session in sessions])
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_closeSessions(self) -> None:
        """
        A service that stops in good order tells its sessions, after what was written
        to them; new ones are refused.
        """
        client = self.serve()
        sessions = [client.session(name) for name in ("xhr_streaming", "websocket")]
        for session in sessions:
            session.send("last words")
        closed = self.site.site.closeSessions()  # type: ignore[attr-defined]
        self.site.advance(1)
        self.successResultOf(closed)
        for session in sessions:
            self.assertEqual(["last words"], session.received)
            self.assertEqual((1012, "Service Restart"), session.closed)
        self.assertEqual(503, client.request("POST", "/000/x/xhr").status)

    def test_restart(self) -> None:
        """
        A service that was stopped serves again when it is started again.
        """
        client = self.serve()
        self.open(client)
        self.site.stop()
        client = self.listen(self.site.site)
        self.assertEqual(b"o\n", self.open(client))
        self.assertEqual(["start", "stop", "start"], self.factory.calls)

    def test_refuse(self) -> None:
        """
        A factory that builds no protocol refuses the session, over any transport.
        """
        self.factory = RefusingFactory()
        client = self.serve()
        self.assertEqual(b'c[3000,"Go away!"]\n', self.open(client))
        for transport in ("websocket", "eventsource"):
            session = client.session(transport)
            self.assertEqual((3000, "Go away!"), session.closed)
            self.assertFalse(session.opened)
        self.assertEqual("refused 192.0.2.7", self.factory.calls[-1])

    def test_buildProtocolRaises(self) -> None:
        """
        A factory that raises is logged, and refuses that session alone.
        """
        client = self.serve()
        self.factory.buildProtocol = lambda addr: 1 / 0  # type: ignore[method-assign]
        self.assertEqual(b'c[1011,"Internal error"]\n', self.open(client))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        del self.factory.buildProtocol
        self.assertEqual(b"o\n", self.open(client, id="t"))

    def test_anyFactory(self) -> None:
        """
        Whatever provides `IProtocolFactory` can be wrapped.
        """

        @implementer(IProtocolFactory)
        class Minimal:
            def doStart(self) -> None:
                pass

            def doStop(self) -> None:
                pass

            def buildProtocol(self, addr: object) -> Echo:
                return Echo()

        client = self.listen(SockJSFactory(Minimal(), clock=self.reactor))
        session = client.session("websocket")
        session.send("hello")
        self.assertEqual(["hello"], session.received)
        self.site.stop()


class SockJSMultiFactoryTests(FactoryTestCase):
    """
    `SockJSMultiFactory`.
    """

    def setUp(self) -> None:
        super().setUp()
        self.multi = SockJSMultiFactory(clock=self.reactor)

    def test_names(self) -> None:
        """
        Two services of one name cannot be told apart in logs and metrics: the second
        one is refused, whether it is at the same place or at another.
        """
        site = SockJSMultiFactory(clock=self.reactor)
        site.addFactory(self.factory, "chat")
        with self.assertRaisesRegex(PrefixError, "'chat' is taken: a service has that"):
            site.addFactory(self.factory, "/chat/")
        other = SockJSResource(self.factory, clock=self.reactor, name="talk")
        site.addService(other, "speak")
        with self.assertRaisesRegex(PrefixError, "at 'speak' is called 'talk'"):
            site.addFactory(self.factory, "talk")

    def test_prefixes(self) -> None:
        """
        Several services, each under its prefix: str, bytes, nested, slashes or not.
        """
        prefixes = ("one", b"two", "a/b/echo", "/a/b/chat/", b"caf\xc3\xa9")
        for prefix in prefixes:
            self.multi.addFactory(self.factory, prefix)
        client = self.listen(self.multi)
        for path in ("/one", "/two", "/a/b/echo", "/a/b/chat/", "/caf%C3%A9"):
            self.assertEqual(WELCOME, client.request("GET", path).body, path)
        self.assertEqual(b"o\n", self.open(client, "/a/b/echo"))

    def test_nowhere(self) -> None:
        """
        Where no service is, there is nothing, above and beside the prefixes too.
        """
        self.multi.addFactory(self.factory, "a/b")
        client = self.listen(self.multi)
        for path in ("/", "/a", "/a/", "/b", "/a/c", "/a/bb", "/x/y/z", "/info"):
            self.assertEqual(404, client.request("GET", path).status, path)

    def test_clash(self) -> None:
        """
        Two services cannot share a URL, nor can one lie inside another.
        """
        self.multi.addFactory(self.factory, "a/b")
        for prefix in ("a/b", b"a/b/", "/a/b", "a", "a/b/c", "a/b/c/d"):
            self.assertRaises(PrefixError, self.multi.addFactory, self.factory, prefix)
        self.multi.addFactory(self.factory, "a/c")

    def test_badPrefixes(self) -> None:
        """
        A prefix has no empty segment, and is not empty itself.
        """
        for prefix in ("", "/", "a//b", b""):
            self.assertRaises(PrefixError, self.multi.addFactory, self.factory, prefix)

    def test_badOptions(self) -> None:
        """
        A bad option adds no service.
        """
        self.assertRaises(
            OptionError, self.multi.addFactory, self.factory, "a", {"timeout": 0}
        )
        self.multi.addFactory(self.factory, "a")

    def test_apart(self) -> None:
        """
        Each service has its own sessions, options and factory.
        """
        other = CountingFactory()
        self.multi.addFactory(self.factory, "one", {"max_sessions": 1})
        self.multi.addFactory(other, "two", {"cookie_needed": True})
        client = self.listen(self.multi)
        self.assertEqual(b"o\n", self.open(client, "/one"))
        self.assertEqual(b"o\n", self.open(client, "/two"))
        self.assertEqual(503, client.request("POST", "/one/000/t/xhr").status)
        self.assertEqual(b"o\n", self.open(client, "/two", "t"))
        cookies = client.request("GET", "/two/000/u/eventsource").headers
        self.assertTrue(cookies.hasHeader("Set-Cookie"))

    def test_startAndStop(self) -> None:
        """
        All wrapped factories start and stop with the Site; one that comes later starts
        when it comes.
        """
        late = CountingFactory()
        self.multi.addFactory(self.factory, "one")
        client = self.listen(self.multi)
        service = self.multi.addFactory(late, "late")
        self.assertEqual((["start"], ["start"]), (self.factory.calls, late.calls))
        self.assertIs(service, self.multi.services["late"])
        self.assertEqual(b"o\n", self.open(client, "/late"))
        self.site.stop()
        self.assertEqual(["start", "stop"], self.factory.calls)
        self.assertEqual(["start", "stop"], late.calls)

    def test_closeSessions(self) -> None:
        """
        The sessions of every service are told of the end.
        """
        self.multi.addFactory(self.factory, "one")
        self.multi.addFactory(self.factory, "two")
        client = self.listen(self.multi)
        sessions = [client.session("xhr", f"/{name}") for name in ("one", "two")]
        closed = self.multi.closeSessions(4000, "bye")
        self.site.advance(1)
        self.successResultOf(closed)
        self.assertEqual([(4000, "bye")] * 2, [each.closed for each in sessions])

    def test_closePages(self) -> None:
        """
        Then the answers of other pages are the last of their connections, too.
        """
        self.multi.resource.putChild(b"page", Data(b"a page", "text/plain"))
        client = self.listen(self.multi)
        before = client.request("GET", "/page")
        self.assertIsNone(before.headers.getRawHeaders("Connection"))
        self.multi.closeSessions()
        for path, status in ("/page", 200), ("/none", 404):
            response = client.request("GET", path)
            self.assertEqual(response.status, status)
            closing = response.headers.getRawHeaders("Connection")
            self.assertEqual((closing, response.connection.closed), (["close"], True))

    def test_closeNothing(self) -> None:
        """
        Without services there is nothing to wait for.
        """
        self.successResultOf(self.multi.closeSessions())


class SockJSResourceTests(FactoryTestCase):
    """
    `SockJSResource`, beside other content under any Site.
    """

    def setUp(self) -> None:
        super().setUp()
        self.service = SockJSResource(self.factory, clock=self.reactor)
        self.root = Resource()
        self.root.putChild(b"page", Data(b"a page", "text/plain"))
        self.root.putChild(b"chat", self.service)
        self.client = self.listen(Site(self.root, reactor=self.reactor))

    def test_beside(self) -> None:
        """
        The service is under its name, and other content where it was.
        """
        self.assertEqual(b"a page", self.client.request("GET", "/page").body)
        self.assertEqual(WELCOME, self.client.request("GET", "/chat").body)
        self.assertEqual(WELCOME, self.client.request("GET", "/chat/").body)
        self.assertEqual(404, self.client.request("GET", "/chat/x").status)

    def test_everyTransport(self) -> None:
        """
        Every transport works there.
        """
        for name in ("websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile"):
            session = self.client.session(name, "/chat")
            session.send("hello")
            self.assertEqual(["hello"], session.received, name)

    def test_formParsing(self) -> None:
        """
        A Site that parses forms by itself takes nothing away from jsonp_send.
        """
        self.open(self.client, "/chat")
        response = self.client.request(
            "POST",
            "/chat/000/s/jsonp_send",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"d=%5B%22hello%22%5D",
        )
        self.assertEqual((200, b"ok"), (response.status, response.body))
        self.assertEqual(b'a["hello"]\n', self.open(self.client, "/chat"))

    def test_nested(self) -> None:
        """
        It may lie anywhere in a tree.
        """
        above = Resource()
        self.root.putChild(b"above", above)
        above.putChild(b"it", SockJSResource(self.factory, clock=self.reactor))
        self.assertEqual(b"o\n", self.open(self.client, "/above/it"))

    def test_startsWithTheFirstRequest(self) -> None:
        """
        The wrapped factory starts with the first request, or before.
        """
        self.assertEqual([], self.factory.calls)
        self.open(self.client, "/chat")
        self.service.start()
        self.assertEqual(["start"], self.factory.calls)

    def test_stop(self) -> None:
        """
        The service can be stopped by itself; the rest of the Site goes on.
        """
        self.open(self.client, "/chat")
        self.service.stop()
        self.service.stop()
        self.site.settle()
        self.assertEqual(["start", "stop"], self.factory.calls)
        self.assertEqual(0, len(self.service.service))
        self.assertEqual(b"a page", self.client.request("GET", "/page").body)

    def test_closeSessions(self) -> None:
        """
        Its sessions can be told of the end.
        """
        session = self.client.session("xhr_streaming", "/chat")
        closed = self.service.closeSessions()
        self.site.advance(1)
        self.successResultOf(closed)
        self.assertEqual((1012, "Service Restart"), session.closed)


class AccessLogTests(FactoryTestCase):
    """
    An access log that cannot be written.
    """

    def test_fullDisk(self) -> None:
        """
        Every request is served, and the problem is logged once, at the stop too.
        """
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        site = SockJSFactory(self.factory, clock=self.reactor, logPath="/dev/full")
        client = self.listen(site)
        for _ in range(200):
            self.assertEqual(client.request("GET", "/").body, WELCOME)
        self.site.stop()
        [event] = [each for each in events if "problem" in each]
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("No space left", eventAsText(event))
        self.assertEqual(self.factory.calls, ["start", "stop"])

    def test_again(self) -> None:
        """
        Whatever the problem is, a response is whole; that lines are written again is
        logged once.
        """
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        problems = [ValueError("no line")] * 3

        def format(timestamp: str, request: Any) -> str:
            if problems:
                raise problems.pop()
            return ""

        site = SockJSFactory(self.factory, clock=self.reactor, logFormatter=format)
        client = self.listen(site)
        for _ in range(6):
            self.assertEqual(client.request("GET", "/").body, WELCOME)
        said = [eventAsText(event) for event in events if "access log" in str(event)]
        self.assertEqual(len(said), 2)
        self.assertIn("again", said[1])
