"""Ours: an echo, a broadcast and rooms on one port."""

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from benchmarks.servers.twisted_serving import arguments, serve
from txsockjs.factory import SockJSMultiFactory
from txsockjs.rooms import Rooms
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


class InRoom(Protocol):
    """Tells a room what it gets."""

    def connectionMade(self) -> None:
        self._join()

    def _join(self) -> None:
        joined = self.factory.room.join(self.transport)
        # The first ones come before the broker is there.
        joined.addCallbacks(self._joined, lambda _: reactor.callLater(0.05, self._join))

    def _joined(self, result: object) -> None:
        self.transport.write(b"joined")

    def dataReceived(self, data: bytes) -> None:
        self.factory.room.publish(data)


def inRoom(rooms: Rooms, **options: int) -> Factory:
    """The factory of those who are in one room."""
    factory = Factory.forProtocol(InRoom)
    factory.room = rooms.room("room", **options)
    return factory


def main() -> None:
    """Serve them all."""
    broadcasting = Factory.forProtocol(Broadcast)
    broadcasting.everybody = set()
    site = SockJSMultiFactory()
    site.addFactory(Factory.forProtocol(Echo), "echo")
    site.addFactory(broadcasting, "broadcast")
    site.addFactory(inRoom(Rooms()), "rooms")
    url = arguments().redis
    if url is not None:
        # Whoever measures the rest needs no Redis.
        from txsockjs.rooms.redis import RedisBroker

        rooms = Rooms(RedisBroker(reactor, url))
        site.addFactory(inRoom(rooms, history=100), "rooms-redis")
    serve(site)


if __name__ == "__main__":
    main()
