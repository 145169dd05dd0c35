"""WebSocket frames and handshakes that no browser sends."""

from __future__ import annotations

import re
import time
from zlib import Z_SYNC_FLUSH, compressobj, decompressobj

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import BINARY, CLOSE, PING, TEXT, Socket, closeFrame, frame
from txsockjs.options import SockJSOptions
from txsockjs.transports.deflate import agree

BOTH = ["/0/s/websocket", "/websocket"]
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def deflate(data: bytes, bits: int = 15) -> bytes:
    """
    A message's payload, compressed (RFC 7692, section 7.2.1).
    """
    compressor = compressobj(9, wbits=-bits)
    packed = compressor.compress(data) + compressor.flush(Z_SYNC_FLUSH)
    return packed.removesuffix(b"\0\0\xff\xff")


def inflate(data: bytes) -> bytes:
    """
    What is in such a payload.
    """
    return decompressobj(wbits=-15).decompress(data + b"\0\0\xff\xff")


class FrameTests(ServiceCase):
    def test_handshakeOfOld(self) -> None:
        """
        An upgrade by HTTP/1.0 is a clean 400, and the connection ends.
        """
        self.serve(Echo)
        for path in BOTH:
            connection = self.connect()
            connection.send(
                f"GET {path} HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            self.assertTrue(connection.received.startswith(b"HTTP/1.0 400 "))
            self.assertTrue(connection.closed)
        self.assertEqual(self.sessions, [])

    def test_repeated(self) -> None:
        """
        Headers that may be there once are refused when they are there twice.
        """
        self.serve(Echo)
        for header, value in [
            ("Host", "b"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ]:
            # One of them under a name that differs in case.
            socket = Socket(self.connect(), BOTH[1], {header.upper(): value})
            self.assertIn(socket.head[9:12], [b"400", b"426"], header)
        self.assertEqual(self.sessions, [])

    def test_noHost(self) -> None:
        """
        A handshake without a Host is refused.
        """
        self.serve(Echo)
        connection = self.connect()
        connection.send(
            b"GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 400 "))

    def test_garbage(self) -> None:
        """
        Bytes that are no frames end the connection, and log no error.
        """
        for path in BOTH:
            for data in [b"\0" * 100, b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n" * 5]:
                self.serve(Echo)
                socket = Socket(self.connect(), path)
                socket.send(data)
                self.site.advance(11)
                self.assertTrue(socket.closed)
                self.assertEqual(self.sessions[0].received, [])
                self.assertEqual(self.flushLoggedErrors(), [])

    def test_unmasked(self) -> None:
        """
        A frame without a mask is 1002, in the segment of the handshake too.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), behind=frame(b'"a"', mask=None))
        self.assertEqual(socket.frames[-1].code, 1002)
        self.assertEqual(self.sessions[0].received, [])

    def test_oversized(self) -> None:
        """
        A frame that claims 2**62 bytes is 1009, and not a byte is set aside.
        """
        self.serve(Echo)
        for opcode in [TEXT, BINARY]:
            socket = Socket(self.connect())
            socket.send(frame(b"x", opcode, size=1 << 62))
            self.assertEqual(socket.frames[-1].code, 1009)

    def test_controlFloods(self) -> None:
        """
        Any number of pings, pongs and empty frames is read, and changes nothing.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), BOTH[1])
        for opcode in [PING, 10]:
            socket.send(*[frame(b"", opcode)] * 2000)
        socket.say("a")
        self.assertEqual(socket.texts, [b"a"])

    def test_closeTwice(self) -> None:
        """
        What comes behind a close frame is not looked at.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), BOTH[1])
        socket.send(closeFrame(1000), closeFrame(1002), b"\xff" * 50, frame(b"a"))
        self.assertEqual([each.opcode for each in socket.frames], [CLOSE])
        self.assertEqual(self.sessions[0].received, [])
        self.assertEqual(self.flushLoggedErrors(), [])


class ExtensionTests(ServiceCase):
    """
    ``Sec-WebSocket-Extensions``.
    """

    UNUSABLE = [
        "x",
        ",",
        ";",
        "=",
        "; ;",
        "permessage-deflate; ;",
        "permessage-deflate; x=y",
        "permessage-deflate; server_max_window_bits=99",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        'permessage-deflate; server_max_window_bits="',
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate " * 500,
        "permessage-bzip2; client_max_compress_level=9",
        "permessage-snappy",
        "x-webkit-deflate-frame",
        "\xff\xfe",
        "permessage-deflate; server_max_window_bits",
        'permessage-deflate; server_max_window_bits=""',
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; client_max_window_bits=+9",
        'permessage-deflate; client_no_context_takeover=""',
        'x; y="a, permessage-deflate, b"',
        '"permessage-deflate"',
    ]

    def offer(self, value: str, **options: object) -> Socket:
        """
        Offer extensions to an echo; it is accepted as a WebSocket, whatever they are.
        """
        self.serve(Echo, **{"compression": True, **options})
        socket = Socket(self.connect(), BOTH[1], {"Sec-WebSocket-Extensions": value})
        self.assertEqual(socket.head[:12], b"HTTP/1.1 101")
        return socket

    def test_unusable(self) -> None:
        """
        What cannot be used is declined: 101, without compression. (RFC 7692, 5.1)
        """
        for value in self.UNUSABLE:
            socket = self.offer(value)
            self.assertNotIn(b"Sec-WebSocket-Extensions", socket.head, value)
            socket.say("a")
            self.assertEqual(socket.texts, [b"a"])

    def test_next(self) -> None:
        """
        The next offer that can be used is accepted, with its own parameters.
        """
        usable = "permessage-deflate; server_max_window_bits=9"
        for value in self.UNUSABLE:
            socket = self.offer(f"{value}, x; y=z, {usable}, permessage-deflate")
            answer = f"\r\nSec-WebSocket-Extensions: {usable}\r\n".encode()
            self.assertIn(answer, socket.head + b"\r\n", value)
            socket.send(frame(deflate(b"a"), rsv=4))
            self.assertEqual(inflate(socket.frames[-1].payload), b"a")

    def test_answers(self) -> None:
        """
        The answer repeats what was asked for, bounded by ``compression_window_bits``.
        """
        for offered, answer in [
            ("", ""),
            ("; client_max_window_bits", "; client_max_window_bits=12"),
            ("; client_max_window_bits=9", "; client_max_window_bits=9"),
            ("; client_max_window_bits=8", "; client_max_window_bits=8"),
            ('; server_max_window_bits="15"', "; server_max_window_bits=12"),
            ("; Server_No_Context_Takeover", "; server_no_context_takeover"),
            ("; client_no_context_takeover", "; client_no_context_takeover"),
        ]:
            for before in "", ", , ", "x, ", "\xff, ":
                offer = f"{before}permessage-deflate{offered}"
                head = self.offer(offer, compression_window_bits=12).head
                found = re.findall(rb"Extensions: ([^\r]*)", head)
                self.assertEqual(found, [b"permessage-deflate" + answer.encode()])

    def test_withoutCompression(self) -> None:
        """
        Nothing is agreed to where the option ``compression`` is off.
        """
        for value in ["permessage-deflate", *self.UNUSABLE]:
            socket = self.offer(value, compression=False)
            self.assertNotIn(b"Sec-WebSocket-Extensions", socket.head)

    def test_long(self) -> None:
        """
        A value as long as a header may be takes no time that one would notice.
        """
        for piece in [
            " ",
            "a",
            ";",
            ",",
            '"',
            "a;",
            'a="',
            "a=b;",
            "\t;a=b ",
            "a,",
            'a="\\",',
        ]:
            before = time.perf_counter()
            self.assertIsNone(agree(SockJSOptions(), piece * (16384 // len(piece))))
            self.assertLess(time.perf_counter() - before, 0.5, piece)

    def test_off(self) -> None:
        """
        By default nothing is compressed: the bit that says so is 1002.
        """
        self.serve(Echo)
        socket = Socket(self.connect(), BOTH[1], DEFLATE)
        self.assertNotIn(b"Sec-WebSocket-Extensions", socket.head)
        socket.send(frame(deflate(b"a"), rsv=4))
        self.assertEqual(socket.frames[-1].code, 1002)


class CompressionTests(ServiceCase):
    """
    The option ``compression``, and what could be made of it.
    """

    def socket(self, path: str = BOTH[1], offer: str = "", **options: object) -> Socket:
        """
        A WebSocket that compresses, to an echo.
        """
        self.serve(Echo, compression=True, **options)
        offered = {"Sec-WebSocket-Extensions": f"permessage-deflate{offer}"}
        socket = Socket(self.connect(), path, offered)
        self.assertIn(b"Sec-WebSocket-Extensions: permessage-deflate", socket.head)
        return socket

    def test_bothWays(self) -> None:
        """
        Messages are compressed, each by itself.
        """
        for path, text in zip(BOTH, [b'["%b"]', b"%b"], strict=True):
            socket = self.socket(path)
            before = len(socket.frames)
            for size in [0, 10, 100_000]:
                message = text % (b"x" * size)
                socket.send(frame(deflate(message), rsv=4))
                answer = socket.frames[-1]
                self.assertEqual(answer.rsv, 4)
                expected = b"a" + message if path == BOTH[0] else message
                self.assertEqual(inflate(answer.payload), expected)
                self.assertLess(len(answer.payload), 500)
            self.assertEqual(len(socket.frames), before + 3)

    def test_bomb(self) -> None:
        """
        A small frame that inflates without end is 1009 at the limit.
        """
        bomb = deflate(b"\0" * 100_000_000)
        self.assertLess(len(bomb), 100_000)
        for path in BOTH:
            socket = self.socket(path)
            socket.send(frame(bomb, rsv=4))
            self.assertEqual(socket.frames[-1].code, 1009)
            self.assertEqual(self.sessions[0].received, [])

    def test_bombInFragments(self) -> None:
        """
        So is one whose fragments are each below the limit.
        """
        packed = deflate(b"\0" * 3_000_000)
        socket = self.socket(max_message_size=1_000_000)
        size = len(packed) // 10 + 1
        parts = [packed[start : start + size] for start in range(0, len(packed), size)]
        socket.send(frame(parts[0], rsv=4, final=False))
        for part in parts[1:]:
            socket.send(frame(part, 0, final=False))
        self.assertEqual(socket.frames[-1].code, 1009)

    def test_exactSize(self) -> None:
        """
        A message that inflates to the limit is delivered, one of a byte more is not.
        """
        socket = self.socket(max_message_size=1000)
        socket.send(*[frame(deflate(b"x" * 1000), rsv=4)] * 2)
        self.assertEqual(self.sessions[0].received, [b"x" * 1000] * 2)
        socket.send(frame(deflate(b"x" * 1001), rsv=4))
        self.assertEqual(socket.frames[-1].code, 1009)

    def test_exactSizeInPieces(self) -> None:
        """
        So it is wherever the message is cut, into segments and into frames.
        """
        for size in 1000, 1001:
            packed = deflate(b'"' + b"x" * (size - 2) + b'"')
            for cut in range(len(packed) + 1):
                parts = frame(packed[:cut], rsv=4, final=False), frame(packed[cut:], 0)
                whole = frame(packed, rsv=4)
                for segments in parts, (whole[: cut + 6], whole[cut + 6 :]):
                    socket = self.socket(max_message_size=1000)
                    for segment in segments:
                        socket.send(segment)
                    code = socket.frames[-1].code if socket.closed else None
                    self.assertEqual(code, 1009 if size > 1000 else None)
                    self.assertEqual(len(self.sessions[0].received), size == 1000)

    def test_corrupt(self) -> None:
        """
        What does not inflate is 1007, and no error is logged.
        """
        for data in [b"\xff" * 20, deflate(b"a" * 1000)[5:], b"\x05"]:
            socket = self.socket()
            socket.send(frame(data, rsv=4))
            self.assertEqual(socket.frames[-1].code, 1007)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_controlFrame(self) -> None:
        """
        A compressed control frame is 1002.
        """
        socket = self.socket()
        socket.send(frame(deflate(b"a"), PING, rsv=4))
        self.assertEqual(socket.frames[-1].code, 1002)

    def test_context(self) -> None:
        """
        A client that goes on with the window of its messages before is understood, and
        one that begins a new one all the same too.
        """
        for path in BOTH:
            socket = self.socket(path)
            compressor = compressobj(wbits=-15)
            texts = [b'"said before %d"' % n for n in range(20)]
            for text in texts:
                packed = compressor.compress(text) + compressor.flush(Z_SYNC_FLUSH)
                socket.send(frame(packed.removesuffix(b"\0\0\xff\xff"), rsv=4))
            socket.send(frame(b'"plain"'), frame(deflate(b'"new"'), rsv=4))
            texts += [b'"plain"', b'"new"']
            if path == BOTH[0]:
                texts = [text[1:-1] for text in texts]
            self.assertEqual(self.sessions[0].received, texts)

    def test_lastBlock(self) -> None:
        """
        So is one that marks the end of each message in DEFLATE's own way. (RFC 7692,
        section 7.2.3.4)
        """
        socket = self.socket()
        for _ in range(3):
            socket.send(frame(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", rsv=4))
        self.assertEqual(self.sessions[0].received, [b"Hello"] * 3)

    def test_idle(self) -> None:
        """
        Between messages nothing is kept for what is sent, and of what is received no
        more than its window, or nothing where the client does not go on with it.
        """
        for offer, kept in ("", True), ("; client_no_context_takeover", False):
            socket = self.socket(offer=offer)
            socket.send(frame(deflate(b"text"), rsv=4))
            [session] = self.sessions
            deflating = session.transport._session._receiver._socket._perMessageCompress
            slots = [getattr(deflating, name) for name in deflating.__slots__]
            objects = [each for each in slots if type(each).__module__ == "zlib"]
            self.assertEqual(len(objects), kept)

    def test_noContext(self) -> None:
        """
        Nothing is kept from message to message that is sent: each comes out the same.
        """
        socket = self.socket()
        for _ in range(3):
            socket.send(frame(deflate(b"the same text"), rsv=4))
        payloads = [each.payload for each in socket.frames]
        self.assertEqual(len(set(payloads)), 1)

    def test_windows(self) -> None:
        """
        A smaller window is agreed to, where the client asks for it or can take it.
        """
        socket = self.socket(offer="; server_max_window_bits=10")
        self.assertIn(b"server_max_window_bits=10", socket.head)
        socket = self.socket(
            offer="; client_max_window_bits", compression_window_bits=9
        )
        self.assertIn(b"client_max_window_bits=9", socket.head)
        socket.send(frame(deflate(b"ab" * 1000, 9), rsv=4))
        self.assertEqual(inflate(socket.frames[-1].payload), b"ab" * 1000)

    def test_closing(self) -> None:
        """
        What is written while the connection is closing is dropped, without an error.
        """
        for path in BOTH:
            socket = self.socket(path)
            socket.send(frame(b"", 3))
            self.assertEqual(socket.frames[-1].code, 1002)
            self.sessions[0].transport.write(b"late")
            self.site.settle()
            self.assertEqual(socket.frames[-1].code, 1002)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_slowReader(self) -> None:
        """
        What is held for a browser that reads nothing is bounded by what it is before
        it is compressed.
        """
        socket = self.socket(max_buffer=200_000)
        socket.connection.transport.pauseProducing()
        transport = self.sessions[0].transport
        for n in range(100_000):
            transport.write(b"%d" % n * 2000)
            self.site.reactor.advance(0)
            if self.sessions[0].lost:
                break
        self.assertEqual(len(self.sessions[0].lost), 1)


class LargeAnswerTests(ServiceCase):
    def test_outbound(self) -> None:
        """
        ``max_message_size`` is a limit for the browser: the application may send more,
        compressed or not.
        """
        for path in BOTH:
            for compression in [False, True]:
                self.serve(Echo, compression=compression, max_message_size=100)
                socket = Socket(self.connect(), path, DEFLATE)
                noise = bytes(range(32, 127)) * 10 + b"".join(
                    b"%d" % (n * n * 7919) for n in range(1000)
                )
                self.sessions[0].transport.write(noise)
                self.site.settle()
                answer = socket.frames[-1].payload
                if compression:
                    answer = inflate(answer)
                self.assertGreater(len(answer), len(noise) - 1)
                self.assertEqual(self.flushLoggedErrors(), [])
