"""Sends back what it is sent."""

from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol


class Echo(Protocol):
    transport: ITransport

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
