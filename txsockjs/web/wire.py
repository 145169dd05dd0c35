"""What is written to a connection: straight to the kernel where nothing waits before
it, and how much of it the peer has taken.

Twisted's transports send at the end of the reactor's turn. Here a piece goes to the
kernel at once where nothing waits before it. What is not TCP or TLS takes the
ordinary way.
"""

from __future__ import annotations

import socket
import sys
from socket import IPPROTO_TCP
from typing import Any, Final

from OpenSSL.SSL import Error
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.tcp import Server
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport
from twisted.web.http import HTTPChannel

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

# Where Linux's struct tcp_info has tcpi_bytes_acked.
_ACKNOWLEDGED: Final = slice(120, 128)

# The bytes that a connection sends before the first is acknowledged (RFC 6928).
_IN_FLIGHT: Final = 16384

# What fits into one record of TLS, in bytes (RFC 8446, section 5.1).
_RECORD: Final = 16384


def isHTTP1(channel: object) -> bool:
    """
    Whether what a request came on is a connection of HTTP/1, and not a stream of
    HTTP/2.
    """
    return isinstance(channel, HTTPChannel)


def writeThrough(transport: Any, data: bytes) -> None:
    """
    Write to a connection, and spare the reactor the detour if the kernel has room.

    @param transport: any transport; those of TCP servers and of TLS over them are the
        ones that are written through.
    """
    if type(transport) is BufferingTLSTransport:
        record = _encrypt(transport, data)
        if record is not None:
            transport, data = transport.transport, record
    if (
        type(transport) is Server
        and not transport.TLS
        and not transport._tempDataLen
        and len(transport.dataBuffer) == transport.offset
        and transport.connected
    ):
        try:
            sent = transport.socket.send(data)
        except OSError:
            # A full buffer, or a fault that comes up again where Twisted handles it.
            pass
        else:
            if sent == len(data):
                return
            data = data[sent:]
    transport.write(data)


def _encrypt(transport: Any, data: bytes) -> bytes | None:
    """
    What the connection under TLS is to send, or None where that is for Twisted to find
    out: something waits to be sent before, or the connection is not simply open.
    """
    if (
        len(data) > _RECORD
        or not transport.connected
        or transport._appSendBuffer
        or transport._aggregator._buffer
    ):
        return None
    tls = transport._tlsConnection
    try:
        tls.send(data)
    except Error:
        return None
    record: bytes = tls.bio_read(2 * _RECORD)
    return record


def pendingBytes(transport: Any, written: int = sys.maxsize) -> int:
    """
    How many bytes written to a connection, or to a stream of HTTP/2, have to wait until
    the peer takes others. What the kernel has is just on its way, if it is little.

    @param written: how many there are at the most. If these are few, the kernel is not
        asked.
    """
    queued = _queued(transport)
    if queued is not None:
        return queued
    pending = _buffered(transport)
    if written > _IN_FLIGHT and (sent := _unacknowledged(transport)) > _IN_FLIGHT:
        pending += sent
    return pending


def heldBytes(transport: Any) -> int:
    """
    How many bytes written to a connection, or to a stream of HTTP/2 and its connection,
    the peer has not taken, as far as the system tells.
    """
    queued = _queued(transport)
    if queued is not None:
        return queued + heldBytes(transport._conn.transport)
    return _buffered(transport) + _unacknowledged(transport)


def takenBytes(transport: Any) -> int:
    """
    A number that changes when the peer takes bytes that were written to a connection or
    to a stream of HTTP/2, and does not while it takes none and none are written.
    """
    queued = _queued(transport)
    if queued is not None:
        return -queued or takenBytes(transport._conn.transport)
    handle = _tcpSocket(transport)
    if handle is None or sys.platform != "linux":
        return -heldBytes(transport)
    info = handle.getsockopt(IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.stop)
    # Not every system that passes for Linux fills this in.
    return int.from_bytes(info[_ACKNOWLEDGED], sys.byteorder) or -heldBytes(transport)


def _queued(stream: Any) -> int | None:
    """
    How many bytes wait for room in the window of an HTTP/2 stream; None for what is no
    stream.
    """
    connection = getattr(stream, "_conn", None)
    if connection is None:
        return None
    queue = connection._outboundStreamQueues.get(stream.streamID, ())
    return sum(len(data) for data in queue if isinstance(data, bytes))


def _buffered(transport: Any) -> int:
    """
    How many bytes written to a connection have not been given to the kernel.

    Twisted tells a producer when its buffers fill and when they are empty, and nobody
    what is in them; a timer that must not run while bytes still flow has to look.
    """
    buffered = 0
    while isinstance(transport, ProtocolWrapper):
        buffered += sum(map(len, vars(transport).get("_appSendBuffer", ())))
        # What Twisted gathers until the end of the turn, to encrypt it at once.
        aggregator = vars(transport).get("_aggregator")
        buffered += sum(map(len, getattr(aggregator, "_buffer", ())))
        transport = transport.transport
    if not getattr(transport, "connected", False):
        # Nobody will take what is left there.
        return 0
    return (
        buffered
        + len(getattr(transport, "dataBuffer", b""))
        - getattr(transport, "offset", 0)
        + getattr(transport, "_tempDataLen", 0)
    )


def _unacknowledged(transport: Any) -> int:
    """
    How many bytes the kernel holds that the peer has not acknowledged, if it tells.
    """
    handle = _tcpSocket(transport)
    if handle is None or sys.platform != "linux":
        return 0
    return int.from_bytes(ioctl(handle, TIOCOUTQ, bytes(4)), sys.byteorder)


def _tcpSocket(transport: Any) -> socket.socket | None:
    """
    The socket under a transport, if it is TCP's and connected.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if not ITCPTransport.providedBy(transport) or not transport.connected:  # type: ignore[attr-defined]
        return None
    # A UNIX socket's transport says that it is TCP's.
    handle = transport.getHandle()  # type: ignore[attr-defined]
    return handle if getattr(handle, "family", None) in _INTERNET else None
