"""Tests of `txsockjs.channels`, over a whole server in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, ITransport
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.support.multiplexing import MultiplexTestCase, Note
from txsockjs import AsyncSession, SockJSFactory, handler
from txsockjs.interfaces import ISession, ISockJSMessageReceiver, ISockJSTransport
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class TransportTests(MultiplexTestCase):
    """Each channel has a transport of its own."""

    def note(self, session: MemorySession) -> Any:
        session.send("sub,note")
        return self.notes.notes[-1]

    def test_interfaces(self) -> None:
        """It is a SockJS transport, whole."""
        transport = self.note(self.session()).transport
        for interface in ISockJSTransport, ITransport, IConsumer:
            verifyObject(interface, transport)
        verifyObject(ISession, transport._session)

    def test_addresses(self) -> None:
        """It knows the peer, the host and the request of its connection."""
        session = self.session("sub,echo")
        transport = self.note(session).transport
        self.assertEqual(transport.getPeer().host, "192.0.2.7")
        self.assertEqual(transport.getHost().host, "192.0.2.1")
        self.assertEqual(transport.request.transport, "websocket")
        self.assertEqual(transport.topic, "note")

    def test_avatar(self) -> None:
        """It knows who is calling, where the service asks."""
        reactor = MemoryReactor()
        multiplex = MultiplexFactory(reactor)
        multiplex.addFactory("note", self.notes)
        options = {"authorize": lambda request: "somebody"}
        site = MemorySite(SockJSFactory(multiplex, options, clock=reactor))
        self.addCleanup(site.stop)
        MemoryClient(site).session().send("sub,note")
        self.assertEqual(self.notes.notes[0].transport.avatar, "somebody")

    def test_secure(self) -> None:
        """Over TLS it knows the client's certificate."""
        client = MemoryClient(self.site, secure=True, certificate="theirs")
        transport = self.note(client.session("websocket", "/multiplex")).transport
        self.assertEqual(transport.getPeerCertificate(), "theirs")

    def test_writing(self) -> None:
        """Bytes, text and sequences go out as messages of the topic."""
        session = self.session()
        transport = self.note(session).transport
        transport.write(b"a,\xc3\xa9")
        transport.writeSequence([b"b", b"c"])
        transport.sendMessage("\ud800")
        sent = ["msg,note,a,é", "msg,note,b", "msg,note,c", "msg,note,\ud800"]
        self.assertEqual(self.taken(session), sent)

    def test_text(self) -> None:
        """A protocol that takes text gets it as it was sent."""
        texts: list[str] = []

        @implementer(ISockJSMessageReceiver)
        class TextNote(Note):
            def messageReceived(self, message: str) -> None:
                texts.append(message)

        self.notes.make = TextNote
        self.session("sub,note", "msg,note,a,\ud800é")
        self.assertEqual(texts, ["a,\ud800é"])

    def test_loseConnection(self) -> None:
        """It closes its channel alone, after what was written, and tells it later."""
        session = self.session("sub,echo")
        note = self.note(session)
        note.transport.write(b"bye")
        note.transport.loseConnection()
        note.transport.write(b"too late")
        self.assertEqual(note.lost, [])
        session.send("msg,echo,x")
        self.assertEqual(
            self.taken(session), ["msg,note,bye", "uns,note", "msg,echo,x"]
        )
        self.assertEqual(note.lost, [ConnectionDone])

    def test_codeAndReason(self) -> None:
        """A code of its own follows the name, where the client passes over it."""
        session = self.session()
        self.note(session).transport.loseConnection(4001, "enough, really")
        self.assertEqual(self.taken(session), ["uns,note,4001,enough, really"])

    def test_abortConnection(self) -> None:
        """So does an abort, with another reason."""
        session = self.session()
        note = self.note(session)
        note.transport.abortConnection()
        self.assertEqual(self.taken(session), ["uns,note"])
        self.assertEqual(note.lost, [ConnectionAborted])

    def test_sessionLost(self) -> None:
        """When the session ends, every channel ends with it, once."""
        session = self.session("sub,echo")
        notes = [self.note(session)]
        self.service.addFactory("other", self.notes)
        session.send("sub,other")
        notes.append(self.notes.notes[-1])
        notes[0].transport.loseConnection()
        session.abort()
        self.reactor.settle()
        self.assertEqual(
            [note.lost for note in notes], [[ConnectionDone], [ConnectionLost]]
        )

    def test_closingOnesNeighbour(self) -> None:
        """A channel may close another one when the session is lost."""
        self.service.addFactory("other", self.notes)
        session = self.session("sub,note", "sub,other")
        first, second = self.notes.notes
        first.connectionLost = lambda reason: second.transport.loseConnection()
        session.abort()
        self.reactor.settle()
        self.assertEqual(second.lost, [ConnectionDone])

    def test_loseSession(self) -> None:
        """The connection can be closed whole."""
        session = self.session()
        note = self.note(session)
        [channel] = self.service.multiplex._channels["note"]
        channel._connection.loseConnection(4003, "out")
        self.reactor.settle()
        self.assertEqual(session.closed, (4003, "out"))
        self.assertEqual(note.lost, [ConnectionDone])

    def test_loseSessionsTransport(self) -> None:
        """So can the session's own transport, which does not wait for anybody."""
        session = self.session()
        note = self.note(session)
        [channel] = self.service.multiplex._channels["note"]
        channel._connection.transport.loseConnection(4003, "out")
        self.reactor.settle()
        self.assertEqual(session.closed, (4003, "out"))
        self.assertEqual(note.lost, [ConnectionDone])


class ProducerTests(MultiplexTestCase):
    """Back-pressure is that of the one socket under all channels."""

    def socket(self) -> tuple[Any, Any, Any]:
        """A browser's WebSocket, and two channels on it."""
        self.service.addFactory("other", self.notes)
        socket = self.client.websocket("/multiplex/websocket")
        socket.send("sub,note")
        socket.send("sub,other")
        return socket, *self.notes.notes

    def test_pushProducer(self) -> None:
        """A push producer of one channel waits while the browser takes nothing."""
        socket, first, second = self.socket()
        producer = Producer(first.transport, 2)
        first.transport.registerProducer(producer, True)
        socket.transport.pauseProducing()
        for _ in range(2):
            second.transport.write(b"x" * 500_000)
        producer.produce()
        self.assertTrue(producer.paused)
        self.reactor.settle()
        self.assertTrue(producer.paused)
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertFalse(producer.paused)

    def test_pullProducer(self) -> None:
        """A pull producer is asked for more when all is taken, until it is done."""
        socket, first, _ = self.socket()
        producer = Producer(first.transport, 5)
        first.transport.registerProducer(producer, False)
        self.reactor.settle()
        self.assertEqual(producer.left, 0)
        self.assertEqual(len(socket.messages), 5)

    def test_slowPull(self) -> None:
        """A pull producer is not asked while the browser takes nothing."""
        socket, first, _ = self.socket()
        socket.transport.pauseProducing()
        producer = Producer(first.transport, 1000)
        first.transport.registerProducer(producer, False)
        self.reactor.settle()
        self.assertGreater(producer.left, 900)
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(producer.left, 0)

    def test_whenDrained(self) -> None:
        """A channel is told when the browser has taken all, of whichever channel."""
        socket, first, second = self.socket()
        self.successResultOf(first.transport.whenDrained())
        socket.transport.pauseProducing()
        for _ in range(2):
            second.transport.write(b"x" * 500_000)
        drained = [first.transport.whenDrained(), second.transport.whenDrained()]
        self.assertEqual(first.transport.pending, second.transport.pending)
        self.reactor.settle()
        self.assertNoResult(drained[0])
        socket.transport.resumeProducing()
        self.reactor.settle()
        for each in drained:
            self.successResultOf(each)
        self.assertEqual(first.transport.pending, 0)

    def test_whenEnded(self) -> None:
        """Who waits for the end of a channel hears of that of its own."""
        _, first, second = self.socket()
        ended = [first.transport.whenEnded(), second.transport.whenEnded()]
        first.transport.loseConnection()
        self.reactor.settle()
        self.successResultOf(ended[0])
        self.assertNoResult(ended[1])
        second.transport.abortConnection()
        self.reactor.settle()
        self.successResultOf(ended[1])

    def test_drainedAtTheEnd(self) -> None:
        """Who waits for that is told at the end, too, and nothing is left to do."""
        socket, first, second = self.socket()
        socket.transport.pauseProducing()
        for _ in range(2):
            second.transport.write(b"x" * 500_000)
        drained = first.transport.whenDrained()
        socket.abort()
        self.reactor.settle()
        self.successResultOf(drained)
        self.site.stop()
        self.reactor.settle()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_fastReader(self) -> None:
        """A pull producer of large pieces does not run away with the stack."""
        socket, first, _ = self.socket()
        producer = Producer(first.transport, 2000)
        producer.piece = b"x" * 100_000
        first.transport.registerProducer(producer, False)
        while producer.left:
            self.reactor.settle()
            del socket.messages[:]
        self.assertEqual(producer.left, 0)

    def test_tinyMessages(self) -> None:
        """A hundred thousand messages of one letter arrive over polling."""

        @handler
        async def count(session: AsyncSession) -> None:
            for _ in range(100_000):
                await session.send("1")

        self.service.addFactory("count", count)
        session = self.session("sub,count", transport="xhr")
        while session.received[-1:] != ["uns,count"]:
            self.reactor.settle()
        self.assertEqual(session.received[:-1], ["msg,count,1"] * 100_000)
        self.assertIsNone(session.closed)

    def test_othersWait(self) -> None:
        """What one sends makes all wait; then they go on, each in its turn."""
        socket, first, second = self.socket()
        socket.transport.pauseProducing()
        producers = [Producer(each.transport, 3) for each in (first, second)]
        for producer in producers:
            producer.piece = b"x" * 2_000_000
            producer.transport.registerProducer(producer, True)
        producers[0].produce()
        self.reactor.settle()
        producers[0].produce()
        self.assertEqual([each.paused for each in producers], [True, True])
        self.assertEqual([each.left for each in producers], [1, 3])
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual([each.left for each in producers], [0, 0])

    def test_inTurn(self) -> None:
        """Those that wait are asked one by one, each when there is room."""
        self.service.addFactory("other", self.notes)
        self.client.request("POST", "/multiplex/0/s/xhr")
        body = b'["sub,note","sub,other"]'
        self.client.request("POST", "/multiplex/0/s/xhr_send", body=body)
        producers = [Producer(note.transport, 4) for note in self.notes.notes]
        left = []
        for producer in producers:
            producer.piece = b"x" * 100_000
            producer.transport.registerProducer(producer, False)
        for _ in range(4):
            left.append([each.left for each in producers])
            self.client.request("POST", "/multiplex/0/s/xhr")
        self.assertEqual(left, [[3, 4], [2, 4], [2, 3], [1, 3]])

    def test_comesLate(self) -> None:
        """A producer that comes while much waits is told so, or not asked."""
        socket, first, second = self.socket()
        socket.transport.pauseProducing()
        for _ in range(2):
            first.transport.write(b"x" * 500_000)
        push, pull = Producer(first.transport), Producer(second.transport)
        first.transport.registerProducer(push, True)
        second.transport.registerProducer(pull, False)
        self.assertEqual((push.paused, pull.left), (True, 1))
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual((push.paused, pull.left), (False, 0))

    def test_closedMeanwhile(self) -> None:
        """When the session is closed, nobody is asked for more in vain."""
        socket, first, _ = self.socket()
        socket.transport.pauseProducing()
        producer = Producer(first.transport, 1000)
        first.transport.registerProducer(producer, False)
        self.reactor.settle()
        left = producer.left
        [channel] = self.service.multiplex._channels["note"]
        channel._connection.loseConnection()
        socket.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual((producer.left, producer.stopped), (left, True))

    def test_closeWaits(self) -> None:
        """As on TCP, a channel that is closed first lets its producer finish."""
        socket, first, _ = self.socket()
        first.transport.registerProducer(Producer(first.transport, 3), False)
        first.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(socket.messages[-1], "uns,note")
        self.assertEqual(len(socket.messages), 4)

    def test_stopped(self) -> None:
        """Producers are stopped when the session is lost."""
        socket, first, _ = self.socket()
        producer = Producer(first.transport)
        first.transport.registerProducer(producer, True)
        socket.abort()
        self.reactor.settle()
        self.assertTrue(producer.stopped)

    def test_pause(self) -> None:
        """A channel that reads nothing holds the socket, until it or its end."""
        socket, first, second = self.socket()
        for resume in first.transport.resumeProducing, first.transport.loseConnection:
            second.received.clear()
            first.transport.pauseProducing()
            socket.send("msg,other,x")
            self.assertEqual(second.received, [])
            resume()
            self.reactor.settle()
            self.assertEqual(second.received, [b"x"])

    def test_pauseBoth(self) -> None:
        """While one of two still reads nothing, nothing is read."""
        socket, first, second = self.socket()
        first.transport.pauseProducing()
        second.transport.pauseProducing()
        socket.send("msg,other,x")
        first.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(second.received, [])
        second.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(second.received, [b"x"])


class Producer:
    """Writes a piece each time that it is asked, or told to."""

    piece = b"x" * 10_000

    def __init__(self, transport: Any, pieces: int = 1) -> None:
        self.transport = transport
        self.left = pieces
        self.paused = False
        self.stopped = False

    def produce(self) -> None:
        self.left -= 1
        self.transport.write(self.piece)
        if not self.left:
            self.transport.unregisterProducer()

    def resumeProducing(self) -> None:
        self.paused = False
        if self.left:
            self.produce()

    def pauseProducing(self) -> None:
        self.paused = True

    def stopProducing(self) -> None:
        self.stopped = True
