"""WebSocket bytes (RFC 6455), as much of them as a load client needs."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator

from benchmarks.errors import WrongAnswer

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
COMPRESSED = 0x40
MASKED = 0x80

#: What ends a compressed message, and is left out (RFC 7692, 7.2.1).
TAIL = b"\0\0\xff\xff"


def clientFrame(payload: bytes, opcode: int = TEXT) -> bytes:
    """
    One whole masked frame (RFC 6455, 5.2).

    :param payload: at most 65,535 bytes.
    """
    size = len(payload)
    head = bytes([FIN | opcode])
    if size < 126:
        head += bytes([MASKED | size])
    else:
        head += bytes([MASKED | 126]) + size.to_bytes(2)
    key = os.urandom(4)
    stream = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload) ^ int.from_bytes(stream)
    return head + key + masked.to_bytes(size)


def deflatedFrame(payload: bytes) -> bytes:
    """One whole masked frame of text that is compressed by itself (RFC 7692, 7.2.1)."""
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = made.compress(payload) + made.flush(zlib.Z_SYNC_FLUSH)
    return clientFrame(deflated.removesuffix(TAIL), COMPRESSED | TEXT)


def inflated(payload: bytes) -> bytes:
    """What was compressed by itself (RFC 7692, 7.2.2)."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + TAIL)
    except zlib.error as error:
        raise WrongAnswer(f"{error}: {payload[:80]!r}") from None


def splitFrames(
    data: bytes, inflate: Callable[[bytes], bytes] | None = None
) -> tuple[list[tuple[int, bytes]], bytes]:
    """
    Cut what a server sent into frames.

    :param inflate: reads a payload that is compressed, where that was agreed on.
    :return: the opcode and payload of each whole frame, and the bytes that are left.
    :raise WrongAnswer: a frame is fragmented, masked, or of an extension.
    """
    frames: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size = data[at], data[at + 1]
        extended = first & 0x70
        if inflate is not None and extended == COMPRESSED:
            extended = 0
        if not first & FIN or extended or size & MASKED:
            raise WrongAnswer(f"not a plain server frame: {data[at : at + 16]!r}")
        start = at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2 : start])
        if end < start + size:
            break
        payload = data[start : start + size]
        if first & COMPRESSED and inflate is not None:
            payload = inflate(payload)
        frames.append((first & 0xF, payload))
        at = start + size
    return frames, data[at:]


def dataPayloads(
    frames: list[tuple[int, bytes]], pings: list[bytes]
) -> Iterator[bytes]:
    """
    The payloads of the data frames.

    :param pings: collects the payloads of the pings, which want a pong.
    :raise WrongAnswer: the server closes, or sends what is not known.
    """
    for opcode, payload in frames:
        if opcode in (TEXT, BINARY):
            yield payload
        elif opcode == PING:
            pings.append(payload)
        elif opcode != PONG:
            raise WrongAnswer(f"frame {opcode:#x} from the server: {payload!r}")


def upgradeRequest(authority: str, path: str, extension: str = "") -> bytes:
    """
    The opening handshake of a browser, without what only a browser needs.

    :param extension: what is offered in ``Sec-WebSocket-Extensions``.
    """
    offered = f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""
    return (
        f"GET {path} HTTP/1.1\r\n"
        f"Host: {authority}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Origin: http://{authority}\r\n"
        f"Sec-WebSocket-Version: 13\r\n{offered}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "\r\n"
    ).encode()
