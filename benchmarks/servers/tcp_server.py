"""
A floor: the same bytes over Twisted's TCP transport, and nothing else.

``--broadcast`` sends to all what one says: the other servers have a service for that.
``--direct`` hands an answer to the kernel at once, as ours does where nothing waits,
and not at the reactor's next turn.
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


class Direct(Echo):
    """Writes through."""

    def dataReceived(self, data: bytes) -> None:
        try:
            sent = self.transport.getHandle().send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.transport.write(data[sent:])


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


KINDS = {"--broadcast": Broadcast, "--direct": Direct}

if __name__ == "__main__":
    chosen = [option for option in sys.argv if option in KINDS]
    for option in chosen:
        sys.argv.remove(option)
    factory = Factory.forProtocol(KINDS[chosen[-1]] if chosen else Echo)
    factory.everybody = set()
    serve(factory)
