"""What ``docs/bridge.rst`` shows works, and what it lists is all that there is."""

from __future__ import annotations

from twisted.internet import endpoints, reactor
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support.documents import ROOT, literals, rows
from tests.support.examples import ExampleTestCase, opened
from txsockjs.bridge import BridgeFactory, Told

DOCUMENT = "docs/bridge.rst"


class TableTests(SynchronousTestCase):
    """
    The tables of what there is.
    """

    def test_told(self) -> None:
        """
        Each way in which a bridge ends is listed with its code.
        """
        listed = [(row[0].astext(), row[1].astext()) for row in rows(DOCUMENT, "Told")]
        self.assertEqual(listed, [(told.name, str(told.code)) for told in Told])

    def test_settings(self) -> None:
        """
        Each mode and each framing is listed, and no other.
        """
        for heading, setting in ("Mode", "mode"), ("Framing", "framing"):
            names = [literals(row[0])[0].strip('"') for row in rows(DOCUMENT, heading)]
            for name in names:
                BridgeFactory(object(), clock=reactor, **{setting: name})
            problem = self.assertRaises(
                ValueError, BridgeFactory, object(), clock=reactor, **{setting: "?"}
            )
            self.assertIn(", ".join(map(repr, names)), str(problem))

    def test_defaults(self) -> None:
        """
        The numbers that hold where none is given are those of the document.
        """
        bridge = BridgeFactory(object(), clock=reactor)
        text = " ".join((ROOT / DOCUMENT).read_text("utf-8").split())
        self.assertIn(
            f"within ``connectTimeout`` seconds ({bridge.connectTimeout:g})", text
        )
        self.assertIn(
            f"``maxLingering`` says how many of them ({bridge.maxLingering})", text
        )


class ExampleTests(ExampleTestCase):
    """
    The blocks of Python. The whole program has a test with the other examples.
    """

    document = DOCUMENT

    async def test_irc(self) -> None:
        """
        The page and the service talk in lines.
        """
        self._listen(6667, Factory.forProtocol(Echo))
        here = endpoints.TCP4ClientEndpoint(
            reactor, "127.0.0.1", self._ports[6667].getHost().port
        )
        self.patch(endpoints, "HostnameEndpoint", lambda *args: here)
        self.run_("irc")
        session = await opened(self.url(8080))
        self.assertEqual(await session.ask("NICK me"), 'a["NICK me"]')

    def test_strings(self) -> None:
        """
        Each of the strings is a bridge.
        """
        self.run_("irc", "strings")

    async def test_mqtt(self) -> None:
        """
        A raw WebSocket that asks for MQTT is the stream to the broker.
        """
        self._listen(1883, Factory.forProtocol(Echo))
        here = endpoints.TCP4ClientEndpoint(
            reactor, "127.0.0.1", self._ports[1883].getHost().port
        )
        self.patch(endpoints, "HostnameEndpoint", lambda *args: here)
        self.run_("irc", "mqtt")
        url = self.url(8081, "mqtt/websocket").replace("http:", "ws:")

        def talk() -> tuple[object, object]:
            with connect(url, subprotocols=[Subprotocol("mqtt")]) as socket:
                socket.send(b"\xff\0")
                return socket.subprotocol, socket.recv()

        self.assertEqual(await deferToThread(talk), ("mqtt", b"\xff\0"))
