"""Tests for binary messages, which raw WebSockets alone have. (RFC 6455, 5.6)"""

from __future__ import annotations

import zlib

from tests.support.serving import Echo, Recorder, ServiceCase
from tests.support.sockets import BINARY, PING, TEXT, Socket, frame

RAW = "/websocket"


class BinaryTests(ServiceCase):
    """
    ``BASE/websocket``: bytes both ways.
    """

    def socket(self, protocol: type[Recorder] = Echo, **options: object) -> Socket:
        self.serve(protocol, **options)
        return Socket(self.connect(), RAW)

    def test_bothWays(self) -> None:
        """
        Bytes come in as they are. What goes out is text or binary as the application
        says, whatever is in it.
        """
        socket = self.socket()
        socket.send(frame(b"\xff\0", BINARY), frame(b"a", BINARY))
        self.assertEqual(self.sessions[0].received, [b"\xff\0", b"a"])
        for data in (b"\xff\0", b"a", b""):
            self.sessions[0].transport.sendBinary(data)
        self.site.settle()
        self.assertEqual(
            [(each.opcode, each.payload) for each in socket.frames],
            [
                (TEXT, "\xff\0".encode()),
                (TEXT, b"a"),
                (BINARY, b"\xff\0"),
                (BINARY, b"a"),
                (BINARY, b""),
            ],
        )

    def test_fragments(self) -> None:
        """
        A binary message in fragments, cut anywhere, with a ping among them, is one.
        """
        data = bytes(range(256)) * 300
        socket = self.socket(Recorder)
        socket.send(frame(data[:1], BINARY, final=False), frame(b"?", PING))
        socket.send(frame(data[1:70_000], 0, final=False))
        socket.send(frame(data[70_000:], 0), frame("é".encode()))
        self.assertEqual(self.sessions[0].received, [data, "é".encode()])

    def test_sizes(self) -> None:
        """
        Binary messages of all three header sizes go out whole, in order among texts.
        """
        socket = self.socket(Recorder)
        transport = self.sessions[0].transport
        sizes = [125, 126, 65535, 65536, 300_000]
        for size in sizes:
            transport.sendBinary(b"\xff" * size)
            transport.sendMessage("é")
        self.site.settle()
        self.assertEqual(
            [(each.opcode, len(each.payload)) for each in socket.frames],
            [pair for size in sizes for pair in ((BINARY, size), (TEXT, 2))],
        )

    def test_compressed(self) -> None:
        """
        Compression leaves binary messages what they are, both ways. (RFC 7692)
        """
        self.serve(Recorder, compression=True)
        offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        socket = Socket(self.connect(), RAW, offer)
        data = bytes(range(256)) * 300
        squeeze = zlib.compressobj(wbits=-15)
        packed = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        socket.send(frame(packed.removesuffix(b"\0\0\xff\xff"), BINARY, rsv=4))
        self.assertEqual(self.sessions[0].received, [data])
        self.sessions[0].transport.sendBinary(data)
        self.site.settle()
        [sent] = socket.frames
        self.assertEqual((sent.opcode, sent.rsv), (BINARY, 4))
        tail = zlib.decompressobj(wbits=-15)
        self.assertEqual(tail.decompress(sent.payload + b"\0\0\xff\xff"), data)
