"""Responses, written in as few steps as they take: `Response` and its forms.

twisted.web builds a response from its headers one by one. Here one that is complete
goes out as one piece, and a piece of a stream without detours, over HTTP/1. HTTP/2, and
whatever somebody else's Site has put between, takes the ordinary way.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Any, Final

from twisted.web.http import NO_BODY_CODES, RESPONSES, datetimeToString
from twisted.web.server import NOT_DONE_YET, Request, version

from txsockjs.errors import WireError
from txsockjs.web.headers import HeaderBlock
from txsockjs.web.wire import Wire, connectionOf, isHTTP1, wireUnder

PLAIN: Final = b"text/plain; charset=UTF-8"

# What is about the connection or about a body, or is said by who writes the response.
_NOT_BESIDE: Final = frozenset(
    (
        b"Server",
        b"Date",
        b"Connection",
        b"Upgrade",
        b"Transfer-Encoding",
        b"Content-Type",
        b"Content-Length",
        b"Content-Encoding",
    )
)


class Response:
    """
    The answer to a request, by twisted.web.

    :ivar wire: what it is written to.
    """

    __slots__ = ("_request", "wire")

    def __init__(self, request: Request, wire: Wire) -> None:
        self._request: Any = request
        self.wire: Wire = wire

    def last(self) -> None:
        """
        Have it be the last one on its connection: see `lastOf`.
        """
        lastOf(self._request)

    def whole(
        self, code: int, headers: HeaderBlock, contentType: bytes, body: bytes
    ) -> None:
        """
        Write all of it but the end.
        """
        request = self._request
        headers.apply(request)
        request.setResponseCode(code)
        request.setHeader(b"Content-Type", contentType)
        if code in NO_BODY_CODES:
            withoutEncoder(request)
        else:
            request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(body)

    def begin(self, headers: HeaderBlock, contentType: bytes, prelude: bytes) -> None:
        """
        Begin one that goes on for a while.
        """
        request = self._request
        # One would keep frames until it has enough of them.
        withoutEncoder(request)
        headers.apply(request)
        request.responseHeaders.setRawHeaders(b"Content-Type", [contentType])
        request.write(prelude)

    def write(self, data: bytes) -> None:
        """
        Go on with it.
        """
        self._request.write(data)

    def finish(self) -> None:
        """
        End it. The next request of the connection may run before this returns.
        """
        self._request.finish()


class DirectResponse(Response):
    """
    The answer to a request of HTTP/1, where nobody else has a hand in it.
    """

    __slots__ = ()

    def whole(
        self, code: int, headers: HeaderBlock, contentType: bytes, body: bytes
    ) -> None:
        request = self._request
        others = _others(request, headers)
        if others is None:
            super().whole(code, headers, contentType, body)
            return
        length = b"" if code in NO_BODY_CODES else b"Content-Length: %d\r\n" % len(body)
        # For the access log, and so that finish() adds nothing.
        request.code = code
        request.startedWriting = True
        request.sentLength = len(body)
        self.wire.write(
            b"%b %d %b\r\n%b%bContent-Type: %b\r\n%b\r\n%b"
            % (
                request.clientproto,
                code,
                RESPONSES.get(code, b""),
                others,
                headers.wire,
                contentType,
                length,
                body,
            )
        )

    def write(self, data: bytes) -> None:
        request = self._request
        request.sentLength += len(data)
        if request.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.wire.write(data)


def lastOf(request: Request) -> None:
    """
    Have a request be the last one on its connection: a client that knows it does not
    use the connection again in the moment in which it is closed. (RFC 9112, section
    9.6, and RFC 9113, section 6.8)
    """
    channel: Any = request.channel
    if isHTTP1(channel):
        channel.persistent = False
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
    else:
        # The channel is the stream. Twisted's own connections cannot say it.
        goAway = getattr(connectionOf(channel), "goAway", None)
        if goAway is not None:
            goAway()


def responseOf(request: Request) -> Response:
    """
    The form of response that a request has.
    """
    wire: Wire | None = getattr(request.channel, "wire", None)
    if wire is not None:
        # Our own channel: it has one for all requests.
        return DirectResponse(request, wire)
    form = DirectResponse if isHTTP1(request.channel) else Response
    return form(request, wireUnder(request))


def respond(
    request: Request, code: int, headers: HeaderBlock, contentType: bytes, body: bytes
) -> int:
    """
    Answer a request with a complete response.

    :return: what a Resource returns then.
    """
    response = responseOf(request)
    response.whole(code, headers, contentType, body)
    response.finish()
    return NOT_DONE_YET


def _others(request: Request, headers: HeaderBlock) -> bytes | None:
    """
    The headers of a response beside ours, or None where somebody else has a hand in
    it, such as a Resource above ours: only twisted.web does then what that one expects
    of it.
    """
    if getattr(request, "madeHeaders", request) is None and not (
        request.madeCookies or request._encoder  # type: ignore[attr-defined]
    ):
        # A request of our own Sites, and nobody has.
        return _commonLines(int(time()))
    if request._encoder is not None or request.cookies:
        return None
    lines = []
    names = headers.names
    for name, values in request.responseHeaders.getAllRawHeaders():
        if name in names:
            return None
        lines += [b"%b: %b\r\n" % (name, value) for value in values]
    return b"".join(lines)


@lru_cache(1)
def _commonLines(second: int) -> bytes:
    """
    The headers that each response of this second has.
    """
    return b"Server: %b\r\nDate: %b\r\n" % (version, dateAt(second))


@lru_cache(1)
def dateAt(second: int) -> bytes:
    """
    The value of the header ``Date``, in any response of this second.
    """
    date: bytes = datetimeToString(second)
    return date


def isEncoded(request: Request) -> bool:
    """
    Whether somebody's encoder makes another form of the body.
    """
    return request._encoder is not None


def withoutEncoder(request: Request) -> bool:
    """
    Have the response go out as it is. twisted.web lets an encoder add its bytes to a
    response that has no body too; and no encoder passes on what it is given at once.

    :return: whether there was an encoder.
    """
    if not isEncoded(request):
        return False
    request._encoder = None
    request.responseHeaders.removeHeader(b"Content-Encoding")
    return True


def _isShared(request: Request) -> bool:
    """
    Whether somebody else has put headers on a response, other than those of any.
    """
    names = (name for name, _ in request.responseHeaders.getAllRawHeaders())
    return bool(request.cookies) or not _NOT_BESIDE.issuperset(names)


def linesBeside(request: Request, headers: HeaderBlock) -> bytes | None:
    """
    `headersBeside` as HTTP/1 has them, where they are these alone, and ASCII; None
    where they are not.
    """
    return None if _isShared(request) or not headers.wire.isascii() else headers.wire


def headersBeside(request: Request, headers: HeaderBlock) -> dict[str, list[str]]:
    """
    The headers of a response that is not twisted.web's to write, a WebSocket's: these,
    and what somebody else has put on it.
    """
    if not _isShared(request):
        return headers.fields()
    headers.apply(request)
    fields = dict(request.responseHeaders.getAllRawHeaders())
    if request.cookies:
        fields[b"Set-Cookie"] = request.cookies
    return {
        name.decode("ascii"): [value.decode("utf-8", "replace") for value in values]
        for name, values in fields.items()
        if name not in _NOT_BESIDE
    }


def empty(request: Request) -> int:
    """
    End the response without a body and without a content type of Twisted's choice.
    """
    withoutEncoder(request)
    # RFC 9110, section 8.6: a 204 has no length, a 304 none but that of a 200.
    if request.code not in NO_BODY_CODES:
        request.setHeader(b"Content-Length", b"0")
    request.defaultContentType = None
    request.finish()
    return NOT_DONE_YET


def forMethod(request: Request, body: bytes) -> bytes:
    """
    What a Resource returns for a response with this body: for HEAD the body's length,
    as a header, and none of it. (RFC 9110, section 9.3.2)
    """
    if request.method != b"HEAD":
        return body
    if not withoutEncoder(request):
        request.setHeader(b"Content-Length", b"%d" % len(body))
    return b""


def refuse(request: Request, error: WireError) -> bytes:
    """
    Say what is wrong, as plain text.
    """
    reason = RESPONSES.get(error.status) or HTTPStatus(error.status).phrase.encode()
    request.setResponseCode(error.status, reason)
    request.setHeader(b"Content-Type", PLAIN)
    # Nothing that an address can be made to answer is to pass for a script.
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    return forMethod(request, error.text.encode("utf-8"))
