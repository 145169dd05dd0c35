"""Counts the seconds that each client has been here."""

from typing import Any

from twisted.internet.interfaces import IReactorTime, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from txsockjs.clock import clockOr


class Ticker(Protocol):
    transport: ITransport
    factory: "TickerFactory"

    def connectionMade(self) -> None:
        self.seconds: int = 0
        self.loop: LoopingCall = LoopingCall.withCount(self.tick)
        self.loop.clock = self.factory.clock
        self.loop.start(1.0, now=False)

    def tick(self, count: int) -> None:
        self.seconds += count
        self.transport.write(b"tick %d" % self.seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.loop.stop()


class TickerFactory(Factory):
    protocol: Any = Ticker

    def __init__(self, clock: IReactorTime | None = None) -> None:
        self.clock: IReactorTime = clockOr(clock)
