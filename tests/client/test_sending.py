"""What goes out over XHR, to servers that do what a test says."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone

from tests.support.carrying import CarrierTestCase
from txsockjs.client.sending import BATCH


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
        self.send("x" * (BATCH - 10), "1234")
        self.assertEqual(len(self.take()), 1)
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

    def test_inFlight(self) -> None:
        """
        To abort it ends a request that is not answered.
        """
        self.carrier.send("a")
        self.reactor.settle()
        self.carrier.abort()
        self.reactor.settle()
        self.assertIsNotNone(self.sends[0].connection.ended)

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
