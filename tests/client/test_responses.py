"""Tests for `txsockjs.client.connections` and `txsockjs.client.responses`."""

from __future__ import annotations

from typing import Any

from tests.support.scripted import Asked, ScriptedTestCase
from txsockjs.client.connections import MAX_HEAD
from txsockjs.client.responses import MAX_BODY


class BoundsTests(ScriptedTestCase):
    """
    What a server can do wrong.
    """

    def assertRefused(self, problem: str, data: bytes) -> None:
        """
        A response is refused in these words, and its connection ended.
        """
        self.server.script = lambda asked: asked.say(data)
        self.assertIn(problem, self.problem(self.get()))
        self.assertIsNotNone(self.server.connections[-1].ended)

    def test_head(self) -> None:
        """
        The head of a response has a bound, in whatever way it is too long.
        """
        said = f"the head of its response has more than {MAX_HEAD} bytes"
        begin = b"HTTP/1.1 200 OK\r\n"
        self.assertRefused(said, begin + b"A: " + b"x" * MAX_HEAD)
        self.assertRefused(said, begin + b"A: b\r\n" * MAX_HEAD)
        self.assertRefused(said, begin + b"A: b\r\n" * MAX_HEAD + b"\r\n")
        self.assertRefused(said, b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_HEAD)
        self.assertRefused(said, b"x" * (MAX_HEAD + 1))
        # All of it at once.
        field = b"A: %b\r\n" % (b"x" * (MAX_HEAD // 2))
        self.assertRefused(said, begin + 2 * field + b"\r\n")

    def test_longHead(self) -> None:
        """
        Up to there it is read, though it comes byte by byte and behind others; what
        comes behind it does not count.
        """
        begin = (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 40000\r\n"
        )
        # No line is longer than Twisted reads.
        filler = b"A: %b\r\n" % (b"x" * 8000)
        left = MAX_HEAD - len(begin) - len(filler) - len(b"B: \r\n\r\n")
        head = begin + filler + b"B: %b\r\n\r\n" % (b"y" * left)
        self.assertEqual(len(head), MAX_HEAD)
        body = b"z" * 40000
        self.server.script = lambda asked: asked.say(head, body)
        reading = self.read(self.successResultOf(self.get()))
        self.assertEqual(self.successResultOf(reading), body)
        self.reactor.segment = lambda: 1
        reading = self.read(self.successResultOf(self.get()))
        self.assertEqual(self.successResultOf(reading), body)

    def test_noHTTP(self) -> None:
        """
        What is no HTTP is refused.
        """
        for data in (b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/x.y z\r\n\r\n"):
            self.assertRefused("no HTTP", data)
        begin = b"HTTP/1.1 200 OK\r\n"
        self.assertRefused("no HTTP", begin + b"Transfer-Encoding: gzip\r\n\r\n")
        self.assertRefused("no HTTP", begin + b"Content-Length: -1\r\n\r\n")
        twice = b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"
        self.assertRefused("no HTTP", begin + twice)

    def test_more(self) -> None:
        """
        What comes behind a response is no part of the next one.
        """
        more = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
        for together in (True, False):

            def script(asked: Asked, together: bool = together) -> None:
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
                asked.say(head + (more if together else b""))

            self.server.script = script
            for _ in range(2):
                reading = self.read(self.successResultOf(self.get()))
                self.assertEqual(self.successResultOf(reading), b"x")
                if not together:
                    self.server.asked[-1].say(more)
                    self.reactor.settle()
                    self.assertIsNotNone(self.server.connections[-1].ended)

    def test_notTaken(self) -> None:
        """
        A server that answers what is no HTTP and does not take the request either has
        its connection ended.
        """

        def made(address: Any, build: Any = self.server.buildProtocol) -> Any:
            connection = build(address)
            connection.connectionMade = lambda: (
                connection.transport.pauseProducing(),
                connection.transport.write(b"SSH-2.0-x\r\n\r\n"),
            )
            return connection

        self.server.buildProtocol = made  # type: ignore[method-assign]
        url = "http://sockjs.example/"
        asking: Any = self.web.request("POST", url, body=b"x" * 1_000_000)
        self.reactor.settle()
        self.assertIn("no HTTP", self.problem(asking))
        [connection] = self.server.connections
        self.assertNotEqual(self.reactor.getWriters(), [])
        self.reactor.advance(2)
        self.assertEqual(self.reactor.getWriters(), [])
        connection.transport.resumeProducing()
        self.reactor.settle()
        self.assertIsNotNone(connection.ended)

    def test_noAnswer(self) -> None:
        """
        A connection that ends before the response, or within its head, is a failure.
        """
        for data in (b"", b"HTTP/1.1 200 OK\r\n"):

            def script(asked: Asked, data: bytes = data) -> None:
                asked.say(data)
                asked.connection.transport.loseConnection()

            self.server.script = script
            self.assertIn("lost before all had come", self.problem(self.get()))

    def test_largeBody(self) -> None:
        """
        What is read as a whole has a bound.
        """
        self.server.script = lambda asked: asked.answer(b"x" * (MAX_BODY + 1))
        problem = self.problem(self.read(self.successResultOf(self.get("/big"))))
        self.assertIn("http://sockjs.example/big", problem)
        self.assertIn(f"more than {MAX_BODY} bytes", problem)
        self.assertIsNotNone(self.server.connections[-1].ended)
        self.server.script = lambda asked: asked.answer(b"x" * MAX_BODY)
        reading = self.read(self.successResultOf(self.get()))
        self.assertEqual(len(self.successResultOf(reading)), MAX_BODY)

    def test_brokenOff(self) -> None:
        """
        A body that is shorter than its length is a failure.
        """
        for head in (
            b"Content-Length: 9\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n9\r\n",
        ):

            def script(asked: Asked, head: bytes = head) -> None:
                asked.say(b"HTTP/1.1 200 OK\r\n", head, b"part")
                asked.connection.transport.loseConnection()

            self.server.script = script
            reading = self.read(self.successResultOf(self.get()))
            self.assertIn("lost before all had come", self.problem(reading))

    def test_withoutLength(self) -> None:
        """
        A body without a length ends with its connection, if that ends in good order.
        """

        def script(asked: Asked) -> None:
            asked.say(b"HTTP/1.0 200 OK\r\n\r\n", b"all")
            self.reactor.callLater(1, getattr(asked.connection.transport, how))

        self.server.script = script
        how = "loseConnection"
        reading = self.read(self.successResultOf(self.get()))
        self.reactor.advance(1)
        self.assertEqual(self.successResultOf(reading), b"all")
        how = "abortConnection"
        reading = self.read(self.successResultOf(self.get()))
        self.reactor.advance(1)
        self.assertIn("lost before all had come", self.problem(reading))

    def test_excerpt(self) -> None:
        """
        Of what a refusal says, the beginning is taken, and it is not waited for long.
        """

        def asked(script: Any) -> Any:
            self.server.script = script
            response = self.successResultOf(self.get())
            excerpt = response.excerpt(self.reactor, 5)
            self.reactor.settle()
            return excerpt

        text = asked(lambda asked: asked.answer(b"why\xff", "500 No"))
        self.assertEqual(self.successResultOf(text), "500 No: 'why\ufffd'")
        text = asked(lambda asked: asked.answer(b"because", "500 No"))
        self.assertEqual(self.successResultOf(text), "500 No: 'becau'")
        head = b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n"
        text = asked(lambda asked: asked.say(head, b"w"))
        self.assertNoResult(text)
        self.reactor.advance(5)
        self.assertEqual(self.successResultOf(text), "500 No: 'w'")
        text = asked(lambda asked: asked.say(head))
        self.reactor.advance(5)
        self.assertEqual(self.successResultOf(text), "500 No")
        self.assertIsNotNone(self.server.connections[-1].ended)

    def test_dropped(self) -> None:
        """
        A connection that is given up is not used again, though its response has come
        to an end in the same moment.
        """
        self.server.script = lambda asked: asked.answer(b"x" * 1000)
        response = self.successResultOf(self.get())
        self.successResultOf(response.excerpt(self.reactor))
        asking: Any = self.web.request("POST", "http://sockjs.example/")
        self.reactor.settle()
        self.successResultOf(asking)
        self.assertEqual(len(self.server.connections), 2)
