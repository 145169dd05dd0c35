"""What comes in over XHR, from servers that do what a test says."""

from __future__ import annotations

from typing import Any

from tests.support.carriers import Carried
from tests.support.carrying import CarrierTestCase, place
from txsockjs.client.xhr import XHRPolling, XHRStreaming
from txsockjs.errors import TooLarge


class ReceivingTests(CarrierTestCase):
    """
    What comes in.
    """

    def test_pieces(self) -> None:
        """
        A frame is told when all of it is there, wherever it is cut.
        """
        self.start()
        for piece in 'o\na["\u20ac \U0001f600"]\n'.encode():
            self.say(bytes([piece]))
        self.assertEqual(self.frames, ["o", 'a["\u20ac \U0001f600"]'])
        self.say(b"h\nh\nh")
        self.assertEqual(self.frames[2:], ["h", "h"])

    def test_again(self) -> None:
        """
        A response that has ended is followed by the next at once, on its connection.
        """
        for kind in (XHRStreaming, XHRPolling):
            self.session = Carried()
            self.start(kind)
            asked = len(self.receives)
            if kind is XHRStreaming:
                self.say(b"o\n")
                self.say(b"")
            else:
                self.answer(b"o\n")
            self.assertEqual(len(self.receives), asked + 1)
            first, second = self.receives[-2:]
            self.assertEqual(second.line, first.line)
            self.assertEqual(second.body, b"")
            self.assertIs(second.connection, first.connection)
            self.assertEqual(self.session.words, ["frame"])
            self.end()

    def test_withoutLength(self) -> None:
        """
        So it is where a response ends with its connection, as those of old proxies do.
        """
        self.start(XHRPolling)
        self.receives[0].say(b"HTTP/1.0 200 OK\r\n\r\no\n")
        self.receives[0].connection.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(self.frames, ["o"])
        self.assertEqual(len(self.receives), 2)

    def test_nothing(self) -> None:
        """
        A server whose responses bring nothing is not asked as fast as it answers.
        """
        self.start(XHRPolling)
        for _ in range(50):
            self.answer(b"")
            self.reactor.advance(1)
        self.assertLess(len(self.receives), 20)
        self.assertGreater(len(self.receives), 10)
        self.reactor.advance(5)
        self.answer(b"o\n")
        self.answer(b"h\n")
        asked = len(self.receives)
        self.answer(b"")
        self.reactor.advance(0.1)
        self.assertEqual(len(self.receives), asked + 1)

    def test_refused(self) -> None:
        """
        Another status than 200 is the end, with what the server says to it.
        """
        for kind, path in ((XHRStreaming, "xhr_streaming"), (XHRPolling, "xhr")):
            self.session = Carried()
            self.carrier = kind(self.session, place(self.web, self.reactor))
            self.carrier.start()
            self.reactor.settle()
            self.answer(b"no such " * 99, "404 Not Found")
            self.assertIn(f"/{path} answered 404 Not Found: 'no such no", self.lost)
            self.assertLess(len(self.lost), 200)

    def test_redirected(self) -> None:
        """
        It follows to where it is redirected with the same method.
        """
        self.start(XHRPolling)
        self.receives[-1].answer(b"", "307 There", "Location: /there/xhr")
        self.reactor.settle()
        self.assertEqual(self.receives[-1].line, "POST /there/xhr")
        self.answer(b"o\n")
        self.assertEqual(self.frames, ["o"])

    def test_broken(self) -> None:
        """
        A response that breaks off is the end.
        """
        for end in ("loseConnection", "abortConnection"):
            self.session = Carried()
            self.start()
            self.say(b"o\n")
            getattr(self.receives[-1].connection.transport, end)()
            self.reactor.settle()
            self.assertIn("lost before all had come", self.lost)

    def test_withinFrame(self) -> None:
        """
        A response that ends within a frame is the end, as is one that is shorter than
        its frames are.
        """
        self.start(XHRPolling)
        self.answer(b'a["x')
        self.assertIn("ended within a frame, after 4 bytes", self.lost)

    def test_wrongLength(self) -> None:
        """
        A length that is too small cuts a frame, one that is too large waits in vain;
        the first is an error, and the connection's end makes the other one.
        """
        self.start(XHRPolling)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        self.receives[-1].say(head % 3, b'a["x"]\n')
        self.reactor.settle()
        self.assertIn("ended within a frame, after 3 bytes", self.lost)
        self.session = Carried()
        self.start(XHRPolling)
        self.receives[-1].say(head % 30, b'a["x"]\n')
        self.reactor.settle()
        self.assertEqual(self.frames, ['a["x"]'])
        self.receives[-1].connection.transport.loseConnection()
        self.reactor.settle()
        self.assertIn("lost before all had come", self.lost)

    def test_abortWithin(self) -> None:
        """
        When it is ended by what a frame says, those behind it are not told.
        """
        self.start()
        self.session.then = lambda what, value: self.carrier.abort()
        self.say(b"o\nx\n")
        self.assertEqual(self.session.words, ["frame", "lost"])

    def test_notUTF8(self) -> None:
        """
        What is not UTF-8 is the end.
        """
        self.start()
        self.say(b'a["\xff"]\n')
        self.assertIn("not UTF-8", self.lost)
        self.assertEqual(self.frames, [])

    def test_compressed(self) -> None:
        """
        What is compressed is not taken for frames.
        """
        self.start(XHRPolling)
        self.receives[-1].answer(b"o\n", "200 OK", "Content-Encoding: br")
        self.reactor.settle()
        self.assertIn("compressed (br)", self.lost)
        self.assertEqual(self.frames, [])

    def test_tooLarge(self) -> None:
        """
        A frame that is too large ends it before all of it is there.
        """
        self.start(max_message_size=1000)
        self.say(b"o\n")
        self.receives[-1].chunk(b"x" * 10_000_000)
        self.reactor.settle()
        self.assertEqual(self.frames, ["o"])
        self.assertIsInstance(self.session.reason, TooLarge)
        self.assertIn("max_message_size allows 1000", self.lost)
        self.assertIsNotNone(self.receives[-1].connection.ended)


class PauseTests(CarrierTestCase):
    """
    Pausing what comes in.
    """

    def fill(self) -> int:
        """
        Send frames until the network takes no more of them.

        :return: how many there were.
        """
        transport = self.receives[-1].connection.transport
        self.reactor.settle()
        for count in range(1000):
            if transport.dataBuffer or transport._tempDataBuffer:
                return count
            self.say(b"x" * 1000 + b"\n")
        raise AssertionError("all is read")

    def test_streaming(self) -> None:
        """
        Streaming, nothing is read while it is paused: the server has to wait.
        """
        self.start()
        self.say(b"o\n")
        self.carrier.pauseReceiving()
        count = self.fill()
        self.assertEqual(self.frames, ["o"])
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(len(self.frames), 1 + count)

    def test_beforeHead(self) -> None:
        """
        So it is when it is paused before the response begins.
        """
        self.carrier = XHRStreaming(self.session, place(self.web, self.reactor))
        self.carrier.start()
        self.reactor.settle()
        self.carrier.pauseReceiving()
        self.receives[-1].begin()
        count = self.fill()
        self.assertEqual(self.frames, [])
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(len(self.frames), count)

    def test_withinFrame(self) -> None:
        """
        A session can pause when it is told of a frame, and resume at once.
        """
        for resumes in (False, True):
            self.session = Carried()
            self.start()

            def then(what: str, value: Any, resumes: bool = resumes) -> None:
                if what == "frame":
                    self.carrier.pauseReceiving()
                    if resumes:
                        self.carrier.resumeReceiving()

            self.session.then = then
            self.say(b"o\n")
            self.say(b"x\n")
            self.assertEqual(self.frames, ["o", "x"] if resumes else ["o"])
            self.end()

    def test_ended(self) -> None:
        """
        A response that has ended while it was paused is followed by the next when it
        goes on.
        """
        self.start()
        self.session.then = lambda what, value: self.carrier.pauseReceiving()
        # All that is read at once is told.
        self.receives[-1].chunk(b"o\nx\n")
        self.say(b"")
        self.assertEqual(self.frames, ["o", "x"])
        self.assertEqual(len(self.receives), 1)
        self.session.then = lambda what, value: None
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(len(self.receives), 2)

    def test_polling(self) -> None:
        """
        Polling, one frame is kept and not followed by the next; heartbeats are.
        """
        self.start(XHRPolling)
        self.answer(b"o\n")
        self.carrier.pauseReceiving()
        for _ in range(2):
            self.reactor.advance(25)
            self.answer(b"h\n")
        self.assertEqual(self.frames, ["o", "h", "h"])
        self.assertEqual(len(self.receives), 4)
        self.answer(b'a["x"]\n')
        self.reactor.advance(9)
        self.assertEqual(self.frames, ["o", "h", "h"])
        self.assertEqual(len(self.receives), 4)
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(self.frames[3:], ['a["x"]'])
        self.assertEqual(len(self.receives), 5)

    def test_pollingMore(self) -> None:
        """
        A polling response that has more than its one frame is not read on either.
        """
        self.start(XHRPolling)
        self.carrier.pauseReceiving()
        self.receives[-1].begin()
        count = self.fill()
        self.assertEqual(self.frames, [])
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(len(self.frames), count)

    def test_pausedAgain(self) -> None:
        """
        What was kept can be the reason to pause again, or to end it.
        """
        self.start(XHRPolling)
        self.carrier.pauseReceiving()
        self.answer(b"x\ny\n")
        self.session.then = lambda what, value: self.carrier.pauseReceiving()
        self.carrier.resumeReceiving()
        self.assertEqual(self.frames, ["x"])
        self.carrier.resumeReceiving()
        self.assertEqual(self.frames, ["x", "y"])
        self.reactor.settle()
        self.assertEqual(len(self.receives), 1)
        self.session.then = lambda what, value: None
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(len(self.receives), 2)

    def test_abortResumed(self) -> None:
        """
        What was kept can be the reason to end it: then nothing more is told or asked.
        """
        self.start(XHRPolling)
        self.carrier.pauseReceiving()
        self.answer(b'a["x"]\na["y"]\n')
        self.session.then = lambda what, value: self.carrier.abort()
        self.carrier.resumeReceiving()
        self.reactor.settle()
        self.assertEqual(self.session.words, ["frame", "lost"])
        self.assertEqual(len(self.receives), 1)

    def test_abortPaused(self) -> None:
        """
        While it is paused it can be ended, at any point.
        """
        for kind in (XHRStreaming, XHRPolling):
            for body in (None, b"o\n"):
                self.session = Carried()
                self.carrier = kind(self.session, place(self.web, self.reactor))
                self.carrier.start()
                self.reactor.settle()
                self.carrier.pauseReceiving()
                if body is not None:
                    self.answer(body)
                self.end()
