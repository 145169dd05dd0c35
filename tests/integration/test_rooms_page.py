"""``rooms.js``, the browser's side of rooms, in real browsers."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from itertools import count
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.portforward import (
    ProxyClient,
    ProxyClientFactory,
    ProxyFactory,
    ProxyServer,
)
from twisted.trial.unittest import TestCase
from twisted.web.static import File

from tests.support.programs.node import TESTS, need, runNode
from tests.support.programs.servers import CLIENT
from txsockjs.factory import SockJSMultiFactory
from txsockjs.rooms import Rooms, RoomsFactory
from txsockjs.rooms.script import roomsScript

#: Those that a page of the service's own origin can use.
TRANSPORTS = (
    "websocket",
    "xhr-streaming",
    "eventsource",
    "iframe-eventsource",
    "htmlfile",
    "iframe-htmlfile",
    "xhr-polling",
    "iframe-xhr-polling",
    "jsonp-polling",
)

#: The client cannot call back the script of a JSONP poll, which then finds no function
#: to call; and Firefox takes a connection that is refused for an error of the page.
EXPECTED_ERROR = re.compile(
    r"TypeError: _jp\.\w+ is not a function"
    r"|can.t establish a connection to the server"
    r"|connection to \S+ was interrupted"
)

#: How the answer begins that a message was taken, over most transports.
TAKEN = b"HTTP/1.1 204"

#: Messages that are published, and seconds between two of them.
COUNT = 250
PACE = 0.02

#: Messages that each page publishes.
SAID = 100

#: Seconds for which the network works, and for which it does not.
UP, DOWN = 0.9, 0.3


class WayBack(ProxyClient):
    """
    What the server says, on its way to the client.
    """

    def dataReceived(self, data: bytes) -> None:
        passage: Any = self.peer
        if passage.swallows is not None and data.startswith(passage.swallows):
            # The server takes it for delivered.
            passage.factory.swallowed += 1
            passage.transport.abortConnection()
        else:
            super().dataReceived(data)


class WayBackFactory(ProxyClientFactory):
    """
    Makes the ways back.
    """

    protocol = WayBack


class Passage(ProxyServer):
    """
    A connection through the network.

    :ivar swallows: how what begins that is lost when the server says it next, and the
        connection is lost with it; None if nothing is.
    """

    clientProtocolFactory = WayBackFactory
    swallows: bytes | None = None


class CutProxy(ProxyFactory):
    """
    A network that can be cut.

    :ivar cuts: how many connections that has cost.
    :ivar swallowed: how many were lost with something that the server had said.
    """

    protocol = Passage

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.cuts = 0
        self.swallowed = 0
        self._open: set[Any] = set()
        self._cut = False

    def buildProtocol(self, address: Any) -> Any:
        if self._cut:
            return None
        protocol = super().buildProtocol(address)
        self._open.add(protocol)
        return protocol

    def cut(self) -> None:
        """
        Every connection is lost, and there are no new ones.
        """
        self._cut = True
        connections, self._open = self._open, set()
        for connection in connections:
            if connection.connected:
                self.cuts += 1
                connection.transport.abortConnection()

    def swallow(self, beginning: bytes = b"") -> None:
        """
        What the server says next on each connection is lost, and the connection with
        it; or the next that begins so. There are new ones at once: over one of these, a
        browser sends again what was not answered, and a session that polls goes on
        without what was lost.
        """
        for connection in self._open:
            connection.swallows = beginning

    def mend(self) -> None:
        """
        There are connections again, and nothing is lost.
        """
        self._cut = False
        for connection in self._open:
            connection.swallows = None


class RoomsPage:
    """What must hold in each browser."""

    browser: str
    program: str
    timeout = 150

    async def setUp(self: Any) -> None:
        need("node", self.program, packages=("puppeteer-core", "sockjs-client"))
        self.rooms = Rooms()
        self.rooms.configure("*", history=COUNT)
        site = SockJSMultiFactory()
        options = {"sockjs_url": "/page/sockjs.min.js", "heartbeat": 0.5}
        site.addFactory(RoomsFactory(self.rooms), "rooms", options)
        page = File(str(TESTS / "js"))
        page.putChild(b"sockjs.min.js", File(str(CLIENT)))
        page.putChild(b"rooms.js", roomsScript())
        site.resource.putChild(b"page", page)
        port = await self.listen(site)
        self.network = CutProxy(port)
        self.url = f"http://127.0.0.1:{await self.listen(self.network)}"
        self.addCleanup(self.rooms.stop)

    async def listen(self: Any, factory: Factory) -> int:
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def run_(self: Any, scenario: str, **options: Any) -> Deferred[list[Any]]:
        """Run a scenario over each transport, each on a page of its own."""
        plan = {
            "browser": self.browser,
            "executable": shutil.which(self.program),
            "groups": [
                {
                    "page": f"{self.url}/page/rooms.html",
                    "runs": [
                        {
                            "key": transport,
                            "scenario": scenario,
                            "options": {
                                "url": f"{self.url}/rooms",
                                "transport": transport,
                                **options,
                            },
                        }
                    ],
                }
                for transport in self.transports
            ],
        }
        running: Deferred[list[Any]] = Deferred.fromCoroutine(
            runNode(reactor, "browser.js", json.dumps(plan))
        )
        return running

    transports: tuple[str, ...] = TRANSPORTS

    async def test_cut(self: Any) -> None:
        """
        A network that is cut again and again makes no hole, over any transport: each
        page gets each message once, in order. Nor does one that swallows what the
        server says, of which a session that polls knows nothing.
        """
        room = self.rooms.room("news")
        running = self.run_("follow", room="news", count=COUNT, patience=60_000)
        while len(room) < len(self.transports) and not running.called:
            await deferLater(reactor, 0.02, lambda: None)
        texts = [f"message {number}" for number in range(COUNT)]
        unsaid = iter(texts[:-1])
        network = LoopingCall(self._cutAndMend)
        mended = network.start(UP + DOWN)
        published: Deferred[Any] = Deferred()

        async def say() -> None:
            text = next(unsaid, None)
            if text is None:
                saying.stop()
            else:
                await room.publish(text)

        saying = LoopingCall(lambda: Deferred.fromCoroutine(say()))
        saying.start(PACE).chainDeferred(published)
        await published
        network.stop()
        await mended
        # There is no more by which this one is missed.
        self.network.swallow()
        await room.publish(texts[-1])
        await deferLater(reactor, DOWN, self.network.mend)
        results = self.results(await running)
        for transport, result in results.items():
            self.assertEqual(result["state"], "done", (transport, result))
            self.assertEqual(result["texts"], texts, transport)
            self.assertEqual((result["gaps"], result["errors"]), (0, []), transport)
            self.assertGreater(len(result["joins"]), 1, transport)
            self.assertEqual(set(result["joins"]), {True}, transport)
        self.assertGreater(self.network.cuts, len(self.transports))
        self.assertGreater(self.network.swallowed, len(self.transports))

    def results(self: Any, lines: list[Any]) -> dict[str, Any]:
        """What has come of a scenario over each transport."""
        errors = [line["result"] for line in lines if line["key"] == "error"]
        self.assertEqual([e for e in errors if not EXPECTED_ERROR.search(e)], [])
        results = {each["key"]: each["result"] for each in lines}
        results.pop("error", None)
        self.assertEqual(set(results), set(self.transports))
        return results

    async def test_once(self: Any) -> None:
        """
        A browser whose network swallows the answers to what it sends sends it again,
        over each transport of HTTP. Each message is in the room once, or not more often
        where it is said to be uncertain.
        """
        self.transports = TRANSPORTS[1:]
        running = self.run_("say", count=SAID, pace=1000 * PACE)
        rooms = {name: self.rooms.room(name) for name in self.transports}
        while not all(rooms.values()) and not running.called:
            await deferLater(reactor, 0.02, lambda: None)
        for room in rooms.values():
            await room.publish("go")
        turns = count(1)

        async def swallow() -> None:
            # A page over JSONP gets no such answer, and is helped by the others.
            self.network.swallow(b"" if next(turns) % 4 == 0 else TAKEN)
            await deferLater(reactor, UP / 4, self.network.mend)

        network = LoopingCall(lambda: Deferred.fromCoroutine(swallow()))
        mended = network.start(UP / 2)
        results = self.results(await running)
        network.stop()
        await mended
        for transport, ends in results.items():
            _, *entries = await rooms[transport].recent(COUNT)
            times = Counter(int(entry.text) for entry in entries)
            self.assertEqual(set(ends) - {"done", "uncertain"}, set(), transport)
            for number, end in enumerate(ends):
                right = (1,) if end == "done" else (0, 1)
                self.assertIn(times[number], right, (transport, number, end))
            self.assertIn("done", ends, transport)
        self.assertGreater(self.network.swallowed, len(self.transports))

    def _cutAndMend(self: Any) -> Deferred[None]:
        async def once() -> None:
            await deferLater(reactor, UP / 2, self.network.swallow)
            await deferLater(reactor, UP / 2, self.network.cut)
            await deferLater(reactor, DOWN, self.network.mend)

        return Deferred.fromCoroutine(once())


class ChromiumTests(RoomsPage, TestCase):
    """In Chromium."""

    browser = "chrome"
    program = "chromium"

    async def test_meet(self) -> None:
        """
        Two see each other come and go, and talk; what is published while the connection
        is made anew arrives, and what is published after the end is refused.
        """
        self.transports = ("websocket",)
        [line] = await self.run_("meet")
        result = line["result"]
        self.assertNotIn("error", result)
        epoch, _, offset = result["position"].partition(":")
        self.assertEqual((offset, result["again"]), ("1", f"{epoch}:2"))
        self.assertEqual(result["refused"], "left")
        self.assertEqual(result["states"], ["joined", "over"])
        self.assertEqual(result["over"], "left")


class FirefoxTests(RoomsPage, TestCase):
    """In Firefox."""

    browser = "firefox"
    program = "firefox-esr"
