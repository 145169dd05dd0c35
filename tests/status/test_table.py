"""Tests of the table: `txsockjs.status.census`, `txsockjs.status.window`."""

from __future__ import annotations

import json
from itertools import count

from twisted.internet.address import (
    HostnameAddress,
    IPv4Address,
    IPv6Address,
    UNIXAddress,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.status.support import StatusTestCase
from txsockjs.status import viewer
from txsockjs.status.census import INTERVAL, SHARE, Census, Row, peerName
from txsockjs.status.window import MAX_ROWS, Window


def row(key: int, **more: object) -> Row:
    """A row of the table."""
    values = {
        "service": "chat",
        "key": key,
        "transport": "websocket",
        "peer": f"192.0.2.{key}:5000",
        "since": float(key),
        "pending": 0,
        **more,
    }
    text = f"{values['peer']} {values['transport']} {values['service']}".lower()
    return Row(**values, text=text)  # type: ignore[arg-type]


def view(**more: object) -> dict[str, object]:
    """What a page asks for."""
    return {"first": 0, "count": 10, "sort": "age", "down": True, "number": 1, **more}


class WindowTests(SynchronousTestCase):
    """The part that one viewer sees."""

    def keys(self, rows: list[Row], **more: object) -> list[int]:
        """The keys that are shown, in their order."""
        window = Window()
        window.look(view(**more))
        message = window.changes(rows)
        assert message is not None
        shown = message["rows"]
        assert isinstance(shown, dict)
        return [shown[n][1] for n in sorted(shown)]

    def test_sort(self) -> None:
        """By any column, either way."""
        rows = [
            row(1, pending=5, peer="b:1", transport="xhr", service="news"),
            row(2, pending=9, peer="a:1"),
            row(3, pending=7, peer="c:1", transport="jsonp", service="about"),
        ]
        for sort, keys in (
            ("age", [3, 2, 1]),
            ("pending", [1, 3, 2]),
            ("peer", [2, 1, 3]),
            ("transport", [3, 2, 1]),
            ("service", [3, 2, 1]),
        ):
            self.assertEqual(self.keys(rows, sort=sort, down=False), keys, sort)
            self.assertEqual(self.keys(rows, sort=sort), keys[::-1], sort)

    def test_filter(self) -> None:
        """Rows with a text in them, large or small; how many there are is told."""
        rows = [row(1), row(2, transport="xhr"), row(3, service="News")]
        for text, keys in ("XHR", [2]), (" news ", [3]), ("2.1", [1]), ("nobody", []):
            self.assertEqual(self.keys(rows, filter=text), keys, text)

    def test_part(self) -> None:
        """Only the rows that are seen, and never more than so many."""
        rows = [row(n) for n in range(1000)]
        self.assertEqual(self.keys(rows, first=500, count=3), [500, 501, 502])
        self.assertEqual(len(self.keys(rows, count=10**9)), MAX_ROWS)
        self.assertEqual(self.keys(rows, first=2000), [])

    def test_changes(self) -> None:
        """What is known is not told again; what has changed is."""
        window = Window()
        window.look(view())
        rows = [row(1), row(2)]
        window.changes(rows)
        self.assertIsNone(window.changes(list(rows)))
        rows[1].pending = 8
        message = window.changes(list(rows))
        assert message is not None
        self.assertEqual(message["rows"], {1: rows[1].values})
        message = window.changes(rows[:1])
        assert message is not None
        self.assertEqual((message["rows"], message["matched"]), ({}, 1))

    def test_scroll(self) -> None:
        """Who scrolls is told what comes into sight, and who begins anew, all."""
        window = Window()
        rows = [row(n) for n in range(100)]
        window.look(view(count=10))
        window.changes(rows)
        window.look(view(first=5, count=10))
        message = window.changes(rows)
        assert message is not None
        self.assertEqual(set(message["rows"]), set(range(10, 15)))  # type: ignore[call-overload]
        window.look(view(first=5, count=10, number=2))
        message = window.changes(rows)
        assert message is not None
        self.assertEqual(set(message["rows"]), set(range(5, 15)))  # type: ignore[call-overload]

    def test_asked(self) -> None:
        """Who asks is answered, even if nothing is new; so much of a filter counts."""
        window = Window()
        rows = [row(1)]
        window.look(view())
        window.changes(rows)
        window.look(view())
        told = {"type": "rows", "number": 1, "matched": 1, "total": 1, "rows": {}}
        self.assertEqual(window.changes(rows), told)
        long = row(2, peer="x" * 100)
        window.look(view(filter="X" * 101))
        message = window.changes([*rows, long])
        assert message is not None
        self.assertEqual((message["matched"], message["total"]), (1, 2))
        self.assertEqual(message["rows"], {0: long.values})

    def test_noView(self) -> None:
        """What no page would ask for is refused."""
        for more in (
            {"first": -1},
            {"first": True},
            {"count": "10"},
            {"count": 2**60},
            {"sort": "text"},
            {"sort": ["age"]},
            {"filter": 7},
            {"number": None},
        ):
            self.assertRaises(ValueError, Window().look, view(**more))


class CensusTests(StatusTestCase):
    """All sessions, in small steps."""

    def census(self, spent: float) -> tuple[Census, Clock, list[int]]:
        """
        One of the sessions that there are, of which each step takes so many seconds;
        its clock; and how many rows there were each time it was through.
        """
        clock = Clock()
        times = count(0, spent)
        found: list[int] = []
        census = Census(
            clock,
            self.site.services.values(),
            lambda: found.append(len(census.rows)),
            lambda: float(next(times)),
        )
        self.addCleanup(census.stop)
        for _ in range(450):
            self.users.session("websocket", "/chat")
        return census, clock, found

    def test_share(self) -> None:
        """
        The first time through it does not wait; after that, each step has it wait for
        so long that it stays within its share.
        """
        census, clock, found = self.census(0.01)
        census.start()
        clock.pump([0, 0, 0])
        self.assertEqual(found, [450])
        self.assertTrue(census.complete)
        clock.advance(0.009 / SHARE)
        self.assertEqual(found, [450])
        for known in [450], [450], [450, 450]:
            clock.advance(0.011 / SHARE)
            self.assertEqual(found, known)

    def test_gone(self) -> None:
        """Who goes while it looks is not there the next time; who comes is."""
        census, clock, found = self.census(0)
        census.start()
        clock.pump([0, 0, 0])
        self.users.session("websocket", "/news")
        for info in list(self.site.openSessions("chat"))[:100]:
            self.site.openSessions("chat").abort(info.key)
        self.reactor.settle()
        clock.pump([INTERVAL, 0, 0, 0])
        self.assertEqual(found, [450, 351])
        census.stop()
        self.assertEqual((census.rows, clock.getDelayedCalls()), ([], []))

    def test_peers(self) -> None:
        """An address in few characters, whatever kind it is of and whatever it says."""
        for address, name in (
            (IPv4Address("TCP", "192.0.2.1", 80), "192.0.2.1:80"),
            (IPv6Address("TCP", "2001:db8::1", 80), "[2001:db8::1]:80"),
            (UNIXAddress(b"/run/chat"), "unix:/run/chat"),
            (UNIXAddress(None), "UNIXAddress"),
            (HostnameAddress(b"x", 1), "HostnameAddress:1"),
            (IPv4Address("TCP", "192.0.2.1", 0), "192.0.2.1"),
            (IPv6Address("TCP", "2001:db8::1", 0), "[2001:db8::1]"),
            (IPv4Address("TCP", "9" * 500, 80), "9" * 79 + "…"),
        ):
            self.assertEqual(peerName(address), name)


class TableTests(StatusTestCase):
    """The table, as the page has it."""

    def test_rows(self) -> None:
        """It has the sessions of all services, and follows them."""
        self.users.session("websocket", "/chat")
        looking = self.watch()
        looking.look()
        self.seconds(0.1)
        looking.read()
        [first] = looking.rows.values()
        self.assertEqual(first[:4], ["chat", 1, "192.0.2.7:50000", "websocket"])
        self.users.session("xhr", "/news")
        self.seconds(3)
        looking.read()
        self.assertEqual([each[0] for each in looking.rows.values()], ["chat", "news"])

    def test_pending(self) -> None:
        """What a session has to take is followed: more, and nothing again."""
        session = self.users.session("websocket", "/chat")
        looking = self.watch()
        looking.look()
        self.seconds(0.1)
        looking.read()
        self.assertEqual(looking.rows[0][5], 0)
        session.pauseReading()
        for _ in range(3):
            session.send("x" * 90_000)
        self.seconds(3)
        looking.read()
        self.assertGreater(looking.rows[0][5], 90_000)
        session.resumeReading()
        self.seconds(3)
        looking.read()
        self.assertEqual(looking.rows[0][5], 0)

    def test_notUnderstood(self) -> None:
        """What no page of ours would say ends the session, and logs nothing."""
        for said in (
            "no JSON",
            "[" * 1500,
            "7",
            "{}",
            '{"view": 7}',
            '{"view": {"first": -1}}',
            json.dumps({"view": {"first": 0, "count": 1, "sort": "secrets"}}),
        ):
            looking = self.watch()
            looking.session.send(said)
            self.assertEqual(looking.session.closed, (4000, "Not understood"), said)

    def test_longWork(self) -> None:
        """
        Where it takes long to sort very many rows, those who look have their answers
        all the same, and all of them together take a tenth of the time.
        """
        self.users.session("websocket", "/chat")
        viewers = [self.watch() for _ in range(3)]
        self.seconds(0.1)
        spent: list[float] = []

        def seconds() -> float:
            # Each answer takes 0.1 s.
            spent.append(0.1)
            return len(spent) * 0.1

        self.patch(viewer, "perf_counter", seconds)
        answers = []
        for number in range(48):
            for each in viewers:
                each.look(sort=("age", "peer")[number % 2])
            self.seconds(1 / 16)
            answers.append(len(spent) // 2)
        self.assertLessEqual(answers[-1], 4)
        self.seconds(3)
        for each in viewers:
            each.read()
            self.assertEqual(list(each.rows), [0])
        self.assertEqual(len(spent) // 2, answers[-1] + 3)

    def test_pace(self) -> None:
        """Who asks very often is answered as often as anybody can see."""
        self.users.session("websocket", "/chat")
        looking = self.watch()
        self.seconds(2)
        looking.read()
        for number in range(50):
            looking.look(first=number)
        self.seconds(0.1)
        answers = [each for each in looking.read() if each["type"] == "rows"]
        self.assertLess(len(answers), 4)
