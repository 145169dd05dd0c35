"""Tests for `txsockjs.testing.client`: sessions and WebSockets."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import SessionClosed
from txsockjs.testing import MemoryClient, MemorySite

TRANSPORTS = ("websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp")


class Wrapped(Protocol):
    """
    A protocol to wrap: it echoes, and closes at ``bye``.
    """

    transport: Any
    made: list[Wrapped]

    def connectionMade(self) -> None:
        self.made.append(self)
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        if data == b"bye":
            self.transport.loseConnection(4000, "bye")
        elif data == b"\xff":
            self.transport.sendBinary(data)
        else:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


class SessionTests(SynchronousTestCase):
    """
    `MemoryClient.session` and `MemoryClient.websocket`.
    """

    def setUp(self) -> None:
        factory: Any = Factory.forProtocol(Wrapped)
        self.made = Wrapped.made = []
        self.site = MemorySite.serving(factory, {"heartbeat": 1})
        self.client = MemoryClient(self.site)
        self.addCleanup(self.site.stop)

    def test_everyTransport(self) -> None:
        """
        A session takes messages both ways over each transport, whatever is in them,
        and comes again as long as it is open.
        """
        texts = [
            "plain",
            "",
            "100%25",
            "</script>",
            '"\\\n\u2028',
            "\U0001f600",
            "\ud800",
        ]
        for name in TRANSPORTS:
            session = self.client.session(name)
            self.assertTrue(session.opened, name)
            session.send(*texts)
            self.site.advance(10)
            session.send("later")
            want = ["\ufffd" if text == "\ud800" else text for text in texts]
            self.assertEqual([*want, "later"], session.received, name)
            self.assertIsNone(session.closed)

    def test_closed(self) -> None:
        """
        A session knows code and reason of its end.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.send("bye")
            self.assertEqual((4000, "bye"), session.closed, name)

    def test_abortClosed(self) -> None:
        """
        A session that is closed has no connection to lose: another may be on it.
        """
        closed = self.client.session("xhr")
        self.made[0].transport.loseConnection()
        self.site.settle()
        self.assertEqual(closed.closed, (3000, "Go away!"))
        other = self.client.session("xhr")
        closed.abort()
        self.made[1].transport.write(b"still here")
        self.site.settle()
        self.assertEqual(other.received, ["still here"])

    def test_abort(self) -> None:
        """
        A session can lose its network.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.abort()
            self.assertEqual((1006, ""), session.closed, name)
            self.assertEqual(1, len(self.made[-1].lost), name)

    def test_pauseReading(self) -> None:
        """
        A session that does not read gets nothing, and then everything in order.
        """
        for name in TRANSPORTS:
            session = self.client.session(name)
            session.pauseReading()
            session.send("a", "b")
            self.made[-1].transport.write(b"c")
            self.site.settle()
            self.assertEqual([], session.received, name)
            session.resumeReading()
            self.assertEqual(["a", "b", "c"], session.received, name)

    def test_apart(self) -> None:
        """
        Each session is one of its own.
        """
        one, two = self.client.session("xhr"), self.client.session("xhr")
        one.send("x")
        self.assertEqual((["x"], []), (one.received, two.received))

    def test_refused(self) -> None:
        """
        A session that the server does not take is closed.
        """
        for name in TRANSPORTS:
            session = self.client.session(name, "/nowhere")
            self.assertEqual((1006, ""), session.closed, name)
            self.assertFalse(session.opened)

    def test_refusedSend(self) -> None:
        """
        A message that the server does not take is an error.
        """
        session = self.client.session("xhr")
        session.abort()
        self.assertRaises(RuntimeError, session.send, "x")

    def test_rawWebSocket(self) -> None:
        """
        A WebSocket takes text and bytes, and ends with code and reason.
        """
        socket = self.client.websocket("/websocket")
        socket.send("caf\xe9")
        socket.send(b"\xff")
        self.assertEqual(["caf\xe9", b"\xff"], socket.messages)
        socket.send("bye")
        self.assertEqual((4000, "bye"), socket.ended)

    def test_closeWebSocket(self) -> None:
        """
        A client can close in good order.
        """
        socket = self.client.websocket("/websocket")
        socket.close(4001, "enough")
        self.assertEqual((4001, "enough"), socket.ended)
        [reason] = self.made[-1].lost
        reason.trap(SessionClosed)
        self.assertEqual((4001, "enough"), (reason.value.code, reason.value.reason))

    def test_refusedWebSocket(self) -> None:
        """
        A handshake that fails is an end too.
        """
        socket = self.client.websocket("/nowhere")
        assert socket.ended is not None
        self.assertEqual(1006, socket.ended[0])
        self.assertIn("404", socket.ended[1])

    def test_headers(self) -> None:
        """
        A handshake carries the headers that it is given.
        """
        self.client.websocket("/websocket", {"X-One": "1"})
        headers = self.made[-1].transport.request.headers
        self.assertEqual(("1",), headers["x-one"])

    def test_secure(self) -> None:
        """
        A client may come over TLS, as far as the server sees.
        """
        certificate = object()
        client = MemoryClient(self.site, secure=True, certificate=certificate)
        for name in ("xhr", "websocket"):
            client.session(name)
            transport = self.made[-1].transport
            self.assertTrue(transport.request.secure)
            self.assertIs(certificate, transport.getPeerCertificate())
