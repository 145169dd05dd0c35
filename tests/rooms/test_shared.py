"""Tests of `txsockjs.rooms.shared`, by ``twistd sockjs --rooms`` and ``--room``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet.protocol import Factory
from twisted.python.usage import UsageError

from tests.test_tap import ECHO, TapTestCase
from txsockjs.rooms import MemoryBroker, RoomsFactory
from txsockjs.rooms.redis import RedisBroker

#: What the command line names.
first: Any = None
second: Any = None
other: Any = None


class Own(Factory):
    """A service of somebody's own."""

    rooms: Any = None
    needsRooms = True


class SharedRoomsTests(TapTestCase):
    """``--rooms`` and ``--room``."""

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second, self.other = RoomsFactory(), Own(), Own()
        self.other.needsRooms = False
        services: list[str] = []
        for name in "first", "second", "other":
            self.patch(sys.modules[__name__], name, getattr(self, name))
            services += ["--service", f"{name}={__name__}.{name}"]
        self.services = services

    def serve(self, *arguments: str) -> Any:
        """Serve all three, until the test ends; the rooms of the first one."""
        self.service = self.start(*self.services, *arguments)
        self.addCleanup(self.service.stopService)
        self.reactor.advance(0)
        return self.first.rooms

    def test_given(self) -> None:
        """Services that ask for rooms get the same ones, and others get none."""
        rooms = self.serve("--rooms", "memory:")
        self.assertIsInstance(rooms.broker, MemoryBroker)
        self.assertIs(self.second.rooms, rooms)
        self.assertIs(self.other.rooms, None)

    def test_notYet(self) -> None:
        """Nothing is connected before the service is started: twistd forks first."""
        options = self.parse(*self.services, "--rooms", "unix:///run/redis")
        self.reactor.advance(60)
        self.assertEqual(self.reactor.unixClients, [])
        self.assertTrue(self.first.needsRooms)
        self.assertIs(options.rooms.rooms, None)

    def test_redis(self) -> None:
        """The URL of a Redis has them joined by that."""
        rooms = self.serve("--rooms", "unix:///run/redis")
        self.assertIsInstance(rooms.broker, RedisBroker)
        self.assertEqual(self.reactor.unixClients[0][0], "/run/redis")

    def test_metrics(self) -> None:
        """The metrics of the process have those of the rooms."""
        self.serve("--rooms", "memory:", "--metrics", "tcp:91")
        [site] = [server[1] for server in self.reactor.tcpServers if server[0] == 91]
        registry = site.resource.children[b"metrics"]._registry
        labels = {"rooms": "rooms"}
        self.assertEqual(registry.get_sample_value("sockjs_rooms_broker_up", labels), 1)

    def test_file(self) -> None:
        """The URL may be in a file."""
        Path("url").write_text("unix://:pw@/run/redis\n")
        self.serve("--rooms", "@url")
        self.assertEqual(self.reactor.unixClients[0][0], "/run/redis")

    def test_options(self) -> None:
        """The first pattern that fits a name has all options of its rooms."""
        rooms = self.serve(
            *("--room", "team-*:history=5", "--room", "*:history=9"),
            *("--room", "team-*:history_ttl=60", "--room", "*:max_members=3"),
        )
        team, any_ = rooms.room("team-a").options, rooms.room("x").options
        self.assertEqual((team.history, team.history_ttl), (5, 60.0))
        self.assertEqual((any_.history, any_.max_members), (9, 3))
        self.assertEqual(team.max_members, 10_000)

    def test_stopped(self) -> None:
        """They are stopped with the service, after the sessions, and start again with
        it."""
        rooms = self.serve("--rooms", "memory:")
        order: list[str] = []
        closing = self.service.site.closeSessions
        stop = rooms.stop
        with (
            mock.patch.object(rooms, "stop", lambda: order.append("rooms") or stop()),
            mock.patch.object(
                self.service.site,
                "closeSessions",
                lambda: order.append("sessions") or closing(),
            ),
        ):
            self.successResultOf(self.service.stopService())
        self.assertEqual(order, ["sessions", "rooms"])
        self.assertFalse(rooms.up)
        self.service.privilegedStartService()
        self.service.startService()
        self.assertIs(self.first.rooms, rooms)
        self.assertTrue(rooms.up)

    def assertUsageError(self, words: str, *arguments: str) -> None:
        message = str(self.assertRaises(UsageError, self.parse, *arguments))
        self.assertEqual(len(message.splitlines()), 1, message)
        self.assertIn(words, message)

    def test_wrong(self) -> None:
        """What cannot be used is said to be, in one line without the password."""
        for words, *arguments in (
            ("--rooms: no URL of a Redis: the scheme 'http'", "--rooms", "http://x"),
            ("--rooms: @no-such: [Errno 2]", "--rooms", "@no-such"),
            ("--room history=5: it takes PATTERN:NAME", "--room", "history=5"),
            ("--room *:history: it takes PATTERN:NAME", "--room", "*:history"),
            ("'colour'", "--room", "*:colour=red"),
            ("'history'", "--room", "*:history=many"),
        ):
            self.assertUsageError(words, *self.services, *arguments)
        wrong = "redis://:s3cret/@host"
        options = [*self.services, "--rooms", wrong]
        message = str(self.assertRaises(UsageError, self.parse, *options))
        self.assertNotIn("s3cret", message)

    def test_nobody(self) -> None:
        """Rooms that no service asks for are refused."""
        for services in ([], ["--service", ECHO]):
            for option in (["--rooms", "memory:"], ["--room", "*:history=5"]):
                words = "no service asks for rooms"
                self.assertUsageError(words, *services, *option)

    def test_noExtra(self) -> None:
        """Without the extra, it is said what to install."""
        name = "txsockjs.rooms.redis"
        with mock.patch.dict(sys.modules, {name: None, "txredisapi": None}):
            arguments = [*self.services, "--rooms", "redis://127.0.0.1"]
            self.assertUsageError("install txsockjs[redis]", *arguments)
