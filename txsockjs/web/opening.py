"""What the transports read off Twisted's requests and connections."""

from __future__ import annotations

import socket
from socket import IPPROTO_TCP
from typing import Any, Final

from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.server import Request

from txsockjs.transport import OpeningRequest
from txsockjs.web.headers import HeaderRules

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
_USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)


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


def watch(transport: Any, patience: float) -> None:
    """
    Have the kernel report a peer that has acknowledged nothing for C{patience} seconds
    (RFC 5482); it would try for a quarter of an hour. Where the system or the
    connection has no such thing, that is how long it takes.

    @param transport: a connection, or a stream of HTTP/2.
    """
    stream = getattr(transport, "_conn", None)
    handle = _tcpSocket(transport if stream is None else stream.transport)
    if handle is not None and _USER_TIMEOUT is not None:
        handle.setsockopt(IPPROTO_TCP, _USER_TIMEOUT, int(patience * 1000))


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


def pendingBytes(transport: Any) -> int:
    """
    How many bytes written to a connection have not been given to the kernel.

    Twisted tells a producer when its buffers fill and when they are empty, and nobody
    what is in them; a timer that must not run while bytes still flow has to look.
    """
    pending = 0
    connection = getattr(transport, "_conn", None)
    if connection is not None:
        # A stream of HTTP/2 waits for room in its own window.
        queue = connection._outboundStreamQueues.get(transport.streamID, ())
        return sum(len(data) for data in queue if isinstance(data, bytes))
    while transport is not None:
        pending += (
            len(getattr(transport, "dataBuffer", b""))
            - getattr(transport, "offset", 0)
            + getattr(transport, "_tempDataLen", 0)
            + sum(map(len, getattr(transport, "_appSendBuffer", ())))
        )
        transport = getattr(transport, "transport", None)
    return pending
