"""
A floor: the same bytes over Twisted's TCP transport, and nothing else.

``--broadcast`` sends to all what one says: the other servers have a service for that.
"""

import sys

from twisted.internet.protocol import Factory, Protocol

from benchmarks.servers.twisted_serving import serve


class Echo(Protocol):
    """Says ``o`` as a SockJS session does, then sends back what it gets."""

    def connectionMade(self) -> None:
        self.transport.write(b"o")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Broadcast(Echo):
    """Sends what it gets to everybody."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.everybody.add(self.transport)

    def connectionLost(self, reason: object) -> None:
        self.factory.everybody.remove(self.transport)

    def dataReceived(self, data: bytes) -> None:
        for transport in self.factory.everybody:
            transport.write(data)


if __name__ == "__main__":
    broadcast = "--broadcast" in sys.argv
    if broadcast:
        sys.argv.remove("--broadcast")
    factory = Factory.forProtocol(Broadcast if broadcast else Echo)
    factory.everybody = set()
    serve(factory)
