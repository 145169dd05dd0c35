"""HTTP/2 frames in any order and pieces, against what RFC 9113 has a server say."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import examples
from tests.support.http2 import HTTP2Case, Wire

ENCODER = Encoder()
#: Nothing of this is remembered, so that frames may come in any order.
ENCODER.header_table_size = 0

GET = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/0/s/eventsource"),
    (":authority", "sockjs.example"),
]


def block(headers: list[tuple[str, str]]) -> bytes:
    return bytes(ENCODER.encode(headers))


STREAMS = st.sampled_from([1, 3, 5, 7, 9, 11, 2, 1001, 2**31 - 1])
#: Those on which things may happen.
OWN = st.sampled_from([1, 3, 5, 7, 9, 11])
SIZES = st.sampled_from([0, 1, 4096, 65535, 65536, 2**31 - 1, 2**32 - 1])
PATHS = st.sampled_from(
    [
        "/info",
        "/iframe.html",
        "/0/s/xhr",
        "/0/s/xhr_send",
        "/0/s/xhr_streaming",
        "/0/s/eventsource",
        "/0/s/jsonp?c=f",
        "/0/t/websocket",
        "/0/u/xhr",
        "/nothing",
        "*",
        "",
        "x",
        "/%ff%zz?a=%",
        "/" + 20_000 * "p",
    ]
)
NAMES = st.sampled_from(
    [
        "origin",
        "cookie",
        "accept",
        "te",
        "connection",
        "upgrade",
        "host",
        "content-length",
        "expect",
        "Upper",
        "sp",
        "ace",
        "x:y",
        "x\r\ny",
        ":path",
        ":status",
        ":odd",
        "transfer-encoding",
        "content-type",
        "referer",
        "ÿ",
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "a",
        "3",
        "5",
        "-1",
        "9" * 5000,
        " a",
        "a\nb",
        "a\0",
        "100-continue",
        "trailers",
        "JSESSIONID=a; b",
        "chunked",
        "https://page.example",
        "\xff",
        "sockjs.example",
    ]
)
EXTRA = st.lists(st.tuples(NAMES, VALUES), max_size=2)
BODIES = st.sampled_from([b"", b'["a"]', b"[", b"x" * 2000, b"x" * 16384])


@st.composite
def requests(draw: Any) -> list[tuple[str, str]]:
    """The headers of a request, more or less in order."""
    method = draw(
        st.sampled_from(["GET", "POST", "POST", "OPTIONS", "HEAD", "CONNECT"])
    )
    headers = [(":method", method), (":scheme", "https"), (":path", draw(PATHS))]
    headers.append((":authority", "sockjs.example"))
    if draw(st.integers(0, 5)) == 0:
        del headers[draw(st.integers(0, 3))]
    return headers + (draw(EXTRA) if draw(st.booleans()) else [])


@st.composite
def headersFrames(draw: Any) -> list[Frame]:
    """A block of headers, in one frame or in several."""
    stream, data = draw(OWN | STREAMS), block(draw(requests() | EXTRA))
    if draw(st.integers(0, 9)) == 0:
        data = draw(st.binary(max_size=20))
    cut = draw(st.sampled_from([len(data), 0, 10]))
    first = HeadersFrame(stream, data[:cut])
    if draw(st.booleans()):
        first.flags.add("END_STREAM")
    if draw(st.integers(0, 5)) == 0:
        first.flags.add("PRIORITY")
        first.depends_on = draw(STREAMS)
    count = draw(st.sampled_from([0, 0, 0, 1, 3, 70]))
    frames: list[Frame] = [first, *(ContinuationFrame(stream) for _ in range(count))]
    if data[cut:]:
        frames.append(ContinuationFrame(stream, data[cut:]))
    if draw(st.integers(0, 19)):
        frames[-1].flags.add("END_HEADERS")
    return frames


@st.composite
def dataFrames(draw: Any) -> list[Frame]:
    frame = DataFrame(draw(OWN | STREAMS), draw(BODIES))
    if draw(st.booleans()):
        frame.flags.add("END_STREAM")
    if draw(st.integers(0, 3)) == 0:
        frame.flags.add("PADDED")
        frame.pad_length = draw(st.integers(0, 255))
    return [frame]


@st.composite
def settings(draw: Any) -> list[Frame]:
    codes = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 9, 0xABCD])
    if draw(st.integers(0, 4)) == 0:
        return [SettingsFrame(0, flags=["ACK"])]
    return [SettingsFrame(0, draw(st.dictionaries(codes, SIZES, max_size=3)))]


def one(frames: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Frame]]:
    return frames.map(lambda frame: [frame])


FRAMES = st.one_of(
    headersFrames(),
    headersFrames(),
    headersFrames(),
    dataFrames(),
    dataFrames(),
    settings(),
    one(st.builds(RstStreamFrame, OWN | STREAMS, st.integers(0, 2**32 - 1))),
    one(st.builds(WindowUpdateFrame, OWN | STREAMS, SIZES.map(lambda n: n % 2**31))),
    one(st.builds(PriorityFrame, OWN | STREAMS, STREAMS, st.integers(0, 255))),
    one(st.just(PingFrame(0, b"12345678"))),
    one(st.builds(GoAwayFrame, st.just(0), STREAMS)),
    one(st.builds(PushPromiseFrame, st.just(1), st.just(2), st.just(block(GET)))),
)


def serialized(frames: list[Frame]) -> bytes:
    """Frames as they travel."""
    return b"".join(frame.serialize() for frame in frames)


@st.composite
def broken(draw: Any) -> bytes:
    """A frame's head that any payload follows."""
    payload = draw(st.binary(max_size=12))
    length = draw(st.sampled_from([len(payload), len(payload), 0, 2**24 - 1, 5]))
    kind, flags = draw(st.integers(0, 12)), draw(st.integers(0, 255))
    stream = draw(OWN | STREAMS | st.just(0))
    head = length.to_bytes(3, "big") + bytes([kind, flags])
    return bytes(head + stream.to_bytes(4, "big") + payload)


class HTTP2Tests(HTTP2Case):
    """A connection that hears anything at all."""

    def play(self, records: list[bytes], cuts: list[int], room: int) -> Wire:
        """
        Serve, and be sent these records; the pieces that arrive are cut like that.
        """
        wire = self.wire(max_message_size=10_000, heartbeat=5)
        wire.settings({4: room})
        self.site.reactor.segment = cycle(cuts).__next__
        for record in records:
            wire.transport.write(record)
            self.site.settle()
        self.site.advance(1)
        return wire

    def finish(self, wire: Wire) -> None:
        """
        The connection ends, and leaves nothing.
        """
        self.assertFalse(wire.closed and wire.goaway is None, "closed without GOAWAY")
        wire.transport.abortConnection()
        self.site.settle()
        self.site.advance(100)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.warned, [])
        self.assertEqual(
            [len(each.lost) for each in self.sessions if not each.lost], []
        )
        self.site.stop()
        self.assertEqual(self.site.reactor.getDelayedCalls(), [])

    @examples()
    @given(
        st.lists(
            FRAMES.map(serialized) | FRAMES.map(serialized) | broken(), max_size=25
        ),
        st.lists(st.integers(1, 70_000), min_size=1, max_size=4),
        st.sampled_from([0, 10, 65535, 2**20]),
    )
    def test_anything(self, records: list[bytes], cuts: list[int], room: int) -> None:
        """
        Whatever comes, nothing is logged, the connection goes on or ends with GOAWAY,
        and it leaves no session and no timer.
        """
        wire = self.play(records, cuts, room)
        if not wire.closed:
            wire.transport.write(PingFrame(0, b"are you?").serialize())
            self.site.settle()
            self.assertTrue(wire.closed or b"are you?" in wire.pongs)
        self.finish(wire)

    @examples()
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["good", "good", "send", "abort", "late", "malformed"]),
                st.booleans(),
            ),
            max_size=20,
        ),
        st.lists(st.integers(1, 300), min_size=1, max_size=4),
    )
    def test_each(self, moves: list[tuple[str, bool]], cuts: list[int]) -> None:
        """
        What is wrong with a stream is told on that stream; those that are in order are
        answered, and the connection goes on.
        """
        data, expected = b"", {}
        for number, (move, extra) in enumerate(moves):
            stream = 2 * number + 1
            made, expected[stream] = self.move(move, extra, stream)
            data += made
        wire = self.play([data], cuts, 65535)
        self.assertEqual(wire.goaway, None)
        for stream, answers in expected.items():
            self.assertIn(wire.answers.get(stream), answers)
        self.finish(wire)

    def move(self, move: str, extra: bool, stream: int) -> tuple[bytes, set[Any]]:
        """
        :return: the frames of one request, and the answers that it may have.
        """
        path = {"good": "/info", "send": "/0/none/xhr_send"}.get(move, "/0/s/xhr")
        method = "GET" if move == "good" else "POST"
        headers = [(":method", method), (":scheme", "https"), (":path", path)]
        headers.append((":authority", "a"))
        ends = ["END_HEADERS", *(["END_STREAM"] if move == "good" else [])]
        reset = RstStreamFrame(stream, 8).serialize()
        if move == "malformed":
            headers.append(("Bad" if extra else "connection", "close"))
        head = HeadersFrame(stream, block(headers), flags=ends).serialize()
        body = DataFrame(stream, b'["a"]', flags=["END_STREAM"]).serialize()
        if move == "good":
            update = WindowUpdateFrame(stream, 5 if extra else 0).serialize()
            return head + (update if extra else b""), {"200"}
        if move == "send":
            return head + body, {"404"}
        if move == "malformed":
            return head, {"reset"}
        if move == "late":
            # RFC 9113, section 5.1: a stream error, half closed as it is.
            return head + body + body, {"reset", "200", "204"}
        return head + (body if extra else b"") + reset, {None, "200", "204"}
