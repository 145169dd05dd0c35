"""Entity tags. (RFC 9110, sections 8.8.3 and 13.1.2)"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# One element of a list: a tag, which may have commas in it, or nothing.
_ELEMENT: Final = re.compile(
    rb'[ \t]*(?:(?:W/)?("[!\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|\Z)'
)


def matches(tag: bytes, condition: Sequence[bytes]) -> bool:
    """
    Whether who asks has what the tag is for. Compared weakly: a proxy may have made
    another form of it, and says so with ``W/``.

    :param tag: the tag, in its quotes.
    :param condition: the values of ``If-None-Match``. One that is not well-formed
        matches nothing.
    """
    text = b",".join(condition)
    if text.strip(b" \t") == b"*":
        return True
    tags = []
    position = 0
    while position < len(text):
        element = _ELEMENT.match(text, position)
        if element is None:
            return False
        tags.append(element[1])
        position = element.end()
    return tag in tags
