"""What rooms are told and asked in: `Position`, `Entry`, `History`."""

from __future__ import annotations

import re
from typing import Final

import attrs

_POSITION: Final = re.compile(r"([0-9A-Za-z]{1,32}):(0|[1-9][0-9]{0,15})", re.ASCII)

#: The largest offset that JavaScript can count to.
MOST: Final = 2**53 - 1


@attrs.frozen
class Position:
    """
    Where in a room's history a message stands.

    Offsets count one epoch's messages from 1 on, without a hole. An epoch ends where
    the broker has lost count: positions of two epochs tell nothing about each other.

    As text, which is how clients keep it, it is ``epoch:offset``.

    :ivar epoch: 1 to 32 of the ASCII letters and digits.
    :ivar offset: the message's number; 0 stands before the first one.
    """

    epoch: str
    offset: int

    @property
    def following(self) -> Position:
        """
        The position of the next message.
        """
        return Position(self.epoch, self.offset + 1)

    @property
    def preceding(self) -> Position:
        """
        The position of the message before.
        """
        return Position(self.epoch, self.offset - 1)

    def after(self, other: Position) -> int:
        """
        How many messages of the same epoch are behind another position, up to this one;
        a negative number if this one is before.
        """
        return self.offset - other.offset

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """
        Read a position from its text, which anybody may have written.

        :raise ValueError: if it is none.
        """
        match = _POSITION.fullmatch(text) if isinstance(text, str) else None
        if match is None or int(match[2]) > MOST:
            raise ValueError(
                f"a position is written 'epoch:offset', such as 'f00d:12'; not {text!r}"
            )
        return cls(match[1], int(match[2]))


@attrs.frozen
class Entry:
    """
    One message of a room.

    :ivar text: the message.
    :ivar position: where it stands in the history; None in a room without one.
    """

    text: str
    position: Position | None = None


@attrs.frozen
class History:
    """
    A piece of a room's history, up to its newest message.

    :ivar entries: the messages, the oldest first, with positions that follow each
        other; the last one's is `latest`.
    :ivar latest: the position of the newest message there has been, whether the history
        still holds it or not; with offset 0 where there was none yet.
    :ivar complete: whether that is all that was asked for: nothing that came after the
        position in question is missing.
    """

    entries: tuple[Entry, ...]
    latest: Position
    complete: bool = True
