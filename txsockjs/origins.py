"""Origins: as an option names them, and as browsers do. (RFC 6454)"""

from __future__ import annotations

import re
from collections.abc import Container
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna

#: What stands for the service's own origin in a list of them.
SAME: Final = "same"

#: The port that a scheme has where none is said; browsers never say it.
_PORTS: Final = {"http": 80, "https": 443}

_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[^\]]*\]|[^/?#@:\[\]\\\s]+)(?::([0-9]{1,9}))?"
)
_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")

# A name that ends so is an IPv4 address, or nothing, to a browser.
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")

# What begins so is no name, but an address.
_ADDRESS: Final = re.compile(r"\[|[0-9.]+(?::|$)")

# What a browser sends as a page's URL: origin, path and query in printable ASCII, with
# no user's name. A backslash is a slash to a browser, until the query begins.
_REFERER: Final = re.compile(
    rb"([a-z][a-z0-9+.-]*://(?:[a-z0-9._~!$&'()*+,;=-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?)"
    rb"(?:/[!->@-\[\]-~]*)?(?:\?[!-~]*)?",
    re.IGNORECASE,
)


def canonical(text: str) -> str:
    """
    An origin as browsers send it: in lower case, without a port that is the scheme's
    own, the host in ASCII.

    :raise ValueError: if none would ever send that. It says why, and what would do.
    """
    text = text.strip()
    origin = text.lower()
    if origin in ("null", SAME):
        return origin
    if origin == "*":
        raise ValueError(f"{text!r} is no origin; None lets all in")
    scheme, star, domain = origin.partition("://*.")
    if star and "*" not in scheme + domain:
        with suppress(ValueError):
            scheme, _, domain = canonical(f"{scheme}://{domain}").partition("://")
            if not _ADDRESS.match(domain):
                return f"{scheme}{star}{domain}"
    if "*" in origin:
        raise ValueError(
            f"{text!r} is no pattern; 'https://*.example.com' is one, for all names "
            "below example.com"
        )
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        begin = _ORIGIN.match(origin)
        if begin is not None and origin[begin.end()] in "/?#":
            better = f"an origin ends before the path: {begin[0]!r}"
        elif "://" not in origin:
            better = f"it needs a scheme, as in {'https://' + origin.lstrip('/')!r}"
        else:
            better = "an origin is scheme://host or scheme://host:port, and no more"
        raise ValueError(f"{text!r} can never match; {better}")
    scheme, host, port = match.groups()
    if scheme in ("ws", "wss"):
        page = origin.replace("ws", "http", 1)
        raise ValueError(f"{text!r} can never match; a page's origin is {page!r}")
    try:
        host = _host(host)
    except ValueError:
        raise ValueError(
            f"{text!r} can never match; {host!r} is no host as a browser writes it"
        ) from None
    if port is None or int(port) == _PORTS.get(scheme):
        return f"{scheme}://{host}"
    if int(port) > 65535:
        raise ValueError(f"{text!r} can never match; a port is 65535 at the most")
    return f"{scheme}://{host}:{int(port)}"


def _host(host: str) -> str:
    """
    A host as browsers write it.

    :raise ValueError: if it is none.
    """
    if host.startswith("["):
        address = IPv6Address(host[1:-1])
        if address.scope_id is not None:
            raise AddressValueError
        if address.ipv4_mapped is not None:
            # As Python before 3.13 has it too.
            return "[::ffff:{:x}:{:x}]".format(*divmod(int(address.ipv4_mapped), 65536))
        return f"[{address}]"
    if not host.isascii():
        # A name as people write it: all clients send its A-label (RFC 5891).
        mapped = idna.uts46_remap(host, std3_rules=False)
        host = ".".join(
            label if label.isascii() else idna.alabel(label).decode("ascii")
            for label in mapped.split(".")
        )
    if _NUMBER.fullmatch(host):
        host = str(IPv4Address(host))
    if not _NAME.fullmatch(host):
        raise ValueError
    return host


def matches(origin: str, allowed: Container[str]) -> bool:
    """
    Whether an origin is one of those that are allowed, or fits a pattern among them.
    Compared whole, never by a part of it (RFC 6454, section 5).

    :param origin: as a browser sends it.
    :param allowed: what `canonical` has made of each.
    """
    origin = origin.lower()
    if origin == SAME or "*" in origin:
        # No browser's.
        return False
    if origin in allowed:
        return True
    match = _ORIGIN.fullmatch(origin)
    if match is None or not _NAME.fullmatch(match[2]):
        return False
    scheme, separator, rest = origin.partition("://")
    while "." in rest:
        rest = rest.partition(".")[2]
        if f"{scheme}{separator}*.{rest}" in allowed:
            return True
    return False


def isHost(origin: str, host: str, schemes: Container[str]) -> bool:
    """
    Whether an origin is that of the server which a request names.

    :param origin: as a browser sends it.
    :param host: the request's header ``Host``.
    :param schemes: those by which the request can have been made.
    """
    scheme, separator, rest = origin.lower().partition("://")
    if not separator or not rest or scheme not in schemes:
        return False
    port = _PORTS.get(scheme)
    return host.lower() in (rest, f"{rest}:{port}")


def originOf(referer: bytes) -> str:
    """
    The origin of a page by its URL; ``"null"`` if no browser would have sent that, and
    another reader might find another origin in it.
    """
    match = _REFERER.fullmatch(referer)
    return match[1].decode("ascii") if match is not None else "null"
