"""WebSocket bytes (RFC 6455), as much of them as a load client needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.errors import WrongAnswer

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
MASKED = 0x80


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


def splitFrames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """
    Cut what a server sent into frames.

    :return: the opcode and payload of each whole frame, and the bytes that are left.
    :raise WrongAnswer: a frame is fragmented, masked, or of an extension.
    """
    frames: list[tuple[int, bytes]] = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size = data[at], data[at + 1]
        if not first & FIN or first & 0x70 or size & MASKED:
            raise WrongAnswer(f"not a plain server frame: {data[at : at + 16]!r}")
        start = at + 2
        if size >= 126:
            start += 2 if size == 126 else 8
            size = int.from_bytes(data[at + 2 : start])
        if end < start + size:
            break
        frames.append((first & 0xF, data[start : start + size]))
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


def upgradeRequest(authority: str, path: str) -> bytes:
    """The opening handshake of a browser, without what only a browser needs."""
    return (
        f"GET {path} HTTP/1.1\r\n"
        f"Host: {authority}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Origin: http://{authority}\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "\r\n"
    ).encode()
