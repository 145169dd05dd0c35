"""Tests of `txsockjs.rooms.redislink`, by a broker whose Redis is in memory."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

from tests.rooms.listening import Listener
from tests.rooms.redissupport import RedisTestCase
from tests.support.redis import SILENT
from txsockjs.rooms.redis import RedisBroker
from txsockjs.rooms.redisconnection import MOST_REPLY
from txsockjs.rooms.rediskeys import MOST_TEXT, Keys
from txsockjs.rooms.redislink import CLOSE_TIME, FIRST_PAUSE, LONGEST_PAUSE
from txsockjs.rooms.redisscripts import (
    PUBLISH,
)

KEYS = Keys.of("sockjs", 0, "r")
CHANNEL = KEYS.channel


class ConnectingTests(RedisTestCase):
    """How it comes up, and again."""

    def test_start(self) -> None:
        """Nothing is done before the reactor runs, and it may be stopped before."""
        broker = RedisBroker(self.redis, "unix:///redis")
        broker.start(Listener())
        self.assertEqual(self.redis.attempts, [])
        self.stop(broker)
        self.assertEqual(self.redis.attempts, [])

    def test_pauses(self) -> None:
        """It is tried again after pauses that double up to a bound, less up to half of
        each; one line is logged."""
        self.redis.accepts = False
        self.make()
        self.redis.advance(120)
        times = self.redis.attempts
        pauses = [after - before for before, after in pairwise(times)]
        for number, pause in enumerate(pauses):
            most = min(LONGEST_PAUSE, FIRST_PAUSE * 2**number)
            self.assertTrue(most / 2 <= pause <= most, (number, pause))
        self.assertGreater(len(pauses), 12)
        self.assertNotEqual(len({round(pause, 6) for pause in pauses[-3:]}), 1)
        [line] = self.lines
        self.assertIn("Redis at unix:///redis is not there: ", line)
        self.assertIn("gone", line)

    def test_flapping(self) -> None:
        """One that drops its connections soon is not come back to at once; one that was
        there for long is."""
        self.make()
        for _ in range(12):
            self.redis.drop()
            self.redis.advance(LONGEST_PAUSE)
            self.assertTrue(self.broker.up)
        before = len(self.redis.attempts)
        self.redis.drop()
        self.redis.advance(LONGEST_PAUSE / 2 - 0.1)
        self.assertEqual(len(self.redis.attempts), before)
        self.redis.advance(LONGEST_PAUSE * 3)
        self.redis.drop()
        self.redis.advance(FIRST_PAUSE)
        self.assertTrue(self.broker.up)

    def test_login(self) -> None:
        """Both connections log in, and select the database."""
        self.make("unix://me:p%40ss@/redis?db=3")
        for link in self.redis.links:
            self.assertEqual(
                link.asked[:2], [[b"AUTH", b"me", b"p@ss"], [b"SELECT", b"3"]]
            )
        self.assertEqual(len(self.redis.links), 2)

    def test_loginFails(self) -> None:
        """A log-in that is refused is said to be, without the password."""
        self.redis.replies[b"AUTH"] = lambda args: ValueError("WRONGPASS no")
        self.make("unix://:s3cret@/redis")
        self.assertIn("WRONGPASS", self.lines[0])
        self.assertNotIn("s3cret", self.lines[0])
        self.assertEqual(self.listener.heard, [])
        del self.redis.replies[b"AUTH"]
        self.redis.advance(1)
        self.assertTrue(self.broker.up)

    def test_silentLogin(self) -> None:
        """One that accepts and says nothing is given up after the time-out."""
        self.redis.silent = True
        self.make("unix://:pw@/redis", timeout=4.0)
        self.redis.advance(3.9)
        self.assertEqual(self.lines, [])
        self.redis.advance(0.2)
        self.assertIn("it has not answered for 4 s", self.lines[0])
        self.assertEqual(self.redis.given, [4.0])

    def test_lostBetween(self) -> None:
        """One connection that is lost while the other is made takes that with it."""
        taken: list[Any] = []

        def auth(args: list[bytes]) -> Any:
            if len(self.redis.links) == 2:
                taken.extend(self.redis.links)
                self.redis.links[0].transport.abortConnection()
                del self.redis.replies[b"AUTH"]
            return b"OK"

        self.redis.replies[b"AUTH"] = auth
        self.make("unix://:pw@/redis")
        self.redis.settle()
        self.assertEqual(len(taken), 2)
        self.assertEqual(self.listener.heard, [])
        self.assertEqual(self.redis.links, [])
        self.redis.advance(1)
        self.assertTrue(self.broker.up)

    def test_oneLost(self) -> None:
        """Where one of the two is lost, so is the other, and it is told once."""
        for number in 0, 1:
            self.make()
            self.redis.links[number].transport.loseConnection()
            self.redis.settle()
            self.assertEqual(self.redis.links, [])
            self.assertEqual(self.listener.heard, [("up",), ("down",)])
            self.failure(self.broker.publish("r", "x", 0, 0.0), "is not there")
            self.redis.advance(1)
            self.assertEqual(self.heard("up"), 2)
            self.stop(self.broker)

    def test_beats(self) -> None:
        """Both connections are asked for signs of life; where one gives none, all that
        was asked has failed within the time-out."""
        self.make(timeout=8.0)
        self.result(self.broker.subscribe("r"))
        self.redis.advance(60)
        self.assertTrue(self.broker.up)
        self.redis.advance(1)
        self.redis.silent = True
        asked = self.broker.publish("r", "x", 5, 60.0)
        self.redis.advance(7.9)
        self.assertTrue(self.failure(asked).uncertain)
        self.assertEqual(self.heard("down"), 1)
        self.assertIn("has not answered for 4 s", self.lines[-1])

    def test_oneSilent(self) -> None:
        """One connection that is silent is enough."""
        for number in 0, 1:
            self.make(timeout=8.0)
            link = self.redis.links[number]
            self.redis.silentLinks.append(link)
            self.redis.advance(8)
            self.assertEqual(self.heard("down"), 1)
            self.stop(self.broker)

    def test_elsewhere(self) -> None:
        """Where another connection may do better, there is a new one."""
        for number, code in enumerate(("READONLY x", "NOSCRIPT x", "MASTERDOWN x"), 1):
            if number == 1:
                self.make()
            self.redis.scripts[PUBLISH] = partial(self.refuse, code)
            asked = self.broker.publish("r", "x", 5, 60.0)
            self.assertFalse(self.failure(asked, code).uncertain)
            self.assertEqual(self.heard("down"), number)
            self.assertIn(code, self.lines[-1])
            self.redis.advance(20)
            self.assertEqual(self.heard("up"), number + 1)

    def refuse(self, code: str, *args: object) -> Exception:
        return ValueError(code)

    def test_much(self) -> None:
        """Much that comes is not too much, where each is not."""
        self.make()
        self.result(self.broker.subscribe("r"))
        for _ in range(MOST_REPLY // MOST_TEXT + 1):
            self.redis.tell(CHANNEL, b"n" + b"x" * MOST_TEXT)
        self.assertEqual(self.heard("message"), MOST_REPLY // MOST_TEXT + 1)
        self.assertTrue(self.broker.up)

    def test_large(self) -> None:
        """An answer without end is given up."""
        self.redis.replies[b"PUBLISH"] = lambda args: SILENT
        self.make()
        asked = self.broker.publish("r", "x", 0, 0.0)
        self.redis.settle()
        [link] = [each for each in self.redis.links if len(each.asked) > 5]
        link.transport.write(b"$%d\r\n" % (2 * MOST_REPLY))
        piece = b"x" * (1 << 20)
        for _ in range(MOST_REPLY // len(piece) + 1):
            link.transport.write(piece)
            self.redis.settle()
        self.assertTrue(self.failure(asked, "answer has more than").uncertain)

    def test_stopWhile(self) -> None:
        """It can be stopped while it connects, logs in, or waits to try again."""
        self.redis.accepts = None
        self.stop(self.make())
        self.assertEqual(self.redis.cancelled, 1)
        self.redis.accepts = False
        self.stop(self.make())
        self.redis.accepts, self.redis.silent = True, True
        self.stop(self.make("unix://:pw@/redis"))
        self.assertEqual(self.heard("up"), 0)

    def test_stopInside(self) -> None:
        """The listener may stop it, and start it again, from inside any call."""
        for kind in "up", "down":
            broker = self.make()
            broker.stop()
            listener = Listener()
            again = Listener()

            listener.answer = partial(self.startAnew, broker, again, kind)
            broker.start(listener)
            self.redis.settle()
            self.redis.drop()
            self.redis.advance(5)
            self.assertEqual(listener.heard[-1], (kind,))
            self.assertEqual(again.heard[-1], ("up",))
            self.stop(broker)

    def startAnew(
        self, broker: RedisBroker, listener: Listener, kind: str, thing: Any
    ) -> None:
        if thing[0] == kind:
            broker.stop()
            broker.start(listener)

    def test_startWhileStopping(self) -> None:
        """What is still being stopped has no say in what was started after it."""
        broker = self.make()
        self.result(broker.enter("r", {"m": ""}))
        self.redis.silent = True
        stopped = broker.stop()
        self.redis.settle()
        old = list(self.redis.links)
        self.redis.silent = False
        broker.start(self.listener)
        self.redis.settle()
        self.result(broker.subscribe("r"))
        for link in reversed(old):
            link.transport.abortConnection()
            self.redis.settle()
        self.successResultOf(stopped)
        self.assertEqual(self.listener.heard, [("up",), ("up",)])
        self.redis.tell(CHANNEL, b"nx")
        self.assertEqual(self.listener.texts("r"), ["x"])

    def test_stopUnread(self) -> None:
        """A connection that does not end by itself is reset."""
        broker = self.make()
        self.redis.silent = True
        for link in self.redis.links:
            link.transport.pauseProducing()
        big = broker.publish("r", "x" * MOST_TEXT, 0, 0.0)
        more = [broker.publish("r", "x" * MOST_TEXT, 0, 0.0) for _ in range(3)]
        stopped = broker.stop()
        self.redis.settle()
        for link in self.redis.links:
            link.transport.resumeProducing()
        self.redis.advance(CLOSE_TIME)
        self.successResultOf(stopped)
        for asked in big, *more:
            self.failure(asked)
