"""The header rules of SockJS, each said once. (PROTOCOL section 2.)

A `Policy` is what a route names; it puts the headers on a response, or refuses the
request.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache
from ipaddress import IPv6Address as IPAddress6
from ipaddress import ip_address
from typing import Any, ClassVar, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.server import Request

from txsockjs.errors import OriginRefused
from txsockjs.options import Cookie, SockJSOptions
from txsockjs.origins import originOf

#: A year, in seconds.
YEAR: Final = 31536000

NEVER_CACHED: Final = b"no-store, no-cache, no-transform, must-revalidate, max-age=0"

# How many different blocks of headers the process keeps, and how long may be what a
# client has said in one of them.
_BLOCKS: Final = 512
_LONGEST: Final = 512

#: What lets a page that is isolated from other origins (COEP: require-corp) have a
#: script, or a page in a frame, of another origin. (HTML, section 7.1.4; Fetch, 3.7)
EMBEDDED: Final = (
    (b"Cross-Origin-Resource-Policy", b"cross-origin"),
    (b"Cross-Origin-Embedder-Policy", b"credentialless"),
)

_OF_A_BODY: Final = frozenset((b"Content-Type", b"Content-Length"))

# The headers that may have several values.
_SEVERAL: Final = frozenset((b"Vary", b"Set-Cookie"))

# What ``Sec-Fetch-Site`` says where no page of another origin asks.
_OWN_PAGES: Final = (b"none", b"same-origin")

# What may be echoed as a cookie's value (RFC 6265, section 4.1.1); nothing in it can
# end the header.
_COOKIE_VALUE: Final = re.compile(rb"[!#-+\--:<-\[\]-~]{1,256}")


# One pair of a header ``Forwarded``, and what ends it (RFC 7239, section 4).
_FORWARDED: Final = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)="
    rb"(?:\"((?:[^\"\\]|\\.)*)\"|([^\",;\s]*))[ \t]*([;,]|$)"
)


class Policy(enum.Flag):
    """
    Which of the rules hold for a route.
    """

    # There is one object for each value, and that of enum takes long.
    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    CORS = enum.auto()
    NEVER_CACHED = enum.auto()
    COOKIE = enum.auto()
    STREAMING = enum.auto()
    NOSNIFF = enum.auto()
    EMBEDDED = enum.auto()

    #: What every session URL has.
    SESSION = CORS | NEVER_CACHED | COOKIE


class HeaderBlock:
    """
    Headers of a response, ready to be sent any number of times.

    :ivar pairs: their names and values.
    :ivar names: their names, and those of what any response says of its body.
    :ivar wire: their lines, as HTTP/1 has them.
    """

    __slots__ = ("names", "pairs", "wire")

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self.pairs: Sequence[tuple[bytes, bytes]] = pairs
        self.names: frozenset[bytes] = _OF_A_BODY.union(name for name, _ in pairs)
        self.wire: bytes = b"".join([b"%b: %b\r\n" % pair for pair in pairs])

    def apply(self, request: Request) -> None:
        """
        Put them on a response that twisted.web writes, beside what is there already. Of
        a header that has one value, this is the one.
        """
        for name, value in self.pairs:
            if name not in _SEVERAL:
                request.responseHeaders.setRawHeaders(name, [value])
            elif name == b"Set-Cookie" and request.cookies:
                # twisted.web has these take the place of the header.
                request.cookies.append(value)
            elif value not in request.responseHeaders.getRawHeaders(name, ()):
                request.responseHeaders.addRawHeader(name, value)

    def fields(self) -> dict[str, list[str]]:
        """
        Them by name, for a response that nobody else has put anything on.
        """
        fields: dict[str, list[str]] = {}
        for name, value in self.pairs:
            values = fields.setdefault(name.decode("ascii"), [])
            values.append(value.decode("utf-8", "replace"))
        return fields


class HeaderRules:
    """
    The rules as the options of one service shape them.

    :ivar guarded: whether not every page may use the service.
    """

    def __init__(self, options: SockJSOptions) -> None:
        self._options = options
        self.guarded: bool = options.origins is not None

    def headers(self, request: Request, policy: Policy) -> HeaderBlock:
        """
        The headers of a policy, for the answer to a request.
        """
        getRawHeaders = request.requestHeaders.getRawHeaders
        origins = getRawHeaders(b"Origin")
        asked = getRawHeaders(b"Access-Control-Request-Headers")
        cookie = None
        if self._options.cookie_needed and Policy.COOKIE in policy:
            cookie = _sessionCookie(request, self._options.cookie)
        origin = origins[-1] if origins else b""
        headers = b", ".join(asked) if asked else b""
        if len(origin) + len(headers) + len(cookie or b"") > _LONGEST:
            # Whoever sends ever new ones does not fill the memory with them.
            return HeaderBlock(_headers(policy, origin, headers, cookie))
        return _block(policy, origin, headers, cookie)

    def preflight(
        self, request: Request, policy: Policy, methods: bytes, clock: IReactorTime
    ) -> None:
        """
        Answer an OPTIONS request.

        :param methods: what the URL takes.
        :raise OriginRefused: if the page may not use this service.
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

        :raise OriginRefused: if it may not.
        """
        origins = request.requestHeaders.getRawHeaders(b"Origin")
        if origins is not None and len(origins) > 1:
            # RFC 6454, section 7.3: no browser sends a second one.
            raise OriginRefused(b", ".join(origins).decode("latin-1"))
        if self._options.origins is None:
            return
        origin = _requestOrigin(request)
        if origin is not None and not self._options.allowsOrigin(origin, request):
            raise OriginRefused(origin)

    def peer(self, request: Request) -> IAddress:
        """
        The client's address: the last entry of the option ``proxy_header``, which the
        nearest proxy wrote, or else the socket's. A port of 0 is one not known.
        """
        return clientAddress(request, self._options.proxy_header)

    def owner(self, request: Request) -> object:
        """
        Whom a session belongs to that this request opens: the client's host, never its
        port, if the option ``verify_ip`` is set; else nobody.
        """
        if not self._options.verify_ip:
            return None
        peer = self.peer(request)
        return getattr(peer, "host", peer)


def _headers(
    policy: Policy, origin: bytes, asked: bytes, cookie: bytes | None
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
    if Policy.EMBEDDED in policy:
        pairs += EMBEDDED
    return pairs


@lru_cache(_BLOCKS)
def _block(
    policy: Policy, origin: bytes, asked: bytes, cookie: bytes | None
) -> HeaderBlock:
    """
    The headers, built once for all services and all who ask alike.
    """
    return HeaderBlock(_headers(policy, origin, asked, cookie))


def cacheForAYear(request: Request, clock: IReactorTime) -> None:
    """
    Let caches keep the response. One with a cookie on it, which somebody else has set,
    is for that browser alone.
    """
    setHeader = request.responseHeaders.setRawHeaders
    own = request.cookies or request.responseHeaders.hasHeader(b"Set-Cookie")
    scope = b"private" if own else b"public"
    setHeader(b"Cache-Control", [b"%b, max-age=%d" % (scope, YEAR)])
    expires = formatdate(clock.seconds() + YEAR, usegmt=True)
    setHeader(b"Expires", [expires.encode("ascii")])


def _sessionCookie(
    request: Request, cookie: Cookie | Callable[[Request], str | None]
) -> bytes | None:
    """
    The cookie that a load balancer may hold on to: the one it had, or any.

    :raise ValueError: for one of a callable's that cannot be sent.
    """
    if not isinstance(cookie, Cookie):
        made = cookie(request)
        if made is not None and not (made.isascii() and made.isprintable()):
            raise ValueError(f"the option cookie made what is no cookie: {made!r}")
        return None if made is None else made.encode("ascii")
    value = request.getCookie(cookie.name)
    if value is None or not _COOKIE_VALUE.fullmatch(value):
        value = b"dummy"
    return b"%b=%b%b" % (cookie.name, value, cookie.attributes)


def _requestOrigin(request: Request) -> str | None:
    """
    The origin of the page that made the request, or None for no page at all.

    A ``<script>`` or ``<iframe>`` on a foreign page sends no ``Origin``; the page shows
    in ``Referer``, and if it hides that, in ``Sec-Fetch-Site``. What is no browser's,
    or says two things, is a page of no known origin.
    """
    header = request.requestHeaders.getRawHeaders
    for origin in header(b"Origin", ()):
        return origin.decode("latin-1")
    referers = {referer for referer in header(b"Referer", ()) if referer}
    if referers:
        return originOf(referers.pop()) if len(referers) == 1 else "null"
    if all(site in _OWN_PAGES for site in header(b"Sec-Fetch-Site", ())):
        return None
    return "null"


def clientAddress(request: Request, header: bytes | None) -> IAddress:
    """
    The address of a request's client, as the option ``proxy_header`` has it.

    :param header: the header in which a proxy tells it, or None for the socket's own.
    """
    if header is not None:
        values = request.requestHeaders.getRawHeaders(header)
        if values:
            last = values[-1]
            if header.lower() == b"forwarded":
                told = _address(_forwardedFor(last))
            else:
                told = _address(last.rpartition(b",")[2])
            if told is not None:
                return told
    address: IAddress = request.getClientAddress()
    if isinstance(address, IPv6Address) and address.host.startswith("::ffff:"):
        # An IPv4 client of a socket that listens for both.
        mapped = IPAddress6(address.host.partition("%")[0]).ipv4_mapped
        if mapped is not None:
            return IPv4Address("TCP", str(mapped), address.port)
    return address


def _forwardedFor(value: bytes) -> bytes:
    """
    Who is named by the last element of a header ``Forwarded``, or nothing where that
    names nobody or is not in order. (RFC 7239, section 4)
    """
    client, place = b"", 0
    while place < len(value):
        pair = _FORWARDED.match(value, place)
        if pair is None:
            return b""
        place = pair.end()
        if pair[1].lower() == b"for":
            client = pair[2] if pair[2] is not None else pair[3]
        if pair[4] == b"," and place < len(value):
            client = b""
    return client


def _address(text: bytes) -> IPv4Address | IPv6Address | None:
    """``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80`` as an
    address.
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
    address = getattr(address, "ipv4_mapped", None) or address
    kind = IPv4Address if address.version == 4 else IPv6Address
    return kind("TCP", str(address), 0)
