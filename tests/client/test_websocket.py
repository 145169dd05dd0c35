"""The carriers over WebSocket, against our own service, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone

from tests.support.carriers import (
    CLIENT,
    SERVER,
    URL,
    Carried,
    CarrierTestCase,
    MemoryWeb,
)
from tests.support.serving import Echo, RecordingFactory
from txsockjs import SessionClosed
from txsockjs.client.websocket import RawWebSocket, WebSocket
from txsockjs.factory import SockJSFactory

RAW = "http://sockjs.example/websocket"


class ServiceTests(CarrierTestCase):
    """
    A service whose sessions send back what comes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.sessions = RecordingFactory(Echo)
        options = {"compression": True, "encoding": "utf-8"}
        self.site = SockJSFactory(self.sessions, options, clock=self.reactor)
        self.site.doStart()
        self.web = MemoryWeb(self.site, self.reactor)

    def tearDown(self) -> None:
        self.site.doStop()
        self.reactor.settle()
        super().tearDown()

    def carry(self, kind: Any = WebSocket, url: str = URL, **settings: Any) -> Any:
        return super().carry(kind, RAW if kind is RawWebSocket else url, **settings)

    def heard(self) -> list[bytes]:
        """
        What the application at the server has heard.
        """
        [session] = self.sessions.sessions
        heard: list[bytes] = session.received
        return heard

    def test_open(self) -> None:
        """
        The session is told of the connection, then of the server's frame; the
        addresses of both ends are known.
        """
        carrier = self.carry()
        self.assertEqual(self.session.told, [("connected", None), ("frame", "o")])
        self.assertEqual((carrier.peer, carrier.host), (SERVER, CLIENT))
        self.assertIsNone(carrier.certificate)
        self.assertIsNone(carrier.subprotocol)
        self.assertEqual(self.web.asked, ["http://sockjs.example/0/s/websocket"])
        carrier.abort()
        self.reactor.settle()

    def test_messages(self) -> None:
        """
        Messages of any size and alphabet come through in order, with compression and
        without.
        """
        texts = ["a", "", 'é\u2028"\\', "😀", "x" * 5000, "y" * 200_000, "z"]
        for compression in False, True:
            self.sessions.sessions.clear()
            self.session = Carried()
            carrier = self.carry(compression=compression)
            for text in texts:
                carrier.send(text)
            self.reactor.settle()
            self.assertEqual(self.heard(), [text.encode() for text in texts])
            self.assertEqual(carrier.pending, 0)
            carrier.close(1000, "")
            self.reactor.settle()

    def test_surrogate(self) -> None:
        """
        A lone surrogate, which UTF-8 does not have, goes as JSON's escape.
        """
        carrier = self.carry()
        carrier.send("a\ud800")
        self.reactor.settle()
        self.assertEqual(self.heard(), ["a\ufffd".encode()])
        carrier.abort()
        self.reactor.settle()

    def test_raw(self) -> None:
        """
        On a raw WebSocket text and bytes go as they are.
        """
        carrier = self.carry(RawWebSocket)
        self.assertEqual(self.session.words, ["connected"])
        for message in "é", b"\xff", "a\ud800", "":
            carrier.send(message)
        self.reactor.settle()
        self.assertEqual(self.heard()[:3], ["é".encode(), b"\xff", "a\ufffd".encode()])
        carrier.abort()
        self.reactor.settle()

    def test_close(self) -> None:
        """
        The server is told code and reason, and the session that all went well.
        """
        for kind in WebSocket, RawWebSocket:
            self.sessions.sessions.clear()
            self.session = Carried()
            carrier = self.carry(kind)
            carrier.send("last")
            carrier.close(4000, "é" * 100)
            self.reactor.settle()
            self.assertEqual(self.heard(), [b"last"])
            [session] = self.sessions.sessions
            [lost] = session.lost
            lost.trap(SessionClosed)
            self.assertEqual((lost.value.code, lost.value.reason), (4000, "é" * 61))
            self.assertIsInstance(self.session.reason, ConnectionDone)

    def test_abort(self) -> None:
        """
        At once, and not before the call returns, the session is told.
        """
        carrier = self.carry()
        carrier.abort()
        self.assertNotIn("lost", self.session.words)
        self.reactor.settle()
        self.assertIsInstance(self.session.reason, ConnectionAborted)

    def test_closed(self) -> None:
        """
        On a raw WebSocket the session is told with what code the server has closed.
        """
        self.carry(RawWebSocket)
        self.sessions.sessions[0].transport.loseConnection(4001, "enough")
        self.reactor.settle()
        reason = self.session.reason
        self.assertIsInstance(reason, SessionClosed)
        self.assertEqual((reason.code, reason.reason), (4001, "enough"))
