"""Ours: echoes of every kind, a broadcast and rooms on one port."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from benchmarks.servers.collected import leaveWhenAsked
from benchmarks.servers.twisted_serving import arguments, serve
from txsockjs.bridge import BridgeFactory
from txsockjs.factory import SockJSMultiFactory
from txsockjs.handlers import handler
from txsockjs.multiplex import MultiplexFactory
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


@handler
async def asking(session: Any) -> None:
    """The echo, as a coroutine."""
    async for message in session:
        await session.send(message)


def collectedEcho() -> Factory:
    """The echo, in a process that tells what its garbage collector has to do."""
    leaveWhenAsked()
    return Factory.forProtocol(Echo)


def broadcasting() -> Factory:
    """The factory of those who hear what each of them says."""
    factory = Factory.forProtocol(Broadcast)
    factory.everybody = set()
    return factory


def multiplexed() -> MultiplexFactory:
    """The echo as a topic."""
    factory = MultiplexFactory()
    factory.addFactory("echo", Factory.forProtocol(Echo))
    return factory


def main() -> None:
    """Serve them all."""
    options = arguments()
    site = SockJSMultiFactory()
    site.addFactory(collectedEcho(), "echo")
    site.addFactory(broadcasting(), "broadcast")
    site.addFactory(inRoom(Rooms()), "rooms")
    site.addFactory(asking, "handler")
    site.addFactory(multiplexed(), "multiplex")
    site.addFactory(Factory.forProtocol(Echo), "deflate", {"compression": True})
    if options.backend is not None:
        backend = f"tcp:127.0.0.1:{options.backend}:framing=lines"
        site.addFactory(BridgeFactory.fromString(reactor, backend), "bridge")
    if options.redis is not None:
        # Whoever measures the rest needs no Redis.
        from txsockjs.rooms.redis import RedisBroker

        rooms = Rooms(RedisBroker(reactor, options.redis))
        site.addFactory(inRoom(rooms, history=100), "rooms-redis")
    serve(site)


if __name__ == "__main__":
    main()
