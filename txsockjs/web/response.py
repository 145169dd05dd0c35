"""Whole responses, written in as few steps as they take.

twisted.web builds a response from its headers one by one. Here one that is complete
goes out as one piece, over HTTP/1; HTTP/2 takes the ordinary way.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.web.http import NO_BODY_CODES, RESPONSES, HTTPChannel
from twisted.web.server import NOT_DONE_YET, Request

from txsockjs.errors import WireError
from txsockjs.web.headers import HeaderBlock
from txsockjs.web.wire import writeThrough

PLAIN: Final = b"text/plain; charset=UTF-8"


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


def empty(request: Request) -> int:
    """
    End the response without a body and without a content type of Twisted's choice.
    """
    if request.code not in NO_BODY_CODES:
        request.setHeader(b"Content-Length", b"0")
    request.defaultContentType = None
    request.finish()
    return NOT_DONE_YET


def refuse(request: Request, error: WireError) -> bytes:
    """
    Say what is wrong, as plain text.
    """
    request.setResponseCode(error.status)
    request.setHeader(b"Content-Type", PLAIN)
    return error.text.encode("utf-8")
