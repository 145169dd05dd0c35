"""The examples of ``README.rst`` do what it says that they do."""

from __future__ import annotations

from autobahn.twisted.websocket import create_client_agent
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.support.clientexamples import ClientExampleTestCase
from tests.support.documents import commands
from tests.support.examples import get, opened


class ReadmeTestCase(ClientExampleTestCase):
    """
    A test of the examples, with the files that they name.
    """

    document = "README.rst"

    def setUp(self) -> None:
        super().setUp()
        self.module(self.block("chat"), "myapp/chat.py")
        self.write("public/index.html", "<p>Chat</p>")

    async def assertChats(self, url: str) -> None:
        """
        What one client of a chat says, another one gets.
        """
        one, other = await opened(url), await opened(url)
        await one.send("hello")
        self.assertEqual(await other.receive(), 'a["hello"]')


class PythonTests(ReadmeTestCase):
    """
    Each block of Python; the first one stands for a whole program.
    """

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()

    async def test_shout(self) -> None:
        """
        The first example has ten lines and shouts back.
        """
        self.assertEqual(len(self.block("shout").text.splitlines()), 10)
        self.run_("shout")
        session = await opened(self.url(8080))
        self.assertEqual(await session.ask("hello"), 'a["HELLO"]')

    async def test_shoutOverWebSocket(self) -> None:
        """
        It does so over WebSocket.
        """
        self.run_("shout")
        url = self.url(8080, "websocket").replace("http:", "ws:")
        socket = await create_client_agent(reactor).open(url, {})
        heard: Deferred[bytes] = Deferred()
        socket.on("message", lambda message, is_binary: heard.callback(message))
        socket.sendMessage(b"hello")
        self.assertEqual(await heard, b"HELLO")
        socket.sendClose(1000)
        await socket.is_closed

    async def test_chat(self) -> None:
        """
        The module has the chat.
        """
        self.run_("shout", "chat")
        self.space["endpoints"].serverFromString(reactor, "tcp:1").listen(
            self.space["SockJSFactory"](self.space["ChatFactory"]())
        )
        await self.assertChats(self.url(1))

    async def test_several(self) -> None:
        """
        Both services are on one port, each with options of its own.
        """
        self.run_("shout", "several")
        await self.assertChats(self.url(8081, "chat"))
        session = await opened(self.url(8081, "debug/echo"))
        self.assertEqual(await session.ask("hello"), 'a["hello"]')
        self.assertEqual(self.space["site"].services["chat"].options.heartbeat, 15.0)

    async def test_beside(self) -> None:
        """
        The chat is beside the files of a directory.
        """
        self.run_("shout", "several", "beside")
        self.addCleanup(self.space["root"].children[b"chat"].stop)
        self.assertEqual(await get(self.url(8082, "index.html")), "<p>Chat</p>")
        await self.assertChats(self.url(8082, "chat"))

    async def test_endpoint(self) -> None:
        """
        The endpoint string is a server, with the options that it names.
        """
        self.run_("shout", "several", "endpoint")
        self.assertIn('"websocket": false', await get(self.url(8083, "info")))
        await self.assertChats(self.url(8083))

    async def test_text(self) -> None:
        """
        A protocol gets and sends text, and closes with its code and reason.
        """
        self.run_("shout", "text")
        session = await opened(self.url(8084))
        self.assertEqual(await session.ask("W\u00f6rld"), 'a["Hello, W\u00f6rld!"]')
        self.assertEqual(await session.receive(), 'c[3001,"That is all"]')

    async def test_greet(self) -> None:
        """
        The client greets the first example, which shouts.
        """
        self.run_("shout", "greet")
        await self.out.until("HELLO\n")

    async def test_coroutine(self) -> None:
        """
        So does the client that is a coroutine.
        """
        self.run_("shout", "greet", "coroutine")
        self.assertEqual(await self.space["ask"]("what?"), "WHAT?")


class CommandTests(ReadmeTestCase):
    """
    Each ``twistd`` command line.
    """

    async def test_services(self) -> None:
        """
        The first one serves the chat, the echo and the files, with their options.
        """
        service = self.twistd(commands(self.document, "twistd")[0])
        await self.assertChats(self.url(8080, "chat"))
        session = await opened(self.url(8080, "echo"))
        self.assertEqual(await session.ask("hello"), 'a["hello"]')
        self.assertEqual(await get(self.url(8080)), "<p>Chat</p>")
        options = {name: s.options for name, s in service.site.services.items()}
        self.assertEqual(options["chat"].origins, {"same"})
        self.assertIsNone(options["echo"].origins)
        self.assertEqual({o.heartbeat for o in options.values()}, {15.0})

    async def test_demo(self) -> None:
        """
        The second one serves the demo.
        """
        self.twistd(commands(self.document, "twistd")[1])
        self.assertIn("<script", await get(self.url(8080)))
        session = await opened(self.url(8080, "echo"))
        self.assertEqual(await session.ask("hello"), 'a["hello"]')

    def test_complete(self) -> None:
        """
        There are no more than these two.
        """
        self.assertEqual(len(commands(self.document, "twistd")), 2)
