"""WebSocket frames as a client writes them, and the common one as it reads it.

A complete, unfragmented text frame without extensions is what nearly all that a server
sends is made of. It is read here at a fraction of what Autobahn takes for it; what is
not read here is left alone. (RFC 6455, section 5.2)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from autobahn.websocket import USES_NVX
from autobahn.websocket.xormasker import create_xor_masker

#: The opcodes.
TEXT: Final = 1
BINARY: Final = 2

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_FINAL_TEXT: Final = _FINAL | TEXT

# How many random bytes are asked for at once.
_BLOCK: Final = 4096

# From this size on, Autobahn's masker beats arithmetic on one long number, where it is
# the one in C.
_LONG: Final = 1536 if USES_NVX else 1 << 63

_number: Final = int.from_bytes


def _keys() -> Iterator[bytes]:
    """
    Masking keys, of a strong source of entropy (RFC 6455, section 5.3): what goes out
    must not be in the hand of who has chosen the payload.
    """
    while True:
        block = os.urandom(_BLOCK)
        for start in range(0, _BLOCK, 4):
            yield block[start : start + 4]


_key: Final = _keys().__next__


def formatFrame(opcode: int, payload: bytes, rsv: int = 0) -> bytes:
    """
    A masked, unfragmented frame.

    :param rsv: the three bits for extensions.
    """
    size, key = len(payload), _key()
    if size < _LONG:
        mask = (key * (size + 3 >> 2))[:size]
        masked = (_number(payload, "little") ^ _number(mask, "little")).to_bytes(
            size, "little"
        )
    else:
        masked = create_xor_masker(key, size).process(payload)
    first = _FINAL | rsv << 4 | opcode
    if size < 126:
        return b"%c%c%b%b" % (first, _MASKED | size, key, masked)
    if size < 65536:
        return b"%c\xfe%b%b%b" % (first, size.to_bytes(2, "big"), key, masked)
    return b"%c\xff%b%b%b" % (first, size.to_bytes(8, "big"), key, masked)


def readTexts(data: bytes, limit: int) -> tuple[list[str], int]:
    """
    Read the complete text frames that ``data`` begins with.

    :param data: what came in, from the start of a frame.
    :param limit: the longest payload to read, in bytes.
    :return: the texts, and how many bytes they took. Reading stops before a frame of
        any other kind, one in error, one of 64 KiB or more, or one that is not all
        there.
    """
    texts: list[str] = []
    position, end = 0, len(data)
    while end - position >= 2 and data[position] == _FINAL_TEXT:
        size = data[position + 1]
        start = position + 2
        if size > 125:
            if size != 126:
                break
            start = position + 4
            size = _number(data[position + 2 : start], "big")
            if size < 126:
                break
        stop = start + size
        if stop > end or size > limit:
            break
        try:
            texts.append(data[start:stop].decode())
        except UnicodeDecodeError:
            break
        position = stop
    return texts, position
