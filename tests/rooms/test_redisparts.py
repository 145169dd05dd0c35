"""Tests of what `RedisBroker <txsockjs.rooms.redis.RedisBroker>` is made of, alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.redishistory import PAGE_ENTRIES, readHistory, readRecent
from txsockjs.rooms.rediskeys import (
    MOST_TEXT,
    Joined,
    Keys,
    Left,
    decode,
    encode,
    readEvent,
    readMember,
)
from txsockjs.rooms.redisurl import Login, RedisURL
from txsockjs.rooms.values import Entry, History, Position

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


def hashTag(key: bytes) -> bytes:
    """What a Redis Cluster goes by (Redis Cluster specification, "Hash tags")."""
    _, brace, rest = key.partition(b"{")
    tag, end, _ = rest.partition(b"}")
    return tag if brace and end and tag else key


class KeysTests(SynchronousTestCase):
    """`Keys`, and what is said on a channel."""

    @given(NAMES, NAMES)
    def test_names(self, one: str, other: str) -> None:
        """The keys of a room are in one slot of a cluster, and no other room's."""
        first, second = (Keys.of("p", 0, room) for room in (one, other))
        keys = [first.head, first.stream, first.members, first.leases, first.channel]
        self.assertEqual(len(set(keys)), 5)
        tags = set(map(hashTag, keys))
        self.assertEqual(len(tags), 1)
        self.assertNotIn(tags.pop(), (b"", *keys))
        self.assertEqual(first == second, one == other)

    def test_databases(self) -> None:
        """Channels are those of a database."""
        first, second = (Keys.of("p", database, "r") for database in (0, 1))
        self.assertNotEqual(first.channel, second.channel)
        self.assertEqual(first.channel, b"p:{r}:channel:0")

    @given(st.text(st.characters()))
    def test_text(self, text: str) -> None:
        """Any text is read as it was written, lone surrogates too."""
        self.assertEqual(decode(encode(text)), text)
        data = encode(text)
        self.assertEqual(readEvent(b"n" + data), Entry(text))
        position = Position("e", 7)
        self.assertEqual(readEvent(b"me:7:" + data), Entry(text, position))
        self.assertEqual(readEvent(b"ja-1:" + data), Joined("a-1", text))
        self.assertEqual(readEvent(b"la.1:" + data), Left("a.1", text))
        self.assertEqual(readMember(b"process:" + data), text)

    @given(st.binary(max_size=64))
    def test_anything(self, data: bytes) -> None:
        """Whatever comes is an event or a ValueError."""
        for read in readEvent, decode, readMember:
            with contextlib.suppress(ValueError):
                read(data)

    def test_large(self) -> None:
        """A text has a limit."""
        decode(b"x" * MOST_TEXT)
        self.assertRaises(ValueError, decode, b"x" * (MOST_TEXT + 1))
        self.assertRaises(ValueError, readEvent, b"n" + b"x" * (MOST_TEXT + 1))


class URLTests(SynchronousTestCase):
    """`RedisURL`."""

    def test_forms(self) -> None:
        """Each form of a URL says what it should."""
        for text, expected in {
            "redis://h": {"hosts": (("h", 6379),)},
            "redis://[::1]:1/2": {"hosts": (("::1", 1),), "database": 2},
            "rediss://h": {"hosts": (("h", 6379),), "secure": True},
            "redis://:p%40%2F@h": {"login": Login(None, "p@/")},
            "redis://u%3A:p@h": {"login": Login("u:", "p")},
            "unix:///a%20b?db=3": {"path": "/a b", "database": 3},
            "unix://u:p@/a": {"path": "/a", "login": Login("u", "p")},
            "redis+sentinel://a,b:1/m%20/3": {
                "hosts": (("a", 26379), ("b", 1)),
                "master": "m ",
                "database": 3,
            },
            "rediss+sentinel://:p@a/m?sentinel_user=u&sentinel_password=s": {
                "secure": True,
                "login": Login(None, "p"),
                "sentinelLogin": Login("u", "s"),
            },
        }.items():
            url = RedisURL.parse(text)
            found = {name: getattr(url, name) for name in expected}
            self.assertEqual(found, expected, text)

    def test_secret(self) -> None:
        """A password is in nothing that is shown, whether or not the URL will do."""
        for text in (
            "redis://u:s3cret@h:1/0",
            "unix://:s3cret@/a",
            "rediss+sentinel://:s3cret@a/m?sentinel_password=s3cret",
            "redis://:s3cret/@h",
            "redis://:s3cret#@h",
            "redis://:s3cret?@h",
            "redis://:[s3cret@h",
            "redis://:\u2100s3cret@h",
            "redis://s3cret@h",
            "redis://h:s3cret",
            "redis://h/s3cret",
        ):
            try:
                shown = repr(RedisURL.parse(text))
            except ValueError as error:
                shown = str(error)
            self.assertNotIn("s3cret", shown)

    def test_wrong(self) -> None:
        """What is none is refused, with what there is."""
        for text in (
            "",
            "h:1",
            "http://h",
            "redis://",
            "redis://:1",
            "redis://a,b",
            "redis://h:65536",
            "redis://h/-1",
            "redis://h/0/1",
            "redis://h?db=1",
            "redis://u@h",
            "unix://h/a",
            "unix:///",
            "unix:///a?db=x",
            "unix:///a?x=1",
            "redis+sentinel://a",
            "redis+sentinel:///m",
        ):
            with self.assertRaises(ValueError, msg=text) as raised:
                RedisURL.parse(text)
            self.assertIn("it is redis://", str(raised.exception))

    def test_endpoints(self) -> None:
        """The endpoint is the one of the host, over TLS where it says so."""
        reactor = MemoryReactorClock()
        kinds = {}
        for text in "redis://h", "rediss://h", "unix:///a":
            url = RedisURL.parse(text)
            kinds[text] = type(url.endpoint(reactor, "h", 1, 5.0))
        self.assertIs(kinds["redis://h"], HostnameEndpoint)
        self.assertIs(kinds["unix:///a"], UNIXClientEndpoint)
        self.assertEqual(kinds["rediss://h"].__name__, "_WrapperEndpoint")


class Pages:
    """
    A history that is read in pages, and changes between them.

    :ivar before: called before each page but the first.
    """

    def __init__(self, newest: int, oldest: int = 1, page: int = 3) -> None:
        self.epoch, self.newest, self.oldest, self.page = "e", newest, oldest, page
        self.before: Callable[[], object] = lambda: None
        self.asked: list[tuple[str, int, int]] = []

    def ask(self, epoch: str, offset: int, count: int) -> Deferred[Any]:
        if self.asked:
            self.before()
        self.asked.append((epoch, offset, count))
        first = 1
        if epoch == "":
            first = max(1, self.newest - offset + 1)
        elif epoch == self.epoch:
            first = offset + 1
        first = max(first, self.oldest)
        offsets = range(first, min(first + self.page, self.newest + 1))
        found = [self.epoch.encode(), b"%d" % self.newest]
        for each in offsets:
            found += [b"%d" % each, f"{self.epoch}{each}".encode()]
        return succeed(found)


class HistoryTests(SynchronousTestCase):
    """`readHistory` and `readRecent`."""

    def read(self, pages: Pages, since: Position) -> History:
        return self.successResultOf(
            Deferred.fromCoroutine(readHistory(pages.ask, since))
        )

    def recent(self, pages: Pages, count: int) -> History:
        return self.successResultOf(
            Deferred.fromCoroutine(readRecent(pages.ask, count))
        )

    def assertHistory(
        self, history: History, offsets: range, complete: bool, epoch: str = "e"
    ) -> None:
        texts = [f"{epoch}{each}" for each in offsets]
        self.assertEqual([entry.text for entry in history.entries], texts)
        self.assertEqual(
            [entry.position for entry in history.entries],
            [Position(epoch, each) for each in offsets],
        )
        self.assertEqual(history.complete, complete)
        if texts:
            self.assertEqual(history.latest, history.entries[-1].position)

    def test_pages(self) -> None:
        """All pages are read, none more often than it has to be."""
        for newest, asked in (4, 1), (5, 1), (7, 2), (10, 3):
            pages = Pages(newest)
            history = self.read(pages, Position("e", 2))
            self.assertHistory(history, range(3, newest + 1), True)
            self.assertEqual(len(pages.asked), asked)
        self.assertEqual(pages.asked[0], ("e", 2, PAGE_ENTRIES))

    def test_nothing(self) -> None:
        """Nothing new is complete; beyond the newest nothing is."""
        self.assertHistory(self.read(Pages(4), Position("e", 4)), range(0), True)
        history = self.read(Pages(4), Position("e", 5))
        self.assertHistory(history, range(0), False)
        self.assertEqual(history.latest, Position("e", 4))

    def test_growing(self) -> None:
        """What is published while it is read does not keep it reading."""
        pages = Pages(8)

        def publish() -> None:
            pages.newest += 100

        pages.before = publish
        history = self.read(pages, Position("e", 0))
        self.assertHistory(history, range(1, 10), True)
        self.assertEqual(len(pages.asked), 3)

    def test_trimmed(self) -> None:
        """What goes while it is read is missing, and said to be; the rest is whole."""
        pages = Pages(9)
        pages.before = lambda: setattr(pages, "oldest", 6)
        history = self.read(pages, Position("e", 0))
        self.assertHistory(history, range(6, 10), False)

    def test_gone(self) -> None:
        """Where all goes meanwhile, there is nothing, and that is not complete."""
        pages = Pages(9)
        pages.before = lambda: setattr(pages, "oldest", 100)
        history = self.read(pages, Position("e", 0))
        self.assertHistory(history, range(0), False)
        self.assertEqual(history.latest, Position("e", 9))

    def test_otherEpoch(self) -> None:
        """One of another epoch is read from its beginning; also where that begins while
        it is read."""
        history = self.read(Pages(7, 2), Position("other", 5))
        self.assertHistory(history, range(2, 8), False)
        pages = Pages(7)

        def begin() -> None:
            pages.epoch, pages.newest = "f", 4

        pages.before = begin
        history = self.read(pages, Position("e", 0))
        self.assertHistory(history, range(1, 5), False, "f")

    def test_restless(self) -> None:
        """One that begins anew all the time is given up."""
        pages = Pages(100)
        pages.before = lambda: setattr(pages, "epoch", pages.epoch + "x")
        reading = Deferred.fromCoroutine(readHistory(pages.ask, Position("e", 0)))
        self.failureResultOf(reading, BrokerUnavailable)
        self.assertLess(len(pages.asked), 10)

    def test_recent(self) -> None:
        """The newest are read, over several pages too."""
        for count in 0, 1, 3, 4, 8:
            pages = Pages(9, 3)
            history = self.recent(pages, count)
            self.assertHistory(history, range(max(3, 10 - count), 10), True)
            self.assertEqual(history.latest, Position("e", 9))

    def test_recentGrowing(self) -> None:
        """No more than were asked for, whatever comes meanwhile."""
        pages = Pages(9)

        def publish() -> None:
            pages.newest += 2

        pages.before = publish
        history = self.recent(pages, 5)
        self.assertEqual(len(history.entries), 5)
        self.assertTrue(history.complete)

    def test_recentTrimmed(self) -> None:
        """What goes meanwhile leaves no hole."""
        pages = Pages(9)
        pages.before = lambda: setattr(pages, "oldest", 8)
        history = self.recent(pages, 8)
        self.assertHistory(history, range(8, 10), True)
