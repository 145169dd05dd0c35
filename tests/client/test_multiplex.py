"""Tests of `txsockjs.client.multiplex`, over a session whose network is the test."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionLost, NoProtocol

from tests.support.channels import MultiplexTest
from tests.support.client import (
    RecorderFactory,
    TextRecorder,
    turn,
)
from txsockjs.errors import ConnectFailed, SessionClosed
from txsockjs.multiplexing import escape, unescape


class ChannelTests(MultiplexTest):
    """
    What is said on a channel.
    """

    def setUp(self) -> None:
        super().setUp()
        self.connect()

    def test_open(self) -> None:
        """
        A channel is asked for, and open at once.
        """
        protocol = self.connection.open("news", self.notes)
        self.assertEqual(self.carrier.sent, ["sub,news"])
        self.assertEqual(protocol.made, 1)
        self.assertTrue(protocol.transport.connected)
        self.assertEqual(self.notes.life, ["start"])

    def test_messages(self) -> None:
        """
        Each message goes to the channel of its topic, with its commas, in order.
        """
        news, chat = self.open("news"), self.open("chat")
        self.say("msg,news,a,b", "msg,chat,c", "msg,news,")
        self.assertEqual(news.heard, [b"a,b", b""])
        self.assertEqual(chat.heard, [b"c"])

    def test_text(self) -> None:
        """
        A protocol that takes text gets it as it was sent.
        """
        news = self.open("news", TextRecorder)
        self.say("msg,news,\ud800é")
        self.assertEqual(news.heard, ["\ud800é"])

    def test_writing(self) -> None:
        """
        What a channel sends is a message of its topic.
        """
        transport = self.open().transport
        transport.write(b"a,\xc3\xa9")
        transport.write(b"\xe9")
        transport.writeSequence([b"b", b"c"])
        transport.sendMessage("\ud800")
        transport.sendBinary(b"d")
        sent = ["a,é", "é", "b", "c", "\ud800", "d"]
        self.assertEqual(self.carrier.sent, [f"msg,news,{text}" for text in sent])

    def test_types(self) -> None:
        """
        Whoever sends the wrong type is told.
        """
        transport: Any = self.open().transport
        for send, wrong in (
            (transport.write, "text"),
            (transport.sendMessage, b"bytes"),
            (transport.sendBinary, "text"),
        ):
            self.assertRaises(TypeError, send, wrong)
        self.assertEqual(self.carrier.sent, [])

    def test_names(self) -> None:
        """
        A topic may have any name: it is written as JavaScript does.
        """
        for name, spelling in (
            ("a b,c", "a%20b%2Cc"),
            ("é€", "%E9%u20AC"),
            ("\U0001d11e", "%uD834%uDD1E"),
            ("a/b@*_+-.", "a/b@*_+-."),
            ("100%", "100%25"),
        ):
            self.assertEqual(escape(name), spelling)
            self.assertEqual(unescape(spelling), name)
            channel = self.open(name)
            channel.transport.write(b"x")
            self.assertEqual(self.carrier.sent, [f"msg,{spelling},x"])
            self.say(f"msg,{spelling},y")
            self.assertEqual(channel.heard, [b"y"])
            self.assertEqual(channel.transport.topic, name)

    def test_surrogates(self) -> None:
        """
        A name that does not come back as it was sent is refused.
        """
        self.assertRaises(ValueError, self.connection.open, "\ud800", self.notes)

    def test_twice(self) -> None:
        """
        A topic has one channel at a time, and another when that is closed.
        """
        self.open()
        self.assertRaises(ValueError, self.connection.open, "news", self.notes)
        self.say("uns,news")
        self.connection.open("news", self.notes)
        self.assertEqual(self.carrier.sent, ["sub,news"])

    def test_noise(self) -> None:
        """
        What is for no open channel, or is no message, is counted and changes nothing.
        """
        news = self.open()
        self.say(
            "msg,chat,x", "uns,chat", "msg,news", "news", "", "sub,news", "x,news,y"
        )
        self.assertEqual(self.connection.dropped, 7)
        self.assertEqual((news.heard, news.lost), ([], []))

    def test_noProtocol(self) -> None:
        """
        A factory that makes none leaves nothing behind, and is asked for nothing.
        """

        class Nothing(RecorderFactory):
            def buildProtocol(self, addr: Any) -> Any:
                return None

        factory = Nothing()
        self.assertRaises(NoProtocol, self.connection.open, "news", factory)
        self.assertEqual(factory.life, ["start", "stop"])
        self.assertEqual(self.carrier.sent, [])
        self.open()

    def test_raises(self) -> None:
        """
        A protocol that raises has its channel closed, and no other.
        """
        news, chat = self.open("news"), self.open("chat")

        def broken(message: Any) -> None:
            raise LookupError("where?")

        news.then = broken
        self.say("msg,news,x", "msg,chat,y")
        self.assertEqual([type(e) for e in news.lost], [LookupError])
        self.assertEqual((chat.heard, chat.lost), ([b"y"], []))
        self.assertEqual(self.carrier.sent, ["uns,news"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)


class EndTests(MultiplexTest):
    """
    How a channel ends.
    """

    def setUp(self) -> None:
        super().setUp()
        self.connect()
        self.news, self.chat = self.open("news"), self.open("chat")

    def assertClosed(self, protocol: Any, code: int, reason: str) -> None:
        """
        It was lost, once, to this.
        """
        [lost] = protocol.lost
        self.assertIsInstance(lost, SessionClosed)
        self.assertEqual((lost.code, lost.reason), (code, reason))

    def test_serverCloses(self) -> None:
        """
        The server closes: with the usual code, or the one that it says.
        """
        self.say("uns,news", "uns,chat,4001,too late, friend")
        self.assertClosed(self.news, 3000, "Go away!")
        self.assertClosed(self.chat, 4001, "too late, friend")
        self.assertEqual(self.carrier.sent, [])
        self.assertEqual(self.notes.life, ["start", "stop"])
        self.assertFalse(self.news.transport.connected)

    def test_nonsense(self) -> None:
        """
        A code that is none is passed over.
        """
        self.say("uns,news,soon,now", "uns,chat,30000,x")
        self.assertClosed(self.news, 3000, "Go away!")
        self.assertClosed(self.chat, 3000, "Go away!")

    def test_refused(self) -> None:
        """
        A server that refuses says why, and that is the reason of the end.
        """
        self.say("err,news,There is no such topic.", "uns,news", "uns,chat")
        self.assertClosed(self.news, 3000, "There is no such topic.")
        self.assertClosed(self.chat, 3000, "Go away!")
        self.assertEqual(self.connection.refused, 1)

    def test_problem(self) -> None:
        """
        What the server says against a message ends nothing.
        """
        self.say("err,news,There is no payload.", "err,,x", "msg,news,y")
        self.assertEqual((self.news.heard, self.news.lost), ([b"y"], []))
        self.assertEqual(self.connection.refused, 2)

    def test_loseConnection(self) -> None:
        """
        The client closes: after what it has sent, and in the next turn it hears of it.
        """
        transport = self.news.transport
        transport.write(b"x")
        transport.loseConnection(4001, "enough")
        transport.write(b"too late")
        self.assertEqual(self.carrier.sent, ["msg,news,x", "uns,news"])
        self.assertEqual(self.news.lost, [])
        turn(self.clock)
        self.assertClosed(self.news, 4001, "enough")
        self.say("msg,news,y")
        self.assertEqual(self.news.heard, [])
        self.assertEqual(self.chat.lost, [])

    def test_abortConnection(self) -> None:
        """
        It gives up: so it hears.
        """
        self.news.transport.abortConnection()
        turn(self.clock)
        self.assertEqual([type(e) for e in self.news.lost], [ConnectionAborted])
        self.assertEqual(self.carrier.sent, ["uns,news"])

    def test_sessionCloses(self) -> None:
        """
        The session ends, and all its channels do with the same reason.
        """
        self.carrier.say('c[4000,"bye"]')
        turn(self.clock)
        self.assertClosed(self.news, 4000, "bye")
        self.assertClosed(self.chat, 4000, "bye")
        self.assertEqual(self.notes.life, ["start", "stop"])
        self.assertEqual(self.multiplex.connections, [])

    def test_sessionLost(self) -> None:
        """
        So it is when it breaks.
        """
        self.carrier.lose(ConnectionLost("broken"))
        turn(self.clock)
        for protocol in self.news, self.chat:
            [lost] = protocol.lost
            self.assertIsInstance(lost, ConnectionLost)

    def test_closedWhileOpen(self) -> None:
        """
        Whoever is told of the end can close others, or the session; each hears of its
        end once.
        """
        self.news.connectionLost = lambda reason: (
            self.news.lost.append(reason.value),
            self.chat.transport.loseConnection(),
            self.connection.loseConnection(),
        )
        self.say("uns,news")
        turn(self.clock)
        self.assertEqual(len(self.news.lost), 1)
        self.assertEqual(len(self.chat.lost), 1)
        self.assertEqual(self.multiplex.connections, [])

    def test_whole(self) -> None:
        """
        The session can be closed with all its channels.
        """
        self.connection.loseConnection(4002, "all")
        self.assertIn(("close", 4002, "all"), self.carrier.calls)
        turn(self.clock)
        self.assertClosed(self.news, 4002, "all")

    def test_over(self) -> None:
        """
        On a session that is over, no channel is opened.
        """
        self.connection.loseConnection()
        self.assertRaises(ConnectFailed, self.connection.open, "x", self.notes)
        turn(self.clock)
        self.assertRaises(ConnectFailed, self.connection.open, "x", self.notes)
