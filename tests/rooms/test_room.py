"""Tests of `txsockjs.rooms.room`: members, messages, and what is refused."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from tests.rooms.support import TELLING, FakeSession, RoomsTestCase
from txsockjs.core.frames import Message
from txsockjs.errors import (
    AlreadyMember,
    BrokerUnavailable,
    RoomError,
    RoomFull,
    RoomValueError,
    TooManyRooms,
)
from txsockjs.rooms import Joined, Position, Wording


class PublishTests(RoomsTestCase):
    """Messages."""

    def test_everywhere(self) -> None:
        """Every member in every process gets it, once; nobody else does."""
        here = [self.join(self.rooms.room("r"), wording=None) for _ in range(2)]
        there = self.join(self.others.room("r"), wording=None)
        elsewhere = self.join(self.rooms.room("other"), wording=None)
        self.publish(self.rooms.room("r"), "1")
        self.publish(self.others.room("r"), "2")
        for session in (*here, there):
            self.assertEqual(session.texts, ["1", "2"])
        self.assertEqual(elsewhere.texts, [])

    def test_positions(self) -> None:
        """With a history they have positions without a hole, which whoever publishes is
        told; without one there are none."""
        session = self.join(self.rooms.room("h"))
        first, second = self.publish(self.others.room("h"), "a", "b")
        assert first is not None and second is not None
        self.assertEqual((first.offset, second.offset), (1, 2))
        self.assertEqual(first.epoch, second.epoch)
        self.assertEqual(session.texts, ["joined h at 0", "1=a", "2=b"])
        self.assertEqual(self.publish(self.rooms.room("r"), "a"), [None])

    def test_bytes(self) -> None:
        """Bytes are UTF-8, and what is not becomes U+FFFD."""
        room = self.rooms.room("r")
        session = self.join(room, wording=None)
        self.publish(room, b"\xc3\xa9\xff", "\ud800")  # type: ignore[arg-type]
        self.assertEqual(session.texts, ["é\ufffd", "\ud800"])
        self.assertRaises(TypeError, room.publish, 1)

    def test_encodedOnce(self) -> None:
        """All that have the same wording share one message."""
        room = self.rooms.room("r")
        sent: list[Message] = []
        for wording in None, None, TELLING, TELLING, self.wrap, self.wrap:
            session = self.join(room, wording=wording)  # type: ignore[arg-type]
            session.sendPrepared = sent.append  # type: ignore[method-assign]
        self.publish(room, "x")
        self.assertEqual([m.text for m in sent], ["x", "x", "x", "x", "r x", "r x"])
        self.assertEqual(len(set(map(id, sent))), 3)

    @staticmethod
    def wrap(room: str, position: Position | None, text: str) -> Message:
        return Message(f"{room} {text}")

    def test_raises(self) -> None:
        """A wording that raises is logged; its members alone are told nothing."""

        class Broken(Wording):
            def message(self, room: str, position: Position | None, text: str) -> str:
                raise ZeroDivisionError

        room = self.rooms.room("r")
        broken = self.join(room, wording=Broken())
        other = self.join(room, wording=None)
        self.publish(room, "x")
        self.assertEqual((broken.texts, other.texts), ([], ["x"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_inside(self) -> None:
        """What is published while a message is told is told after it, to everybody."""
        room = self.rooms.room("h")
        first, second = self.join(room), self.join(room)
        first.sent = lambda text: "1=" in text and self.publish(room, "answer")
        self.publish(room, "asked")
        for session in first, second:
            self.assertEqual(session.texts[1:], ["1=asked", "2=answer"])

    def test_tooLarge(self) -> None:
        """A message may have as many bytes as the option says, and not one more."""
        rooms = self.start(type(self.broker)(self.clock), max_message=4)
        room = rooms.room("r")
        self.publish(room, "éé")
        reason = self.failureResultOf(room.publish("ééx"), RoomValueError)
        self.assertIn("5 bytes", reason.getErrorMessage())
        self.assertIn("max_message allows 4", reason.getErrorMessage())
        self.assertEqual(rooms.counters.refused["RoomValueError"], 1)

    def test_tooManyWait(self) -> None:
        """As many messages wait for the broker as the option says; the next one fails,
        until they are answered."""
        broker = type(self.broker)(self.clock)
        broker.slow = True
        rooms = self.start(broker, max_waiting=2)
        room = rooms.room("r")
        waiting = [room.publish("1"), room.publish("2")]
        self.failureResultOf(room.publish("3"), BrokerUnavailable)
        broker.answer()
        for each in waiting:
            self.successResultOf(each)
        waiting = [room.publish("3"), room.publish("4")]
        broker.refuse()
        for each in waiting:
            self.failureResultOf(each, BrokerUnavailable)
        self.assertEqual(rooms.waiting, 0)
        broker.slow = False
        self.publish(room, "4")
        self.assertEqual(rooms.counters.published, 3)

    def test_unavailable(self) -> None:
        """A publish that the broker did not take fails, at once where it is down. It is
        never tried again."""
        room = self.rooms.room("h")
        session = self.join(self.others.room("h"))
        self.broker.slow = True
        uncertain = room.publish("1")
        self.broker.goDown()
        reason = self.failureResultOf(uncertain, BrokerUnavailable)
        self.assertTrue(reason.value.uncertain)
        self.broker.slow = False
        reason = self.failureResultOf(room.publish("2"), BrokerUnavailable)
        self.assertFalse(reason.value.uncertain)
        self.broker.goUp()
        self.assertEqual(session.texts, ["joined h at 0", "1=1"])
        self.assertEqual(self.rooms.counters.refused["BrokerUnavailable"], 2)

    def test_recent(self) -> None:
        """The newest messages can be read; a room without a history has none."""
        room = self.rooms.room("h")
        self.publish(room, *"1234567")
        for count, texts in (2, "67"), (100, "34567"), (0, ""), (-1, ""):
            entries = self.successResultOf(room.recent(count))
            self.assertEqual([entry.text for entry in entries], list(texts))
        self.assertEqual(self.successResultOf(self.rooms.room("r").recent(5)), ())

    def test_coroutines(self) -> None:
        """A coroutine can wait for all of it."""

        async def talk() -> Any:
            room = self.rooms.room("h")
            session = FakeSession()
            joined = await room.join(session, info="ada")
            position = await room.publish("hello")
            members, recent = await room.members(), await room.recent(1)
            await room.leave(session)
            return joined.member, position, members[0], recent[0]

        talking = ensureDeferred(talk())
        id, position, member, entry = self.successResultOf(talking)
        self.assertEqual((member.id, member.info), (id, "ada"))
        self.assertEqual((entry.position, entry.text), (position, "hello"))


class MemberTests(RoomsTestCase):
    """Who is a member."""

    def test_leave(self) -> None:
        """Who has left gets nothing from the call on; to leave again is no error."""
        room = self.rooms.room("r")
        session, other = self.join(room), self.join(room)
        self.assertIn(session, room)
        self.successResultOf(room.leave(session))
        self.successResultOf(room.leave(session))
        self.publish(room, "x")
        self.assertEqual(session.texts, ["joined r at -"])
        self.assertEqual(other.texts, ["joined r at -", "x"])
        self.assertNotIn(session, room)
        self.assertEqual(len(room), 1)

    def test_leaveMeanwhile(self) -> None:
        """So it is for one that leaves while a message is told, and may join again."""
        room = self.rooms.room("r")
        first, second, third = (self.join(room, wording=None) for _ in range(3))
        first.sent = lambda text: room.leave(second)
        self.publish(room, "1")
        self.assertEqual((first.texts, second.texts, third.texts), (["1"], [], ["1"]))
        first.sent = lambda text: room.leave(third) and room.join(third)
        self.publish(room, "again")
        self.assertEqual((first.texts, third.texts), (["1", "again"], ["1"]))
        first.sent = lambda text: None
        self.successResultOf(room.join(second))
        self.publish(room, "2")
        self.assertEqual((second.texts, third.texts), (["2"], ["1", "2"]))

    def test_raising(self) -> None:
        """A session that cannot be told is logged, and the others are told."""
        room = self.rooms.room("r")
        broken, other = self.join(room), self.join(room, wording=None)
        broken.sent = lambda text: 1 / 0
        self.publish(room, "x")
        self.assertEqual(other.texts, ["x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_end(self) -> None:
        """A session that ends has left all its rooms, and is waited for no longer."""
        rooms = [self.rooms.room(name) for name in "rst"]
        session = self.join(rooms[0])
        for room in rooms[1:]:
            self.successResultOf(room.join(session, info="ada"))
        self.assertEqual(session.watched, 1)
        self.assertEqual(self.rooms.counters.members, 3)
        session.end()
        self.assertEqual([len(room) for room in rooms], [0, 0, 0])
        self.assertEqual(self.names(rooms[2]), set())
        self.assertEqual(len(self.rooms.attendance), 0)
        self.assertEqual(self.rooms.counters.rooms, 0)

    def test_unwatched(self) -> None:
        """When a session has left its last room, its end is no longer waited for."""
        session = self.join(self.rooms.room("r"))
        self.successResultOf(self.rooms.room("s").join(session))
        self.rooms.room("s").leave(session)
        self.assertEqual(session.watched, 1)
        self.rooms.room("r").leave(session)
        self.assertEqual(session.watched, 0)

    def test_joinAfterEnd(self) -> None:
        """A session that has ended is no member, and that is no error."""
        session = FakeSession()
        session.end()
        joined = self.successResultOf(self.rooms.room("r").join(session, info="x"))
        self.assertEqual(joined, Joined(ended=True))
        self.assertEqual(len(self.rooms.room("r")), 0)
        self.assertEqual(len(self.rooms.attendance), 0)
        self.assertEqual(self.names(self.rooms.room("r")), set())

    def test_endMeanwhile(self) -> None:
        """One that ends, or leaves, before it is in is no member, wherever that was."""
        for answers in range(4):
            for way in "end", "leave":
                with self.subTest(answers=answers, way=way):
                    self.broker.slow = True
                    room, session = self.rooms.room("h"), FakeSession()
                    joining = room.join(session, info="x", recent=1)
                    self.broker.answer(answers)
                    if joining.called:
                        self.fail("there are more answers than there should be")
                    session.end() if way == "end" else room.leave(session)
                    self.broker.answer()
                    self.assertTrue(self.successResultOf(joining).ended)
                    self.broker.slow = False
                    self.assertEqual(len(room), 0)
                    self.assertEqual(self.names(room), set())
                    self.publish(room, "x")
                    self.assertEqual(session.texts, [])

    def test_again(self) -> None:
        """One that is a member, or about to be, does not join again."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.failureResultOf(room.join(session), AlreadyMember)
        self.assertEqual(len(room), 1)
        self.broker.slow = True
        joining = self.rooms.room("h2").join(session)
        again = self.rooms.room("h2").join(session)
        self.failureResultOf(again, AlreadyMember)
        self.broker.answer()
        self.successResultOf(joining)
        self.assertEqual(self.rooms.counters.members, 2)

    def test_full(self) -> None:
        """A room has as many members as its option says."""
        room = self.rooms.room("r", max_members=2)
        first, _ = self.join(room), self.join(room)
        late = FakeSession()
        self.failureResultOf(room.join(late), RoomFull)
        self.assertEqual((len(room), late.watched), (2, 0))
        room.leave(first)
        self.successResultOf(room.join(late))

    def test_tooManyRooms(self) -> None:
        """A session is in as many rooms as the option says."""
        rooms = self.start(type(self.broker)(self.clock), max_rooms=2)
        session = FakeSession()
        for name in "ab":
            self.successResultOf(rooms.room(name).join(session))
        reason = self.failureResultOf(rooms.room("c").join(session), TooManyRooms)
        self.assertIn("max_rooms", reason.getErrorMessage())
        self.assertEqual(len(rooms.room("c")), 0)
        self.assertEqual(rooms.counters.rooms, 2)
        rooms.room("a").leave(session)
        self.successResultOf(rooms.room("c").join(session))

    def test_badInfo(self) -> None:
        """An info is JSON, and not too large."""
        rooms = self.start(type(self.broker)(self.clock), max_info=10)
        room, session = rooms.room("r"), FakeSession()
        circle: list[Any] = []
        circle.append(circle)
        for info in object(), float("nan"), circle, "123456789", {"a": b""}:
            self.failureResultOf(room.join(session, info=info), RoomValueError)
        self.successResultOf(room.join(session, info="12345678"))

    def test_badSince(self) -> None:
        """A position that is none is refused, and leaves nobody behind."""
        room, session = self.rooms.room("h"), FakeSession()
        for since in "", "a", "a:-1", "a:01", "é:1", "a:9007199254740992", "a:1\n":
            self.failureResultOf(room.join(session, since=since), ValueError)
        self.assertEqual((len(room), session.watched), (0, 0))

    def test_unavailable(self) -> None:
        """Nobody joins while the broker is down, nor when it goes down meanwhile."""
        room = self.rooms.room("h")
        for answers in range(4):
            self.broker.slow = True
            session = FakeSession()
            joining = room.join(session, info="x", recent=1)
            self.broker.answer(answers)
            self.broker.goDown()
            self.failureResultOf(joining, BrokerUnavailable)
            self.failureResultOf(room.join(session), BrokerUnavailable)
            self.assertEqual((len(room), session.watched), (0, 0))
            self.broker.goUp()
        self.broker.slow = False
        self.successResultOf(room.join(session))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noAnswer(self) -> None:
        """Nor where it does not answer."""
        self.broker.slow = True
        room, session = self.rooms.room("h"), FakeSession()
        joining = room.join(session)
        self.broker.refuse()
        self.failureResultOf(joining, BrokerUnavailable)
        self.assertEqual((len(room), session.watched), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel(self) -> None:
        """Who gives up joining is no member."""
        for answers in range(4):
            self.broker.slow = True
            room, session = self.rooms.room("h"), FakeSession()
            joining: Deferred[Any] = room.join(session, info="x", recent=1)
            self.broker.answer(answers)
            joining.cancel()
            self.failureResultOf(joining)
            self.assertEqual((len(room), session.watched), (0, 0))
            self.broker.slow = False
            self.broker.answer()
            self.assertEqual(self.names(room), set())

    def test_errors(self) -> None:
        """What is refused is one kind of error, and is counted by its name."""
        room = self.rooms.room("r", max_members=1)
        self.join(room)
        self.failureResultOf(room.join(FakeSession()), RoomError)
        self.assertEqual(self.rooms.counters.refused["RoomFull"], 1)
