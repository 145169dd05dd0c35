"""Tests of L{txsockjs.rooms.memory}."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from tests.rooms.contract import BrokerContract
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.memory import MemoryBroker, MemoryStore


class MemoryContractTests(BrokerContract, TestCase):
    """The contract, in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)

    def makeBroker(self) -> IBroker:
        return MemoryBroker(store=self.store)

    def passTime(self, seconds: float) -> Awaitable[object]:
        self.clock.advance(seconds)
        return succeed(None)
