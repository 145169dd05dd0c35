"""The programs of ``examples/migrating/``, written both ways, do the same."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import treq
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from benchmarks.errors import NotInstalled
from benchmarks.peers import PEERS
from tests.support.examples import ExampleTestCase, opened
from tests.support.missing import missing
from tests.support.programs.node import TESTS, need
from tests.support.programs.processes import ROOT, URL, Program, start
from tests.support.programs.sessions import (
    RawSession,
    Session,
    openSession,
    openSocket,
)

PROGRAMS = ROOT / "examples" / "migrating"


async def peer(name: str) -> Any:
    """
    A server that benchmarks compare with, in an environment of its own.
    """
    found = PEERS[name]
    try:
        await deferToThread(found.install)
    except NotInstalled as problem:
        raise missing(problem) from None
    return found


class SocketIOSession(RawSession):
    """
    A client of Socket.IO (protocol 5, Engine.IO 4): its messages are events, as JSON.
    """

    def onOpen(self) -> None:
        """It is not open before both have said so."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        kind, rest = re.fullmatch(r"(\d+)(.*)", payload.decode()).groups()
        if kind == "0":
            self.sendMessage(b"40")
        elif kind == "40":
            self.opened.callback(None)
        elif kind == "2":
            self.sendMessage(b"3")
        else:
            assert kind == "42", payload
            self._messages.put(rest)

    def send(self, message: str) -> None:
        super().send("42" + message)


class EchoTests(ExampleTestCase):
    """The smallest program with a connection class, and the command without one."""

    document = "docs/migrating.rst"

    async def assertEchoes(self, url: str) -> None:
        """What is sent comes back."""
        session = await opened(url)
        self.assertEqual(await session.ask("Grüße"), 'a["Grüße"]')

    async def test_echo(self) -> None:
        """The program serves what it says."""
        self.run_("echo")
        self.addCleanup(self.space["router"].stop)
        await self.assertEchoes(self.url(9999, "echo"))

    async def test_command(self) -> None:
        """``twistd sockjs --service`` takes the class of a module in the directory."""
        source = self.block("echo").text
        _, class_, _ = source.split("\n\n\n")
        line = "from txsockjs.connection import SockJSConnection\n\n\n"
        self.write("echoing.py", line + class_)
        self.addCleanup(sys.modules.pop, "echoing", None)
        service = ["--service", "chat=echoing.EchoConnection"]
        self.twistd(["sockjs", "--listen", "tcp:8080", *service])
        await self.assertEchoes(self.url(8080, "chat"))


class MigratingTestCase(TestCase):
    """A program, in a process of its own."""

    # Another library may have to be installed.
    timeout = 180

    async def start(
        self,
        name: str,
        *args: str,
        command: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        for variable, value in (environment or {}).items():
            self.patch(os, "environ", {**os.environ, variable: value})
        return await start(self, URL, command, str(PROGRAMS / name), "0", *args)

    async def url(self, name: str, **more: Any) -> str:
        return (await self.start(name, **more)).ready[0]

    async def get(self, url: str) -> str:
        response = await treq.get(url, persistent=False)
        self.assertEqual(response.code, 200)
        return await response.text()


class ChatTests(MigratingTestCase):
    """A chat."""

    async def meet(self, url: str, open: Any = openSession) -> tuple[Session, Session]:
        """Two are in it, and know."""
        first = await open(self, url)
        second = await open(self, url)
        first.send("hello, you")
        self.assertEqual(await first.receive(2), ["Somebody joins.", "hello, you"])
        self.assertEqual(await second.receive(), ["hello, you"])
        return first, second

    async def assertChats(self, url: str, open: Any = openSession) -> None:
        """Those who are there hear of who comes, speaks and goes."""
        first, second = await self.meet(url, open)
        await second.leave()
        self.assertEqual(await first.receive(), ["Somebody leaves."])

    async def assertBeside(self, url: str) -> None:
        """It is a chat, and a page knows who is there."""
        first, second = await self.meet(url)
        self.assertEqual(await self.get(url.replace("/chat", "/present")), "2 present")
        await second.leave()
        self.assertEqual(await first.receive(), ["Somebody leaves."])

    async def test_txsockjs(self) -> None:
        """With txsockjs, as a protocol, and as a connection class."""
        for name in "chat_txsockjs.py", "chat_connection.py":
            await self.assertChats(await self.url(name))

    async def test_tornado(self) -> None:
        """With sockjs-tornado."""
        [python, _] = (await peer("tornado")).command()
        await self.assertChats(await self.url("chat_tornado.py", command=python))

    async def test_besideTornado(self) -> None:
        """With txsockjs, in one process with Tornado's pages."""
        program = await self.start("chat_beside_tornado.py", "0")
        chat, pages = program.ready[0], (await program.until(r"Pages at (\S+)\n"))[1]
        first, second = await self.meet(chat)
        self.assertEqual(await self.get(pages), "2 present")
        say = pages.replace("/present", "/say")
        response = await treq.post(say, "Grüße".encode(), persistent=False)
        self.assertEqual(response.code, 200)
        for each in first, second:
            self.assertEqual(await each.receive(), ["Grüße"])
        await second.leave()
        self.assertEqual(await first.receive(), ["Somebody leaves."])
        await program.stop()
        self.assertNotIn("Traceback", program.output)

    async def test_beside(self) -> None:
        """With txsockjs, beside other pages."""
        await self.assertBeside(await self.url("chat_beside.py"))

    async def test_node(self) -> None:
        """With sockjs-node, beside pages of express."""
        need("node", packages=("express", "sockjs"))
        modules = {"NODE_PATH": str(TESTS / "node_modules")}
        url = await self.url("chat_node.js", command="node", environment=modules)
        await self.assertBeside(url)

    async def test_handler(self) -> None:
        """With txsockjs and asyncio, over SockJS and as a plain WebSocket."""
        url = await self.url("chat_handler.py")
        await self.assertChats(url)
        await self.assertChats(url + "/websocket", openSocket)

    async def test_aiohttp(self) -> None:
        """With aiohttp's sockjs."""
        if find_spec("sockjs") is None:
            raise missing("the package sockjs is not installed")
        await self.assertChats(await self.url("chat_aiohttp.py"))

    async def test_websockets(self) -> None:
        """With websockets."""
        if find_spec("websockets") is None:
            raise missing("the package websockets is not installed")
        await self.assertChats(await self.url("chat_websockets.py"), openSocket)


class MultiplexTests(MigratingTestCase):
    """Topics on one connection."""

    async def assertMultiplexes(self, url: str) -> None:
        """Each topic has its own messages, and its own end."""
        first = await openSession(self, url)
        second = await openSession(self, url)
        second.send("sub,chat")
        second.send("msg,chat,here I am")
        await second.receive()
        for message in "sub,echo", "sub,chat", "msg,echo,a,b", "msg,chat,c,d":
            first.send(message)
        self.assertEqual(await first.receive(2), ["msg,echo,a,b", "msg,chat,c,d"])
        self.assertEqual(await second.receive(), ["msg,chat,c,d"])
        first.send("uns,chat")
        first.send("msg,echo,e")
        await first.receive()
        second.send("msg,chat,f")
        self.assertEqual(await second.receive(), ["msg,chat,f"])

    async def test_txsockjs(self) -> None:
        """With txsockjs."""
        await self.assertMultiplexes(await self.url("multiplex_txsockjs.py"))

    async def test_tornado(self) -> None:
        """With sockjs-tornado."""
        [python, _] = (await peer("tornado")).command()
        await self.assertMultiplexes(
            await self.url("multiplex_tornado.py", command=python)
        )


class RoomsTests(MigratingTestCase):
    """Events, and rooms."""

    async def assertRooms(self, first: Session, second: Session) -> None:
        """Who is in a room hears of who enters it, and what is said there."""
        for each in first, second:
            each.send('["enter", "tea"]')
            each.send(
                '["enter", "tea time"]' if each is first else '["enter", "coffee"]'
            )
            each.send('["say", "tea", "hello"]')
            said = json.loads((await each.receive())[0])
            self.assertEqual(said, ["said", "tea", "hello"])
        heard = [json.loads(message) for message in await first.receive(2)]
        self.assertEqual(heard, [["entered", "tea"], ["said", "tea", "hello"]])
        second.send('["say", "coffee", "alone"]')
        second.send('["say", "tea", "both"]')
        self.assertEqual(
            [json.loads(message) for message in await second.receive(2)],
            [["said", "coffee", "alone"], ["said", "tea", "both"]],
        )
        [last] = await first.receive()
        self.assertEqual(json.loads(last), ["said", "tea", "both"])

    async def test_txsockjs(self) -> None:
        """With txsockjs; what is no event closes."""
        url = await self.url("rooms_txsockjs.py")
        await self.assertRooms(
            await openSession(self, url), await openSession(self, url)
        )
        wrong = await openSession(self, url)
        wrong.send('["leave"]')
        await wrong.ended
        self.assertEqual(wrong.closed, (4000, "That is no event"))

    async def test_socketio(self) -> None:
        """With Socket.IO."""
        environment = {"NODE_PATH": (await peer("socketio")).environment()["NODE_PATH"]}
        url = await self.url(
            "rooms_socketio.js", command="node", environment=environment
        )
        socket = url.rstrip("/") + "/socket.io/?EIO=4&transport=websocket"
        opened = [await openSocket(self, socket, SocketIOSession) for _ in range(2)]
        await self.assertRooms(*opened)
