"""Our client with other servers than ours: npm's ``sockjs``, and PyPI's on aiohttp."""

from __future__ import annotations

import sys

from tests.support.documents import ROOT
from tests.support.programs.node import need
from tests.support.programs.processes import URL, start
from tests.support.talking import AWKWARD, EchoCase
from txsockjs.errors import AllTransportsFailed


class NodeTests(EchoCase):
    """
    npm's ``sockjs``, whose streaming responses end after 4096 bytes here.
    """

    async def setUp(self) -> None:
        need("node", packages=("sockjs",))
        script = ROOT / "tests" / "conformance" / "reference_server.js"
        program = await start(self, URL, "node", str(script))
        self.url = program.ready[0].rstrip("/")

    async def test_webSocket(self) -> None:
        """
        The transport ``websocket`` works.
        """
        await self.assertEchoes(f"{self.url}/echo", "websocket")

    async def test_xhrStreaming(self) -> None:
        """
        The transport ``xhr-streaming`` works.
        """
        await self.assertEchoes(f"{self.url}/echo", "xhr-streaming")

    async def test_xhrPolling(self) -> None:
        """
        The transport ``xhr-polling`` works.
        """
        await self.assertEchoes(f"{self.url}/echo", "xhr-polling")

    async def test_raw(self) -> None:
        """
        The raw WebSocket works.
        """
        await self.assertEchoes(f"{self.url}/echo", "raw")

    async def test_closes(self) -> None:
        """
        The server's code and reason are told over each transport.
        """
        for transport in "websocket", "xhr-streaming", "xhr-polling":
            talk = await self.talk(f"{self.url}/close", transport)
            await self.assertClosed(talk, 3000, "Go away!", [])

    async def test_cookie(self) -> None:
        """
        A service that needs cookies has them.
        """
        for transport in "xhr-streaming", "xhr-polling":
            await self.assertEchoes(f"{self.url}/cookie_needed_echo", transport)

    async def test_disabled(self) -> None:
        """
        Where there is no WebSocket, the next transport is taken; where no other may be,
        the error says why.
        """
        url = f"{self.url}/disabled_websocket_echo"
        talk = await self.talk(
            url, "xhr-streaming", transports="websocket,xhr-streaming"
        )
        talk.transport.write(b"hello")
        await talk.until(1)
        self.assertEqual(talk.heard, ["hello"])
        with self.assertRaises(AllTransportsFailed) as caught:
            await self.talk(url, "websocket")
        self.assertIn("the server offers none", str(caught.exception))


class AiohttpTests(EchoCase):
    """
    PyPI's ``sockjs``, on aiohttp.
    """

    async def setUp(self) -> None:
        script = ROOT / "benchmarks" / "servers" / "aiohttp_server.py"
        program = await start(self, r"listening (\d+)", sys.executable, str(script))
        self.url = f"http://127.0.0.1:{program.ready[1]}/echo"

    async def test_webSocket(self) -> None:
        """
        The transport ``websocket`` works.
        """
        await self.assertEchoes(self.url, "websocket")

    async def test_xhrStreaming(self) -> None:
        """
        The transport ``xhr-streaming`` works.
        """
        await self.assertEchoes(self.url, "xhr-streaming")

    async def test_xhrPolling(self) -> None:
        """
        The transport ``xhr-polling`` works.
        """
        await self.assertEchoes(self.url, "xhr-polling")

    async def test_raw(self) -> None:
        """
        The raw WebSocket works. (This server drops empty messages there.)
        """
        await self.assertEchoes(self.url, "raw", list(filter(None, AWKWARD)))
