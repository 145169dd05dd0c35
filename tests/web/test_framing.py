"""Tests for `txsockjs.transports.framing`: the short way reads what Autobahn reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, RecordingFactory
from tests.support.sockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Socket,
    frame,
    upgrade,
)
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite
from txsockjs.transports import framing, socket, websocket
from txsockjs.transports.framing import formatText, readClose, readTexts

LIMIT = 5000

masks = st.binary(min_size=4, max_size=4)

#: What a frame of text may have in it: SockJS or not, UTF-8 or not, of all lengths.
payloads = st.one_of(
    st.lists(st.text(max_size=5), max_size=3).map(
        lambda texts: ("[" + ",".join(f'"{t}"' for t in texts) + "]").encode(
            "utf-8", "surrogatepass"
        )
    ),
    st.text(max_size=10).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=10),
    st.sampled_from([125, 126, 127, 300, 4095, 4096, LIMIT, LIMIT + 1]).map(
        lambda size: b'"' + b"x" * (size - 2) + b'"'
    ),
)

texts = st.builds(frame, payloads, mask=masks)

#: Frames that the short way leaves alone.
others = st.one_of(
    st.builds(frame, payloads, st.sampled_from([0, TEXT, BINARY]), final=st.booleans()),
    st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG, CLOSE])),
    st.builds(
        lambda code, reason: frame(code.to_bytes(2, "big") + reason, CLOSE),
        st.integers(0, 5000) | st.sampled_from([1000, 1001, 3000, 4999]),
        st.binary(max_size=3) | st.sampled_from([b"bye", "жжж".encode()]),
    ),
    st.builds(frame, payloads, rsv=st.integers(0, 7)),
    st.builds(frame, payloads, mask=st.none()),
    st.builds(frame, payloads, st.integers(0, 15), final=st.booleans()),
    st.builds(frame, st.just(b"ab"), size=st.sampled_from([1, 3, 126, 1 << 40])),
    st.just(b"\x81\xfe\x00\x02\0\0\0\0ab"),
    st.binary(max_size=8),
)

inputs = st.lists(st.one_of(texts, texts, texts, others), max_size=8).map(b"".join)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """
    The data, cut at these places.
    """
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [
        data[start:stop]
        for start, stop in zip([0, *places], [*places, len(data)], strict=True)
    ]


def outcome(path: str, segments: list[bytes]) -> dict[str, Any]:
    """
    What comes of these bytes on a WebSocket to an echo.
    """
    factory = RecordingFactory(Echo)
    options = {"max_message_size": LIMIT}
    site = MemorySite(SockJSFactory(factory, options, clock=MemoryReactor()))
    client = Socket(MemoryClient(site).connect(), path)
    for segment in segments:
        client.send(segment)
    closing = client.closed
    site.advance(30)
    (session,) = factory.sessions
    found = {
        "received": session.received,
        "lost": [reason.type for reason in session.lost],
        "frames": [each for each in client.frames if each.opcode != TEXT],
        "closed": [closing, client.closed],
    }
    if path == "/websocket":
        found["texts"] = client.texts
    site.stop()
    return found


class FramingTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(inputs, st.lists(st.integers(0, 10**6), max_size=5))
    def test_sameAsAutobahn(self, data: bytes, cuts: list[int]) -> None:
        """
        Whatever comes in, and however it is cut, the same comes of it with the short
        way and without.
        """
        segments = pieces(data, cuts)
        for path in ["/0/s/websocket", "/websocket"]:
            with_ = outcome(path, segments)
            patches = [
                self.patch(socket, "readTexts", lambda data, limit: ([], 0)),
                self.patch(socket, "readClose", lambda data: None),
                self.patch(websocket, "linesBeside", lambda request, headers: None),
            ]
            without = outcome(path, segments)
            for patch in patches:
                patch.restore()
            self.assertEqual(with_, without)

    @given(st.lists(st.text(max_size=300), max_size=5), masks)
    def test_read(self, texts: list[str], mask: bytes) -> None:
        """
        Text frames in order are all read.
        """
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        data = b"".join(frame(each, mask=mask) for each in encoded)
        self.assertEqual(readTexts(data, 10_000), (texts, len(data)))

    def test_stops(self) -> None:
        """
        Reading stops before the first frame that is not plain, whole and allowed.
        """
        good = frame(b"a")
        for other in [
            frame(b"b", BINARY),
            frame(b"b", final=False),
            frame(b"b", rsv=4),
            frame(b"b", mask=None),
            frame(b"\xff"),
            frame(b"x" * 101),
            frame(b"b")[:-1],
            b"\x81\xfe\x00\x02\0\0\0\0ab",
            b"\x81",
        ]:
            self.assertEqual(readTexts(good + other + good, 100), (["a"], len(good)))

    def test_close(self) -> None:
        """
        A close frame that is whole, masked and in order is read, and no other.
        """
        for payload, read in [
            (b"", (None, None)),
            (b"\x03\xe8", (1000, None)),
            (b"\x03\xe8bye", (1000, b"bye")),
            (b"\x03\xe8" + b"x" * 123, (1000, b"x" * 123)),
        ]:
            self.assertEqual(readClose(frame(payload, CLOSE) + b"more"), read)
        for other in [
            frame(b"x", CLOSE),
            frame(b"\x03\xe8bye", CLOSE)[:-1],
            frame(b"\x03\xe8", CLOSE, mask=None) + b"1234",
            frame(b"\x03\xe8", CLOSE, final=False),
            frame(b"\x03\xe8", CLOSE, rsv=4),
            frame(b"\x03\xe8" + b"x" * 124, CLOSE),
            frame(b"\x03\xe8", PING),
            b"\x88",
        ]:
            self.assertIsNone(readClose(other))

    def test_answer(self) -> None:
        """
        Of any handshake that agrees to nothing, the answer and what is sent then are
        what they are by Autobahn, to the byte.
        """
        for path in ["/0/s/websocket", "/websocket"]:
            for headers in [
                {},
                {"Origin": "http://a.example"},
                {"Origin": "http://\xff.example"},
                {"Sec-WebSocket-Version": "8"},
                {"Sec-WebSocket-Extensions": "permessage-deflate"},
                {"Sec-WebSocket-Protocol": "chat"},
            ]:
                direct = self.opened(path, headers)
                patch = self.patch(websocket, "linesBeside", lambda *how: None)
                self.assertEqual(direct, self.opened(path, headers))
                patch.restore()
                self.assertTrue(direct.startswith(b"HTTP/1.1 101 "), direct)

    def opened(self, path: str, headers: dict[str, str]) -> bytes:
        """
        What a handshake is answered.
        """
        site = MemorySite.serving(RecordingFactory(Echo))
        connection = MemoryClient(site).connect()
        connection.send(upgrade(path, headers))
        received = bytes(connection.received)
        site.stop()
        return received

    def test_format(self) -> None:
        """
        A text frame has the shortest length that there is (RFC 6455, section 5.2).
        """
        for size, head in [
            (0, b"\x81\0"),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\0\x7e"),
            (65535, b"\x81\x7e\xff\xff"),
            (65536, b"\x81\x7f\0\0\0\0\0\x01\0\0"),
        ]:
            self.assertEqual(formatText(b"x" * size), head + b"x" * size)


class UnmaskingTests(SynchronousTestCase):
    """
    A payload without its mask.
    """

    def test_sizes(self) -> None:
        """
        It is what RFC 6455, section 5.3, says, by arithmetic and by Autobahn's masker.
        """
        mask = b"\x01\x80\xff\x20"
        for size in [*range(9), framing._LONG - 1, framing._LONG, framing._LONG + 1]:
            payload = bytes(index * 7 % 256 for index in range(size))
            expected = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
            for long in framing._LONG, 0, size + 1:
                self.patch(framing, "_LONG", long)
                self.assertEqual(framing.unmask(payload, mask, size), expected)


class NativeTests(SynchronousTestCase):
    """
    What Autobahn has in C is what is used.
    """

    def test_active(self) -> None:
        """
        Unmasking and the check of UTF-8 are not Python's.
        """
        for made in (framing.create_xor_masker(b"mask", LIMIT), socket.Utf8Validator()):
            self.assertTrue(type(made).__module__.startswith("autobahn.nvx"), made)
