"""Tests of `txsockjs.rooms.factory`: what is lost on the way, or comes twice."""

from __future__ import annotations

from typing import Any

from tests.rooms.test_factory import FactoryTestCase
from txsockjs.testing import MemorySession


class PositionsTests(FactoryTestCase):
    """Where the server has a session stand."""

    POSITIONS = {"type": "positions", "id": 1}

    def positions(self, session: MemorySession) -> dict[str, str]:
        """
        What it says, without the epochs.
        """
        [*_, answer] = self.ask(session, self.POSITIONS)
        self.assertEqual((answer.pop("type"), answer.pop("id")), ("positions", 1))
        rooms: dict[str, str] = answer.pop("rooms")
        self.assertEqual(answer, {})
        return {name: at.partition(":")[2] for name, at in rooms.items()}

    def test_positions(self) -> None:
        """The rooms with a history that it is in are named; the broker is not asked."""
        self.session(self.join("h3"))
        session = self.session()
        self.assertEqual(self.positions(session), {})
        self.ask(session, *(self.join(room) for room in ("h", "h2", "r")))
        self.ask(session, *(self.publish("h", text) for text in "abc"))
        self.broker.calls.clear()
        self.assertEqual(self.positions(session), {"h": "3", "h2": "0"})
        self.assertEqual(self.broker.calls, [])
        self.ask(session, {"type": "leave", "room": "h"})
        self.assertEqual(self.positions(session), {"h2": "0"})

    def test_onTheWay(self) -> None:
        """What was published and did not come to this process yet is not counted: an
        answer has what was sent before it, and all of that."""
        session = self.session(self.join("h"))
        self.broker.late = True
        self.ask(session, self.publish("h", "a"))
        self.assertEqual(self.positions(session), {"h": "0"})
        self.broker.tellAll()
        told = self.ask(session, self.POSITIONS)
        self.assertEqual([each["type"] for each in told], ["message", "positions"])
        self.assertEqual(told[0]["position"], told[1]["rooms"]["h"])

    def test_away(self) -> None:
        """While the broker is away, it says what it has given."""
        session = self.session(self.join("h"), self.publish("h", "a"))
        self.broker.goDown()
        self.assertEqual(self.positions(session), {"h": "1"})

    def test_gap(self) -> None:
        """Behind a gap, it is where that is."""
        session = self.session(self.join("h"), self.publish("h", "a"))
        self.broker.goDown()
        self.broker._store._logs.clear()
        self.broker.goUp()
        [*_, gap, answer] = self.ask(session, self.POSITIONS)
        self.assertEqual(answer["rooms"], {"h": gap["position"]})


class AgainTests(FactoryTestCase):
    """What a browser sends again, since the connection was lost before the answer."""

    def comes(self, *requests: Any, over: str = "xhr") -> MemorySession:
        """
        A session in two rooms that has sent requests, and again.
        """
        session = self.client.session(over)
        self.ask(session, self.join("h", info="x"), self.join("r"))
        self.first = self.ask(session, *requests)
        self.again = self.ask(session, *requests)
        return session

    def test_publish(self) -> None:
        """What has an id is published once, over each transport of HTTP, and answered
        each time."""
        for over in "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp":
            published = self.rooms.counters.published
            texts = [self.publish("h", text, id=text) for text in "abc"]
            self.comes(*texts, over=over)
            self.assertEqual(self.rooms.counters.published, published + 3)
            answers = [each for each in self.first if each["type"] == "published"]
            self.assertEqual([each["id"] for each in answers], ["a", "b", "c"])
            self.assertEqual(self.again, answers)

    def test_different(self) -> None:
        """What has no id, another id, or another text is another request."""
        session = self.comes(self.publish("h", "a"))
        self.ask(session, self.publish("h", "a", id=1), self.publish("h", "a", id="1"))
        self.ask(session, self.publish("h", "b", id=1), self.publish("h", "a", id=2))
        self.assertEqual(self.rooms.counters.published, 6)

    def test_websocket(self) -> None:
        """Over a WebSocket nothing is sent again, and nothing remembered."""
        self.comes(self.publish("h", "a", id=1), over="websocket")
        self.assertEqual(self.rooms.counters.published, 2)

    def test_refused(self) -> None:
        """What was refused is refused again, without asking again: what nobody knows
        to be published may be."""
        asked = []
        self.factory.mayPublish = lambda avatar, room, text: asked.append(text)
        self.comes(self.publish("h", "a", id=1))
        self.assertEqual((len(self.again), self.again), (1, self.first))
        self.assertEqual((asked, self.factory.refused["forbidden"]), (["a"], 1))
        self.factory.mayPublish = None
        session = self.client.session("xhr")
        self.ask(session, self.join("h"))
        self.broker.slow = True
        [message] = self.ask(session, self.publish("h", "b", id=2))
        self.broker.refuse()
        self.broker.slow = False
        [refused, again] = self.ask(session, self.publish("h", "b", id=2))
        self.assertEqual((message["text"], refused["code"]), ("b", "unavailable"))
        self.assertEqual(again, refused)
        self.assertEqual(self.rooms.counters.published, 0)

    def test_busy(self) -> None:
        """What comes again while it is done waits, and is not done again."""
        session = self.client.session("xhr")
        self.ask(session, self.join("h"))
        self.broker.slow = True
        request = self.publish("h", "a", id=1)
        [message] = self.ask(session, request, request)
        self.assertEqual(message["type"], "message")
        self.broker.answer()
        [published, again] = self.ask(session)
        self.assertEqual((published["type"], again), ("published", published))
        self.assertEqual(self.rooms.counters.published, 1)

    def test_comeAndGo(self) -> None:
        """Who comes and goes does so once, for the others too; where it was joined, it
        is told that it is, and not what it was told then."""
        watching = self.session(self.join("h2", presence=True))
        self.ask(watching)
        leave = {"type": "leave", "room": "h2"}
        session = self.comes(
            self.join("h2", info="x", id=1),
            {**leave, "id": 2},
            self.join("h2", info="y", id=3),
        )
        types = [each["type"] for each in self.first]
        self.assertEqual(types, ["joined", "left", "joined"])
        told = [(each["type"], each["id"]) for each in self.again]
        self.assertEqual(told, [("error", 1), ("left", 2), ("error", 3)])
        codes = {each.get("code") for each in self.again}
        self.assertEqual(codes, {"alreadyMember", None})
        types = [each["type"] for each in self.ask(watching)]
        self.assertEqual(types, ["memberJoined", "memberLeft", "memberJoined"])
        self.assertEqual(len(self.rooms.room("h2")), 2)
        self.assertEqual(self.factory.refused["alreadyMember"], 0)
        self.assertEqual(len(self.ask(session, {**leave, "id": 4})), 1)

    def test_harmless(self) -> None:
        """What changes nothing is asked again."""
        question = {"type": "presence", "room": "h", "id": 1}
        session = self.comes(question)
        self.assertEqual(self.again, self.first)
        self.session(self.join("h", info="y"))
        self.assertEqual(self.ask(session, question)[0]["total"], 2)

    def test_bounded(self) -> None:
        """The last 64 are remembered."""
        texts = [self.publish("h", "x", id=number) for number in range(66)]
        session = self.comes(*texts[2:])
        self.assertEqual(self.rooms.counters.published, 64)
        self.ask(session, texts[0])
        self.ask(session, texts[0], texts[3], texts[65])
        self.assertEqual(self.rooms.counters.published, 65)
        self.ask(session, texts[2])
        self.assertEqual(self.rooms.counters.published, 66)
