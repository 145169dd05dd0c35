"""The stock ``sockjs-client`` under Node, over each transport that it has there."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import defer, error, reactor
from twisted.trial.unittest import TestCase

from tests.support.programs.node import need, runNode
from tests.support.programs.servers import Server, startPlain
from txsockjs import SessionClosed

INTACT = {"sent": 100, "received": 100, "wrong": []}


class StockClient:
    """What must hold over every transport; a subclass names one."""

    transport: str
    timeout = 90
    server: Server
    #: Why the server's application sees the session end when the client closes.
    lostBy: type[Exception] = error.ConnectionLost

    async def setUp(self: Any) -> None:
        need("node", packages=("sockjs-client",))
        self.server = await startPlain()
        self.addCleanup(lambda: defer.ensureDeferred(self.server.stop()))

    async def client(self, service: str, scenario: str, **options: Any) -> Any:
        """The result of one scenario with the transport under test."""
        url = f"{self.server.url}/{service}"
        options["patience"] = 10_000
        [result] = await runNode(
            reactor, "client.js", url, self.transport, scenario, json.dumps(options)
        )
        return result

    async def test_pingPong(self: Any) -> None:
        """100 messages, the awkward ones first, are each echoed before the next."""
        self.assertEqual(await self.client("echo", "pingPong"), INTACT)

    async def test_burst(self: Any) -> None:
        """100 messages sent at once come back whole and in order."""
        self.assertEqual(await self.client("echo", "burst"), INTACT)

    async def test_large(self: Any) -> None:
        """A message of 2**18 bytes, more than one response may carry, arrives whole."""
        result = await self.client("amplify", "large", exponent=18)
        self.assertEqual(result, {"length": 2**18, "intact": True})

    async def test_serverCloses(self: Any) -> None:
        """A session that the server closes at once ends with 3000 and its reason."""
        result = await self.client("close", "serverClose")
        self.assertEqual(
            result,
            {
                "code": 3000,
                "reason": "Go away!",
                "wasClean": True,
                "opened": 1,
                "received": [],
            },
        )

    async def test_serverClosesWithReason(self: Any) -> None:
        """The client gets the last message, then the server's own code and reason."""
        result = await self.client(
            "close_as_asked", "serverClose", message='4007 it\'s "over" \u2603'
        )
        self.assertEqual(
            result,
            {
                "code": 4007,
                "reason": 'it\'s "over" \u2603',
                "wasClean": True,
                "opened": 1,
                "received": ["last words"],
            },
        )

    async def test_clientCloses(self: Any) -> None:
        """The client's close is told to the client, and the session ends, once."""
        result = await self.client(
            "remember", "clientClose", message="me", code=3001, reason="enough"
        )
        self.assertEqual(
            result, {"code": 3001, "reason": "enough", "wasClean": True, "opened": 1}
        )
        await self.server.untilLost({"me"})
        self.assertEqual(self.server.lost, {"me": [self.lostBy]})


class WebSocketTests(StockClient, TestCase):
    transport = "websocket"
    lostBy = SessionClosed


class XHRStreamingTests(StockClient, TestCase):
    transport = "xhr-streaming"


class XHRPollingTests(StockClient, TestCase):
    transport = "xhr-polling"


class EventSourceTests(StockClient, TestCase):
    transport = "eventsource"


class RawWebSocketTests(TestCase):
    """The plain WebSocket beside the SockJS transports."""

    timeout = 90

    async def client(self, service: str, scenario: str, **options: Any) -> Any:
        """The result of one scenario."""
        need("node", packages=("sockjs-client",))
        self.server = server = await startPlain()
        self.addCleanup(lambda: defer.ensureDeferred(server.stop()))
        url = f"{server.url}/{service}"
        [result] = await runNode(
            reactor, "client.js", url, "raw", scenario, json.dumps(options)
        )
        return result

    async def test_pingPong(self) -> None:
        """100 messages, the awkward ones first, are each echoed before the next."""
        self.assertEqual(await self.client("echo", "pingPong"), INTACT)

    async def test_burst(self) -> None:
        """100 messages sent at once come back whole and in order."""
        self.assertEqual(await self.client("echo", "burst"), INTACT)

    async def test_large(self) -> None:
        """A message of 2**18 bytes arrives whole."""
        result = await self.client("amplify", "large", exponent=18)
        self.assertEqual(result, {"length": 2**18, "intact": True})

    async def test_serverCloses(self) -> None:
        """Code and reason travel in the WebSocket's own close frame."""
        result = await self.client("close", "serverClose")
        close = {"code": 3000, "reason": "Go away!", "opened": 1, "received": []}
        self.assertEqual(result, close)

    async def test_clientCloses(self) -> None:
        """The client gets its own code and reason back, and so does the server."""
        result = await self.client(
            "remember", "clientClose", message="me", code=4000, reason="mine"
        )
        self.assertEqual(result, {"code": 4000, "reason": "mine", "opened": 1})
        await self.server.untilLost({"me"})
        self.assertEqual(self.server.lost, {"me": [SessionClosed]})


class FallbackTests(TestCase):
    """A client that may choose its transport."""

    timeout = 90

    async def choice(self, service: str) -> str:
        need("node", packages=("sockjs-client",))
        server = await startPlain()
        self.addCleanup(lambda: defer.ensureDeferred(server.stop()))
        [result] = await runNode(
            reactor,
            "client.js",
            f"{server.url}/{service}",
            "any",
            "ask",
            '{"message": "hello", "patience": 3000}',
        )
        self.assertEqual(result["answer"], "hello")
        return result["transport"]

    async def test_webSocketFirst(self) -> None:
        """WebSocket is taken where it works."""
        self.assertEqual(await self.choice("echo"), "websocket")

    async def test_webSocketOff(self) -> None:
        """Where ``info`` says that there is no WebSocket, XHR streaming is taken."""
        choice = await self.choice("disabled_websocket_echo")
        self.assertEqual(choice, "xhr-streaming")

    async def test_webSocketBlocked(self) -> None:
        """Where something between refuses the upgrade, XHR streaming is taken."""
        self.assertEqual(await self.choice("without_upgrade"), "xhr-streaming")
