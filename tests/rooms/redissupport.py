"""A broker whose Redis is in memory, for tests: `RedisTestCase`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.rooms.listening import Listener
from tests.support.redis import FakeRedis
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.redis import RedisBroker


class RedisTestCase(SynchronousTestCase):
    """
    A broker whose Redis is in memory.

    :ivar lines: what was logged.
    """

    def setUp(self) -> None:
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.keep)
        self.addCleanup(globalLogPublisher.removeObserver, self.keep)
        self.redis = FakeRedis()

    def keep(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("txsockjs.rooms.redis"):
            self.lines.append(event["log_format"].format(**event))

    def make(self, url: str = "unix:///redis", **how: Any) -> RedisBroker:
        """A broker that is started, until the test ends with nothing left behind."""
        self.listener = Listener()
        self.broker = RedisBroker(self.redis, url, **how)
        self.broker.start(self.listener)
        self.redis.settle()
        self.addCleanup(self.stop, self.broker)
        return self.broker

    def stop(self, broker: RedisBroker) -> None:
        stopped = broker.stop()
        self.redis.advance(20)
        self.successResultOf(stopped)
        self.assertEqual(self.redis.getDelayedCalls(), [])
        self.assertEqual(self.redis.links, [])
        self.assertEqual(self.redis.getReaders(), [])

    def result(self, asked: Deferred[Any]) -> Any:
        self.redis.settle()
        return self.successResultOf(asked)

    def failure(self, asked: Deferred[Any], words: str = "") -> BrokerUnavailable:
        self.redis.settle()
        error: Any = self.failureResultOf(asked, BrokerUnavailable).value
        self.assertIn(words, str(error))
        return error

    def heard(self, kind: str) -> int:
        return len(self.listener.of(kind))
