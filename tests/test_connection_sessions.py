"""Tests of `txsockjs.connection`: sessions that an application carries itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.connection import (
    CLOSED,
    CONNECTING,
    OPEN,
    BaseSession,
    ConnectionFactory,
    SockJSConnection,
)
from txsockjs.testing import MemoryClient, MemorySite


class Channel(BaseSession):
    """It keeps what it sends."""

    def __init__(self, *args: Any) -> None:
        self.sent: list[object] = []
        super().__init__(*args)

    def send_message(
        self, msg: str | bytes, stats: bool = True, binary: bool = False
    ) -> None:
        self.sent.append(msg)
        if stats:
            self.stats.on_pack_sent(1)


class Carrier:
    """What carries it."""

    name = "pigeon"
    closed = 0

    def get_conn_info(self) -> str:
        return "the request"

    def session_closed(self) -> None:
        self.closed += 1


class Logging(SockJSConnection):
    """It keeps what it hears."""

    def __init__(self, session: BaseSession) -> None:
        super().__init__(session)
        self.heard: list[object] = []

    def on_open(self, request: object) -> None:
        self.heard.append(request)

    def on_message(self, message: str) -> None:
        self.heard.append(message)

    def on_close(self) -> None:
        self.heard.append("closed")


class BaseSessionTests(SynchronousTestCase):
    """A session from its beginning to its end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.factory = ConnectionFactory(Logging, self.clock)
        self.session = Channel(Logging, self.factory)
        self.carrier = Carrier()

    @property
    def connection(self) -> Any:
        return self.session.conn

    def test_life(self) -> None:
        """It is made, carried, opened once, and closed once."""
        connection, session = self.connection, self.session
        self.assertEqual(session.state, CONNECTING)
        self.assertTrue(session.set_handler(self.carrier))
        session.verify_state()
        session.verify_state()
        self.assertEqual(session.state, OPEN)
        self.assertFalse(connection.is_closed)
        self.assertEqual(self.factory.stats.dump()["transp_pigeon"], 1)
        connection.close(4000, "enough")
        session.close()
        self.assertEqual(session.state, CLOSED)
        self.assertTrue(connection.is_closed)
        self.assertEqual(connection.heard, ["the request", "closed"])
        self.assertEqual(session.get_close_reason(), (4000, "enough"))
        self.assertEqual(self.carrier.closed, 1)
        stats = self.factory.stats.dump()
        self.assertEqual((stats["transp_pigeon"], stats["sessions_active"]), (0, 0))

    def test_counted(self) -> None:
        """A message is counted once for each that it goes to."""
        connection = self.connection
        connection.send("a")
        connection.broadcast([connection, connection], "b")
        self.clock.advance(1)
        self.assertEqual(self.factory.stats.dump()["packets_sent_ps"], 3.0)

    def test_sends(self) -> None:
        """A connection sends by it, until it is closed."""
        connection = self.connection
        self.session.set_handler(self.carrier)
        self.session.verify_state()
        connection.send("a")
        connection.broadcast([connection, connection], "b")
        connection.close()
        connection.send("c")
        self.session.broadcast([connection], "d")
        self.assertEqual(self.session.sent, ["a", "b", "b"])

    def test_carriers(self) -> None:
        """One carries it at a time; a mistake is told, with what it was about."""
        session = self.session
        session.set_handler(self.carrier)
        error = self.assertRaises(RuntimeError, session.set_handler, Carrier())
        self.assertIn("Carrier", str(error))
        self.assertRaises(RuntimeError, session.remove_handler, Carrier())
        session.remove_handler(self.carrier)
        session.set_handler(Carrier())
        self.assertEqual(self.factory.stats.sess_active, 1)

    def test_alone(self) -> None:
        """One that is no channel of anything says so when it is to send."""
        session = BaseSession(Logging, self.factory)
        error = self.assertRaises(NotImplementedError, session.send_message, "a")
        self.assertIn("BaseSession has no send_message", str(error))

    def test_onCloseRaises(self) -> None:
        """What ``on_close`` raises is logged, and it is closed all the same."""

        class Raising(Logging):
            def on_close(self) -> None:
                raise ValueError("left")

        session = Channel(Raising, self.factory)
        session.set_handler(self.carrier)
        session.verify_state()
        session.close()
        self.assertEqual(session.state, CLOSED)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_mixed(self) -> None:
        """A broadcast reaches channels and sessions of SockJS alike."""
        present: list[SockJSConnection] = [self.connection]

        class Present(Logging):
            def on_open(self, request: object) -> None:
                present.append(self)

            def on_message(self, message: str) -> None:
                self.broadcast(present, message)

        site = MemorySite.serving(ConnectionFactory(Present))
        self.addCleanup(site.stop)
        session = MemoryClient(site).session()
        session.send("hello")
        self.assertEqual(session.received, ["hello"])
        self.assertEqual(self.session.sent, ["hello"])
