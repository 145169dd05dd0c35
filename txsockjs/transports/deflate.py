"""permessage-deflate: which offer is accepted, and what it does to messages. (RFC 7692)

Autobahn's own accepts or refuses a whole handshake by its first offer, and keeps what a
message was compressed with.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

from autobahn.exception import PayloadCorruptError, PayloadExceededError

from txsockjs.options import SockJSOptions

_NAME: Final = "permessage-deflate"

# RFC 6455, section 9.1: an extension with its parameters, up to the next, and one
# parameter. Nothing here gives back what it has matched: the time is linear.
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_SPACE: Final = r"[ \t]*+"
_VALUE: Final = rf'(?:{_TOKEN}|"(?:[^"\\]|\\.)*+")'
_PARAMETER: Final = rf"{_SPACE};{_SPACE}({_TOKEN})(?:{_SPACE}={_SPACE}({_VALUE}))?+"
_EXTENSION: Final = re.compile(
    rf"(?:{_SPACE},)*+{_SPACE}({_TOKEN})((?:{_PARAMETER})*+){_SPACE}(?:,|$)"
)
_PARAMETERS: Final = re.compile(_PARAMETER)

# How many extensions of a request are looked at.
_LOOKED_AT: Final = 16

# RFC 7692, section 7.1.2: no leading zeros.
_BITS: Final = re.compile(r"[89]|1[0-5]")

# What zlib can compress with.
_FEWEST_BITS: Final = 9
_MOST_BITS: Final = 15

# What ends each message and is not sent (RFC 7692, section 7.2.1).
_TAIL: Final = b"\0\0\xff\xff"


class Agreement(NamedTuple):
    """
    What one connection compresses with.

    @ivar answer: the value of C{Sec-WebSocket-Extensions} that says so.
    @ivar sent: the bits of the window of what is sent.
    @ivar received: those of what is received.
    @ivar keeps: whether the client goes on with the window of the message before.
    """

    answer: str
    sent: int
    received: int
    keeps: bool


def agree(options: SockJSOptions, header: str) -> Agreement | None:
    """
    Accept the first offer that can be, and decline the others. (RFC 7692, sections 5.1
    and 7)

    @param header: the value of C{Sec-WebSocket-Extensions}.
    @return: None if there is none: messages are not compressed.
    """
    position = 0
    for _ in range(_LOOKED_AT):
        found = _EXTENSION.match(header, position)
        if found is None:
            # What is no extension is passed over.
            position = header.find(",", position) + 1
            if not position:
                break
            continue
        position = found.end()
        if found[1].lower() == _NAME:
            agreement = _accept(options, _PARAMETERS.findall(found[2]))
            if agreement is not None:
                return agreement
    return None


def _accept(
    options: SockJSOptions, parameters: list[tuple[str, str]]
) -> Agreement | None:
    # RFC 6455, section 9.1: what is in quotes is a token too, so it is not empty.
    offered = {name.lower(): value.strip('"') or value for name, value in parameters}
    # Section 7.1: a parameter that is there twice, that has no value where it needs one
    # or a value that it cannot have, or that is not known makes an offer unusable.
    if len(offered) < len(parameters):
        return None
    answer, sent = [_NAME], options.compression_window_bits
    received = _MOST_BITS
    for name, value in offered.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value:
                return None
            answer.append(name)
        elif name == "server_max_window_bits":
            if not _BITS.fullmatch(value) or int(value) < _FEWEST_BITS:
                return None
            sent = min(sent, int(value))
            answer.append(f"{name}={sent}")
        elif name == "client_max_window_bits":
            if value and not _BITS.fullmatch(value):
                return None
            received = min(options.compression_window_bits, int(value or _MOST_BITS))
            if received < _MOST_BITS:
                answer.append(f"{name}={received}")
        else:
            return None
    return Agreement(
        "; ".join(answer),
        sent,
        # zlib makes 9 bits of 8 where it compresses.
        max(received, _FEWEST_BITS),
        "client_no_context_takeover" not in offered,
    )


class Deflate:
    """
    What compresses the messages of one connection and inflates those that come in, by
    the names that Autobahn calls it.

    What is sent is compressed message by message, and what it was compressed with is
    let go. The window of what comes in is kept where the client keeps it.
    """

    __slots__ = (
        "_inflater",
        "_keeps",
        "_left",
        "_level",
        "_limit",
        "_received",
        "_sent",
    )

    EXTENSION_NAME: Final = _NAME

    def __init__(self, agreement: Agreement, options: SockJSOptions) -> None:
        self._sent = agreement.sent
        self._received = agreement.received
        self._keeps = agreement.keeps
        self._level = options.compression_memory_level
        # How many bytes a message may inflate to, and how many more this one may.
        self._limit = self._left = options.max_message_size
        self._inflater: zlib._Decompress | None = None

    def compress(self, payload: bytes) -> bytes:
        """
        Compress one message.
        """
        compressor = zlib.compressobj(wbits=-self._sent, memLevel=self._level)
        packed = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return packed.removesuffix(_TAIL)

    def start_decompress_message(self) -> None:
        """
        A compressed message begins.
        """
        self._left = self._limit
        # One may end with a block that is marked as the last (section 7.2.3.4).
        if self._inflater is None or self._inflater.eof:
            self._inflater = zlib.decompressobj(wbits=-self._received)

    def decompress_message_data(self, data: bytes, max_output_len: int) -> bytes:
        """
        Inflate a piece of a message.

        @param max_output_len: what Autobahn thinks may come of it, which depends on how
            the message is cut.
        @raise PayloadExceededError: if more would.
        @raise PayloadCorruptError: if it is not DEFLATE.
        """
        inflated = self._inflate(data, self._left + 1)
        self._left -= len(inflated)
        if self._left < 0:
            raise PayloadExceededError
        return inflated

    def end_decompress_message(self) -> None:
        """
        The message is complete.

        @raise PayloadCorruptError: if it was not.
        """
        self._inflate(_TAIL, 1)
        if not self._keeps:
            self._inflater = None

    def _inflate(self, data: bytes, limit: int) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.decompress(data, limit)
        except zlib.error as error:
            raise PayloadCorruptError(str(error)) from None
