"""The header rules of SockJS, each said once. (PROTOCOL section 2.)

A L{Policy} is what a route names; it puts the headers on a response, or refuses the
request.
"""

from __future__ import annotations

import enum
import re
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


class HeaderRules:
    """
    The rules as the options of one service shape them.
    """

    def __init__(self, options: SockJSOptions) -> None:
        self._options = options

    def apply(self, request: Request, policy: Policy) -> None:
        """
        Put the headers of a policy on the response.

        @raise OriginRefused: if the page may not use this service.
        """
        if Policy.CORS in policy:
            self._allowOrigin(request)
        setHeader = request.responseHeaders.setRawHeaders
        if Policy.NEVER_CACHED in policy:
            setHeader(b"Cache-Control", [NEVER_CACHED])
        if Policy.COOKIE in policy and self._options.cookie_needed:
            setHeader(b"Set-Cookie", [_sessionCookie(request)])
        if Policy.STREAMING in policy:
            # nginx buffers a response that does not say so.
            setHeader(b"X-Accel-Buffering", [b"no"])
        if Policy.NOSNIFF in policy:
            setHeader(b"X-Content-Type-Options", [b"nosniff"])

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
        setHeader = request.responseHeaders.setRawHeaders
        cacheForAYear(request, clock)
        if Policy.CORS in policy:
            self._allowOrigin(request)
            setHeader(b"Access-Control-Allow-Methods", [methods])
            setHeader(b"Access-Control-Max-Age", [b"%d" % YEAR])
        if Policy.COOKIE in policy and self._options.cookie_needed:
            setHeader(b"Set-Cookie", [_sessionCookie(request)])

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

    def _allowOrigin(self, request: Request) -> None:
        self.checkOrigin(request)
        setHeader = request.responseHeaders.setRawHeaders
        setHeader(b"Vary", [b"Origin"])
        origin = request.requestHeaders.getRawHeaders(b"Origin")
        if origin:
            setHeader(b"Access-Control-Allow-Origin", [origin[-1]])
            setHeader(b"Access-Control-Allow-Credentials", [b"true"])
        else:
            setHeader(b"Access-Control-Allow-Origin", [b"*"])
        asked = request.requestHeaders.getRawHeaders(b"Access-Control-Request-Headers")
        if asked and asked[-1]:
            setHeader(b"Access-Control-Allow-Headers", [asked[-1]])

    def peer(self, request: Request) -> IAddress:
        """
        The client's address: the last entry of the option C{proxy_header}, which the
        nearest proxy wrote, or else the socket's. A port of 0 is one not known.
        """
        header = self._options.proxy_header
        if header is not None:
            values = request.requestHeaders.getRawHeaders(header)
            if values:
                address = _address(values[-1].rpartition(b",")[2])
                if address is not None:
                    return address
        return request.getClientAddress()

    def owner(self, request: Request) -> object:
        """
        Whom a session belongs to that this request opens: the client's host, never its
        port, if the option C{verify_ip} is set; else nobody.
        """
        if not self._options.verify_ip:
            return None
        peer = self.peer(request)
        return getattr(peer, "host", peer)


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
