"""The transports of a client's channels, and what opens channels."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    ISSLTransport,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory
from zope.interface.verify import verifyObject

from tests.support.channels import MultiplexTest
from tests.support.client import (
    CLIENT,
    SERVER,
    ScriptedCarrier,
    turn,
)
from txsockjs.client.conversation import Connecting
from txsockjs.errors import ConnectFailed
from txsockjs.interfaces import IMessageTransport, ISession, ISockJSMessageReceiver


class TransportTests(MultiplexTest):
    """
    A channel's transport.
    """

    def test_interfaces(self) -> None:
        """
        It is a transport, whole.
        """
        self.connect()
        transport = self.open().transport
        for interface in IMessageTransport, ITransport, IConsumer:
            verifyObject(interface, transport)
        verifyObject(ISession, transport._session)
        verifyObject(ISockJSMessageReceiver, self.connection)
        self.assertFalse(ISSLTransport.providedBy(transport))

    def test_addresses(self) -> None:
        """
        It knows where its session goes, and how.
        """
        self.connect()
        transport = self.open().transport
        self.assertIs(transport.getPeer(), SERVER)
        self.assertIs(transport.getHost(), CLIENT)
        self.assertEqual(transport.transportName, "websocket")
        self.assertIsNone(transport.subprotocol)

    def test_secure(self) -> None:
        """
        Over TLS it knows the server's certificate.
        """
        self.url = "https://server.example/multiplex"
        make = ScriptedCarrier.start
        self.patch(
            ScriptedCarrier,
            "start",
            lambda carrier: (setattr(carrier, "certificate", "theirs"), make(carrier)),
        )
        self.connect()
        transport = self.open().transport
        verifyObject(ISSLTransport, transport)
        self.assertEqual(transport.getPeerCertificate(), "theirs")
        self.assertIs(transport.getPeer(), SERVER)
        self.assertIs(transport.getHost(), CLIENT)

    def test_producers(self) -> None:
        """
        Producers of all channels wait while much waits, and go on when it is taken.
        """

        class Producer:
            def __init__(self) -> None:
                self.calls: list[str] = []

            def pauseProducing(self) -> None:
                self.calls.append("pause")

            def resumeProducing(self) -> None:
                self.calls.append("resume")

            def stopProducing(self) -> None:
                self.calls.append("stop")

        self.connect()
        news, chat = self.open("news").transport, self.open("chat").transport
        one, other = Producer(), Producer()
        news.registerProducer(one, True)
        chat.registerProducer(other, True)
        self.carrier.pending = 200_000
        news.write(b"x" * 200_000)
        self.assertEqual((one.calls, other.calls), (["pause"], ["pause"]))
        drained = news.whenDrained()
        self.assertNoResult(drained)
        self.carrier.drain()
        turn(self.clock)
        self.successResultOf(drained)
        self.assertEqual(one.calls, ["pause", "resume"])
        self.assertEqual(other.calls, ["pause", "resume"])
        self.carrier.lose(ConnectionLost())
        turn(self.clock)
        self.assertEqual((one.calls[-1], other.calls[-1]), ("stop", "stop"))

    def test_pauses(self) -> None:
        """
        While one channel does not read, none is read.
        """
        self.connect()
        news, chat = self.open("news"), self.open("chat")
        news.transport.pauseProducing()
        chat.transport.pauseProducing()
        self.say("msg,chat,x")
        news.transport.resumeProducing()
        turn(self.clock)
        self.assertEqual(chat.heard, [])
        chat.transport.resumeProducing()
        turn(self.clock)
        self.assertEqual(chat.heard, [b"x"])
        self.assertEqual(self.carrier.calls[-2:], ["pause", "resume"])

    def test_pausedIsClosed(self) -> None:
        """
        A channel that is closed while it does not read holds nobody back.
        """
        self.connect()
        news, chat = self.open("news"), self.open("chat")
        news.transport.pauseProducing()
        news.transport.loseConnection()
        turn(self.clock)
        self.say("msg,chat,x")
        self.assertEqual(chat.heard, [b"x"])


class FactoryTests(MultiplexTest):
    """
    `MultiplexClientFactory`, and the endpoint of a channel.
    """

    def test_topics(self) -> None:
        """
        The topics that it has are opened on each session, and on the next.
        """
        self.multiplex.addFactory("news", self.notes)
        self.connect()
        self.assertEqual(self.carrier.sent, ["sub,news"])
        self.carrier.lose(ConnectionLost())
        turn(self.clock)
        self.connect()
        self.assertEqual(self.carrier.sent, ["sub,news"])
        first, second = self.notes.made
        self.assertEqual((len(first.lost), len(second.lost)), (1, 0))

    def test_later(self) -> None:
        """
        One that is added later is opened now; one that is removed is closed.
        """
        self.connect()
        self.multiplex.addFactory("news", self.notes)
        self.assertRaises(ValueError, self.multiplex.addFactory, "news", self.notes)
        self.multiplex.removeFactory("news")
        self.assertEqual(self.carrier.sent, ["sub,news", "uns,news"])
        self.assertRaises(KeyError, self.multiplex.removeFactory, "news")
        turn(self.clock)
        self.assertEqual(len(self.notes.made[0].lost), 1)
        self.multiplex.addFactory("news", self.notes)

    def test_factoryRaises(self) -> None:
        """
        A factory that raises is logged, and the other topics are opened.
        """

        class Broken(Factory):
            noisy = False

            def buildProtocol(self, addr: Any) -> Any:
                raise LookupError("where?")

        class Nothing(Broken):
            def buildProtocol(self, addr: Any) -> Any:
                return None

        self.multiplex.addFactory("a", Broken())
        self.multiplex.addFactory("b", Nothing())
        self.multiplex.addFactory("c", self.notes)
        self.connect()
        self.assertEqual(self.carrier.sent, ["sub,c"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_endpoint(self) -> None:
        """
        A channel is an endpoint, for whatever connects to one.
        """
        endpoint = self.connect().channel("news")
        verifyObject(IStreamClientEndpoint, endpoint)
        protocol = self.successResultOf(endpoint.connect(self.notes))
        self.assertIs(protocol, self.notes.made[0])
        self.failureResultOf(endpoint.connect(self.notes), ValueError)
        self.connection.loseConnection()
        turn(self.clock)
        self.failureResultOf(endpoint.connect(self.notes), ConnectFailed)

    def test_coroutines(self) -> None:
        """
        It may be talked on with coroutines, too.
        """
        heard: list[str] = []

        async def talk() -> None:
            async with Connecting(self.connection.channel("news")) as session:
                await session.send("hello")
                heard.append(await session.recv())
                heard.extend([message async for message in session])
            heard.append(str(session.close_code))

        self.connect()
        talking = Deferred.fromCoroutine(talk())
        self.assertEqual(self.carrier.sent, ["sub,news", "msg,news,hello"])
        self.say("msg,news,one", "msg,news,two", "uns,news,4001,x")
        self.successResultOf(talking)
        self.assertEqual(heard, ["one", "two", "4001"])
