"""Tests of the option ``fragment_size``: no frame is larger. (RFC 6455, section 5.4)"""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import examples
from tests.support.serving import Recorder, ServiceCase
from tests.support.sockets import BINARY, TEXT, Frame, Socket, readFrames
from txsockjs.transports.framing import cut, formatFragments
from txsockjs.utils import broadcast

DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def join(frames: list[Frame]) -> list[tuple[int, bytes, int]]:
    """
    The messages that frames are: opcode, payload and extension bits of each.
    """
    messages: list[tuple[int, bytes, int]] = []
    isOpen = False
    for each in frames:
        if isOpen:
            opcode, payload, rsv = messages.pop()
            assert (each.opcode, each.rsv) == (0, 0)
            messages.append((opcode, payload + each.payload, rsv))
        else:
            messages.append((each.opcode, each.payload, each.rsv))
        isOpen = not each.final
    assert not isOpen
    return messages


class CutTests(ServiceCase):
    """
    A payload in pieces.
    """

    @examples()
    @given(st.text(), st.integers(4, 40))
    def test_text(self, text: str, size: int) -> None:
        """
        Each piece of a text is UTF-8 itself, none is too large or empty, and all are
        the whole.
        """
        data = text.encode("utf-8", "replace")
        pieces = cut(data, size, False)
        self.assertEqual("".join(piece.decode() for piece in pieces).encode(), data)
        self.assertLessEqual(max(map(len, pieces)), size)
        self.assertTrue(all(pieces) or pieces == [b""])

    @examples()
    @given(st.binary(max_size=500), st.integers(4, 40))
    def test_binary(self, data: bytes, size: int) -> None:
        """
        Bytes are cut anywhere, in no more pieces than there must be.
        """
        pieces = cut(data, size, True)
        self.assertEqual(b"".join(pieces), data)
        self.assertEqual(len(pieces), max(1, -(-len(data) // size)))
        self.assertLessEqual(max(map(len, pieces)), size)

    @examples()
    @given(st.binary(max_size=500), st.integers(4, 40), st.booleans())
    def test_frames(self, data: bytes, size: int, isBinary: bool) -> None:
        """
        The first frame has the opcode, the others continue it, the last is the last.
        """
        if not isBinary:
            data = data.decode("latin-1").encode()
        frames = readFrames(b"\r\n\r\n" + formatFragments(data, size, isBinary))
        opcode = BINARY if isBinary else TEXT
        self.assertEqual(join(frames), [(opcode, data, 0)])


class FragmentSizeTests(ServiceCase):
    """
    What a session writes.
    """

    def socket(self, path: str, headers: dict[str, str] | None = None) -> Socket:
        self.serve(Recorder, fragment_size="1k", compression=headers is not None)
        return Socket(self.connect(), path, headers)

    def sent(self, socket: Socket) -> list[tuple[int, bytes, int]]:
        """
        The messages that have come, in frames of which none is too large.
        """
        self.site.settle()
        frames = socket.frames
        self.assertLessEqual(max(len(each.payload) for each in frames), 1024)
        return join(frames)

    def test_raw(self) -> None:
        """
        A raw WebSocket gets the messages that were written in one turn, each as one
        message, text or binary, whatever its size.
        """
        socket = self.socket("/websocket")
        text = "\u20ac" * 50_000
        transport = self.sessions[0].transport
        transport.sendMessage(text)
        transport.sendBinary(b"\xff" * 100_000)
        transport.sendMessage("x" * 1024)
        transport.sendMessage("")
        self.assertEqual(
            self.sent(socket),
            [
                (TEXT, text.encode(), 0),
                (BINARY, b"\xff" * 100_000, 0),
                (TEXT, b"x" * 1024, 0),
                (TEXT, b"", 0),
            ],
        )

    def test_framed(self) -> None:
        """
        So does one with SockJS's frames.
        """
        socket = self.socket("/0/s/websocket")
        self.sessions[0].transport.sendMessage("\xe9" * 10_000)
        expected = 'a["{}"]'.format("\xe9" * 10_000).encode()
        self.assertEqual(self.sent(socket), [(TEXT, b"o", 0), (TEXT, expected, 0)])

    def test_compressed(self) -> None:
        """
        What is compressed is cut after that, and the first fragment says that it is.
        """
        for path in ("/websocket", "/0/s/websocket"):
            socket = self.socket(path, DEFLATE)
            text = "".join(chr(0x4E00 + n * n % 20000) for n in range(20000))
            self.sessions[0].transport.sendMessage(text)
            opcode, payload, rsv = self.sent(socket)[-1]
            self.assertEqual((opcode, rsv), (TEXT, 4))
            inflated = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
            self.assertIn(text, inflated.decode())

    def test_shared(self) -> None:
        """
        Services with other sizes, and without one, each write their own frames of a
        message that they share.
        """
        transports, sockets, sites = [], [], []
        for size in (None, 1000, "2k"):
            self.serve(Recorder, fragment_size=size)
            sockets.append(Socket(self.connect(), "/websocket"))
            transports.append(self.sessions[0].transport)
            sites.append(self.site)
        broadcast("x" * 5000, transports)
        for site in sites:
            site.settle()
        sizes = [[len(each.payload) for each in s.frames] for s in sockets]
        self.assertEqual(sizes, [[5000], [1000] * 5, [2048, 2048, 904]])
