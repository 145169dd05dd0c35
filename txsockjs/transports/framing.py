"""The common case of WebSocket framing, written and read directly. (RFC 6455, 5.2)

Autobahn handles everything; a complete, unfragmented, masked text frame without
extensions is what nearly all traffic is made of, and is read here at a fraction of the
cost. What this module does not read it leaves alone.
"""

from __future__ import annotations

import sys
from binascii import b2a_base64
from hashlib import sha1
from typing import Final

from autobahn.websocket import USES_NVX
from autobahn.websocket.xormasker import create_xor_masker

# FIN and the opcode, no extension bit.
_TEXT: Final = 0x81
_CLOSE: Final = 0x88
_MASKED: Final = 0x80

#: The most bytes of a reason: a close frame is a control frame, of 125 bytes at most,
#: and two of them are the code (RFC 6455, section 5.5).
REASON_SIZE: Final = 123

# RFC 6455, section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
)

_number: Final = int.from_bytes

# From this size on, Autobahn's masker in C beats arithmetic on one long number. Where
# there is none, Autobahn masks byte by byte.
_LONG: Final = 1536 if USES_NVX else sys.maxsize


def formatText(payload: bytes) -> bytes:
    """
    An unmasked, unfragmented text frame.
    """
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


def formatBinary(payload: bytes) -> bytes:
    """
    An unmasked, unfragmented binary frame.
    """
    return b"\x82" + formatText(payload)[1:]


def cut(payload: bytes, size: int | None, isBinary: bool) -> list[bytes]:
    """
    A payload in pieces of so many bytes at the most: those of a text between two
    characters, though only the whole would have to be UTF-8. (RFC 6455, section 5.6)

    :param size: at least the four bytes that a character may have; or None, which cuts
        nothing.
    """
    if size is None:
        return [payload]
    pieces = []
    start, end = 0, len(payload)
    while end - start > size:
        stop = start + size
        while not isBinary and payload[stop] & 0xC0 == 0x80:
            stop -= 1
        pieces.append(payload[start:stop])
        start = stop
    pieces.append(payload[start:])
    return pieces


def formatFragments(payload: bytes, size: int, isBinary: bool = False) -> bytes:
    """
    An unmasked message, in frames of so many bytes of payload at the most.
    (RFC 6455, section 5.4)
    """
    pieces = cut(payload, size, isBinary)
    frames = []
    opcode = 2 if isBinary else 1
    for piece in pieces[:-1]:
        frames.append(b"%c%b" % (opcode, formatText(piece)[1:]))
        opcode = 0
    frames.append(b"%c%b" % (opcode | 0x80, formatText(pieces[-1])[1:]))
    return b"".join(frames)


def readTexts(data: bytes, limit: int) -> tuple[list[str], int]:
    """
    Read the complete masked text frames that ``data`` begins with.

    :param data: what came in, from the start of a frame.
    :param limit: the longest payload to read, in bytes.
    :return: the texts, and how many bytes they took. Reading stops before a frame of
        any other kind, one in error, or one that is not all there.
    """
    texts: list[str] = []
    position, end = 0, len(data)
    while end - position >= 6 and data[position] == _TEXT:
        size = data[position + 1] - _MASKED
        start = position + 6
        if size == 126:
            start = position + 8
            size = int.from_bytes(data[position + 2 : position + 4], "big")
            if size < 126:
                break
        elif not 0 <= size < 126:
            break
        stop = start + size
        if stop > end or size > limit:
            break
        try:
            texts.append(
                unmask(data[start:stop], data[start - 4 : start], size).decode()
            )
        except UnicodeDecodeError:
            break
        position = stop
    return texts, position


def readClose(data: bytes) -> tuple[int | None, bytes | None] | None:
    """
    Read the complete masked close frame that ``data`` begins with.

    :param data: what came in, from the start of a frame.
    :return: its code and its reason, if it has them; None for a frame of another kind,
        one in error, and one that is not all there.
    """
    if len(data) < 6 or data[0] != _CLOSE:
        return None
    size = data[1] - _MASKED
    if not 0 <= size < 126 or size == 1 or len(data) < 6 + size:
        return None
    if not size:
        return None, None
    payload = unmask(data[6 : 6 + size], data[2:6], size)
    return _number(payload[:2], "big"), payload[2:] or None


def formatAnswer(key: bytes, lines: bytes) -> bytes:
    """
    The answer to an opening handshake in order that agrees to nothing.
    (RFC 6455, section 4.2.2)

    :param key: its ``Sec-WebSocket-Key``.
    :param lines: further headers.
    """
    accept = b2a_base64(sha1(key + _GUID).digest(), newline=False)
    return b"%b%bSec-WebSocket-Accept: %b\r\n\r\n" % (_SWITCHING, lines, accept)


def unmask(payload: bytes, mask: bytes, size: int) -> bytes:
    """
    Apply a mask of four bytes to a payload of ``size`` bytes.
    """
    if size >= _LONG:
        masked: bytes = create_xor_masker(mask, size).process(payload)
        return masked
    key = (mask * (size + 3 >> 2))[:size]
    return (_number(payload, "little") ^ _number(key, "little")).to_bytes(
        size, "little"
    )
