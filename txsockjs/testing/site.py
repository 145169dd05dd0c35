"""A Site that listens in memory: L{MemorySite}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.web.server import Site

from txsockjs.factories import ProtocolSource
from txsockjs.factory import SockJSFactory
from txsockjs.options import SockJSOptions
from txsockjs.testing.network import MemoryReactor, SecureServer, connect

_P = TypeVar("_P", bound=IProtocol)

#: The address of a client that has none of its own.
CLIENT: Final = IPv4Address("TCP", "192.0.2.7", 50000)
#: The address of a Site.
SERVER: Final = IPv4Address("TCP", "192.0.2.1", 80)


class MemorySite:
    """
    A real Site that is listening, in memory.

    @ivar site: the Site.
    @ivar reactor: its clock, and what moves its bytes.
    @ivar room: how many bytes the network holds for a side that does not read.
    @ivar certificate: what a client sees as the certificate of the Site.
    """

    certificate: object = None

    room = 65536

    def __init__(self, site: Site) -> None:
        """
        @param site: what to serve. It was made with a L{MemoryReactor} as its
            C{reactor} (or C{clock}, for the factories of this package).
        @raise TypeError: if it was not.
        """
        reactor = site.reactor
        if not isinstance(reactor, MemoryReactor):
            raise TypeError(f"the Site has {reactor!r}; it needs a MemoryReactor")
        self.reactor = reactor
        self.site = site
        self._transports: list[Server] = []
        self._listening = True
        site.doStart()

    @classmethod
    def serving(
        cls,
        factory: ProtocolSource,
        options: SockJSOptions | Mapping[str, object] | None = None,
    ) -> MemorySite:
        """
        A L{SockJSFactory} that is listening, in memory.

        @param factory: the factory whose protocols the sessions are, or the class of
            these.
        @param options: the service's options, or a dict of them by name.
        """
        return cls(SockJSFactory(factory, options, clock=MemoryReactor()))

    def connect(
        self,
        protocol: _P,
        peer: IPv4Address | IPv6Address = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> _P:
        """
        Connect a client's protocol to the Site.

        @param protocol: the client's side. Its C{transport} is Twisted's own, with
            C{pauseProducing}, C{loseConnection}, C{abortConnection} as everywhere.
        @param peer: the client's address.
        @param secure: whether the Site sees a TLS connection.
        @param certificate: the client's certificate, as the Site sees it.
        @return: the protocol.
        """
        self._join(protocol, peer, secure, certificate, False)
        self.settle()
        return protocol

    def join(
        self,
        protocol: IProtocol,
        peer: IPv4Address | IPv6Address = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> None:
        """
        Do as L{connect}, from inside the reactor: what comes of it comes in its next
        turns. The client sees a TLS connection, too, where the Site does.

        @raise ConnectionRefusedError: if the Site is stopped.
        """
        self._join(protocol, peer, secure, certificate, secure)

    def _join(
        self,
        protocol: IProtocol,
        peer: IPv4Address | IPv6Address,
        secure: bool,
        certificate: object,
        both: bool,
    ) -> None:
        if not self._listening:
            raise ConnectionRefusedError
        channel = self.site.buildProtocol(peer)
        assert channel is not None
        ends = connect(
            self.reactor, channel, SERVER, protocol, peer, self.room, secure, both
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

    def stop(self) -> None:
        """
        Stop listening, which drops the sessions, and hang up on every client.
        """
        self._listening = False
        self.site.doStop()
        for transport in self._transports:
            if transport.connected:
                transport.connectionLost(Failure(ConnectionDone()))
        self.settle()
