"""What ``docs/authorize.rst``, ``handlers.rst`` and ``metrics.rst`` show works."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface import Interface, implementer

from tests.support.documents import blocks, commands, literals, rows
from tests.support.examples import ExampleTestCase, Session, get, opened
from txsockjs import AsyncSession, SockJSMultiFactory, errors
from txsockjs.counters import TransportCounters
from txsockjs.metrics import SockJSCollector
from txsockjs.rooms import Rooms
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class MemoryExampleTestCase(ExampleTestCase):
    """A service of a document's, in memory."""

    def serve(self, factory: Any, **options: Any) -> MemoryClient:
        self.site = SockJSMultiFactory(clock=MemoryReactor())
        self.site.addFactory(factory, "chat", options)
        self.memory = MemorySite(self.site)
        self.addCleanup(self.memory.stop)
        return MemoryClient(self.memory)

    def come(self, client: MemoryClient, query: str = "", cookie: str = "") -> Any:
        """A browser comes by raw WebSocket."""
        headers = {"Cookie": cookie} if cookie else {}
        return client.websocket(f"/chat/websocket{query}", headers)


class AuthorizeTests(MemoryExampleTestCase):
    """``docs/authorize.rst``."""

    document = "docs/authorize.rst"

    def test_complete(self) -> None:
        """No block is left out here."""
        self.assertAllTested()

    def test_authorize(self) -> None:
        """The token opens; another one is rejected."""
        self.run_("authorize")
        options = self.space["site"].services[""].options
        factory = Factory.forProtocol(self.space["Hello"])
        client = self.serve(factory, authorize=options.authorize)
        self.assertEqual(self.come(client, "?token=sesame").messages, ["Hello, bob!"])
        self.assertEqual(self.come(client, "?token=x").ended, (4401, "Who are you?"))

    def test_cred(self) -> None:
        """The Portal's member is let in, and nobody else is."""

        class IMember(Interface):
            pass

        @implementer(IRealm)
        class Realm:
            def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
                return IMember, name, lambda: None

        users = InMemoryUsernamePasswordDatabaseDontUse(bob=b"secret")
        self.space.update(portal=Portal(Realm(), [users]), IMember=IMember)
        self.run_("cred")
        client = self.serve(Factory.forProtocol(Echo), **self.space["options"])
        self.assertIsNone(self.come(client, cookie="login=bob:secret").ended)
        for cookie in "login=bob:guess", "login=bob", "":
            ended = self.come(client, cookie=cookie).ended
            self.assertEqual(ended, (4401, "Unauthorized"))

    def test_login(self) -> None:
        """Who is there is on the list, as long as they are there."""
        self.run_("login")
        client = self.serve(Factory.forProtocol(Echo), authorize=self.space["entering"])
        socket = self.come(client, "?name=bob")
        self.assertEqual(self.space["present"], ["bob"])
        socket.close()
        self.assertEqual(self.space["present"], [])


class HandlerTests(MemoryExampleTestCase):
    """``docs/handlers.rst``."""

    document = "docs/handlers.rst"

    def test_complete(self) -> None:
        """No block is left out here, or in the checks under the asyncio reactor."""
        named = {block.name for block in blocks(self.document, "python")}
        self.assertEqual(named, {"echo", "binary", "chat", "asyncio"})

    async def test_echo(self) -> None:
        """It echoes, over sockets."""
        self.run_("echo")
        session = await opened(self.url(8080))
        self.assertEqual(await session.ask("a", "b"), 'a["a","b"]')

    def test_binary(self) -> None:
        """Bytes come back turned round, and text is measured."""
        self.run_("binary")
        client = self.serve(self.space["measure"])
        socket = client.websocket("/chat/websocket")
        socket.send(b"\x00\xff")
        socket.send("h\xe9")
        self.assertEqual(socket.messages, [b"\xff\x00", "2 characters"])

    def test_chat(self) -> None:
        """All hear what one says, and a name is free again when its owner has left."""
        self.run_("chat")
        client = self.serve(self.space["chat"])
        bob, ann, other = (client.session("websocket", "/chat") for _ in range(3))
        bob.send("bob", "hi")
        ann.send("ann")
        other.send("bob")
        self.assertEqual(other.closed, (4009, "That name is taken"))
        ann.send("hello")
        self.assertEqual(bob.received, ["bob: hi", "ann: hello"])
        self.assertEqual(ann.received, ["ann: hello"])
        bob.abort()
        self.assertEqual(list(self.space["present"]), ["ann"])

    def test_members(self) -> None:
        """What a session is said to have, it has."""
        members = [row[0].astext() for row in rows(self.document, "Member")]
        for name in re.findall(r"session\.(\w+)", " ".join(members)):
            self.assertTrue(
                hasattr(AsyncSession, name) or name in vars(AsyncSession(self)), name
            )


class MetricsTests(MemoryExampleTestCase):
    """``docs/metrics.rst``."""

    document = "docs/metrics.rst"

    def test_complete(self) -> None:
        """No block is left out here."""
        self.assertAllTested()

    def session(self) -> MemorySession:
        client = self.serve(Factory.forProtocol(Echo))
        self.space["site"] = self.site
        session = client.session("websocket", "/chat")
        session.send("hello")
        return session

    def test_counters(self) -> None:
        """It prints what there is."""
        self.session()
        printed: list[tuple[object, ...]] = []
        self.space["print"] = lambda *items: printed.append(items)
        self.run_("counters")
        self.assertEqual([items[0] for items in printed], [1, 1, 0, 0, 1])

    def test_rooms(self) -> None:
        """It prints what there is."""
        rooms = self.space["rooms"] = Rooms(clock=MemoryReactor())
        self.addCleanup(rooms.stop)
        printed: list[tuple[object, ...]] = []
        self.space["print"] = lambda *items: printed.append(items)
        self.run_("rooms")
        self.assertEqual([items[0] for items in printed], [0, 0])

    def test_prometheus(self) -> None:
        """The collector is registered, and the Resource is there."""
        self.session()
        root = self.space["root"] = Resource()
        before = set(REGISTRY._collector_to_names)
        self.run_("prometheus")
        [made] = set(REGISTRY._collector_to_names) - before
        self.addCleanup(REGISTRY.unregister, made)
        labels = {"service": "chat", "transport": "websocket"}
        self.assertEqual(REGISTRY.get_sample_value("sockjs_sessions_open", labels), 1)
        self.assertIn(b"metrics", root.children)

    async def test_twistd(self) -> None:
        """The command serves the metrics of its service."""
        self.write(
            "myapp/chat.py", "from twisted.protocols.wire import Echo as ChatFactory"
        )
        [arguments] = commands(self.document, "twistd")
        self.twistd(arguments)
        session: Session = await opened(self.url(8080, "chat"))
        await session.ask("a")
        text = await get(self.url(9100, "metrics"))
        [opened_] = [
            family
            for family in text_string_to_metric_families(text)
            if family.name == "sockjs_sessions_opened"
        ]
        self.assertEqual(sum(sample.value for sample in opened_.samples), 1)


class MetricsTableTests(SynchronousTestCase):
    """The tables of ``docs/metrics.rst``."""

    def listed(self, heading: str) -> set[str]:
        table = rows("docs/metrics.rst", heading)
        return {literal for row in table for literal in literals(row[0])}

    def test_attributes(self) -> None:
        """Each attribute of the counters is listed, and no other."""
        has = {*TransportCounters.__slots__, "open"} - {"__weakref__"}
        self.assertEqual(self.listed("Attribute"), has - {"service", "transport"})

    def test_metrics(self) -> None:
        """Each metric is listed with its labels and its counter, and no other."""
        listed = {
            (literals(name)[0].removesuffix("_total"), *literals(labels))
            for name, labels, _ in rows("docs/metrics.rst", "Metric")
        }
        described = {
            (metric.name, *getattr(metric, "_labelnames", ()))
            for metric in SockJSCollector(()).describe()
        }
        self.assertEqual(listed, described)

    def test_causes(self) -> None:
        """The causes that are no errors are listed, and the errors named are errors."""
        self.assertEqual(
            self.listed("Cause"), {"Rejected", "TimedOut", "Declined", "Fault"}
        )
        for name in "ServiceFull", "ServiceStopping", "UnknownSession", "BrokenJSON":
            self.assertTrue(issubclass(getattr(errors, name), errors.WireError))
