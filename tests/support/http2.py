"""The client's side of an HTTP/2 connection, in memory."""

from __future__ import annotations

from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection as H2Client
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.frame_buffer import FrameBuffer
from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)
from twisted.internet.protocol import Protocol

from tests.support.serving import Echo, ServiceCase
from txsockjs.testing import MemorySite, network

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


_ENCODER = Encoder()
# Nothing is remembered, so that the order does not matter.
_ENCODER.header_table_size = 0


def headers(
    stream: int,
    path: str,
    *more: tuple[str, str],
    method: str = "GET",
    ends: bool = True,
) -> HeadersFrame:
    """
    A request's headers.

    :param more: those beside the four that each has.
    :param ends: whether it has no body.
    """
    fields = [
        (":method", method),
        (":scheme", "https"),
        (":path", path),
        (":authority", "sockjs.example"),
        *more,
    ]
    return block(stream, fields, ends)


def block(
    stream: int, fields: list[tuple[str, str]], ends: bool = True
) -> HeadersFrame:
    """
    Any headers.
    """
    flags = ["END_HEADERS", *(["END_STREAM"] if ends else [])]
    return HeadersFrame(stream, _ENCODER.encode(fields), flags=flags)


class NegotiatedServer(network.SecureServer):
    """
    A TLS connection on which ALPN chose HTTP/2.
    """

    negotiatedProtocol = b"h2"


class Browser(Protocol):
    """
    The client's side of an HTTP/2 connection.

    :ivar status: the status of each response that has begun, by stream.
    :ivar headers: the headers of each.
    :ivar bodies: what came of its body.
    :ivar ended: how streams ended: ``"end"`` or ``"reset"``.
    :ivar reads: whether it tells the server of room for more.
    """

    reads = True

    def __init__(self, site: MemorySite) -> None:
        self.site = site
        self.h2 = H2Client(
            H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                # Tests send what no client would.
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.status: dict[int, str] = {}
        self.headers: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: dict[int, str] = {}
        self.taken = 0
        self.closed = False

    def connectionMade(self) -> None:
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def request(
        self, method: str, path: str, body: bytes | None = b"", *more: tuple[str, str]
    ) -> int:
        """
        Make a request.

        :param body: the body, or None if the request is not to end.
        :return: its stream.
        """
        stream: int = self.h2.get_next_available_stream_id()
        headers = [
            (":method", method),
            (":path", path),
            (":scheme", "https"),
            (":authority", "sockjs.example"),
            *more,
        ]
        self.h2.send_headers(stream, headers, end_stream=body == b"")
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        self.site.settle()
        return stream

    def send(self, stream: int, data: bytes) -> None:
        """
        Send a part of a body, in frames as large as allowed, in one segment.
        """
        size = self.h2.max_outbound_frame_size
        for start in range(0, len(data), size):
            self.h2.send_data(stream, data[start : start + size])
        self.flush()
        self.site.settle()

    def read(self, stream: int) -> None:
        """
        Tell the server of room for what came before.
        """
        self.h2.acknowledge_received_data(self.taken, stream)
        self.taken = 0
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, ResponseReceived):
                self.headers[event.stream_id] = headers = dict(event.headers)
                self.status[event.stream_id] = headers[":status"]
            elif isinstance(event, DataReceived):
                body = self.bodies.get(event.stream_id, b"")
                self.bodies[event.stream_id] = body + event.data
                self.taken += event.flow_controlled_length
                if self.reads:
                    self.read(event.stream_id)
            elif isinstance(event, StreamEnded):
                self.ended[event.stream_id] = "end"
            elif isinstance(event, StreamReset):
                self.ended[event.stream_id] = "reset"
        self.flush()

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True


class Wire(Protocol):
    """
    The client's side of an HTTP/2 connection, as no browser has it: it sends what it is
    given, and looks at each frame that comes.

    :ivar frames: all that came.
    :ivar answers: the status of each response, or ``"reset"``, by stream.
    :ivar goaway: the code that the server ended the connection with, if it did.
    :ivar pongs: what came back of pings.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.answers: dict[int, str] = {}
        self.goaway: int | None = None
        self.pongs: list[bytes] = []
        self.closed = False
        self._buffer = FrameBuffer()
        self._buffer.max_frame_size = 16384
        self._decoder = Decoder()

    def connectionMade(self) -> None:
        self.transport.write(PREFACE)

    def settings(self, settings: dict[int, int]) -> None:
        self.transport.write(SettingsFrame(0, settings).serialize())

    def send(self, *frames: Frame) -> None:
        """
        Send frames in one piece.
        """
        self.transport.write(b"".join(frame.serialize() for frame in frames))

    @property
    def received(self) -> int:
        """
        How many bytes of bodies came.
        """
        return sum(len(f.data) for f in self.frames if isinstance(f, DataFrame))

    def dataReceived(self, data: bytes) -> None:
        self._buffer.add_data(data)
        for frame in self._buffer:
            self.frames.append(frame)
            stream = frame.stream_id
            if isinstance(frame, HeadersFrame):
                self.answers[stream] = dict(self._decoder.decode(frame.data))[":status"]
            elif isinstance(frame, RstStreamFrame) and frame.error_code:
                self.answers[stream] = "reset"
            elif isinstance(frame, GoAwayFrame):
                self.goaway = frame.error_code
            elif isinstance(frame, PingFrame):
                self.pongs.append(frame.opaque_data)

    def connectionLost(self, reason: Any = None) -> None:
        self.closed = True


class HTTP2Case(ServiceCase):
    """
    A service over HTTP/2.
    """

    def wire(self, **options: object) -> Wire:
        """
        Serve an echo, connect to it, and keep what is logged.
        """
        site = self.serve(Echo, **options)
        self.patch(network, "SecureServer", NegotiatedServer)
        self.warned = self.keepWarnings()
        wire = site.connect(Wire(), secure=True)
        self.server = site.reactor.getReaders()[0].protocol._channel
        return wire

    def browse(self, **options: object) -> Browser:
        """
        Serve an echo, and connect to it.
        """
        site = self.serve(Echo, **options)
        self.patch(network, "SecureServer", NegotiatedServer)
        return site.connect(Browser(site), secure=True)
