"""Tests of `txsockjs.rooms.directory` and of the options of rooms."""

from __future__ import annotations

import gc
from typing import Any
from unittest import mock

from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from tests.rooms.support import ATTENTIVE, FaultyBroker, RoomsTestCase
from txsockjs.errors import OptionError, RoomValueError
from txsockjs.rooms import RoomOptions, Rooms, RoomsOptions
from txsockjs.rooms import directory as module
from txsockjs.rooms.interfaces import IBrokerListener


class RoomsTests(RoomsTestCase):
    """Rooms by their names."""

    def test_same(self) -> None:
        """A name is one room as long as anybody knows it; then nothing is left."""
        room = self.rooms.room("r")
        self.assertIs(self.rooms.room("r"), room)
        self.join(room)
        del room
        gc.collect()
        self.assertEqual(len(self.rooms.room("r")), 1)
        for number in range(100):
            self.rooms.room(f"r{number}")
        gc.collect()
        self.assertEqual(len(self.rooms._rooms), 1)

    def test_url(self) -> None:
        """The URL of a broker is none: the error tells what makes one of it."""
        url: Any = "redis://127.0.0.1"
        with self.assertRaises(TypeError) as raised:
            Rooms(url)
        self.assertIn("RedisBroker(reactor, URL)", str(raised.exception))

    def test_names(self) -> None:
        """A name is a text that is not empty, not too long, and can be written down."""
        rooms = self.start(FaultyBroker(self.clock), max_name=4)
        for name in "éé", "abcd", " ", "\x00":
            self.assertEqual(rooms.room(name).name, name)
        for name in "", "éé1", "abcde", "\ud800", b"r", None, 1:
            self.assertRaises(RoomValueError, rooms.room, name)

    def test_patterns(self) -> None:
        """Options are those of a room's name, or of the first pattern that fits, or the
        defaults."""
        self.rooms.configure("a*", history=1)
        self.rooms.configure("ab*", history=2)
        self.assertEqual(self.rooms.room("abc").options, RoomOptions(history=1))
        named = self.rooms.room("axe", history=3, history_ttl=5)
        self.assertEqual(named.options, RoomOptions(history=3, history_ttl=5))
        self.assertEqual(self.rooms.room("b").options, RoomOptions())
        self.assertEqual(self.rooms.room("A").options, RoomOptions())

    def test_named(self) -> None:
        """Options by name stay when the room is not used for a while, and are never two
        sets."""
        self.rooms.room("r", history=3)
        gc.collect()
        self.assertEqual(self.rooms.room("r").options.history, 3)
        self.rooms.room("r", history=3)
        self.assertRaises(RoomValueError, self.rooms.room, "r", history=4)
        room = self.rooms.room("other")
        self.assertRaises(RoomValueError, self.rooms.room, "other", history=4)
        self.assertEqual(room.options.history, 0)

    def test_tooManyNamed(self) -> None:
        """Of rooms that have options by their names there are not too many."""
        with mock.patch.object(module, "_MOST_NAMED", 2):
            for name in "ab":
                self.rooms.room(name, history=1)
            self.rooms.room("a", history=1)
            error = self.assertRaises(RoomValueError, self.rooms.room, "c", history=1)
        self.assertIn("configure()", str(error))

    def test_badOptions(self) -> None:
        """An option that is unknown, or has a value that it cannot have, is an error
        with its name."""
        for options in (
            {"histroy": 1},
            {"history": -1},
            {"history": 100_001},
            {"history_ttl": 0},
            {"max_members": 0},
        ):
            [name] = options
            error = self.assertRaises(OptionError, self.rooms.room, "r", **options)
            self.assertIn(name, str(error))
            self.assertRaises(OptionError, self.rooms.configure, "*", **options)
        for bad in "max_rooms", "max_name", "max_info", "max_message", "max_waiting":
            self.assertRaises(OptionError, Rooms, None, {bad: 0})
        self.assertRaises(OptionError, Rooms, None, {"history": 1})
        options = RoomsOptions(max_rooms=1)
        self.assertIs(RoomsOptions.of(options), options)

    def test_life(self) -> None:
        """When the rooms stop, all have left, and others hear of it. They can be
        started again; to stop and to start twice is as once."""
        room, elsewhere = self.rooms.room("h"), self.others.room("h")
        watching = self.join(elsewhere)
        session = self.join(room, info="ada")
        self.successResultOf(self.rooms.stop())
        self.successResultOf(self.rooms.stop())
        self.assertEqual(watching.texts[1:], ["+ada", "-ada"])
        self.assertEqual((len(room), session.watched), (0, 0))
        self.assertFalse(self.rooms.counters.up)
        self.rooms.start()
        self.rooms.start()
        self.successResultOf(room.join(session, info="ada"))
        self.assertEqual(self.names(elsewhere), {"ada"})

    def test_whenUp(self) -> None:
        """Who waits for the broker is told when it can be asked, or at once."""
        self.successResultOf(self.rooms.whenUp())
        self.broker.goDown()
        waiting, given = self.rooms.whenUp(), self.rooms.whenUp()
        given.addErrback(lambda reason: None).cancel()
        self.assertNoResult(waiting)
        self.broker.goUp()
        self.successResultOf(waiting)

    def test_notAllAtOnce(self) -> None:
        """When the broker is back, so many rooms ask it at a time; all of them do."""
        sessions = [self.join(self.rooms.room(f"h{n}")) for n in range(250)]
        self.broker.goDown()
        self.broker.slow = True
        del self.broker.calls[:]
        self.broker.goUp()
        self.assertEqual(self.broker.calls, ["subscribe"] * 100)
        self.broker.answer()
        self.broker.slow = False
        self.broker.answer()
        for number in range(250):
            self.publish(self.others.room(f"h{number}"), "a")
        self.assertEqual([session.texts[1:] for session in sessions], [["1=a"]] * 250)

    def test_listener(self) -> None:
        """What the broker talks to is what it needs, whole."""
        verifyObject(IBrokerListener, self.broker._listener)

    def test_counters(self) -> None:
        """What was done is counted."""
        room = self.rooms.room("h")
        sessions = [self.join(room) for _ in range(3)]
        self.publish(room, "a", "b")
        self.join(self.rooms.room("h2"), recent=1)
        room.leave(sessions[0])
        counters = self.rooms.counters
        self.assertEqual((counters.rooms, counters.members), (2, 3))
        self.assertEqual((counters.published, counters.delivered), (2, 6))
        self.assertEqual((counters.recovered, counters.gaps), (0, 0))
        self.join(room, recent=2)
        self.assertEqual((counters.delivered, counters.recovered), (8, 2))
        self.assertTrue(counters.up)

    def test_ownBroker(self) -> None:
        """Without a broker they are those of this process."""
        rooms = Rooms(clock=Clock(), name="mine")
        self.addCleanup(rooms.stop)
        self.assertTrue(rooms.up)
        self.assertEqual(rooms.counters.name, "mine")
        session = self.join(rooms.room("r"), wording=None)
        self.publish(rooms.room("r"), "a")
        self.assertEqual(session.texts, ["a"])


class PresenceTests(RoomsTestCase):
    """Who is present."""

    def test_members(self) -> None:
        """Those that joined with an info are present everywhere, until they leave."""
        first = self.join(self.rooms.room("r"), info="ada")
        self.join(self.others.room("r"), info="bob")
        self.join(self.rooms.room("r"))
        for rooms in self.rooms, self.others:
            self.assertEqual(self.names(rooms.room("r")), {"ada", "bob"})
        first.end()
        self.assertEqual(self.names(self.others.room("r")), {"bob"})

    def test_events(self) -> None:
        """Those that are there hear of others that come and go, not of themselves."""
        first = self.join(self.rooms.room("r"), info="ada")
        second = self.join(self.others.room("r"), info="bob")
        plain = self.join(self.rooms.room("r"), wording=None)
        self.others.room("r").leave(second)
        self.rooms.room("r").leave(first)
        self.assertEqual(first.texts, ["joined r at -", "+bob", "-bob"])
        self.assertEqual(second.texts, ["joined r at -"])
        self.assertEqual(plain.texts, [])

    def test_notJSON(self) -> None:
        """An info that a broker has made up is None."""
        session = self.join(self.rooms.room("r"))
        self.broker.enter("r", {"m-1": "{", "m-2": "[" * 100_000})
        self.assertEqual(session.texts[1:], ["+None", "+None"])
        self.assertEqual(self.names(self.rooms.room("r")), {None})

    def test_outage(self) -> None:
        """After the broker was away all are present again, also where it has forgotten
        them; those that want to know are told who is."""
        watching = self.join(self.rooms.room("r"), info="ada", wording=ATTENTIVE)
        quiet = self.join(self.rooms.room("r"))
        self.broker.goDown()
        other = self.join(self.others.room("r"), info="bob")
        self.broker.goUp()
        self.assertEqual(self.names(self.others.room("r")), {"ada", "bob"})
        self.assertEqual(watching.texts[1:], ["present ada bob", "gap -"])
        self.assertEqual(quiet.texts[1:], ["gap -", "+ada"])
        self.assertEqual(other.texts[1:], ["+ada"])

    def test_leftMeanwhile(self) -> None:
        """Who has left while it was away is not present again."""
        room = self.rooms.room("r")
        session, _ = self.join(room, info="ada"), self.join(room, info="bob")
        self.broker.goDown()
        self.successResultOf(room.leave(session))
        self.broker.goUp()
        self.assertEqual(self.names(room), {"bob"})
