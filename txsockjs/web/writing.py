"""Responses and bytes, written in as few steps as they take.

twisted.web builds a response from its headers one by one, and Twisted's transports
send at the end of the reactor's turn. Here a response that is complete goes out as one
piece, and a piece goes to the kernel at once where nothing waits before it. What is not
HTTP/1 over TCP or TLS takes the ordinary way.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL.SSL import Error
from twisted.internet.tcp import Server
from twisted.protocols.tls import BufferingTLSTransport
from twisted.web.http import NO_BODY_CODES, RESPONSES, HTTPChannel
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.web.headers import HeaderBlock

# What fits into one record of TLS, in bytes (RFC 8446, section 5.1).
_RECORD: Final = 16384


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
