"""Tests for peers that take nothing more, without a word, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost

from tests.support.serving import ServiceCase
from txsockjs.testing import MemoryConnection
from txsockjs.utils import broadcast

STREAMING = ("websocket", "xhr_streaming", "eventsource", "htmlfile")

RESTARTED = (1012, "Service Restart")


class FrozenCase(ServiceCase):
    def freeze(self, transport: str, **options: object) -> Any:
        """
        Open a session whose client reads nothing more.

        :return: the application's protocol.
        """
        self.serve(heartbeat=5, **options)
        session = self.client.session(transport)
        connection = session._socket or session._response.connection
        connection.transport.pauseProducing()
        return self.sessions[0]

    def assertLost(self, protocol: Any, *kinds: type[Exception]) -> None:
        """
        The application was told of the end so often, for such reasons.
        """
        self.assertEqual([each.type for each in protocol.lost], [*kinds])


class HeartbeatTests(FrozenCase):
    """
    Bytes that nobody takes for a whole heartbeat's interval.
    """

    def test_few(self) -> None:
        """
        Waiting bytes show a frozen peer, be they too few to stop the application.
        """
        for transport in STREAMING:
            protocol = self.freeze(transport)
            protocol.transport.write(b"x" * 100_000)
            self.site.advance(9)
            self.assertLost(protocol)
            self.site.advance(6)
            self.assertLost(protocol, ConnectionLost)

    def test_many(self) -> None:
        """
        So do more than the connection holds.
        """
        for transport in STREAMING:
            protocol = self.freeze(transport, streaming_limit=10**7)
            for _ in range(20):
                protocol.transport.write(b"x" * 50_000)
                self.site.settle()
            self.site.advance(15)
            self.assertLost(protocol, ConnectionLost)

    def test_noHeartbeats(self) -> None:
        """
        No heartbeat is put behind bytes that wait.
        """
        protocol = self.freeze("websocket")
        protocol.transport.write(b"x" * 100_000)
        self.site.settle()
        (server,) = self.site.reactor.getWriters()
        before = len(server.dataBuffer) + server._tempDataLen
        self.site.advance(7)
        self.assertEqual(len(server.dataBuffer) + server._tempDataLen, before)

    def test_slow(self) -> None:
        """
        A peer that takes a little in each interval is left alone, and all arrives.
        """
        for transport in ("websocket", "xhr_streaming"):
            protocol = self.freeze(transport, streaming_limit=10**7)
            protocol.transport.write(b"x" * 300_000)
            client: Any = self.site._transports[1]
            for _ in range(8):
                client.doRead()
                self.site.advance(4)
            client.resumeProducing()
            self.site.settle()
            self.assertLost(protocol)


class PollingTests(FrozenCase):
    """
    A response that nobody takes.
    """

    def poll(self) -> MemoryConnection:
        """
        Have a client come for a long message that it does not read.
        """
        protocol = self.open()
        protocol.transport.write(b"x" * 1_000_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        connection.begin("POST", "/000/s1/xhr")
        self.site.settle()
        return connection

    def test_connectionLost(self) -> None:
        """
        What was left unsent when its connection was lost never comes: no proxy is
        waited for, and the disconnect delay counts from the next look.
        """
        self.serve(heartbeat=None)
        self.poll().transport.abortConnection()
        self.site.advance(4.9)
        self.assertLost(self.sessions[0])
        self.site.advance(5.2)
        self.assertLost(self.sessions[0], ConnectionLost)

    def test_frozen(self) -> None:
        """
        A response that does not move for five disconnect delays never will.
        """
        self.serve()
        self.poll()
        self.site.advance(24)
        self.assertLost(self.sessions[0])
        self.site.advance(6)
        self.assertLost(self.sessions[0], ConnectionLost)


class Careless:
    """
    A push producer that raises when it is told to stop for a while.
    """

    def pauseProducing(self) -> None:
        raise ZeroDivisionError

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


class RogueProducerTests(FrozenCase):
    """
    An application's producer that raises.
    """

    def test_broadcast(self) -> None:
        """
        It costs its own session, and neither who sends nor who else is sent to.
        """
        rogue = self.freeze("websocket")
        good = self.client.session("websocket")
        rogue.transport.registerProducer(Careless(), True)
        for _ in range(5):
            broadcast(b"x" * 60_000, [each.transport for each in self.sessions])
            self.site.settle()
        self.assertEqual(len(good.received), 5)
        self.assertLost(rogue, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_shutdown(self) -> None:
        """
        Those who never give up being the producer, and raise when they are stopped, do
        not hold up a service that stops, nor the close frames of others.
        """
        for streaming in (True, False):
            self.serve()
            clients = [self.client.session(name) for name in (*STREAMING, "websocket")]
            for rogue in self.sessions[:-1]:
                producer = Careless()
                producer.stopProducing = lambda: 1 / 0  # type: ignore[method-assign]
                rogue.transport.registerProducer(producer, streaming)
                if not streaming:
                    # What a pull producer has to give goes out first.
                    rogue.transport.loseConnection()
            self.site.settle()
            self.assertEqual([each.closed for each in clients], [None] * 5)
            stopped = self.site.site.closeSessions()
            self.site.settle()
            self.assertEqual({each.closed for each in clients}, {RESTARTED})
            self.site.advance(0.1)
            self.successResultOf(stopped)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)
