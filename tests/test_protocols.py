"""`SockJSProtocol` and its like: what is overridden is what is called."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsockjs import OpeningRequest, SockJSProtocol
from txsockjs.client import SockJSClientProtocol
from txsockjs.interfaces import (
    ISockJSBinaryReceiver,
    ISockJSMessageReceiver,
    ISockJSTransport,
)
from txsockjs.multiplex import ChannelProtocol, MultiplexFactory
from txsockjs.rooms.interfaces import Broker, IBroker
from txsockjs.testing import MemoryClient, MemorySite, MemorySockJSEndpoint
from txsockjs.transport import Login, SessionTransport


class User:
    """
    Somebody.
    """

    def __init__(self, request: OpeningRequest) -> None:
        self.name = request.args["name"][0]


class Bytes(SockJSProtocol):
    """
    Says what bytes it gets.
    """

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"bytes %d" % len(data))


class Text(SockJSProtocol[User]):
    """
    Says what text it gets.
    """

    def messageReceived(self, message: str) -> None:
        self.transport.sendMessage(f"text {len(message)}")


class Both(Text):
    """
    Says what it gets.
    """

    def binaryReceived(self, data: bytes) -> None:
        self.transport.sendBinary(data)


class Binary(Bytes):
    """
    Tells binary messages from others, which it gets as bytes.
    """

    def binaryReceived(self, data: bytes) -> None:
        self.transport.write(b"binary %d" % len(data))


class Heir(Both):
    """
    Overrides nothing.
    """


class Who(SockJSProtocol[User]):
    """
    Says who is there, and where.
    """

    def connectionMade(self) -> None:
        self.transport.sendMessage(f"{self.avatar.name} at {self.request.path}")


class Topic(ChannelProtocol):
    """
    Tells all of its topic.
    """

    def messageReceived(self, message: str) -> None:
        self.transport.broadcast(f"{self.transport.topic}: {message}")


class Keeper(SockJSClientProtocol):
    """
    Keeps what it gets, and says hello.
    """

    def connectionMade(self) -> None:
        self.got: list[str] = []
        self.transport.sendMessage("hello")

    def messageReceived(self, message: str) -> None:
        self.got.append(f"{self.transport.transportName}: {message}")


class ProtocolTests(SynchronousTestCase):
    """
    Protocols of the typed classes, in real sessions.
    """

    def client(self, site: MemorySite) -> MemoryClient:
        self.addCleanup(site.stop)
        return MemoryClient(site)

    def test_interfaces(self) -> None:
        """
        A class provides the interface of what it overrides, or inherits.
        """
        text, binary = ISockJSMessageReceiver, ISockJSBinaryReceiver
        for kind, provided in (
            (SockJSProtocol, []),
            (Bytes, []),
            (Text, [text]),
            (Both, [text, binary]),
            (Heir, [text, binary]),
            (Binary, [text, binary]),
        ):
            found = [each for each in (text, binary) if each.implementedBy(kind)]
            self.assertEqual(found, provided, kind)

    def test_received(self) -> None:
        """
        What is not overridden comes to what is.
        """
        for kind, answer in (Bytes, "bytes 2"), (Text, "text 1"), (Binary, "bytes 2"):
            session = self.client(MemorySite.serving(kind)).session()
            session.send("\xfc")
            self.assertEqual(session.received, [answer])

    def test_binary(self) -> None:
        """
        A binary message comes to who tells it from others, and else as text or bytes.
        """
        for kind, answer in (
            (Both, b"\xff\0"),
            (Binary, "binary 2"),
            (Text, "text 2"),
            (Bytes, "bytes 2"),
        ):
            socket = self.client(MemorySite.serving(kind)).websocket("/websocket")
            socket.send(b"\xff\0")
            self.assertEqual(socket.messages, [answer], kind)

    def test_avatar(self) -> None:
        """
        It knows who is calling, and the request.
        """
        options = {"authorize": lambda request: Login(User(request))}
        client = self.client(MemorySite.serving(Who, options))
        opened = client.request("POST", "/000/s1/xhr?name=Ann")
        self.assertEqual(opened.body, b"o\n")
        answer = client.request("POST", "/000/s1/xhr?name=Ann")
        self.assertEqual(answer.body, b'a["Ann at /000/-/xhr"]\n')

    def test_channel(self) -> None:
        """
        A channel's knows its topic, and the others of it.
        """
        factory = MultiplexFactory()
        factory.addFactory("news", Topic)
        session = self.client(MemorySite.serving(factory)).session()
        session.send("sub,news", "msg,news,hello")
        self.assertEqual(session.received, ["msg,news,news: hello"])

    def test_client(self) -> None:
        """
        A client's knows its transport.
        """
        site = MemorySite.serving(Text)
        self.addCleanup(site.stop)
        connected = MemorySockJSEndpoint(site).connect(Keeper)
        site.advance(1)
        keeper = self.successResultOf(connected)
        self.assertEqual(keeper.got, ["websocket: text 5"])


class SameTests(SynchronousTestCase):
    """
    What type checkers know without a plugin, and the interfaces.
    """

    def test_transport(self) -> None:
        """
        Each member of the transport's interface is one of its class.
        """
        self.assertLessEqual(set(ISockJSTransport), set(dir(SessionTransport)))

    def test_broker(self) -> None:
        """
        A broker has the same members by both.
        """
        public = {name for name in vars(Broker) if not name.startswith("_")}
        self.assertEqual(public, set(IBroker))
