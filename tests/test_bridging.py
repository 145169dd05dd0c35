"""Tests of `txsockjs.bridging`: how a bridge begins, ends, and keeps pace."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import fail
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
)
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.logger import eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from tests.support.bridging import HERE, THERE, BridgeTestCase, GivenEndpoint, Service
from txsockjs.bridge import Told
from txsockjs.testing import MemoryClient
from txsockjs.testing.network import connect


class ConnectingTests(BridgeTestCase):
    """Before the service is there, and where it never is."""

    def test_nothingLost(self) -> None:
        """What the browser sends before the service is there reaches it in order."""
        self.bridge()
        session = self.session()
        session.send("a", "b")
        session.send("c")
        service = self.endpoint.accept()
        self.assertEqual(service.received, b"abc")

    def assertFails(self, error: Exception, told: Told) -> None:
        self.bridge()
        session = self.session()
        self.endpoint.attempt.errback(error)
        self.reactor.settle()
        self.assertTold(session, told)
        self.assertNothingLeft()

    def test_refused(self) -> None:
        """A service that refuses the connection is told as that."""
        self.assertFails(ConnectionRefusedError(), Told.REFUSED)

    def test_unreachable(self) -> None:
        """A service that cannot be found or reached is told as that."""
        for error in DNSLookupError(), ConnectError():
            self.assertFails(error, Told.UNREACHABLE)

    def test_timedOutItself(self) -> None:
        """An endpoint that gives up before is told as timed out."""
        self.assertFails(ConnectTimeout(), Told.TIMED_OUT)

    def test_timeout(self) -> None:
        """An attempt that is not done within ``connectTimeout`` is given up."""
        self.bridge(connectTimeout=3)
        session = self.session()
        self.reactor.advance(2.9)
        self.assertIsNone(session.closed)
        self.reactor.advance(0.2)
        self.assertTold(session, Told.TIMED_OUT)
        self.assertEqual(self.endpoint.cancelled, 1)

    def test_failureOverPolling(self) -> None:
        """The close code reaches a browser that polls, too."""
        self.bridge()
        session = self.session("xhr")
        self.endpoint.attempt.errback(ConnectionRefusedError())
        self.reactor.settle()
        self.assertTold(session, Told.REFUSED)

    def test_browserLeaves(self) -> None:
        """A browser that leaves cancels the attempt that was made for it."""
        self.bridge()
        session = self.session()
        session.abort()
        self.reactor.settle()
        self.assertEqual(self.endpoint.cancelled, 1)
        self.assertNothingLeft()

    def test_cannotBeCancelled(self) -> None:
        """An endpoint that connects after its browser has left is told to go away."""
        self.bridge()
        self.endpoint._cancel = lambda attempt: None
        session = self.session()
        session.abort()
        self.reactor.settle()
        self.assertIsNone(self.endpoint.factory.buildProtocol(THERE))
        self.assertNothingLeft()

    def test_leavesMeanwhile(self) -> None:
        """A browser that leaves while its connection is made is the last to have it."""
        self.bridge()
        self.endpoint._cancel = lambda attempt: None
        session, service = self.session(), Service()
        client = self.endpoint.factory.buildProtocol(THERE)
        session.abort()
        self.reactor.settle()
        connect(self.reactor, service, THERE, client, HERE, 65536, False)
        self.reactor.settle()
        self.assertTrue(service.ended)
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertNothingLeft()


class FailureTests(BridgeTestCase):
    """What is logged of a service that cannot be connected to."""

    def logged(self, endpoint: Any) -> str:
        """The text of the one event of one session that cannot be connected."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.bridge()
        self.factory.clientEndpoint = endpoint
        session = self.session()
        self.reactor.advance(60)
        self.assertIsNotNone(session.closed)
        [event] = [event for event in events if "endpoint" in event]
        self.assertNotIn("log_failure", event)
        [line] = eventAsText(event, includeTraceback=True).splitlines()
        return line

    def test_problem(self) -> None:
        """A failure is one line, whatever its text."""
        failure = fail(ConnectError(string="first line\nsecond line"))
        line = self.logged(GivenEndpoint(failure))
        self.assertIn("first line second line; the session is closed with 4503", line)

    def test_raises(self) -> None:
        """An endpoint that raises is as one that fails."""
        line = self.logged(GivenEndpoint(ZeroDivisionError("broken")))
        self.assertIn("broken; the session is closed with 4503.", line)

    def test_quiet(self) -> None:
        """Nothing else is logged for a session, not by Twisted either."""
        self.bridge()
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.factory.clientEndpoint = TCP4ClientEndpoint(reactor, "192.0.2.1", 1)
        self.patch(reactor, "connectTCP", self.failTwisted)
        self.session()
        self.assertEqual(len(events), 1, events)

    def failTwisted(self, host: str, port: int, factory: Any, **kw: Any) -> None:
        """As Twisted does where nobody listens."""
        factory.doStart()
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        factory.doStop()


class EndingTests(BridgeTestCase):
    """How one side learns that the other one has ended."""

    def test_serviceEnds(self) -> None:
        """The browser gets all that the service sent, and then a normal close."""
        session, service = self.connected()
        service.transport.write(b"x" * 300_000)
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(sum(map(len, session.received)), 300_000)
        self.assertTold(session, Told.ENDED)
        self.assertEqual(service.lost, [ConnectionDone])

    def test_serviceHalfCloses(self) -> None:
        """A service that ends its stream still gets what the browser sent before."""
        session, service = self.connected()
        service.transport.pauseProducing()
        session.send("x" * 200_000)
        service.transport.loseWriteConnection()
        self.reactor.settle()
        service.transport.resumeProducing()
        self.reactor.advance(1)
        self.assertEqual(len(service.received), 200_000)
        self.assertTold(session, Told.ENDED)

    def test_nothingHeldIsLost(self) -> None:
        """
        What the session holds for a service that is slow reaches it when it has ended
        its own stream, over each transport, and then its end.
        """
        for transport in "websocket", "xhr":
            self.bridge()
            session = self.session(transport)
            service = self.endpoint.accept()
            service.transport.pauseProducing()
            for number in range(10):
                session.send(str(number) * 100_000)
            service.transport.loseWriteConnection()
            self.reactor.advance(29)
            self.assertIsNone(session.closed)
            service.transport.resumeProducing()
            self.reactor.advance(1)
            self.assertTold(session, Told.ENDED)
            sent = b"".join(b"%d" % number * 100_000 for number in range(10))
            self.assertEqual(service.received, sent)
            self.assertTrue(service.ended)
            self.assertEqual(self.factory.services, set())

    def test_trickle(self) -> None:
        """While more comes for a service that was slow, the session stays open."""
        session, service = self.connected()
        service.transport.pauseProducing()
        session.send("x" * 200_000)
        service.transport.loseWriteConnection()
        service.transport.resumeProducing()
        for _ in range(10):
            self.reactor.advance(0.08)
            session.send("y")
        self.assertEqual(service.received[200_000:], b"y" * 10)
        self.reactor.advance(0.2)
        self.assertTold(session, Told.ENDED)

    def test_slowly(self) -> None:
        """A service that takes some of it now and then is not given up."""
        session, service = self.connected()
        service.transport.pauseProducing()
        for _ in range(40):
            session.send("x" * 50_000)
        service.transport.loseWriteConnection()
        for _ in range(4):
            self.reactor.advance(20)
            service.transport.resumeProducing()
            for _ in range(8):
                self.reactor.turn()
            service.transport.pauseProducing()
        self.assertIsNone(session.closed)
        service.transport.resumeProducing()
        self.reactor.advance(1)
        self.assertEqual(len(service.received), 2_000_000)

    def test_stopsTaking(self) -> None:
        """A service that has ended its stream, and takes nothing, is dropped."""
        session, service = self.connected()
        service.transport.pauseProducing()
        session.send("x" * 1_000_000)
        service.transport.loseWriteConnection()
        self.reactor.advance(31)
        self.assertTold(session, Told.ENDED)
        self.assertNothingLeft()

    def test_serviceReset(self) -> None:
        """A connection that breaks is told as lost, after what came over it."""
        session, service = self.connected()
        self.write(service, b"last words")
        service.transport.abortConnection()
        self.reactor.settle()
        self.assertEqual(session.received, ["last words"])
        self.assertTold(session, Told.LOST)

    def test_browserLeaves(self) -> None:
        """
        The service gets all that the browser sent and then the end of the stream,
        while it is still sending; then the connection goes when it ends its own.
        """
        session, service = self.connected()
        session.send("QUIT")
        service.transport.write(b"x" * 200_000)
        session.abort()
        self.reactor.settle()
        self.assertEqual(service.received, b"QUIT")
        self.assertTrue(service.ended)
        self.assertEqual(service.lost, [])
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertNothingLeft()

    def test_serviceStays(self) -> None:
        """A service that does not end its stream in half a minute is dropped."""
        session, service = self.connected()
        session.abort()
        self.reactor.advance(29)
        self.assertEqual(len(self.factory.services), 1)
        self.reactor.advance(2)
        self.assertNothingLeft()
        self.write(service, b"anybody?")
        self.assertEqual(service.lost, [ConnectionLost])

    def test_stop(self) -> None:
        """Stopping the service of sessions leaves no connection and no timer."""
        _, service = self.connected()
        self.site.stop()
        self.reactor.settle()
        self.assertTrue(service.ended)
        self.assertEqual(self.factory.services, set())
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class LingeringTests(BridgeTestCase):
    """How many connections outlive their sessions."""

    def churn(self, count: int) -> list[Service]:
        """Open and close sessions, one after the other, to a service that stays."""
        services = []
        for _ in range(count):
            session = self.session()
            services.append(self.endpoint.accept())
            session.send("QUIT")
            session.abort()
            self.reactor.settle()
        return services

    def test_bound(self) -> None:
        """Where there are too many, the oldest are dropped, and the others linger."""
        self.bridge(maxLingering=3)
        services = self.churn(10)
        self.assertEqual(len(self.factory.services), 3)
        closed = [service.transport.socket.peer.closed for service in services]
        self.assertEqual(closed, [True] * 7 + [False] * 3)
        self.assertEqual({bytes(service.received) for service in services}, {b"QUIT"})
        self.reactor.advance(31)
        self.assertNothingLeft()

    def test_allAtOnce(self) -> None:
        """As many as were open at once may linger at once, as when all are closed."""
        self.bridge(maxLingering=0)
        sessions, services = [], []
        for _ in range(5):
            sessions.append(self.session())
            services.append(self.endpoint.accept())
            services[-1].transport.pauseProducing()
            sessions[-1].send("QUIT")
        for session in sessions:
            session.abort()
        self.reactor.settle()
        self.assertEqual(len(self.factory.services), 5)
        self.churn(5)
        self.assertEqual(len(self.factory.services), 5)

    def test_besidesOthers(self) -> None:
        """Those that linger do not count among those that were open at once."""
        self.bridge(maxLingering=0)
        self.churn(1)
        sessions = []
        for _ in range(2):
            sessions.append(self.session())
            self.endpoint.accept()
        self.assertEqual(len(self.factory.services), 3)
        for session in sessions:
            session.abort()
        self.reactor.settle()
        self.assertEqual(len(self.factory.services), 2)

    def test_maxSessions(self) -> None:
        """No order of opening and closing holds more than twice ``max_sessions``."""
        self.bridge(maxLingering=0, options={"max_sessions": 3})
        most = 0
        for leave in [3, 1, 2, 3, 1, 1, 3, 2, 3]:
            sessions = []
            for _ in range(leave):
                sessions.append(self.session())
                self.endpoint.accept()
                most = max(most, len(self.factory.services))
            for session in sessions:
                session.abort()
            self.reactor.settle()
            self.assertLessEqual(len(self.factory.services), 3)
        self.assertEqual(most, 6)

    def test_inOneTurn(self) -> None:
        """However many begin to linger in one turn, the oldest are dropped for them."""
        self.bridge(maxLingering=0)
        for _ in range(2):
            for _ in range(3):
                self.session()
                self.endpoint.accept()
            for side in list(self.factory.services):
                side.finish()
        self.reactor.settle()
        self.assertEqual(len(self.factory.services), 3)

    def test_nothingIsKept(self) -> None:
        """What a service says when its browser is gone is taken, and not held."""
        session, service = self.connected(framing="lines")
        [side] = self.factory.services
        session.abort()
        self.write(service, b"x" * 3_000_000)
        self.assertEqual(service.transport.dataBuffer, b"")
        self.assertEqual(side._browser._framing.end(), b"")


class PaceTests(BridgeTestCase):
    """Neither side is read faster than the other takes it."""

    def test_slowBrowser(self) -> None:
        """A browser that stops reading stops the service, and loses nothing."""
        self.bridge()
        socket = MemoryClient(self.site).websocket("/websocket")
        service = self.endpoint.accept()
        socket.transport.pauseProducing()
        written = 0
        while not service.transport.dataBuffer and written < 5_000_000:
            self.write(service, b"x" * 50_000)
            written += 50_000
        self.assertLess(written, 1_000_000)
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(sum(map(len, socket.messages)), written)

    def test_betweenPolls(self) -> None:
        """A browser that polls holds the service back until it comes again."""
        self.bridge()
        client = MemoryClient(self.site)
        client.request("POST", "/0/s/xhr")
        service = self.endpoint.accept()
        written = 0
        while not service.transport.dataBuffer and written < 5_000_000:
            self.write(service, b"x" * 50_000)
            written += 50_000
        self.assertLess(written, 1_000_000)
        taken = 0
        while taken < written:
            body = client.request("POST", "/0/s/xhr").body
            self.assertTrue(body.startswith(b"a["))
            taken += body.count(b"x")
        self.assertEqual(taken, written)

    def test_slowForPolling(self) -> None:
        """A send to a service that is slow is answered when it has taken it."""
        self.bridge()
        client = MemoryClient(self.site)
        client.request("POST", "/0/s/xhr")
        service = self.endpoint.accept()
        service.transport.pauseProducing()
        body = b'["%b"]' % (b"x" * 100_000)
        sent = [client.request("POST", "/0/s/xhr_send", body=body) for _ in range(5)]
        self.assertEqual(sent[-1].status, 0)
        service.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual([each.status for each in sent], [204] * 5)
        self.assertEqual(service.received, b"x" * 500_000)

    def test_manyLines(self) -> None:
        """
        A service of very short lines is paused between two of them, and its session
        never holds more than ``max_buffer``, whatever that is.
        """
        for allowed, count in (
            (4 * 1024 * 1024, 300_000),
            (2_000, 10_000),
            (70_000, 10_000),
        ):
            self.bridge(framing="lines", options={"max_buffer": allowed})
            socket = MemoryClient(self.site).websocket("/websocket")
            service = self.endpoint.accept()
            socket.transport.pauseProducing()
            service.transport.write(b"y\n" * count)
            self.reactor.settle()
            socket.transport.resumeProducing()
            self.reactor.settle()
            self.assertEqual(socket.messages, ["y"] * count)

    def test_obeys(self) -> None:
        """No line is sent while the session has enough, and its end neither."""
        session, _ = self.connected(framing="lines")
        [side] = self.factory.services
        side.pauseProducing()
        side.dataReceived(b"a\nb\nc")
        side.connectionLost(Failure(ConnectionDone()))
        self.reactor.settle()
        self.assertEqual(session.received, [])
        side.resumeProducing()
        self.reactor.settle()
        self.assertEqual(session.received, ["a", "b", "c"])
        self.assertTold(session, Told.ENDED)

    def test_slowService(self) -> None:
        """A service that stops reading holds the browser's messages back."""
        session, service = self.connected()
        service.transport.pauseProducing()
        for _ in range(20):
            session.send("x" * 100_000)
        [side] = self.factory.services
        waiting = len(side.transport.dataBuffer) + side.transport._tempDataLen
        self.assertLess(waiting, 500_000)
        service.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(len(service.received), 2_000_000)

    def test_browserLeavesSlowService(self) -> None:
        """What a slow service has not read yet still reaches it after the end."""
        session, service = self.connected()
        service.transport.pauseProducing()
        session.send("x" * 200_000)
        session.abort()
        self.reactor.settle()
        service.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(len(service.received), 200_000)
        self.assertTrue(service.ended)
