"""The carriers over XHR, against servers that do what a test says."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone

from tests.support.carriers import Carried, place
from tests.support.scripted import Asked, ScriptedTestCase
from txsockjs.client.sending import BATCH
from txsockjs.client.xhr import XHRPolling, XHRStreaming
from txsockjs.errors import TooLarge

PRELUDE = b"h" * 2048 + b"\n"


class CarrierTestCase(ScriptedTestCase):
    """
    A session that is carried to a scripted server, which keeps the requests until the
    test answers them.

    @ivar sends: the requests that were to send.
    """

    def setUp(self) -> None:
        super().setUp()
        self.receives: list[Asked] = []
        self.sends: list[Asked] = []
        self.session = Carried()

        def script(asked: Asked) -> None:
            isSend = asked.line.endswith("/xhr_send")
            (self.sends if isSend else self.receives).append(asked)

        self.server.script = script
        self.addCleanup(self.end)

    def end(self) -> None:
        """
        Nothing is told behind the end.
        """
        if "lost" not in self.session.words:
            self.carrier.abort()
            self.reactor.settle()
            self.assertIsInstance(self.session.reason, ConnectionAborted)
        self.reactor.advance(60)

    def start(self, kind: Any = XHRStreaming, **settings: Any) -> None:
        """
        Begin. With streaming, the response has begun.
        """
        self.carrier = kind(self.session, place(self.web, self.reactor, **settings))
        self.carrier.start()
        self.reactor.settle()
        if kind is XHRStreaming:
            self.receives[-1].begin()
            self.say(PRELUDE)

    def say(self, data: bytes) -> None:
        """
        Go on with a streaming response.
        """
        self.receives[-1].chunk(data)
        self.reactor.settle()

    def answer(self, body: bytes, status: str = "200 OK") -> None:
        """
        Answer a polling request.
        """
        self.receives[-1].answer(body, status)
        self.reactor.settle()

    def take(self, status: str = "204 No Content", body: bytes = b"") -> Any:
        """
        Answer the last sending request.

        @return: the messages in it.
        """
        asked = self.sends[-1]
        asked.answer(body, status)
        self.reactor.settle()
        return json.loads(asked.body)

    @property
    def frames(self) -> list[str]:
        return self.session.values("frame")

    @property
    def lost(self) -> str:
        """
        Why it was lost, as a person reads it.
        """
        return str(self.session.reason)


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

        @return: how many there were.
        """
        transport = self.receives[-1].connection.transport
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
        self.answer(b"h\n")
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


class SendingTests(CarrierTestCase):
    """
    What goes out.
    """

    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.say(b"o\n")

    def send(self, *messages: str) -> None:
        """
        Send messages in one turn.
        """
        for message in messages:
            self.carrier.send(message)
        self.reactor.settle()

    def test_batches(self) -> None:
        """
        One request at a time; what comes meanwhile goes into the next, in order. The
        session is told when all is taken.
        """
        self.send("a", "b")
        self.send("c")
        self.send("d")
        self.assertEqual(len(self.sends), 1)
        self.assertEqual(self.take(), ["a", "b"])
        self.assertNotIn("drained", self.session.words)
        self.assertEqual(len(self.sends), 2)
        # Some servers say it so.
        self.assertEqual(self.take("200 OK", b"ok"), ["c", "d"])
        self.assertEqual(self.session.words, ["frame", "drained"])
        self.send("e")
        self.assertEqual(self.take(), ["e"])
        self.assertEqual(self.session.words[2:], ["drained"])
        self.assertEqual(len(self.server.connections), 2)

    def test_form(self) -> None:
        """
        The body is JSON in UTF-8, with what has no UTF-8 escaped.
        """
        self.send('"\u20ac', "\ud800")
        [asked] = self.sends
        self.assertEqual(asked.body, b'["\\"\xe2\x82\xac","\\ud800"]')
        self.assertEqual(asked.headers["content-type"], "text/plain; charset=UTF-8")
        self.take()

    def test_bound(self) -> None:
        """
        A request has no more than its bound, unless one message has.
        """
        third, large = "x" * (BATCH // 3), "y" * (2 * BATCH)
        self.send(third, third, third, large, "z")
        taken = []
        while not taken or taken[-1] != ["z"]:
            taken.append(self.take())
        self.assertEqual(taken, [[third, third], [third], [large], ["z"]])
        sizes = [len(asked.body) for asked in self.sends]
        self.assertLessEqual(max(sizes[0], sizes[1]), BATCH)
        # As full as can be.
        fitting = ["x" * (BATCH - 10), "123", "4"]
        self.send(*fitting)
        self.assertEqual(self.take(), fitting[:2])
        self.assertEqual(len(self.sends[-2].body), BATCH)
        self.take()

    def test_pending(self) -> None:
        """
        What counts as pending is what is not answered yet.
        """
        self.assertEqual(self.carrier.pending, 0)
        self.carrier.send("1234")
        waiting = self.carrier.pending
        self.assertEqual(waiting, len('"1234",'))
        self.reactor.settle()
        self.send("56")
        self.assertEqual(self.carrier.pending, waiting + len('"56",'))
        self.take()
        self.assertEqual(self.carrier.pending, len('"56",'))
        self.take()
        self.assertEqual(self.carrier.pending, 0)

    def test_refused(self) -> None:
        """
        Another status is the end, with what the server says to it.
        """
        self.send("a")
        self.send("b")
        self.take("500 Oops", b"Broken JSON encoding.")
        self.assertIn("/xhr_send answered 500 Oops: 'Broken JSON encod", self.lost)
        self.assertEqual(len(self.sends), 1)
        self.assertEqual(self.carrier.pending, 0)
        self.assertIsNotNone(self.receives[0].connection.ended)

    def test_notTwice(self) -> None:
        """
        A request whose connection ends without an answer is not made again: the server
        may have taken it. So it is on a connection that was kept.
        """
        self.send("a")
        self.take()
        self.send("b")
        self.sends[-1].connection.transport.loseConnection()
        self.reactor.settle()
        self.assertIn("lost before all had come", self.lost)
        self.assertEqual([asked.body for asked in self.sends], [b'["a"]', b'["b"]'])

    def test_closedBetween(self) -> None:
        """
        A connection that the server has closed in between is not used.
        """
        self.send("a")
        self.sends[-1].answer(b"", "204 No Content")
        self.sends[-1].connection.transport.loseConnection()
        self.reactor.settle()
        self.send("b")
        self.assertEqual(self.take(), ["b"])
        self.assertNotIn("lost", self.session.words)

    def test_closedByUs(self) -> None:
        """
        Nor is one that has had nothing to do for longer than servers keep it.
        """
        self.send("a")
        self.take()
        self.reactor.advance(4)
        self.assertIsNotNone(self.sends[0].connection.ended)
        self.send("b")
        self.assertEqual(self.take(), ["b"])

    def test_slow(self) -> None:
        """
        A server may take its time: so ours tells that its application does not read.
        """
        self.send("a")
        self.reactor.advance(1000)
        self.assertEqual(self.take(), ["a"])
        self.assertEqual(self.session.words, ["frame", "drained"])

    def test_rest(self) -> None:
        """
        An answer without an end is not waited for: it has said that all is taken.
        """
        for body in (b"", b"x" * 1_000_000):
            self.send("a")
            self.sends[-1].begin()
            if body:
                self.sends[-1].chunk(body)
            self.reactor.advance(5)
            self.assertEqual(self.session.words[-1], "drained")
            self.assertIsNotNone(self.sends[-1].connection.ended)

    def test_within(self) -> None:
        """
        What the session sends when it is told that all is taken goes at once.
        """

        def then(what: str, value: Any) -> None:
            if self.session.words.count("drained") == 1:
                self.carrier.send("more")

        self.session.then = then
        self.send("a")
        self.take()
        self.assertEqual(self.take(), ["more"])


class ClosingTests(CarrierTestCase):
    """
    How it ends when it is closed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.start(close_timeout=7)
        self.say(b"o\n")

    def test_sendsFirst(self) -> None:
        """
        All that was given before is sent; the receiving request is there until then.
        """
        self.carrier.send("a")
        self.reactor.settle()
        self.carrier.send("b")
        self.carrier.close(1000, "")
        self.reactor.advance(1)
        self.assertEqual(self.take(), ["a"])
        self.assertEqual(self.receives[0].connection.ended, None)
        self.assertEqual(self.take(), ["b"])
        self.assertEqual(self.session.words, ["frame", "lost"])
        self.assertIsInstance(self.session.reason, ConnectionDone)
        self.assertIsNotNone(self.receives[0].connection.ended)

    def test_tooLate(self) -> None:
        """
        A server that does not answer is not waited for without end.
        """
        self.carrier.send("abc")
        self.carrier.close(1000, "")
        self.reactor.advance(6.9)
        self.assertNotIn("lost", self.session.words)
        self.reactor.advance(0.2)
        self.assertIn("6 bytes were not taken by the server within 7 s", self.lost)
        self.assertIn("close_timeout", self.lost)

    def test_abort(self) -> None:
        """
        It can be told to hurry.
        """
        self.carrier.send("a")
        self.carrier.close(1000, "")
        self.reactor.settle()
        self.carrier.abort()
        self.reactor.settle()
        self.assertIsInstance(self.session.reason, ConnectionAborted)

    def test_closedByServer(self) -> None:
        """
        Once the server has closed it, nothing is sent nor asked for any more.
        """
        self.carrier.send("a")
        self.reactor.settle()
        self.say(b'c[3000,"Go away!"]\n')
        self.say(b"")
        self.assertEqual(len(self.receives), 1)
        self.carrier.close(1000, "")
        self.reactor.settle()
        self.assertIsInstance(self.session.reason, ConnectionDone)

    def test_noClose(self) -> None:
        """
        What only looks like a close is followed by the next request.
        """
        self.say(b"c[3000\n")
        self.say(b"")
        self.assertEqual(len(self.receives), 2)
