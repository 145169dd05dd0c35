"""`RedisBroker` with a Redis, which goes away and does what it should not."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable
from itertools import chain
from typing import Any
from unittest import mock

from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.ssl import optionsForClientTLS, trustRootFromCertificates
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from tests.rooms.contract import BrokerContract
from tests.rooms.listening import Listener
from tests.support.programs.certificates import makeCertificate
from tests.support.programs.ports import freePort
from tests.support.programs.processes import ROOT
from tests.support.programs.redis import Redis
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.redis import RedisBroker
from txsockjs.rooms.values import Entry, Position


class RedisContractTests(BrokerContract, TestCase):
    """The contract of all brokers."""

    async def setUp(self) -> None:
        self.redis = await Redis(self).start()

    def makeBroker(self) -> IBroker:
        return RedisBroker(reactor, self.redis.url)

    def passTime(self, seconds: float) -> Awaitable[object]:
        return task.deferLater(reactor, seconds)


class RedisTestCase(TestCase):
    """
    Brokers of one Redis.

    :ivar lines: what was logged about it.
    """

    timeout = 60

    def setUp(self) -> None:
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.keep)
        self.addCleanup(globalLogPublisher.removeObserver, self.keep)
        self.redis = Redis(self, "--appendonly", "yes")

    def keep(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("txsockjs.rooms.redis"):
            self.lines.append(event["log_format"].format(**event))

    def start(self, url: str = "", **how: Any) -> tuple[RedisBroker, Listener]:
        broker = RedisBroker(reactor, url or self.redis.url, **how)
        listener = Listener()
        broker.start(listener)
        self.addCleanup(broker.stop)
        return broker, listener

    async def started(self, url: str = "", **how: Any) -> tuple[RedisBroker, Listener]:
        broker, listener = self.start(url, **how)
        await self.times(listener, "up", 1)
        return broker, listener

    def times(self, listener: Listener, kind: str, many: int) -> Deferred[None]:
        """Wait until something was heard so often."""
        return listener.when(lambda: len(listener.of(kind)) >= many)


class AwayTests(RedisTestCase):
    """A Redis that goes and comes."""

    async def test_downAtStart(self) -> None:
        """What is asked fails at once while it is not there, and works when it is; one
        line tells the one, and one the other."""
        self.redis.port = freePort()
        broker, listener = self.start()
        await task.deferLater(reactor, 0.5)
        self.failureResultOf(broker.publish("r", "x", 5, 60.0), BrokerUnavailable)
        self.assertEqual(listener.heard, [])
        [line] = self.lines
        self.assertIn(f"{self.redis.url} is not there: ", line)
        await self.redis.start()
        await self.times(listener, "up", 1)
        self.assertEqual(self.lines[1:], [f"Redis at {self.redis.url} is there."])
        position = await broker.publish("r", "x", 5, 60.0)
        self.assertEqual(position.offset, 1)

    async def test_restart(self) -> None:
        """One that is killed and comes back with what it had is told of as down and up,
        with a line for each; what was taken is in the history, and it counts on."""
        await self.redis.start()
        broker, listener = await self.started()
        await broker.subscribe("r")
        first = await broker.publish("r", "1", 50, 60.0)
        await self.redis.kill()
        await self.times(listener, "down", 1)
        self.assertFalse(broker.up)
        await self.redis.start()
        await self.times(listener, "up", 2)
        await broker.subscribe("r")
        second = await broker.publish("r", "2", 50, 60.0)
        self.assertEqual(second, Position(first.epoch, first.offset + 1))
        history = await broker.read("r", first)
        self.assertEqual(history.entries, (Entry("2", second),))
        self.assertTrue(history.complete)
        await self.times(listener, "message", 2)
        there, gone, again = self.lines
        self.assertIn("is not there: ", gone)
        self.assertEqual(there, again)

    async def test_unanswered(self) -> None:
        """What was asked and not answered fails, and tells that it may be done."""
        await self.redis.start()
        broker, listener = await self.started()
        self.redis.program.freeze()
        published = [broker.publish("r", "x", 5, 60.0) for _ in range(3)]
        members = broker.members("r")
        await self.redis.kill()
        for asked in (*published, members):
            error = await self.assertFailure(asked, BrokerUnavailable)
            self.assertTrue(error.uncertain)
        await self.times(listener, "down", 1)

    async def test_silent(self) -> None:
        """One that does not answer any more is given up in time."""
        await self.redis.start()
        broker, listener = await self.started(timeout=0.6)
        self.redis.program.freeze()
        began = reactor.seconds()
        await self.assertFailure(broker.publish("r", "x", 5, 60.0), BrokerUnavailable)
        self.assertLess(reactor.seconds() - began, 3)
        self.assertIn("has not answered", self.lines[-1])
        self.redis.program.thaw()
        await self.times(listener, "up", 2)
        await broker.publish("r", "x", 5, 60.0)

    async def test_stopUnanswered(self) -> None:
        """To stop does not wait for one that does not answer for long."""
        await self.redis.start()
        broker, _ = await self.started(timeout=1.0)
        await broker.enter("r", {"m": ""})
        self.redis.program.freeze()
        began = reactor.seconds()
        await broker.stop()
        self.assertLess(reactor.seconds() - began, 4)

    async def test_empty(self) -> None:
        """One that comes back with nothing begins a new count, and whoever reads on is
        told that it is not complete."""
        self.redis = await Redis(self).start()
        broker, listener = await self.started()
        first = await broker.publish("r", "1", 5, 60.0)
        await self.redis.stop()
        await self.redis.start()
        await self.times(listener, "up", 2)
        second = await broker.publish("r", "2", 5, 60.0)
        self.assertNotEqual(first.epoch, second.epoch)
        history = await broker.read("r", first)
        self.assertEqual(history.entries, (Entry("2", second),))
        self.assertFalse(history.complete)

    async def test_readOnly(self) -> None:
        """One that has become a replica is given up, until it takes messages again."""
        await self.redis.start()
        broker, listener = await self.started()
        await self.redis.do("REPLICAOF", "127.0.0.1", str(freePort()))
        published = broker.publish("r", "x", 5, 60.0)
        error = await self.assertFailure(published, BrokerUnavailable)
        self.assertIn("READONLY", str(error))
        await self.times(listener, "down", 1)
        await self.redis.do("REPLICAOF", "NO", "ONE")
        await self.times(listener, "up", 2)
        await broker.publish("r", "x", 5, 60.0)

    async def test_scripts(self) -> None:
        """One that has dropped the scripts gets them again."""
        await self.redis.start()
        broker, listener = await self.started()
        await self.redis.do("SCRIPT", "FLUSH")
        published = broker.publish("r", "x", 5, 60.0)
        error = await self.assertFailure(published, BrokerUnavailable)
        self.assertFalse(error.uncertain)
        await self.times(listener, "up", 2)
        await broker.publish("r", "x", 5, 60.0)


class StrangeTests(RedisTestCase):
    """A Redis with what is not ours, or not right."""

    async def setUp(self) -> None:
        super().setUp()
        await self.redis.start()

    async def test_foreign(self) -> None:
        """What others publish on our channels is left out, counted, and logged once."""
        broker, listener = await self.started()
        await broker.subscribe("r")
        channel = "sockjs:{r}:channel:0"
        strange = ("", "x", "m", "m1", "mf00:0:x", "mf00:-1:x", "j", "jé:x", "l:x")
        for data in strange:
            await self.redis.do("PUBLISH", channel, data)
        await broker.publish("r", "x", 0, 0.0)
        await self.times(listener, "message", 1)
        self.assertEqual(listener.heard, [("up",), ("message", "r", Entry("x"))])
        self.assertEqual(broker.malformed, len(strange))
        self.assertEqual(len(self.lines), 2)

    async def test_wrongKeys(self) -> None:
        """Keys of another type, and fields that are none of ours, have what is asked
        fail, and nothing else."""
        broker, listener = await self.started()
        await self.redis.do("SET", "sockjs:{a}:head", "x")
        await self.redis.do("HSET", "sockjs:{b}:head", "epoch", "-", "offset", "x")
        await self.redis.do("HSET", "sockjs:{c}:members", "m", "no process")
        for asked in (
            broker.publish("a", "x", 5, 60.0),
            broker.recent("a", 5),
            broker.recent("b", 5),
        ):
            await self.assertFailure(asked, BrokerUnavailable)
        self.assertEqual(await broker.members("c"), {})
        self.assertEqual(listener.heard, [("up",)])

    async def test_countsAnew(self) -> None:
        """One that has lost what it had told, and gives a position a second time, has
        all look again, under another epoch; the message is not taken for a new one."""
        first, listener = await self.started()
        second, _ = await self.started()
        await first.subscribe("r")
        for number in range(5):
            last = await first.publish("r", str(number), 9, 60.0)
        await self.times(listener, "message", 5)
        await self.redis.do("HSET", "sockjs:{r}:head", "offset", "2")
        await self.redis.do("DEL", "sockjs:{r}:stream")
        await second.publish("r", "again", 9, 60.0)
        await self.times(listener, "up", 2)
        self.assertEqual(len(listener.of("message")), 5)
        history = await first.read("r", last)
        self.assertFalse(history.complete)
        self.assertNotEqual(history.latest.epoch, last.epoch)

    async def test_countsAnewUnseen(self) -> None:
        """The same, where it has lost it while it was not there."""
        broker, listener = await self.started()
        await broker.subscribe("r")
        for number in range(5):
            last = await broker.publish("r", str(number), 9, 60.0)
        await self.times(listener, "message", 5)
        await self.redis.do("CLIENT", "KILL", "TYPE", "pubsub")
        await self.times(listener, "up", 2)
        await self.redis.do("HSET", "sockjs:{r}:head", "offset", "4")
        await broker.subscribe("r")
        history = await broker.read("r", last)
        self.assertNotEqual(history.latest.epoch, last.epoch)

    async def test_forgotten(self) -> None:
        """Who is present is so again where Redis has dropped that, by itself."""
        broker, listener = await self.started(ttl=0.6)
        await broker.subscribe("r")
        await broker.enter("r", {"a": "1", "b": "2"})
        await self.redis.do("DEL", "sockjs:{r}:leases", "sockjs:{r}:members")
        await self.times(listener, "joined", 4)
        self.assertEqual(await broker.members("r"), {"a": "1", "b": "2"})

    async def test_left(self) -> None:
        """Who has left while it was not there is gone after the time to live, and told
        of once; who has stayed is not told of."""
        other, heard = await self.started(ttl=1.0)
        broker, listener = await self.started(ttl=1.0)
        await other.subscribe("r")
        await broker.enter("r", {"a": "1", "b": "2"})
        await self.redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await self.times(listener, "up", 2)
        await self.times(heard, "up", 2)
        await other.subscribe("r")
        await broker.enter("r", {"b": "2"})
        began = reactor.seconds()
        await self.times(heard, "left", 1)
        self.assertLess(reactor.seconds() - began, 2.5)
        self.assertEqual(heard.of("left"), [("a", "1")])
        self.assertEqual(await other.members("r"), {"b": "2"})

    async def test_many(self) -> None:
        """A history of more than one page is read whole, and so are many members."""
        broker, _ = await self.started()
        big = "x" * 700_000
        for start in range(0, 1000, 100):
            await gatherResults(
                [broker.publish("r", f"{start + n}", 2000, 60.0) for n in range(100)]
            )
        for _ in range(3):
            await broker.publish("r", big, 2000, 60.0)
        recent = await broker.recent("r", 900)
        texts = [entry.text for entry in recent.entries]
        self.assertEqual(texts, [*map(str, range(103, 1000)), big, big, big])
        history = await broker.read("r", Position(recent.latest.epoch, 102))
        self.assertEqual(len(history.entries), 901)
        self.assertTrue(history.complete)
        members = {f"m{number}": str(number) for number in range(2000)}
        await broker.enter("r", members)
        self.assertEqual(await broker.members("r"), members)


class PlaceTests(RedisTestCase):
    """Where a Redis is, and who may use it."""

    async def assertWorks(self, url: str, **how: Any) -> RedisBroker:
        broker, listener = await self.started(url, **how)
        await broker.subscribe("r")
        position = await broker.publish("r", "x", 5, 60.0)
        await broker.enter("r", {"m": ""})
        await self.times(listener, "joined", 1)
        history = await broker.recent("r", 1)
        self.assertEqual(history.entries, (Entry("x", position),))
        self.assertEqual(await broker.members("r"), {"m": ""})
        await broker.leave("r", ["m"])
        await broker.unsubscribe("r")
        return broker

    async def test_socket(self) -> None:
        """A UNIX socket, with a password."""
        self.redis = await Redis(self, password="s3cret").start()
        await self.assertWorks(self.redis.socket)

    async def test_user(self) -> None:
        """A user who may do what the document says, and nothing else."""
        await self.redis.start()
        text = (ROOT / "docs" / "rooms.rst").read_text("utf-8")
        [told] = re.findall(r"access control list needs(.*?); with", text, re.DOTALL)
        keys, *commands = re.findall("``(.*?)``", told)
        rights = keys.replace("PREFIX", "sockjs").split(), map("+{}".format, commands)
        await self.redis.do("ACL", "SETUSER", "rooms", "on", ">pw", *chain(*rights))
        url = f"redis://rooms:pw@127.0.0.1:{self.redis.port}"
        broker = await self.assertWorks(url)
        other, heard = await self.started(url, ttl=0.6)
        await other.subscribe("r")
        await other.enter("r", {"m": ""})
        # All that is done when somebody is gone, and Redis has lost what it had told.
        await self.redis.do("HSET", "sockjs:{r}:members", "x", "gone:")
        await self.redis.do("ZADD", "sockjs:{r}:leases", "1", "gone")
        await heard.when(lambda: ("x", "") in heard.of("left"))
        # The other one has heard of another message meanwhile.
        await other.publish("r", "y", 5, 60.0)
        await self.times(heard, "message", 1)
        await self.redis.do("HSET", "sockjs:{r}:head", "offset", "0")
        await self.redis.do("DEL", "sockjs:{r}:stream")
        await broker.publish("r", "again", 5, 60.0)
        await self.times(heard, "up", 2)
        self.assertEqual((await other.recent("r", 5)).entries, ())
        self.assertNotIn("pw", "".join(self.lines))

    async def test_wrongPassword(self) -> None:
        """A password that is wrong, or missing, is said to be, and not shown; it works
        once it is right."""
        self.redis = await Redis(self, password="s3cret").start()
        place = f"127.0.0.1:{self.redis.port}"
        for login in "", ":wr0ng@":
            broker, listener = self.start(f"redis://{login}{place}")
            while not self.lines:
                await task.deferLater(reactor, 0.01)
            line = self.lines.pop()
            self.assertRegex(line, "NOAUTH|WRONGPASS|invalid")
            self.assertNotIn("wr0ng", line)
            self.assertEqual(listener.heard, [])
        await self.redis.do("CONFIG", "SET", "requirepass", "wr0ng")
        await self.times(listener, "up", 1)
        await broker.publish("r", "x", 5, 60.0)

    async def test_apart(self) -> None:
        """Databases, and prefixes, have nothing to do with each other."""
        await self.redis.start()
        places = [
            await self.started(self.redis.url, prefix="one"),
            await self.started(self.redis.url, prefix="two"),
            await self.started(self.redis.url + "/3", prefix="one"),
        ]
        for broker, _ in places:
            await broker.subscribe("r")
        for number, (broker, _) in enumerate(places):
            await broker.publish("r", f"{number}", 5, 60.0)
            await broker.enter("r", {f"m{number}": ""})
        for number, (broker, listener) in enumerate(places):
            await self.times(listener, "joined", 1)
            self.assertEqual(listener.texts("r"), [f"{number}"])
            self.assertEqual([*await broker.members("r")], [f"m{number}"])

    async def test_tls(self) -> None:
        """TLS, with a certificate that is trusted; any other is refused, and said to
        be."""
        certificate = makeCertificate()
        self.redis.directory.joinpath("c.pem").write_bytes(
            certificate.privateKey.dump(1) + certificate.dump(1)
        )
        port = freePort()
        path = str(self.redis.directory / "c.pem")
        self.redis = Redis(
            self,
            *("--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", path, "--tls-key-file", path),
            *("--tls-ca-cert-file", path),
        )
        await self.redis.start()
        url = f"rediss://127.0.0.1:{port}"
        self.start(url)
        while not self.lines:
            await task.deferLater(reactor, 0.01)
        self.assertIn("certificate", self.lines[0])
        trust = trustRootFromCertificates([certificate])
        await self.assertWorks(url, trust=optionsForClientTLS("127.0.0.1", trust))
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": path}):
            await self.assertWorks(url)

    async def test_cluster(self) -> None:
        """A Redis Cluster takes all that is asked of one room, whatever its name: no
        command reaches into two slots."""
        self.redis = await Redis(self, "--cluster-enabled", "yes").start()
        await self.redis.do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        while "cluster_state:ok" not in await self.redis.do("CLUSTER", "INFO"):
            await task.deferLater(reactor, 0.05)
        broker = await self.assertWorks(self.redis.url, ttl=0.6)
        for name in "a{b}c", "}", "{}", "{", "%", "ü":
            await broker.subscribe(name)
            await broker.enter(name, {"m": ""})
            await broker.publish(name, "x", 5, 60.0)
            self.assertEqual(await broker.members(name), {"m": ""})
        await self.redis.do("DEL", "sockjs:{ü}:leases")
        # It is tended, and entered anew.
        while await self.redis.do("EXISTS", "sockjs:{ü}:leases") != "1":
            await task.deferLater(reactor, 0.05)

    async def test_unknownMaster(self) -> None:
        """A master that no sentinel knows is said to be unknown."""
        await self.redis.start()
        sentinel = await self.redis.sentinel("chat")
        self.start(f"redis+sentinel://{sentinel}/other")
        while not self.lines:
            await task.deferLater(reactor, 0.01)
        self.assertIn("it knows no such master", self.lines[0])
        self.assertIn(sentinel, self.lines[0])

    async def test_sentinel(self) -> None:
        """The sentinels say which one is the master, and which one after that."""
        await self.redis.start()
        place = "127.0.0.1", str(self.redis.port)
        replica = await Redis(self, "--replicaof", *place).start()
        while "state=online" not in await self.redis.do("INFO", "replication"):
            await task.deferLater(reactor, 0.05)
        sentinel = await self.redis.sentinel("chat")
        gone = f"127.0.0.1:{freePort()}"
        url = f"redis+sentinel://{gone},{sentinel}/chat"
        broker, listener = await self.started(url)
        first = await broker.publish("r", "1", 5, 60.0)
        while str(first.offset) not in await replica.do(
            "HGET", "sockjs:{r}:head", "offset"
        ):
            await task.deferLater(reactor, 0.05)
        cli = f"-p {sentinel.rpartition(':')[2]}"
        while str(replica.port) not in await self.redis.run(
            *cli.split(), "SENTINEL", "replicas", "chat"
        ):
            await task.deferLater(reactor, 0.05)
        await self.redis.kill()
        await self.times(listener, "up", 2)
        second = await broker.publish("r", "2", 5, 60.0)
        self.assertEqual(second, Position(first.epoch, 2))
        self.assertEqual(await replica.do("HGET", "sockjs:{r}:head", "offset"), "2")
