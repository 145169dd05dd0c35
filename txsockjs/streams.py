"""How the bytes of a stream become messages, and how messages become bytes.

A framing says where a message ends, and a codec how its bytes are told in text.
"""

from __future__ import annotations

import binascii
import codecs
from typing import Final

#: Bytes of the longest line that ``framing="lines"`` takes, without its end.
MAX_LINE: Final = 65536


class LineTooLong(Exception):
    """
    A line has more bytes than `MAX_LINE`.
    """


class Raw:
    """
    Chunks as they come.

    :cvar complete: whether each piece is a whole of its own.
    """

    complete = False

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> None:
        """
        Bytes came in.
        """
        self._data += data

    def next(self) -> bytes | None:
        """
        Take the next piece out of what came in.

        :return: the piece, or None where none is there yet.
        """
        data, self._data = self._data, b""
        return data or None

    def end(self) -> bytes:
        """
        What is left when the stream ends, and all pieces are taken.
        """
        return b""

    def frame(self, message: bytes) -> bytes:
        """
        What the service gets for one message.

        :raise ValueError: for one that cannot be framed.
        """
        return message


class Lines(Raw):
    """
    Lines, that end in CRLF or LF when they come, and in CRLF when they go.
    """

    complete = True

    def __init__(self) -> None:
        super().__init__()
        # Where in the data the next line begins.
        self._position = 0

    def feed(self, data: bytes) -> None:
        self._data = self._data[self._position :] + data
        self._position = 0

    def next(self) -> bytes | None:
        """
        Take the next line. Only that one is cut off: a chunk of many short lines takes
        no more memory than its bytes.

        :raise LineTooLong: if it is, whether its end is there or not.
        """
        end = self._data.find(b"\n", self._position)
        line = self._data[self._position : end if end >= 0 else None]
        # Without its end, which may be cut.
        line = line.removesuffix(b"\r")
        if len(line) > MAX_LINE:
            raise LineTooLong
        if end < 0:
            return None
        self._position = end + 1
        return line

    def end(self) -> bytes:
        return self._data[self._position :].removesuffix(b"\r")

    def frame(self, message: bytes) -> bytes:
        line = message.rstrip(b"\r\n")
        if b"\n" in line or b"\r" in line:
            # A page that sends what its user typed must not send a second command.
            raise ValueError("more than one line")
        return line + b"\r\n"


class Text:
    """
    UTF-8. What is not is shown as U+FFFD; a character that is cut waits for its rest.

    :cvar binary: whether a raw WebSocket has the bytes themselves, and no text.
    """

    binary = False
    encoding = "utf-8"

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")

    def toBrowser(self, data: bytes, complete: bool) -> str:
        """
        The message for the next bytes of the service.
        """
        return self._decoder.decode(data, complete)

    def toService(self, data: bytes) -> bytes:
        """
        The bytes for a message.

        :raise ValueError: for one that stands for no bytes.
        """
        return data


class Latin1(Text):
    """
    Each byte is the character of the same number.
    """

    encoding = "latin-1"

    def toService(self, data: bytes) -> bytes:
        return data.decode("utf-8").encode("latin-1")


class Base64(Text):
    """
    Each message is base64 of its own (RFC 4648, section 4).
    """

    def toBrowser(self, data: bytes, complete: bool) -> str:
        return binascii.b2a_base64(data, newline=False).decode("ascii")

    def toService(self, data: bytes) -> bytes:
        return binascii.a2b_base64(data, strict_mode=True)


class Binary(Base64):
    """
    Binary messages, where there are some: on a raw WebSocket. All else has base64.
    """

    binary = True


#: The codecs and framings, by the names that
#: `txsockjs.bridge.BridgeFactory` takes.
MODES: Final[dict[str, type[Text]]] = {
    "text": Text,
    "base64": Base64,
    "latin1": Latin1,
    "binary": Binary,
}
FRAMINGS: Final[dict[str, type[Raw]]] = {"raw": Raw, "lines": Lines}
