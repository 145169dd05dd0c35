"""The carriers over XHR, against our own service, in memory."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from tests.support.carriers import Carried
from tests.support.carrying import place
from tests.support.scripted import MemoryWebClient
from tests.support.serving import Echo, RecordingFactory
from txsockjs.client.reading import read
from txsockjs.client.xhr import XHRPolling, XHRStreaming
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryClientEndpoint, MemoryReactor, MemorySite

KINDS = (XHRStreaming, XHRPolling)

TEXTS = ["plain", "", '"\\\n\u2028', "\u20ac\U0001f600", "\x00\x7f\uffff", "100%"]


class ServiceTestCase(SynchronousTestCase):
    """
    A service whose sessions send back what comes, and a session that is carried to it.
    """

    def serve(self, kind: Any, options: Any = None, **settings: Any) -> Any:
        """
        Begin anew.

        :return: a carrier that has begun.
        """
        self.reactor = MemoryReactor()
        self.sessions = RecordingFactory(Echo)
        self.site = MemorySite(
            SockJSFactory(self.sessions, options, clock=self.reactor)
        )
        self.web = MemoryWebClient(
            self.reactor, lambda url: MemoryClientEndpoint(self.site)
        )
        self.session = Carried()
        carrier = kind(self.session, place(self.web, self.reactor, **settings))
        carrier.start()
        self.assertEqual(self.session.told, [])
        self.reactor.settle()
        self.assertEqual(self.session.values("frame"), ["o"])
        return carrier

    def stop(self) -> None:
        """
        Nothing is left behind.
        """
        self.web.close()
        self.reactor.settle()
        self.site.stop()
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def messages(self) -> list[str]:
        """
        What the session was told in frames.
        """
        said = [read(frame) for frame in self.session.values("frame")]
        return [text for texts in said if isinstance(texts, list) for text in texts]


class EchoTests(ServiceTestCase):
    """
    The carriers.
    """

    def test_echo(self) -> None:
        """
        Whatever is in them, messages go and come in order.
        """
        for kind in KINDS:
            carrier = self.serve(kind)
            for text in TEXTS:
                carrier.send(text)
            self.reactor.settle()
            carrier.send("later")
            self.reactor.settle()
            self.assertEqual(self.messages(), [*TEXTS, "later"])
            carrier.abort()
            self.reactor.settle()
            self.stop()

    def test_surrogate(self) -> None:
        """
        A lone surrogate reaches the server.
        """
        carrier = self.serve(XHRPolling, {"encoding": "utf-8"})
        carrier.send("a\ud800b")
        self.reactor.settle()
        self.assertEqual(self.messages(), ["a\ufffdb"])
        carrier.abort()
        self.reactor.settle()
        self.stop()

    def test_manyResponses(self) -> None:
        """
        Nothing is lost where one response ends and the next begins, though every byte
        comes by itself.
        """
        for kind in KINDS:
            carrier = self.serve(kind, {"streaming_limit": 300})
            self.reactor.segment = repeat(7).__next__
            sent = [f"{number} \u20ac" * 5 for number in range(60)]
            for number, text in enumerate(sent):
                carrier.send(text)
                if not number % 7:
                    self.reactor.turn()
            self.reactor.advance(1)
            self.assertEqual(self.messages(), sent)
            carrier.abort()
            self.reactor.settle()
            self.stop()

    def test_addresses(self) -> None:
        """
        It knows both ends of its connection, once there is one.
        """
        for kind in KINDS:
            carrier = kind(Carried(), place(None, MemoryReactor()))
            self.assertIsNone(carrier.peer)
            self.assertIsNone(carrier.host)
            self.assertIsNone(carrier.certificate)
            carrier = self.serve(kind)
            self.assertEqual(carrier.peer.host, "192.0.2.1")
            self.assertEqual(carrier.host.host, "192.0.2.7")
            self.assertIsNone(carrier.certificate)
            self.assertIsNone(carrier.subprotocol)
            carrier.abort()
            self.reactor.settle()
            self.stop()

    def test_heartbeats(self) -> None:
        """
        A session that has nothing to say goes on.
        """
        for kind in KINDS:
            self.serve(kind).send("first")
            self.reactor.advance(100)
            self.assertGreaterEqual(self.session.values("frame").count("h"), 3)
            self.assertNotIn("lost", self.session.words)
            self.assertEqual(self.sessions.sessions[0].lost, [])
            self.site.stop()
            self.reactor.advance(1)

    def test_connections(self) -> None:
        """
        There is one connection to receive on, and one to send on; a polling response
        that ends is followed by the next on the same.
        """
        for kind in KINDS:
            carrier = self.serve(kind)
            for number in range(9):
                carrier.send(str(number))
                self.reactor.advance(0.5)
            self.assertEqual(len(self.messages()), 9)
            # It asks for "o", and behind each response again.
            self.assertEqual(len(self.web.asked), 9 + (11 if kind is XHRPolling else 1))
            self.assertEqual(len(self.site._transports), 4)
            carrier.abort()
            self.reactor.settle()
            self.stop()


class EndTests(ServiceTestCase):
    """
    How it ends.
    """

    def test_close(self) -> None:
        """
        What was given before is carried, then it ends in good order, and the server
        knows.
        """
        for kind in KINDS:
            carrier = self.serve(kind)
            carrier.send("last")
            carrier.close(1000, "")
            carrier.send("too late")
            self.assertNotIn("lost", self.session.words)
            self.reactor.settle()
            self.assertIsInstance(self.session.reason, ConnectionDone)
            [server] = self.sessions.sessions
            self.assertEqual(server.received, [b"last"])
            self.reactor.advance(5)
            self.assertEqual(len(server.lost), 1)
            self.stop()

    def test_closeAtOnce(self) -> None:
        """
        With nothing to carry it ends in the next turn, though not within the call.
        """
        for kind in KINDS:
            carrier = self.serve(kind)
            carrier.close(1000, "")
            carrier.close(1000, "")
            carrier.abort()
            self.assertNotIn("lost", self.session.words)
            self.reactor.settle()
            self.assertIsInstance(self.session.reason, ConnectionDone)
            self.reactor.advance(5)
            self.stop()

    def test_abort(self) -> None:
        """
        It can be told to end at any point, from inside any of its calls too.
        """
        for kind in KINDS:
            for turns in range(12):
                carrier = self.serve(kind)
                carrier.send("some")
                for _ in range(turns):
                    self.reactor.turn()
                carrier.abort()
                carrier.abort()
                self.assertNotIn("lost", self.session.words)
                self.reactor.settle()
                self.assertIsInstance(self.session.reason, ConnectionAborted)
                self.assertEqual(carrier.pending, 0)
                self.reactor.advance(5)
                self.stop()

    def test_abortEarly(self) -> None:
        """
        Before it is connected, too.
        """
        for kind in KINDS:
            for turns in range(6):
                self.serve(kind).abort()
                self.reactor.settle()
                session = Carried()
                carrier = kind(
                    session, place(self.web, self.reactor, "http://h/0/other")
                )
                carrier.start()
                for _ in range(turns):
                    self.reactor.turn()
                carrier.abort()
                self.reactor.settle()
                self.assertEqual(session.words[-1], "lost")
                self.assertIsInstance(session.reason, ConnectionAborted)
                self.reactor.advance(5)
                self.stop()

    def test_abortWithin(self) -> None:
        """
        From inside a call to the session, it can end; nothing more is told.
        """
        for kind in KINDS:
            carrier = self.serve(kind)

            def then(what: str, value: Any, carrier: Any = carrier) -> None:
                if what == "frame":
                    carrier.abort()

            self.session.then = then
            for word in ("one", "two"):
                self.sessions.sessions[0].transport.write(word.encode())
            self.reactor.settle()
            self.assertEqual(self.session.words[-2:], ["frame", "lost"])
            self.reactor.advance(5)
            self.stop()

    def test_serverCloses(self) -> None:
        """
        The server's close is a frame as any other.
        """
        for kind in KINDS:
            carrier = self.serve(kind)
            self.sessions.sessions[0].transport.loseConnection()
            self.reactor.settle()
            self.assertEqual(self.session.values("frame")[1], 'c[3000,"Go away!"]')
            carrier.close(1000, "")
            self.reactor.advance(5)
            self.assertIsInstance(self.session.reason, ConnectionDone)
            self.stop()
