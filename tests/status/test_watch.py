"""Tests of what the status page shows: `txsockjs.status.watch` and what it measures
with."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.status.support import Looking, StatusTestCase
from txsockjs.rooms import Rooms
from txsockjs.status.pauses import Pauses
from txsockjs.status.turns import INTERVAL, Turns, quantile
from txsockjs.transport import SessionTransport


class NobodyTests(StatusTestCase):
    """Nobody looks."""

    def test_nothing(self) -> None:
        """
        A page that nobody looks at has no timer and no callback, before anybody has
        looked and after all have gone; a viewer more costs no timer of its own.
        """
        calls = len(self.reactor.getDelayedCalls())
        callbacks = list(gc.callbacks)
        first = self.watch()
        self.seconds(3)
        self.assertEqual(len(gc.callbacks), len(callbacks) + 1)
        self.assertGreater(len(self.reactor.getDelayedCalls()), calls)
        second = self.watch()
        self.assertEqual(len(gc.callbacks), len(callbacks) + 1)
        first.session.abort()
        self.reactor.settle()
        self.assertEqual(len(gc.callbacks), len(callbacks) + 1)
        second.session.abort()
        self.reactor.settle()
        self.assertEqual(gc.callbacks, callbacks)
        self.assertEqual(len(self.reactor.getDelayedCalls()), calls)

    def test_stopped(self) -> None:
        """A site that stops while somebody looks leaves nothing behind."""
        callbacks = list(gc.callbacks)
        self.watch()
        self.page.stop()
        self.assertEqual(gc.callbacks, callbacks)


class WatchTests(StatusTestCase):
    """Somebody looks."""

    def service(self, looking: Looking, name: str) -> dict[str, Any]:
        """What the page knows of a service."""
        looking.read()
        [found] = [each for each in looking.state["services"] if each["name"] == name]
        return dict(found)

    def last(self, looking: Looking) -> dict[str, float]:
        """The last point of the graphs, by name."""
        looking.read()
        columns = looking.state["columns"]
        return dict(zip(columns, looking.state["point"], strict=True))

    def test_services(self) -> None:
        """Each service is there, with its sessions by transport and its life."""
        self.users.session("websocket", "/chat")
        self.users.session("xhr", "/chat")
        looking = self.watch()
        chat = self.service(looking, "chat")
        self.assertEqual(chat["transports"], {"websocket": 1, "xhr": 1})
        self.assertEqual((chat["life"], chat["open"]), ("running", 2))
        self.assertEqual(self.service(looking, "news")["open"], 0)

    def test_rates(self) -> None:
        """Rates are of the second that is over; what was before does not count."""
        session = self.users.session("websocket", "/chat")
        session.send("before")
        looking = self.watch()
        session.send("one", "two")
        self.seconds()
        chat = self.service(looking, "chat")
        self.assertEqual((chat["messagesIn"], chat["messagesOut"]), (2, 2))
        self.assertEqual(chat["bytesIn"], len('["one", "two"]'))
        point = self.last(looking)
        self.assertEqual((point["sessions"], point["messagesIn"]), (1, 2))
        self.seconds()
        self.assertEqual(self.service(looking, "chat")["messagesIn"], 0)

    def test_changes(self) -> None:
        """What has not changed is not told again."""
        self.users.session("websocket", "/chat")
        looking = self.watch()
        self.seconds(2)
        looking.read()
        self.seconds()
        [change] = [each for each in looking.read() if each["type"] == "change"]
        self.assertEqual(set(change), {"type", "now", "point", "nth"})

    def test_history(self) -> None:
        """
        Who comes later has what was measured before, five minutes of it, with a hole
        where nobody looked.
        """
        first = self.watch()
        self.seconds(4)
        first.session.abort()
        self.seconds(20)
        second = self.watch()
        history = second.state["history"]
        self.assertEqual(len(history), 4)
        self.seconds(310)
        third = self.watch()
        self.assertEqual(len(third.state["history"]), 300)

    def test_refused(self) -> None:
        """Refusals by cause: those of five minutes, and all."""
        self.users.request("POST", "/chat/0/s/xhr_send", body=b'["lost"]')
        looking = self.watch()
        self.users.request("POST", "/chat/0/s/xhr_send", body=b'["lost"]')
        self.seconds()
        looking.read()
        row = ["chat", "UnknownSession", 1, 2]
        self.assertEqual(looking.state["refused"], [row])
        self.seconds(302)
        looking.read()
        self.assertEqual(looking.state["refused"], [[*row[:2], 0, 2]])

    def test_slowest(self) -> None:
        """Who does not take what is sent is named, the slowest first."""
        for size in 3, 6:
            session = self.users.session("websocket", "/chat")
            session.pauseReading()
            for _ in range(size):
                session.send("x" * 90_000)
        looking = self.watch()
        self.seconds(3)
        looking.read()
        pending = [row[5] for row in looking.state["slowest"]]
        self.assertEqual(len(pending), 2)
        self.assertGreater(pending[0], pending[1])
        self.assertEqual(self.last(looking)["pending"], sum(pending))

    def test_draining(self) -> None:
        """A service that drains is shown so."""
        looking = self.watch()
        self.site.services["news"].closeSessions()
        self.seconds()
        self.assertEqual(self.service(looking, "news")["life"], "draining")

    def test_rooms(self) -> None:
        """Rooms are there where there are some, with what happens in them."""
        rooms = Rooms(clock=self.reactor, name="rooms of chat")
        self.addCleanup(rooms.stop)
        self.serve(rooms=[rooms])
        looking = self.watch()
        rooms.room("lobby").publish("hello")
        self.seconds()
        looking.read()
        [entry] = looking.state["rooms"]
        self.assertEqual((entry["name"], entry["published"]), ("rooms of chat", 1))
        self.assertTrue(entry["up"])

    def test_workers(self) -> None:
        """So are workers, as who has them tells of them."""
        worker = {"name": "0", "pid": 4711, "state": "ready", "sessions": 3}
        self.serve(workers=lambda: [worker])
        self.assertEqual(self.watch().state["workers"], [worker])

    def test_slowViewer(self) -> None:
        """
        A viewer that takes nothing is told nothing more, and all of it when it does
        again.
        """
        looking = self.watch()
        crowded = True
        self.patch(SessionTransport, "crowded", property(lambda self: crowded))
        self.seconds(5)
        self.assertEqual(looking.read(), [])
        crowded = False
        self.seconds(2)
        types = [each["type"] for each in looking.read()]
        self.assertEqual(types, ["all", "change"])

    def test_numbered(self) -> None:
        """
        Whatever a session is told has its number, so that a page sees what was lost.
        """
        looking = self.watch()
        looking.look()
        self.seconds(3)
        looking.do("unlock", "wrong")
        looking.read()
        self.assertEqual(
            {each["type"] for each in looking.messages},
            {"all", "rows", "change", "done"},
        )
        numbers = [each["nth"] for each in looking.messages]
        self.assertEqual(numbers, [*range(1, len(numbers) + 1)])

    def test_polling(self) -> None:
        """It is live over polling too."""
        looking = self.watch("xhr")
        self.seconds(2)
        self.assertIn("change", [each["type"] for each in looking.read()])


class TurnsTests(SynchronousTestCase):
    """How late the reactor is."""

    def test_late(self) -> None:
        """One long turn is the worst of its second, and not the 99th of a minute's."""
        clock = Clock()
        turns = Turns(clock)
        turns.start()
        self.addCleanup(turns.stop)
        clock.pump([INTERVAL] * 1200)
        tail, worst = turns.take()
        self.assertAlmostEqual(worst, 0, 6)
        clock.advance(INTERVAL + 0.3)
        clock.pump([INTERVAL] * 10)
        tail, worst = turns.take()
        self.assertAlmostEqual(worst, 0.3, 6)
        self.assertAlmostEqual(tail, 0, 6)

    def test_minute(self) -> None:
        """The tail is that of the last minute: 12 of 1,200 looks are in it, 11 not."""
        clock = Clock()
        turns = Turns(clock)
        self.assertEqual(turns.take(), (0, 0))
        turns.start()
        self.addCleanup(turns.stop)
        clock.pump([INTERVAL + 0.3] * 30 + [INTERVAL] * 1188)
        self.assertAlmostEqual(turns.take()[0], 0.3, 6)
        clock.pump([INTERVAL])
        self.assertAlmostEqual(turns.take()[0], 0, 6)

    def test_setBack(self) -> None:
        """A clock that is set back makes nothing early."""
        clock = Clock()
        turns = Turns(clock)
        turns.start()
        self.addCleanup(turns.stop)
        call = clock.getDelayedCalls()[0]
        clock.rightNow -= 3600
        call.func()
        call.cancel()
        self.assertEqual(turns.take(), (0, 0))

    def test_quantile(self) -> None:
        """The value that so many do not exceed; of one, that one; of none, 0."""
        hundred = [float(n) for n in range(100, 0, -1)]
        self.assertEqual(quantile(hundred, 0.5), 51)
        self.assertEqual(quantile(hundred, 1), 100)
        self.assertEqual(quantile([3.0], 0.99), 3)
        self.assertEqual(quantile([], 0.99), 0)


class PausesTests(SynchronousTestCase):
    """The garbage collector."""

    def test_pauses(self) -> None:
        """Each run is measured, once, from start to stop alone."""
        times = iter(range(100))
        pauses = Pauses(lambda: float(next(times)))
        gc.collect()
        pauses.start()
        gc.collect()
        pauses.stop()
        gc.collect()
        found = pauses.take()
        self.assertIn(1.0, found)
        self.assertEqual(set(found), {1.0})
        self.assertEqual(pauses.take(), [])
