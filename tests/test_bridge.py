"""Tests of L{txsockjs.bridge}, over a whole server and a service in memory."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHalfCloseableProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs import SockJSFactory
from txsockjs.bridge import MAX_LINE, BridgeFactory, Told
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite
from txsockjs.testing.network import connect

HERE = IPv4Address("TCP", "192.0.2.1", 40000)
THERE = IPv4Address("TCP", "192.0.2.2", 6667)


@implementer(IHalfCloseableProtocol)
class Service(Protocol):
    """What a bridge connects to: it remembers what it sees."""

    transport: Any = None

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        self.lost: list[type[Exception]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Leads to a L{Service}, when the test says so."""

    def __init__(self, reactor: MemoryReactor) -> None:
        self.reactor = reactor
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        self.factory = factory
        self.attempt: Deferred[Any] = Deferred(self._cancel)
        return self.attempt

    def _cancel(self, attempt: Deferred[Any]) -> None:
        self.cancelled += 1
        attempt.errback(ConnectingCancelledError(THERE))

    def accept(self) -> Service:
        service = Service()
        client = self.factory.buildProtocol(THERE)
        connect(self.reactor, service, THERE, client, HERE, 65536, False)
        self.attempt.callback(client)
        self.reactor.settle()
        return service


class BridgeTestCase(SynchronousTestCase):
    """A bridge between sessions in memory and a service in memory."""

    def bridge(self, *args: Any, options: Any = None, **kw: Any) -> MemoryEndpoint:
        self.reactor = MemoryReactor()
        endpoint = MemoryEndpoint(self.reactor)
        factory = BridgeFactory(endpoint, *args, clock=self.reactor, **kw)
        self.factory = factory
        self.site = MemorySite(SockJSFactory(factory, options, clock=self.reactor))
        self.addCleanup(self.site.stop)
        self.timers = len(self.reactor.getDelayedCalls())
        self.endpoint = endpoint
        return endpoint

    def session(self, transport: str = "websocket") -> MemorySession:
        return MemoryClient(self.site).session(transport)

    def connected(self, *args: Any, **kw: Any) -> tuple[MemorySession, Service]:
        endpoint = self.bridge(*args, **kw)
        session = self.session()
        return session, endpoint.accept()

    def write(self, service: Service, data: bytes) -> None:
        service.transport.write(data)
        self.reactor.settle()

    def assertNothingLeft(self) -> None:
        self.assertEqual(self.factory.services, set())
        self.assertEqual(len(self.reactor.getDelayedCalls()), self.timers)

    def assertTold(self, session: MemorySession, told: Told) -> None:
        self.assertEqual(session.closed, (told.code, told.reason))


class TextTests(BridgeTestCase):
    """C{mode="text"}."""

    def test_bothWays(self) -> None:
        """What either side sends reaches the other one as UTF-8."""
        session, service = self.connected()
        session.send("Grüße", "☃")
        self.write(service, "naïve".encode())
        self.assertEqual(service.received.decode(), "Grüße☃")
        self.assertEqual(session.received, ["naïve"])

    def test_cutCharacter(self) -> None:
        """A character that arrives byte by byte is sent once, whole."""
        session, service = self.connected()
        for byte in "a😀b".encode():
            self.write(service, bytes([byte]))
        self.assertEqual(session.received, ["a", "😀", "b"])

    def test_notUTF8(self) -> None:
        """Bytes that are not UTF-8 are shown as U+FFFD, and nothing else is lost."""
        session, service = self.connected()
        self.write(service, b"caf\xe9 ol\xe9")
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual("".join(session.received), "caf\ufffd ol\ufffd")

    def test_loneSurrogate(self) -> None:
        """A lone surrogate, which has no UTF-8, reaches the service as U+FFFD."""
        session, service = self.connected()
        session.send("a\ud800b")
        self.assertEqual(service.received.decode(), "a\ufffdb")


class Base64Tests(BridgeTestCase):
    """C{mode="base64"}."""

    def test_anyByte(self) -> None:
        """All 256 bytes survive both ways."""
        session, service = self.connected("base64")
        data = bytes(range(256))
        session.send(base64.b64encode(data).decode())
        self.write(service, data)
        self.assertEqual(service.received, data)
        self.assertEqual(list(map(base64.b64decode, session.received)), [data])

    def test_notBase64(self) -> None:
        """A message that is no base64 closes the session, and says why."""
        session, service = self.connected("base64")
        session.send("YWJj", "a$b")
        self.assertTold(session, Told.BAD_MESSAGE)
        self.assertEqual(service.received, b"abc")
        self.assertTrue(service.ended)


class Latin1Tests(BridgeTestCase):
    """C{mode="latin1"}."""

    def test_anyByte(self) -> None:
        """All 256 bytes survive both ways, as the characters of the same number."""
        session, service = self.connected("latin1")
        data = bytes(range(256))
        session.send(data.decode("latin-1"))
        self.write(service, data)
        self.assertEqual(service.received, data)
        self.assertEqual(session.received, [data.decode("latin-1")])

    def test_notLatin1(self) -> None:
        """A character that is no byte closes the session, and says why."""
        session, service = self.connected("latin1")
        session.send("☃")
        self.assertTold(session, Told.BAD_MESSAGE)
        self.assertEqual(service.received, b"")


class LinesTests(BridgeTestCase):
    """C{framing="lines"}."""

    def test_fromService(self) -> None:
        """A message is a line, however it was cut, and whichever its end."""
        session, service = self.connected(framing="lines")
        for chunk in (b"one\r", b"\ntwo\nthr", b"ee\r\n", b"\r\nfo"):
            self.write(service, chunk)
        self.assertEqual(session.received, ["one", "two", "three", ""])

    def test_lastLine(self) -> None:
        """A last line that has no end is a message when the stream ends."""
        session, service = self.connected(framing="lines")
        service.transport.write(b"one\ntwo")
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(session.received, ["one", "two"])

    def test_toService(self) -> None:
        """A message becomes a line, whether or not it brings an end of its own."""
        session, service = self.connected(framing="lines")
        session.send("NICK me", "JOIN #here\r\n", "")
        self.assertEqual(service.received, b"NICK me\r\nJOIN #here\r\n\r\n")

    def test_oneLineAMessage(self) -> None:
        """A message cannot smuggle a second line in: it closes the session."""
        for separator in "\n", "\r", "\r\n":
            session, service = self.connected(framing="lines")
            session.send(f"PRIVMSG #here :hello{separator}QUIT")
            self.assertTold(session, Told.BAD_MESSAGE)
            self.assertEqual(service.received, b"")

    def test_base64(self) -> None:
        """Lines are told in the mode that was chosen, each for itself."""
        session, service = self.connected("base64", "lines")
        session.send("YQ==")
        self.write(service, b"b\r\nc\r\n")
        self.assertEqual(service.received, b"a\r\n")
        self.assertEqual(session.received, ["Yg==", "Yw=="])

    def test_longestLine(self) -> None:
        """A line as long as it may be is passed on; a longer one ends the bridge."""
        session, service = self.connected(framing="lines")
        self.write(service, b"x" * MAX_LINE + b"\n")
        self.assertEqual(list(map(len, session.received)), [MAX_LINE])
        self.write(service, b"short\n" + b"x" * (MAX_LINE + 1))
        self.assertEqual(session.received[1:], ["short"])
        self.assertTold(session, Told.LINE_TOO_LONG)


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
        """An attempt that is not done within C{connectTimeout} is given up."""
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
        self.assertTold(session, Told.ENDED)
        service.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(len(service.received), 200_000)

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


class SettingsTests(SynchronousTestCase):
    """What a bridge can be made of."""

    def test_badMode(self) -> None:
        """A wrong mode, framing or time is refused, and the right ones are named."""
        for settings, allowed in (
            ({"mode": "hex"}, "'text', 'base64', 'latin1'"),
            ({"framing": "crlf"}, "'raw', 'lines'"),
            ({"connectTimeout": 0}, "above 0"),
        ):
            problem = self.assertRaises(
                ValueError, BridgeFactory, object(), clock=object(), **settings
            )
            self.assertIn(allowed, str(problem))

    def parse(self, description: str) -> BridgeFactory:
        return BridgeFactory.fromString(MemoryReactorClock(), description)

    def test_fromString(self) -> None:
        """An endpoint string is a bridge in text, with colons escaped or not."""
        for text in r"tcp\:irc.example.net\:6667", "tcp:irc.example.net:6667":
            endpoint = self.parse(text).clientEndpoint
            self.assertIsInstance(endpoint, TCP4ClientEndpoint)
            self.assertEqual(endpoint._host, "irc.example.net")
            self.assertEqual(endpoint._port, 6667)

    def test_settingsFromString(self) -> None:
        """Mode, framing and time follow the endpoint, whose own arguments it keeps."""
        text = "tcp:host=::1:port=6379"
        bridge = self.parse(r"tcp:host=\:\:1:port=6379:mode=base64:connectTimeout=2.5")
        self.assertEqual(bridge.connectTimeout, 2.5)
        self.assertEqual(bridge.clientEndpoint._host, "::1", text)
        self.assertEqual(bridge.codec().toBrowser(b"a", True), "YQ==")
        lines = self.parse(r"unix\:/run/redis.sock:framing=lines")
        self.assertIsInstance(lines.clientEndpoint, UNIXClientEndpoint)
        self.assertEqual(lines.framing().frame(b"a"), b"a\r\n")

    def test_badString(self) -> None:
        """A string that describes no bridge is refused, and what is wrong is named."""
        for text, named in (
            ("", "''"),
            ("tcp", "'tcp'"),
            ("mode=base64", "''"),
            ("carrier-pigeon:home", "carrier-pigeon"),
            ("tcp:h:1:mode=hex", "'hex'"),
            ("tcp:h:1:mode=text:mode=text", "mode is given twice"),
            ("tcp:h:1:connectTimeout=soon", "'soon'"),
            ("tcp:h:1:connectTimeout=nan", "nan"),
        ):
            problem = self.assertRaises(ValueError, self.parse, text)
            self.assertIn(named, str(problem))
