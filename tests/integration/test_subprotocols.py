"""Libraries that speak a subprotocol, in Chromium, over raw WebSockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from tests.support.programs.browsing import PACKAGES, Pages, listen
from tests.support.programs.node import need
from tests.support.programs.speaking import MQTT, EchoBoth, GraphQL, Stomp
from txsockjs.bridge import BridgeFactory
from txsockjs.factory import SockJSMultiFactory

STOMP = ["v12.stomp", "v11.stomp", "v10.stomp"]
TEXTS = ["Grüße", "☃ \U0001f600", "", "a\nb: \\c\n\n"]
LARGE = 200_000


class SubprotocolTests(TestCase):
    """What the stock clients of three subprotocols get, and what any page gets."""

    timeout = 120

    async def setUp(self) -> None:
        need("node", "chromium", packages=PACKAGES)
        self.agreed: list[str | None] = []
        site = SockJSMultiFactory()
        for name, protocol, wanted in (
            ("stomp", Stomp, STOMP),
            ("mqtt", MQTT, ["mqtt"]),
            ("graphql", GraphQL, ["graphql-transport-ws"]),
            ("both", EchoBoth, []),
        ):
            site.addFactory(self.noting(protocol), name, {"subprotocols": wanted})
        port = await listen(self, Factory.forProtocol(MQTT))
        service = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        bridge = BridgeFactory(service, mode="binary")
        site.addFactory(bridge, "bridge", {"subprotocols": ["mqtt"]})
        self.pages = await Pages.serve(self, site)

    def noting(self, protocol: type[Any]) -> Factory:
        """A factory that notes what each of its sessions has agreed to."""
        agreed = self.agreed

        class Noting(protocol):  # type: ignore[misc]
            def connectionMade(self) -> None:
                agreed.append(self.transport.request.subprotocol)
                super().connectionMade()

        return Factory.forProtocol(Noting)

    async def run_(self, scenario: str, path: str, **options: Any) -> Any:
        return await self.pages.run(scenario, f"{self.pages.socket}/{path}", **options)

    async def test_stomp(self) -> None:
        """``@stomp/stompjs`` offers three versions; the newest is spoken."""
        result = await self.run_("stomp", "stomp/websocket", texts=TEXTS, large=LARGE)
        received = [*TEXTS, "x" * LARGE]
        expected = {"protocol": "v12.stomp", "version": "1.2", "received": received}
        self.assertEqual(result, expected)
        self.assertEqual(self.agreed, ["v12.stomp"])

    async def test_mqtt(self) -> None:
        """MQTT.js speaks in binary messages, any byte both ways."""
        result = await self.run_("mqtt", "mqtt/websocket")
        self.assertEqual(result, {"topic": "bytes", "intact": True})
        self.assertEqual(self.agreed, ["mqtt"])

    async def test_bridge(self) -> None:
        """It reaches a service of MQTT over TCP through a bridge in binary messages."""
        result = await self.run_("mqtt", "bridge/websocket")
        self.assertEqual(result, {"topic": "bytes", "intact": True})

    async def test_graphql(self) -> None:
        """``graphql-ws`` takes the results of a subscription."""
        result = await self.run_("graphql", "graphql/websocket", query="countdown")
        results = [{"countdown": number} for number in (3, 2, 1)]
        expected = {"protocol": "graphql-transport-ws", "results": results}
        self.assertEqual(result, expected)
        self.assertEqual(self.agreed, ["graphql-transport-ws"])

    async def test_bare(self) -> None:
        """
        A page gets what was agreed to. One that asked, and gets nothing, sees its
        WebSocket fail; one that did not ask opens.
        """
        agreed = {"opened": True, "code": 1000, "protocol": "v11.stomp"}
        nothing = {"opened": True, "code": 1000, "protocol": ""}
        failed = {"opened": False, "code": 1006, "protocol": ""}
        asked = (
            ("stomp/websocket", ["v10.stomp", "v11.stomp"], agreed),
            ("stomp/000/framed/websocket", ["v11.stomp"], agreed),
            ("stomp/websocket", [], nothing),
            ("stomp/websocket", ["mqtt"], failed),
            ("both/websocket", ["mqtt"], failed),
        )
        each = [
            {"url": f"{self.pages.socket}/{path}", "offers": offers}
            for path, offers, _ in asked
        ]
        results = await self.pages.run("bare", "", *each)
        self.assertEqual(results, [expected for _, _, expected in asked])

    async def test_binary(self) -> None:
        """Binary messages stay binary and text stays text, both ways."""
        result = await self.run_("binary", "both/websocket", size=300_000)
        self.assertEqual(
            result,
            {
                "code": 1000,
                "intact": True,
                "text": "text ☃",
                "sizes": [256, None, 0, 300_000],
            },
        )
