"""What the transports read off Twisted's requests and connections."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.web.server import Request

from txsockjs.transport import OpeningRequest
from txsockjs.web.headers import HeaderRules


def openingRequest(
    request: Request, transport: str, rules: HeaderRules
) -> OpeningRequest:
    """
    The snapshot of a request that the application gets.

    @param transport: the SockJS name of the transport that it came for.
    """
    secure = request.isSecure()
    return OpeningRequest(
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


def pendingBytes(transport: Any) -> int:
    """
    How many bytes written to a connection have not been given to the kernel.

    Twisted tells a producer when its buffers fill and when they are empty, and nobody
    what is in them; a timer that must not run while bytes still flow has to look.
    """
    pending = 0
    while transport is not None:
        pending += (
            len(getattr(transport, "dataBuffer", b""))
            - getattr(transport, "offset", 0)
            + getattr(transport, "_tempDataLen", 0)
            + sum(map(len, getattr(transport, "_appSendBuffer", ())))
        )
        transport = getattr(transport, "transport", None)
    return pending
