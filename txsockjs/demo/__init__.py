"""What ``twistd sockjs`` serves when it is given no service: four small protocols with
a console for each, and rooms with a chat."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from twisted.internet.interfaces import IProtocolFactory, IReactorTime, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.web.resource import Resource
from twisted.web.static import Data

from txsockjs.files import PublicFile
from txsockjs.rooms import Rooms, RoomsFactory
from txsockjs.rooms.script import roomsScript
from txsockjs.utils import broadcast

#: Where the page is given a local copy of sockjs-client, if there is one.
CLIENT_PATH: Final = "/sockjs.min.js"


class Broadcast(Protocol):
    """
    Sends what one client says to all of them.
    """

    factory: BroadcastFactory
    transport: ITransport

    def connectionMade(self) -> None:
        self.factory.transports.add(self.transport)

    def dataReceived(self, data: bytes) -> None:
        broadcast(data, self.factory.transports)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.transports.discard(self.transport)


class BroadcastFactory(Factory):
    """
    :ivar transports: the clients that are here.
    """

    protocol: Any = Broadcast

    def __init__(self) -> None:
        self.transports: set[ITransport] = set()


class Close(Protocol):
    """
    Shows every client the door.
    """

    transport: ITransport

    def connectionMade(self) -> None:
        self.transport.loseConnection()


class Ticker(Protocol):
    """
    Counts the seconds that a client has been here.
    """

    factory: TickerFactory
    transport: ITransport

    def connectionMade(self) -> None:
        self._loop = LoopingCall.withCount(self._tick)
        self._loop.clock = self.factory.clock
        self._seconds = 0
        self._loop.start(1.0, now=False)

    def _tick(self, count: int) -> None:
        self._seconds += count
        self.transport.write(b"tick %d" % self._seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._loop.stop()


class TickerFactory(Factory):
    """
    :ivar clock: what tells the seconds.
    """

    protocol: Any = Ticker

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock


#: How many messages the rooms of the demo keep.
HISTORY: Final = 100


def factories(
    clock: IReactorTime, ownRooms: bool = True
) -> dict[str, IProtocolFactory]:
    """
    The demo services, by name.

    :param ownRooms: whether they have rooms of their own; otherwise they are to be
        given some.
    """
    rooms: Rooms | None = None
    if ownRooms:
        rooms = Rooms(clock=clock)
        rooms.configure("*", history=HISTORY)
    return {
        "echo": Factory.forProtocol(Echo),
        "broadcast": BroadcastFactory(),
        "close": Factory.forProtocol(Close),
        "ticker": TickerFactory(clock),
        "rooms": RoomsFactory(rooms, clock=clock),
    }


def findClient(path: str | None = None) -> FilePath[str] | None:
    """
    The script of sockjs-client on this machine.

    :param path: where it is; if not given, where npm installs it under the current
        directory.
    :return: the file, or None if it is not there.
    """
    script = FilePath(path or "node_modules/sockjs-client/dist/sockjs.min.js")
    return script if script.isfile() else None


def pages(client: FilePath[str] | None, url: str) -> Resource:
    """
    The page and its files, to be served at ``/``.

    :param client: the script of sockjs-client, served at `CLIENT_PATH`; or None.
    :param url: where the page loads that script from.
    """
    here = FilePath(__file__).parent()
    html = here.child("index.html").getContent()
    html = html.replace(b"SOCKJS_URL", escape(url).encode("utf-8"))
    root = Resource()
    root.putChild(b"", Data(html, "text/html; charset=utf-8"))
    root.putChild(b"rooms.js", roomsScript())
    for name in "demo.css", "demo.js", "chat.js":
        root.putChild(name.encode("ascii"), PublicFile(here.child(name).path))
    if client is not None:
        root.putChild(
            CLIENT_PATH[1:].encode("ascii"), PublicFile(client.path, "text/javascript")
        )
    return root
