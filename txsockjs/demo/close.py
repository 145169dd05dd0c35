"""Shows every client the door."""

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol


class Close(Protocol):
    transport: ITransport

    def connectionMade(self) -> None:
        self.transport.loseConnection()
