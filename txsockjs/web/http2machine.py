"""What RFC 9113 says of frames and fields, without a connection.

h2 has the state machine, and ends a connection for what is the matter of one stream
alone. `FrameCutter`, `Machine` and `checkRequest` stand before, around and behind
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, StreamReset
from h2.exceptions import InvalidBodyLengthError, NoSuchStreamError, ProtocolError
from h2.settings import SettingCodes
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)

from txsockjs.errors import WireError

#: How many requests of one connection are in the server at once (section 6.5.2).
MAX_STREAMS: Final = 100
#: How large the headers of a request may be, in bytes, before they are decoded.
MAX_BLOCK: Final = 65536
#: How large they may be after that, and how many: as over HTTP/1.
MAX_HEADERS: Final = 16384
MAX_FIELDS: Final = 500

#: That no further requests are to be made on a connection, while those that are made
#: or on their way are answered (section 6.8). h2 takes its own for the end.
GOING_AWAY: Final = GoAwayFrame(0, last_stream_id=2**31 - 1).serialize()

_PREFACE: Final = 24
_HEAD: Final = 9
_HEADERS, _WINDOW_UPDATE, _CONTINUATION, _END_HEADERS = 1, 8, 9, 4

_SETTINGS: Final = frozenset(SettingCodes)
# The size that an encoder's table begins with (RFC 9113, section 6.5.2).
_TABLE: Final = 4096

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(rb"(?![ \t])[^\0\r\n]*(?<![ \t])")
_PATH: Final = re.compile(rb"/[^\0-\x20\x7f]*|\*")
_PSEUDO: Final = {b":method", b":scheme", b":path", b":authority"}
_CONNECTION: Final = {
    b"connection",
    b"proxy-connection",
    b"keep-alive",
    b"transfer-encoding",
    b"upgrade",
}


class MalformedRequest(WireError):
    """
    It is answered with RST_STREAM alone. (RFC 9113, section 8.1.1)
    """

    status = 400
    text = "This request is malformed."


class HeadersTooLarge(WireError):
    status = 431
    text = "The headers are larger than this server accepts."


class TargetTooLong(WireError):
    status = 414
    text = "The URL is longer than this server accepts."


class NoTunnel(WireError):
    status = 501
    text = "This is no proxy."


def checkRequest(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """
    Check the headers of a request.

    :raise WireError: for the fault that they have.
    """
    pseudo: dict[bytes, bytes] = {}
    host: bytes | None = None
    regular = False
    size = fields = 0
    for name, value in headers:
        size += len(name) + len(value)
        fields += 1
        if name.startswith(b":"):
            # RFC 9113, section 8.3
            if regular or name in pseudo or name not in _PSEUDO:
                raise MalformedRequest
            pseudo[name] = value
        else:
            regular = True
            # RFC 9113, sections 8.2.1 and 8.2.2
            if not _NAME.fullmatch(name) or name in _CONNECTION:
                raise MalformedRequest
            if name == b"te" and value.lower() != b"trailers":
                raise MalformedRequest
            if name == b"host":
                if host is not None:
                    raise MalformedRequest
                host = value
        if not _VALUE.fullmatch(value):
            raise MalformedRequest
    method, authority = pseudo.get(b":method", b""), pseudo.get(b":authority")
    if not _METHOD.fullmatch(method):
        raise MalformedRequest
    if method == b"CONNECT":
        # RFC 9113, section 8.5
        if not authority or len(pseudo) != 2:
            raise MalformedRequest
        raise NoTunnel
    path = pseudo.get(b":path", b"")
    if b":scheme" not in pseudo or not _PATH.fullmatch(path):
        raise MalformedRequest
    if path == b"*" and method != b"OPTIONS":
        raise MalformedRequest
    if host is not None and authority is not None and host != authority:
        # RFC 9113, section 8.3.1
        raise MalformedRequest
    if len(path) > MAX_HEADERS:
        raise TargetTooLong
    if size > MAX_HEADERS or fields > MAX_FIELDS:
        raise HeadersTooLarge


class FrameCutter:
    """
    What a client sends, cut into frames, which it checks as far as h2 would wait for
    more of them than is to be held.

    :ivar inBlock: whether the headers of a request have begun to come.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._preface = _PREFACE
        self._block = 0
        self.inBlock: bool = False

    def feed(self, data: bytes) -> None:
        self._data += data

    def next(self, largest: int) -> bytes:
        """
        Take the next frame, or a part of the preface.

        :param largest: how many bytes of payload it may have.
        :return: it, or no bytes if it is not all there.
        :raise ProtocolError: if the connection is to end for it.
        """
        data = self._data
        size = self._preface
        if size:
            self._preface -= min(size, len(data))
        elif len(data) < _HEAD:
            return b""
        else:
            length = int.from_bytes(data[:3], "big")
            if length > largest:
                # RFC 9113, section 4.2
                raise _fault(ErrorCodes.FRAME_SIZE_ERROR)
            size = _HEAD + length
            if len(data) < size:
                return b""
            if data[3] in (_HEADERS, _CONTINUATION):
                self._block += length
                if self._block > MAX_BLOCK:
                    raise _fault(ErrorCodes.ENHANCE_YOUR_CALM)
                self.inBlock = not data[4] & _END_HEADERS
                if not self.inBlock:
                    self._block = 0
        frame = bytes(data[:size])
        del data[:size]
        return frame

    def faultyStream(self, frame: bytes) -> int | None:
        """
        The stream that is to be reset for this frame; None if h2 is to judge.
        """
        if not self.inBlock and frame[3] == _WINDOW_UPDATE and frame[9:] == bytes(4):
            # RFC 9113, section 6.9
            return int.from_bytes(frame[5:9], "big")
        return None


def _fault(code: ErrorCodes) -> ProtocolError:
    error = ProtocolError()
    error.error_code = code
    return error


class Machine(H2Connection):
    """
    h2's state machine of a server, for which a fault in one stream is none of the
    connection's, and which holds no more of a peer's wishes than it has to.
    """

    # h2 would remember 65,536 of them.
    MAX_CLOSED_STREAMS = 1000

    def __init__(self) -> None:
        super().__init__(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                # checkRequest does it.
                validate_inbound_headers=False,
            )
        )

    @property
    def open_inbound_streams(self) -> int:
        """
        So many that one more may come: who reads the events refuses those that are too
        many. (RFC 9113, section 5.1.2)
        """
        return min(super().open_inbound_streams, MAX_STREAMS - 1)

    def _receive_frame(self, frame: Frame) -> list[Event]:
        if isinstance(frame, PriorityFrame):
            # RFC 9113, section 5.3.2: nothing has to come of it.
            return []
        if isinstance(frame, GoAwayFrame):
            # RFC 9113, section 6.8: what has begun may still be completed.
            return [ConnectionTerminated()]
        if isinstance(frame, SettingsFrame):
            return self._receiveSettings(frame)
        if isinstance(frame, RstStreamFrame) and not self._hasBegun(frame.stream_id):
            # RFC 9113, section 6.4
            raise NoSuchStreamError(frame.stream_id)
        frame.flags.discard("PRIORITY")
        try:
            return super()._receive_frame(frame)
        except ProtocolError as error:
            self._judge(frame, error)
        # RFC 9113, section 8.1.1
        self.reset_stream(frame.stream_id, ErrorCodes.PROTOCOL_ERROR)
        if isinstance(frame, DataFrame):
            # The bytes count for the connection all the same.
            self.acknowledge_received_data(
                frame.flow_controlled_length, frame.stream_id
            )
        return [StreamReset(stream_id=frame.stream_id, remote_reset=False)]

    def _receiveSettings(self, frame: SettingsFrame) -> list[Event]:
        """
        Take the settings that are known. (RFC 9113, section 6.5.2)
        """
        for setting in [each for each in frame.settings if each not in _SETTINGS]:
            del frame.settings[setting]
        events = super()._receive_frame(frame)
        encoder = self.encoder
        # RFC 7541, section 4.2: an encoder may use less than it is offered, and tells
        # of the smallest size and of the last.
        if encoder.header_table_size > _TABLE:
            encoder.header_table_size = _TABLE
        sizes = encoder.table_size_changes
        if len(sizes) > 2:
            sizes[:] = [min(sizes), sizes[-1]]
        # hpack forgets that there is something to tell when a size is set twice.
        encoder.header_table.resized = bool(sizes)
        return events

    def _judge(self, frame: Frame, error: ProtocolError) -> None:
        """
        :raise ProtocolError: if it is a fault of the connection.
        """
        cause = error.__cause__
        stream = self.streams.get(frame.stream_id)
        if isinstance(cause, HPACKError):
            # RFC 9113, section 4.3
            if not isinstance(cause, OversizedHeaderListError):
                error.error_code = ErrorCodes.COMPRESSION_ERROR
        elif (
            type(error) in (ProtocolError, InvalidBodyLengthError)
            and isinstance(frame, (HeadersFrame, DataFrame))
            and stream is not None
            and stream.open
        ):
            return
        raise error

    def _hasBegun(self, stream: int) -> bool:
        return stream % 2 == 1 and stream <= self.highest_inbound_stream_id
