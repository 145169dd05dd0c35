"""Tests for the ends of a WebSocket: close handshakes, faults, time-outs."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

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
from txsockjs import SessionClosed, SessionFailed
from txsockjs.testing import MemoryConnection

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

    def closed(self) -> dict[int, int]:
        """
        The sessions that were counted as closed, by code.
        """
        counted = self.site.site.resource.counters.closed
        return {code: count for (_, code), count in counted.items()}

    def close(self, *args: Any) -> None:
        """
        Have the application close.
        """
        self.sessions[0].transport.loseConnection(*args)
        self.site.settle()

    def assertLost(self, reason: type[Exception], *args: object) -> None:
        """
        The application was told of the end once, with a reason of this kind.
        """
        [lost] = self.sessions[0].lost
        self.assertTrue(lost.check(reason), lost)
        if args:
            self.assertEqual((lost.value.code, lost.value.reason), args)

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
        What the peer still says after the close is not looked at.
        """
        for path in BOTH:
            socket = self.socket(path)
            self.close()
            socket.say('["late"]')
            socket.say("[")
            self.assertFalse(socket.closed)
            socket.send(closeFrame(1000))
            self.assertLost(ConnectionDone)
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
        The close frame comes back, the connection ends, and the application has the
        browser's code and reason.
        """
        for path in BOTH:
            for close in [(1000, ""), (4001, "bye é"), (3000, "x" * 123)]:
                socket = self.socket(path)
                socket.send(closeFrame(*close))
                [answer] = self.closes(socket)
                self.assertEqual((answer.code, answer.reason), close)
                self.assertTrue(socket.closed)
                self.assertLost(SessionClosed, *close)
                self.assertEqual(self.closed(), {close[0]: 1})

    def test_noCode(self) -> None:
        """
        So does a close frame without a code, which counts as the ordinary end.
        """
        for path in BOTH:
            socket = self.socket(path)
            socket.send(closeFrame())
            self.assertEqual([each.payload for each in self.closes(socket)], [b""])
            self.assertLost(ConnectionDone, 1005, "")
            self.assertEqual(self.closed(), {1000: 1})

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
    What RFC 6455 forbids is told by a close frame with its code, and ends session and
    connection at once.
    """

    def assertFails(self, code: int, *data: bytes, **options: object) -> None:
        """
        These bytes fail both kinds of WebSocket with this code.
        """
        for path in BOTH:
            socket = self.socket(path, **options)
            socket.send(*data)
            [close] = self.closes(socket)
            self.assertEqual(close.code, code)
            self.assertTrue(socket.closed)
            self.assertEqual(self.sessions[0].received, [])
            self.assertLost(SessionFailed, code, close.reason)
            self.assertLost(ConnectionLost)
            self.assertEqual(self.closed(), {code: 1})
            self.assertEqual(self.servers(), [])
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_tooBig(self) -> None:
        """
        1009 for a frame above ``max_message_size``, before its payload came.
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
        After a fault nothing more is delivered, or kept, and no reset takes the close
        frame away from a browser that goes on for a while.
        """
        socket = self.persistent(max_message_size=1000)
        socket.send(frame(b"", size=10**9))
        for _ in range(50):
            socket.send(b"x" * 100_000)
        self.assertEqual(self.sessions[0].received, [])
        self.assertEqual(self.ended, ["fin"])
        [server] = self.servers()
        self.assertEqual(server.protocol.data, b"")
        self.site.advance(11)
        self.assertEqual(self.servers(), [])

    def test_closeBehind(self) -> None:
        """
        A close frame behind a fault is not the end that the application hears of.
        """
        for path in BOTH:
            socket = self.socket(path)
            socket.send(frame(b"", 3), closeFrame(4000, "mine"))
            self.assertLost(SessionFailed, 1002, self.closes(socket)[0].reason)

    def test_faultWhileClosing(self) -> None:
        """
        A fault in place of the answer to a close frame ends the connection.
        """
        for path in BOTH:
            socket = self.persistent(path)
            self.close()
            socket.send(frame(b"", 3))
            self.assertEqual(self.ended, ["fin"])
            self.site.advance(11)
            self.assertLost(ConnectionLost)
            self.assertEqual(self.closed(), {3000: 1})

    def test_slowReader(self) -> None:
        """
        A close frame behind much that waits is on its way until it is there.
        """
        socket = self.persistent()
        transport = socket.connection.transport
        transport.pauseProducing()
        self.sessions[0].transport.write(b"x" * 500_000)
        self.site.settle()
        socket.send(frame(b"", 3))
        transport.resumeProducing()
        self.site.settle()
        self.assertEqual([each.opcode for each in socket.frames], [TEXT, CLOSE])
        self.assertEqual(self.ended, ["fin"])

    def persistent(self, path: str = "/websocket", **options: object) -> Socket:
        """
        Open a WebSocket from a browser that does not mind that the server has ended.
        """
        self.serve(Echo, **options)
        connection = Persistent(self.site.reactor)
        self.ended = connection.ended
        return Socket(self.site.connect(connection), path)


@implementer(IHalfCloseableProtocol)
class Persistent(MemoryConnection):
    """
    Goes on when the other side has ended.

    :ivar ended: how it did.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.ended: list[str] = []

    def readConnectionLost(self) -> None:
        self.ended.append("fin")

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        if reason.check(ConnectionLost):
            self.ended.append("reset")
