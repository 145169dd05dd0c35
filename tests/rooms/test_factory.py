"""Tests of `txsockjs.rooms.factory`: the JSON protocol, over a whole server in
memory."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.rooms.support import FaultyBroker
from txsockjs import MultiplexFactory, Rejected, SockJSFactory
from txsockjs.rooms import Rooms, RoomsFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class FactoryTestCase(SynchronousTestCase):
    """A service of rooms. The query of a session's URL is its avatar."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.broker = FaultyBroker(self.reactor)  # type: ignore[arg-type]
        self.rooms = Rooms(self.broker, {"max_rooms": 3}, clock=self.reactor)
        self.rooms.configure("h*", history=5)
        self.factory = RoomsFactory(self.rooms, clock=self.reactor)
        options = {"authorize": lambda request: "ada"}
        site = SockJSFactory(self.factory, options, clock=self.reactor)
        self.site = MemorySite(site)
        self.addCleanup(self.rooms.stop)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def session(self, *requests: dict[str, Any]) -> MemorySession:
        """
        A session that has sent requests. Its answers to them are taken.
        """
        session = self.client.session()
        self.ask(session, *requests)
        return session

    def ask(self, session: MemorySession, *requests: Any) -> list[dict[str, Any]]:
        """
        Send requests.

        :return: what came since.
        """
        if requests:
            session.send(
                *(r if isinstance(r, str) else json.dumps(r) for r in requests)
            )
        self.site.settle()
        taken = [json.loads(message) for message in session.received]
        session.received.clear()
        return taken

    def join(self, room: str, **fields: Any) -> dict[str, Any]:
        return {"type": "join", "room": room, **fields}

    def publish(self, room: str, text: str, **fields: Any) -> dict[str, Any]:
        return {"type": "publish", "room": room, "text": text, **fields}

    def assertRefused(
        self, code: str, request: Any, session: MemorySession | None = None
    ) -> str:
        """
        A request is answered with this error, and nothing else.

        :return: what people are told.
        """
        [answer] = self.ask(session or self.session(), request)
        self.assertEqual((answer["type"], answer["code"]), ("error", code), answer)
        self.assertGreater(self.factory.refused[code], 0)
        told: str = answer["message"]
        return told


class ProtocolTests(FactoryTestCase):
    """What is asked, and what is told."""

    def test_messages(self) -> None:
        """Members get what is published, with its position; who published it with an id
        is told that position."""
        first, second = self.session(), self.session(self.join("h"))
        [joined] = self.ask(first, self.join("h"))
        epoch = joined["position"].partition(":")[0]
        self.assertEqual(
            joined,
            {
                "type": "joined",
                "room": "h",
                "position": f"{epoch}:0",
                "recovered": False,
            },
        )
        told = self.ask(first, self.publish("h", "a\ud800é", id=7))
        message = {
            "type": "message",
            "room": "h",
            "text": "a\ud800é",
            "position": f"{epoch}:1",
        }
        published = {
            "type": "published",
            "room": "h",
            "position": f"{epoch}:1",
            "id": 7,
        }
        self.assertEqual(told, [message, published])
        self.assertEqual(self.ask(second), [message])

    def test_withoutHistory(self) -> None:
        """In a room without a history there are no positions."""
        session = self.session(self.join("r"))
        told = self.ask(session, self.publish("r", "a", id="x"), self.join("r2"))
        self.assertEqual(
            told,
            [
                {"type": "message", "room": "r", "text": "a"},
                {"type": "published", "room": "r", "id": "x"},
                {"type": "joined", "room": "r2", "recovered": False},
            ],
        )

    def test_back(self) -> None:
        """One that comes back with its position gets what it has missed."""
        session = self.client.session()
        [joined] = self.ask(session, self.join("h"))
        session.abort()
        other = self.session(
            self.join("h"), self.publish("h", "a"), self.publish("h", "b")
        )
        back = self.client.session()
        since = joined["position"]
        told = self.ask(back, self.join("h", since=since), self.publish("h", "c"))
        self.assertEqual((told[0]["position"], told[0]["recovered"]), (since, True))
        self.assertEqual([each.get("text") for each in told[1:]], ["a", "b", "c"])
        self.assertEqual([each["text"] for each in self.ask(other)], ["c"])

    def test_notAll(self) -> None:
        """It is told where that is not all, and where there is a gap later."""
        told = self.ask(self.client.session(), self.join("h", since="x:1", recent=1))
        self.assertFalse(told[0]["recovered"])
        session = self.session(self.join("h"))
        self.broker.goDown()
        self.broker._store._logs.clear()
        self.broker.goUp()
        [gap] = self.ask(session)
        self.assertEqual((gap["type"], gap["room"]), ("gap", "h"))
        self.assertTrue(gap["position"].endswith(":0"))

    def test_recent(self) -> None:
        """A new one may have the newest messages."""
        self.session(self.join("h"), *(self.publish("h", text) for text in "abc"))
        told = self.ask(self.client.session(), self.join("h", recent=2))
        self.assertTrue(told[0]["position"].endswith(":1"))
        self.assertEqual([each.get("text") for each in told[1:]], ["b", "c"])

    def test_presence(self) -> None:
        """Those that want to know are told who comes and goes, not of themselves."""
        quiet, watching = self.session(self.join("r")), self.client.session()
        [me] = self.ask(watching, self.join("r", presence=True, info={"name": "me"}))
        other = self.client.session()
        [joined] = self.ask(other, self.join("r", info="bob", presence=False))
        member = {"id": joined["member"], "info": "bob"}
        came = {"type": "memberJoined", "room": "r", "member": member}
        self.ask(quiet)
        self.assertEqual(self.ask(watching), [came])
        [present] = self.ask(watching, {"type": "presence", "room": "r", "id": 1})
        mine = {"id": me["member"], "info": {"name": "me"}}
        self.assertEqual(
            present,
            {
                "type": "presence",
                "room": "r",
                "members": [mine, member],
                "total": 2,
                "id": 1,
            },
        )
        other.abort()
        left = {"type": "memberLeft", "room": "r", "member": member}
        self.assertEqual(self.ask(watching), [left])
        self.assertEqual(self.ask(quiet), [])

    def test_presenceLater(self) -> None:
        """After the broker was away, those that want to know are told who is there."""
        watching = self.session(self.join("r", presence=True, info="me"))
        quiet = self.session(self.join("r", info="other"))
        self.ask(watching)
        self.broker.goDown()
        self.broker.goUp()
        present, gap, came = self.ask(watching)
        self.assertEqual((present["type"], present["total"]), ("presence", 2))
        self.assertEqual(gap, {"type": "gap", "room": "r"})
        self.assertEqual(came["type"], "memberJoined")
        self.assertEqual(self.ask(quiet), [gap])

    def test_manyPresent(self) -> None:
        """A list names a thousand at the most, and says how many there are."""
        session = self.session(self.join("r"))
        self.broker.enter("r", {f"m-{number}": "null" for number in range(1500)})
        [present] = self.ask(session, {"type": "presence", "room": "r"})
        self.assertEqual((len(present["members"]), present["total"]), (1000, 1500))

    def test_leave(self) -> None:
        """Who has left gets nothing more; to leave again is answered, too."""
        session, other = self.session(self.join("r")), self.session(self.join("r"))
        leave = {"type": "leave", "room": "r", "id": 0}
        left = {"type": "left", "room": "r", "id": 0}
        self.assertEqual(self.ask(session, leave, leave), [left, left])
        self.ask(other, self.publish("r", "a"))
        self.assertEqual(self.ask(session), [])

    def test_sessionEnds(self) -> None:
        """A session that ends, however, is in no room any more."""
        for transport in "websocket", "xhr_streaming", "xhr":
            session = self.client.session(transport)
            self.ask(session, self.join("r", info="x"))
            self.assertEqual(len(self.rooms.room("r")), 1)
            session.abort()
            self.site.advance(60)
            self.assertEqual(len(self.rooms.room("r")), 0)
            self.assertEqual(len(self.rooms.attendance), 0)

    def test_channels(self) -> None:
        """A channel of a multiplexed session is a member like any other."""
        multiplex = MultiplexFactory(self.reactor)
        multiplex.addFactory("rooms", self.factory)
        site = MemorySite(SockJSFactory(multiplex, clock=self.reactor))
        self.addCleanup(site.stop)
        session = MemoryClient(site).session()
        session.send("sub,rooms", "msg,rooms," + json.dumps(self.join("r")))
        self.ask(self.session(self.join("r")), self.publish("r", "a"))
        site.settle()
        told = [json.loads(text.partition(",rooms,")[2]) for text in session.received]
        self.assertEqual([each["type"] for each in told], ["joined", "message"])
        session.send("uns,rooms")
        site.settle()
        self.assertEqual(len(self.rooms.room("r")), 1)


class RefusalTests(FactoryTestCase):
    """What is refused."""

    def test_malformed(self) -> None:
        """What is no request is answered with what is wrong, and changes nothing."""
        session = self.session()
        for request, told in (
            ("", "JSON object"),
            ("[]", "JSON object"),
            ("[" * 100_000, "JSON object"),
            ('{"type": NaN}', "JSON object"),
            ({}, "type"),
            ({"type": "dance"}, "join, leave, publish, presence, positions"),
            ({"type": ["join"], "room": "r"}, "type"),
            ({"type": "__init__", "room": "r"}, "type"),
            ({"type": "join"}, "room"),
            ({"type": "positions", "room": "r"}, "it takes id"),
            ({"type": "join", "room": 1}, "room"),
            ({"type": "publish", "room": "r"}, "text"),
            ({"type": "publish", "room": "r", "text": {}}, "text"),
            (self.join("r", id=[1]), "id"),
            (self.join("r", id=True), "id"),
            (self.join("r", id="x" * 65), "id"),
            (self.join("r", id=10**400), "id"),
            (self.join("r", since="x"), "position"),
            (self.join("r", since=1), "since"),
            (self.join("r", recent=-1), "recent"),
            (self.join("r", recent=True), "recent"),
            (self.join("r", recent="1"), "recent"),
            (self.join("r", presence=1), "presence"),
            (self.join("r", text="a"), "text"),
            ({"type": "leave", "room": "r", "x" * 1000: 1}, "takes no"),
            ({"type": "publish", "room": "r", "data": "a"}, "it takes room, text, id"),
        ):
            with self.subTest(request=str(request)[:60]):
                problem = self.assertRefused("malformed", request, session)
                self.assertIn(told, problem)
                self.assertLess(len(problem), 200)
        self.assertEqual(len(self.rooms.room("r")), 0)

    def test_told(self) -> None:
        """An error says which request it was about."""
        request = self.publish("r", "a", id="mine")
        [error] = self.ask(self.session(), request)
        self.assertEqual(
            error,
            {
                "type": "error",
                "room": "r",
                "code": "notMember",
                "message": "You are not in this room.",
                "request": "publish",
                "id": "mine",
            },
        )

    def test_limits(self) -> None:
        """What the rooms refuse is told, with the limit."""
        session = self.session(self.join("r"))
        for code, request, told in (
            ("invalid", self.join(""), "256 bytes"),
            ("invalid", self.join("x" * 257), "256 bytes"),
            ("invalid", self.join("\ud800"), "256 bytes"),
            ("invalid", self.join("i", info="x" * 1024), "max_info"),
            ("invalid", self.publish("r", "x" * 65537), "max_message"),
            ("alreadyMember", self.join("r"), "member of room"),
        ):
            self.assertIn(told, self.assertRefused(code, request, session))
        self.ask(session, self.join("s"), self.join("t"))
        self.assertRefused("tooManyRooms", self.join("u"), session)
        self.rooms.configure("small", max_members=1)
        self.ask(session, {"type": "leave", "room": "s"}, self.join("small"))
        self.assertRefused("roomFull", self.join("small"))

    def test_unavailable(self) -> None:
        """While the broker is away, requests are refused; members stay members."""
        session = self.session(self.join("h"))
        self.broker.goDown()
        self.assertRefused("unavailable", self.publish("h", "a"), session)
        self.assertRefused("unavailable", self.join("h"))
        self.assertRefused("unavailable", {"type": "presence", "room": "h"}, session)
        self.broker.goUp()
        self.assertEqual(len(self.ask(session, self.publish("h", "a"))), 1)

    def test_notMember(self) -> None:
        """Who is not in a room neither publishes there nor asks who is."""
        self.assertRefused("notMember", self.publish("r", "a"))
        self.assertRefused("notMember", {"type": "presence", "room": "r"})


class RightsTests(FactoryTestCase):
    """Who may do what."""

    def test_join(self) -> None:
        """Who may join is asked for, by avatar and room, and may be known later."""
        asked = []
        says: list[Any] = []

        async def coroutine() -> bool:
            return True

        def mayJoin(avatar: Any, room: str) -> Any:
            asked.append((avatar, room))
            return says.pop()

        self.factory.mayJoin = mayJoin
        for no in False, None, succeed(False):
            says.append(no)
            self.assertRefused("forbidden", self.join("r"))
        for yes in True, succeed(True), coroutine():
            says.append(yes)
            session = self.session(self.join("r"))
            self.assertEqual(len(self.rooms.room("r")), 1)
            session.abort()
        self.assertEqual(asked, [("ada", "r")] * 6)

    def test_info(self) -> None:
        """It may say what others see of the member."""
        for said, info in (({"name": "ada"}, {"name": "ada"}), (True, "mine")):
            self.factory.mayJoin = lambda avatar, room, said=said: said
            session = self.session(self.join("r", info="mine"))
            [present] = self.ask(session, {"type": "presence", "room": "r"})
            self.assertEqual(present["members"][0]["info"], info)
            session.abort()

    def test_publish(self) -> None:
        """Who may publish is asked for too, by the text, which may be replaced. One
        need not be a member then."""
        listening = self.session(self.join("r"))
        self.ask(listening)

        def mayPublish(avatar: str, room: str, text: str) -> Any:
            return {"no": False, "yes": True}.get(text, f"{avatar}: {text}")

        self.factory.mayPublish = mayPublish
        session = self.session()
        self.assertRefused("forbidden", self.publish("r", "no"), session)
        self.ask(session, self.publish("r", "yes"), self.publish("r", "hello"))
        texts = [message["text"] for message in self.ask(listening)]
        self.assertEqual(texts, ["yes", "ada: hello"])

    def test_rejected(self) -> None:
        """A reason is told."""

        def mayJoin(avatar: Any, room: str) -> Any:
            raise Rejected(4403, "Not on Sundays")

        self.factory.mayJoin = mayJoin
        told = self.assertRefused("forbidden", self.join("r"))
        self.assertEqual(told, "Not on Sundays")
        self.factory.mayJoin = lambda avatar, room: fail(Rejected(4403, "Closed"))
        told = self.assertRefused("forbidden", self.join("r"))
        self.assertEqual(told, "Closed")

    def test_raises(self) -> None:
        """A fault of the application's is logged, and told without its reason."""

        def mayJoin(avatar: Any, room: str) -> Any:
            raise ZeroDivisionError("secret")

        self.factory.mayJoin = mayJoin
        session = self.session()
        told = self.assertRefused("failed", self.join("r"), session)
        self.assertEqual(told, "Internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.factory.mayJoin = None
        [joined] = self.ask(session, self.join("r"))
        self.assertEqual(joined["type"], "joined")

    def test_tooLate(self) -> None:
        """What is not decided in time is refused."""
        undecided: Deferred[bool] = Deferred()
        self.factory.mayJoin = lambda avatar, room: undecided
        session = self.session(self.join("r"))
        self.site.advance(RoomsFactory.rightsTimeout - 1)
        self.assertEqual(self.ask(session), [])
        self.site.advance(2)
        [error] = self.ask(session)
        self.assertEqual((error["type"], error["code"]), ("error", "unavailable"))

    def test_inOrder(self) -> None:
        """While one request is undecided those behind it wait, and are not read; then
        they are done in their order."""
        undecided: Deferred[bool] = Deferred()
        self.factory.mayJoin = lambda avatar, room: undecided
        session = self.session(self.join("r"), self.publish("r", "a", id=1))
        session.send(json.dumps(self.publish("r", "b", id=2)))
        self.assertEqual(self.ask(session), [])
        undecided.callback(True)
        types = [each["type"] for each in self.ask(session)]
        self.assertEqual(types, ["joined", *["message", "published"] * 2])
        self.assertEqual(len(self.ask(session, self.publish("r", "c", id=3))), 2)

    def test_endMeanwhile(self) -> None:
        """The end of a session waits behind what it has asked; then it is nowhere."""
        undecided: Deferred[bool] = Deferred()
        self.factory.mayJoin = lambda avatar, room: undecided
        session = self.session(self.join("r", info="x"), self.publish("r", "a"))
        session.abort()
        self.site.settle()
        undecided.callback(True)
        self.site.settle()
        self.assertEqual(self.rooms.counters.published, 1)
        self.assertEqual(len(self.rooms.room("r")), 0)
        self.assertEqual(len(self.rooms.attendance), 0)

    def test_unread(self) -> None:
        """One that does not read its answers is not read from, nor closed for that."""
        session = self.session(self.join("h"))
        session.pauseReading()
        for _ in range(400):
            session.send(*[json.dumps(self.publish("h", "x" * 1000, id=1))] * 10)
        self.site.settle()
        self.assertLess(self.rooms.counters.published, 3900)
        self.assertIsNone(session.closed)
        session.resumeReading()
        self.site.settle()
        self.assertEqual(self.rooms.counters.published, 4000)
        self.assertIsNone(session.closed)


class OwnRoomsTests(SynchronousTestCase):
    """A factory that was given no rooms."""

    def test_own(self) -> None:
        """It has rooms of its own while it runs, and again when it is started again."""
        reactor = MemoryReactor()
        factory = RoomsFactory(clock=reactor)
        self.assertTrue(factory.needsRooms)
        factory.doStart()
        rooms = factory.rooms
        self.assertFalse(factory.needsRooms)
        factory.doStop()
        self.assertFalse(rooms.up)
        factory.doStart()
        self.assertTrue(rooms.up)
        factory.doStop()

    def test_given(self) -> None:
        """Those that it is given, then or later, are not its to stop."""
        reactor = MemoryReactor()
        rooms = Rooms(clock=reactor)
        self.addCleanup(rooms.stop)
        factory = RoomsFactory(clock=reactor)
        factory.rooms = rooms
        for each in factory, RoomsFactory(rooms, clock=reactor):
            each.doStart()
            each.doStop()
            self.assertIs(each.rooms, rooms)
            self.assertTrue(rooms.up)
