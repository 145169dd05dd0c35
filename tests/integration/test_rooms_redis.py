"""L{RedisBroker} with a Redis, in processes of their own."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet import reactor, task
from twisted.trial.unittest import TestCase

from tests.rooms.contract import BrokerContract
from tests.support.programs.redis import Redis
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.redis import RedisBroker


class RedisContractTests(BrokerContract, TestCase):
    """The contract of all brokers."""

    async def setUp(self) -> None:
        self.redis = await Redis(self).start()

    def makeBroker(self) -> IBroker:
        return RedisBroker(reactor, self.redis.url)

    def passTime(self, seconds: float) -> Awaitable[object]:
        return task.deferLater(reactor, seconds)
