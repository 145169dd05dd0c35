"""Tests of `txsockjs.multiplex`, over a whole server in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

from tests.support.multiplexing import MultiplexTestCase, NoteFactory
from txsockjs import broadcast
from txsockjs.multiplex import SockJSMultiplexResource


class WireTests(MultiplexTestCase):
    """The messages of the websocket-multiplex client."""

    def test_channel(self) -> None:
        """An open channel carries messages both ways, whatever the transport."""
        for transport in "websocket", "xhr_streaming", "xhr", "eventsource", "jsonp":
            session = self.session("sub,echo", "msg,echo,hi", transport=transport)
            self.assertEqual(self.taken(session), ["msg,echo,hi"])
            self.assertIsNone(session.closed)

    def test_commas(self) -> None:
        """A payload may have commas, and may be empty."""
        session = self.session("sub,echo", "msg,echo,a,b,,", "msg,echo,")
        self.assertEqual(self.taken(session), ["msg,echo,a,b,,", "msg,echo,"])

    def test_apart(self) -> None:
        """What is sent to one topic reaches that topic alone."""
        self.service.addFactory("other", other := NoteFactory())
        self.session("sub,note", "sub,other", "msg,note,a", "msg,other,b")
        self.assertEqual(self.notes.notes[0].received, [b"a"])
        self.assertEqual(other.notes[0].received, [b"b"])

    def test_secondSub(self) -> None:
        """A second sub of an open topic is ignored."""
        session = self.session("sub,note", "sub,note", "msg,note,a")
        [note] = self.notes.notes
        self.assertEqual(note.received, [b"a"])
        self.assertEqual(self.taken(session), [])

    def test_unsubscribe(self) -> None:
        """The client closes a channel; the others stay, and it can be opened again."""
        session = self.session("sub,note", "sub,echo", "uns,note", "msg,echo,a")
        self.assertEqual(self.notes.notes[0].lost, [ConnectionDone])
        self.assertEqual(self.taken(session), ["msg,echo,a"])
        session.send("sub,note")
        session.send("msg,note,b")
        self.assertEqual(self.notes.notes[1].received, [b"b"])

    def test_escapedName(self) -> None:
        """A name with any characters is found as JavaScript's escape writes it."""
        for name, spelling in (
            ("a,b c", "a%2Cb%20c"),
            ("é☃", "%E9%u2603"),
            ("😀", "%uD83D%uDE00"),
        ):
            self.service.addFactory(name, Factory.forProtocol(Echo))
            session = self.session(f"sub,{spelling}", f"msg,{spelling},x")
            self.assertEqual(self.taken(session), [f"msg,{spelling},x"])

    def test_plainName(self) -> None:
        """A client that does not escape is answered in its own spelling, once."""
        self.service.addFactory("a b", Factory.forProtocol(Echo))
        session = self.session("sub,a b", "sub,a%20b", "msg,a b,x")
        self.assertEqual(self.taken(session), ["msg,a b,x"])


class TellingTests(MultiplexTestCase):
    """What cannot be used is told, and harms nothing."""

    def assertTold(self, message: str, *answers: str) -> None:
        session = self.session("sub,echo", message)
        self.assertEqual(self.taken(session), list(answers))
        session.send("msg,echo,still here")
        self.assertEqual(self.taken(session), ["msg,echo,still here"])

    def test_unknownTopic(self) -> None:
        """A sub of a topic that there is not ends that channel at the client."""
        self.assertTold("sub,nil", "err,nil,There is no such topic.", "uns,nil")

    def test_notOpen(self) -> None:
        """A message to a topic that is not open is told, and closes nothing."""
        for message in "msg,nil,x", "msg,note,x", "msg,nil", "uns,note":
            topic = message.split(",")[1]
            self.assertTold(message, f"err,{topic},This topic is not open.")

    def test_noPayload(self) -> None:
        """A message without a payload is told, and closes nothing."""
        self.assertTold("msg,echo", "err,echo,There is no payload.")

    def test_otherKinds(self) -> None:
        """What is no message of this protocol is told."""
        problem = "A message begins with sub, msg or uns."
        self.assertTold("", f"err,,{problem}")
        self.assertTold("hello", f"err,,{problem}")
        self.assertTold("SUB,echo,x", f"err,echo,{problem}")

    def test_refusingFactory(self) -> None:
        """A factory that builds no protocol refuses the channel."""
        self.notes.buildProtocol = lambda addr: None
        self.assertTold("sub,note", "err,note,There is no such topic.", "uns,note")

    def test_failingFactory(self) -> None:
        """A factory that raises loses the channel alone, and is logged."""
        self.notes.make = lambda: 1 / 0
        self.assertTold(
            "sub,note", "err,note,Internal error", "uns,note,1011,Internal error"
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_failingProtocol(self) -> None:
        """A protocol that raises loses its channel alone, and is logged."""
        session = self.session("sub,note", "sub,echo")
        self.notes.notes[0].dataReceived = lambda data: 1 / 0
        session.send("msg,note,x")
        session.send("msg,echo,y")
        self.assertEqual(
            self.taken(session), ["uns,note,1011,Internal error", "msg,echo,y"]
        )
        self.assertEqual(self.notes.notes[0].lost, [ZeroDivisionError])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_tooMany(self) -> None:
        """A connection has as many channels as it may, however they are spelled."""
        self.service.multiplex.maxChannels = 2
        session = self.session("sub,echo", "sub,%65cho", "sub,note", "sub,third")
        told = ["err,third,There are too many channels.", "uns,third"]
        self.assertEqual(self.taken(session), told)


class TopicTests(MultiplexTestCase):
    """Topics come and go."""

    def test_life(self) -> None:
        """A topic's factory lives as long as the service, or the topic."""
        self.session()
        self.service.addFactory("late", late := NoteFactory())
        self.assertEqual(late.life, ["start"])
        self.service.removeFactory("late")
        self.assertEqual(late.life, ["start", "stop"])
        self.service.stop()
        self.assertEqual(self.notes.life, ["start", "stop"])

    def test_taken(self) -> None:
        """A name is given once, until it is removed."""
        self.assertRaises(ValueError, self.service.addFactory, b"note", self.notes)
        self.assertIs(self.service.find(b"note"), self.notes)
        self.assertIsNone(self.service.find("nil"))
        self.service.removeFactory("note")
        self.service.addFactory("note", self.notes)
        self.assertRaises(KeyError, self.service.removeFactory, "nil")

    def test_removeFactory(self) -> None:
        """A topic that is removed closes its channels, and no others."""
        sessions = [self.session("sub,note", "sub,echo") for _ in range(2)]
        self.service.removeFactory("note")
        for session in sessions:
            self.assertEqual(self.taken(session), ["uns,note"])
            session.send("msg,echo,x")
            self.assertEqual(self.taken(session), ["msg,echo,x"])
        lost = [note.lost for note in self.notes.notes]
        self.assertEqual(lost, [[ConnectionDone], [ConnectionDone]])

    def test_broadcast(self) -> None:
        """A broadcast reaches each channel of the topic, in its client's spelling."""
        self.service.addFactory("a b", self.notes)
        sessions = [self.session("sub,a b"), self.session("sub,a%20b"), self.session()]
        self.service.broadcast("a b", "é, ok")
        self.service.broadcast(b"a b", b"\xc3\xa9")
        self.service.broadcast("nobody", "x")
        self.assertEqual(
            [self.taken(session) for session in sessions],
            [["msg,a b,é, ok", "msg,a b,é"], ["msg,a%20b,é, ok", "msg,a%20b,é"], []],
        )

    def test_broadcastFromChannel(self) -> None:
        """A channel's transport broadcasts to its own topic, as in 1.2.2."""
        sessions = [self.session("sub,note"), self.session("sub,note")]
        self.notes.notes[0].transport.broadcast(b"hi")
        told = [self.taken(session) for session in sessions]
        self.assertEqual(told, [["msg,note,hi"], ["msg,note,hi"]])

    def test_utilsBroadcast(self) -> None:
        """Channels are targets of the package's broadcast like any transport."""
        session = self.session("sub,note")
        broadcast("hi", [note.transport for note in self.notes.notes])
        self.assertEqual(self.taken(session), ["msg,note,hi"])

    def test_noneLeft(self) -> None:
        """Channels that have ended are kept nowhere."""
        self.session("sub,note", "sub,echo", "uns,note").abort()
        self.reactor.settle()
        self.assertEqual(self.service.multiplex._channels, {})


class OnDemandResource(SockJSMultiplexResource):
    """Has a room for whoever asks for one."""

    def subscribe(self, connection: Any, name: str) -> Factory | None:
        factory = super().subscribe(connection, name)
        if factory is None and name.startswith("room-"):
            factory = Factory.forProtocol(Echo)
            self.addFactory(name, factory, temporary=True)
        elif name == "kick":
            connection.loseConnection(4003, "out")
        elif name == "fail":
            raise ZeroDivisionError
        return factory


class OnDemandTests(MultiplexTestCase):
    """``subscribe`` can be overridden."""

    resource = OnDemandResource

    def test_made(self) -> None:
        """A topic that is made on demand is there for the next one, too."""
        for _ in range(2):
            session = self.session("sub,room-1", "msg,room-1,x")
            self.assertEqual(self.taken(session), ["msg,room-1,x"])
        self.assertEqual(self.topics(), {"note", "echo", "room-1"})

    def topics(self) -> set[str]:
        """The names that have a factory."""
        return set(self.service.multiplex._factories)

    def test_temporary(self) -> None:
        """It goes with its last channel, however that ends."""
        sessions = [self.session("sub,room-1"), self.session("sub,room-1")]
        sessions[0].send("uns,room-1")
        self.assertIn("room-1", self.topics())
        sessions[1].abort()
        self.reactor.settle()
        self.assertEqual(self.topics(), {"note", "echo"})
        self.session("sub,room-1")
        self.service.removeFactory("room-1")
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_manyNames(self) -> None:
        """Clients that choose names without end leave none behind."""
        session = self.session()
        for number in range(1000):
            session.send(f"sub,room-{number}", f"uns,room-{number}")
        self.assertEqual(self.topics(), {"note", "echo"})

    def test_neverOpened(self) -> None:
        """It goes where its factory builds nothing, and is stopped."""
        factory = NoteFactory()
        factory.buildProtocol = lambda addr: None
        self.service.addFactory("odd", factory, temporary=True)
        self.session("sub,odd")
        self.assertEqual(self.topics(), {"note", "echo"})
        self.assertEqual(factory.life, ["start", "stop"])

    def test_refused(self) -> None:
        """What it does not make is not there; what it raises is logged."""
        session = self.session("sub,room", "sub,fail")
        answers = self.taken(session)
        self.assertEqual(answers[1], "uns,room")
        self.assertEqual(answers[3], "uns,fail,1011,Internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_kicked(self) -> None:
        """It can close the connection that asks."""
        session = self.session("sub,note", "sub,kick")
        self.reactor.settle()
        self.assertEqual(session.closed, (4003, "out"))
        self.assertEqual(self.notes.notes[0].lost, [ConnectionDone])
