"""The header rules of SockJS, each said once. (PROTOCOL section 2.)

A L{Policy} is what a route names; it puts the headers on a response, or refuses the
request.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from email.utils import formatdate
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.server import Request

from txsockjs.errors import OriginRefused
from txsockjs.options import SockJSOptions

#: A year, in seconds.
YEAR: Final = 31536000

NEVER_CACHED: Final = b"no-store, no-cache, no-transform, must-revalidate, max-age=0"

# How many different blocks of headers a service keeps.
_BLOCKS: Final = 256

# What may be echoed as a cookie's value (RFC 6265, section 4.1.1); nothing in it can
# end the header.
_COOKIE_VALUE: Final = re.compile(rb"[!#-+\--:<-\[\]-~]{1,256}")


class Policy(enum.Flag):
    """
    Which of the rules hold for a route.
    """

    CORS = enum.auto()
    NEVER_CACHED = enum.auto()
    COOKIE = enum.auto()
    STREAMING = enum.auto()
    NOSNIFF = enum.auto()

    #: What every session URL has.
    SESSION = CORS | NEVER_CACHED | COOKIE


class HeaderBlock:
    """
    Headers of a response, ready to be sent any number of times.

    @ivar pairs: their names and values.
    @ivar wire: their lines, as HTTP/1 has them.
    """

    __slots__ = ("pairs", "wire")

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self.pairs = pairs
        self.wire = b"".join([b"%b: %b\r\n" % pair for pair in pairs])

    def apply(self, request: Request) -> None:
        """
        Put them on a response that twisted.web writes.
        """
        for name, value in self.pairs:
            request.responseHeaders.setRawHeaders(name, [value])


class HeaderRules:
    """
    The rules as the options of one service shape them.
    """

    def __init__(self, options: SockJSOptions) -> None:
        self._options = options
        self._blocks: dict[object, HeaderBlock] = {}

    def headers(self, request: Request, policy: Policy) -> HeaderBlock:
        """
        The headers of a policy, for the answer to a request.

        @raise OriginRefused: if the page may not use this service.
        """
        if self._options.origins is not None and Policy.CORS in policy:
            self.checkOrigin(request)
        getRawHeaders = request.requestHeaders.getRawHeaders
        origins = getRawHeaders(b"Origin")
        asked = getRawHeaders(b"Access-Control-Request-Headers")
        cookie = None
        if self._options.cookie_needed and Policy.COOKIE in policy:
            cookie = _sessionCookie(request)
        key = (
            policy,
            origins[-1] if origins else None,
            asked[-1] if asked else None,
            cookie,
        )
        block = self._blocks.get(key)
        if block is None:
            if len(self._blocks) >= _BLOCKS:
                # Whoever sends ever new origins gains nothing.
                self._blocks.clear()
            block = self._blocks[key] = HeaderBlock(_headers(*key))
        return block

    def preflight(
        self, request: Request, policy: Policy, methods: bytes, clock: IReactorTime
    ) -> None:
        """
        Answer an OPTIONS request.

        @param methods: what the URL takes.
        @raise OriginRefused: if the page may not use this service.
        """
        self.checkOrigin(request)
        request.setResponseCode(204)
        cacheForAYear(request, clock)
        # The answer to a preflight is not for the session that follows: it is kept.
        self.headers(request, policy & (Policy.CORS | Policy.COOKIE)).apply(request)
        if Policy.CORS in policy:
            setHeader = request.responseHeaders.setRawHeaders
            setHeader(b"Access-Control-Allow-Methods", [methods])
            setHeader(b"Access-Control-Max-Age", [b"%d" % YEAR])

    def checkOrigin(self, request: Request) -> None:
        """
        Check that the page which made the request may use this service.

        @raise OriginRefused: if it may not.
        """
        if self._options.origins is None:
            return
        origin = _requestOrigin(request)
        if origin is not None and not self._options.allowsOrigin(origin):
            raise OriginRefused

    def peer(self, request: Request) -> IAddress:
        """
        The client's address: the last entry of the option C{proxy_header}, which the
        nearest proxy wrote, or else the socket's. A port of 0 is one not known.
        """
        header = self._options.proxy_header
        if header is not None:
            values = request.requestHeaders.getRawHeaders(header)
            if values:
                told = _address(values[-1].rpartition(b",")[2])
                if told is not None:
                    return told
        address: IAddress = request.getClientAddress()
        return address

    def owner(self, request: Request) -> object:
        """
        Whom a session belongs to that this request opens: the client's host, never its
        port, if the option C{verify_ip} is set; else nobody.
        """
        if not self._options.verify_ip:
            return None
        peer = self.peer(request)
        return getattr(peer, "host", peer)


def _headers(
    policy: Policy, origin: bytes | None, asked: bytes | None, cookie: bytes | None
) -> list[tuple[bytes, bytes]]:
    pairs = []
    if Policy.CORS in policy:
        pairs.append((b"Vary", b"Origin"))
        pairs.append((b"Access-Control-Allow-Origin", origin or b"*"))
        if origin:
            pairs.append((b"Access-Control-Allow-Credentials", b"true"))
        if asked:
            pairs.append((b"Access-Control-Allow-Headers", asked))
    if Policy.NEVER_CACHED in policy:
        pairs.append((b"Cache-Control", NEVER_CACHED))
    if cookie is not None:
        pairs.append((b"Set-Cookie", cookie))
    if Policy.STREAMING in policy:
        # nginx buffers a response that does not say so.
        pairs.append((b"X-Accel-Buffering", b"no"))
    if Policy.NOSNIFF in policy:
        pairs.append((b"X-Content-Type-Options", b"nosniff"))
    return pairs


def cacheForAYear(request: Request, clock: IReactorTime) -> None:
    """
    Let caches keep the response.
    """
    setHeader = request.responseHeaders.setRawHeaders
    setHeader(b"Cache-Control", [b"public, max-age=%d" % YEAR])
    expires = formatdate(clock.seconds() + YEAR, usegmt=True)
    setHeader(b"Expires", [expires.encode("ascii")])


def _sessionCookie(request: Request) -> bytes:
    """
    The cookie that a load balancer may hold on to: the one it had, or any.
    """
    value = request.getCookie(b"JSESSIONID")
    if value is None or not _COOKIE_VALUE.fullmatch(value):
        value = b"dummy"
    return b"JSESSIONID=%b; path=/" % value


def _requestOrigin(request: Request) -> str | None:
    """
    The origin of the page that made the request, or None for no page at all.

    A C{<script>} or C{<iframe>} on a foreign page sends no C{Origin}; the page shows
    in C{Referer}, and if it hides that, in C{Sec-Fetch-Site}.
    """
    origin = request.getHeader(b"Origin")
    if origin is not None:
        return origin.decode("latin-1")
    referer = request.getHeader(b"Referer")
    if referer:
        try:
            parts = urlsplit(referer.decode("latin-1"))
        except ValueError:
            return "null"
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    site = request.getHeader(b"Sec-Fetch-Site")
    if site is None or site in (b"none", b"same-origin"):
        return None
    return "null"


def _address(text: bytes) -> IPv4Address | IPv6Address | None:
    """
    C{192.0.2.1}, C{192.0.2.1:80}, C{2001:db8::1} or C{[2001:db8::1]:80} as an address.
    """
    host = text.strip().decode("latin-1")
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    kind = IPv4Address if address.version == 4 else IPv6Address
    return kind("TCP", str(address), 0)
