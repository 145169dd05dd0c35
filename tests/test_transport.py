"""Tests for `txsockjs.transport`: what a wrapped protocol sees."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.interfaces import ISockJSMessageReceiver, ISockJSTransport
from txsockjs.options import SockJSOptions
from txsockjs.request import OpeningRequest
from txsockjs.testing import MemoryReceiver
from txsockjs.transport import Login, SessionTransport

GO_AWAY = b'c[3000,"Go away!"]'
FAULT = b'c[1011,"Internal error"]'


class Recorder(Protocol):
    """
    A protocol that keeps what it is told, and does what a test wants at each hook.

    :ivar calls: the names of what was called, in order.
    """

    transport: Any

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.data: list[bytes] = []
        self.reasons: list[Failure] = []
        self.hooks: dict[str, Callable[[], object]] = {}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.hooks.get(name, lambda: None)()

    def connectionMade(self) -> None:
        self._called("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        self.data.append(data)
        self._called("dataReceived")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason)
        self._called("connectionLost")


@implementer(ISockJSMessageReceiver)
class TextRecorder(Recorder):
    """
    A protocol that takes text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def messageReceived(self, message: str) -> None:
        self.texts.append(message)
        self._called("messageReceived")


def opening(**kw: Any) -> OpeningRequest:
    """
    The request that opened a session.
    """
    return OpeningRequest(
        **{
            "transport": "xhr_streaming",
            "secure": False,
            "peer": IPv4Address("TCP", "192.0.2.7", 50000),
            "host": IPv4Address("TCP", "192.0.2.1", 80),
            "path": "/echo/000/-/xhr_streaming",
            **kw,
        }
    )


class TransportTestCase(SynchronousTestCase):
    """
    One session with a protocol on top and a receiver below.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.ids = itertools.count()
        self.configure()

    def configure(self, **options: object) -> None:
        """
        Have a new service with these options.
        """
        self.service = Service(self.clock, SockJSOptions.fromDict(options))

    def open(
        self,
        protocol: Recorder,
        receiver: MemoryReceiver | None = None,
        kind: type[SessionTransport] = SessionTransport,
        login: Login | None = None,
        **request: Any,
    ) -> SessionTransport:
        """
        Open a session of this protocol.
        """
        self.receiver = receiver or MemoryReceiver()

        def start(session: Session) -> None:
            encoding = self.service.options.encoding
            more = [] if login is None else [login]
            transport = kind(session, protocol, opening(**request), encoding, *more)
            session.open(transport, self.receiver)

        self.session = self.service.open(b"%d" % next(self.ids), start)
        return protocol.transport

    def turn(self) -> None:
        """
        End this turn of the reactor.
        """
        self.clock.advance(0)

    def assertFrames(self, *frames: bytes) -> None:
        """
        The receiver has got these frames behind the open frame.
        """
        self.assertEqual([b"o", *frames], self.receiver.frames)


class WritingTests(TransportTestCase):
    """
    The outbound side.
    """

    def test_interfaces(self) -> None:
        """
        The transport is what its interfaces say.
        """
        transport = self.open(Recorder())
        for interface in (ISockJSTransport, ITransport, IConsumer):
            verifyObject(interface, transport)

    def test_write(self) -> None:
        """
        Each write is one message, the empty one too.
        """
        transport = self.open(Recorder())
        transport.write(b"a")
        transport.write(b"")
        transport.write("\u20ac".encode())
        self.turn()
        self.assertFrames('a["a","","\u20ac"]'.encode())

    def test_writeTypes(self) -> None:
        """
        Whatever is not bytes is a TypeError, and sends nothing.
        """
        transport = self.open(Recorder())
        for wrong in ("text", 5, None, bytearray(b"x"), memoryview(b"x"), [b"x"]):
            self.assertRaises(TypeError, transport.write, wrong)
        self.turn()
        self.assertFrames()

    def test_writeSequence(self) -> None:
        """
        Each item is one message, of any iterable.
        """
        transport = self.open(Recorder())
        transport.writeSequence([b"a", b"b"])
        transport.writeSequence(iter([b"c"]))
        self.turn()
        self.assertFrames(b'a["a","b","c"]')
        self.assertRaises(TypeError, transport.writeSequence, "text")
        self.assertRaises(TypeError, transport.writeSequence, [5])

    def test_sendMessage(self) -> None:
        """
        Text goes out exactly as it is, lone surrogates included.
        """
        transport = self.open(Recorder())
        transport.sendMessage("\ud800\u2028\x00")
        self.turn()
        self.assertFrames(b'a["\\ud800\\u2028\\u0000"]')
        for wrong in (b"bytes", 5, None):
            self.assertRaises(TypeError, transport.sendMessage, wrong)

    def test_fallbackEncoding(self) -> None:
        """
        Bytes that are not UTF-8 are read as the option ``encoding`` says.
        """
        self.open(Recorder()).write(b"\x80")
        self.turn()
        self.assertFrames('a["\u20ac"]'.encode())
        self.configure(encoding="latin-1")
        self.open(Recorder()).write(b"\xe9")
        self.turn()
        self.assertFrames('a["\xe9"]'.encode())

    def test_writeInConnectionMade(self) -> None:
        """
        A protocol may greet.
        """
        protocol = Recorder()
        protocol.hooks["connectionMade"] = lambda: protocol.transport.write(b"hello")
        self.open(protocol)
        self.assertFrames(b'a["hello"]')

    def test_writeAfterTheEnd(self) -> None:
        """
        What is written to a transport that is gone goes nowhere, without an error.
        """
        transport = self.open(Recorder())
        self.receiver.drop()
        transport.write(b"x")
        transport.writeSequence([b"x"])
        transport.sendMessage("x")
        transport.loseConnection()
        transport.abortConnection()
        self.turn()
        self.assertFrames()


class ReceivingTests(TransportTestCase):
    """
    The inbound side.
    """

    def test_dataReceived(self) -> None:
        """
        Each message is one call, in UTF-8.
        """
        protocol = Recorder()
        self.open(protocol)
        self.session.receive(["a", "", "\u20ac\U0001f600", b"\xff"])
        self.assertEqual(
            [b"a", b"", "\u20ac\U0001f600".encode(), b"\xff"], protocol.data
        )

    def test_loneSurrogate(self) -> None:
        """
        A lone surrogate, which no UTF-8 has, becomes U+FFFD.
        """
        protocol = Recorder()
        self.open(protocol)
        self.session.receive(["a\ud800b\udfff"])
        self.assertEqual(["a\ufffdb\ufffd".encode()], protocol.data)

    def test_messageReceived(self) -> None:
        """
        A protocol that takes text gets it as it was sent, and no bytes.
        """
        protocol = TextRecorder()
        self.open(protocol)
        self.session.receive(["a\ud800", "", b"caf\xc3\xa9"])
        self.assertEqual(["a\ud800", "", "caf\xe9"], protocol.texts)
        self.assertEqual([], protocol.data)

    def test_pause(self) -> None:
        """
        A protocol that pauses its transport gets nothing until it resumes.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        transport.pauseProducing()
        self.session.receive(["a"])
        self.turn()
        self.assertEqual([], protocol.data)
        transport.resumeProducing()
        self.turn()
        self.assertEqual([b"a"], protocol.data)

    def test_stopProducing(self) -> None:
        """
        To stop the transport as a producer is to close.
        """
        protocol = Recorder()
        self.open(protocol).stopProducing()
        self.turn()
        self.assertFrames(GO_AWAY)
        self.assertTrue(protocol.reasons[0].check(ConnectionDone))


class ClosingTests(TransportTestCase):
    """
    ``loseConnection``, ``abortConnection``, ``connectionLost``.
    """

    def test_loseConnection(self) -> None:
        """
        What was written before goes out first; ``connectionLost`` comes afterwards and
        not from inside the call.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        transport.write(b"bye")
        transport.loseConnection()
        self.assertEqual([], protocol.reasons)
        self.assertTrue(transport.disconnecting)
        self.turn()
        self.assertFrames(b'a["bye"]', GO_AWAY)
        self.assertEqual(ConnectionDone, protocol.reasons[0].type)
        self.assertFalse(transport.connected)

    def test_codeAndReason(self) -> None:
        """
        The browser sees the application's code and reason.
        """
        transport = self.open(Recorder())
        transport.loseConnection(4001, 'see "you"')
        self.turn()
        self.assertFrames(b'c[4001,"see \\"you\\""]')

    def test_badCodes(self) -> None:
        """
        A code that cannot be sent is a ValueError, what is no code a TypeError; the
        session stays open.
        """
        transport = self.open(Recorder())
        for code in (999, 5000, 0, -1):
            self.assertRaises(ValueError, transport.loseConnection, code)
        for wrong in (("3000",), (None,), (True,), (3001, b"bytes"), (3001, None)):
            self.assertRaises(TypeError, transport.loseConnection, *wrong)
        transport.loseConnection(1000, "")
        self.turn()
        self.assertFrames(b'c[1000,""]')

    def test_twice(self) -> None:
        """
        The second close changes nothing.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        transport.loseConnection(4001)
        transport.loseConnection(4002)
        self.turn()
        self.assertFrames(b'c[4001,"Go away!"]')
        self.assertEqual(1, protocol.calls.count("connectionLost"))

    def test_atEveryHook(self) -> None:
        """
        Wherever a protocol closes, ``connectionLost`` comes once, as the last call, and
        never from inside.
        """
        for hook in ("connectionMade", "dataReceived", "connectionLost"):
            protocol = Recorder()
            inside: list[bool] = []

            def end(protocol: Recorder = protocol, inside: list[bool] = inside) -> None:
                before = len(protocol.reasons)
                protocol.transport.loseConnection()
                inside.append(len(protocol.reasons) > before)

            protocol.hooks[hook] = end
            self.open(protocol)
            if hook == "dataReceived":
                self.session.receive(["x", "y"])
            elif hook == "connectionLost":
                self.receiver.drop()
            self.turn()
            self.assertEqual([False], inside, hook)
            self.assertEqual("connectionLost", protocol.calls[-1], hook)
            self.assertEqual(1, len(protocol.reasons), hook)

    def test_abortConnection(self) -> None:
        """
        An aborted connection is dropped with what waits; ``connectionLost`` comes in
        the next turn.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        transport.write(b"never")
        transport.abortConnection()
        self.assertTrue(self.receiver.aborted)
        self.assertEqual([], protocol.reasons)
        self.turn()
        self.assertFrames()
        self.assertEqual([ConnectionAborted], [r.type for r in protocol.reasons])


class FaultTests(TransportTestCase):
    """
    An application that raises loses that session alone.
    """

    def faults(self) -> int:
        """
        How many tracebacks were logged.
        """
        return len(self.flushLoggedErrors(ZeroDivisionError))

    def test_connectionMade(self) -> None:
        """
        A protocol that raises when it is connected: logged, told, closed with 1011.
        """
        protocol = Recorder()
        protocol.hooks["connectionMade"] = lambda: 1 / 0
        self.open(protocol)
        self.turn()
        self.assertFrames(FAULT)
        self.assertEqual(1, self.faults())
        self.assertEqual([ZeroDivisionError], [r.type for r in protocol.reasons])

    def test_dataReceived(self) -> None:
        """
        The same for a message; those behind it are not delivered.
        """
        for protocol, hook in (
            (Recorder(), "dataReceived"),
            (TextRecorder(), "messageReceived"),
        ):
            protocol.hooks[hook] = lambda: 1 / 0
            transport = self.open(protocol)
            transport.write(b"dropped")
            self.session.receive(["x", "y"])
            self.turn()
            self.assertFrames(FAULT)
            self.assertEqual(1, self.faults())
            self.assertEqual(["connectionMade", hook, "connectionLost"], protocol.calls)

    def test_connectionLost(self) -> None:
        """
        A protocol that raises when it is told of the end is told once.
        """
        protocol = Recorder()
        protocol.hooks["connectionLost"] = lambda: 1 / 0
        self.open(protocol)
        self.receiver.drop()
        self.assertEqual(1, self.faults())
        self.assertEqual(1, len(protocol.reasons))

    def test_everywhere(self) -> None:
        """
        A protocol that raises at each hook: each is logged, nothing escapes.
        """
        protocol = Recorder()
        for hook in ("connectionMade", "connectionLost"):
            protocol.hooks[hook] = lambda: 1 / 0
        self.open(protocol)
        self.turn()
        self.assertFrames(FAULT)
        self.assertEqual(2, self.faults())

    def test_afterClosing(self) -> None:
        """
        A protocol that closes and then raises: the close stands, the fault is logged.
        """
        protocol = Recorder()

        def closeAndRaise() -> None:
            protocol.transport.loseConnection(4001, "mine")
            raise ZeroDivisionError

        protocol.hooks["dataReceived"] = closeAndRaise
        self.open(protocol)
        self.session.receive(["x"])
        self.turn()
        self.assertFrames(b'c[4001,"mine"]')
        self.assertEqual((1, 1), (self.faults(), len(protocol.reasons)))

    def test_logout(self) -> None:
        """
        Who is logged in is logged out once, at the end and whatever happens before.
        """
        protocol = Recorder()
        ends: list[int] = []
        protocol.hooks["connectionLost"] = lambda: 1 / 0
        login = Login("somebody", lambda: ends.append(len(protocol.reasons)))
        self.assertEqual("somebody", self.open(protocol, login=login).avatar)
        self.receiver.drop()
        self.assertEqual(([1], 1), (ends, self.faults()))
