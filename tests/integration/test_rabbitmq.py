"""Browsers and RabbitMQ, through bridges."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.trial.unittest import TestCase

from tests.support.programs.browsing import PACKAGES, Pages
from tests.support.programs.node import need
from tests.support.programs.processes import startExample
from tests.support.programs.rabbitmq import RabbitMQ
from txsockjs.bridge import BridgeFactory
from txsockjs.factory import SockJSMultiFactory

LOGIN = {"login": "guest", "passcode": "guest"}
LOOPBACK = "tcp:0:interface=127.0.0.1"

TEXTS = ["Grüße", "☃ \U0001f600", "", "a\nb: \\c\n\n"]

#: Such a message comes in several pieces.
LARGE = 200_000


class RabbitMQTests(TestCase):
    """What the stock clients of STOMP and MQTT do with a broker, in Chromium."""

    timeout = 150

    async def setUp(self) -> None:
        need("node", "chromium", packages=PACKAGES)
        self.broker = await RabbitMQ.start(self)

    async def test_stomp(self) -> None:
        """
        ``stomp.py``: ``@stomp/stompjs`` sends and receives over SockJS, by each kind of
        transport, and over a raw WebSocket.
        """
        broker = f"tcp:127.0.0.1:{self.broker.stomp}"
        url, _ = await startExample(self, "stomp.py", broker, LOOPBACK)
        pages = await Pages.serve(self)
        raw = url.replace("http:", "ws:") + "/websocket"
        options = {"texts": TEXTS, "large": LARGE, "headers": LOGIN}
        ways: list[dict[str, Any]] = [
            {"transport": "websocket"},
            {"transport": "xhr-streaming"},
            {"transport": "xhr-polling"},
            {"url": raw},
        ]
        results = await pages.run("stomp", url, *ways, **options)
        received = [*TEXTS, "x" * LARGE]
        expected = {"protocol": "", "version": "1.2", "received": received}
        self.assertEqual(results[:3], [expected] * 3)
        self.assertEqual(results[3], {**expected, "protocol": "v12.stomp"})

    async def test_mqtt(self) -> None:
        """MQTT.js sends any byte over a raw WebSocket, through a binary bridge."""
        service = TCP4ClientEndpoint(reactor, "127.0.0.1", self.broker.mqtt)
        site = SockJSMultiFactory()
        bridge = BridgeFactory(service, mode="binary")
        site.addFactory(bridge, "mqtt", {"subprotocols": ["mqtt"]})
        pages = await Pages.serve(self, site)
        credentials = {"username": "guest", "password": "guest"}
        result = await pages.run(
            "mqtt", f"{pages.socket}/mqtt/websocket", credentials=credentials
        )
        self.assertEqual(result, {"topic": "bytes", "intact": True})
