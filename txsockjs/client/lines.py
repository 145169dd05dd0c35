"""The frames in the body of a response: `LineReader`. (PROTOCOL section 7.)"""

from __future__ import annotations

from typing import Final

from txsockjs.errors import TooLarge

# A streaming response begins with a line of 2048 "h", so that what is between does not
# wait for more.
_PRELUDE: Final = 2048


class LineReader:
    """
    Takes a body as it comes, and gives its lines, one frame each.
    """

    def __init__(self, limit: int) -> None:
        """
        :param limit: how many bytes a frame may have, the setting ``max_message_size``.
        """
        self._limit = limit
        # The beginning of a line that has not ended, in the pieces that it came in.
        self._pieces: list[bytes] = []
        self._size = 0
        self._first = True

    @property
    def unfinished(self) -> int:
        """
        How many bytes there are of a line that has not ended.
        """
        return self._size

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take what has come.

        :return: the lines that have ended with it, without their ends and without the
            prelude.
        :raise TooLarge: if a line is longer than a frame may be, ended or not.
        """
        *lines, rest = data.split(b"\n")
        if lines:
            if self._size:
                lines[0] = b"".join((*self._pieces, lines[0]))
                self._pieces.clear()
                self._size = 0
            if self._first:
                self._first = False
                if _isPrelude(lines[0]):
                    del lines[0]
            for line in lines:
                self._check(len(line))
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
            # What is not longer than a prelude is looked at when it has ended.
            if not self._first or self._size > _PRELUDE:
                self._check(self._size)
        return lines

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(size, self._limit)


def _isPrelude(line: bytes) -> bool:
    return 1 < len(line) <= _PRELUDE and not line.strip(b"h")
