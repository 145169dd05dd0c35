"""What the applications of ``examples/`` do, in memory, as ``docs/testing.rst`` tells.

That the programs around them run is in `tests.test_examples`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from prometheus_client import REGISTRY
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.documents import ROOT
from txsockjs import SockJSFactory, SockJSResource
from txsockjs.rooms import Rooms
from txsockjs.testing import (
    MemoryClient,
    MemoryReactor,
    MemorySession,
    MemorySite,
)

EXAMPLES = ROOT / "examples"
TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class ExampleTestCase(SynchronousTestCase):
    """
    Tests of one example.

    :cvar example: the name of its module.
    """

    example: str

    def setUp(self) -> None:
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        self.forget()
        self.addCleanup(self.forget)
        self.module: Any = import_module(self.example)

    def forget(self) -> None:
        """
        Have the example made anew for each test, and found by nobody else.
        """
        for path in EXAMPLES.glob("*.py"):
            sys.modules.pop(path.stem, None)

    def listen(self, site: Any) -> None:
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def serve(self, factory: Any, **options: Any) -> None:
        self.listen(SockJSFactory(factory, options, clock=MemoryReactor()))


class ChatTests(ExampleTestCase):
    """
    ``chat.py``.
    """

    example = "chat"

    def test_chat(self) -> None:
        """
        Two meet, talk, and part, over each transport, however one goes.
        """
        for name in TRANSPORTS:
            for leave in MemorySession.close, MemorySession.abort:
                self.serve(self.module.ChatFactory())
                first, second = (self.client.session(name) for _ in range(2))
                second.send("me: hello: you")
                leave(second)
                said = ["*: somebody joins", "me: hello: you"]
                self.assertEqual(second.received, said, name)
                want = [said[0], *said, "*: somebody leaves"]
                self.assertEqual(first.received, want, name)

    def test_away(self) -> None:
        """
        Who is gone without a word has left when the server finds out.
        """
        self.serve(self.module.ChatFactory(), heartbeat=5, timeout=5)
        first, second = self.client.session(), self.client.session("xhr")
        first.take()
        second.vanish()
        self.site.advance(11)
        self.assertEqual(first.take(), ["*: somebody leaves"])


class HandlerTests(ExampleTestCase):
    """
    ``handler_chat.py``.
    """

    example = "handler_chat"

    def test_chat(self) -> None:
        """
        Each has a name, which no other takes, and is free when its owner has left.
        """
        self.serve(self.module.chat)
        ann, bob, other = (self.client.session() for _ in range(3))
        ann.send("ann")
        bob.send("bob", "hello", "/quit")
        other.send("ann")
        self.assertEqual(other.closed, (4009, "That name is taken"))
        self.assertEqual(bob.closed, (3000, "Go away!"))
        said = ["* bob joins", "bob: hello", "* bob leaves"]
        self.assertEqual(ann.take(), ["Your name, please?", "* ann joins", *said])
        ann.abort()
        again = self.client.session("jsonp")
        again.send("ann")
        self.assertEqual(again.received, ["Your name, please?", "* ann joins"])


class AsyncioTests(ExampleTestCase):
    """
    ``handler_asyncio.py``.
    """

    example = "handler_asyncio"

    def setUp(self) -> None:
        super().setUp()
        self.site = MemorySite.serving(self.module.quiz, asyncio=True)
        self.addCleanup(self.site.stop)
        self.quiz = MemoryClient(self.site).session("xhr")

    def answer(self) -> str:
        """
        The answer to the question that was asked last.
        """
        [question] = self.quiz.take()
        return str(sum(map(int, question.split(" + "))))

    def test_score(self) -> None:
        """
        Who is right is counted, and there are ten seconds for each.
        """
        for wrong in "", "", "0":
            self.site.advance(9.9)
            self.quiz.send(wrong + self.answer())
        self.assertEqual(self.quiz.received, ["2 of 3"])
        self.assertEqual(self.quiz.closed, (3000, "Go away!"))

    def test_slow(self) -> None:
        """
        Who takes longer is out.
        """
        self.quiz.send(self.answer())
        self.site.advance(10)
        self.assertEqual(self.quiz.closed, (4008, "Too slow"))


class RoomsTests(ExampleTestCase):
    """
    ``chat_rooms.py``.
    """

    example = "chat_rooms"

    def test_rooms(self) -> None:
        """
        Who is there, what was said, and what is for one alone.
        """
        clock = MemoryReactor()
        chat = self.module.chat(Rooms(clock=clock))
        self.listen(SockJSFactory(chat, clock=clock))
        ada, bob = self.client.session(), self.client.session("xhr")
        ada.send("ada", "hello")
        bob.send("bob", "@ada just you", "all")
        self.assertEqual(bob.take(), ["ada: hello", "* here: ada, bob", "bob: all"])
        self.assertEqual(
            ada.take(),
            [
                "* here: ada",
                "ada: hello",
                "* bob joins",
                "bob, to you: just you",
                "bob: all",
            ],
        )
        bob.close()
        self.assertEqual(ada.take(), ["* bob leaves"])
        ada.send("@" + "x" * 300 + " hello")
        [problem] = ada.take()
        self.assertIn("* Not sent: the name of a room", problem)


class MultiplexTests(ExampleTestCase):
    """
    ``multiplex.py``.
    """

    example = "multiplex"

    def test_topics(self) -> None:
        """
        A room is made when somebody asks for it; other names are refused.
        """
        clock, root = MemoryReactor(), Resource()
        topics = self.module.Topics(clock=clock)
        topics.addFactory("echo", Factory.forProtocol(Echo))
        root.putChild(b"multiplex", topics)
        self.listen(Site(root, reactor=clock))
        session = self.client.session("xhr", "/multiplex")
        session.send("sub,echo", "msg,echo,a,b", "sub,room-9", "msg,room-9,me: hi")
        said = ["msg,echo,a,b", "msg,room-9,*: somebody joins", "msg,room-9,me: hi"]
        self.assertEqual(sorted(session.take()), sorted(said))
        session.send("sub,other")
        told = [text.partition(",")[0] for text in session.take()]
        self.assertEqual(told, ["err", "uns"])


class CookieTests(ExampleTestCase):
    """
    ``authorize_cookie.py``.
    """

    example = "authorize_cookie"

    def test_login(self) -> None:
        """
        Who has logged in talks in that name, and nobody else talks.
        """
        clock, root = MemoryReactor(), Resource()
        options = {"authorize": self.module.authorize}
        root.putChild(b"login", self.module.Login())
        root.putChild(b"chat", SockJSResource(self.module.chat, options, clock=clock))
        self.listen(Site(root, reactor=clock))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        response = self.client.request("POST", "/login", form, b"user=eve")
        self.assertEqual(response.status, 302)
        for name in TRANSPORTS:
            session = self.client.session(name, "/chat", cookies=response.cookies)
            session.send("hello")
            self.assertEqual(session.take(), ["* eve joins", "eve: hello"], name)
            session.close()
            stranger = self.client.session(name, "/chat", cookies={"login": "guess"})
            self.assertEqual(stranger.closed, (4401, "Log in first"), name)


class TokenTests(ExampleTestCase):
    """
    ``authorize_token.py``.
    """

    example = "authorize_token"

    def test_token(self) -> None:
        """
        A token lets in, unless it is forged or too old.
        """
        self.serve(self.module.greet, authorize=self.module.authorize)
        token = self.module.sign("bob")
        session = self.client.session("xhr", query={"token": token})
        self.assertEqual(session.received, ["Hello, bob!"])
        for wrong, end in (
            (token.replace("bob", "eve"), (4401, "No valid token")),
            (self.module.sign("bob", -1), (4403, "The token has expired")),
        ):
            session = self.client.session("xhr", query={"token": wrong})
            self.assertEqual(session.closed, end)


class MetricsTests(ExampleTestCase):
    """
    ``metrics.py``.
    """

    example = "metrics"

    def test_shouts(self) -> None:
        """
        Messages in upper case are counted, and all come back.
        """
        self.addCleanup(REGISTRY.unregister, self.module.SHOUTS)
        self.serve(self.module.echo)
        session = self.client.session()
        session.send("hello", "HELLO")
        self.assertEqual(session.received, ["hello", "HELLO"])
        self.assertEqual(REGISTRY.get_sample_value("shouts_total"), 1)


class KleinTests(ExampleTestCase):
    """
    ``klein_app.py``.
    """

    example = "klein_app"

    def test_beside(self) -> None:
        """
        The web application counts who is in the chat, and says something there.
        """
        # Its own has the global reactor for its clock.
        clock = MemoryReactor()
        self.module.service = SockJSResource(self.module.factory, clock=clock)
        self.listen(Site(self.module.app.resource(), reactor=clock))
        session = self.client.session("xhr", "/chat")
        self.assertEqual(self.client.request("GET", "/present").body, b"1")
        response = self.client.request("POST", "/say", body=b"web: hello")
        self.assertEqual(response.status, 204)
        self.site.settle()
        self.assertEqual(session.take(), ["*: somebody joins", "web: hello"])


class WiringTests(SynchronousTestCase):
    """
    The examples that are not here.
    """

    def test_all(self) -> None:
        """
        They put together what has its tests elsewhere, and have nothing of their own.
        """
        here = {
            kind.example
            for kind in globals().values()
            if isinstance(kind, type)
            and issubclass(kind, ExampleTestCase)
            and kind is not ExampleTestCase
        }
        wiring = {"echo", "endpoint", "bridge", "stomp", "static_files"}
        apart = {"client", "flask_app", "authorize_cred"}
        names = {path.stem for path in EXAMPLES.glob("*.py")}
        self.assertEqual(names - here, wiring | apart)
        for name in wiring:
            text = (EXAMPLES / f"{name}.py").read_text()
            self.assertNotIn("class ", text)
            self.assertEqual(text.count("def "), 1, name)
