"""The sockets that a worker has from its parent: `AdoptingReactor`."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable
from typing import Any, Final

from twisted.internet import unix
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
)
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from txsockjs.cluster.holding import addressOf, adoptedKey, tcpKey, unixKey

#: Seconds until a worker that cannot accept for want of descriptors tries again.
AGAIN: Final = 0.5


@implementer(IListeningPort)
class WorkerPort:
    """
    What one endpoint listens on, in a worker. It accepts nothing before it is told for
    which slots.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: IProtocolFactory,
        family: int,
        descriptors: list[int],
    ) -> None:
        """
        :param descriptors: the socket of each slot.
        """
        self._reactor = reactor
        self._factory = factory
        self._family = family
        self._descriptors = descriptors
        self._ports: dict[int, Any] = {}
        self._wanted: set[int] = set()
        # What tries again to open those that could not be opened.
        self._again: IDelayedCall | None = None

    def startListening(self) -> None:
        # The factory has begun, and goes on while nothing is accepted.
        self._factory.doStart()

    def accept(self, slots: Collection[int]) -> Deferred[None]:
        """
        Accept what comes for some slots, and for no others. Where this process has no
        descriptors left, what comes waits until it has.

        :return: what fires when nothing more is accepted for others.
        """
        self._wanted = {self._descriptors[slot] for slot in slots}
        if self._again is None:
            problem = self._openAll()
            if problem is not None:
                self._log.warn(
                    "This worker cannot accept connections yet: {problem}. Trying "
                    "again until it can.",
                    problem=problem.strerror or str(problem),
                )
        unwanted = set(self._ports) - self._wanted
        ports = [self._ports.pop(descriptor) for descriptor in unwanted]
        stopping = [maybeDeferred(port.stopListening) for port in ports]
        return gatherResults(stopping).addCallback(lambda _: None)

    def _openAll(self) -> OSError | None:
        """
        Open what is wanted, as far as that can be.

        :return: why it cannot.
        """
        self._again = None
        for descriptor in sorted(self._wanted - set(self._ports)):
            try:
                self._ports[descriptor] = self._open(descriptor)
            except OSError as error:
                self._again = self._reactor.callLater(AGAIN, self._openAll)
                return error
        return None

    def _open(self, descriptor: int) -> Any:
        if self._family == socket.AF_UNIX:
            port = SharedPort(descriptor, self._factory, self._reactor)
            port.startListening()
            return port
        return self._reactor.adoptStreamPort(descriptor, self._family, self._factory)

    def stopListening(self) -> Deferred[None]:
        if self._again is not None:
            self._again.cancel()
            self._again = None

        def stopped(result: object) -> None:
            self._factory.doStop()

        return self.accept(()).addCallback(stopped)

    def getHost(self) -> IAddress:
        with socket.socket(fileno=os.dup(self._descriptors[0])) as bound:
            return addressOf(bound)


class SharedPort(unix.Port):
    """
    A UNIX socket that others have, too: its file is theirs, and stays when this one is
    closed.
    """

    def __init__(
        self, descriptor: int, factory: IProtocolFactory, reactor: Any
    ) -> None:
        shared = socket.socket(fileno=os.dup(descriptor))
        super().__init__(shared.getsockname(), factory, reactor=reactor)
        self.socket = shared

    def startListening(self) -> None:
        port: Any = self
        port.factory.doStart()
        port.connected = True
        port.fileno = self.socket.fileno
        port.numberAccepts = 100
        port.startReading()

    def connectionLost(self, reason: Failure) -> None:
        Port.connectionLost(self, reason)


class AdoptingReactor:
    """
    A reactor whose listening ports are those that were inherited; for all else, the
    reactor it is made of.

    :ivar ports: the ports, as far as endpoints have asked for them.
    """

    def __init__(
        self, reactor: Any, held: Iterable[tuple[str, int, list[int]]]
    ) -> None:
        """
        :param held: what was inherited, as `Inheritance
            <txsockjs.cluster.holding.Inheritance>` tells it.
        """
        self.ports: list[WorkerPort] = []
        self._reactor = reactor
        self._held = list(held)
        directlyProvides(self, *providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self,
        port: int,
        factory: IProtocolFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        return self._adopt(tcpKey(port, interface), factory)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        secure = TLSMemoryBIOFactory(contextFactory, False, factory)
        return self._adopt(tcpKey(port, interface), secure)

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: int = 0,
    ) -> IListeningPort:
        return self._adopt(unixKey(address), factory)

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        kept = os.dup(fileDescriptor)
        return self._adopt(adoptedKey(fileDescriptor), factory, kept)

    def _adopt(
        self, key: str, factory: IProtocolFactory, kept: int | None = None
    ) -> WorkerPort:
        """
        :param kept: the descriptor that stays open where whoever asks closes his own.
        """
        for index, (found, family, descriptors) in enumerate(self._held):
            if found == key:
                del self._held[index]
                if kept is not None:
                    descriptors = [kept] * len(descriptors)
                port = WorkerPort(self._reactor, factory, family, descriptors)
                port.startListening()
                self.ports.append(port)
                return port
        raise ValueError(f"there is no such socket among those inherited: {key}")
