"""Tests of `txsockjs.rooms.following`: nothing is missed, or it is told."""

from __future__ import annotations

from typing import Any

from tests.rooms.support import TELLING, FakeSession, RoomsTestCase
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import Joined, Position
from txsockjs.rooms.values import Entry, History


class SinceTests(RoomsTestCase):
    """One that joins with the position that it saw last."""

    def setUp(self) -> None:
        super().setUp()
        self.room = self.rooms.room("h")
        [first] = self.publish(self.room, "a")
        assert first is not None
        self.epoch = first.epoch

    def since(self, offset: int) -> Position:
        return Position(self.epoch, offset)

    def test_nothing(self) -> None:
        """Where nothing was missed, it is complete."""
        session = self.join(self.room, since=self.since(1))
        self.assertEqual(session.texts, ["joined h at 1 recovered"])

    def test_missed(self) -> None:
        """What was missed comes before what is new, and is complete; a position may be
        given as text."""
        self.publish(self.room, "b", "c")
        session = self.join(self.room, since=str(self.since(1)))
        self.publish(self.others.room("h"), "d")
        self.assertEqual(
            session.texts, ["joined h at 1 recovered", "2=b", "3=c", "4=d"]
        )
        self.assertEqual(self.rooms.counters.recovered, 2)
        self.assertEqual(self.rooms.counters.delivered, 3)
        self.assertEqual(self.rooms.counters.gaps, 0)

    def test_incomplete(self) -> None:
        """Where the history no longer reaches back, it gets what there is, and is told
        that this is not all."""
        self.publish(self.room, *"bcdefg")
        session = self.join(self.room, since=self.since(1))
        self.assertEqual(
            session.texts, ["joined h at 2", "3=c", "4=d", "5=e", "6=f", "7=g"]
        )
        self.assertEqual(self.rooms.counters.gaps, 1)

    def test_old(self) -> None:
        """So it is where the history has become too old."""
        self.publish(self.room, "b")
        self.clock.advance(61)
        session = self.join(self.room, since=self.since(1))
        self.assertEqual(session.texts, ["joined h at 2"])
        session = self.join(self.room, since=self.since(2))
        self.assertEqual(session.texts, ["joined h at 2 recovered"])

    def test_madeUp(self) -> None:
        """A position that was never given is not complete."""
        for since, texts in (
            (self.since(2), ["joined h at 1"]),
            (self.since(2**53 - 1), ["joined h at 1"]),
            (Position("other", 1), ["joined h at 0", "1=a"]),
        ):
            self.assertEqual(self.join(self.room, since=since).texts, texts)

    def test_withoutHistory(self) -> None:
        """In a room without a history nothing can be recovered."""
        session = FakeSession()
        joining = self.rooms.room("r").join(session, since=self.since(1), recent=5)
        self.assertEqual(self.successResultOf(joining), Joined())

    def test_recent(self) -> None:
        """Without a position it may have the newest messages, and no hole follows."""
        self.publish(self.room, "b", "c")
        session = self.join(self.room, recent=2)
        self.publish(self.room, "d")
        self.assertEqual(session.texts, ["joined h at 1", "2=b", "3=c", "4=d"])

    def test_plain(self) -> None:
        """All that is so for one that is told messages alone, as they are."""
        self.publish(self.room, "b")
        session = self.join(self.room, wording=None, since=self.since(1))
        self.publish(self.room, "c")
        self.assertEqual(session.texts, ["b", "c"])

    def test_meanwhile(self) -> None:
        """What is published while one joins comes once and in order, whenever that
        is."""
        for before in range(5):
            with self.subTest(before=before):
                room = self.rooms.room(f"h{before}")
                other = self.join(room) if before % 2 else None
                [first] = self.publish(self.others.room(room.name), "a")
                self.broker.slow = True
                session = FakeSession()
                joining = room.join(session, info="x", since=first)
                for answer in range(6):
                    if answer == before:
                        self.publish(self.others.room(room.name), "b", "c")
                    self.broker.answer(1)
                self.assertTrue(self.successResultOf(joining).recovered)
                self.broker.slow = False
                self.publish(self.others.room(room.name), "d")
                self.assertEqual(session.texts, ["b", "c", "d"])
                if other is not None:
                    texts = [text for text in other.texts if "=" in text]
                    self.assertEqual(texts, ["1=a", "2=b", "3=c", "4=d"])

    def test_ahead(self) -> None:
        """One that comes from a process that heard more than this one gets nothing
        twice."""
        other = self.join(self.room)
        self.broker.late = True
        _, third = self.publish(self.others.room("h"), "b", "c")
        session = self.join(self.room, since=third)
        self.broker.tellAll()
        self.publish(self.room, "d")
        self.assertEqual(session.texts, ["joined h at 3 recovered", "4=d"])
        self.assertEqual(other.texts, ["joined h at 1", "2=b", "3=c", "4=d"])

    def test_pace(self) -> None:
        """One that takes no more is waited for; then it goes on where it was."""
        self.publish(self.room, *"bcd")
        session = FakeSession()
        session.room = 2
        joining = self.room.join(session, since=self.since(0))
        self.assertEqual(session.texts, ["a", "b"])
        self.publish(self.room, "e")
        self.assertNoResult(joining)
        session.drain(2)
        self.assertEqual(session.texts, ["a", "b", "c", "d"])
        session.drain(100)
        self.assertTrue(self.successResultOf(joining).recovered)
        self.publish(self.room, "f")
        self.assertEqual(session.texts, ["a", "b", "c", "d", "e", "f"])

    def test_tooSlow(self) -> None:
        """Where the history is gone when it takes more, it is told of the gap."""
        self.publish(self.room, *"bcd")
        session = FakeSession()
        # The first message is that it is in.
        session.room = 2
        joining = self.room.join(session, since=self.since(0), wording=TELLING)
        self.publish(self.room, *"efghij")
        session.drain(100)
        self.successResultOf(joining)
        self.assertEqual(
            session.texts[1:],
            ["1=a", "gap 5", "6=f", "7=g", "8=h", "9=i", "10=j"],
        )
        self.assertEqual(self.rooms.counters.gaps, 1)

    def test_tooFast(self) -> None:
        """A history that changes faster than it can be read is given up, in bounded
        work."""
        self.join(self.room)
        self.broker.slow = True
        session = FakeSession()
        joining = self.room.join(session, since=self.since(1))
        asked = len(self.broker.calls)
        while not joining.called:
            for text in map(str, range(1001)):
                self.others.room("h").publish(text)
            self.broker.answer(1)
        self.failureResultOf(joining, BrokerUnavailable)
        self.assertLess(len(self.broker.calls) - asked, 10)
        self.assertNotIn(session, self.room)


class OutageTests(RoomsTestCase):
    """The broker is away for a while."""

    def test_missed(self) -> None:
        """What was published meanwhile is read, and comes before what is new."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.publish(room, "a")
        self.broker.goDown()
        self.publish(self.others.room("h"), "b", "c")
        self.assertEqual(session.texts[1:], ["1=a"])
        self.broker.goUp()
        self.publish(self.others.room("h"), "d")
        self.assertEqual(session.texts[1:], ["1=a", "2=b", "3=c", "4=d"])
        self.assertEqual(self.rooms.counters.recovered, 2)
        self.assertEqual(self.rooms.counters.gaps, 0)

    def test_beforeAnythingNewer(self) -> None:
        """What comes while it is read waits until then."""
        room = self.rooms.room("h")
        session = self.join(room)
        for before in range(4):
            self.broker.goDown()
            self.publish(self.others.room("h"), "missed")
            self.broker.slow = True
            self.broker.goUp()
            for answer in range(3):
                if answer == before:
                    self.publish(self.others.room("h"), "new")
                self.broker.answer(1)
            self.broker.slow = False
        texts = ["missed", "new"] * 3 + ["missed"]
        expected = [f"{offset}={text}" for offset, text in enumerate(texts, 1)]
        self.assertEqual(session.texts[1:], expected)

    def test_gap(self) -> None:
        """Where the history no longer reaches back, members are told of the gap."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.publish(room, "a")
        self.broker.goDown()
        self.publish(self.others.room("h"), *"bcdefgh")
        self.broker.goUp()
        self.assertEqual(
            session.texts[1:],
            ["1=a", "gap 3", "4=d", "5=e", "6=f", "7=g", "8=h"],
        )
        self.assertEqual(self.rooms.counters.gaps, 1)

    def test_epoch(self) -> None:
        """A broker that has lost all begins a new epoch: there is a gap, and everything
        it holds is new."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.publish(room, "a", "b")
        self.broker.goDown()
        self.store._logs.clear()
        self.publish(self.others.room("h"), "x")
        self.broker.goUp()
        self.publish(self.others.room("h"), "y")
        self.assertEqual(session.texts[1:], ["1=a", "2=b", "gap 0", "1=x", "2=y"])

    def test_lostCount(self) -> None:
        """One that has lost its last messages, and counts on from there, has a gap, and
        what is new comes."""
        room = self.rooms.room("h")
        session = self.join(room)
        [first, _, _] = self.publish(room, "a", "b", "c")
        self.broker.goDown()
        log = self.store.log("h")
        assert first is not None
        log.latest = first
        self.broker.goUp()
        self.publish(self.others.room("h"), "x")
        self.assertEqual(session.texts[1:], ["1=a", "2=b", "3=c", "gap 1", "2=x"])

    def test_withoutHistory(self) -> None:
        """Members of a room without a history are told that they may have missed
        something."""
        room = self.rooms.room("r")
        session = self.join(room)
        self.publish(room, "a")
        self.broker.goDown()
        self.publish(self.others.room("r"), "b")
        self.broker.goUp()
        self.publish(self.others.room("r"), "c")
        self.assertEqual(session.texts[1:], ["a", "gap -", "c"])

    def test_hole(self) -> None:
        """What is lost on the way is read when something newer comes."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.broker.deaf = True
        self.publish(self.others.room("h"), "a", "b")
        self.broker.deaf = False
        self.publish(self.others.room("h"), "c")
        self.assertEqual(session.texts[1:], ["1=a", "2=b", "3=c"])

    def test_twice(self) -> None:
        """What comes twice is told once."""
        room = self.rooms.room("h")
        session = self.join(room)
        [position] = self.publish(self.others.room("h"), "a")
        room.received(Entry("a", position))
        self.assertEqual(session.texts[1:], ["1=a"])

    def test_neverThere(self) -> None:
        """What came live and is in no history is told after a gap, in bounded work."""
        room = self.rooms.room("h")
        session = self.join(room)
        [first] = self.publish(self.others.room("h"), "a")
        assert first is not None
        asked = len(self.broker.calls)
        room.received(Entry("z", Position(first.epoch, 9)))
        self.assertLess(len(self.broker.calls) - asked, 5)
        room.received(Entry("y", Position(first.epoch, 10)))
        self.assertEqual(session.texts[1:], ["1=a", "gap 8", "9=z", "10=y"])

    def test_noAnswer(self) -> None:
        """A broker that is up and does not answer is asked again, later and later."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.broker.slow = True
        self.broker.deaf = True
        self.publish(self.others.room("h"), "a")
        self.broker.deaf = False
        self.publish(self.others.room("h"), "b")
        waits = []
        for _ in range(10):
            self.broker.refuse()
            [call] = self.clock.getDelayedCalls()
            waits.append(call.getTime() - self.clock.seconds())
            self.clock.advance(waits[-1])
        self.assertLess(waits[0], 1)
        self.assertTrue(all(wait <= 30 for wait in waits))
        self.assertGreater(waits[-1], 10)
        self.broker.answer()
        # By now the history has lost the one that did not come.
        self.assertEqual(session.texts[1:], ["gap 1", "2=b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopMeanwhile(self) -> None:
        """Nothing is left to do when the rooms stop while it is asked again."""
        self.test_noAnswer()
        self.broker.slow = True
        self.rooms.room("h").received(Entry("x", Position("other", 3)))
        self.broker.refuse()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.rooms.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_downAtStart(self) -> None:
        """Rooms whose broker is down from the beginning are there when it comes up."""
        self.broker.goDown()
        room, session = self.rooms.room("h"), FakeSession()
        self.failureResultOf(room.join(session), BrokerUnavailable)
        self.assertFalse(self.rooms.up)
        self.assertFalse(self.rooms.counters.up)
        self.broker.goUp()
        self.assertTrue(self.rooms.up)
        self.assertTrue(self.rooms.counters.up)
        self.successResultOf(room.join(session))

    def test_leftMeanwhile(self) -> None:
        """A room that everybody leaves while the broker is away is begun anew."""
        room = self.rooms.room("h")
        session = self.join(room)
        self.broker.goDown()
        room.leave(session)
        self.publish(self.others.room("h"), *"abcdefg")
        self.broker.goUp()
        self.assertEqual(self.join(room).texts, ["joined h at 7"])
        self.assertEqual(self.rooms.counters.gaps, 0)

    def test_unsubscribes(self) -> None:
        """A process hears nothing of rooms in which it has nobody."""
        room = self.rooms.room("h")
        session = self.join(room)
        room.leave(session)
        self.assertEqual(self.store.subscribers("h"), [])
        session = self.join(room)
        self.publish(self.others.room("h"), "a")
        self.assertEqual(session.texts, ["joined h at 0", "1=a"])


class PieceTests(RoomsTestCase):
    """Odd things that a broker may say."""

    def test_positionless(self) -> None:
        """Where another process believes that the room has no history, its messages are
        told without a position, and the others' are not disturbed."""
        room = self.rooms.room("h")
        session = self.join(room)
        stray: Any = self.others.broker.publish("h", "stray", 0, 1.0)
        self.successResultOf(stray)
        self.publish(room, "a")
        self.assertEqual(session.texts[1:], ["stray", "1=a"])

    def test_values(self) -> None:
        """Positions and pieces of history are values."""
        position = Position.parse("a:1")
        self.assertEqual(position, Position("a", 1))
        self.assertEqual(len({position, Position("a", 1)}), 1)
        self.assertEqual(position.following, Position("a", 2))
        self.assertEqual(position.preceding, Position("a", 0))
        self.assertEqual(position.after(Position("a", 5)), -4)
        self.assertTrue(History((), position).complete)
