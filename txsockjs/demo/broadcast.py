"""Tells everybody who is here what one of them says."""

from typing import Any

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from txsockjs.utils import broadcast


class Broadcast(Protocol):
    transport: ITransport
    factory: "BroadcastFactory"

    def connectionMade(self) -> None:
        self.factory.transports.add(self.transport)

    def dataReceived(self, data: bytes) -> None:
        broadcast(data, self.factory.transports)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.transports.discard(self.transport)


class BroadcastFactory(Factory):
    protocol: Any = Broadcast

    def __init__(self) -> None:
        self.transports: set[ITransport] = set()
