"""SockJS frames as values, and the decoding of what clients send.

A frame is encoded once and keeps its bytes, for each transport's format too: a
message to many sessions is one value, written to each of them. (PROTOCOL section 5.)
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from json.scanner import make_scanner
from typing import Any, ClassVar, Final, TypeAlias

from txsockjs.errors import BrokenJSON, MessageTooBig

# For how many bytes of what a client may send at once it may send a message, and how
# many messages are always allowed. An empty one is three bytes in an array, and with
# compression next to nothing.
_BYTES_A_MESSAGE: Final = 16
_MESSAGES: Final = 1000

# What JSON must escape beyond the JSON minimum: browsers lose or alter these.
_SPECIAL: Final = re.compile(
    "[\u200c-\u200f\u2028-\u202f\u2060-\u206f\ufff0-\uffff\ud800-\udfff]"
)

# Everything in _SPECIAL that can be encoded at all begins with one of these in UTF-8.
_GENERAL_PUNCTUATION: Final = b"\xe2"
_SPECIALS: Final = b"\xef"

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def quote(text: str) -> bytes:
    """
    A JSON string literal of the text, as UTF-8.
    """
    literal = encode_basestring(text)
    if literal.isascii():
        return literal.encode("ascii")
    try:
        quoted = literal.encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate.
        pass
    else:
        if _GENERAL_PUNCTUATION not in quoted and _SPECIALS not in quoted:
            return quoted
    return _SPECIAL.sub(_escape, literal).encode("utf-8")


def encode(text: str) -> bytes:
    """
    The text as UTF-8, with a lone surrogate as U+FFFD.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text).encode("utf-8")


class Frame:
    """
    One frame from server to client.
    """

    __slots__ = ("_data", "_format", "_formatted")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._format: object = None

    @property
    def data(self) -> bytes:
        """
        Its text, as UTF-8 bytes.
        """
        return self._data

    @property
    def requoted(self) -> bytes:
        """
        A JSON string literal of its text, which is itself JSON, or one letter.
        """
        return b'"%b"' % self.data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')

    @property
    def messages(self) -> Sequence[Message]:
        """
        The messages in this frame.
        """
        return ()

    @property
    def payloads(self) -> list[tuple[bytes, bool]]:
        """
        What each message is without SockJS's framing, and whether that is binary.
        """
        return [
            (encode(message.text), False)
            if message.binary is None
            else (message.binary, True)
            for message in self.messages
        ]

    def formatted(self, format: Callable[[Frame], bytes]) -> bytes:
        """
        The frame as a transport writes it. The last format asked for is kept.
        """
        if self._format is not format:
            self._formatted: Any = format(self)
            self._format = format
        return self._formatted  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.data[:60]!r}>"


class Open(Frame):
    """
    ``o``: the first frame of every session.
    """

    __slots__ = ()


class Heartbeat(Frame):
    """
    ``h``: sent so that silence means a broken connection.
    """

    __slots__ = ()


class Close(Frame):
    """
    ``c[code,"reason"]``: the session is closed.

    :ivar code: the close code, 1000 to 4999.
    :ivar reason: the reason.
    """

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(b"c[%d,%b]" % (code, quote(reason)))
        self.code: int = code
        self.reason: str = reason


class Message(Frame):
    """
    ``a["message"]``: one message, for any number of sessions and any transport. It is
    quoted when one of them asks for that, and then once for all.

    :cvar binary: the same as bytes, where the application wants a binary message.
    :ivar json: the text as a JSON literal, once somebody has asked for that.
    :ivar size: how many bytes its text has in UTF-8.
    :ivar text: its text.
    """

    __slots__ = ("json", "size", "text")

    binary: bytes | None
    count: ClassVar[int] = 1

    def __init__(self, text: str, size: int | None = None) -> None:
        """
        :param size: how many bytes the text has in UTF-8, where that is known.
        """
        self.text: str = text
        if size is None:
            size = len(text) if text.isascii() else len(encode(text))
        self.size: int = size
        self.json: bytes | None = None
        self._format = None

    @property
    def quoted(self) -> bytes:
        """
        The text as a JSON literal.
        """
        json = self.json
        if json is None:
            json = self.json = quote(self.text)
        return json

    @property
    def data(self) -> bytes:
        """
        The frame's text, as UTF-8 bytes.
        """
        json = self.json
        if json is None:
            json = self.json = quote(self.text)
        return b"a[%b]" % json

    def behind(self, prefix: str) -> Message:
        """
        The message with something before its text. The last one asked for is kept, as
        its last format is: those that are sent to many are asked for one after the
        other.
        """
        if self._format != prefix:
            self._formatted = Message(prefix + self.text)
            self._format = prefix
        return self._formatted  # type: ignore[no-any-return]

    @classmethod
    def fromBytes(cls, data: bytes, encoding: str) -> Message:
        """
        A message of the application's bytes: UTF-8, or else ``encoding``.
        """
        try:
            return cls(data.decode("utf-8"), len(data))
        except UnicodeDecodeError:
            return cls(data.decode(encoding, "replace"))

    @property
    def messages(self) -> Sequence[Message]:
        """
        The message.
        """
        return (self,)


# A slot has no default, and a class attribute would be in its way.
Message.binary = None


class BinaryMessage(Message):
    """
    A message that a raw WebSocket sends as a binary one. All else has text alone.
    """

    __slots__ = ("binary",)

    @classmethod
    def fromBytes(cls, data: bytes, encoding: str) -> BinaryMessage:
        """
        A binary message of these bytes.
        """
        message = super().fromBytes(data, encoding)
        assert isinstance(message, BinaryMessage)
        message.binary = data
        return message


class Messages(Frame):
    """
    ``a["m1","m2"]``: several messages at once.

    :cvar binary: of these there is no other form.
    :ivar count: how many they are.
    :ivar json: their texts as JSON literals, with commas between, once somebody has
        asked for that.
    :ivar size: how many bytes they have.
    """

    __slots__ = ("_parts", "count", "json", "size")

    binary: ClassVar[None] = None

    def __init__(
        self, parts: Sequence[Part], count: int | None = None, size: int | None = None
    ) -> None:
        """
        :param count: how many messages these are, where that is known.
        :param size: how many bytes they have, where that is known.
        """
        self._parts: Sequence[Part] | None = parts
        self.count: int = sum([p.count for p in parts]) if count is None else count
        self.size: int = sum([p.size for p in parts]) if size is None else size
        self.json: bytes | None = None
        self._format = None

    @property
    def quoted(self) -> bytes:
        """
        Their texts as JSON literals, with commas between.
        """
        if self.json is None:
            pieces = []
            for part in self._parts or ():
                json = part.json
                if json is None:
                    json = part.quoted
                pieces.append(json)
            self.json = b",".join(pieces)
        return self.json

    @property
    def data(self) -> bytes:
        """
        The frame's text, as UTF-8 bytes.
        """
        return b"a[%b]" % self.quoted

    @property
    def messages(self) -> Sequence[Message]:
        """
        The messages in this frame.
        """
        if self._parts is None:
            return [Message(text) for text in json.loads(b"[%b]" % self.quoted)]
        return [message for part in self._parts for message in part.messages]

    def pack(self) -> Messages:
        """
        Keep the JSON of them all, and let the single messages go.
        """
        self.size = len(self.quoted)
        self._parts = None
        return self


#: What waits to be sent: messages, one by one or packed.
Part: TypeAlias = Message | Messages


OPEN: Final = Open(b"o")
HEARTBEAT: Final = Heartbeat(b"h")
GO_AWAY: Final = Close(3000, "Go away!")
BUSY: Final = Close(2010, "Another connection still open")
OVERFLOW: Final = Close(1013, "Too many undelivered messages")
INTERRUPTED: Final = Close(1002, "Connection interrupted")

_decoder = json.JSONDecoder()
# The C scanner takes any decoder as its context.
_scan = make_scanner(_decoder)  # type: ignore[arg-type]


def mostMessages(size: int) -> int:
    """
    How many messages a client may send at once.

    :param size: how many bytes it may: the option ``max_message_size``.
    """
    return max(_MESSAGES, size // _BYTES_A_MESSAGE)


def decode(payload: bytes, most: int = sys.maxsize) -> list[str]:
    """
    The messages in a body from a client: a JSON array of strings.

    :param most: how many there may be.
    :raise BrokenJSON: for anything else.
    :raise MessageTooBig: if there are more.
    """
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenJSON from None
    return _strings(_parse(text), most)


def decodeSocket(text: str, most: int = sys.maxsize) -> list[str]:
    """
    The messages in a WebSocket message from a client: a JSON array of strings, or a
    single string; an empty payload has none.

    :param most: how many there may be.
    :raise BrokenJSON: for anything else.
    :raise MessageTooBig: if there are more.
    """
    if not text:
        return []
    value = _parse(text)
    return [value] if type(value) is str else _strings(value, most)


def _strings(value: object, most: int = sys.maxsize) -> list[str]:
    if type(value) is not list:
        raise BrokenJSON
    if len(value) > most:
        raise MessageTooBig
    for item in value:
        if type(item) is not str:
            raise BrokenJSON
    return value


def _parse(text: str) -> object:
    try:
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            end = -1
        if end != len(text):
            # White space around the value, or an error that this finds.
            value = _decoder.decode(text)
    except (ValueError, RecursionError):
        raise BrokenJSON from None
    return value
