"""Each of ``examples/`` runs, and does over real sockets what it says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import treq
from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.support.documents import blocks
from tests.support.programs.processes import ROOT, start, startExample
from tests.support.programs.sessions import openSession

LOOPBACK = "tcp:0:interface=127.0.0.1"
EXAMPLES = ROOT / "examples"


class ProgramTestCase(TestCase):
    """One example, in a process of its own."""

    timeout = 60

    async def run_(self, name: str, *args: str) -> str:
        url, _ = await startExample(self, name, *args)
        return url

    async def get(self, url: str, status: int = 200) -> str:
        response = await treq.get(url, persistent=False)
        self.assertEqual(response.code, status)
        return await response.text()

    async def assertEchoes(self, url: str) -> None:
        session = await openSession(self, url)
        session.send("Grüße")
        self.assertEqual(await session.receive(), ["Grüße"])

    async def assertChats(self, url: str) -> None:
        """Two meet in a chat, talk, and part."""
        first = await openSession(self, url)
        self.assertEqual(await first.receive(), ["*: somebody joins"])
        second = await openSession(self, url)
        for each in first, second:
            self.assertEqual(await each.receive(), ["*: somebody joins"])
        second.send("me: hello, you")
        for each in first, second:
            self.assertEqual(await each.receive(), ["me: hello, you"])
        await second.leave()
        self.assertEqual(await first.receive(), ["*: somebody leaves"])


class ExampleTests(ProgramTestCase):
    """What stands in ``examples/``."""

    async def test_echo(self) -> None:
        """``echo.py``: the smallest service."""
        await self.assertEchoes(await self.run_("echo.py", LOOPBACK))

    async def test_chat(self) -> None:
        """``chat.py``: a chat and its page."""
        url = await self.run_("chat.py", LOOPBACK)
        await self.assertChats(url + "/chat")
        self.assertIn("new SockJS('/chat')", await self.get(url + "/"))

    async def test_chatRooms(self) -> None:
        """``chat_rooms.py``: who is there, what was said, and what is for one alone."""
        url = await self.run_("chat_rooms.py", LOOPBACK)
        ada = await openSession(self, url)
        ada.send("ada")
        self.assertEqual(await ada.receive(), ["* here: ada"])
        ada.send("hello")
        self.assertEqual(await ada.receive(), ["ada: hello"])
        bob = await openSession(self, url)
        bob.send("bob")
        self.assertEqual(await bob.receive(2), ["ada: hello", "* here: ada, bob"])
        self.assertEqual(await ada.receive(), ["* bob joins"])
        bob.send("@ada just you")
        bob.send("all")
        self.assertEqual(await ada.receive(2), ["bob, to you: just you", "bob: all"])
        self.assertEqual(await bob.receive(), ["bob: all"])
        bob.send("@" + "x" * 300 + " hello")
        [problem] = await bob.receive()
        self.assertIn("* Not sent: the name of a room", problem)
        await bob.leave()
        self.assertEqual(await ada.receive(), ["* bob leaves"])
        long = await openSession(self, url)
        long.send("x" * 300)
        await long.ended

    async def test_multiplex(self) -> None:
        """``multiplex.py``: topics on one connection, some made on demand."""
        url = await self.run_("multiplex.py", LOOPBACK)
        session = await openSession(self, url + "/multiplex")
        for message in "sub,echo", "sub,room-9", "msg,echo,a,b", "msg,room-9,me: hi":
            session.send(message)
        said = ["msg,room-9,*: somebody joins", "msg,echo,a,b", "msg,room-9,me: hi"]
        self.assertEqual(await session.receive(3), said)
        self.assertIn("multiplex_client.js", await self.get(url + "/"))
        self.assertIn("class Channel", await self.get(url + "/multiplex_client.js"))

    async def test_client(self) -> None:
        """``client.py``: talks with ``multiplex.py``, and comes back to the next."""
        url, server = await startExample(self, "multiplex.py", LOOPBACK)
        listen = LOOPBACK.replace("0", url.rpartition(":")[2], 1)
        heard = r"(?s)(?=.*chat: client: hello)(?=.*echo: 1)"
        command = (sys.executable, str(EXAMPLES / "client.py"), f"{url}/multiplex")
        client = await start(self, heard, *command)
        await server.stop()
        await startExample(self, "multiplex.py", listen)
        while client.output.count("chat: client: hello") < 2:
            await deferLater(reactor, 0.05)
        await client.stop()
        self.assertTrue(client.output.endswith("chat closed: 3000 'Go away!'\n"))

    async def test_bridge(self) -> None:
        """``bridge.py``: any TCP service, line by line."""
        port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        service = f"tcp:127.0.0.1:{port.getHost().port}:framing=lines"
        await self.assertEchoes(await self.run_("bridge.py", service, LOOPBACK))

    async def test_staticFiles(self) -> None:
        """``static_files.py``: files and a service on one port."""
        url = await self.run_("static_files.py", str(EXAMPLES), LOOPBACK)
        await self.assertEchoes(url + "/echo")
        page = (EXAMPLES / "chat.html").read_text()
        self.assertEqual(await self.get(url + "/chat.html"), page)
        await self.get(url + "/echo/nothing", 404)
        # No list of what is there.
        await self.get(url + "/", 404)

    async def test_endpoint(self) -> None:
        """``endpoint.py``: a service from a string, with options."""
        listen = r"sockjs:tcp\:0\:interface\=127.0.0.1:cookie_needed=true"
        url = await self.run_("endpoint.py", listen)
        await self.assertEchoes(url)
        info = json.loads(await self.get(url + "/info"))
        self.assertIs(info["cookie_needed"], True)

    async def assertBeside(self, example: str) -> None:
        """A web application and a chat see each other, on one port."""
        url = await self.run_(example, LOOPBACK)
        self.assertEqual(await self.get(url + "/present"), "0")
        await self.assertChats(url + "/chat")
        session = await openSession(self, url + "/chat")
        await session.receive()
        self.assertEqual(await self.get(url + "/present"), "2")
        response = await treq.post(
            url + "/say", "web: héllo".encode(), persistent=False
        )
        self.assertEqual(response.code, 204)
        self.assertEqual(await session.receive(), ["web: héllo"])
        await self.get(url + "/nothing", 404)

    async def test_klein(self) -> None:
        """``klein_app.py``: beside a Klein application."""
        await self.assertBeside("klein_app.py")

    async def test_flask(self) -> None:
        """``flask_app.py``: beside a WSGI application."""
        await self.assertBeside("flask_app.py")

    def test_all(self) -> None:
        """No example is without its test."""
        apart = Path(__file__).parent / "integration"
        tested = Path(__file__).read_text()
        for name in "test_calls.py", "test_migrating.py", "test_rabbitmq.py":
            tested += (apart / name).read_text()
        for path in Path(__file__).parent.rglob("test_tutorial.py"):
            tested += path.read_text()
        tested += Path(__file__).with_name("test_start.py").read_text()
        for path in EXAMPLES.rglob("*.py"):
            names = f'"{path.name}"', f'"{path.stem.partition("_")[0]}"'
            self.assertTrue(any(name in tested for name in names), path)


class DocumentTests(SynchronousTestCase):
    """The documents that show these programs."""

    def test_shown(self) -> None:
        """What they show as Python is the programs, and nothing untested."""
        for name, language, suffix, shown in (
            ("integrations", "python", ".py", 5),
            ("migrating", "python", ".py", 12),
            ("migrating", "javascript", ".js", 2),
        ):
            programs = {path.read_text() for path in EXAMPLES.rglob("*" + suffix)}
            found = {block.text for block in blocks(f"docs/{name}.rst", language)}
            self.assertEqual(len(found), shown)
            self.assertLessEqual(found, programs)
