"""Ours: an echo and a broadcast service on one port."""

from twisted.internet.protocol import Factory, Protocol

from benchmarks.servers.twisted_serving import serve
from txsockjs.factory import SockJSMultiFactory
from txsockjs.utils import broadcast


class Echo(Protocol):
    """Sends back what it gets."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Broadcast(Protocol):
    """Sends what it gets to everybody."""

    def connectionMade(self) -> None:
        self.factory.everybody.add(self.transport)

    def connectionLost(self, reason: object) -> None:
        self.factory.everybody.discard(self.transport)

    def dataReceived(self, data: bytes) -> None:
        broadcast(data, self.factory.everybody)


def main() -> None:
    """Serve both."""
    broadcasting = Factory.forProtocol(Broadcast)
    broadcasting.everybody = set()
    site = SockJSMultiFactory()
    site.addFactory(Factory.forProtocol(Echo), "echo")
    site.addFactory(broadcasting, "broadcast")
    serve(site)


if __name__ == "__main__":
    main()
