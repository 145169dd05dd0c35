"""Tests of `txsockjs.counters`, over whole services in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import Rejected, SockJSFactory, SockJSMultiFactory
from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.counters import Counters
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import (
    MemoryClient,
    MemoryReactor,
    MemorySession,
    MemorySite,
    MemoryWebSocket,
)

RECEIVING = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class Obedient(Protocol):
    """Echoes, and does what some messages ask for."""

    transport: Any = None

    def dataReceived(self, data: bytes) -> None:
        if data == b"close":
            self.transport.loseConnection(4000, "bye")
        elif data == b"abort":
            self.transport.abortConnection()
        elif data == b"raise":
            raise ZeroDivisionError
        elif data == b"flood":
            for _ in range(20):
                self.transport.write(b"x" * 1000)
        else:
            self.transport.write(data)


class CountersTestCase(SynchronousTestCase):
    """One service of `Obedient` protocols."""

    def serve(self, factory: Any = None, **options: Any) -> None:
        factory = factory or Factory.forProtocol(Obedient)
        site = SockJSFactory(factory, options, clock=MemoryReactor(), name="obey")
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)
        self.counters: Counters = site.services[""].counters

    def session(self, transport: str = "websocket") -> MemorySession:
        return self.client.session(transport)

    def raw(self) -> MemoryWebSocket:
        return self.client.websocket("/websocket")

    def assertTraffic(
        self, transport: str, messagesIn: int, bytesIn: int, out: int, bytesOut: int
    ) -> None:
        """So much came in, and so much went out."""
        found = self.counters[transport]
        self.assertEqual(
            (found.messagesIn, found.bytesIn, found.messagesOut, found.bytesOut),
            (messagesIn, bytesIn, out, bytesOut),
        )

    def assertClosed(self, *codes: int) -> None:
        """The WebSocket sessions have ended with these codes, and none is open."""
        closed = self.counters.closed
        self.assertEqual(
            sorted(closed.elements()), [("websocket", code) for code in sorted(codes)]
        )
        self.assertEqual(self.counters.open, 0)


class SessionTests(CountersTestCase):
    """Sessions: open, opened, closed."""

    def test_nothing(self) -> None:
        """At first there is nothing but the service's name."""
        self.serve()
        self.assertEqual((self.counters.service, self.counters.open), ("obey", 0))
        self.assertEqual((self.counters.opened, self.counters.closed), ({}, {}))
        self.assertEqual(self.counters.refused, {})

    def test_eachTransport(self) -> None:
        """A session counts for the transport that opened it, until its end."""
        self.serve()
        sessions = [self.session(transport) for transport in RECEIVING]
        self.raw()
        each = dict.fromkeys([*RECEIVING, "rawwebsocket"], 1)
        self.assertEqual(self.counters.opened, each)
        self.assertEqual(self.counters.open, 7)
        for session in sessions:
            session.send("close")
        self.assertEqual(self.counters.open, 1)
        closed = {(transport, 4000): 1 for transport in RECEIVING}
        self.assertEqual(self.counters.closed, closed)

    def test_switch(self) -> None:
        """A session that goes on over another transport is the same session."""
        self.serve()
        self.client.request("POST", "/0/s/xhr")
        self.client.request("POST", "/0/s/xhr_streaming")
        self.assertEqual(self.counters.opened, {"xhr": 1})

    def test_client(self) -> None:
        """A WebSocket that the browser closes is 1000; one that it loses is 1006."""
        self.serve()
        self.client.websocket("/0/s/websocket").close()
        self.session().abort()
        self.session().send("abort")
        self.assertClosed(1000, 1006, 1006)

    def test_faults(self) -> None:
        """A fault of the application is 1011, and too much to send is 1013."""
        self.serve(max_buffer=10_000)
        self.session().send("raise")
        self.assertClosed(1011)
        self.client.request("POST", "/0/s/xhr")
        self.client.request("POST", "/0/s/xhr_send", body=b'["flood"]')
        self.assertEqual(self.counters["xhr"].closed, {1013: 1})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_timeout(self) -> None:
        """A browser that does not come again is 1006."""
        self.serve()
        self.client.request("POST", "/0/s/xhr")
        self.site.advance(60)
        self.assertEqual(self.counters.closed, {("xhr", 1006): 1})

    def test_drain(self) -> None:
        """What is closed because the service stops is 1012."""
        self.serve()
        self.session()
        self.site.site.closeSessions()  # type: ignore[attr-defined]
        self.site.advance(1)
        self.assertClosed(1012)

    def test_stop(self) -> None:
        """What is dropped because the service stops is 1006, and nothing is open."""
        self.serve()
        self.session()
        self.site.site.stopFactory()  # type: ignore[no-untyped-call]
        self.assertClosed(1006)

    def test_channels(self) -> None:
        """The channels of a session are no sessions."""
        multiplex = MultiplexFactory(MemoryReactor())
        multiplex.addFactory("a", Factory.forProtocol(Obedient))
        self.serve(multiplex)
        session = self.session()
        session.send("sub,a")
        session.send("uns,a")
        self.assertEqual(self.counters.opened, {"websocket": 1})
        self.assertEqual(self.counters.closed, {})


class TrafficTests(CountersTestCase):
    """Messages and bytes."""

    def test_websocket(self) -> None:
        """The size of messages is that of the JSON which they come and go in."""
        self.serve()
        self.session().send("hello")
        # ["hello"] and a["hello"], of which the a is not counted.
        self.assertTraffic("websocket", 1, 9, 1, 9)

    def test_batch(self) -> None:
        """Several messages in one frame are counted each, the frame once."""
        self.serve()
        socket = self.client.websocket("/0/s/websocket")
        socket.send('["a","b","c"]')
        self.assertTraffic("websocket", 3, 13, 3, 13)
        socket.send('"d"')
        self.assertTraffic("websocket", 4, 16, 4, 18)

    def test_manyFrames(self) -> None:
        """So are those of several frames that are read, and answered, at once."""
        self.serve()
        socket = self.client.websocket("/0/s/websocket")
        for _ in range(3):
            socket.sendMessage(b'["a"]')
        self.site.settle()
        self.assertEqual(socket.messages[1:], ['a["a","a","a"]'])
        self.assertTraffic("websocket", 3, 15, 3, 13)

    def test_notASCII(self) -> None:
        """Bytes are bytes, not characters."""
        self.serve()
        socket = self.client.websocket("/0/s/websocket")
        socket.send('["é😀"]')
        self.assertTraffic("websocket", 1, 10, 1, 10)
        socket.sendMessage('["é"]'.encode())
        socket.sendMessage('["é"]'.encode())
        self.site.settle()
        self.assertEqual(self.counters["websocket"].bytesIn, 22)

    def test_http(self) -> None:
        """Over HTTP the JSON is the body, whichever way it is wrapped."""
        self.serve()
        for transport in RECEIVING[1:]:
            self.session(transport).send("hello", "x")
            self.assertTraffic(transport, 2, 14, 2, 13)

    def test_raw(self) -> None:
        """Of a raw WebSocket what comes in is counted as it is, text and binary."""
        self.serve()
        socket = self.raw()
        socket.send("é")
        socket.send(b"abc")
        self.assertEqual(socket.messages, ["é", "abc"])
        self.assertTraffic("rawwebsocket", 2, 5, 2, 5)

    def test_broken(self) -> None:
        """What is no message is not counted, nor is what comes after the end."""
        self.serve()
        self.session("xhr").send("close")
        for body in b"[", b'["a"]':
            self.client.request("POST", "/000/s1/xhr_send", body=body)
        self.assertTraffic("xhr", 1, 9, 0, 0)

    def test_notTaken(self) -> None:
        """What no browser has come for is not sent yet."""
        self.serve()
        self.client.request("POST", "/0/s/xhr")
        self.client.request("POST", "/0/s/xhr_send", body=b'["hello"]')
        self.assertTraffic("xhr", 1, 9, 0, 0)
        self.client.request("POST", "/0/s/xhr")
        self.assertTraffic("xhr", 1, 9, 1, 9)


class HighWaterTests(CountersTestCase):
    """The most that one session has held."""

    def test_poll(self) -> None:
        """What waits for the next poll."""
        self.serve()
        self.client.request("POST", "/0/s/xhr")
        for _ in range(3):
            self.client.request("POST", "/0/s/xhr_send", body=b'["hello"]')
        for _ in range(2):
            self.client.request("POST", "/0/s/xhr")
        self.assertEqual(self.counters["xhr"].highWater, 3 * (5 + MESSAGE_COST))

    def test_slow(self) -> None:
        """What waits for a browser that takes nothing, more than a frame of it."""
        self.serve()
        self.client.site.room = 1
        socket = self.client.websocket("/0/s/websocket")
        socket.transport.pauseProducing()
        for _ in range(20):
            socket.sendMessage(b'["flood"]')
        self.site.settle()
        self.assertGreater(self.counters["websocket"].highWater, 200_000)
        self.assertLess(self.counters["websocket"].highWater, 400_000)

    def test_quick(self) -> None:
        """A browser that takes everything leaves nothing to hold."""
        self.serve()
        for _ in range(20):
            self.session().send("flood")
        self.assertEqual(self.counters["websocket"].highWater, 0)


class RefusedTests(CountersTestCase):
    """What was refused, by cause."""

    def assertRefused(self, **causes: int) -> None:
        """This was refused, and nothing else."""
        self.assertEqual(self.counters.refused, causes)

    def test_requests(self) -> None:
        """A request that is answered with an error, under that error's name."""
        self.serve(origins=["https://example.com"], max_message_size=100)
        request = self.client.request
        request("GET", "/nowhere")
        request("GET", "/info", {"Upgrade": "websocket"})
        request("POST", "/0/s/xhr", {"Origin": "https://elsewhere.example"})
        request("POST", "/0/s/xhr_send", body=b'["a"]')
        request("POST", "/0/s/xhr")
        request("POST", "/0/s/xhr_send", body=b"[")
        request("POST", "/0/s/xhr_send", body=b"")
        request("POST", "/0/s/xhr_send", body=b'["%b"]' % (b"x" * 100))
        request("GET", "/0/s/jsonp")
        request("GET", "/0/s/websocket")
        self.assertRefused(
            NotFound=1,
            NoWebSocketHere=1,
            OriginRefused=1,
            UnknownSession=1,
            BrokenJSON=1,
            PayloadExpected=1,
            MessageTooBig=1,
            CallbackRequired=1,
            NotAWebSocket=1,
        )

    def test_prefix(self) -> None:
        """A body that is refused unread counts for the service that it is for."""
        site = SockJSMultiFactory(clock=MemoryReactor())
        for name in "a", "b/c":
            site.addFactory(Factory.forProtocol(Obedient), name)
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)
        for path in "/b/c/0/s/xhr_send", "/elsewhere":
            MemoryClient(self.site).request(
                "POST", path, {"Content-Length": "9999999999"}
            )
        self.assertEqual(site.services["a"].counters.refused, {})
        found = site.services["b/c"].counters
        self.assertEqual((found.service, found.refused), ("b/c", {"MessageTooBig": 1}))

    def test_full(self) -> None:
        """A session too many, and one that comes while the service stops."""
        self.serve(max_sessions=1)
        self.session()
        self.client.request("POST", "/0/t/xhr")
        self.site.site.closeSessions()  # type: ignore[attr-defined]
        self.client.request("POST", "/0/t/xhr")
        self.assertRefused(ServiceFull=1, ServiceStopping=1)
        self.assertEqual(self.counters.opened, {"websocket": 1})

    def test_authorize(self) -> None:
        """A session that ``authorize`` does not let in, by what came of it."""
        answers: list[Any] = [Rejected(), ZeroDivisionError()]

        def authorize(request: Any) -> object:
            if answers:
                raise answers.pop()
            return Deferred()

        self.serve(authorize=authorize)
        for _ in range(3):
            self.session()
        self.site.advance(11)
        self.assertRefused(Rejected=1, Fault=1, TimedOut=1)
        self.assertEqual((self.counters.open, self.counters.opened), (0, {}))
        self.flushLoggedErrors(ZeroDivisionError)

    def test_factory(self) -> None:
        """A session that the factory has no protocol for."""
        factory = Factory()
        self.serve(factory)
        self.patch(factory, "buildProtocol", lambda address: None)
        self.session()
        self.patch(factory, "buildProtocol", lambda address: 1 // 0)
        self.session("xhr")
        self.assertRefused(Declined=1, Fault=1)
        self.flushLoggedErrors(ZeroDivisionError)
