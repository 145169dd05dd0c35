"""A client's carriers without a client: a session that keeps what it is told, and the
web as a stand-in that connects in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from txsockjs.client.interfaces import ICarried
from txsockjs.client.place import Place, Settings
from txsockjs.testing import MemoryReactor
from txsockjs.testing.network import connect

SERVER = IPv4Address("TCP", "192.0.2.1", 80)
CLIENT = IPv4Address("TCP", "192.0.2.7", 50000)


@implementer(ICarried)
class Carried:
    """
    A session that keeps what it is told.

    @ivar told: that, in order.
    @ivar then: called with each that is told.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.then: Callable[[str, Any], None] = lambda what, value: None

    def _tell(self, what: str, value: Any = None) -> None:
        if "lost" in self.words:
            raise AssertionError(f"{what} {value!r} behind the end")
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

    @ivar server: the factory that is connected to.
    @ivar headers: what the user wants to be sent.
    @ivar asked: the URLs that there was to be a connection for.
    @ivar cookies: what was there to be kept: a URL and the headers of an answer.
    @ivar room: how many bytes the network holds for a side that does not read.
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


class Scripted(Protocol):
    """
    A server's side that does what a test says.

    @ivar received: what came in.
    @ivar ended: why the connection ended.
    """

    def __init__(self) -> None:
        self.received = b""
        self.ended: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.ended = reason

    def say(self, *data: bytes) -> None:
        """
        Send bytes.
        """
        self.transport.write(b"".join(data))  # type: ignore[union-attr]


def place(
    web: Any,
    clock: MemoryReactor,
    url: str = "http://sockjs.example/0/s",
    **settings: Any,
) -> Place:
    """
    Where a carrier is used.
    """
    return Place(url, web, clock, Settings(**settings))
