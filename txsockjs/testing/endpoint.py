"""Connecting Twisted's own clients in memory: `MemoryClientEndpoint`."""

from __future__ import annotations

from typing import Any, overload

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import deferLater
from zope.interface import implementer

from txsockjs._checkers import IsClientEndpoint
from txsockjs.factories import (
    ClassT,
    ProtocolFactory,
    ProtocolSource,
    ProtocolT,
    factoryOf,
)
from txsockjs.testing.site import CLIENT, SERVER, MemorySite, addressOf
from txsockjs.testing.values import Peer


@implementer(IStreamClientEndpoint)
class MemoryClientEndpoint(IsClientEndpoint):
    """
    Connects any client's protocol to a `MemorySite`: an Agent's, a ClientService's.
    """

    def __init__(
        self,
        site: MemorySite,
        peer: Peer = CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
        delay: float | None = None,
    ) -> None:
        """
        :param site: what is connected to.
        :param peer: the client's address, or its host alone.
        :param secure: whether both sides see a TLS connection.
        :param certificate: the client's certificate, as the Site sees it.
        :param delay: how many seconds bytes are on their way; None for the Site's.
        """
        self._site = site
        self._peer = addressOf(peer)
        self._delay = delay
        self._secure = secure
        self._certificate = certificate

    @overload
    def connect(self, protocolFactory: type[ClassT]) -> Deferred[ClassT]: ...

    @overload
    def connect(
        self, protocolFactory: ProtocolFactory[ProtocolT]
    ) -> Deferred[ProtocolT]: ...

    @overload
    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]: ...

    def connect(self, protocolFactory: ProtocolSource) -> Deferred[Any]:
        """
        Connect in the next turn of the Site's reactor.

        :param protocolFactory: makes the client's protocol; or the class of that.
        :return: a Deferred of the factory's protocol. It fails with
            `ConnectionRefusedError` if the Site is stopped then. It can be cancelled.
        """
        factory = factoryOf(protocolFactory)
        return deferLater(self._site.reactor, 0, self._connect, factory)

    def _connect(self, factory: IProtocolFactory) -> IProtocol:
        protocol = factory.buildProtocol(SERVER)
        if protocol is None:
            raise ConnectionRefusedError("the factory wants no connection")
        self._site.join(
            protocol,
            self._peer,
            secure=self._secure,
            certificate=self._certificate,
            delay=self._delay,
        )
        return protocol
