"""Endpoints whose certificates are read again: `RereadEndpoint`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import directlyProvides, implementer, providedBy

from txsockjs.serving.backlogs import BacklogReactor
from txsockjs.serving.explaining import explained


@implementer(IOpenSSLContextFactory)
class _Contexts:
    """
    A context factory in whose place another one can be put. A port asks it anew for
    each connection.
    """

    def __init__(self, factory: Any) -> None:
        self.factory = factory

    def getContext(self) -> Any:
        return self.factory.getContext()


@implementer(IOpenSSLServerConnectionCreator)
class _Creators(_Contexts):
    """
    One that makes the connections itself, as Twisted's do.
    """

    def serverConnectionForTLS(self, protocol: Any) -> Any:
        return self.factory.serverConnectionForTLS(protocol)


@implementer(IProtocolFactory)
class _Factories:
    """
    A factory that does TLS, in whose place another one over the same site can be put.
    """

    def __init__(self, factory: Any) -> None:
        self.factory = self._first = factory

    def doStart(self) -> None:
        self._first.doStart()

    def doStop(self) -> None:
        self._first.doStop()

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:
        protocol: IProtocol | None = self.factory.buildProtocol(addr)
        return protocol


class _Listener:
    """
    A reactor to the endpoint that a string stands for: it learns with what this listens
    for TLS, and passes on what can be replaced. All else of it is the reactor's own.
    """

    def __init__(self, reactor: Any, endpoint: RereadEndpoint) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, *args: Any, **kwargs: Any
    ) -> Any:
        creates = IOpenSSLServerConnectionCreator.providedBy(contextFactory)
        contexts = (_Creators if creates else _Contexts)(contextFactory)
        self._endpoint.replaceable = contexts
        return self._reactor.listenSSL(port, factory, contexts, *args, **kwargs)

    def listenTCP(self, port: int, factory: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(factory, TLSMemoryBIOFactory):
            factory = self._endpoint.replaceable = _Factories(factory)
        return self._reactor.listenTCP(port, factory, *args, **kwargs)


class _Reader(_Listener):
    """
    A reactor that does not listen: it only keeps what it should have listened with.

    :ivar read: that.
    """

    read: Any = None

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, *args: Any, **kwargs: Any
    ) -> None:
        if IOpenSSLContextFactory.providedBy(contextFactory):
            # A key that does not fit is found out here.
            contextFactory.getContext()
        self.read = contextFactory

    def listenTCP(self, port: int, factory: Any, *args: Any, **kwargs: Any) -> None:
        self.read = factory


@implementer(IStreamServerEndpoint)
class RereadEndpoint:
    """
    The endpoint that a string stands for, such as ``ssl:443:privateKey=key.pem``, whose
    files can be read again while it listens.

    :ivar description: the string.
    :ivar replaceable: what of it does TLS, if it does and listens.
    """

    def __init__(self, reactor: Any, description: str) -> None:
        """
        :raise Exception: whatever the string's parser raises.
        """
        self.description: str = description
        self.replaceable: _Contexts | _Factories | None = None
        self._reactor = reactor
        self._factory: IProtocolFactory | None = None
        deep = BacklogReactor(reactor, description)
        self._endpoint = serverFromString(_Listener(deep, self), description)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.
        """
        self._factory = protocolFactory
        listening: Deferred[IListeningPort] = self._endpoint.listen(protocolFactory)
        return listening

    def reread(self) -> bool:
        """
        Read certificates and keys again, for connections to come.

        :return: whether there are any.
        :raise Exception: whatever is wrong with them; then the old ones stay in force.
        """
        try:
            return self._reread()
        except Exception as error:
            words = explained(error, self.description)
            if words is None:
                raise
            raise ValueError(words) from error

    def _reread(self) -> bool:
        if self.replaceable is None or self._factory is None:
            return False
        reader = _Reader(self._reactor, self)
        failures: list[Any] = []
        listening: Any = serverFromString(reader, self.description).listen(
            self._factory
        )
        listening.addErrback(failures.append)
        if failures:
            failures[0].raiseException()
        if reader.read is None:
            # It would only come to listen later, as an endpoint of a plugin may.
            listening.cancel()
            raise ValueError("this endpoint does not listen at once; start it again")
        self.replaceable.factory = reader.read
        return True
