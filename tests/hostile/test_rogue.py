"""Applications that misbehave: they hurt themselves."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from tests.support.serving import Echo, Recorder, RecordingFactory, ServiceCase
from tests.support.sockets import Socket, frame, upgrade
from txsockjs.factory import SockJSFactory

BOTH = ["/0/r/websocket", "/websocket"]


class Rogue(Recorder):
    """
    Does as it is told.
    """

    def connectionMade(self) -> None:
        super().connectionMade()
        self.obey("made")

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.obey(data.decode())

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.obey("lost")

    def obey(self, what: str) -> None:
        if what in self.raises:
            raise ZeroDivisionError(what)

    raises: tuple[str, ...] = ()


class Endless:
    """
    A pull producer that is never done.
    """

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.asked = 0

    def resumeProducing(self) -> None:
        self.asked += 1
        self.transport.write(b"x" * 100)

    def stopProducing(self) -> None:
        self.transport = None


class Mixed(Protocol):
    """
    An echo, unless it is told to produce without end.
    """

    def dataReceived(self, data: bytes) -> None:
        if data == b"produce":
            self.producer = Endless(self.transport)
            self.transport.registerProducer(self.producer, False)
        else:
            self.transport.write(data)


class RaisingTests(ServiceCase):
    """
    An exception closes the session that it comes from, is logged, and no more.
    """

    def serveRogue(self, *raises: str) -> None:
        self.serve(type("Rogue", (Rogue,), {"raises": raises}))

    def assertLogged(self, *where: str) -> None:
        """
        These exceptions, and no others, were logged.
        """
        logged = self.flushLoggedErrors()
        self.assertEqual([str(each.value) for each in logged], [*where])

    def test_receiving(self) -> None:
        """
        Raised for one of several messages: the rest of that session's is dropped, and
        another session is served in the same turn.
        """
        self.serveRogue("b")
        rogue, good = self.open("r"), self.open("g")
        self.post("/0/r/xhr_send", b'["a", "b", "c"]')
        self.post("/0/g/xhr_send", b'["a"]')
        self.assertEqual((rogue.received, good.received), ([b"a", b"b"], [b"a"]))
        self.assertEqual((len(rogue.lost), len(good.lost)), (1, 0))
        self.assertLogged("b")
        self.assertEqual(self.post("/0/r/xhr").body, b'c[1011,"Internal error"]\n')

    def test_webSocket(self) -> None:
        """
        The same on both kinds of WebSocket, told by the code 1011.
        """
        for path in BOTH:
            self.serveRogue("b")
            good, rogue = Socket(self.connect(), path), Socket(self.connect(), path)
            rogue.say('"b"' if path == BOTH[0] else "b")
            good.say('"a"' if path == BOTH[0] else "a")
            self.assertIn(b"Internal error", rogue.connection.received)
            self.assertEqual(self.sessions[0].received, [b"a"])
            self.assertEqual(len(self.sessions[1].lost), 1)
            self.assertLogged("b")

    def test_connecting(self) -> None:
        """Raised in ``connectionMade``: the session is closed and ``connectionLost``
        called.
        """
        self.serveRogue("made")
        self.post("/0/r/xhr")
        self.assertEqual(self.post("/0/r/xhr").body, b'c[1011,"Internal error"]\n')
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertLogged("made")

    def test_ending(self) -> None:
        """
        Raised in ``connectionLost``: logged, and the session is gone all the same.
        """
        self.serveRogue("lost")
        self.open("r")
        self.site.advance(6)
        self.assertLogged("lost")
        self.assertIn(b"1002", self.post("/0/r/xhr").body)
        self.assertEqual(self.post("/0/r2/xhr").body, b"o\n")
        self.sessions[1].raises = ()

    def test_building(self) -> None:
        """
        Raised in ``buildProtocol``: that session is refused, the next one is not.
        """
        self.serve(Echo)
        factory = self.site.site.resource._factory
        factory.buildProtocol = lambda addr: 1 / 0
        self.assertIn(b"c[1011", self.post("/0/r/xhr").body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        del factory.buildProtocol
        self.open("g")

    def test_everything(self) -> None:
        """
        Raised wherever it can be, over every transport: others are served.
        """
        self.serve(Echo)
        good = Socket(self.connect())
        factory = self.site.site.resource._factory
        factory.protocol = type("Rogue", (Rogue,), {"raises": ("made", "lost", "a")})
        for n, name in enumerate(["xhr", "xhr_streaming", "eventsource", "jsonp"]):
            method = "POST" if name.startswith("xhr") else "GET"
            self.client.request(method, f"/0/{n}/{name}?c=f")
            self.post(f"/0/{n}/xhr_send", b'["a"]')
        for path in BOTH:
            Socket(self.connect(), path).say('"a"')
        good.say('"still"')
        self.assertEqual(good.texts[-1], b'a["still"]')
        self.assertGreaterEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 6)


class EndlessTests(ServiceCase):
    """
    A pull producer that is never done is asked for no more than is taken.
    """

    def test_notRead(self) -> None:
        """
        It is asked for no more than the network takes, and stopped at the end.
        """
        self.serve(Mixed)
        socket = Socket(self.connect())
        socket.connection.transport.pauseProducing()
        socket.say('"produce"')
        producer = self.sessions[0].producer
        self.assertLess(producer.asked, 3000)
        socket.connection.abort()
        self.assertIsNone(producer.transport)


class Client(Protocol):
    """
    A WebSocket client on a real socket.
    """

    def __init__(self) -> None:
        self.received = b""
        self.waiting: tuple[bytes, Deferred[None]] | None = None

    def connectionMade(self) -> None:
        self.transport.write(upgrade("/websocket"))

    def dataReceived(self, data: bytes) -> None:
        # An endless session is read, and not kept.
        self.received = (self.received + data)[-10_000:]
        if self.waiting is not None and self.waiting[0] in self.received:
            (_, found), self.waiting = self.waiting, None
            found.callback(None)

    def hear(self, what: bytes) -> Deferred[None]:
        """
        What fires when these bytes have come.
        """
        self.waiting = (what, Deferred())
        return self.waiting[1]


class FairnessTests(TestCase):
    """
    A pull producer that is never done takes its turns of the reactor, and no more.
    """

    async def test_others(self) -> None:
        """
        Another session is answered after a few of its turns, each time.
        """
        factory = RecordingFactory(Mixed)
        site = SockJSFactory(factory)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        clients = [Client(), Client()]
        for client in clients:
            await connectProtocol(endpoint, client)
            self.addCleanup(client.transport.abortConnection)
            await client.hear(b"\r\n\r\n")
        rogue, good = clients
        rogue.transport.write(frame(b"produce"))
        await rogue.hear(b"xxx")
        producer = factory.sessions[0].producer
        for n in range(20):
            before = producer.asked
            good.transport.write(frame(b"<%d>" % n))
            await good.hear(b"<%d>" % n)
            self.assertLess(producer.asked - before, 50)
