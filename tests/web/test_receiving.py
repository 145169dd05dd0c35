"""Tests for `txsockjs.transports.receiving`: responses as a session's receivers."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost

from tests.support.serving import Echo, Recorder, ServiceCase
from txsockjs.testing import MemoryResponse

STREAMS = [
    ("POST", "/0/s/xhr_streaming"),
    ("GET", "/0/s/eventsource"),
    ("GET", "/0/s/htmlfile?c=f"),
]
POLLS = [("POST", "/0/s/xhr"), ("GET", "/0/s/jsonp?c=f")]

INTERRUPTED = b'c[1002,"Connection interrupted"]\n'


class ReceivingCase(ServiceCase):
    def receive(self, url: tuple[str, str]) -> MemoryResponse:
        return self.client.request(*url)

    def say(self, text: bytes) -> None:
        """
        Have the application send a message.
        """
        self.sessions[-1].transport.write(text)
        self.site.settle()

    def waiting(self, url: tuple[str, str]) -> MemoryResponse:
        """
        Open a session by this transport, and have a receiver wait in it.
        """
        self.serve(Echo)
        response = self.receive(url)
        return response if url in STREAMS else self.receive(url)


class BusyTests(ReceivingCase):
    """
    One receiver at a time. (PROTOCOL 6.2)
    """

    def test_second(self) -> None:
        """
        A second receiver is told and ended; the first is not disturbed.
        """
        for url in STREAMS + POLLS:
            first = self.waiting(url)
            for other in STREAMS + POLLS:
                second = self.receive(other)
                self.assertIn(b"2010", second.body)
                self.assertIn(b"Another connection still open", second.body)
                self.assertTrue(second.finished)
            self.say(b"still")
            self.assertIn(b"still", first.body)

    def test_exactly(self) -> None:
        """
        The frame is the protocol's.
        """
        self.waiting(POLLS[0])
        self.assertEqual(
            self.receive(POLLS[0]).body, b'c[2010,"Another connection still open"]\n'
        )


class VanishedTests(ReceivingCase):
    """
    The browser's network fails. (PROTOCOL 6.6)
    """

    def test_whileWaiting(self) -> None:
        """
        The session is lost, the application told once, and so is who comes for it.
        """
        for url in STREAMS + POLLS:
            self.waiting(url).connection.abort()
            (reason,) = self.sessions[0].lost
            reason.trap(ConnectionLost)
            self.assertIn(b"1002", self.receive(url).body)
            self.assertEqual(len(self.sessions), 1)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_betweenPolls(self) -> None:
        """
        A connection that ends between two polls is none of the session's business.
        """
        self.serve(Echo)
        self.receive(POLLS[0]).connection.abort()
        self.say(b"a")
        self.assertEqual(self.receive(POLLS[0]).body, b'a["a"]\n')

    def test_betweenFrames(self) -> None:
        """
        What was written when the receiver was gone already is not counted as sent: the
        next receiver, in time, is told that the session is over.
        """
        stream = self.waiting(STREAMS[0])
        stream.connection.transport.abortConnection()
        self.sessions[0].transport.write(b"a")
        self.site.settle()
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertTrue(self.receive(STREAMS[0]).body.endswith(INTERRUPTED))

    def test_afterTheClose(self) -> None:
        """
        A receiver that fails under its close frame leaves the frame for the next one.
        """
        self.waiting(STREAMS[0])
        self.sessions[0].transport.loseConnection()
        self.site.settle()
        self.assertEqual(self.receive(POLLS[0]).body, b'c[3000,"Go away!"]\n')
        self.sessions[0].lost[0].trap(ConnectionDone)

    def test_noReceiverInTime(self) -> None:
        """
        Five seconds without a receiver, and the session is lost. (PROTOCOL 6.4)
        """
        self.serve(Echo)
        self.receive(POLLS[0])
        self.site.advance(4.9)
        self.assertEqual(self.sessions[0].lost, [])
        self.site.advance(0.2)
        self.sessions[0].lost[0].trap(ConnectionLost)
        self.assertEqual(self.receive(POLLS[0]).body, INTERRUPTED)
        self.assertEqual(self.post("/0/s/xhr_send", b'["a"]').status, 404)
        # It is remembered for a while, and no longer.
        self.site.advance(301)
        self.assertEqual(self.receive(POLLS[0]).body, b"o\n")


class Producer:
    """
    A push producer that remembers.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def stopProducing(self) -> None:
        self.heard.append("stop")


class BackPressureTests(ReceivingCase):
    """
    A browser that reads slowly, or not at all.
    """

    def slow(self, url: tuple[str, str], **options: object) -> MemoryResponse:
        """
        Open a stream that is not read from.
        """
        self.serve(Recorder, **options)
        connection = self.connect()
        response = connection.request(*url)
        connection.transport.pauseProducing()
        return response

    def produce(self) -> Producer:
        """
        Have the application register a producer.
        """
        producer = Producer()
        self.sessions[0].transport.registerProducer(producer, True)
        return producer

    def test_paused(self) -> None:
        """
        The application's producer is paused when the network is full, and resumed when
        all was taken; nothing is lost, doubled or out of order.
        """
        for url in STREAMS:
            response = self.slow(url, streaming_limit=10**9)
            producer = self.produce()
            sent = [b"%d" % n * 5000 for n in range(100)]
            for each in sent:
                self.say(each)
            self.assertEqual(producer.heard, ["pause"])
            response.connection.transport.resumeProducing()
            self.site.settle()
            self.assertEqual(producer.heard, ["pause", "resume"])
            body = response.body
            found = [body.find(each) for each in sent]
            self.assertNotIn(-1, found)
            self.assertEqual(found, sorted(found))

    def test_maxBuffer(self) -> None:
        """
        Past ``max_buffer`` the session is closed with 1013, logged, and what it held is
        given up.
        """
        response = self.slow(STREAMS[0], streaming_limit=10**9, max_buffer=200_000)
        warnings = self.keepWarnings()
        session = self.sessions[0]
        for _ in range(100):
            session.transport.write(b"x" * 10_000)
            self.site.settle()
        self.assertEqual(len(session.lost), 1)
        self.assertEqual([event["code"] for event in warnings], [1013])
        response.connection.transport.resumeProducing()
        self.site.settle()
        self.assertTrue(
            response.body.endswith(b'c[1013,"Too many undelivered messages"]\n')
        )
        self.assertLess(len(response.body), 500_000)

    def test_slowPoll(self) -> None:
        """
        The disconnect delay counts from when a poll's answer was delivered.
        """
        self.serve(Recorder)
        self.receive(POLLS[0])
        self.say(b"x" * 500_000)
        connection = self.connect()
        connection.transport.pauseProducing()
        poll = connection.request(*POLLS[0])
        for _ in range(6):
            self.readSome(connection)
            self.site.advance(4)
        connection.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(len(poll.body), 500_006)
        self.assertEqual(self.sessions[0].lost, [])

    def readSome(self, connection: Any) -> None:
        """
        Let a client read a segment.
        """
        connection.transport.resumeProducing()
        self.site.reactor.turn()
        connection.transport.pauseProducing()

    def test_stuck(self) -> None:
        """
        A stream from which nothing is taken between two heartbeats is given up.
        """
        self.slow(STREAMS[0], streaming_limit=10**9)
        self.say(b"x" * 500_000)
        self.site.advance(80)
        self.sessions[0].lost[0].trap(ConnectionLost)

    def test_readSlowly(self) -> None:
        """
        A stream from which something is taken is not.
        """
        response = self.slow(STREAMS[0], streaming_limit=10**9)
        self.say(b"x" * 1_000_000)
        for _ in range(12):
            self.readSome(response.connection)
            self.site.advance(20)
        self.assertEqual(self.sessions[0].lost, [])


class HTTPVersionTests(ReceivingCase):
    """
    HTTP/1.0, keep-alive, pipelining.
    """

    def old(self, url: tuple[str, str]) -> MemoryResponse:
        """
        Make a request of HTTP/1.0.
        """
        return self.connect().request(*url, version="HTTP/1.0")

    def test_oldStream(self) -> None:
        """
        To HTTP/1.0 a stream is not chunked, and ends with the connection.
        """
        for url in STREAMS:
            self.serve(Echo)
            response = self.old(url)
            self.assertHeaders(response, Transfer_Encoding=None, Content_Length=None)
            self.say(b"now")
            self.assertIn(b"now", response.body)
            self.assertFalse(response.connection.closed)
            self.sessions[0].transport.loseConnection()
            self.site.settle()
            self.assertTrue(response.connection.closed)
            self.assertIn(b"Go away!", response.body)

    def test_oldPoll(self) -> None:
        """
        To HTTP/1.0 a poll is answered with its length, and the connection closed.
        """
        for url in POLLS:
            self.serve(Echo)
            response = self.old(url)
            self.assertHeaders(
                response, Transfer_Encoding=None, Content_Length=str(len(response.body))
            )
            self.assertTrue(response.connection.closed)

    def test_keptAlive(self) -> None:
        """
        A connection serves poll after poll, and streams are chunked.
        """
        self.serve(Echo)
        connection = self.connect()
        self.assertEqual(connection.request(*POLLS[0]).body, b"o\n")
        self.say(b"a")
        self.assertEqual(connection.request(*POLLS[0]).body, b'a["a"]\n')
        stream = connection.request(*STREAMS[1])
        self.assertHeaders(stream, Transfer_Encoding="chunked", Content_Length=None)

    def test_closeAsked(self) -> None:
        """
        ``Connection: close`` is kept to.
        """
        self.serve(Echo)
        response = self.connect().request(*POLLS[0], {"Connection": "close"})
        self.assertTrue(response.finished)
        self.assertTrue(response.connection.closed)

    def test_pipelined(self) -> None:
        """
        Requests in one segment are answered in order, a poll holding up what is behind.
        """
        self.serve(Echo)
        connection = self.connect()
        poll = b"POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        connection.send(poll + poll + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(connection.received.count(b"HTTP/1.1 200 OK"), 1)
        self.say(b"a")
        self.assertEqual(connection.received.count(b"HTTP/1.1 200 OK"), 3)
        first, second = (
            connection.received.find(b'a["a"]'),
            connection.received.find(b"Welcome"),
        )
        self.assertLess(0, first)
        self.assertLess(first, second)

    def test_pipelinedFlood(self) -> None:
        """
        What is pipelined behind a poll is not read into memory without end.
        """
        self.serve(Echo)
        self.receive(POLLS[0])
        connection = self.connect()
        connection.request(*POLLS[0])
        connection.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100_000)
        self.site.settle()
        (server,) = self.site.reactor.getWriters()
        self.assertIs(server, connection.transport)
        self.assertGreater(len(server.dataBuffer) - server.offset, 2_000_000)
