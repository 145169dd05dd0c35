"""What ``docs/operating.rst`` shows works, and its list of logs is whole."""

from __future__ import annotations

import ast
import gc

from twisted.internet import reactor
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.ssl import KeyPair
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, readBody
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tests.support.documents import ROOT, blocks, commands, literals, rows
from tests.support.examples import ExampleTestCase, get, opened
from txsockjs.serving.collecting import ServerCollector

DOCUMENT = "docs/operating.rst"
WELCOME = "Welcome to SockJS!\n"


class OperatingTestCase(ExampleTestCase):
    """
    A test of the examples, with the module that they use.
    """

    document = DOCUMENT

    def setUp(self) -> None:
        super().setUp()
        [chat] = (b for b in blocks("README.rst", "python") if b.name == "chat")
        self.module(chat, "myapp/chat.py")


class CommandTests(OperatingTestCase):
    """
    Each ``twistd`` command line.
    """

    async def test_one(self) -> None:
        """
        The first one serves the chat.
        """
        self.twistd(commands(DOCUMENT, "twistd")[0])
        self.assertEqual(await get(self.url(8080, "chat")), WELCOME)

    async def test_endpoints(self) -> None:
        """
        The second one serves it on each endpoint.
        """
        pair = KeyPair.generate()
        certificate = pair.selfSignedCert(1, CN=b"localhost")
        self.write("key.pem", pair.dump(1).decode())
        self.write("cert.pem", certificate.dumpPEM().decode())
        self.twistd(commands(DOCUMENT, "twistd")[1])
        self.assertEqual(await get(self.url(8080, "chat")), WELCOME)
        self.assertEqual(await self.getOverUNIX("chat.sock", "/chat"), WELCOME)
        self.assertEqual(set(self._ports), {8080, 8081, 8443})

    async def getOverUNIX(self, path: str, url: str) -> str:
        @implementer(IAgentEndpointFactory)
        class Sockets:
            def endpointForURI(self, uri: object) -> UNIXClientEndpoint:
                return UNIXClientEndpoint(reactor, path)

        agent = Agent.usingEndpointFactory(reactor, Sockets())
        response = await agent.request(b"GET", b"http://unix" + url.encode())
        return (await readBody(response)).decode()

    async def test_daemon(self) -> None:
        """
        The third one serves the chat.
        """
        self.twistd(commands(DOCUMENT, "twistd")[2])
        self.assertEqual(await get(self.url(8080, "chat")), WELCOME)

    async def test_health(self) -> None:
        """
        The fourth one tells how it is.
        """
        self.twistd(commands(DOCUMENT, "twistd")[3])
        body = await get(self.url(8080, "health"))
        self.assertEqual(body, "chat: running\necho: running\n")

    async def test_rooms(self) -> None:
        """
        The fifth one serves rooms, whether or not their Redis is there.
        """
        self.twistd(commands(DOCUMENT, "twistd")[4])
        self.assertEqual(await get(self.url(8080, "rooms")), WELCOME)
        self.assertEqual(len(commands(DOCUMENT, "twistd")), 5)


class StoppingTests(OperatingTestCase):
    """
    Each block of Python: how a program stops.
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("public/index.html", "")

    def test_complete(self) -> None:
        """
        No block is left out here.
        """
        self.assertAllTested()

    async def test_site(self) -> None:
        """
        A Site closes its sessions with the program's own code: that comes first.
        """
        self.run_("site")
        phase, event, close = self.triggers[-1]
        self.assertEqual((phase, event), ("before", "shutdown"))
        session = await opened(self.url(8080))
        closed = close()
        self.assertEqual(await session.receive(), 'c[4000,"Come back at noon"]')
        await closed

    async def test_resource(self) -> None:
        """
        A Resource closes its sessions, and stops its factory.
        """
        self.run_("site", "resource")
        chat = self.space["chat"]
        self.addCleanup(chat.stop)
        stopped: list[str] = []
        chat._factory.doStop = lambda: stopped.append("chat")
        session = await opened(self.url(8081, "chat"))
        closed = chat.closeSessions()
        self.assertEqual(await session.receive(), 'c[1012,"Service Restart"]')
        await closed
        chat.stop()
        self.assertEqual(stopped, ["chat"])

    async def test_health(self) -> None:
        """
        A Resource tells whether the chat takes sessions.
        """
        self.run_("site", "resource", "health")
        self.addCleanup(self.space["chat"].stop)
        await opened(self.url(8081, "chat"))
        self.assertEqual(await get(self.url(8081, "health")), "sockjs: running\n")

    def test_seldom(self) -> None:
        """
        The garbage collector is set as ``twistd sockjs`` has it.
        """
        before = gc.get_threshold()
        self.addCleanup(lambda: (gc.set_threshold(*before), gc.unfreeze()))
        self.run_("seldom")
        self.space["collectSeldom"]()
        ours, theirs = ServerCollector(), gc.get_threshold()
        gc.set_threshold(*before)
        ours.start()
        self.assertEqual(theirs, gc.get_threshold())


class LogTests(SynchronousTestCase):
    """
    The table of what is logged.
    """

    def test_complete(self) -> None:
        """
        It has the level and format of each event that the package can log.
        """
        levels = {"failure": "critical"}
        logged = {
            (levels.get(node.func.attr, node.func.attr), node.args[0].value)
            for path in (ROOT / "txsockjs").rglob("*.py")
            if "testing" not in path.parts
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) == "self._log"
            and isinstance(node.args[0], ast.Constant)
        }
        listed = {
            (level.astext(), " ".join(literals(format)[0].split()))
            for level, format in rows(DOCUMENT, "Level")
        }
        self.assertEqual(listed, logged)
