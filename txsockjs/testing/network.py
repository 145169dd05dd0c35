"""A network in memory: sockets, the transports on them, and their reactor."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from errno import ECONNRESET, EPIPE, EWOULDBLOCK
from itertools import repeat
from math import inf
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IReactorFDSet,
    IReadDescriptor,
    ISSLTransport,
    IWriteDescriptor,
)
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

# Turns of the reactor after which something is taken to go round in circles.
_TURNS: Final = 100_000


class MemorySocket:
    """
    One end of a connection in memory, as far as Twisted's TCP transports use a socket.
    """

    peer: MemorySocket

    def __init__(
        self, reactor: MemoryReactor, name: tuple[Any, ...], room: int, delay: float
    ) -> None:
        """
        :param reactor: what serves it.
        :param name: the address of this end.
        :param room: how many bytes it holds that nobody has read from it, those on
            their way to it among them.
        :param delay: how many seconds what it sends is on its way.
        """
        self._reactor = reactor
        self._name = name
        self._room = room
        self._delay = delay
        self._incoming = bytearray()
        # What is on its way here, None for the end; and how many bytes that is.
        self._coming: deque[tuple[IDelayedCall, bytes | None]] = deque()
        self._underway = 0
        self._ended = False
        self._reset = False
        self._lingers = True
        self._vanished = False
        self.closed: bool = False

    def isReadable(self) -> bool:
        return not self._vanished and (bool(self._incoming) or self._ended)

    def isWritable(self) -> bool:
        peer = self.peer
        return (peer.closed and self._ended) or self._vanished or peer._free() > 0

    def recv(self, size: int) -> bytes:
        if self._reset:
            raise OSError(ECONNRESET, "reset by the peer")
        data = bytes(self._incoming[: min(size, self._reactor.segment())])
        del self._incoming[: len(data)]
        if not data and not self._ended:
            raise OSError(EWOULDBLOCK, "nothing to read")
        return data

    def send(self, data: memoryview) -> int:
        peer = self.peer
        if peer.closed and self._ended:
            raise OSError(EPIPE, "closed by the peer")
        if self._vanished:
            return len(data)
        count = min(len(data), peer._free())
        if count <= 0:
            raise OSError(EWOULDBLOCK, "no room")
        if peer.closed:
            # That is not known here yet. What is on its way has a bound all the same,
            # or who writes without end would do so for all of that time.
            peer._underway += count
        else:
            self._carry(bytes(data[:count]))
        return count

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self._carry(None)

    def close(self) -> None:
        self.closed = True
        for call, _ in self._coming:
            call.cancel()
        self._coming.clear()
        self._carry(None)

    def vanish(self) -> None:
        """
        Be gone with its machine: it takes and sends nothing any more, and its peer is
        not told.
        """
        self._vanished = True

    def _free(self) -> int:
        return self._room - len(self._incoming) - self._underway

    def _carry(self, data: bytes | None) -> None:
        peer = self.peer
        if self._vanished or peer.closed:
            return
        if not self._delay:
            peer._take(data, self._lingers)
            return
        call = self._reactor.callLater(self._delay, peer._arrive, self._lingers)
        peer._coming.append((call, data))
        peer._underway += len(data or b"")

    def _arrive(self, lingers: bool) -> None:
        _, data = self._coming.popleft()
        self._underway -= len(data or b"")
        self._take(data, lingers)

    def _take(self, data: bytes | None, lingers: bool) -> None:
        if data is not None:
            self._incoming += data
            return
        self._ended = True
        if not lingers:
            self._reset = True

    def setsockopt(self, level: int, option: int, value: object) -> None:
        if option == socket.SO_LINGER:
            # So a transport asks for a reset in place of an orderly end.
            self._lingers = False

    def getsockopt(self, level: int, option: int) -> int:
        return 0

    def setblocking(self, blocking: bool) -> None:
        pass

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> tuple[Any, ...]:
        return self._name


@implementer(IReactorFDSet)
class MemoryReactor(Clock):
    """
    A `Clock` that serves connections in memory too.

    :ivar segment: called for each read, and says how many bytes arrive at the most:
        ``itertools.repeat(1).__next__`` brings every byte by itself.
    """

    _log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self.segment: Callable[[], int] = repeat(65536).__next__
        self._readers: dict[IReadDescriptor, None] = {}
        self._writers: dict[IWriteDescriptor, None] = {}

    def addReader(self, reader: IReadDescriptor) -> None:
        self._readers[reader] = None

    def addWriter(self, writer: IWriteDescriptor) -> None:
        self._writers[writer] = None

    def removeReader(self, reader: IReadDescriptor) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: IWriteDescriptor) -> None:
        self._writers.pop(writer, None)

    def removeAll(self) -> list[Any]:
        removed: list[Any] = [*self._readers, *self._writers]
        self._readers.clear()
        self._writers.clear()
        return removed

    def getReaders(self) -> list[IReadDescriptor]:
        return list(self._readers)

    def getWriters(self) -> list[IWriteDescriptor]:
        return list(self._writers)

    def turn(self) -> bool:
        """
        Make the calls that are due, then read and write once what can be.

        :return: whether there was anything to do.
        """
        due = any(call.getTime() <= self.seconds() for call in self.calls)
        super().advance(0)
        readers: list[Any] = [
            r
            for r in self._readers
            if r.getHandle().isReadable()  # type: ignore[attr-defined]
        ]
        writers: list[Any] = [
            w
            for w in self._writers
            if w.getHandle().isWritable()  # type: ignore[attr-defined]
        ]
        for reader in readers:
            if reader in self._readers:
                self._do(reader, reader.doRead, True)
        for writer in writers:
            if writer in self._writers:
                self._do(writer, writer.doWrite, False)
        return bool(due or readers or writers)

    def _do(self, transport: Server, do: Callable[[], Any], isRead: bool) -> None:
        try:
            why = do()
        except Exception as error:
            self._log.failure("A protocol raised, and loses its connection.")
            why = error
        if not why:
            return
        self.removeReader(transport)
        if isRead and isinstance(why, ConnectionDone):
            transport.readConnectionLost(Failure(why))
        else:
            self.removeWriter(transport)
            transport.connectionLost(Failure(why))

    def settle(self) -> None:
        """
        Turn until there is nothing to do at this time.

        :raise RuntimeError: if that does not come to an end.
        """
        for _ in range(_TURNS):
            if not self.turn():
                return
        raise RuntimeError(
            "the reactor does not settle: something calls itself, or writes without "
            "end to a client that takes all at once; if so, give that one a delay"
        )

    def advance(self, amount: float) -> None:
        """
        Let time pass: each delayed call is made at its own time, not all at the last.

        :param amount: seconds.
        :raise ValueError: if that is less than none.
        """
        end = self.rightNow + checkSeconds("advance", amount)
        self.settle()
        while (due := self._due()) is not None and due <= end:
            self.rightNow = max(self.rightNow, due)
            self.settle()
        self.rightNow: float = end

    def _due(self) -> float | None:
        """
        When something is to be done next; None for never.
        """
        return self.calls[0].getTime() if self.calls else None


def checkSeconds(name: str, value: float) -> float:
    """
    :return: the value, which is a time to wait.
    :raise ValueError: if it is none.
    """
    if not 0 <= value < inf:
        raise ValueError(f"{name} is a number of seconds, 0 or more, not {value!r}")
    return value


@implementer(ISSLTransport)
class SecureServer(Server):
    """
    Twisted's TCP transport, as though it were TLS.

    :ivar certificate: what the peer showed.
    """

    certificate: object = None

    def getPeerCertificate(self) -> Any:
        return self.certificate


def _transport(
    kind: type[Server], end: MemorySocket, protocol: IProtocol, reactor: MemoryReactor
) -> Server:
    handle: Any = end
    port: Any = None
    transport = kind(handle, protocol, end.peer.getsockname(), port, 0, reactor)
    transport.repstr = f"<{type(protocol).__name__} in memory>"
    return transport


def connect(
    reactor: MemoryReactor,
    server: IProtocol,
    serverAddress: IPv4Address | IPv6Address,
    client: IProtocol,
    clientAddress: IPv4Address | IPv6Address,
    room: int,
    secure: bool,
    both: bool = False,
    delay: float = 0.0,
) -> tuple[Server, Server]:
    """
    Connect two protocols with each other, over Twisted's own transports.

    :param room: how many bytes the network holds for a side that does not read.
    :param secure: whether the server sees TLS.
    :param both: whether the client does too. Autobahn's client wants more of TLS than
        there is in memory.
    :param delay: how many seconds bytes are on their way, in either direction.
    :return: the transports of the server and of the client.
    """
    near = MemorySocket(reactor, _socketName(clientAddress), room, delay)
    far = MemorySocket(reactor, _socketName(serverAddress), room, delay)
    near.peer, far.peer = far, near
    ends = (
        _transport(SecureServer if secure else Server, far, server, reactor),
        _transport(SecureServer if both else Server, near, client, reactor),
    )
    server.makeConnection(ends[0])
    client.makeConnection(ends[1])
    return ends


def _socketName(address: IPv4Address | IPv6Address) -> tuple[Any, ...]:
    if isinstance(address, IPv6Address):
        return (address.host, address.port, 0, 0)
    return (address.host, address.port)
