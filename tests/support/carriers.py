"""A client's carriers without a client: a session that keeps what it is told, and the
web as a stand-in that connects in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from zope.interface import implementer

from tests.support.sockets import Frame, readClientFrames, upgraded
from txsockjs.client.interfaces import ICarried
from txsockjs.client.place import Place, Settings
from txsockjs.client.websocket import WebSocket
from txsockjs.testing import MemoryReactor
from txsockjs.testing.network import connect

SERVER = IPv4Address("TCP", "192.0.2.1", 80)
URL = "http://sockjs.example/0/s"
CLIENT = IPv4Address("TCP", "192.0.2.7", 50000)


def place(web: Any, clock: MemoryReactor, url: str = URL, **settings: Any) -> Place:
    """
    Where a carrier is used.
    """
    return Place(url, web, clock, Settings(**settings))


@implementer(ICarried)
class Carried:
    """
    A session that keeps what it is told.

    :ivar told: that, in order.
    :ivar then: called with each that is told.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.then: Callable[[str, Any], None] = lambda what, value: None

    def _tell(self, what: str, value: Any = None) -> None:
        assert "lost" not in self.words, f"{what} {value!r} behind the end"
        self.told.append((what, value))
        self.then(what, value)

    @property
    def words(self) -> list[str]:
        """
        What it was told, without the values.
        """
        return [what for what, _ in self.told]

    def values(self, word: str) -> list[Any]:
        """
        The values that came with a word.
        """
        return [value for what, value in self.told if what == word]

    @property
    def reason(self) -> Any:
        """
        Why it was lost.
        """
        [reason] = self.values("lost")
        return reason.value

    def carrierConnected(self) -> None:
        self._tell("connected")

    def carrierFrame(self, frame: str) -> None:
        self._tell("frame", frame)

    def carrierMessage(self, message: str | bytes) -> None:
        self._tell("message", message)

    def carrierDrained(self) -> None:
        self._tell("drained")

    def carrierLost(self, reason: Failure) -> None:
        self._tell("lost", reason)


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """
    What connects to a server's factory in memory.
    """

    def __init__(self, web: MemoryWeb) -> None:
        self._web = web

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        web = self._web
        server, client = web.server.buildProtocol(CLIENT), factory.buildProtocol(SERVER)
        if server is None or client is None:
            return fail(ConnectionRefusedError())
        web.transports += connect(
            web.reactor, server, SERVER, client, CLIENT, web.room, False
        )
        return succeed(client)


class MemoryWeb:
    """
    The HTTP side of a client, as a stand-in.

    :ivar server: the factory that is connected to.
    :ivar headers: what the user wants to be sent.
    :ivar asked: the URLs that there was to be a connection for.
    :ivar cookies: what was there to be kept: a URL and the headers of an answer.
    :ivar room: how many bytes the network holds for a side that does not read.
    """

    room = 65536

    def __init__(self, server: Any, reactor: MemoryReactor) -> None:
        self.server = server
        self.reactor = reactor
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.cookies: list[tuple[str, Headers]] = []
        self.transports: list[Any] = []

    def endpointFor(self, url: str) -> IStreamClientEndpoint:
        self.asked.append(url)
        return MemoryEndpoint(self)

    def headersFor(self, url: str) -> dict[str, str]:
        return dict(self.headers)

    def keepCookies(self, url: str, rawHeaders: Headers) -> None:
        self.cookies.append((url, rawHeaders))

    def request(self, method: str, url: str, **how: Any) -> Any:
        raise NotImplementedError

    def close(self) -> Deferred[None]:
        return succeed(None)


@implementer(IHalfCloseableProtocol)
class SocketServer(Protocol):
    """
    A server's side of a WebSocket, which does what a test says.

    :ivar hangs: whether it does not end a connection on which no more will come.
    :ivar received: what came in behind the handshake's request.
    :ivar request: that request; empty until it is there.
    :ivar ended: why the connection ended.
    """

    transport: Any = None
    hangs = False

    def __init__(self) -> None:
        self.received = b""
        self.request = b""
        self.ended: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if not self.request:
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if end:
                self.request, self.received = head, rest

    def readConnectionLost(self) -> None:
        if not self.hangs:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """
        That is not done.
        """

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = reason

    @property
    def headers(self) -> dict[str, str]:
        """
        The headers of the request, by their names in lower case.
        """
        _, *lines = self.request.decode("utf-8").split("\r\n")
        fields = [line.split(": ", 1) for line in lines]
        assert len({name.lower() for name, _ in fields}) == len(fields)
        return {name.lower(): value for name, value in fields}

    @property
    def frames(self) -> list[Frame]:
        """
        The frames that came in.
        """
        return readClientFrames(self.received)

    def accept(
        self, headers: dict[str, str] | None = None, behind: bytes = b""
    ) -> None:
        """
        Agree to the handshake.

        :param behind: what is sent with that.
        """
        self.say(upgraded(self.headers["sec-websocket-key"].encode(), headers), behind)

    def say(self, *data: bytes) -> None:
        """
        Send bytes.
        """
        self.transport.write(b"".join(data))


class SocketServers(Factory):
    """
    Makes `SocketServer`s, and keeps them.
    """

    noisy = False

    def __init__(self) -> None:
        self.made: list[SocketServer] = []

    def buildProtocol(self, addr: Any) -> SocketServer:
        self.made.append(SocketServer())
        return self.made[-1]


class CarrierTestCase(SynchronousTestCase):
    """
    A carrier on one side, and on the other a server that does what a test says.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.servers = SocketServers()
        self.web = MemoryWeb(self.servers, self.reactor)
        self.session = Carried()
        self.loud: list[Any] = []
        globalLogPublisher.addObserver(self._listen)
        self.addCleanup(globalLogPublisher.removeObserver, self._listen)

    def _listen(self, event: Any) -> None:
        if event["log_level"] > LogLevel.info:
            self.loud.append(event)

    def tearDown(self) -> None:
        """
        Nothing is left, and nothing was logged.
        """
        self.assertEqual(self.loud, [])
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    @property
    def server(self) -> SocketServer:
        """
        The server's side of the last connection.
        """
        return self.servers.made[-1]

    def carry(self, kind: Any = WebSocket, url: str = URL, **settings: Any) -> Any:
        """
        A carrier that has begun.
        """
        carrier = kind(self.session, place(self.web, self.reactor, url, **settings))
        carrier.start()
        self.assertEqual(self.session.told, [])
        self.reactor.settle()
        return carrier

    def opened(self, kind: Any = WebSocket, **settings: Any) -> Any:
        """
        A carrier whose handshake is done.
        """
        carrier = self.carry(kind, **settings)
        self.server.accept()
        self.reactor.settle()
        self.assertEqual(self.session.words, ["connected"])
        return carrier

    def say(self, *data: bytes) -> None:
        """
        Let the server send bytes, and whatever follows follow.
        """
        self.server.say(*data)
        self.reactor.settle()

    def assertLost(self, kind: type[BaseException], *texts: str) -> Any:
        """
        The session was told of an end, with such an exception.

        :param texts: what its text has in it.
        :return: the exception.
        """
        reason = self.session.reason
        self.assertIsInstance(reason, kind)
        for text in texts:
            self.assertIn(text, str(reason))
        return reason
