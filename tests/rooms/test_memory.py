"""Tests of `txsockjs.rooms.memory`."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.rooms.contract import BrokerContract
from tests.rooms.listening import Listener
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.memory import MemoryBroker, MemoryStore


class MemoryContractTests(BrokerContract, TestCase):
    """The contract, in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)

    def makeBroker(self) -> IBroker:
        return MemoryBroker(store=self.store)

    def passTime(self, seconds: float) -> Awaitable[object]:
        self.clock.advance(seconds)
        return succeed(None)


class StoreTests(SynchronousTestCase):
    """What histories take is bounded."""

    def setUp(self) -> None:
        self.clock = Clock()

    def texts(self, store: MemoryStore, room: str) -> list[str]:
        """What the history of a room holds."""
        return [entry.text for entry in store.log(room).entries]

    def test_rooms(self) -> None:
        """Past so many rooms, the one that was quiet for longest is forgotten, and
        begins anew."""
        store = MemoryStore(self.clock, maxRooms=2)
        for room in "ab":
            store.append(room, "x", 5, 60)
        epochs = {room: store.log(room).latest.epoch for room in "ab"}
        store.append("a", "y", 5, 60)
        store.append("c", "x", 5, 60)
        self.assertEqual(self.texts(store, "a"), ["x", "y"])
        self.assertEqual(store.log("a").latest.epoch, epochs["a"])
        self.assertEqual(self.texts(store, "b"), [])
        self.assertNotEqual(store.log("b").latest.epoch, epochs["b"])

    def test_bytes(self) -> None:
        """Past so many bytes, the oldest messages of the room that was quiet for
        longest go, then those of the next one."""
        store = MemoryStore(self.clock, maxBytes=3 * 300)
        for room, text in ("a", "1"), ("a", "2"), ("b", "3"):
            store.append(room, text * 100, 5, 60)
        store.append("b", "4" * 100, 5, 60)
        self.assertEqual(self.texts(store, "a"), ["2" * 100])
        store.append("b", "5" * 400, 5, 60)
        self.assertEqual(self.texts(store, "a"), [])
        self.assertEqual(self.texts(store, "b"), ["4" * 100, "5" * 400])
        self.assertEqual(store.log("a").latest.offset, 2)
        store.append("b", "6" * 1000, 5, 60)
        self.assertEqual((self.texts(store, "b"), store.size), ([], 0))

    def test_age(self) -> None:
        """What is too old makes room when something new comes."""
        store = MemoryStore(self.clock)
        store.append("a", "x", 5, 60)
        store.append("b", "x", 5, 600)
        self.clock.advance(61)
        before = store.size
        store.append("c", "x", 5, 60)
        self.assertEqual(store.size, before)
        self.assertEqual(self.texts(store, "a"), [])
        self.assertEqual(self.texts(store, "b"), ["x"])

    def test_forgotten(self) -> None:
        """A position is kept for a day after the last message, or as long as that."""
        store = MemoryStore(self.clock)
        kept = store.append("a", "x", 5, 60).position
        long = store.append("b", "x", 5, 100_000).position
        self.clock.advance(86_399)
        self.assertEqual(store.log("a").latest, kept)
        self.clock.advance(2)
        self.assertEqual(store.log("a").latest.offset, 0)
        self.assertEqual(store.log("b").latest, long)

    def test_presence(self) -> None:
        """Nothing is left of a room that nobody is present in."""
        broker = MemoryBroker(self.clock)
        broker.start(Listener())
        broker.enter("r", {"a": "1"})
        broker.leave("r", ["a"])
        broker.subscribe("r")
        broker.unsubscribe("r")
        store = broker._store
        self.assertEqual((store._present, store._subscribers), ({}, {}))
        self.assertEqual((broker._entered, broker._subscribed), ({}, set()))
