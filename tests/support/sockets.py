"""The client's side of a WebSocket, byte by byte, for tests of the server's side."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import NamedTuple

from txsockjs.testing import MemoryConnection

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

#: The key of RFC 6455, section 1.3, and the answer to it.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

HANDSHAKE = {
    "Host": "sockjs.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


class Frame(NamedTuple):
    """
    One frame from the server.
    """

    opcode: int
    payload: bytes
    final: bool = True
    rsv: int = 0

    @property
    def code(self) -> int:
        """
        The code of a close frame.
        """
        return int.from_bytes(self.payload[:2], "big")

    @property
    def reason(self) -> str:
        """
        The reason in a close frame.
        """
        return self.payload[2:].decode("utf-8")


def upgrade(path: str, headers: dict[str, str] | None = None) -> bytes:
    """
    The bytes of an opening handshake.
    """
    fields = {**HANDSHAKE, **(headers or {})}
    lines = [f"GET {path} HTTP/1.1"] + [f"{n}: {v}" for n, v in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def upgraded(key: bytes, headers: dict[str, str] | None = None) -> bytes:
    """
    A server's answer to an opening handshake.

    :param key: what the client has sent as ``Sec-WebSocket-Key``.
    """
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode("ascii"),
        **(headers or {}),
    }
    lines = ["HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    final: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
    size: int | None = None,
) -> bytes:
    """
    A frame from a client.

    :param size: the length to claim, if it is not the payload's.
    """
    length = len(payload) if size is None else size
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", length)
    if mask is None:
        return head + payload
    key = mask * (len(payload) // 4 + 1)
    return head + mask + bytes(a ^ b for a, b in zip(payload, key, strict=False))


def closeFrame(code: int | None = None, reason: str = "") -> bytes:
    """
    A close frame from a client.
    """
    payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
    return frame(payload, CLOSE)


def readFrames(data: bytes) -> list[Frame]:
    """
    The frames behind the answer to a handshake.
    """
    return _frames(data.partition(b"\r\n\r\n")[2], masked=False)


def readClientFrames(data: bytes) -> list[Frame]:
    """
    The frames that a client has sent behind its handshake. Each has to be masked.
    """
    return _frames(data, masked=True)


def _frames(data: bytes, masked: bool) -> list[Frame]:
    frames: list[Frame] = []
    while len(data) >= 2:
        first, size, start = data[0], data[1], 2
        if masked:
            assert size & 0x80, f"a frame without a mask: {data[:20]!r}"
            size &= 0x7F
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        key = b"\0\0\0\0"
        if masked:
            key = data[start : start + 4]
            start += 4
        if len(data) < start + size:
            break
        payload = bytes(
            byte ^ key[place % 4]
            for place, byte in enumerate(data[start : start + size])
        )
        frames.append(Frame(first & 15, payload, bool(first & 0x80), first >> 4 & 7))
        data = data[start + size :]
    return frames


class Socket:
    """
    A WebSocket to a service.

    :ivar head: the head of the answer to the handshake.
    """

    def __init__(
        self,
        connection: MemoryConnection,
        path: str = "/000/s1/websocket",
        headers: dict[str, str] | None = None,
        behind: bytes = b"",
    ) -> None:
        """
        :param behind: bytes to send in one segment with the handshake.
        """
        self.connection = connection
        connection.send(upgrade(path, headers) + behind)

    @property
    def head(self) -> bytes:
        return self.connection.received.partition(b"\r\n\r\n")[0]

    @property
    def closed(self) -> bool:
        return self.connection.closed

    @property
    def frames(self) -> list[Frame]:
        """
        All frames that came.
        """
        return readFrames(self.connection.received)

    @property
    def texts(self) -> list[bytes]:
        """
        The payloads of the text frames that came.
        """
        return [each.payload for each in self.frames if each.opcode == TEXT]

    def send(self, *data: bytes) -> None:
        """
        Send bytes, in one segment.
        """
        self.connection.send(b"".join(data))

    def say(self, text: str) -> None:
        """
        Send a text frame.
        """
        self.send(frame(text.encode("utf-8")))
