"""A Site that listens in memory: `MemorySite`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from time import monotonic
from typing import Final, TypeVar

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs.factories import ProtocolSource
from txsockjs.factory import SockJSFactory
from txsockjs.options import SockJSOptions
from txsockjs.testing.loop import MemoryAsyncioReactor, turn
from txsockjs.testing.network import (
    MemoryReactor,
    SecureServer,
    checkSeconds,
    connect,
)
from txsockjs.testing.values import Peer

_P = TypeVar("_P", bound=IProtocol)

#: The address of a client that has none of its own.
CLIENT: Final = IPv4Address("TCP", "192.0.2.7", 50000)
#: The address of a Site.
SERVER: Final = IPv4Address("TCP", "192.0.2.1", 80)


def addressOf(peer: Peer) -> IPv4Address | IPv6Address:
    """
    The address of a client, of which the host may do.

    :raise ValueError: if that is no host.
    """
    if not isinstance(peer, str):
        return peer
    if isIPAddress(peer):
        return IPv4Address("TCP", peer, CLIENT.port)
    if isIPv6Address(peer):
        return IPv6Address("TCP", peer, CLIENT.port)
    raise ValueError(
        f"{peer!r} is no address of a client: give an IP address, such as "
        f"{CLIENT.host!r}, or an IPv4Address or IPv6Address of Twisted's"
    )


class MemorySite:
    """
    A real Site that is listening, in memory: until `stop`, or the end of a ``with``.

    :ivar site: the Site.
    :ivar reactor: its clock, and what moves its bytes.
    :ivar room: how many bytes the network holds for a side that does not read.
    :ivar delay: how many seconds bytes are on their way, in either direction, on the
        connections that are made from then on, but for those that have their own.
    :ivar sessionIds: where the sessions of all clients have their ids from.
    :ivar certificate: what a client sees as the certificate of the Site.
    """

    certificate: object = None

    room = 65536

    delay: float = 0.0

    def __init__(self, site: Site) -> None:
        """
        :param site: what to serve. It was made with a `MemoryReactor` as its
            ``reactor`` (or ``clock``, for the factories of this package).
        :raise TypeError: if it was not.
        """
        reactor = getattr(site, "reactor", None)
        if not isinstance(reactor, MemoryReactor):
            raise TypeError(
                f"{site!r} has the reactor {reactor!r}, and needs a MemoryReactor: "
                f"Site(resource, reactor=MemoryReactor()), or for a factory of "
                f"txsockjs clock=MemoryReactor()"
            )
        self.reactor = reactor
        self.site = site
        self._transports: list[Server] = []
        self._listening = True
        self.sessionIds: Iterator[str] = (f"s{number}" for number in count(1))
        site.doStart()

    @classmethod
    def serving(
        cls,
        factory: ProtocolSource,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        asyncio: bool = False,
    ) -> MemorySite:
        """
        A `SockJSFactory` that is listening, in memory.

        :param factory: the factory whose protocols the sessions are, or the class of
            these.
        :param options: the service's options, or a dict of them by name.
        :param asyncio: whether coroutines of the application are tasks of asyncio, as
            under the asyncio reactor, in the Site's time: see `MemoryAsyncioReactor`.
        """
        reactor = MemoryAsyncioReactor() if asyncio else MemoryReactor()
        return cls(SockJSFactory(factory, options, clock=reactor))

    def __enter__(self) -> MemorySite:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def connect(
        self,
        protocol: _P,
        peer: Peer = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
        delay: float | None = None,
    ) -> _P:
        """
        Connect a client's protocol to the Site.

        :param protocol: the client's side. Its ``transport`` is Twisted's own, with
            ``pauseProducing``, ``loseConnection``, ``abortConnection`` as everywhere.
        :param peer: the client's address, or its host alone.
        :param secure: whether the Site sees a TLS connection.
        :param certificate: the client's certificate, as the Site sees it.
        :param delay: how many seconds bytes are on their way; None for the Site's.
        :return: the protocol.
        :raise ConnectionRefusedError: if the Site is stopped.
        """
        self._join(protocol, peer, secure, certificate, delay, False)
        self.settle()
        return protocol

    def join(
        self,
        protocol: IProtocol,
        peer: Peer = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
        delay: float | None = None,
    ) -> None:
        """
        Do as `connect`, from inside the reactor: what comes of it comes in its next
        turns. The client sees a TLS connection, too, where the Site does.

        :raise ConnectionRefusedError: if the Site is stopped.
        """
        self._join(protocol, peer, secure, certificate, delay, secure)

    def _join(
        self,
        protocol: IProtocol,
        peer: Peer,
        secure: bool,
        certificate: object,
        delay: float | None,
        both: bool,
    ) -> None:
        if not self._listening:
            raise ConnectionRefusedError("the MemorySite is stopped")
        address = addressOf(peer)
        delay = checkSeconds("delay", self.delay if delay is None else delay)
        channel = self.site.buildProtocol(address)
        assert channel is not None
        ends = connect(
            self.reactor,
            channel,
            SERVER,
            protocol,
            address,
            self.room,
            secure,
            both,
            delay,
        )
        for end, shown in zip(ends, (certificate, self.certificate), strict=True):
            if isinstance(end, SecureServer):
                end.certificate = shown
        self._transports += ends

    def settle(self) -> None:
        """
        Let both sides do all that there is to do now.
        """
        self.reactor.settle()

    def advance(self, seconds: float) -> None:
        """
        Let time pass.
        """
        self.reactor.advance(seconds)

    async def until(
        self,
        condition: Callable[[], object],
        timeout: float = 10.0,
        problem: str = "",
    ) -> None:
        """
        Let the program that the test is in go on, and then this Site, until something
        is so: for an application that waits for what is not in memory, under any
        reactor, with asyncio or without. The Site's own time does not pass.

        :param condition: what is called to know.
        :param timeout: after how many seconds of real time it is given up.
        :param problem: what to say then, in place of the condition's name.
        :raise AssertionError: if it is not so by then.
        """
        end = monotonic() + checkSeconds("timeout", timeout)
        self.settle()
        while not condition():
            if monotonic() > end:
                problem = problem or f"{condition!r} is not so"
                raise AssertionError(f"{problem}, after {timeout} s")
            await turn()
            self.settle()

    def stop(self) -> None:
        """
        Stop listening, which drops the sessions, and hang up on every client. To do it
        again has no effect.
        """
        if not self._listening:
            return
        self._listening = False
        self.site.doStop()
        for transport in self._transports:
            if transport.connected:
                transport.connectionLost(Failure(ConnectionDone()))
        self.settle()
        if isinstance(self.reactor, MemoryAsyncioReactor):
            self.reactor.close()
