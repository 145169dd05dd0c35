"""Requests that are pipelined behind a receiving one.

Twisted runs the next request of a connection from inside the end of the response before
it, which may be inside anything that the application has called.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.server import Site

from tests.support.serving import Echo, RecordingFactory, ServiceCase
from txsockjs.factory import SockJSFactory, SockJSResource
from txsockjs.testing import MemoryConnection, MemoryReactor

RECEIVING = [
    ("POST", "xhr"),
    ("POST", "xhr_streaming"),
    ("GET", "eventsource"),
    ("GET", "htmlfile?c=f"),
    ("GET", "jsonp?c=f"),
]
SENDING = ["xhr_send", "jsonp_send"]
BIG = "x" * 70_000
BUSY = b"2010"


class Strict(Echo):
    """
    Echoes, and is called when it may be and not otherwise.
    """

    busy = made = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.made = True

    def dataReceived(self, data: bytes) -> None:
        assert self.made, "a message before connectionMade"
        assert not self.busy, "called inside its own call"
        assert not self.lost, "called after the end"
        self.busy = True
        super().dataReceived(data)
        if data == b"close":
            self.transport.loseConnection()
        self.busy = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert not self.busy, "told of the end inside its own call"
        super().connectionLost(reason)


def request(method: str, path: str, body: str = "") -> bytes:
    """
    The bytes of a request.
    """
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\n"
    if method == "POST":
        head += f"Content-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


def statuses(connection: MemoryConnection) -> list[int]:
    """
    Those of the responses that have begun to come.
    """
    lines = connection.received.split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines]


class PipeliningTests(ServiceCase):
    """
    Over our own Site.
    """

    def start(self, **options: object) -> None:
        """
        Serve it, with streams that take one frame.
        """
        factory, reactor = RecordingFactory(Strict), MemoryReactor()
        self.sessions = factory.sessions
        options = {"streaming_limit": 1, **options}
        self.resource = SockJSResource(factory, options, clock=reactor)
        self.listen(self.make(factory, options, reactor))
        self.addCleanup(self.resource.stop)

    def make(self, factory: Any, options: Any, reactor: MemoryReactor) -> Any:
        return SockJSFactory(factory, options, clock=reactor)

    def pipeline(self, *requests: bytes) -> MemoryConnection:
        """
        Send requests in one segment.
        """
        connection = self.connect()
        connection.send(b"".join(requests))
        return connection

    def pairs(self, **options: object) -> Any:
        """
        A receiving request and one that sends ``text``, for each two transports, with a
        service that is new.
        """
        for (method, tail), sending in product(RECEIVING, SENDING):
            self.start(**options)

            def send(text: str, sending: str = sending) -> bytes:
                return request("POST", f"/0/s/{sending}", f'["{text}"]')

            yield request(method, f"/0/s/{tail}"), send

    def assertAnswered(self, connection: MemoryConnection, *texts: str) -> None:
        """
        All was answered, and each of these came once, in this order, to nobody else.
        """
        received = connection.received
        self.assertNotIn(BUSY, received)
        self.assertLessEqual(set(statuses(connection)), {200, 204})
        places = [received.find(text.encode()) for text in texts]
        self.assertEqual(places, sorted(places))
        for text in texts:
            self.assertEqual(received.count(text.encode()), 1, text)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_sendBehindTheFirst(self) -> None:
        """
        A send behind what opens the session is taken, and its echo comes next.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(receive, send("hello"), receive)
            self.assertEqual(len(statuses(connection)), 3)
            self.assertAnswered(connection, "hello")

    def test_sendBehindAPoll(self) -> None:
        """
        A send behind one that waits is taken when that ends.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(receive, receive, send("second"), receive)
            # Of a stream, the head has come.
            self.assertLessEqual(len(statuses(connection)), 2)
            self.pipeline(send("first"))
            self.assertEqual(len(statuses(connection)), 4)
            self.assertAnswered(connection, "first", "second")

    def test_sendsBehindTheFirst(self) -> None:
        """
        Several come in their order, before the next receiver or between two.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(
                receive, send("one"), send("two"), receive, send("three"), receive
            )
            self.assertAnswered(connection, "one", "two", "three")
            [session] = self.sessions
            self.assertEqual(session.received, [b"one", b"two", b"three"])

    def test_receivers(self) -> None:
        """
        The next receiver is the next, and not one too many.
        """
        for first, second in product(RECEIVING, RECEIVING):
            self.start()
            requests = [request(m, f"/0/s/{tail}") for m, tail in (first, second)]
            connection = self.pipeline(*requests, *requests)
            for text in "one", "two", "three":
                self.sessions[0].transport.write(text.encode())
                self.site.settle()
            self.assertEqual(statuses(connection), [200] * 4)
            self.assertAnswered(connection, "one", "two", "three")

    def test_large(self) -> None:
        """
        What is more than a frame goes out inside ``write``: the application is called
        with what is pipelined behind it when that has returned.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(receive, receive, send("second"), receive)
            self.pipeline(send(BIG))
            self.assertAnswered(connection, BIG, "second")
            self.assertEqual(len(statuses(connection)), 4)

    def test_authorize(self) -> None:
        """
        Where the session waits for ``authorize``, so does what is behind.
        """
        waiting: list[Deferred[str]] = []

        def authorize(request: Any) -> Deferred[str]:
            waiting.append(Deferred())
            return waiting[-1]

        for receive, send in self.pairs(authorize=authorize):
            connection = self.pipeline(receive, send("hello"), receive)
            other = self.pipeline(send("early"))
            self.assertEqual(self.sessions, [])
            waiting[-1].callback("bob")
            self.site.settle()
            self.assertAnswered(connection, "early", "hello")
            self.assertIn(statuses(other), ([200], [204]))

    def test_close(self) -> None:
        """
        Behind a message at which the application closes, everybody is told the end.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(receive, send("close"), receive, receive)
            self.pipeline(receive)
            self.site.advance(1)
            self.assertEqual(connection.received.count(b"c[3000,"), 1)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_many(self) -> None:
        """
        Any number of them is served, and not one inside the other.
        """
        for receive, send in self.pairs():
            connection = self.pipeline(receive, (send("a") + receive) * 200)
            self.assertEqual(len(statuses(connection)), 401)
            self.assertEqual(self.sessions[0].received, [b"a"] * 200)
            self.assertEqual(self.flushLoggedErrors(), [])


class ForeignPipeliningTests(PipeliningTests):
    """
    Over a Site of somebody's.
    """

    def make(self, factory: Any, options: Any, reactor: MemoryReactor) -> Any:
        return Site(self.resource, reactor=reactor)
