"""The listening sockets of all workers, which their parent makes and keeps.

An endpoint of any kind is asked to listen on a `SocketHolder` in place of the reactor.
What it would listen on is made and kept open, and nothing is accepted. So each worker
inherits what the same endpoint, parsed once more there, will ask for
(`txsockjs.cluster.adopting`), whatever wraps it.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import attrs
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from zope.interface import directlyProvides, implementer, providedBy

#: Whether the kernel spreads connections among sockets at one address. Elsewhere they
#: may all go to one of them.
SPREADS: Final = sys.platform == "linux"


@attrs.frozen
class Held:
    """
    What one endpoint listens on.

    :ivar key: what the endpoint has asked for, in a form that is the same in a worker.
    :ivar family: the family of the sockets.
    :ivar descriptors: the socket of each slot. It may be one for all.
    """

    key: str
    family: int
    descriptors: tuple[int, ...]


@implementer(IListeningPort)
class _HeldPort:
    """
    A port where nothing is accepted.
    """

    def __init__(self, address: IAddress, sockets: list[socket.socket]) -> None:
        self._address = address
        self._sockets = sockets

    def startListening(self) -> None:
        """
        It listens already.
        """

    def stopListening(self) -> None:
        for each in self._sockets:
            each.close()

    def getHost(self) -> IAddress:
        return self._address


class SocketHolder:
    """
    A reactor whose listening ports accept nothing; for all else, the reactor it is made
    of.

    Each slot has a socket of its own at a TCP address, among which the kernel spreads
    connections evenly. All of them stay open until the end: what has come for a worker
    that has died waits for the next one. A UNIX socket, and one that was inherited from
    systemd, is one for all.

    :ivar held: what there is, in the order in which it was asked for.
    """

    def __init__(self, reactor: Any, slots: int) -> None:
        """
        :param slots: how many workers share what is held.
        """
        self.held: list[Held] = []
        self._reactor = reactor
        self._slots = slots
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
        """
        Make a socket for each slot.

        :raise CannotListenError: if that cannot be.
        """
        if not 0 <= port <= 0xFFFF:
            # Some systems would take another one in its place.
            wrong = OverflowError("port must be 0-65535")
            raise CannotListenError(interface, port, wrong)
        family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
        try:
            sockets = _tcpSockets(family, interface, port, backlog, self._slots)
        except OSError as error:
            raise CannotListenError(interface, port, error) from None
        self._hold(tcpKey(port, interface), sockets)
        return _HeldPort(addressOf(sockets[0]), sockets)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: object,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """
        The same: it is the workers that talk TLS.
        """
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: int = 0,
    ) -> IListeningPort:
        """
        Make one socket for all. Its file is removed at the end.
        """
        port: Any = self._reactor.listenUNIX(address, factory, backlog, mode, wantPID)
        port.stopReading()
        everybody = (port.fileno(),) * self._slots
        self.held.append(Held(unixKey(address), socket.AF_UNIX, everybody))
        held: IListeningPort = port
        return held

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        """
        Keep a socket that somebody else has made. Whoever asks closes his own.
        """
        kept = socket.socket(fileno=os.dup(fileDescriptor))
        kept.setblocking(False)
        self._hold(adoptedKey(fileDescriptor), [kept])
        return _HeldPort(addressOf(kept), [kept])

    def _hold(self, key: str, sockets: list[socket.socket]) -> None:
        descriptors = tuple(each.fileno() for each in sockets)
        if len(descriptors) == 1:
            descriptors *= self._slots
        self.held.append(Held(key, sockets[0].family, descriptors))


def tcpKey(port: int, interface: str) -> str:
    """
    What stands for a TCP address.
    """
    return f"tcp {port} {interface}"


def unixKey(address: str | bytes) -> str:
    """
    What stands for the path of a UNIX socket.
    """
    return f"unix {os.fsdecode(address)}"


_ADOPTED: Final = "adopted "


def adoptedKey(descriptor: int) -> str:
    """
    What stands for a socket that was inherited.
    """
    return f"{_ADOPTED}{descriptor}"


def addressOf(bound: socket.socket) -> IAddress:
    """
    Where a socket listens.
    """
    name = bound.getsockname()
    if bound.family == socket.AF_INET6:
        return IPv6Address("TCP", *name)
    if bound.family == socket.AF_INET:
        return IPv4Address("TCP", *name)
    return UNIXAddress(name)


@attrs.frozen
class Inheritance:
    """
    What a worker inherits.

    :ivar descriptors: the parent's descriptors, by the numbers that they have in a
        worker.
    :ivar held: what the worker is told of them, as values of JSON: the key, the family
        and the numbers of `Held`.
    :ivar free: a number from which on none is taken.
    """

    descriptors: Mapping[int, int]
    held: list[tuple[str, int, list[int]]]
    free: int


def inheritance(held: list[Held]) -> Inheritance:
    """
    Number what workers inherit. What was inherited once keeps its number, since the
    endpoint knows it by that.
    """
    kept = {int(each.key[len(_ADOPTED) :]) for each in held if _adopted(each)}
    numbers = count(max(kept, default=2) + 1)
    descriptors: dict[int, int] = {}
    told: list[tuple[str, int, list[int]]] = []
    for each in held:
        if _adopted(each):
            number = int(each.key[len(_ADOPTED) :])
            own = [number] * len(each.descriptors)
            descriptors[number] = each.descriptors[0]
        else:
            of = {fd: next(numbers) for fd in sorted(set(each.descriptors))}
            own = [of[descriptor] for descriptor in each.descriptors]
            descriptors.update({number: fd for fd, number in of.items()})
        told.append((each.key, each.family, own))
    return Inheritance(descriptors, told, next(numbers))


def systemdVariables(held: list[Held]) -> dict[str, str]:
    """
    The variables that name what was inherited from systemd, for the environment of a
    worker. Twisted has removed them from that of this process.
    """
    if not any(map(_adopted, held)):
        return {}
    with open("/proc/self/environ", "rb") as file:
        variables = os.fsdecode(file.read()).split("\0")
    return dict(
        variable.split("=", 1)
        for variable in variables
        if variable.startswith(("LISTEN_FDS=", "LISTEN_FDNAMES="))
    )


def _adopted(held: Held) -> bool:
    return held.key.startswith(_ADOPTED)


def _tcpSockets(
    family: socket.AddressFamily, interface: str, port: int, backlog: int, slots: int
) -> list[socket.socket]:
    """
    Sockets that listen at one address: one for each slot, or one for all where the
    kernel does not spread connections among them.
    """
    [(_, _, _, _, address), *_] = socket.getaddrinfo(
        interface or None,
        port,
        family,
        socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST,
    )
    if SPREADS:
        # Those that share an address would share it with any other process of the same
        # user, too. So somebody else is looked for before.
        _bound(family, address, False).close()
    made: list[socket.socket] = []
    try:
        for _ in range(slots if SPREADS else 1):
            made.append(_bound(family, address, SPREADS))
            made[-1].listen(backlog)
            address = made[0].getsockname()
    except OSError:
        for each in made:
            each.close()
        raise
    return made


def _bound(family: socket.AddressFamily, address: Any, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made
