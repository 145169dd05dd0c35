"""Each promise of ``docs/rooms.rst``, kept by real sessions in memory.

A test is named as its promise is in the document.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.rooms.support import FaultyBroker
from tests.support.documents import literals, rows
from txsockjs import SockJSFactory
from txsockjs.core import frames
from txsockjs.errors import BrokerUnavailable, RoomFull, RoomValueError, TooManyRooms
from txsockjs.rooms import Joined, Member, Position, Room, Rooms, Wording
from txsockjs.rooms.memory import MemoryBroker, MemoryStore
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class Quiet(Protocol):
    """
    Says nothing.
    """


class Telling(Wording):
    """
    Tells positions, gaps and presence.
    """

    presence = True

    def message(self, room: str, position: Position | None, text: str) -> str:
        return f"{position.offset if position else ''}={text}"

    def gap(self, room: str, position: Position | None) -> str:
        return "gap"

    def memberJoined(self, room: str, member: Member) -> str:
        return f"+{member.info}"

    def memberLeft(self, room: str, member: Member) -> str:
        return f"-{member.info}"


TELLING = Telling()


class PromiseTests(SynchronousTestCase):
    """Two processes of one store, with a service each."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.store = MemoryStore(self.reactor)
        self.broker = FaultyBroker(self.reactor, self.store)  # type: ignore[arg-type]
        self.rooms = Rooms(self.broker, clock=self.reactor)
        self.others = Rooms(MemoryBroker(store=self.store), clock=self.reactor)
        self.protocols: list[Any] = []
        factory = Factory()
        factory.buildProtocol = self.build  # type: ignore[method-assign]
        self.site = MemorySite(SockJSFactory(factory, clock=self.reactor))
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)
        for rooms in self.rooms, self.others:
            rooms.configure("h*", history=3)
            self.addCleanup(rooms.stop)
        self.here, self.there = self.rooms.room("h"), self.others.room("h")

    def build(self, addr: Any) -> Protocol:
        self.protocols.append(Quiet())
        built: Protocol = self.protocols[-1]
        return built

    def session(self, transport: str = "websocket") -> tuple[MemorySession, Any]:
        """
        A session, and its transport.
        """
        session = self.client.session(transport)
        return session, self.protocols[-1].transport

    def join(
        self, room: Room, transport: str = "websocket", **how: Any
    ) -> MemorySession:
        """
        A session that has joined, and is told all of it.
        """
        session, member = self.session(transport)
        self.joined: Joined = self.successResultOf(
            room.join(member, wording=TELLING, **how)
        )
        return session

    def publish(self, room: Room, *texts: str) -> list[Position | None]:
        return [self.successResultOf(room.publish(text)) for text in texts]

    def told(self, session: MemorySession) -> list[str]:
        """
        What has come since.
        """
        self.site.settle()
        received = list(session.received)
        session.received.clear()
        return received

    def test_complete(self) -> None:
        """Each promise has a test."""
        promises = {
            literal
            for row in rows("docs/rooms.rst", "Promise")
            for literal in literals(row[0])
        }
        self.assertTrue(promises)
        tests = {name.removeprefix("test_") for name in dir(self)}
        self.assertEqual(promises - tests, set())

    def test_everybody(self) -> None:
        """Members in both processes, over each transport, get it once."""
        transports = "websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile"
        for history in "h", "r":
            sessions = [
                self.join(rooms.room(history), transport)
                for rooms in (self.rooms, self.others)
                for transport in (*transports, "jsonp")
            ]
            self.publish(self.others.room(history), "a")
            for session in sessions:
                self.assertEqual(len(self.told(session)), 1)
            for protocol in self.protocols:
                protocol.transport.abortConnection()
            self.site.settle()

    def test_positions(self) -> None:
        """They count up by one, and are what ``publish`` has returned."""
        session = self.join(self.here)
        positions = self.publish(self.here, "a") + self.publish(self.there, "b", "c")
        self.assertEqual([p.offset for p in positions if p], [1, 2, 3])
        self.assertEqual(self.told(session), ["1=a", "2=b", "3=c"])

    def test_order(self) -> None:
        """Whoever publishes, and from inside whatever call."""
        first, second = self.join(self.here), self.join(self.there)
        for number in range(50):
            self.publish((self.here, self.there)[number % 2], str(number))
        expected = [f"{number + 1}={number}" for number in range(50)]
        for session in first, second:
            self.assertEqual(self.told(session), expected)

    def test_outage(self) -> None:
        """What was published while the broker was away, or was lost, comes first."""
        session = self.join(self.here)
        self.broker.goDown()
        self.publish(self.there, "a")
        self.broker.goUp()
        self.broker.deaf = True
        self.publish(self.there, "b")
        self.broker.deaf = False
        self.publish(self.there, "c")
        self.assertEqual(self.told(session), ["1=a", "2=b", "3=c"])

    def test_gap(self) -> None:
        """Three of five are left."""
        session = self.join(self.here)
        self.broker.goDown()
        self.publish(self.there, *"abcde")
        self.broker.goUp()
        self.assertEqual(self.told(session), ["gap", "3=c", "4=d", "5=e"])

    def test_recovered(self) -> None:
        """It is true for what the history still has, and false for more."""
        positions = self.publish(self.here, *"abcd")
        for since, texts, recovered in (
            (positions[3], [], True),
            (positions[1], ["3=c", "4=d"], True),
            (positions[0], ["2=b", "3=c", "4=d"], True),
            ("x:4", ["2=b", "3=c", "4=d"], False),
        ):
            session = self.join(self.here, since=since)
            self.assertEqual(self.told(session), texts)
            self.assertEqual(self.joined.recovered, recovered)
        self.publish(self.here, "e")
        self.join(self.here, since=positions[0])
        self.assertFalse(self.joined.recovered)

    def test_noHole(self) -> None:
        """Whenever it is published while one joins."""
        for when in range(5):
            [since] = self.publish(self.here, "before")
            self.broker.slow = True
            session, member = self.session()
            joining = self.here.join(member, since=since)
            for answer in range(5):
                if answer == when:
                    self.publish(self.there, "meanwhile")
                self.broker.answer(1)
            self.successResultOf(joining)
            self.broker.slow = False
            self.publish(self.there, "after")
            self.assertEqual(self.told(session), ["meanwhile", "after"])
            member.abortConnection()
            self.site.settle()

    def test_pace(self) -> None:
        """It takes more than a session may hold, and reads when it likes."""
        big = self.rooms.room("big", history=200)
        self.publish(big, *("x" * 60_000 for _ in range(150)))
        session, member = self.session()
        session.pauseReading()
        joining = big.join(member, recent=150)
        self.site.settle()
        self.assertNoResult(joining)
        self.publish(big, "last")
        session.resumeReading()
        self.successResultOf(joining)
        self.assertEqual((len(self.told(session)), session.closed), (151, None))

    def test_atMostOnce(self) -> None:
        """It is lost, and that is told."""
        session = self.join(self.rooms.room("r"))
        self.broker.goDown()
        self.publish(self.others.room("r"), "a")
        self.broker.goUp()
        self.publish(self.others.room("r"), "b")
        self.assertEqual(self.told(session), ["gap", "=b"])

    def test_unavailable(self) -> None:
        """It fails, and nothing of it comes later."""
        session = self.join(self.there)
        self.broker.goDown()
        self.failureResultOf(self.here.publish("a"), BrokerUnavailable)
        self.broker.goUp()
        self.assertEqual(self.told(session), [])

    def test_uncertain(self) -> None:
        """It is true for what was on its way when the broker went."""
        self.broker.slow = True
        publishing = self.here.publish("a")
        self.broker.goDown()
        reason = self.failureResultOf(publishing, BrokerUnavailable)
        self.assertTrue(reason.value.uncertain)
        reason = self.failureResultOf(self.here.publish("b"), BrokerUnavailable)
        self.assertFalse(reason.value.uncertain)
        entries = self.successResultOf(self.there.recent(9))
        self.assertEqual([entry.text for entry in entries], ["a"])

    def test_present(self) -> None:
        """In both processes, until the session ends."""
        session = self.join(self.here, info={"name": "ada"})
        self.join(self.there)
        for room in self.here, self.there:
            [member] = self.successResultOf(room.members())
            self.assertEqual(member.info, {"name": "ada"})
        session.abort()
        self.site.settle()
        self.assertEqual(self.successResultOf(self.there.members()), ())

    def test_events(self) -> None:
        """Of others alone."""
        first = self.join(self.here, info="ada")
        second = self.join(self.there, info="bob")
        second.abort()
        self.assertEqual(self.told(first), ["+bob", "-bob"])
        self.assertEqual(self.told(second), [])

    def test_leaving(self) -> None:
        """However it ends."""
        for transport in "websocket", "xhr":
            for way in "abort", "close", "vanish":
                session, member = self.session(transport)
                self.successResultOf(self.here.join(member))
                if way == "close":
                    member.loseConnection()
                elif way == "abort":
                    session.abort()
                else:
                    member.abortConnection()
                self.site.advance(10)
                self.assertEqual(len(self.here), 0)
                self.assertEqual(len(self.rooms.attendance), 0)
        session, member = self.session()
        self.successResultOf(self.here.join(member))
        self.here.leave(member)
        self.publish(self.here, "a")
        self.assertEqual(self.told(session), [])

    def test_staying(self) -> None:
        """Nobody is closed; what is asked fails."""
        session = self.join(self.here)
        self.broker.goDown()
        self.site.advance(100)
        self.assertIsNone(session.closed)
        self.assertEqual(len(self.here), 1)
        _, member = self.session()
        for asked in (
            self.here.join(member),
            self.here.publish("a"),
            self.here.members(),
            self.here.recent(1),
        ):
            self.failureResultOf(asked, BrokerUnavailable)

    def test_coming(self) -> None:
        """It goes on when the broker is there."""
        broker = FaultyBroker(self.reactor, self.store)  # type: ignore[arg-type]
        with mock.patch.object(broker, "_goUp"):
            rooms = Rooms(broker, clock=self.reactor)
        self.addCleanup(rooms.stop)
        self.assertFalse(rooms.up)
        _, member = self.session()
        self.failureResultOf(rooms.room("r").join(member), BrokerUnavailable)
        broker.goUp()
        self.successResultOf(rooms.room("r").join(member))

    def test_encoded(self) -> None:
        """One text is made JSON, and one frame, for ten sessions."""
        sessions = [self.join(self.here) for _ in range(10)]
        with mock.patch.object(frames, "quote", wraps=frames.quote) as quote:
            self.publish(self.there, "a")
            for session in sessions:
                self.assertEqual(self.told(session), ["1=a"])
        quote.assert_called_once()

    def test_bounded(self) -> None:
        """Members, rooms of a session, names, infos, messages and those that wait."""
        broker = FaultyBroker(self.reactor)  # type: ignore[arg-type]
        limits = {"max_rooms": 1, "max_name": 4, "max_info": 4, "max_message": 4}
        rooms = Rooms(broker, {**limits, "max_waiting": 1}, clock=self.reactor)
        self.addCleanup(rooms.stop)
        room = rooms.room("r", max_members=1)
        (_, first), (_, second) = self.session(), self.session()
        self.assertRaises(RoomValueError, rooms.room, "rooms")
        self.failureResultOf(room.publish("12345"), RoomValueError)
        self.failureResultOf(room.join(first, info="123"), RoomValueError)
        self.successResultOf(room.join(first))
        self.failureResultOf(room.join(second), RoomFull)
        self.failureResultOf(rooms.room("s").join(first), TooManyRooms)
        broker.slow = True
        waiting = room.publish("1")
        self.failureResultOf(room.publish("2"), BrokerUnavailable)
        broker.answer()
        self.successResultOf(waiting)
