"""What ``docs/recovery.rst``, ``docs/shared.rst`` and ``docs/faq.rst`` show works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.protocol import Factory

from tests.support.documents import ROOT, blocks, commands, read
from tests.support.examples import ExampleTestCase, opened
from tests.support.programs.node import need, runNode
from txsockjs import SockJSFactory, SockJSOptions, SockJSProtocol
from txsockjs.rooms import Rooms, RoomsFactory
from txsockjs.tap import Options
from txsockjs.testing import (
    MemoryClient,
    MemoryReactor,
    MemorySite,
    MemorySockJSEndpoint,
)


class Greeter(SockJSProtocol):
    """
    Counts sessions. The second one is told to come no more.
    """

    count = 0

    def connectionMade(self) -> None:
        Greeter.count += 1
        self.transport.sendMessage(f"hello {self.count}")
        if self.count == 2:
            self.transport.loseConnection(4000, "That is all")


class RecoveryTests(ExampleTestCase):
    """
    ``docs/recovery.rst``.
    """

    document = "docs/recovery.rst"

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()
        [script] = blocks(self.document, "javascript")
        self.assertEqual(script.name, "again")

    def test_follow(self) -> None:
        """
        The program hears all, once, whatever happens to its connection; and says so
        where the history does not reach back.
        """
        self.run_("follow")
        clock = MemoryReactor()
        rooms = Rooms(clock=clock)
        self.addCleanup(rooms.stop)
        room = rooms.room("lobby", history=3)
        site = MemorySite(SockJSFactory(RoomsFactory(rooms), clock=clock))
        self.addCleanup(site.stop)
        factory = self.space["FollowerFactory"]()
        heard: list[str] = []
        factory.heard = heard.append
        factory.lost = lambda: heard.append("lost")
        endpoint = MemorySockJSEndpoint(site)
        service = self.space["follow"](endpoint, factory, clock)
        site.advance(1)
        self.say(room, site, "a")
        for texts in ("b", "c"), ("d", "e", "f", "g"):
            sessions = site.site.openSessions()
            [session] = sessions
            sessions.abort(session.key)
            site.settle()
            self.assertEqual(len(site.site.openSessions()), 0)
            self.say(room, site, *texts)
            site.advance(5)
        self.assertEqual(heard, [*"abc", "lost", *"efg"])
        stopped = service.stopService()
        site.advance(11)
        self.successResultOf(stopped)

    def say(self, room: Any, site: MemorySite, *texts: str) -> None:
        for text in texts:
            room.publish(text)
        site.settle()

    async def test_again(self) -> None:
        """
        The page connects again, until it is told by a code of the application's not to.
        """
        need("node", packages=("sockjs-client",))
        from twisted.internet import reactor

        self.patch(Greeter, "count", 0)
        reactor.listenTCP(8080, SockJSFactory(Greeter))
        [script] = blocks(self.document, "javascript")
        url = "http://127.0.0.1:8080/"
        code = f'{script.text}; keepConnected("{url}", (e) => console.log(e.data));'
        said = await runNode(reactor, "example.js", code, url, self.url(8080))
        self.assertEqual(said, [["hello 1"], ["hello 2"]])
        self.assertEqual(Greeter.count, 2)


class SharedTests(ExampleTestCase):
    """
    ``docs/shared.rst``. That rooms are those of all workers, and of all processes that
    name a Redis, is tested in `tests.integration`.
    """

    document = "docs/shared.rst"

    def setUp(self) -> None:
        super().setUp()
        self.module(self.block("asking"), "myapp/sharing.py")

    def alone(self, line: list[str]) -> list[str]:
        """
        A command line for one process.
        """
        at = line.index("--workers")
        return line[:at] + line[at + 2 :]

    async def test_lines(self) -> None:
        """
        Each command line serves: rooms, and the chat.
        """
        lines = commands(self.document, "twistd")
        self.assertEqual(len(lines), 3)
        for line in lines:
            Options().parseOptions(line[line.index("sockjs") + 1 :])
        self.twistd(self.alone(lines[0]))
        session = await opened(self.url(8080, "chat"))
        told = await session.ask('{"type": "join", "room": "x"}')
        self.assertIn("joined", told)

    async def test_asking(self) -> None:
        """
        The chat gets rooms, with the history that the line asks for.
        """
        _, line, _ = commands(self.document, "twistd")
        self.twistd(self.alone(line))
        first = await opened(self.url(8080, "chat"))
        self.assertEqual(await first.ask("hello"), 'a["hello"]')
        second = await opened(self.url(8080, "chat"))
        self.assertEqual(await second.receive(), 'a["hello"]')

    def test_saying(self) -> None:
        """
        The last program is whole; `tests.integration.test_tutorial` runs it.
        """
        compile(self.block("saying").text, self.document, "exec")
        self.assertEqual(
            [block.name for block in blocks(self.document, "python")],
            ["asking", "saying"],
        )
        lines = commands(self.document, "python")
        self.assertEqual({line[0] for line in lines}, {"examples/chat_rooms.py"})
        self.assertTrue((ROOT / lines[0][0]).exists())


class QuestionTests(ExampleTestCase):
    """
    ``docs/faq.rst``.
    """

    document = "docs/faq.rst"

    def test_limits(self) -> None:
        """
        The numbers are those of the options' defaults.
        """
        text = (ROOT / self.document).read_text("utf-8")
        for name, size in (("max_message_size", 1), ("max_buffer", 4)):
            self.assertEqual(getattr(SockJSOptions(), name), size << 20)
            self.assertRegex(text, rf"``{name}``[,:] {size} MiB")
        read(self.document)

    def test_ids(self) -> None:
        """
        The stock client's ids have eight characters of 32.
        """
        need(packages=("sockjs-client",))
        lib = ROOT / "tests/node_modules/sockjs-client/lib"
        self.assertIn("sessionId || 8", (lib / "main.js").read_text())
        self.assertIn("'abcdefghijklmnopqrstuvwxyz012345'", self.random(lib))

    def random(self, lib: Path) -> str:
        return (lib / "utils" / "random.js").read_text()

    def test_taken(self) -> None:
        """
        A session over HTTP can be taken by its id, as long as ``verify_ip`` is not set;
        one over a WebSocket cannot.
        """
        for options in {}, {"verify_ip": True}:
            site = MemorySite.serving(Factory.forProtocol(Greeter), options)
            self.addCleanup(site.stop)
            client = MemoryClient(site, "192.0.2.1")
            client.request("POST", "/000/secret/xhr")
            thief = MemoryClient(site, "192.0.2.2")
            sent = thief.request("POST", "/000/secret/xhr_send", {}, b'["x"]')
            self.assertEqual(sent.status, 404 if options else 204)
            client.websocket("/000/other/websocket")
            sent = thief.request("POST", "/000/other/xhr_send", {}, b'["x"]')
            self.assertEqual(sent.status, 404)
