"""Rooms over a Redis that is killed and comes back, while everybody talks."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.rooms.support import FakeSession
from tests.support.programs.redis import Redis
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import Position, Rooms, Wording
from txsockjs.rooms.redis import RedisBroker


class Numbered(Wording):
    """
    Tells positions, and gaps.
    """

    def message(self, room: str, position: Position | None, text: str) -> str:
        return f"{position} {text}"

    def gap(self, room: str, position: Position | None) -> str:
        return "gap"


class OutageTests(TestCase):
    """Two processes' rooms, in one."""

    timeout = 120

    async def setUp(self) -> None:
        self.redis = await Redis(self, "--appendonly", "yes").start()
        self.rooms = [await self.start() for _ in range(2)]

    async def start(self) -> Rooms:
        rooms = Rooms(RedisBroker(reactor, self.redis.url))
        rooms.configure("*", history=5000, history_ttl=600)
        self.addCleanup(rooms.stop)
        await rooms.whenUp()
        return rooms

    async def talk(self, rooms: Rooms, name: str, taken: list[str]) -> None:
        """
        Publish until told to end; whatever is not taken is said again.
        """
        room = rooms.room("r")
        number = 0
        while not self.over:
            text = f"{name}{number}"
            try:
                await room.publish(text)
            except BrokerUnavailable:
                # It may be there, too.
                await rooms.whenUp()
            else:
                taken.append(text)
            number += 1
            await task.deferLater(reactor, 0)

    async def visit(self, rooms: Rooms, heard: list[str]) -> None:
        """
        Come and go, each time with the position that was seen last.
        """
        room, since = rooms.room("r"), None
        while not self.over:
            session = FakeSession()
            try:
                joined = await room.join(session, since=since, wording=Numbered())
                if since is not None:
                    self.assertTrue(joined.recovered)
            except BrokerUnavailable:
                await rooms.whenUp()
            await task.deferLater(reactor, 0.01)
            room.leave(session)
            heard += session.texts
            if session.texts:
                since = session.texts[-1].partition(" ")[0]

    def assertWhole(self, heard: list[str], taken: set[str]) -> None:
        """
        It is in order, without a hole, nothing twice; and all that was taken meanwhile.
        """
        offsets = [int(told.partition(" ")[0].partition(":")[2]) for told in heard]
        self.assertEqual(offsets, [*range(offsets[0], offsets[0] + len(offsets))])
        self.assertEqual(taken - {told.partition(" ")[2] for told in heard}, set())

    async def test_killed(self) -> None:
        """Who stays and who comes and goes hears everything once and in order, though
        Redis is killed three times."""
        self.over = False
        room = [rooms.room("r") for rooms in self.rooms]
        staying = [FakeSession() for _ in range(20)]
        for number, session in enumerate(staying):
            await room[number % 2].join(session, info=number, wording=Numbered())
        taken: list[str] = []
        visits: list[list[str]] = [[] for _ in range(4)]
        running: list[Deferred[Any]] = [
            Deferred.fromCoroutine(self.talk(self.rooms[number % 2], name, taken))
            for number, name in enumerate("abcd")
        ]
        running += [
            Deferred.fromCoroutine(self.visit(self.rooms[number % 2], heard))
            for number, heard in enumerate(visits)
        ]
        for _ in range(3):
            await task.deferLater(reactor, 0.5)
            await self.redis.kill()
            await task.deferLater(reactor, 0.2)
            await self.redis.start()
            for rooms in self.rooms:
                await rooms.whenUp()
        await task.deferLater(reactor, 0.5)
        self.over = True
        await gatherResults(running)
        await room[0].publish("last")
        while not all(session.texts[-1].endswith(" last") for session in staying):
            await task.deferLater(reactor, 0.01)
        self.assertGreater(len(taken), 100)
        for session in staying:
            self.assertWhole(session.texts, {*taken, "last"})
        for heard in visits:
            self.assertWhole(heard, set())
            self.assertGreater(len(heard), 50)
        self.assertEqual([rooms.counters.gaps for rooms in self.rooms], [0, 0])
        members = await room[0].members()
        self.assertEqual({member.info for member in members}, {*range(20)})
