"""Messages of no size, of which there may be very many."""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from tests.support.serving import Echo, Recorder, RecordingFactory, ServiceCase
from txsockjs.factory import SockJSMultiFactory
from txsockjs.testing import MemoryReactor
from txsockjs.web.head import readStart

MANY = b"[" + b",".join([b'""'] * 20_000) + b"]"


class Deaf(Recorder):
    """
    Does not read.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.pauseProducing()


class EmptyMessageTests(ServiceCase):
    def test_unread(self) -> None:
        """
        An application that does not read is not sent any number of them.
        """
        self.serve(Deaf, max_buffer=1 << 20, timeout=1000)
        self.open()
        responses = [self.post("/0/s1/xhr_send", MANY) for _ in range(3)]
        self.assertEqual([each.raw[9:12] for each in responses], [b"", b"503", b"503"])

    def test_undelivered(self) -> None:
        """
        A browser that does not poll is not kept any number of them: the session is
        closed as one that holds too much.
        """
        self.serve(Echo, max_buffer=1 << 17, timeout=1000)
        session = self.open()
        for _ in range(3):
            self.post("/0/s1/xhr_send", MANY)
        self.site.settle()
        self.assertEqual(len(session.lost), 1)
        self.assertIn(b"c[1013", self.post("/0/s1/xhr").body)

    def test_taken(self) -> None:
        """
        A browser that takes them gets as many as there are.
        """
        self.serve(Echo, max_buffer=1 << 20)
        self.open()
        stream = self.client.request("GET", "/0/s1/eventsource")
        self.post("/0/s1/xhr_send", MANY)
        self.assertEqual(stream.body.count(b'""'), 20_000)


class HeadTests(SynchronousTestCase):
    def grown(self, lines: int) -> int:
        """
        How many bytes more the process holds when it has read 3,000 different heads, as
        long as may be, each of so many lines.
        """
        size = 4000 // lines - 2
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(3000):
            fields = [b"a%d-%d:" % (number, line) for line in range(lines - 1)]
            block = [b"Host: a", *(field.ljust(size, b"x") for field in fields)]
            readStart(b"\r\n".join([b"GET / HTTP/1.1", *block, b"", b""]))
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return after - before

    def test_remembered(self) -> None:
        """
        Whoever sends ever new heads does not fill the memory with them.
        """
        for lines in (2, 64, 200):
            self.assertLess(self.grown(lines), 32 << 20, lines)


class NameTests(ServiceCase):
    def test_remembered(self) -> None:
        """
        Twisted remembers 10,000 names of headers: whoever sends ever new ones, as long
        as may be and read in one step or line by line, does not fill the memory with
        them.
        """
        self.serve()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for size in (250, 3000, 15_000):
            for number in range(400):
                name = b"a%d-%d-" % (size, number)
                for more in b"", b"Accept: a\r\nExpect: b\r\n":
                    connection = self.connect()
                    line = b"GET / HTTP/1.1\r\nHost: a\r\n%b" % more
                    connection.send(line + name.ljust(size, b"x") + b": b\r\n\r\n")
                    connection.abort()
        after, _ = tracemalloc.get_traced_memory()
        # Most of it is what the network in memory keeps of 2,400 connections.
        self.assertLess(after - before, 12 << 20)


class AnswerTests(ServiceCase):
    """
    What a browser says of itself comes back in headers.
    """

    SERVICES = 50

    def setUp(self) -> None:
        site = SockJSMultiFactory(clock=MemoryReactor())
        for number in range(self.SERVICES):
            options = {"cookie_needed": True}
            site.addFactory(RecordingFactory(Echo), f"s{number}", options)
        self.listen(site)

    def grown(self, size: int) -> int:
        """
        How many bytes more the process holds when each service has been asked 16 times,
        each time with another Origin, other headers and another cookie of this size.
        """
        self.client.request("POST", "/s0/0/s/xhr_send")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(16 * self.SERVICES):
            text = f"{number}-".ljust(size, "x")
            headers = {
                "Origin": f"https://{text}",
                "Access-Control-Request-Headers": text,
                "Cookie": f"JSESSIONID={text[:256]}",
                # So that Twisted reads it, and this is about answers alone.
                "Expect": "",
            }
            service = number % self.SERVICES
            self.client.request("POST", f"/s{service}/0/s/xhr_send", headers)
            self.client.idle().received = b""
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return after - before

    def test_remembered(self) -> None:
        """
        Whoever sends ever new ones, short or long, does not fill the memory of a
        process with them, however many services it has.
        """
        for size in (250, 7000):
            self.assertLess(self.grown(size), 4 << 20, size)
