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
from typing import Final

from txsockjs.errors import BrokenJSON, MessageTooBig

#: Bytes of memory that a message takes while it waits, beside its JSON.
MESSAGE_COST: Final = 128

# For how many bytes of what a client may send at once it may send a message, and how
# many messages are always allowed. An empty one is three bytes in an array, and with
# compression next to nothing.
_BYTES_A_MESSAGE: Final = 16
_MESSAGES: Final = 1000

#: Bytes after which a frame takes no further message. It is what Twisted's transports
#: hold before they pause their producer.
FRAME_SIZE: Final = 65536

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


def requote(frame: bytes) -> bytes:
    """
    A JSON string literal of a frame that is itself JSON, or one letter.
    """
    return b'"%b"' % frame.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


class Frame:
    """
    One frame from server to client.
    """

    __slots__ = ("_data", "_format", "_formatted")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._format: Callable[[bytes], bytes] | None = None

    @property
    def data(self) -> bytes:
        """
        Its text, as UTF-8 bytes.
        """
        return self._data

    def formatted(self, format: Callable[[bytes], bytes]) -> bytes:
        """
        The frame as a transport writes it. The last format asked for is kept.
        """
        if self._format is not format:
            self._formatted = format(self.data)
            self._format = format
        return self._formatted

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.data[:60]!r}>"


class Open(Frame):
    """
    C{o}: the first frame of every session.
    """

    __slots__ = ()


class Heartbeat(Frame):
    """
    C{h}: sent so that silence means a broken connection.
    """

    __slots__ = ()


class Close(Frame):
    """
    C{c[code,"reason"]}: the session is closed.

    @ivar code: the close code, 1000 to 4999.
    @ivar reason: the reason.
    """

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(b"c[%d,%b]" % (code, quote(reason)))
        self.code = code
        self.reason = reason


class Message(Frame):
    """
    C{a["message"]}: one message, ready to be sent to any number of sessions.

    What waits for slow readers is made of these: it keeps its text in one form.

    @ivar binary: the bytes that the application wrote, where they were not UTF-8: a
        raw WebSocket sends them as they are.
    @ivar quoted: the text as a JSON literal.
    """

    __slots__ = ("binary", "quoted")

    def __init__(self, text: str, binary: bytes | None = None) -> None:
        self.binary = binary
        self.quoted = quote(text)
        self._format = None

    @property
    def data(self) -> bytes:
        """
        The frame's text, as UTF-8 bytes.
        """
        return b"a[%b]" % self.quoted

    @property
    def text(self) -> str:
        """
        The message.
        """
        text: str = json.loads(self.quoted)
        return text

    @classmethod
    def fromBytes(cls, data: bytes, encoding: str) -> Message:
        """
        A message of the application's bytes: UTF-8, or else C{encoding}.
        """
        try:
            return cls(data.decode("utf-8"))
        except UnicodeDecodeError:
            return cls(data.decode(encoding, "replace"), data)

    @property
    def messages(self) -> Sequence[Message]:
        """
        The messages in this frame.
        """
        return (self,)


class Messages(Frame):
    """
    C{a["m1","m2"]}: several messages at once.

    @ivar messages: the messages in this frame.
    """

    __slots__ = ("messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__(b"a[%b]" % b",".join([message.quoted for message in messages]))
        self.messages = messages


def gather(outbox: list[Message]) -> tuple[Frame, int, int]:
    """
    Take the messages of the next frame out of an outbox.

    @return: the frame, and how many messages and bytes of the outbox it took.
    """
    if len(outbox) == 1:
        message = outbox.pop()
        return message, 1, len(message.quoted) + 1
    size = count = 0
    for message in outbox:
        size += len(message.quoted) + 1
        count += 1
        if size >= FRAME_SIZE:
            break
    messages = outbox[:count]
    del outbox[:count]
    return (Messages(messages) if count > 1 else messages[0]), count, size


OPEN: Final = Open(b"o")
HEARTBEAT: Final = Heartbeat(b"h")
GO_AWAY: Final = Close(3000, "Go away!")
BUSY: Final = Close(2010, "Another connection still open")
OVERFLOW: Final = Close(1013, "Too many undelivered messages")

_decoder = json.JSONDecoder()
# The C scanner takes any decoder as its context.
_scan = make_scanner(_decoder)  # type: ignore[arg-type]


def mostMessages(size: int) -> int:
    """
    How many messages a client may send at once.

    @param size: how many bytes it may: the option C{max_message_size}.
    """
    return max(_MESSAGES, size // _BYTES_A_MESSAGE)


def decode(payload: bytes, most: int = sys.maxsize) -> list[str]:
    """
    The messages in a body from a client: a JSON array of strings.

    @param most: how many there may be.
    @raise BrokenJSON: for anything else.
    @raise MessageTooBig: if there are more.
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

    @param most: how many there may be.
    @raise BrokenJSON: for anything else.
    @raise MessageTooBig: if there are more.
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
