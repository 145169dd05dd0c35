"""Responses and bytes, written in as few steps as they take.

twisted.web builds a response from its headers one by one, and Twisted's transports
send at the end of the reactor's turn. Here a response that is complete goes out as one
piece, and a piece goes to the kernel at once where nothing waits before it. What is not
plain HTTP/1 over plain TCP takes the ordinary way.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Server
from twisted.web.http import NO_BODY_CODES, RESPONSES, HTTPChannel
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.web.headers import HeaderBlock


def writeThrough(transport: Any, data: bytes) -> None:
    """
    Write to a connection, and spare the reactor the detour if the kernel has room.

    @param transport: any transport; a TCP server's is the one that is written through.
    """
    if (
        type(transport) is Server
        and not transport.TLS
        and not transport._tempDataBuffer
        and len(transport.dataBuffer) == transport.offset
        and transport.connected
        and not transport.disconnecting
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


def respond(
    request: Request, code: int, headers: HeaderBlock, contentType: bytes, body: bytes
) -> int:
    """
    Answer a request with a complete response.

    @return: what a Resource returns then.
    """
    channel: Any = request.channel
    if not isinstance(channel, HTTPChannel):
        headers.apply(request)
        request.setResponseCode(code)
        request.setHeader(b"Content-Type", contentType)
        if code not in NO_BODY_CODES:
            request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(body)
        request.finish()
        return NOT_DONE_YET
    others = b"".join(
        [
            b"%b: %b\r\n" % (name, value)
            for name, values in request.responseHeaders.getAllRawHeaders()
            for value in values
        ]
    )
    length = b"" if code in NO_BODY_CODES else b"Content-Length: %d\r\n" % len(body)
    # For the access log, and so that finish() adds nothing.
    request.code = code
    request.startedWriting = True
    request.sentLength = len(body)
    writeThrough(
        channel.transport,
        b"%b %d %b\r\n%b%bContent-Type: %b\r\n%b\r\n%b"
        % (
            request.clientproto,
            code,
            RESPONSES[code],
            others,
            headers.wire,
            contentType,
            length,
            body,
        ),
    )
    request.finish()
    return NOT_DONE_YET
