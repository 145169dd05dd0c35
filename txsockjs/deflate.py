"""permessage-deflate: what it does to messages, at either end. (RFC 7692)

Autobahn's own keeps what a message was compressed with, and reads nothing behind a
message that ends with a block marked as the last.
"""

from __future__ import annotations

import zlib
from typing import Final

from autobahn.exception import PayloadCorruptError, PayloadExceededError

# What ends each message and is not sent (RFC 7692, section 7.2.1).
_TAIL: Final = b"\0\0\xff\xff"


class Deflate:
    """
    What compresses the messages of one connection and inflates those that come in, by
    the names that Autobahn calls it.

    What is sent is compressed message by message, and what it was compressed with is
    let go. The window of what comes in is kept where the peer keeps it.
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

    EXTENSION_NAME: Final = "permessage-deflate"

    def __init__(
        self, sent: int, received: int, keeps: bool, limit: int, level: int
    ) -> None:
        """
        :param sent: the bits of the window of what is sent.
        :param received: those of what is received.
        :param keeps: whether the peer goes on with the window of the message before.
        :param limit: how many bytes a message may inflate to.
        :param level: how much memory zlib takes to compress, 1 to 9.
        """
        self._sent = sent
        self._received = received
        self._keeps = keeps
        self._level = level
        # How many more bytes this message may inflate to.
        self._limit = self._left = limit
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

        :param max_output_len: what Autobahn thinks may come of it, which depends on how
            the message is cut.
        :raise PayloadExceededError: if more would.
        :raise PayloadCorruptError: if it is not DEFLATE.
        """
        inflated = self._inflate(data, self._left + 1)
        self._left -= len(inflated)
        if self._left < 0:
            raise PayloadExceededError
        return inflated

    def end_decompress_message(self) -> None:
        """
        The message is complete.

        :raise PayloadCorruptError: if it was not.
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
