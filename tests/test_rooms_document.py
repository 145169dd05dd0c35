"""What ``docs/rooms.rst`` shows works, and what it lists is all that there is."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.web.server import Site

from tests.support.documents import ROOT, blocks, literals, rows
from tests.test_calls_documents import MemoryExampleTestCase
from txsockjs import errors
from txsockjs.rooms import Room, RoomOptions, Rooms, RoomsFactory, RoomsOptions
from txsockjs.rooms import protocol as jsonProtocol
from txsockjs.rooms.protocol import Refused
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

DOCUMENT = "docs/rooms.rst"


def firstColumn(heading: str) -> list[str]:
    """
    The literals of a table's first column, without what is behind a parenthesis.
    """
    return [
        literal.partition("(")[0]
        for row in rows(DOCUMENT, heading)
        for literal in literals(row[0])
    ]


class Keeping(Protocol):
    """
    A protocol that is kept.
    """

    made: list[Any]

    def connectionMade(self) -> None:
        self.made.append(self)


class TableTests(MemoryExampleTestCase):
    """The tables of what there is."""

    document = DOCUMENT

    def test_methods(self) -> None:
        """Each public method of a room that is for applications is listed."""
        returning = {
            name
            for name, method in vars(Room).items()
            if not name.startswith("_")
            and "Deferred" in str(getattr(method, "__annotations__", {}).get("return"))
        }
        self.assertEqual(set(firstColumn("Method")), returning)

    def test_options(self) -> None:
        """Each option is listed, with its default."""
        for heading, kind in ("Of a room", RoomOptions), ("Of all rooms", RoomsOptions):
            listed = {
                literals(row[0])[0]: ast.literal_eval(literals(row[1])[0])
                for row in rows(DOCUMENT, heading)
            }
            there = {name: default for name, default, _ in kind.fields()}
            self.assertEqual(listed, there)

    def test_errors(self) -> None:
        """Each error is listed."""
        kinds = {
            name
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, errors.RoomError)
        }
        expected = kinds - {"RoomError"} | {"BrokerUnavailable"}
        self.assertEqual(set(firstColumn("Error")), expected)

    def test_requests(self) -> None:
        """Each request is listed, with the fields that it may have."""
        listed = {
            literals(row[0])[0]: set(literals(row[1]))
            for row in rows(DOCUMENT, "Request")
        }
        there = {
            name: set(allowed) for name, (allowed, _) in jsonProtocol._FIELDS.items()
        }
        self.assertEqual(listed, there)

    def test_messages(self) -> None:
        """Each type of message that the server writes is listed, and no other."""
        source = "".join(
            (ROOT / "txsockjs" / "rooms" / f"{name}.py").read_text("utf-8")
            for name in ("protocol", "factory")
        )
        written = set(re.findall(r'\bwrite\(\s*"(\w+)"', source))
        self.assertEqual(set(firstColumn("Message")), written)

    def test_codes(self) -> None:
        """Each code of an error is listed, and no other."""
        source = "".join(
            (ROOT / "txsockjs" / "rooms" / f"{name}.py").read_text("utf-8")
            for name in ("protocol", "factory")
        )
        raised = set(re.findall(r'Refused\(\s*"(\w+)"', source))
        by = {code for _, code in jsonProtocol._CODES}
        by.add(Refused.by(ZeroDivisionError()).code)
        self.assertEqual(set(firstColumn("Code")), raised | by)


class ExampleTests(MemoryExampleTestCase):
    """The blocks of Python."""

    document = DOCUMENT

    def test_complete(self) -> None:
        """No block is left out here."""
        self.assertAllTested()

    def rooms(self) -> Rooms:
        """
        Rooms in memory.
        """
        rooms = Rooms(clock=MemoryReactor())
        self.addCleanup(rooms.stop)
        return rooms

    def test_script(self) -> None:
        """The site has the script where the page looks for it, as one module."""
        self.run_("script")
        site = self.space["sites"]
        self.assertEqual(list(site.services), ["rooms"])
        client = MemoryClient(MemorySite(Site(site.resource, reactor=MemoryReactor())))
        script = client.request("GET", "/rooms.js").body.decode()
        named = set(re.findall(r"^export (?:class|function) (\w+)", script, re.M))
        self.assertEqual(named, {"Rooms", "Room", "RoomsError", "refusal"})
        self.assertIsNone(re.search(r"^(?:import|export) .*from", script, re.M))
        page = next(b for b in blocks(DOCUMENT, "html") if b.name == "page")
        self.assertIn('from "/rooms.js"', page.text)
        self.assertIn('new Rooms("/rooms")', page.text)

    def test_chat(self) -> None:
        """What one says all get, and one that comes later too."""
        self.run_("chat")
        factory = self.space["ChatFactory"]()
        client = self.serve(factory)
        first, second = self.come(client), self.come(client)
        first.send("hello")
        self.assertEqual(first.messages, ["hello"])
        self.assertEqual(second.messages, ["hello"])
        self.assertEqual(self.come(client).messages, ["hello"])

    async def test_redis(self) -> None:
        """Rooms are there without a Redis, too."""
        self.run_("chat", "redis")
        rooms = self.space["rooms"]
        self.assertFalse(rooms.up)
        await rooms.stop()

    def test_away(self) -> None:
        """Who cannot join, or be heard, is told to come back."""
        self.run_("chat", "away")
        factory = self.space["ChatFactory"]()
        factory.protocol = self.space["CarefulChat"]
        rooms = self.rooms()
        factory.lobby = rooms.room("lobby")
        client = self.serve(factory)
        session = self.come(client)
        session.send("hello")
        self.assertEqual(session.messages, ["hello"])
        rooms.stop()
        session.send("is anybody there?")
        late = self.come(client)
        for each in session, late:
            code, reason = each.ended or (0, "")
            self.assertEqual(code, 1013)
            self.assertIn("the broker is not", reason)

    def test_configure(self) -> None:
        """The first pattern that fits holds."""
        self.run_("chat", "configure")
        rooms = self.space["rooms"]
        self.addCleanup(rooms.stop)
        options = rooms.room("team-red").options
        self.assertEqual((options.history, options.history_ttl), (500, 86400))
        self.assertEqual(rooms.room("lobby").options.history, 50)

    def test_since(self) -> None:
        """One that comes back gets what it has missed, or hears that it is not all."""
        self.run_("since")
        factory = Factory.forProtocol(self.space["Reader"])
        vars(factory)["rooms"] = rooms = self.rooms()
        client = self.serve(factory)
        first = self.come(client)
        first.send("")
        news = rooms.room("news")
        [warning] = first.messages
        positions: list[Any] = []
        for text in "abc":
            news.publish(text).addCallback(positions.append)
        client.site.settle()
        self.assertEqual(first.messages[1:], ["1 a", "2 b", "3 c"])
        again = self.come(client)
        again.send(str(positions[0]))
        self.assertEqual(again.messages, ["2 b", "3 c"])
        lost = self.come(client)
        lost.send("other:1")
        self.assertEqual(lost.messages, ["1 a", "2 b", "3 c", warning])
        bad = self.come(client)
        bad.send("nonsense")
        self.assertEqual(bad.ended, (4000, "Go away!"))

    def test_wording(self) -> None:
        """It says what happens."""
        self.run_("wording")
        rooms, wording = self.rooms(), self.space["Plain"]()
        made: list[Any] = []
        factory = Factory.forProtocol(type("Quiet", (Keeping,), {"made": made}))
        client = self.serve(factory)
        first, second = self.come(client), self.come(client)
        room = rooms.room("r")
        for number, protocol in enumerate(made):
            info = {"name": f"member {number}"}
            room.join(protocol.transport, info, wording=wording)
        room.publish("hello")
        room._audience.announce(())
        room._audience.tell("gap", None)
        second.close()
        client.site.settle()
        self.assertEqual(
            first.messages,
            [
                "r: you are in",
                "r: member 1 has come",
                "r: hello",
                "r: 0 are here",
                "r: some messages are lost",
                "r: member 1 has gone",
            ],
        )

    def test_service(self) -> None:
        """Who has a name may join and publish in it; the others may listen in the
        lobby."""
        self.run_("service")
        names = "rooms", "mayJoin", "mayPublish", "authorize"
        rooms, mayJoin, mayPublish, authorize = map(self.space.get, names)
        self.addCleanup(rooms.stop)
        factory = RoomsFactory(rooms, mayJoin, mayPublish, clock=MemoryReactor())
        client = self.serve(factory, authorize=authorize)
        ada, nobody = self.come(client, "?name=ada"), self.come(client)
        for socket in ada, nobody:
            socket.send(json.dumps({"type": "join", "room": "lobby"}))
            socket.send(json.dumps({"type": "publish", "room": "lobby", "text": "hi"}))
        nobody.send(json.dumps({"type": "join", "room": "other"}))
        told = [json.loads(message) for message in ada.messages]
        self.assertEqual([each["type"] for each in told], ["joined", "message"])
        self.assertEqual(told[1]["text"], "ada: hi")
        told = [json.loads(message) for message in nobody.messages]
        types = [each.get("code", each["type"]) for each in told]
        self.assertEqual(types, ["joined", "forbidden", "forbidden"])
