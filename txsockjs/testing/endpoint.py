"""Connecting Twisted's own clients in memory: L{MemoryClientEndpoint}."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import deferLater
from zope.interface import implementer

from txsockjs.testing.site import CLIENT, SERVER, MemorySite


@implementer(IStreamClientEndpoint)
class MemoryClientEndpoint:
    """
    Connects any client's protocol to a L{MemorySite}: an Agent's, a ClientService's.
    """

    def __init__(
        self,
        site: MemorySite,
        peer: IPv4Address | IPv6Address = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> None:
        """
        @param site: what is connected to.
        @param peer: the client's address.
        @param secure: whether both sides see a TLS connection.
        @param certificate: the client's certificate, as the Site sees it.
        """
        self._site = site
        self._peer = peer
        self._secure = secure
        self._certificate = certificate

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect in the next turn of the Site's reactor.

        @return: a Deferred of the factory's protocol. It fails with
            L{ConnectionRefusedError} if the Site is stopped then. It can be cancelled.
        """
        return deferLater(self._site.reactor, 0, self._connect, protocolFactory)

    def _connect(self, factory: IProtocolFactory) -> IProtocol:
        protocol = factory.buildProtocol(SERVER)
        if protocol is None:
            raise ConnectionRefusedError("the factory wants no connection")
        self._site.join(
            protocol, self._peer, secure=self._secure, certificate=self._certificate
        )
        return protocol
