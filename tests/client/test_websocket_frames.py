"""What a client makes of a server's frames, good and bad, and how a WebSocket ends."""

from __future__ import annotations

import zlib
from itertools import repeat
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone

from tests.support.carriers import Carried, CarrierTestCase
from tests.support.sockets import BINARY, CLOSE, PING, PONG, TEXT, frame
from txsockjs import SessionClosed, SessionFailed
from txsockjs.client.websocket import RawWebSocket, WebSocket
from txsockjs.errors import TooLarge


def say(payload: bytes, opcode: int = TEXT, **how: Any) -> bytes:
    """
    A server's frame.
    """
    return frame(payload, opcode, **{"mask": None, **how})


def close(code: int, reason: str = "") -> bytes:
    """
    A server's close frame.
    """
    return say(code.to_bytes(2, "big") + reason.encode(), CLOSE)


class FrameTests(CarrierTestCase):
    """
    Frames in good order.
    """

    def end(self, carrier: Any) -> None:
        """
        Abort.
        """
        carrier.abort()
        self.reactor.settle()
        self.assertLost(ConnectionAborted)

    def test_texts(self) -> None:
        """
        Texts of any length come one by one, whatever they come in.
        """
        texts = ["o", "", "é😀", "a" * 125, "b" * 126, "c" * 65535, "d" * 65536, "e"]
        data = b"".join(say(text.encode()) for text in texts)
        for segment in 7, 1000, 1 << 20:
            self.session = Carried()
            carrier = self.opened()
            self.reactor.segment = repeat(segment).__next__
            self.web.room = 1 << 20
            self.say(data)
            self.assertEqual(self.session.values("frame"), texts)
            self.end(carrier)

    def test_cut(self) -> None:
        """
        What follows a piece of a frame's head is not taken for a frame.
        """
        carrier = self.opened()
        text = "x" * 0x8105
        data = say(text.encode())
        self.assertEqual(data[2:4], b"\x81\x05")
        self.say(data[:2])
        self.say(data[2:])
        self.assertEqual(self.session.values("frame"), [text])
        self.end(carrier)

    def test_fragments(self) -> None:
        """
        So do those that are cut into frames, with others between, where a character is
        cut too; what is common is read again behind them.
        """
        for segment in 1, 1 << 20:
            self.session = Carried()
            carrier = self.opened()
            self.reactor.segment = repeat(segment).__next__
            self.say(
                say(b"a\xc3", final=False),
                say(b"ping", PING),
                say(b"", 0, final=False),
                say(b"\xa9b", 0),
                say(b"c"),
            )
            self.assertEqual(self.session.values("frame"), ["aéb", "c"])
            [pong] = self.server.frames
            self.assertEqual((pong.opcode, pong.payload), (PONG, b"ping"))
            self.end(carrier)

    def test_empty(self) -> None:
        """
        Any number of empty frames makes one message, and takes no memory.
        """
        carrier = self.opened()
        self.say(say(b"a", final=False))
        self.say(say(b"", 0, final=False) * 10_000)
        self.assertEqual(len(carrier._socket.message_data), 1)
        self.say(say(b"b", 0))
        self.assertEqual(self.session.values("frame"), ["ab"])
        self.end(carrier)

    def test_binary(self) -> None:
        """
        Bytes are a raw WebSocket's alone. They are no frame of SockJS's.
        """
        data = say(b"\xff", BINARY) + say(b"a")
        carrier = self.opened()
        self.say(data)
        self.assertEqual(self.session.values("frame"), ["a"])
        self.end(carrier)
        self.session = Carried()
        carrier = self.opened(RawWebSocket)
        self.say(data)
        self.assertEqual(self.session.values("message"), [b"\xff", "a"])
        self.end(carrier)

    def test_callsBack(self) -> None:
        """
        A session that closes or aborts at a frame gets none of those behind it.
        """
        for stop in (
            lambda: self.carrier.close(1000, ""),
            lambda: self.carrier.abort(),
        ):
            for separate in False, True:
                self.session = Carried()
                self.carrier = self.opened()

                def then(what: str, value: Any, stop: Any = stop) -> None:
                    if value == "a":
                        stop()

                self.session.then = then
                frames = [say(b"a"), say(b"b"), say(b"c", final=False), say(b"d", 0)]
                if separate:
                    # Autobahn reads what is in pieces.
                    self.say(frames[0][:1])
                    self.say(frames[0][1:], *frames[1:])
                else:
                    self.say(*frames)
                self.assertEqual(self.session.values("frame"), ["a"])
                self.reactor.advance(10)
                self.assertEqual(self.session.words[-1], "lost")

    def test_pause(self) -> None:
        """
        Who has paused is not read for, until it reads on.
        """
        carrier = self.opened()
        carrier.pauseReceiving()
        self.say(say(b"a"))
        self.assertEqual(self.session.values("frame"), [])
        carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(self.session.values("frame"), ["a"])
        self.end(carrier)

    def test_masked(self) -> None:
        """
        What is sent is masked, with a key of its own each time.
        """
        carrier = self.opened()
        for _ in range(20):
            carrier.send("x" * 100)
        carrier.close(1000, "")
        self.reactor.settle()
        self.assertEqual(len(self.server.frames), 21)
        size = len(self.server.received) // 20
        keys = {self.server.received[at * size + 2 :][:4] for at in range(20)}
        self.assertEqual(len(keys), 20)
        self.reactor.advance(10)


class FaultTests(CarrierTestCase):
    """
    A server that does what it must not.
    """

    def assertFault(self, data: bytes, code: int, **settings: Any) -> None:
        """
        The server is told the code, the session the same, and the connection ends: as
        the server ends it, or soon. What comes behind the fault is not delivered.
        """
        for segment in 1, 1 << 20:
            for hangs in False, True:
                self.session = Carried()
                carrier = self.carry(**settings)
                self.server.accept(self.headers)
                self.reactor.settle()
                self.reactor.segment = repeat(segment).__next__
                self.server.hangs = hangs
                self.say(data, say(b"behind"))
                [last] = self.server.frames
                self.assertEqual((last.opcode, last.code), (CLOSE, code))
                if hangs:
                    self.reactor.advance(0.9)
                    self.assertEqual(self.session.words, ["connected"])
                    self.reactor.advance(0.2)
                reason = self.assertLost(SessionFailed)
                self.assertEqual(reason.code, code)
                if code != 1009:
                    # A close frame has room for 123 bytes of it.
                    self.assertEqual(reason.reason[:123], last.reason)
                self.assertEqual(self.session.words, ["connected", "lost"])
                self.assertEqual(carrier.pending, 0)
                self.server.transport.loseConnection()
                self.reactor.settle()

    headers: dict[str, str] | None = None

    def test_faults(self) -> None:
        """
        Each fault has its code (RFC 6455, section 7.4.1).
        """
        for data in (
            frame(b"a"),
            say(b"a", rsv=4),
            say(b"a", 3),
            say(b"a", 0),
            say(b"a", 11),
            say(b"a", PING, final=False),
            say(b"a" * 126, PING),
            say(b"a", final=False) + say(b"b"),
            say(b"a", CLOSE),
            close(1005),
            close(999),
            close(2000),
            close(5000),
            b"\x81\x7e\x00\x05abcde",
            b"\x81\x7f" + b"\xff" * 8,
        ):
            self.assertFault(data, 1002)
        for data in (
            say(b"\xff"),
            say(b"\xed\xa0\x80"),
            say(b"\xc3", final=False) + say(b"", 0),
            say(b"\x03\xe8\xff", CLOSE),
        ):
            self.assertFault(data, 1007)

    def test_large(self) -> None:
        """
        What is larger than may be is refused as soon as its head is there, and the
        error says what it is that allows no more.
        """
        for data in (
            b"\x81\x7f" + (10_000_000).to_bytes(8, "big"),
            b"\x82\x7e" + (1001).to_bytes(2, "big"),
            say(b"a" * 1001),
            say(b"a" * 600, final=False) + b"\x80\x7e" + (401).to_bytes(2, "big"),
        ):
            self.assertFault(data, 1009, max_message_size=1000)
            self.assertLost(TooLarge, "max_message_size allows 1000")

    def test_allowed(self) -> None:
        """
        What is as large as it may be is taken.
        """
        carrier = self.opened(max_message_size=1000)
        half = say(b"a" * 500, final=False) + say(b"a" * 500, 0)
        self.say(say(b"a" * 1000), half)
        self.assertEqual(self.session.values("frame"), ["a" * 1000] * 2)
        carrier.abort()
        self.reactor.settle()

    def test_inflated(self) -> None:
        """
        With compression it counts what comes of it; what does not inflate is a fault.
        """
        self.headers = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        deflater = zlib.compressobj(wbits=-15)
        bomb = deflater.compress(bytes(10_000_000)) + deflater.flush(zlib.Z_SYNC_FLUSH)
        self.assertFault(
            say(bomb[:-4], rsv=4), 1009, compression=True, max_message_size=100_000
        )
        self.assertLost(TooLarge, "max_message_size allows 100000")
        self.assertFault(say(b"\xff\xff", rsv=4), 1007, compression=True)

    def test_inflates(self) -> None:
        """
        As much as is allowed is taken, in any pieces, and so is a message that ends
        with a block marked as the last, and what follows that.
        """
        self.headers = {"Sec-WebSocket-Extensions": "permessage-deflate"}
        text = bytes(range(32, 127)) * 10
        for segment in 1, 1 << 20:
            self.session = Carried()
            carrier = self.carry(compression=True, max_message_size=len(text))
            self.server.accept(self.headers)
            self.reactor.segment = repeat(segment).__next__
            for _ in range(2):
                last = zlib.compress(text, wbits=-15)
                self.say(say(last[:20], rsv=4, final=False), say(last[20:], 0))
            deflater = zlib.compressobj(wbits=-15)
            for _ in range(2):
                data = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
                self.say(say(data[:-4], rsv=4))
            self.say(say(text))
            self.assertEqual(self.session.values("frame"), [text.decode()] * 5)
            carrier.abort()
            self.reactor.settle()

    def test_crowded(self) -> None:
        """
        A server at fault that does not read what it is sent is not waited for.
        """
        carrier = self.opened()
        self.server.transport.pauseProducing()
        carrier.send("x" * 500_000)
        self.reactor.settle()
        self.assertGreater(carrier.pending, 0)
        self.say(frame(b"a"))
        self.assertLost(SessionFailed)


class EndTests(CarrierTestCase):
    """
    How it ends.
    """

    def test_server(self) -> None:
        """
        The server's code and reason are told, and are given back.
        """
        for kind in WebSocket, RawWebSocket:
            for data, code, reason in (
                (close(1000), 1000, ""),
                (close(4321, "é" * 60), 4321, "é" * 60),
                (say(b"", CLOSE), 1005, ""),
            ):
                self.session = Carried()
                self.opened(kind)
                self.say(data, say(b"behind"), close(4999), frame(b""))
                [answer] = self.server.frames
                self.assertEqual(answer.opcode, CLOSE)
                self.assertEqual(answer.payload, data[2:])
                self.server.transport.loseConnection()
                self.reactor.settle()
                lost = self.assertLost(SessionClosed)
                self.assertEqual((lost.code, lost.reason), (code, reason))
                self.assertEqual(self.session.words, ["connected", "lost"])

    def test_serverHangs(self) -> None:
        """
        A server that has closed and does not end the connection is left after a second.
        """
        self.opened()
        self.say(close(4000))
        self.reactor.advance(0.9)
        self.assertEqual(self.session.words, ["connected"])
        self.reactor.advance(0.2)
        self.assertLost(SessionClosed)

    def test_vanished(self) -> None:
        """
        An end without a close frame is told as such, with 1006.
        """
        for how in "loseConnection", "abortConnection":
            self.session = Carried()
            self.opened()
            getattr(self.server.transport, how)()
            self.reactor.settle()
            reason = self.assertLost(SessionFailed, "sockjs.example:80", "was lost")
            self.assertEqual(reason.code, 1006)

    def test_close(self) -> None:
        """
        The server has time to answer, and a second to end the connection; what it says
        in between is not delivered, and who had paused does not hold that up.
        """
        carrier = self.opened(close_timeout=5)
        carrier.pauseReceiving()
        carrier.close(3000, "bye")
        self.say(say(b"late"))
        [said] = self.server.frames
        self.assertEqual((said.code, said.reason), (3000, "bye"))
        self.reactor.advance(4.9)
        self.assertEqual(self.session.words, ["connected"])
        self.say(close(3000))
        self.reactor.advance(0.9)
        self.assertEqual(self.session.words, ["connected"])
        self.reactor.advance(0.2)
        self.assertLost(ConnectionDone)

    def test_closeHangs(self) -> None:
        """
        A server that does not answer is not waited for longer than was set.
        """
        carrier = self.opened(close_timeout=5)
        carrier.close(3000, "")
        self.reactor.advance(4.9)
        self.assertEqual(self.session.words, ["connected"])
        self.reactor.advance(0.2)
        self.assertLost(ConnectionDone)

    def test_closeBehind(self) -> None:
        """
        What was sent before is carried before, however long that takes while some of
        it is taken.
        """
        carrier = self.opened(close_timeout=5)
        self.server.transport.pauseProducing()
        carrier.send("x" * 1_000_000)
        carrier.close(3000, "")
        carrier.send("nothing more")
        for _ in range(10):
            self.reactor.advance(4)
            self.server.transport.resumeProducing()
            self.reactor.turn()
            self.server.transport.pauseProducing()
        self.assertEqual(self.session.words, ["connected"])
        self.server.transport.resumeProducing()
        self.reactor.settle()
        message, last = self.server.frames
        self.assertEqual(len(message.payload), 1_000_004)
        self.assertEqual(last.code, 3000)
        self.say(close(3000))
        self.server.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(self.session.words[-1], "lost")

    def test_closedTwice(self) -> None:
        """
        To close what is closing changes nothing; to abort it ends it.
        """
        carrier = self.opened()
        carrier.close(3000, "")
        carrier.close(4000, "")
        self.reactor.settle()
        [said] = self.server.frames
        self.assertEqual(said.code, 3000)
        carrier.abort()
        carrier.abort()
        self.reactor.settle()
        self.assertLost(ConnectionAborted)
