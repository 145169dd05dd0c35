"""What every `IBroker` promises, as tests: `BrokerContract`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from tests.rooms.listening import Listener
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.values import Position

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase
else:
    TestCase = object

#: Texts that something on the way may not like.
TEXTS = (
    "",
    "0",
    "12",
    "é\u2028\U0001f600",
    "\x00\r\n*3",
    "lone \ud800 surrogate",
    '"{',
)


class BrokerContract(TestCase):
    """
    The tests of a broker, to be mixed in before trial's ``TestCase`` that can make one.

    Brokers that are gone wrong are not in it: each kind goes wrong in its own way.
    """

    timeout = 30

    def makeBroker(self) -> IBroker:
        """
        A broker that is not started. All that one test asks for are of processes that
        use the same rooms; nobody else does.
        """
        raise NotImplementedError

    def passTime(self, seconds: float) -> Awaitable[object]:
        """
        Wait until as much time has passed for the brokers.
        """
        raise NotImplementedError

    async def started(self) -> tuple[Any, Listener]:
        """
        A broker that is up, and its listener.
        """
        broker, listener = self.makeBroker(), Listener()
        self.addCleanup(broker.stop)
        broker.start(listener)
        await listener.when(lambda: bool(broker.up))
        return broker, listener

    async def told(self, broker: Any, listener: Listener) -> None:
        """
        Wait until the listener has heard all that was told in its subscriptions before.
        """
        await broker.subscribe("fence")
        before = len(listener.of("message", "fence"))
        await broker.publish("fence", "", 0, 0.0)
        await listener.when(lambda: len(listener.of("message", "fence")) > before)

    # Its life

    async def test_interface(self) -> None:
        """It provides the interface, whole."""
        broker, _ = await self.started()
        verifyObject(IBroker, broker)

    async def test_life(self) -> None:
        """It is up once it is started, and tells so; it can be started once, and again
        after it was stopped."""
        broker, listener = await self.started()
        self.assertEqual(listener.heard, [("up",)])
        self.assertRaises(RuntimeError, broker.start, listener)
        await broker.stop()
        self.assertFalse(broker.up)
        await broker.stop()
        broker.start(listener)
        await listener.when(lambda: len(listener.of("up")) == 2)
        self.assertEqual(await broker.publish("r", "x", 0, 0.0), None)

    async def test_notStarted(self) -> None:
        """What is asked before it is started, or after it is stopped, fails at once."""
        broker = self.makeBroker()
        since = Position("a", 0)
        for _ in range(2):
            for asked in (
                broker.publish("r", "x", 1, 1.0),
                broker.subscribe("r"),
                broker.read("r", since),
                broker.recent("r", 1),
                broker.enter("r", {"m": ""}),
                broker.members("r"),
            ):
                self.failureResultOf(asked, BrokerUnavailable)
            broker.start(Listener())
            await broker.stop()

    async def test_stopped(self) -> None:
        """The listener of one that was stopped hears nothing more, and the others hear
        what is published."""
        gone, deaf = await self.started()
        broker, listener = await self.started()
        await gone.subscribe("r")
        await broker.subscribe("r")
        await gone.stop()
        heard = list(deaf.heard)
        await broker.publish("r", "x", 0, 0.0)
        await self.told(broker, listener)
        self.assertEqual(listener.texts("r"), ["x"])
        self.assertEqual(deaf.heard, heard)

    # Messages

    async def test_everywhere(self) -> None:
        """A message goes to whoever has subscribed, its own process too, and to nobody
        else."""
        first, heardFirst = await self.started()
        second, heardSecond = await self.started()
        third, heardThird = await self.started()
        await first.subscribe("r")
        await second.subscribe("r")
        await third.subscribe("other")
        await first.publish("r", "x", 0, 0.0)
        for broker, heard in (first, heardFirst), (second, heardSecond):
            await self.told(broker, heard)
            self.assertEqual(heard.texts("r"), ["x"])
        await self.told(third, heardThird)
        self.assertEqual(heardThird.texts("r"), [])

    async def test_texts(self) -> None:
        """Any text comes out as it went in, live and from the history, with a history
        and without."""
        broker, listener = await self.started()
        await broker.subscribe("r")
        for text in TEXTS:
            await broker.publish("r", text, 100, 60.0)
        history = await broker.recent("r", 100)
        self.assertEqual([entry.text for entry in history.entries], list(TEXTS))
        for text in TEXTS:
            await broker.publish("r", text, 0, 60.0)
        await self.told(broker, listener)
        self.assertEqual(listener.texts("r"), [*TEXTS, *TEXTS])

    async def test_names(self) -> None:
        """Any name is a room of its own."""
        broker, listener = await self.started()
        names = [
            "r",
            "R",
            "r:r",
            "{r}",
            "}{",
            "*",
            "r?",
            " r",
            "é\U0001f600",
            "a\x00\n",
        ]
        for name in names:
            await broker.subscribe(name)
            await broker.enter(name, {"m": name})
        for name in names:
            await broker.publish(name, f"to {name}", 2, 60.0)
        await self.told(broker, listener)
        for name in names:
            self.assertEqual(listener.texts(name), [f"to {name}"])
            history = await broker.recent(name, 9)
            self.assertEqual([entry.text for entry in history.entries], [f"to {name}"])
            self.assertEqual(await broker.members(name), {"m": name})

    async def test_positions(self) -> None:
        """With a history, messages are numbered without a hole, whoever publishes; what
        comes live has the positions that the publisher was told."""
        first, listener = await self.started()
        second, _ = await self.started()
        await first.subscribe("r")
        told = [
            await broker.publish("r", str(number), 100, 60.0)
            for number, broker in enumerate([first, second, second, first])
        ]
        await listener.when(lambda: len(listener.of("message", "r")) == 4)
        entries = listener.of("message", "r")
        self.assertEqual([entry.position for entry in entries], told)
        self.assertEqual([entry.text for entry in entries], ["0", "1", "2", "3"])
        self.assertEqual([position.offset for position in told], [1, 2, 3, 4])
        self.assertEqual(len({position.epoch for position in told}), 1)
        self.assertEqual(Position.parse(str(told[0])), told[0])

    async def test_withoutHistory(self) -> None:
        """Without one they have no position, and are not kept."""
        broker, listener = await self.started()
        await broker.subscribe("r")
        self.assertEqual(await broker.publish("r", "x", 0, 60.0), None)
        await self.told(broker, listener)
        self.assertEqual(
            [entry.position for entry in listener.of("message", "r")], [None]
        )
        self.assertEqual((await broker.recent("r", 10)).entries, ())

    async def test_order(self) -> None:
        """What one process publishes without waiting takes effect in the order of the
        calls, and the live order is that of the history where several do."""
        first, listener = await self.started()
        second, _ = await self.started()
        await first.subscribe("r")
        published = [
            broker.publish("r", f"{name}{number}", 1000, 60.0)
            for number in range(200)
            for name, broker in (("a", first), ("b", second))
        ]
        positions = await gatherResults(published)
        await listener.when(lambda: len(listener.of("message", "r")) == 400)
        texts = listener.texts("r")
        for name in "ab":
            mine = [text for text in texts if text.startswith(name)]
            self.assertEqual(mine, [f"{name}{number}" for number in range(200)])
        entries = listener.of("message", "r")
        self.assertEqual([e.position.offset for e in entries], [*range(1, 401)])
        self.assertEqual((await first.recent("r", 1000)).entries, tuple(entries))
        self.assertEqual(positions[0].offset, 1)

    async def test_unsubscribe(self) -> None:
        """From the call on nothing comes; what is not subscribed to is no error, and
        subscribing again takes effect."""
        broker, listener = await self.started()
        await broker.unsubscribe("r")
        await broker.subscribe("r")
        await broker.subscribe("r")
        await broker.publish("r", "1", 0, 0.0)
        await self.told(broker, listener)
        unsubscribed = broker.unsubscribe("r")
        await broker.publish("r", "2", 0, 0.0)
        await unsubscribed
        await self.told(broker, listener)
        self.assertEqual(listener.texts("r"), ["1"])
        subscribed = broker.subscribe("r")
        unsubscribed = broker.unsubscribe("r")
        again = broker.subscribe("r")
        await gatherResults([subscribed, unsubscribed, again])
        await broker.publish("r", "3", 0, 0.0)
        await self.told(broker, listener)
        self.assertEqual(listener.texts("r"), ["1", "3"])

    async def test_inside(self) -> None:
        """A listener may call back from inside any call, and is not called while one is
        running; the order stays that of the history."""
        broker, listener = await self.started()
        answers: list[Deferred[Any]] = []

        def answer(thing: tuple[Any, ...]) -> None:
            if thing[0] == "message" and len(answers) < 5:
                answers.append(broker.publish("r", f"answer {len(answers)}", 100, 60.0))

        listener.answer = answer
        await broker.subscribe("r")
        await broker.publish("r", "asked", 100, 60.0)
        await listener.when(lambda: len(listener.of("message", "r")) == 6)
        await gatherResults(answers)
        self.assertEqual(listener.nested, 0)
        entries = tuple(listener.of("message", "r"))
        self.assertEqual((await broker.recent("r", 100)).entries, entries)

    # Its history

    async def test_recent(self) -> None:
        """The newest messages are read, as many as were asked for."""
        broker, _ = await self.started()
        for number in range(5):
            await broker.publish("r", str(number), 4, 60.0)
        for count, texts in (0, []), (2, ["3", "4"]), (9, ["1", "2", "3", "4"]):
            history = await broker.recent("r", count)
            self.assertEqual([entry.text for entry in history.entries], texts)
            self.assertEqual(history.latest.offset, 5)
            self.assertTrue(history.complete)

    async def test_recentOfNothing(self) -> None:
        """A room that nobody has published in has a position, which stays, and is that
        before its first message."""
        broker, _ = await self.started()
        other, _ = await self.started()
        history = await broker.recent("r", 5)
        self.assertEqual((history.entries, history.latest.offset), ((), 0))
        self.assertEqual((await other.recent("r", 5)).latest, history.latest)
        position = await other.publish("r", "x", 5, 60.0)
        self.assertEqual(position, Position(history.latest.epoch, 1))
        history = await broker.read("r", history.latest)
        self.assertEqual([entry.text for entry in history.entries], ["x"])
        self.assertTrue(history.complete)

    async def test_read(self) -> None:
        """What came after a position is read, whole or with what is left of it."""
        broker, _ = await self.started()
        positions = [
            await broker.publish("r", str(number), 3, 60.0) for number in range(6)
        ]
        for since, texts, complete in (
            (positions[5], [], True),
            (positions[4], ["5"], True),
            (positions[2], ["3", "4", "5"], True),
            (positions[1], ["3", "4", "5"], False),
            (Position(positions[0].epoch, 0), ["3", "4", "5"], False),
        ):
            history = await broker.read("r", since)
            self.assertEqual([entry.text for entry in history.entries], texts, since)
            self.assertEqual(history.complete, complete, since)
            self.assertEqual(history.latest, positions[5])
            if texts:
                self.assertEqual(history.entries[-1].position, positions[5])

    async def test_readStrange(self) -> None:
        """A position that was made up, or is of another epoch, is never complete."""
        broker, _ = await self.started()
        position = await broker.publish("r", "x", 3, 60.0)
        for since, texts in (
            (Position(position.epoch, 2), []),
            (Position(position.epoch, 2**53 - 1), []),
            (Position("elsewhere", 1), ["x"]),
            (Position("0", 0), ["x"]),
        ):
            history = await broker.read("r", since)
            self.assertEqual([entry.text for entry in history.entries], texts, since)
            self.assertFalse(history.complete, since)
            self.assertEqual(history.latest, position)

    async def test_age(self) -> None:
        """A history that nobody has added to for its time to live is gone, and known to
        be; the offsets go on."""
        broker, _ = await self.started()
        first = await broker.publish("r", "1", 5, 1.0)
        last = await broker.publish("r", "2", 5, 1.0)
        await self.passTime(1.2)
        history = await broker.recent("r", 5)
        self.assertEqual((history.entries, history.latest), ((), last))
        history = await broker.read("r", first)
        self.assertEqual((history.entries, history.complete), ((), False))
        self.assertTrue((await broker.read("r", last)).complete)
        position = await broker.publish("r", "3", 5, 60.0)
        self.assertEqual(position, Position(last.epoch, 3))
        history = await broker.read("r", last)
        self.assertEqual([entry.text for entry in history.entries], ["3"])
        self.assertTrue(history.complete)

    async def test_noHole(self) -> None:
        """What is published while somebody subscribes and reads is read, or comes, or
        both; nothing falls between."""
        writer, _ = await self.started()
        reader, listener = await self.started()
        for start in range(0, 500, 50):
            published = [
                writer.publish("r", str(start + number), 1000, 60.0)
                for number in range(50)
            ]
            await reader.subscribe("r")
            history = await reader.recent("r", 1000)
            last = (await gatherResults(published))[-1].offset
            await self.told(reader, listener)
            offsets = {entry.position.offset for entry in history.entries}
            offsets |= {e.position.offset for e in listener.of("message", "r")}
            self.assertEqual(offsets, {*range(1, last + 1)})
            await reader.unsubscribe("r")

    # Who is present

    async def present(self, broker: Any, *names: str) -> None:
        """
        Check who is.
        """
        self.assertEqual(set(await broker.members("r")), set(names))

    async def test_members(self) -> None:
        """Who has entered is present everywhere, with the last info, until leaving."""
        first, _ = await self.started()
        second, _ = await self.started()
        await first.enter("r", {"a-1": "1", "b.2": TEXTS[3]})
        await second.enter("r", {"c": ""})
        await first.enter("r", {"a-1": "new"})
        members = {"a-1": "new", "b.2": TEXTS[3], "c": ""}
        for broker in first, second:
            self.assertEqual(await broker.members("r"), members)
        self.assertEqual(await first.members("other"), {})
        await first.leave("r", ["b.2", "nobody"])
        await self.present(second, "a-1", "c")

    async def test_coming(self) -> None:
        """Who is new, and who leaves, is told once to whoever has subscribed."""
        first, heardFirst = await self.started()
        second, heardSecond = await self.started()
        await first.subscribe("r")
        await second.subscribe("r")
        await first.enter("r", {"a": "1"})
        await first.enter("r", {"a": "2", "b": "3"})
        await first.leave("r", ["a", "nobody"])
        await first.leave("r", ["a"])
        for broker, heard in (first, heardFirst), (second, heardSecond):
            await self.told(broker, heard)
            self.assertEqual(heard.of("joined", "r"), [("a", "1"), ("b", "3")])
            self.assertEqual(heard.of("left", "r"), [("a", "2")])

    async def test_goodOrder(self) -> None:
        """The members of one that is stopped leave at once."""
        first, _ = await self.started()
        second, heard = await self.started()
        await second.subscribe("r")
        await first.enter("r", {"a": "", "b": ""})
        await second.enter("r", {"c": ""})
        await first.stop()
        await heard.when(lambda: len(heard.of("left", "r")) == 2)
        self.assertEqual({name for name, _ in heard.of("left")}, {"a", "b"})
        await self.present(second, "c")

    async def test_staying(self) -> None:
        """Who is there stays there, however long."""
        first, _ = await self.started()
        second, heard = await self.started()
        await second.subscribe("r")
        await first.enter("r", {"a": ""})
        for _ in range(4):
            await self.passTime(1.0)
        await self.present(second, "a")
        self.assertEqual(heard.of("left"), [])

    async def test_presenceIsNoMessage(self) -> None:
        """Coming and going has no position, and is not in the history."""
        broker, listener = await self.started()
        await broker.subscribe("r")
        await broker.publish("r", "1", 5, 60.0)
        await broker.enter("r", {"a": ""})
        await broker.leave("r", ["a"])
        position = await broker.publish("r", "2", 5, 60.0)
        self.assertEqual(position.offset, 2)
        await self.told(broker, listener)
        self.assertEqual(listener.texts("r"), ["1", "2"])
