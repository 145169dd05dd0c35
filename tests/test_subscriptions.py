"""Tests of topics that are found later, or made on demand, over a server in memory."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import LogLevel, eventAsText, globalLogPublisher

from tests.support.multiplexing import MultiplexTestCase, NoteFactory
from txsockjs.core import frames
from txsockjs.errors import Rejected
from txsockjs.multiplex import SockJSMultiplexResource
from txsockjs.subscriptions import HELD
from txsockjs.utils import broadcast


class AskingResource(SockJSMultiplexResource):
    """Asks a database, which answers when the test says so."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.asked: list[tuple[str, Deferred[Any]]] = []
        self.cancelled: list[str] = []

    async def subscribe(self, connection: Any, name: str) -> Factory | None:
        answer: Deferred[Any] = Deferred(lambda _: self.cancelled.append(name))
        self.asked.append((name, answer))
        allowed = await answer
        if isinstance(allowed, Factory):
            return allowed
        return self.find(name) if allowed else None  # type: ignore[return-value]


class Reader(Protocol):
    """Pauses at each message that says so, and can be resumed."""

    transport: Any = None

    def connectionMade(self) -> None:
        self.received: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)
        if data == b"pause":
            self.transport.pauseProducing()
        elif data == b"close":
            self.transport.loseConnection()


class WaitingTests(MultiplexTestCase):
    """``subscribe`` may be a coroutine function, or return a Deferred."""

    resource = AskingResource
    service: Any

    def answer(self, result: object = True) -> None:
        """Answer the question that was asked first."""
        _, answer = self.service.asked.pop(0)
        answer.callback(result)
        self.reactor.settle()

    def assertNothingLeft(self) -> None:
        """Nobody waits, and no time-out does."""
        multiplex = self.service.multiplex
        self.assertEqual(multiplex._asking, {})
        for session in self.service.openSessions():
            self.assertEqual(session.pending, 0)

    def test_order(self) -> None:
        """What the client sends meanwhile is delivered in order, before what follows;
        other channels go on."""
        self.service.addFactory("other", other := NoteFactory())
        session = self.session("sub,note", "msg,note,1", "sub,other", "msg,note,2")
        self.assertEqual([name for name, _ in self.service.asked], ["note", "other"])
        _, answer = self.service.asked.pop(1)
        answer.callback(True)
        session.send("msg,other,a", "msg,note,3")
        self.assertEqual(other.notes[0].received, [b"a"])
        self.assertEqual(self.notes.notes, [])
        self.answer()
        session.send("msg,note,4")
        self.assertEqual(self.notes.notes[0].received, [b"1", b"2", b"3", b"4"])
        self.assertEqual(self.taken(session), [])
        self.assertNothingLeft()

    def test_secondSub(self) -> None:
        """A second sub meanwhile is ignored, as one of an open topic is."""
        self.session("sub,note", "sub,note", "sub,%6eote")
        self.assertEqual(len(self.service.asked), 1)

    def test_refused(self) -> None:
        """One that there is not is refused, and what was held is dropped."""
        session = self.session("sub,note", "msg,note,1")
        self.answer(False)
        self.assertEqual(
            self.taken(session), ["err,note,There is no such topic.", "uns,note"]
        )
        session.send("msg,note,2")
        self.assertEqual(self.taken(session), ["err,note,This topic is not open."])
        self.assertNothingLeft()

    def test_rejected(self) -> None:
        """One that is rejected is told code and reason, and counted as one kind."""
        session = self.session("sub,note")
        _, answer = self.service.asked.pop()
        answer.errback(Rejected(4403, "Members only, sorry"))
        self.assertEqual(
            self.taken(session),
            ["err,note,Members only, sorry", "uns,note,4403,Members only, sorry"],
        )
        self.assertEqual(self.service.multiplex.refused, {"Rejected": 1})

    def test_fault(self) -> None:
        """One that raises is logged, and refused as the same without waiting."""
        session = self.session("sub,note")
        _, answer = self.service.asked.pop()
        answer.errback(ZeroDivisionError())
        self.assertEqual(
            self.taken(session),
            ["err,note,Internal error", "uns,note,1011,Internal error"],
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertNothingLeft()

    def test_failingFactory(self) -> None:
        """So is a factory that raises afterwards."""
        self.notes.make = lambda: 1 / 0
        session = self.session("sub,note", "msg,note,1")
        self.answer()
        self.assertEqual(self.taken(session)[1], "uns,note,1011,Internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertNothingLeft()

    def test_unsubscribed(self) -> None:
        """Who unsubscribes meanwhile is not waited for, and can ask again."""
        session = self.session("sub,note", "msg,note,1", "uns,note")
        self.assertEqual(self.service.cancelled, ["note"])
        self.assertEqual((self.taken(session), self.notes.notes), ([], []))
        self.service.asked.pop()
        session.send("sub,note", "msg,note,2")
        self.answer()
        self.assertEqual(self.notes.notes[0].received, [b"2"])
        self.assertNothingLeft()

    def test_gone(self) -> None:
        """Nor is one whose session has ended."""
        session = self.session("sub,note", "msg,note,1")
        session.abort()
        self.reactor.settle()
        self.assertEqual(self.service.cancelled, ["note"])
        self.assertEqual(self.notes.notes, [])
        self.assertNothingLeft()

    def test_tooSlow(self) -> None:
        """What takes too long is cancelled and refused, and the log says so."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        session = self.session("sub,note", "msg,note,1")
        self.reactor.advance(9.9)
        self.assertEqual(self.taken(session), [])
        self.reactor.advance(0.2)
        told = "Authorization timed out"
        self.assertEqual(
            self.taken(session), [f"err,note,{told}", f"uns,note,1013,{told}"]
        )
        self.assertEqual(self.service.cancelled, ["note"])
        said = [each for each in events if "authorized" in eventAsText(each)]
        self.assertEqual([each["log_level"] for each in said], [LogLevel.warn])
        self.assertNothingLeft()

    def test_tooMany(self) -> None:
        """Those that wait count as open ones do."""
        self.service.multiplex.maxChannels = 2
        session = self.session("sub,note")
        session.send("sub,echo")
        session.send("sub,third")
        self.assertEqual(
            self.taken(session), ["err,third,There are too many channels.", "uns,third"]
        )

    def test_manyGoOn(self) -> None:
        """Those that go on when nobody wants them any more, as they cannot be
        cancelled, count until they have ended: a client that subscribes and
        unsubscribes over and over has no more of them than channels."""
        running: list[Deferred[Any]] = []

        async def subscribe(connection: Any, name: str) -> None:
            end: Deferred[Any] = Deferred()
            running.append(end)
            try:
                await Deferred()
            except CancelledError:
                await end

        self.service.subscribe = subscribe
        self.service.multiplex.maxChannels = 3
        session = self.session()
        for _ in range(20):
            session.send("sub,note")
            session.send("uns,note")
        self.assertEqual(len(running), 3)
        self.assertIn("err,note,There are too many channels.", self.taken(session))
        running[0].callback(None)
        session.send("sub,note")
        session.send("uns,note")
        self.assertEqual(len(running), 4)
        for each in running[1:]:
            each.callback(None)
        self.assertNothingLeft()

    def test_bounded(self) -> None:
        """What is held is little; then the connection is not read until it is known,
        and nothing is lost."""
        session = self.session("sub,note")
        many = [f"{number} {'x' * 1000}" for number in range(200)]
        for text in many:
            session.send(f"msg,note,{text}")
        [protocol] = self.protocols()
        [asked] = protocol._subscriptions.values()
        held = sum(map(len, asked.held))
        self.assertLess(held, HELD)
        self.assertGreater(held, HELD / 2)
        self.answer()
        received = [data.decode() for data in self.notes.notes[0].received]
        self.assertEqual(received, many)
        session.send("msg,note,last")
        self.assertEqual(self.notes.notes[0].received[-1], b"last")

    def protocols(self) -> list[Any]:
        """The connections."""
        service = self.service.service
        return [each.application._protocol for _, each in service.listed()]

    def test_fullAndRefused(self) -> None:
        """A connection that was not read is read again after a refusal."""
        session = self.session("sub,note", "sub,echo")
        for _ in range(200):
            session.send("msg,note," + "x" * 1000)
        self.answer(False)
        self.answer()
        session.send("msg,echo,there")
        self.assertEqual(self.taken(session)[-1], "msg,echo,there")

    def test_paused(self) -> None:
        """A channel that pauses while it gets what was held gets the rest, in order,
        when it reads on, and before what came later."""
        readers = NoteFactory(Reader)
        session = self.session("sub,note")
        for text in ("1", "pause", "2", "pause", "3"):
            session.send(f"msg,note,{text}")
        self.answer(readers)
        [reader] = readers.notes
        session.send("msg,note,4")
        self.assertEqual(reader.received, [b"1", b"pause"])
        reader.transport.resumeProducing()
        self.assertEqual(reader.received, [b"1", b"pause"])
        self.reactor.settle()
        self.assertEqual(reader.received, [b"1", b"pause", b"2", b"pause"])
        reader.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(reader.received[-3:], [b"pause", b"3", b"4"])

    def test_anotherPaused(self) -> None:
        """While another channel does not read, what is held waits as well."""
        readers = NoteFactory(Reader)
        session = self.session("sub,a", "sub,note", "msg,note,1", "msg,a,pause")
        self.answer(readers)
        self.answer()
        [reader], [note] = readers.notes, self.notes.notes
        self.assertEqual(note.received, [])
        reader.transport.resumeProducing()
        session.send("msg,note,2")
        self.assertEqual(note.received, [b"1", b"2"])

    def test_closedByWhatWasHeld(self) -> None:
        """A channel that closes when it gets one gets no more of them."""
        readers = NoteFactory(Reader)
        session = self.session("sub,note", "msg,note,close", "msg,note,2")
        self.answer(readers)
        self.assertEqual(readers.notes[0].received, [b"close"])
        self.assertEqual(self.taken(session), ["uns,note"])
        session.send("sub,note", "msg,note,3")
        self.answer()
        self.assertEqual(self.notes.notes[0].received, [b"3"])

    def test_endsWhilePaused(self) -> None:
        """A session that ends while some is still held leaves nothing behind."""
        readers = NoteFactory(Reader)
        self.session("sub,note", "msg,note,pause", "msg,note,2")
        self.answer(readers)
        [reader] = readers.notes
        self.assertEqual(reader.received, [b"pause"])
        [protocol] = self.protocols()
        reader.transport.resumeProducing()
        self.assertIsNotNone(protocol._delivery)
        protocol.connectionLost()
        self.assertIsNone(protocol._delivery)
        self.assertEqual(self.service.multiplex._channels, {})
        self.reactor.settle()
        self.assertEqual(reader.received, [b"pause"])

    def test_removedMeanwhile(self) -> None:
        """A topic that is removed meanwhile is not opened."""
        found: Deferred[Any] = Deferred()
        multiplex = self.service.multiplex
        self.patch(multiplex, "subscribe", lambda connection, name: found)
        session = self.session("sub,note")
        self.service.removeFactory("note")
        found.callback(self.notes)
        self.assertEqual(self.taken(session)[-1], "uns,note")
        self.assertEqual(self.notes.notes, [])

    def test_goesOn(self) -> None:
        """One that goes on after it was cancelled opens nothing; a fault is logged."""
        inner: Deferred[Any] = Deferred()

        async def stubborn(connection: Any, name: str) -> Factory:
            try:
                await Deferred()
            except BaseException:
                await inner
            return self.notes

        multiplex = self.service.multiplex
        self.patch(multiplex, "subscribe", stubborn)
        self.session("sub,note", "uns,note")
        inner.callback(None)
        self.assertEqual(self.notes.notes, [])
        self.assertNothingLeft()


class DemandResource(SockJSMultiplexResource):
    """Makes a topic of whatever name; some of them later."""

    later: Deferred[Any] | None = None

    def subscribe(self, connection: Any, name: str) -> Any:
        factory = super().subscribe(connection, name)
        if factory is not None or name == "nil":
            return factory
        if name.startswith("late"):
            self.later = Deferred()
            return self.later.addCallback(lambda _: self.make(name))
        return self.make(name)

    def make(self, name: str) -> Factory | None:
        factory = NoteFactory()
        if name == "kept":
            self.addFactory(name, factory, temporary=False)
        else:
            self.addFactory(name, factory)
        if name.endswith("refused"):
            return None
        return factory


class DemandTests(MultiplexTestCase):
    """What is made on demand is forgotten with its last channel."""

    resource = DemandResource
    service: Any

    def topics(self) -> set[str]:
        """The names that have a factory."""
        return set(self.service.multiplex._factories)

    def test_forgotten(self) -> None:
        """It goes with its last channel, and its factory is stopped then."""
        one, other = self.session("sub,a"), self.session("sub,a")
        made = self.service.multiplex._factories["a"]
        one.send("uns,a")
        self.assertEqual(made.life, ["start"])
        other.send("uns,a")
        self.assertEqual(made.life, ["start", "stop"])
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_many(self) -> None:
        """Of 40,000 topics, none is left."""
        session = self.session()
        multiplex = self.service.multiplex
        for start in range(0, 40_000, 200):
            names = range(start, start + 200)
            session.send(*(f"sub,{n}" for n in names))
            self.assertEqual(len(multiplex._factories), 202)
            session.send(*(f"uns,{n}" for n in names))
        self.assertEqual(self.topics(), {"note", "echo"})
        left = (multiplex._asking, multiplex._channels, multiplex._temporary)
        self.assertEqual(left, ({}, {}, set()))

    def test_refused(self) -> None:
        """One that was made and is refused goes at once."""
        self.session("sub,refused")
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_later(self) -> None:
        """One that is made after a while goes as well, also where nobody wants it any
        more, or it is refused."""
        session = self.session("sub,late")
        self.service.later.callback(None)
        self.assertIn("late", self.topics())
        session.send("uns,late")
        self.assertEqual(self.topics(), {"note", "echo"})
        session.send("sub,late-refused")
        self.service.later.callback(None)
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_twoAsk(self) -> None:
        """While one still asks for it, it stays, though another was refused."""
        one, other = self.session("sub,late"), self.session("sub,late")
        other.send("uns,late")
        multiplex = self.service.multiplex
        self.service.addFactory("late", self.notes, temporary=True)
        multiplex.unused("late")
        self.assertIn("late", self.topics())
        one.abort()
        self.reactor.settle()
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_kept(self) -> None:
        """One that is said to stay does."""
        self.session("sub,kept").send("uns,kept")
        self.assertEqual(self.topics(), {"note", "echo", "kept"})

    def test_notOnDemand(self) -> None:
        """One that the program adds stays, whoever comes and goes."""
        self.service.addFactory("mine", NoteFactory())
        self.session("sub,mine").send("uns,mine")
        self.assertIn("mine", self.topics())


class OnceTests(MultiplexTestCase):
    """A message to many channels is encoded once."""

    def test_broadcast(self) -> None:
        """Whoever sends it: ``txsockjs.broadcast`` to channels and sessions alike."""
        sessions = [self.session("sub,note") for _ in range(20)]
        transports = [note.transport for note in self.notes.notes]
        with patch.object(frames, "quote", wraps=frames.quote) as quote:
            broadcast("caf\xe9", transports)
            self.reactor.settle()
        self.assertEqual(quote.call_count, 1)
        for session in sessions:
            self.assertEqual(self.taken(session), ["msg,note,caf\xe9"])

    def test_spellings(self) -> None:
        """Each client is answered in its own spelling."""
        one, other = self.session("sub,note"), self.session("sub,%6eote")
        broadcast("x", [note.transport for note in self.notes.notes * 2])
        self.assertEqual(self.taken(one), ["msg,note,x"] * 2)
        self.assertEqual(self.taken(other), ["msg,%6eote,x"] * 2)

    def test_mixed(self) -> None:
        """A message that goes to plain sessions too is theirs as it is."""
        message = frames.Message("x")
        self.assertIs(message.behind("a,"), message.behind("a,"))
        self.assertEqual(message.formatted(lambda frame: frame.data), b'a["x"]')
        self.assertEqual(message.behind("b,").data, b'a["b,x"]')
        self.assertEqual(message.data, b'a["x"]')
