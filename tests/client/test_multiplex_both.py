"""The client's end of multiplexing and the server's, over each transport in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import Recorder, TextRecorder
from txsockjs.client import MultiplexClientFactory, Settings
from txsockjs.client.place import TRANSPORTS
from txsockjs.errors import SessionClosed, SessionFailed
from txsockjs.factory import SockJSFactory
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import MemoryReactor, MemorySite, MemorySockJSEndpoint

AWKWARD = "a,b ☃ 😀 100%"


class BothEnds:
    """
    What must hold over a transport.

    :cvar transport: its name.
    """

    transport: str

    def setUp(self: Any) -> None:
        self.reactor = MemoryReactor()
        self.topics = MultiplexFactory(self.reactor)
        self.topics.addFactory("echo", Factory.forProtocol(Echo))
        self.served: list[Recorder] = []
        for name in "notes", AWKWARD:
            self.topics.addFactory(name, self.recording(self.served))
        self.site = MemorySite(SockJSFactory(self.topics, clock=self.reactor))
        self.addCleanup(self.site.stop)
        self.channels = MultiplexClientFactory(self.reactor)
        self.connecting = self.connect()
        self.site.settle()
        self.connection = self.successResultOf(self.connecting)

    def connect(self: Any) -> Any:
        settings = {"transports": [self.transport]}
        return MemorySockJSEndpoint(self.site, **settings).connect(self.channels)

    def recording(self: Any, made: list[Recorder]) -> Factory:
        """
        A factory that keeps its protocols.
        """

        class Recording(Factory):
            noisy = False

            def buildProtocol(self, addr: object) -> Recorder:
                made.append(TextRecorder())
                return made[-1]

        return Recording()

    def open(self: Any, name: str) -> Any:
        """
        A channel's protocol.
        """
        protocol = self.connection.open(name, self.recording([]))
        self.site.advance(1)
        return protocol

    def test_echo(self: Any) -> None:
        """
        Thousands of messages come back on their channels, in order.
        """
        one = self.open("echo")
        sent = [f"{number},é\u2028" for number in range(2000)]
        for text in sent:
            one.transport.sendMessage(text)
        self.site.advance(5)
        self.assertEqual(one.heard, sent)

    def test_names(self: Any) -> None:
        """
        Any name of a topic is the same one at both ends.
        """
        client = self.open(AWKWARD)
        [server] = self.served
        self.assertEqual(server.transport.topic, AWKWARD)
        client.transport.write(b"up")
        self.topics.broadcast(AWKWARD, "down")
        self.site.advance(1)
        self.assertEqual((server.heard, client.heard), (["up"], ["down"]))

    def test_clientCloses(self: Any) -> None:
        """
        The client closes one channel, and may open it again.
        """
        first, other = self.open("notes"), self.open("echo")
        first.transport.loseConnection()
        second = self.open("notes")
        self.assertIsInstance(first.lost[0], SessionClosed)
        self.assertIsInstance(self.served[0].lost[0], ConnectionDone)
        self.assertEqual((second.lost, other.lost, self.served[1].lost), ([], [], []))

    def test_serverCloses(self: Any) -> None:
        """
        The server closes it with a code and a reason, which the client is told.
        """
        client = self.open("notes")
        self.served[0].transport.loseConnection(4001, "so, that was it")
        self.site.advance(1)
        [lost] = client.lost
        self.assertEqual((lost.code, lost.reason), (4001, "so, that was it"))

    def test_refused(self: Any) -> None:
        """
        Where there is no such topic, the client is told so.
        """
        [lost] = self.open("nothing").lost
        self.assertEqual((lost.code, lost.reason), (3000, "There is no such topic."))

    def test_pauses(self: Any) -> None:
        """
        A client that does not read is waited for, and then has everything.
        """
        client = self.open("notes")
        client.transport.pauseProducing()
        sent = [str(number) for number in range(50)]
        for text in sent:
            self.served[0].transport.sendMessage(text)
        self.site.advance(1)
        self.assertEqual(client.heard, [])
        client.transport.resumeProducing()
        self.site.advance(1)
        self.assertEqual(client.heard, sent)

    def test_lost(self: Any) -> None:
        """
        When the server is gone, every channel is lost, once.
        """
        clients = [self.open("notes"), self.open("echo")]
        self.site.stop()
        self.site.advance(60)
        for client in clients:
            [lost] = client.lost
            self.assertIsInstance(lost, (SessionClosed, SessionFailed))
        self.assertEqual(self.channels.connections, [])


def cases() -> dict[str, type]:
    """
    The test case of each transport.
    """
    assert Settings().transports == TRANSPORTS
    found = {}
    for transport in TRANSPORTS:
        name = "".join(word.capitalize() for word in transport.split("-")) + "Tests"
        members = {"transport": transport, "__module__": __name__}
        found[name] = type(name, (BothEnds, SynchronousTestCase), members)
    return found


globals().update(cases())
