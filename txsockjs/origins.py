"""Origins: as an option names them, and as browsers do. (RFC 6454)"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna

#: The port that a scheme has where none is said; browsers never say it.
_PORTS: Final = {"http": 80, "https": 443}

_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[^\]]*\]|[^/?#@:\[\]\\\s]+)(?::([0-9]{1,9}))?"
)
_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")

# A name that ends so is an IPv4 address, or nothing, to a browser.
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")

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

    @raise ValueError: if none would ever send that. It says why, and what would do.
    """
    text = text.strip()
    origin = text.lower()
    if origin == "null":
        return origin
    if origin == "*":
        raise ValueError(f"{text!r} is no origin; None lets all in")
    if "*" in origin:
        raise ValueError(f"{text!r} is a pattern; give a callable that tests an origin")
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

    @raise ValueError: if it is none.
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


def originOf(referer: bytes) -> str:
    """
    The origin of a page by its URL; C{"null"} if no browser would have sent that, and
    another reader might find another origin in it.
    """
    match = _REFERER.fullmatch(referer)
    return match[1].decode("ascii") if match is not None else "null"
