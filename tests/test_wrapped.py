"""Existing protocols of Twisted's own work wrapped, as they are, over any transport."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.protocols.basic import FileSender, LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.protocols.wire import Chargen, Echo
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.irc import IRCClient
from twisted.words.service import InMemoryWordsRealm, IRCFactory

from txsockjs.testing import MemoryClient, MemorySession, MemorySite

# Each kind of them: a WebSocket, a stream, polls.
TRANSPORTS = ("websocket", "xhr_streaming", "eventsource", "xhr", "jsonp")


class WrappedTestCase(SynchronousTestCase):
    """
    A factory wrapped, and browsers.
    """

    def serve(self, factory: Factory[Any]) -> MemoryClient:
        """
        Serve this factory.
        """
        self.site = MemorySite.serving(factory)
        self.addCleanup(self.site.stop)
        return MemoryClient(self.site)

    def everywhere(
        self, factory: Factory[Any], test: Callable[[MemorySession], object]
    ) -> None:
        """
        Run a test with a session over each transport.
        """
        client = self.serve(factory)
        for name in TRANSPORTS:
            test(client.session(name))


class Bytes:
    """
    The browser's side for a protocol of bytes: what a page does with text.
    """

    def __init__(self, session: MemorySession, protocol: Protocol) -> None:
        self._session = session
        self._protocol = protocol
        self._seen = 0
        self._transport: Any = StringTransport()
        protocol.makeConnection(self._transport)
        self.pump()

    def pump(self) -> None:
        """
        Carry bytes until neither side has any.
        """
        while True:
            sent = self._transport.value().decode("utf-8")
            self._transport.clear()
            if sent:
                self._session.send(sent)
            received = self._session.received[self._seen :]
            self._seen += len(received)
            if not sent and not received:
                return
            for text in received:
                self._protocol.dataReceived(text.encode("utf-8"))


class EchoTests(WrappedTestCase):
    """
    `Echo`.
    """

    def test_echo(self) -> None:
        """
        Each message comes back.
        """

        def test(session: MemorySession) -> None:
            session.send("a", "caf\xe9")
            session.send("")
            self.assertEqual(["a", "caf\xe9", ""], session.received)

        self.everywhere(Factory.forProtocol(Echo), test)


class Greeter(LineReceiver):
    """
    A protocol of lines, one of which switches to raw data.
    """

    def connectionMade(self) -> None:
        self.sendLine(b"who are you?")

    def lineReceived(self, line: bytes) -> None:
        if line == b"raw":
            self.setRawMode()
        elif line == b"quit":
            self.sendLine(b"bye")
            self.transport.loseConnection()  # type: ignore[union-attr]
        else:
            self.sendLine(b"hello " + line)

    def rawDataReceived(self, data: bytes) -> None:
        self.sendLine(b"%d raw" % len(data))
        self.setLineMode()


class LineReceiverTests(WrappedTestCase):
    """
    `LineReceiver`.
    """

    def test_lines(self) -> None:
        """
        Lines are found in messages, however these are cut.
        """

        def test(session: MemorySession) -> None:
            session.send("o", "ne\r\ntwo\r", "\nthr")
            session.send("ee\r\n")
            text = "".join(session.received)
            want = "who are you?\r\nhello one\r\nhello two\r\nhello three\r\n"
            self.assertEqual(want, text)

        self.everywhere(Factory.forProtocol(Greeter), test)

    def test_rawMode(self) -> None:
        """
        The switch between lines and raw data works, and so does pausing.
        """

        def test(session: MemorySession) -> None:
            session.send("raw\r\n", "12345", "x\r\n")
            self.assertIn("5 raw\r\nhello x\r\n", "".join(session.received))

        self.everywhere(Factory.forProtocol(Greeter), test)

    def test_close(self) -> None:
        """
        The last line arrives before the end.
        """

        def test(session: MemorySession) -> None:
            session.send("quit\r\n")
            self.site.advance(0.1)
            self.assertEqual("bye\r\n", "".join(session.received)[-5:])
            self.assertEqual((3000, "Go away!"), session.closed)

        self.everywhere(Factory.forProtocol(Greeter), test)

    def test_tooLongALine(self) -> None:
        """
        A line that is too long ends the session, as it does a TCP connection.
        """

        def test(session: MemorySession) -> None:
            session.send("x" * 20_000)
            self.site.advance(0.1)
            self.assertEqual((3000, "Go away!"), session.closed)

        self.everywhere(Factory.forProtocol(Greeter), test)


class Impatient(TimeoutMixin, Echo):
    """
    An echo that gives up after three seconds of silence.
    """

    clock: Any

    def callLater(self, delay: float, call: Any) -> Any:
        return self.clock.callLater(delay, call)

    def connectionMade(self) -> None:
        self.setTimeout(3)

    def dataReceived(self, data: bytes) -> None:
        self.resetTimeout()
        super().dataReceived(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.setTimeout(None)


class TimeoutMixinTests(WrappedTestCase):
    """
    A user of `TimeoutMixin`.
    """

    def test_timeout(self) -> None:
        """
        The protocol's own time-out closes its session, and only after silence.
        """
        factory = Factory.forProtocol(Impatient)

        def test(session: MemorySession) -> None:
            Impatient.clock = self.site.reactor
            for _ in range(3):
                self.site.advance(2)
                session.send("x")
            self.assertIsNone(session.closed)
            self.site.advance(4)
            self.assertEqual((3000, "Go away!"), session.closed)

        self.site = MemorySite.serving(factory)
        Impatient.clock = self.site.reactor
        client = MemoryClient(self.site)
        for name in TRANSPORTS:
            test(client.session(name))
        self.site.stop()
        self.assertEqual([], self.site.reactor.getDelayedCalls())


class Sum(amp.Command):
    """
    Add two numbers.
    """

    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]


class Greet(amp.Command):
    """
    Greet somebody, in text.
    """

    arguments = [(b"name", amp.Unicode())]
    response = [(b"greeting", amp.Unicode())]
    errors = {ValueError: b"VALUE_ERROR"}


class Calculator(amp.AMP):
    """
    The side that answers.
    """

    @Sum.responder
    def sum(self, a: int, b: int) -> dict[str, int]:
        return {"total": a + b}

    @Greet.responder
    def greet(self, name: str) -> dict[str, str]:
        if not name:
            raise ValueError("nobody")
        return {"greeting": f"hello {name}"}


class AMPTests(WrappedTestCase):
    """
    `amp`, with values that are text.
    """

    def test_commands(self) -> None:
        """
        Commands are answered, errors too.
        """

        def test(session: MemorySession) -> None:
            client: Any = amp.AMP()
            browser = Bytes(session, client)
            answers: list[Any] = []
            for command, arguments in (
                (Sum, {"a": 40, "b": 2}),
                (Greet, {"name": "caf\xe9"}),
                (Greet, {"name": ""}),
            ):
                answer = client.callRemote(command, **arguments)
                answer.addErrback(lambda reason: reason.type)
                answer.addCallback(answers.append)
            browser.pump()
            want = [{"total": 42}, {"greeting": "hello caf\xe9"}, ValueError]
            self.assertEqual(want, answers)

        self.everywhere(Factory.forProtocol(Calculator), test)


class Chatter(IRCClient):
    """
    An IRC client that keeps what is said.
    """

    password = "secret"
    # No pause between lines: a real clock would measure it.
    lineRate = None

    def __init__(self, nickname: str) -> None:
        self.nickname = nickname
        self.said: list[tuple[str, str, str]] = []

    def signedOn(self) -> None:
        self.join("lobby")

    def privmsg(self, user: str, channel: str, message: str) -> None:
        self.said.append((user.partition("!")[0], channel, message))

    def startHeartbeat(self) -> None:
        """
        None: it would run on the real clock.
        """


class IRCTests(WrappedTestCase):
    """
    Twisted's IRC server.
    """

    def test_chat(self) -> None:
        """
        Two browsers on different transports sign on, join, and hear each other.
        """
        realm = InMemoryWordsRealm("irc.example")
        realm.createGroupOnRequest = True
        checker: Any = InMemoryUsernamePasswordDatabaseDontUse()
        for name in ("alice", "bob"):
            checker.addUser(name, "secret")
        client = self.serve(IRCFactory(realm, Portal(realm, [checker])))
        for names in (("websocket", "xhr_streaming"), ("xhr", "eventsource")):
            alice, bob = Chatter("alice"), Chatter("bob")
            sessions = [client.session(name) for name in names]
            browsers = [
                Bytes(s, c) for s, c in zip(sessions, (alice, bob), strict=True)
            ]
            for browser in browsers * 2:
                browser.pump()
            alice.msg("#lobby", "hello caf\xe9")
            for browser in browsers * 2:
                browser.pump()
            self.assertEqual([("alice", "#lobby", "hello caf\xe9")], bob.said, names)
            for session in sessions:
                session.abort()


class FileProtocol(Protocol):
    """
    A protocol that sends a file with `FileSender`, a pull producer, and closes.
    """

    transport: Any
    content = b"".join(b"%07d\n" % number for number in range(30_000))

    def connectionMade(self) -> None:
        sent = FileSender().beginFileTransfer(BytesIO(self.content), self.transport)
        sent.addCallback(lambda last: self.transport.loseConnection())


class ProducerTests(WrappedTestCase):
    """
    Twisted's own producers.
    """

    def test_fileSender(self) -> None:
        """
        A file goes out piece by piece, whole, and then the session closes.
        """

        def test(session: MemorySession) -> None:
            self.site.advance(1)
            self.assertEqual(FileProtocol.content, "".join(session.received).encode())
            self.assertEqual((3000, "Go away!"), session.closed)

        self.everywhere(Factory.forProtocol(FileProtocol), test)

    def test_chargen(self) -> None:
        """
        `Chargen`, which never ends, writes at the browser's pace.
        """
        client = self.serve(Factory.forProtocol(Chargen))
        responses = [client.request("POST", "/000/s/xhr").body for _ in range(4)]
        self.assertEqual(b"o\n", responses[0])
        for body in responses[1:]:
            self.assertLess(len(body), 1000)
            self.assertIn(b"abcdefghijklmnopqrstuvwxyz", body)
