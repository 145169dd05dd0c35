"""Reading what a peer answers: `ResponseReader`.

A peer is one of our own servers. What it sends is checked all the same: a fault there
ends one connection.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from twisted.web.http import NO_BODY_CODES

from txsockjs.web.headers import HeaderBlock

#: The longest head of a response, in bytes, and the longest line that begins a chunk.
LONGEST_HEAD: Final = 65536
LONGEST_SIZE: Final = 32

_STATUS: Final = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [^\r\n]*")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")

# What the process that the client is connected to says itself.
_OWN: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"content-type",
        b"date",
        b"server",
        b"transfer-encoding",
    )
)


class BadResponse(ValueError):
    """
    A peer has sent what is no response.
    """


class ResponseHead(NamedTuple):
    """
    The head of a response.

    :ivar code: the status.
    :ivar headers: the headers that go on to the client.
    :ivar contentType: the content type, or nothing where there is none.
    :ivar length: how many bytes the body has; None if it comes in chunks.
    :ivar closes: whether the connection ends with it.
    :ivar wire: all of it but what is about the connection, as it came, with the empty
        line.
    """

    code: int
    headers: HeaderBlock
    contentType: bytes
    length: int | None
    closes: bool
    wire: bytes


class Answer(Protocol):
    """
    What is told of a response, in this order.

    :ivar takesChunks: whether the parts of a body that comes in chunks are these, with
        all that is around them.
    """

    takesChunks: bool

    def begun(self, head: ResponseHead) -> None:
        """
        The head is there.
        """

    def came(self, data: bytes) -> None:
        """
        A part of the body is there.
        """

    def done(self) -> None:
        """
        All of it is there, and the connection is free for another request.
        """

    def broken(self, error: Exception) -> None:
        """
        No more of it will come.
        """


@lru_cache(256)
def readHead(data: bytes) -> ResponseHead:
    """
    Read the head of a response.

    :param data: all of it, without the empty line.
    :raise BadResponse: if it is none of ours.
    """
    first, *lines = data.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise BadResponse(f"no response begins with {first[:80]!r}")
    code = int(status[1])
    fields: dict[bytes, bytes] = {}
    pairs = []
    passed = [first]
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadResponse(f"no header is {line[:80]!r}")
        name, value = field.groups()
        key = name.lower()
        if key != b"connection":
            passed.append(line)
        if key in _OWN:
            fields[key] = value.strip()
        else:
            pairs.append((name, value.strip()))
    length: int | None = 0
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        length = None
    elif code not in NO_BODY_CODES:
        told = fields.get(b"content-length", b"")
        if not _LENGTH.fullmatch(told):
            raise BadResponse(f"no length is {told[:80]!r}")
        length = int(told)
    contentType = fields.get(b"content-type", b"")
    closes = b"close" in fields.get(b"connection", b"").lower()
    wire = b"\r\n".join([*passed, b"\r\n"])
    return ResponseHead(code, HeaderBlock(pairs), contentType, length, closes, wire)


class ResponseReader:
    """
    Reads the responses of one connection, one after the other. It knows where it is.

    :ivar answer: whose response comes next, or is coming.
    :ivar closes: whether the connection ends with it.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.closes: bool = False
        self._unread = b""
        # How many bytes are still to come of the body, or of the chunk; None in the
        # head, and between two chunks.
        self._left: int | None = None
        self._chunked = False
        # Whether the end of a chunk comes next, and whether that was the last one.
        self._atEnd = False
        self._isLast = False

    def read(self, data: bytes) -> None:
        """
        Read on.

        :raise BadResponse: for what is no response to what was asked.
        """
        data = self._unread + data if self._unread else data
        self._unread = b""
        while data:
            answer = self.answer
            if answer is None:
                raise BadResponse("something was sent that nobody has asked for")
            if self._left is not None:
                data = self._readBody(answer, data)
            elif self._chunked:
                rest = self._readChunks(answer, data)
                if rest is None:
                    return
                data = rest
            else:
                rest = self._readHead(answer, data)
                if rest is None:
                    return
                data = rest

    def _readHead(self, answer: Answer, data: bytes) -> bytes | None:
        end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD)
        if end < 0:
            if len(data) >= LONGEST_HEAD:
                raise BadResponse("the head of a response is too long")
            self._unread = data
            return None
        head = readHead(data[:end])
        self.closes = head.closes
        answer.begun(head)
        if head.length is None:
            self._chunked = True
        elif head.length == 0:
            self.answer = None
            answer.done()
        else:
            self._left = head.length
        return data[end + 4 :]

    def _readBody(self, answer: Answer, data: bytes) -> bytes:
        assert self._left is not None
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        answer.came(part)
        if not self._left:
            self._left = None
            if not self._chunked:
                self.answer = None
                answer.done()
        return rest

    def _readChunks(self, answer: Answer, data: bytes) -> bytes | None:
        """
        Read the chunks that are there, and hand them on as one.
        """
        takesAll = answer.takesChunks
        parts: list[bytes] = []
        place = 0
        while self._left is None:
            if self._atEnd:
                end = data[place : place + 2]
                if len(end) < 2:
                    break
                if end != b"\r\n":
                    raise BadResponse("a chunk goes on beyond its end")
                place += 2
                self._atEnd = False
                if self._isLast:
                    self._isLast = self._chunked = False
                    if takesAll:
                        answer.came(data[:place])
                    elif parts:
                        answer.came(b"".join(parts))
                    self.answer = None
                    answer.done()
                    return data[place:]
            start = data.find(b"\r\n", place, place + LONGEST_SIZE) + 2
            if start < 2:
                if len(data) - place >= LONGEST_SIZE:
                    raise BadResponse("no chunk begins so")
                break
            size = data[place : start - 2]
            if not _SIZE.fullmatch(size):
                raise BadResponse(f"no chunk has the size {size!r}")
            length = int(size, 16)
            part = data[start : start + length]
            if part:
                # Nothing, written as a chunk, would be the end of the answer.
                parts.append(part)
            place = start + len(part)
            self._atEnd, self._isLast = True, not length
            if len(part) < length:
                self._left = length - len(part)
        if takesAll:
            if place:
                answer.came(data[:place])
        elif parts:
            answer.came(b"".join(parts))
        self._unread = data[place:]
        return None
