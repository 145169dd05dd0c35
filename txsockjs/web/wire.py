"""A connection or a stream, as what is written to it: `Wire` and its forms.

Twisted's transports send at the end of the reactor's turn, and tell nobody what of it
waits. A wire gives a piece to the kernel at once where nothing waits before it, and
tells what the peer has not taken. What is neither TCP, nor TLS over TCP, nor a stream
of HTTP/2, takes the ordinary way.
"""

from __future__ import annotations

import socket
import sys
from socket import IPPROTO_TCP
from typing import Any, Final

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.tcp import Client, Server
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import HTTPChannel, Request

from txsockjs.web.records import RECORD, encrypt, readRecords

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

if sys.platform != "win32":
    from twisted.internet import unix

    _DIRECT: Final = (Server, Client, unix.Server, unix.Client)
else:
    _DIRECT: Final = (Server, Client)

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

# Where Linux's struct tcp_info has tcpi_bytes_acked.
_ACKNOWLEDGED: Final = slice(120, 128)

# The bytes that a connection sends before the first is acknowledged (RFC 6928).
_IN_FLIGHT: Final = 16384


def isHTTP1(channel: object) -> bool:
    """
    Whether what a request came on is a connection of HTTP/1, and not a stream of
    HTTP/2.
    """
    return isinstance(channel, HTTPChannel)


class Wire:
    """
    Any connection.

    :ivar transport: the transport.
    """

    __slots__ = ("_bottom", "transport")

    def __init__(self, transport: Any) -> None:
        self.transport: Any = transport
        # TLS and the PROXY protocol wrap what the system has.
        while isinstance(transport, ProtocolWrapper):
            transport = transport.transport
        self._bottom: Any = transport

    @property
    def port(self) -> Any:
        """
        What has accepted the connection, if its transport tells.
        """
        return getattr(self._bottom, "server", None)

    def write(self, data: bytes) -> bool:
        """
        Send some bytes.

        :return: whether the kernel has all of them. If not, some may wait.
        """
        self.transport.write(data)
        return False

    def abort(self) -> None:
        """
        Drop the connection, with what it has not sent.
        """
        self.transport.abortConnection()

    def hangUp(self) -> None:
        """
        Close the connection behind what was given to it. With TLS, a peer that has all
        of it, its goodbye too, is not waited for.
        """
        self._bottom.loseConnection()

    def gathering(self) -> Wire:
        """
        This connection for some first writes: a `GatheringWire` where whatever befalls
        it in the course of a write is told later, itself where it is not.
        """
        return self

    def endsAtOnce(self) -> bool:
        """
        Whether the connection, which is being closed, is gone in the next turn of the
        reactor, whatever the peer does.
        """
        return False

    def pending(self, written: int = sys.maxsize) -> int:
        """
        How many bytes have to wait until the peer takes others. What the kernel has is
        just on its way, if it is little.

        :param written: how many there are at the most. If these are few, the kernel is
            not asked.
        """
        pending = self._buffered()
        if written > _IN_FLIGHT and (sent := self._unacknowledged()) > _IN_FLIGHT:
            pending += sent
        return pending

    def held(self) -> int:
        """
        How many bytes the peer has not taken, as far as the system tells.
        """
        return self._buffered() + self._unacknowledged()

    def taken(self) -> int:
        """
        A number that changes when the peer takes bytes, and does not while it takes
        none and none are written.
        """
        handle = self._socket()
        if handle is None or sys.platform != "linux":
            return -self.held()
        info = handle.getsockopt(IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.stop)
        # Not every system that passes for Linux fills this in.
        acknowledged = int.from_bytes(info[_ACKNOWLEDGED], sys.byteorder)
        return acknowledged or -self.held()

    def isCut(self) -> bool:
        """
        Whether the connection is gone with bytes that were not even given to the
        kernel: they are never delivered.
        """
        return not getattr(self._bottom, "connected", False) and self._unsent() > 0

    def _buffered(self) -> int:
        """
        How many bytes have not been given to the kernel, and can be.
        """
        if not getattr(self._bottom, "connected", False):
            # Nobody will take what is left there.
            return 0
        return self._unsent()

    def _unsent(self) -> int:
        """
        How many bytes have not been given to the kernel.

        Twisted tells a producer when its buffers fill and when they are empty, and
        nobody what is in them; a timer that must not run while bytes still flow has to
        look.
        """
        buffered, transport = 0, self.transport
        while isinstance(transport, ProtocolWrapper):
            buffered += sum(map(len, vars(transport).get("_appSendBuffer", ())))
            # What Twisted gathers until the end of the turn, to encrypt it at once.
            aggregator = vars(transport).get("_aggregator")
            buffered += sum(map(len, getattr(aggregator, "_buffer", ())))
            transport = transport.transport
        return (
            buffered
            + len(getattr(transport, "dataBuffer", b""))
            - getattr(transport, "offset", 0)
            + getattr(transport, "_tempDataLen", 0)
        )

    def _unacknowledged(self) -> int:
        """
        How many bytes the kernel holds that the peer has not acknowledged, if it tells.
        """
        handle = self._socket()
        if handle is None or sys.platform != "linux":
            return 0
        return int.from_bytes(ioctl(handle, TIOCOUTQ, bytes(4)), sys.byteorder)

    def _socket(self) -> socket.socket | None:
        """
        The socket, if it is TCP's and connected.
        """
        bottom: Any = self._bottom
        if not (ITCPTransport.providedBy(bottom) and bottom.connected):  # type: ignore[attr-defined]
            return None
        # A UNIX socket's transport says that it is TCP's.
        handle: socket.socket = bottom.getHandle()  # type: ignore[attr-defined]
        return handle if getattr(handle, "family", None) in _INTERNET else None


class TCPWire(Wire):
    """
    A connection of TCP, or of a UNIX socket.
    """

    __slots__ = ()

    def write(self, data: bytes) -> bool:
        bottom = self._bottom
        if (
            not bottom._tempDataLen
            and len(bottom.dataBuffer) == bottom.offset
            and bottom.connected
            and not bottom.TLS
        ):
            try:
                sent = bottom.socket.send(data)
            except OSError:
                # A full buffer, or a fault that comes up again where Twisted handles
                # it.
                pass
            else:
                if sent == len(data):
                    return True
                data = data[sent:]
        bottom.write(data)
        return False

    def gathering(self) -> Wire:
        return GatheringWire(self)

    def endsAtOnce(self) -> bool:
        return not self._bottom.TLS and not self._unsent()


class TLSWire(TCPWire):
    """
    TLS over a connection of a TCP server.
    """

    __slots__ = ()

    def endsAtOnce(self) -> bool:
        # It has an end of its own.
        return False

    def write(self, data: bytes) -> bool:
        transport = self.transport
        # What waits goes before, and whether the rest of it, or anything on a
        # connection that is not simply open, can be sent is for Twisted to find out.
        if (
            len(data) <= RECORD
            and transport.connected
            and not transport._appSendBuffer
            and not transport._aggregator._buffer
        ):
            record = encrypt(transport, data)
            if record is not None:
                return TCPWire.write(self, record) if record else False
        transport.write(data)
        return False


class GatheringWire(Wire):
    """
    A connection on which what is written at first goes out as one piece, if it is not
    much.
    """

    __slots__ = ("_gathered", "_wire")

    def __init__(self, wire: Wire) -> None:
        """
        :param wire: the connection.
        """
        self.transport: Any = wire.transport
        self._bottom = wire._bottom
        self._wire = wire
        self._gathered: bytes | None = b""

    def write(self, data: bytes) -> bool:
        if self._gathered is None:
            return self._wire.write(data)
        self._gathered += data
        if len(self._gathered) > RECORD:
            # Who writes more is to see when the connection is full.
            self.release()
        return False

    def release(self) -> Wire:
        """
        Send what was gathered.

        :return: the connection, for what comes then.
        """
        gathered, self._gathered = self._gathered, None
        if gathered:
            self._wire.write(gathered)
        return self._wire

    def _unsent(self) -> int:
        return super()._unsent() + len(self._gathered or b"")


def connectionOf(stream: Any) -> Any:
    """
    The HTTP/2 connection of a stream.
    """
    return stream._conn


class StreamWire(Wire):
    """
    One stream of an HTTP/2 connection.
    """

    __slots__ = ("_end", "_rest")

    def __init__(self, stream: Any) -> None:
        self.transport: Any = stream
        connection = connectionOf(stream)
        self._bottom = getattr(connection, "wire", None) or Wire(connection.transport)
        # When the stream has ended: what the connection's peer will have taken when it
        # has all of it, and how much of that it had not at the last look.
        self._end: int | None = None
        self._rest = sys.maxsize

    def pending(self, written: int = sys.maxsize) -> int:
        queued = self._queued()
        if queued is not None:
            return queued
        rest = self._behind()
        return min(written, rest) if rest > _IN_FLIGHT else 0

    def held(self) -> int:
        held: int = (self._queued() or 0) + self._bottom.held()
        return held

    def taken(self) -> int:
        queued = self._queued()
        if queued is None:
            return -self._behind()
        taken: int = -queued or self._bottom.taken()
        return taken

    def isCut(self) -> bool:
        cut: bool = self._bottom.isCut()
        return cut

    def _queued(self) -> int | None:
        """
        How many bytes wait until they are given to the connection; None if the stream
        has ended, and all of them have been.
        """
        stream = self.transport
        queue = stream._conn._outboundStreamQueues.get(stream.streamID)
        if queue is None:
            return None
        return sum(len(data) for data in queue if isinstance(data, bytes))

    def _behind(self) -> int:
        """
        How much the connection's peer has still to take until it has all of a stream
        that has ended. What other streams send after it does not count.
        """
        held = self._bottom.held()
        taken = self._bottom.taken()
        if self._end is None:
            self._end = taken + held
        self._rest = max(0, min(self._rest, self._end - taken)) if held else 0
        return self._rest


def wireOf(transport: Any) -> Wire:
    """
    The form of wire that a connection's transport has.
    """
    kind = type(transport)
    if kind in _DIRECT:
        return TCPWire(transport)
    own: type[Wire] | None = vars(kind).get("wireForm")
    if own is not None:
        return own(transport)
    if readRecords(transport):
        return TLSWire(transport)
    return Wire(transport)


def wireUnder(request: Request) -> Wire:
    """
    The wire of the connection, or of the stream, that a request came on. Our own
    connections have one for all requests.
    """
    channel: Any = request.channel
    wire: Wire | None = getattr(channel, "wire", None)
    if wire is not None:
        return wire
    if isHTTP1(channel):
        return wireOf(channel.transport)
    # The channel is the stream.
    return StreamWire(channel)
