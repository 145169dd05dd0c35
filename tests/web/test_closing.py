"""Tests for the ends of a WebSocket: close handshakes, faults, time-outs."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Frame,
    Socket,
    closeFrame,
    frame,
)

BOTH = ["/0/s/websocket", "/websocket"]


class ClosingCase(ServiceCase):
    def socket(self, path: str = "/websocket", **options: object) -> Socket:
        """
        Open a WebSocket to an echo.
        """
        self.serve(Echo, **options)
        return Socket(self.connect(), path)

    def closes(self, socket: Socket) -> list[Frame]:
        """
        The close frames that came.
        """
        return [each for each in socket.frames if each.opcode == CLOSE]

    def close(self, *args: Any) -> None:
        """
        Have the application close.
        """
        self.sessions[0].transport.loseConnection(*args)
        self.site.settle()

    def assertLost(self, reason: type[Exception]) -> None:
        """
        The application was told of the end once.
        """
        self.assertEqual([each.type for each in self.sessions[0].lost], [reason])

    def servers(self) -> list[Any]:
        """
        The server's sides of the connections that are there.
        """
        reactor = self.site.reactor
        every = {*reactor.getReaders(), *reactor.getWriters()}
        return [each for each in every if each.getPeer().host == "192.0.2.7"]


class ServerClosesTests(ClosingCase):
    """
    The application closes first.
    """

    def test_framed(self) -> None:
        """
        SockJS's close frame, then WebSocket's; the answer ends the connection.
        """
        socket = self.socket(BOTH[0])
        self.close()
        self.assertEqual(socket.texts, [b"o", b'c[3000,"Go away!"]'])
        self.assertEqual([each.code for each in self.closes(socket)], [1000])
        self.assertFalse(socket.closed)
        socket.send(closeFrame(1000))
        self.assertTrue(socket.closed)
        self.assertLost(ConnectionDone)

    def test_raw(self) -> None:
        """
        On a raw WebSocket code and reason are in its own close frame.
        """
        socket = self.socket()
        self.close(4001, "reason é")
        (close,) = self.closes(socket)
        self.assertEqual((close.code, close.reason), (4001, "reason é"))
        socket.send(closeFrame(4001))
        self.assertLost(ConnectionDone)

    def test_longReason(self) -> None:
        """
        A reason that does not fit is cut between two characters.
        """
        socket = self.socket()
        self.close(4001, "é" * 100)
        (close,) = self.closes(socket)
        self.assertEqual(close.reason, "é" * 61)

    def test_loneSurrogate(self) -> None:
        """
        A reason that has no encoding is sent as far as it has one.
        """
        for path in BOTH:
            socket = self.socket(path)
            self.close(4001, "a\ud800b")
            self.assertEqual(len(self.closes(socket)), 1)
            self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.closes(socket)[0].reason, "a\ufffdb")

    def test_deliversFirst(self) -> None:
        """
        What was written before the close is delivered before it.
        """
        for path in BOTH:
            socket = self.socket(path)
            self.sessions[0].transport.write(b"last")
            self.close()
            self.assertIn(b"last", socket.frames[-2 if path == BOTH[1] else -3].payload)
            self.assertEqual(socket.frames[-1].opcode, CLOSE)

    def test_noAnswer(self) -> None:
        """
        A peer that does not answer the close frame is cut off.
        """
        for path in BOTH:
            socket = self.socket(path, timeout=5)
            self.close()
            self.site.advance(11)
            self.assertTrue(socket.closed)
            self.assertLost(ConnectionLost)

    def test_slowReader(self) -> None:
        """
        The peer's time to answer counts from when it had the close frame: a slow reader
        gets all of it.
        """
        socket = self.socket(timeout=5)
        transport = socket.connection.transport
        transport.pauseProducing()
        self.sessions[0].transport.write(b"x" * 1_000_000)
        self.close()
        for _ in range(20):
            self.site.advance(4)
            transport.resumeProducing()
            self.site.reactor.turn()
            transport.pauseProducing()
        transport.resumeProducing()
        self.site.settle()
        self.assertEqual(socket.frames[0].payload, b"x" * 1_000_000)
        self.assertEqual([each.code for each in self.closes(socket)], [3000])

    def test_messagesAfter(self) -> None:
        """
        What the peer still says after the close is not delivered.
        """
        for path in BOTH:
            socket = self.socket(path)
            self.close()
            socket.say('["late"]')
            socket.say("[")
            self.assertEqual(self.sessions[0].received, [])
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_abort(self) -> None:
        """
        An abort ends the connection at once, without a close frame.
        """
        socket = self.socket()
        self.sessions[0].transport.abortConnection()
        self.site.settle()
        self.assertTrue(socket.closed)
        self.assertEqual(self.closes(socket), [])
        self.assertEqual(len(self.sessions[0].lost), 1)


class ClientClosesTests(ClosingCase):
    """
    The browser closes first.
    """

    def test_clean(self) -> None:
        """
        The close frame is answered, the connection ended, the application told.
        """
        for path in BOTH:
            for close in [closeFrame(), closeFrame(1000), closeFrame(4001, "bye é")]:
                socket = self.socket(path)
                socket.send(close)
                self.assertEqual(len(self.closes(socket)), 1)
                self.assertTrue(socket.closed)
                self.assertLost(ConnectionDone)

    def test_messageBefore(self) -> None:
        """
        A message in the same segment, before the close, is delivered.
        """
        socket = self.socket()
        socket.send(frame(b"last"), closeFrame(1000), frame(b"after"))
        self.assertEqual(self.sessions[0].received, [b"last"])

    def test_readsNothing(self) -> None:
        """
        A peer that closes, and does not take what is still to be sent, is cut off; it
        holds neither session nor connection.
        """
        for path in BOTH:
            socket = self.socket(path, heartbeat=None)
            socket.connection.transport.pauseProducing()
            self.sessions[0].transport.write(b"x" * 500_000)
            self.site.settle()
            socket.send(closeFrame(1000))
            self.site.advance(60)
            self.assertEqual(self.servers(), [])
            self.assertEqual(len(self.sessions[0].lost), 1)

    def test_readsSlowly(self) -> None:
        """
        A peer that closes and goes on reading gets all that was sent before.
        """
        socket = self.socket(heartbeat=None)
        transport = socket.connection.transport
        transport.pauseProducing()
        self.sessions[0].transport.write(b"x" * 1_000_000)
        self.site.settle()
        socket.send(closeFrame(1000))
        for _ in range(20):
            self.site.advance(4)
            transport.resumeProducing()
            self.site.reactor.turn()
            transport.pauseProducing()
        transport.resumeProducing()
        self.site.settle()
        self.assertEqual(socket.frames[0].payload, b"x" * 1_000_000)


class FaultTests(ClosingCase):
    """
    What RFC 6455 forbids is told by a close frame with its code, and ends the session.
    """

    def assertFails(self, code: int, *data: bytes, **options: object) -> None:
        """
        These bytes fail both kinds of WebSocket with this code.
        """
        for path in BOTH:
            socket = self.socket(path, **options)
            socket.send(*data)
            self.assertEqual([each.code for each in self.closes(socket)], [code])
            self.assertEqual(self.sessions[0].received, [])
            self.site.advance(11)
            self.assertTrue(socket.closed)
            self.assertEqual(len(self.sessions[0].lost), 1)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_tooBig(self) -> None:
        """
        1009 for a frame above C{max_message_size}, before its payload came.
        """
        self.assertFails(1009, frame(b"", size=1001), max_message_size=1000)
        self.assertFails(1009, frame(b"", BINARY, size=2**62), max_message_size=1000)

    def test_tooBigInFragments(self) -> None:
        """
        1009 for fragments that exceed it together.
        """
        part = b"x" * 600
        self.assertFails(
            1009,
            frame(part, final=False),
            frame(part, 0, final=False),
            max_message_size=1000,
        )

    def test_exactSize(self) -> None:
        """
        A message of exactly the limit is taken, in one frame and in two.
        """
        socket = self.socket(max_message_size=1000)
        half = b"x" * 500
        socket.send(frame(half * 2), frame(half, final=False), frame(half, 0))
        self.assertEqual(self.sessions[0].received, [b"x" * 1000] * 2)

    def test_notUTF8(self) -> None:
        """
        1007 for text that is not UTF-8, at the first byte that cannot be.
        """
        self.assertFails(1007, frame(b"\xff"))
        self.assertFails(1007, frame(b'"\xed\xa0\x80"'))
        self.assertFails(1007, frame(b"a\xff", final=False))
        self.assertFails(1007, frame(b"\xc3", final=False), frame(b"", 0))

    def test_unmasked(self) -> None:
        """
        1002 for a frame without a mask.
        """
        self.assertFails(1002, frame(b'"a"', mask=None))

    def test_reserved(self) -> None:
        """
        1002 for reserved bits and reserved opcodes.
        """
        for rsv in [1, 2, 4, 7]:
            self.assertFails(1002, frame(b'"a"', rsv=rsv))
        for opcode in [3, 7, 11, 15]:
            self.assertFails(1002, frame(b"", opcode))

    def test_fragmentation(self) -> None:
        """
        1002 for a continuation of nothing, and for a new message within one.
        """
        self.assertFails(1002, frame(b"a", 0))
        self.assertFails(1002, frame(b"a", final=False), frame(b"b", TEXT))

    def test_controlFrames(self) -> None:
        """
        1002 for a control frame that is too long, or in fragments.
        """
        self.assertFails(1002, frame(b"x" * 126, PING))
        self.assertFails(1002, frame(b"", PING, final=False))
        self.assertFails(1002, frame(b"\x03", CLOSE))

    def test_lengths(self) -> None:
        """
        1002 for a length that is not in its shortest form, or has its top bit set.
        """
        self.assertFails(1002, b"\x81\xfe\x00\x01\0\0\0\0a")
        self.assertFails(1002, b"\x81\xff" + b"\0" * 7 + b"\x01\0\0\0\0a")
        self.assertFails(1002, b"\x81\xff\x80" + b"\0" * 7 + b"\0\0\0\0a")

    def test_closeCodes(self) -> None:
        """
        1002 for a close code that must not be sent, 1007 for a reason not in UTF-8.
        """
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535]:
            self.assertFails(1002, closeFrame(code))
        self.assertFails(1007, frame(b"\x03\xe8\xff", CLOSE))

    def test_goesOn(self) -> None:
        """
        After a fault nothing more is delivered, and nothing is kept.
        """
        socket = self.socket(max_message_size=1000)
        socket.send(frame(b"", size=10**9))
        for _ in range(50):
            socket.send(b"x" * 100_000)
        self.assertEqual(self.sessions[0].received, [])
        self.assertFalse(socket.closed)
        self.site.advance(11)
        self.assertTrue(socket.closed)
