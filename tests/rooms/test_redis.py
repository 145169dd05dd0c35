"""Tests of `txsockjs.rooms.redis` and what is under it, with a Redis in memory."""

from __future__ import annotations

from typing import Any

from tests.rooms.redissupport import RedisTestCase
from txsockjs.rooms.redis import MOST_WAITING, RedisBroker
from txsockjs.rooms.rediskeys import MOST_TEXT, Keys
from txsockjs.rooms.redisscripts import (
    ENTER,
    FORGET,
    LEAVE,
    MEMBERS,
    PUBLISH,
    READ,
    TEND,
)
from txsockjs.rooms.values import Position

KEYS = Keys.of("sockjs", 0, "r")
CHANNEL = KEYS.channel


class AskingTests(RedisTestCase):
    """What is asked, and answered wrongly."""

    def test_arguments(self) -> None:
        """Arguments that there are not are refused, each with what there is."""
        for words, how in (
            ("prefix", {"prefix": "a{b"}),
            ("prefix", {"prefix": ""}),
            ("ttl", {"ttl": 0}),
            ("timeout", {"timeout": float("nan")}),
            ("maxWaiting", {"maxWaiting": 0}),
        ):
            with self.assertRaises(ValueError) as raised:
                RedisBroker(self.redis, "unix:///redis", **how)
            self.assertTrue(str(raised.exception).startswith(words))

    def test_waiting(self) -> None:
        """No more may wait than the limit; what ends something is not refused."""
        broker = self.make(maxWaiting=3)
        self.result(broker.subscribe("r"))
        self.redis.silent = True
        waiting = [broker.publish("r", "x", 0, 0.0) for _ in range(3)]
        self.failure(broker.publish("r", "x", 0, 0.0), "maxWaiting")
        self.failure(broker.subscribe("r2"), "maxWaiting")
        ending = [broker.unsubscribe("r"), broker.leave("r", ["m"])]
        self.redis.settle()
        for each in waiting + ending:
            self.assertNoResult(each)
        sent = {command[0] for command in self.redis.asked[-2:]}
        self.assertEqual(sent, {b"UNSUBSCRIBE", b"EVALSHA"})
        self.redis.drop()
        for each in waiting + ending:
            self.assertTrue(self.failure(each).uncertain)
        self.redis.silent = False
        self.redis.advance(1)
        self.result(broker.publish("r", "x", 0, 0.0))

    def test_waitingBytes(self) -> None:
        """So with bytes."""
        broker = self.make()
        self.redis.silent = True
        many = MOST_WAITING // MOST_TEXT
        text = "x" * (MOST_TEXT - 1000)
        waiting = [broker.publish("r", text, 0, 0.0) for _ in range(many)]
        error = self.failure(broker.publish("r", text, 0, 0.0), "bytes wait")
        self.assertFalse(error.uncertain)
        self.redis.drop()
        for each in waiting:
            self.failure(each)
        self.redis.silent = False
        self.redis.advance(1)
        self.result(broker.publish("r", text, 0, 0.0))

    def test_tooLarge(self) -> None:
        """A message that is larger than may be is refused."""
        broker = self.make()
        text = "é" * (MOST_TEXT // 2) + "x"
        self.failure(broker.publish("r", text, 5, 60.0), "is larger than")
        self.assertEqual(self.redis.ran(PUBLISH), [])

    def test_cancel(self) -> None:
        """To cancel gives up the waiting, and nothing else: the next answer belongs to
        the next question."""
        broker = self.make()
        answers = iter([[b"e", b"1"], [b"e", b"2"]])
        self.redis.scripts[PUBLISH] = lambda keys, args: next(answers)
        asked = broker.publish("r", "1", 5, 60.0), broker.publish("r", "2", 5, 60.0)
        asked[0].addErrback(lambda reason: None)
        asked[0].cancel()
        self.assertEqual(self.result(asked[1]), Position("e", 2))
        subscribed = broker.subscribe("r")
        subscribed.addErrback(lambda reason: None)
        subscribed.cancel()
        self.redis.settle()
        self.redis.tell(CHANNEL, b"nx")
        self.assertEqual(self.listener.texts("r"), ["x"])

    def test_strangeAnswers(self) -> None:
        """An answer that is none has what was asked fail, and is counted."""
        broker = self.make()
        strange: tuple[Any, ...] = (
            None,
            b"",
            7,
            [],
            [b"e"],
            [b"e", b"x"],
            [b"\xff", b"1"],
            [b"e", b"1", b"2"],
            [b"e", 1],
            [b"e", b"3", b"1", b"x", b"3", b"y"],
            [b"e", b"1", None, b"x"],
            [b"e", b"1", b"1", b"\xff"],
            [[b"e"], b"1"],
        )
        for number, answer in enumerate(strange, 1):
            self.redis.scripts[READ] = lambda keys, args, answer=answer: answer
            self.failure(broker.recent("r", 5), "must not")
            self.assertEqual(broker.malformed, number)
        for answer in None, b"", [b"e"], [b"e", b"x"], [1, 2], [[], []]:
            self.redis.scripts[PUBLISH] = lambda keys, args, answer=answer: answer
            self.failure(broker.publish("r", "x", 5, 60.0), "must not")
        for answer in None, b"", 7, [b"m"]:
            self.redis.scripts[MEMBERS] = lambda keys, args, answer=answer: answer
            self.failure(broker.members("r"), "must not")
        self.redis.scripts[MEMBERS] = lambda keys, args: [b"m", b"p:i", b"n", b"", 1, 2]
        self.assertEqual(self.result(broker.members("r")), {"m": "i"})
        self.assertTrue(broker.up)
        self.assertEqual(len(self.lines), 2)

    def test_refused(self) -> None:
        """What Redis refuses fails with its words, and was not done."""
        broker = self.make()
        refused = ValueError("OOM command not allowed")
        self.redis.scripts = dict.fromkeys((PUBLISH, READ), lambda *args: refused)
        self.redis.scripts[ENTER] = lambda *args: refused
        self.redis.replies[b"SUBSCRIBE"] = lambda args: ValueError("NOPERM no")
        for asked in (
            broker.publish("r", "x", 5, 60.0),
            broker.recent("r", 5),
            broker.enter("r", {"m": ""}),
        ):
            self.assertFalse(self.failure(asked, "OOM command not allowed").uncertain)
        self.failure(broker.subscribe("r"), "NOPERM")
        # Nobody of those is kept present, and nothing is subscribed to.
        self.redis.advance(60)
        self.assertEqual(self.redis.ran(TEND), [])
        self.assertTrue(broker.up)


class CountingTests(RedisTestCase):
    """A Redis that has lost what it had told."""

    def subscribed(self) -> RedisBroker:
        broker = self.make()
        self.result(broker.subscribe("r"))
        for number in range(1, 6):
            self.redis.tell(CHANNEL, b"mold:%d:x" % number)
        return broker

    def test_seen(self) -> None:
        """A position that was there has the history begin anew, and all be asked again;
        the message is not handed on."""
        self.subscribed()
        for offset in b"5", b"3":
            self.redis.tell(CHANNEL, b"mold:%b:again" % offset)
            self.assertNotIn("again", self.listener.texts("r"))
            self.assertEqual(self.redis.ran(FORGET)[-1][3:4], [b"old"])
            self.assertEqual(self.redis.links, [])
            self.assertEqual(self.listener.heard[-1], ("down",))
            self.redis.advance(20)
            self.result(self.broker.subscribe("r"))
            self.redis.tell(CHANNEL, b"mold:5:x")

    def test_otherEpoch(self) -> None:
        """A message of another epoch is handed on, whatever its offset."""
        self.subscribed()
        self.redis.tell(CHANNEL, b"mnew:1:y")
        self.assertEqual(self.listener.texts("r")[-1], "y")
        self.assertEqual(self.redis.ran(FORGET), [])

    def test_unseen(self) -> None:
        """When it is subscribed to again, Redis is told how far it had come, as far as
        that was heard or read."""
        broker = self.subscribed()
        self.redis.drop()
        self.redis.advance(1)
        self.result(broker.subscribe("r"))
        [ran] = self.redis.ran(FORGET)
        self.assertEqual(ran[1:], [KEYS.head, KEYS.stream, b"old", b"5"])
        self.redis.scripts[READ] = lambda keys, args: [b"old", b"8"]
        self.result(broker.read("r", Position("old", 8)))
        self.redis.drop()
        self.redis.advance(1)
        self.result(broker.subscribe("r"))
        [_, ran] = self.redis.ran(FORGET)
        self.assertEqual(ran[3:], [b"old", b"8"])

    def test_forgotten(self) -> None:
        """What is no longer subscribed to is not remembered, nor tended."""
        broker = self.subscribed()
        self.redis.drop()
        self.redis.advance(60)
        self.assertEqual(self.redis.ran(TEND), [])
        self.redis.drop()
        self.redis.advance(60)
        self.result(broker.subscribe("r"))
        self.assertEqual(self.redis.ran(FORGET), [])


class PresenceTests(RedisTestCase):
    """Who is kept present."""

    def tended(self, seconds: float) -> list[bytes]:
        """The heads of the rooms that are tended in some time."""
        before = len(self.redis.ran(TEND))
        self.redis.advance(seconds)
        return [each[3] for each in self.redis.ran(TEND)[before:]]

    def test_tended(self) -> None:
        """Rooms that have members here, or are subscribed to, are tended three times in
        the time to live; others are not any more."""
        broker = self.make(ttl=30.0)
        self.result(broker.enter("a", {"m": ""}))
        self.result(broker.subscribe("b"))
        both = {b"sockjs:{a}:head", b"sockjs:{b}:head"}
        self.assertEqual(self.tended(0.9), [])
        for _ in range(3):
            tended = self.tended(10)
            self.assertEqual((set(tended), len(tended)), (both, 2))
        runs = self.redis.ran(TEND)
        processes = {run[3]: run[6] for run in runs}
        self.assertNotEqual(processes[b"sockjs:{a}:head"], b"")
        self.assertEqual(processes[b"sockjs:{b}:head"], b"")
        self.result(broker.leave("a", ["m"]))
        self.result(broker.unsubscribe("b"))
        self.tended(10)
        self.assertEqual(self.tended(60), [])

    def test_spread(self) -> None:
        """Many rooms are not tended all at once."""
        broker = self.make(ttl=30.0)
        for number in range(100):
            self.result(broker.enter(f"{number}", {f"m{number}": ""}))
        most = max(len(self.tended(1.0)) for _ in range(30))
        self.assertEqual(most, 10)
        self.assertEqual(len(set(self.tended(10.0))), 100)

    def test_takenForGone(self) -> None:
        """Where this process was taken to be gone, its members enter anew."""
        broker = self.make(ttl=30.0)
        self.result(broker.enter("r", {"a": "1", "b": "2"}))
        self.result(broker.leave("r", ["b"]))
        self.redis.scripts[TEND] = lambda keys, args: 0
        before = len(self.redis.ran(ENTER))
        self.redis.advance(1)
        [again] = self.redis.ran(ENTER)[before:]
        self.assertEqual(again[-2:], [b"a", b"1"])

    def test_another(self) -> None:
        """With each connection the process has another name, so that whoever left in
        between is not kept present; whoever was does not stay by itself."""
        broker = self.make()
        self.result(broker.enter("r", {"a": "1", "b": "2"}))
        self.redis.drop()
        self.failure(broker.leave("r", ["a"]))
        self.redis.advance(1)
        self.assertTrue(broker.up)
        self.redis.advance(60)
        self.assertEqual(self.redis.ran(TEND), [])
        self.result(broker.enter("r", {"b": "2"}))
        first, second = self.redis.ran(ENTER)
        self.assertNotEqual(first[5], second[5])

    def test_stopped(self) -> None:
        """All that have entered leave when it is stopped, so many in a script."""
        broker = self.make()
        self.result(broker.enter("r", {f"m{n}": "" for n in range(1200)}))
        self.assertEqual(len(self.redis.ran(ENTER)), 3)
        stopped = broker.stop()
        self.redis.settle()
        self.successResultOf(stopped)
        left = [name for run in self.redis.ran(LEAVE) for name in run[5:]]
        self.assertEqual(set(left), {b"m%d" % n for n in range(1200)})
        self.assertEqual(len(self.redis.ran(LEAVE)), 3)

    def test_stoppedUnanswered(self) -> None:
        """That is not waited for without end."""
        broker = self.make()
        self.result(broker.enter("r", {"m": ""}))
        self.redis.silent = True
        stopped = broker.stop()
        self.redis.advance(4.9)
        self.assertNoResult(stopped)
        self.redis.advance(0.2)
        self.successResultOf(stopped)
