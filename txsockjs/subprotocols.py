"""Subprotocols of WebSocket: as clients offer them, and which is taken. (RFC 6455)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

# RFC 6455, section 4.1: what RFC 2616 calls a token.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def isName(text: str) -> bool:
    """
    Whether a subprotocol may be called so.
    """
    return _TOKEN.fullmatch(text) is not None


def offered(values: Iterable[bytes]) -> tuple[str, ...]:
    """
    What a client offers in its ``Sec-WebSocket-Protocol`` headers, the best first.
    (RFC 6455, section 11.3.4)

    :raise ValueError: if one is no name, or is there twice.
    """
    items = b",".join(values).decode("latin-1").split(",")
    # RFC 9110, section 5.6.1.2: what is empty in a list is passed over.
    names = tuple(name for item in items if (name := item.strip(" \t")))
    if len(set(names)) < len(names) or not all(map(isName, names)):
        raise ValueError("no list of distinct names")
    return names


def firstOf(wanted: Sequence[str], offers: Sequence[str]) -> str | None:
    """
    The first of those that are wanted that is offered too, or None. Names are compared
    as they are: case counts.
    """
    for name in wanted:
        if name in offers:
            return name
    return None
