"""What the transports read off Twisted's requests and connections."""

from __future__ import annotations

import socket
import sys
from socket import IPPROTO_TCP
from typing import Any, Final

from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.server import Request

from txsockjs.transport import OpeningRequest
from txsockjs.web.headers import HeaderRules

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

# Where Linux's struct tcp_info has tcpi_bytes_acked.
_ACKNOWLEDGED: Final = slice(120, 128)

# The bytes that a connection sends before the first is acknowledged (RFC 6928).
_IN_FLIGHT: Final = 16384


def openingRequest(
    request: Request, service: str, transport: str, rules: HeaderRules
) -> OpeningRequest:
    """
    The snapshot of a request that the application gets.

    @param service: the name of the service that it came for.
    @param transport: the SockJS name of the transport that it came for.
    """
    secure = request.isSecure()
    return OpeningRequest(
        service=service,
        transport=transport,
        secure=secure,
        peer=rules.peer(request),
        host=request.getHost(),
        certificate=_certificate(request) if secure else None,
        path=_pathWithoutId(request),
        args=request.args,
        headers=tuple(
            (name, tuple(values))
            for name, values in request.requestHeaders.getAllRawHeaders()
        ),
        cookies=request.received_cookies,
    )


def _pathWithoutId(request: Request) -> str:
    segments = request.path.split(b"/")
    if len(request.postpath or ()) == 3:
        # BASE/server/session/transport
        segments[-2] = b"-"
    return b"/".join(segments).decode("latin-1")


def _certificate(request: Request) -> Any:
    transport = ISSLTransport(request.transport, None)
    return transport.getPeerCertificate() if transport is not None else None


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
