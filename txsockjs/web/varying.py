"""Which headers are new with each request: `Varying`.

Load balancers give each request an id, and each client has cookies of its own. What
else is in a head comes again and again; so it pays to read that apart.
"""

from __future__ import annotations

from typing import Final

# What says how a request is read, or whose it is.
_FIXED: Final = frozenset(
    (b"Connection", b"Content-Length", b"Expect", b"Host", b"Transfer-Encoding")
)

# How many names are cut out of a head, and how many are watched; and how many new
# values make a name one of them.
_MOST: Final = 4
_WATCHED: Final = 64
_ENOUGH: Final = 32


class Varying:
    """
    The names of headers that have had many values, the latest ones.
    """

    def __init__(self) -> None:
        # What the line of each begins with, behind another line; and its name.
        self._marks: tuple[tuple[bytes, bytes], ...] = ()
        self._counts: dict[bytes, int] = {}

    def isNew(self, start: bytes, name: bytes) -> None:
        """
        A line has come that had not come of late.

        :param start: what it begins with, up to the colon.
        :param name: the header's name, as Twisted has it.
        """
        mark = b"\r\n%b:" % start
        if name in _FIXED or (mark, name) in self._marks:
            return
        count = self._counts.pop(mark, 0) + 1
        if count == _ENOUGH:
            self._marks = ((mark, name), *self._marks)[:_MOST]
            return
        if len(self._counts) == _WATCHED:
            del self._counts[next(iter(self._counts))]
        self._counts[mark] = count

    def cut(self, block: bytes) -> tuple[bytes, dict[bytes, list[bytes]]]:
        """
        Take the lines with such names out of a head.

        :param block: all lines of it, but for the end of the last.
        :return: the rest, and what was taken out: names and values. Nothing is, if one
            of the lines is not in order.
        """
        rest, taken = block, {}
        for mark, name in self._marks:
            start = rest.find(mark)
            if start < 0:
                continue
            end = rest.find(b"\r\n", start + 2)
            if end < 0:
                end = len(rest)
            value = rest[start + len(mark) : end]
            if b"\r" in value or b"\n" in value or b"\0" in value or name in taken:
                return block, {}
            taken[name] = [value.strip(b" \t")]
            rest = rest[:start] + rest[end:]
        return rest, taken
