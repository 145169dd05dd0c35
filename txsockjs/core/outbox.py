"""What a session has still to send: `Outbox`."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from txsockjs.core.frames import Messages, Part
from txsockjs.interfaces import IReceiver

#: Bytes of memory that a message takes while it waits, beside what it says.
MESSAGE_COST: Final = 128

# What many small messages may cost beside what they say, in bytes, before they are made
# into one. To look at them takes as long as they are many: not after each.
_PACK: Final = 32768

#: Bytes after which a frame takes no further message. It is what Twisted's transports
#: hold before they pause their producer.
FRAME_SIZE: Final = 65536


class Outbox(list[Part]):
    """
    What waits to be sent, in order.

    :ivar packed: how many at the front are packed, or are not to be.
    :ivar size: how much there is, in bytes of memory: what each part says, and
        `MESSAGE_COST` for it.
    :ivar unread: receivers whose last frame was not taken when the next one came, or
        None.
    """

    __slots__ = ("packed", "size", "unread")

    def __init__(self) -> None:
        super().__init__()
        self.size: int = 0
        self.packed: int = 0
        self.unread: list[IReceiver] | None = None

    @property
    def pending(self) -> int:
        """
        Bytes that the peer has not taken: those that wait here, and those of responses
        that it does not read.
        """
        size = self.size
        if self.unread is not None:
            left = [(r, n) for r in self.unread if (n := r.pendingBytes())]
            self.unread = [receiver for receiver, _ in left] or None
            size += sum([waiting for _, waiting in left])
        return size

    def follow(self, former: IReceiver, receiver: IReceiver) -> None:
        """
        A receiver is followed by another: what it was given is not forgotten. On one
        connection it is what the next one waits for.
        """
        if not receiver.follows(former) and former.pendingBytes():
            self.unread = [*(self.unread or ()), former]

    def pack(self) -> None:
        """
        Make one part of many small messages, whose cost is more than what they say.
        """
        if MESSAGE_COST * (len(self) - self.packed) < _PACK:
            return
        parts: list[Part] = []
        # Of binary messages there is no JSON.
        loose = self[self.packed :]
        for binary, run in groupby(loose, lambda part: part.binary is not None):
            messages = list(run)
            parts += messages if binary else self._packEach(messages)
        self[self.packed :] = parts
        self.packed = len(self)

    def _packEach(self, loose: list[Part]) -> list[Part]:
        """
        No part is larger than a frame, or than the message that it ends with makes it.
        """
        parts: list[Part] = []
        start = size = 0
        for end, part in enumerate(loose, 1):
            size += part.size
            if size >= FRAME_SIZE or end == len(loose):
                parts += self._pack(loose[start:end])
                start, size = end, 0
        return parts

    def _pack(self, loose: list[Part]) -> list[Part]:
        said = sum([part.size for part in loose])
        packed = Messages(loose, len(loose), said).pack()
        saved = said + MESSAGE_COST * len(loose) - packed.size - MESSAGE_COST
        if saved <= 0:
            # JSON takes six bytes for a control character.
            return loose
        self.size -= saved
        return [packed]

    def gather(self) -> Part:
        """
        Take out the messages of the next frame.
        """
        size, taken = self.size - MESSAGE_COST * len(self), len(self)
        if size > FRAME_SIZE:
            size = taken = 0
            for part in self:
                if taken and part.count > 1 and size + part.size > FRAME_SIZE:
                    # What is packed makes a frame of its own.
                    break
                size += part.size
                taken += 1
                if size >= FRAME_SIZE:
                    break
        parts = self[:taken]
        del self[:taken]
        self.size -= size + MESSAGE_COST * taken
        if not self.packed:
            return Messages(parts, taken, size) if taken > 1 else parts[0]
        self.packed = max(0, self.packed - taken)
        count = sum([part.count for part in parts])
        return Messages(parts, count, size) if taken > 1 else parts[0]

    def clear(self) -> None:
        """
        Drop everything.
        """
        super().clear()
        self.size = self.packed = 0
        self.unread = None
