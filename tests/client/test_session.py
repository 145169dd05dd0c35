"""A client's session, with a carrier that does what the test says."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionAborted, ConnectionDone
from zope.interface import alsoProvides

from tests.support.client import (
    Recorder,
    SessionTestCase,
    TextRecorder,
    turn,
)
from txsockjs import ISockJSBinaryReceiver
from txsockjs.client.transport import ClientTransport
from txsockjs.errors import (
    SessionClosed,
    SessionFailed,
    SessionRefused,
    TransportFailed,
)


class OpeningTests(SessionTestCase):
    def test_opened(self) -> None:
        """
        The server's ``o`` opens it, and nothing else does.
        """
        self.start()
        self.carrier.say("h", "hhhh", "ok", 'a["x"]', "", "nonsense")
        self.assertNoResult(self.opening)
        self.carrier.say("o")
        self.successResultOf(self.opening)
        self.assertEqual(self.session.dropped, 3)

    def test_raw(self) -> None:
        """
        A raw WebSocket is open when it is connected; any other is not.
        """
        self.start()
        self.session.carrierConnected()
        self.assertNoResult(self.opening)
        self.start(raw=True)
        self.session.carrierConnected()
        self.successResultOf(self.opening)

    def test_early(self) -> None:
        """
        What comes before somebody uses the session waits for that.
        """
        self.start()
        self.carrier.say("o", 'a["1","2"]')
        self.protocol = Recorder()
        self.session.attach(
            ClientTransport(
                self.session, self.protocol, "cp1252", self.carrier, "websocket"
            )
        )
        turn(self.clock)
        self.assertEqual(self.protocol.heard, [b"1", b"2"])

    def test_refused(self) -> None:
        """
        A code that the server's application has chosen is told to the user.
        """
        for code in 1000, 3000, 4401, 4999:
            self.start()
            self.carrier.say(f'c[{code},"No"]')
            refused = self.failureResultOf(self.opening, SessionRefused)
            self.assertEqual(str(refused.value), f"{code} 'No'")
            turn(self.clock)
            self.successResultOf(self.session.gone)

    def test_another(self) -> None:
        """
        With any other code, another transport may do better.
        """
        for code in 1002, 2010, 2999, 5000:
            self.start()
            self.carrier.say(f'c[{code},"Another connection still open"]')
            failure = self.failureResultOf(self.opening, TransportFailed)
            self.assertIn(f"{code} 'Another connection", str(failure.value))

    def test_lost(self) -> None:
        """
        What the network has to say is told as the transport's failure.
        """
        self.start()
        self.carrier.lose(ConnectionDone("Gone."))
        failure = self.failureResultOf(self.opening, TransportFailed)
        self.assertIn("Gone.", str(failure.value))
        self.successResultOf(self.session.gone)

    def test_cancelled(self) -> None:
        """
        To cancel it drops what carries it, and leaves no timer.
        """
        self.start()
        self.opening.cancel()
        self.failureResultOf(self.opening, CancelledError)
        self.assertEqual(self.carrier.calls, ["start", "abort"])
        turn(self.clock)
        self.successResultOf(self.session.gone)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class MessageTests(SessionTestCase):
    def test_messages(self) -> None:
        """
        Messages come in order, each of them once, and as bytes.
        """
        self.open()
        self.carrier.say('a["1","é"]', "a[]", 'a ["3"]', 'm"4"', r'a["\ud800"]')
        self.assertEqual(
            self.protocol.heard, [b"1", "é".encode(), b"3", b"4", "\ufffd".encode()]
        )

    def test_text(self) -> None:
        """
        Who takes text gets it as it came.
        """
        self.open(TextRecorder)
        self.carrier.say(r'a["é\ud800"]')
        self.assertEqual(self.protocol.heard, ["é\ud800"])

    def test_garbage(self) -> None:
        """
        What is no frame is dropped, and counted; the session goes on.
        """
        self.open()
        garbage = ["", "a", "a[1]", 'a["x",null]', "a{}", 'a["x"', "x", "oo", "h1"]
        garbage += ['c["x"]', "c[1]", 'c[true,""]', "c[3000,null]", "a" + "[" * 99999]
        self.carrier.say(*garbage, 'a["x"]')
        self.assertEqual(self.protocol.heard, [b"x"])
        self.assertEqual(self.transport.dropped, len(garbage))

    def test_send(self) -> None:
        """
        Messages are carried as text, bytes that are not UTF-8 as the encoding has it.
        """
        self.open()
        self.transport.write("é".encode())
        self.transport.write(b"\x80")
        self.transport.sendMessage("text")
        self.transport.sendBinary(b"binary")
        self.transport.writeSequence([b"1", b"2"])
        self.assertEqual(self.carrier.sent, ["é", "€", "text", "binary", "1", "2"])

    def test_sendRaw(self) -> None:
        """
        On a raw WebSocket bytes may be sent as such, and come in.
        """
        self.open(raw=True)
        self.transport.write(b"text")
        self.transport.sendBinary(b"\xff")
        self.assertEqual(self.carrier.sent, ["text", b"\xff"])
        self.session.carrierMessage(b"\xfe")
        self.session.carrierMessage("é")
        self.assertEqual(self.protocol.heard, [b"\xfe", "é".encode()])

    def test_binary(self) -> None:
        """
        Who takes text has a binary message decoded, unless it takes those as well.
        """
        self.open(TextRecorder, raw=True)
        self.session.carrierMessage("\xe9".encode())
        self.assertEqual(self.protocol.heard, ["\xe9"])
        alsoProvides(self.protocol, ISockJSBinaryReceiver)
        self.protocol.binaryReceived = self.protocol.dataReceived  # type: ignore[attr-defined]
        self.session.carrierMessage(b"\xff")
        self.session.carrierMessage("a")
        self.assertEqual(self.protocol.heard[1:], [b"\xff", "a"])


class EndTests(SessionTestCase):
    def test_serverCloses(self) -> None:
        """
        The server's close is told with its code and reason.
        """
        self.open()
        self.carrier.say('a["last"]', 'c[3001,"Bye"]', 'a["behind"]')
        self.assertEqual(self.protocol.lost, [])
        self.assertOver(SessionClosed, "3001 'Bye'")
        self.assertEqual(self.protocol.heard, [b"last"])

    def test_close(self) -> None:
        """
        To close has carried what was sent before, and nothing behind it.
        """
        self.open()
        self.transport.write(b"last")
        self.transport.loseConnection(3002, "Done")
        self.transport.write(b"behind")
        self.carrier.say('a["late"]')
        self.assertOver(SessionClosed, "3002 'Done'")
        self.assertEqual(self.carrier.sent, ["last"])
        self.assertEqual(self.protocol.heard, [])

    def test_abortClosed(self) -> None:
        """
        Who aborts behind the server's close does not wait for the network.
        """
        self.open()
        self.carrier.quick = False
        self.carrier.say('c[3000,"Bye"]')
        self.transport.abortConnection()
        self.assertEqual(self.carrier.calls[1:], [("close", 1000, ""), "abort"])
        self.carrier.lose(ConnectionAborted())
        self.assertOver(SessionClosed)

    def test_closeBroken(self) -> None:
        """
        If what was sent before could not be carried, that is what is told.
        """
        self.open()
        self.carrier.quick = False
        self.transport.loseConnection()
        self.carrier.lose(SessionFailed(1006, "the send was refused: 404"))
        self.assertOver(SessionFailed, "the send was refused: 404")

    def test_closeSecond(self) -> None:
        """
        What the server says behind our own close changes nothing.
        """
        self.open()
        self.transport.loseConnection(3002, "Done")
        self.carrier.say('c[3001,"Bye"]', "o")
        self.assertOver(SessionClosed, "3002 'Done'")

    def test_abort(self) -> None:
        """
        To abort waits for nothing; also when it is closing.
        """
        self.open()
        self.transport.abortConnection()
        self.assertOver(ConnectionAborted)
        self.open()
        self.carrier.quick = False
        self.transport.loseConnection()
        self.transport.abortConnection()
        self.assertEqual(self.carrier.calls[-1], "abort")
        self.carrier.lose(ConnectionAborted())
        self.assertOver(ConnectionAborted)

    def test_broken(self) -> None:
        """
        What breaks below is told, with what caused it.
        """
        self.open()
        error = ValueError("the response was cut")
        self.carrier.lose(error)
        reason = self.assertOver(SessionFailed, "1006 'the response was cut'")
        self.assertIs(reason.__cause__, error)

    def test_socketClosed(self) -> None:
        """
        A WebSocket that is closed in good order is the end of a raw session; SockJS
        has its own way to close.
        """
        self.open(raw=True)
        self.carrier.lose(SessionClosed(1001, "Bye"))
        self.assertOver(SessionClosed, "1001 'Bye'")
        self.open()
        self.carrier.lose(SessionClosed(1001, "Bye"))
        self.assertOver(SessionFailed, "1001 'Bye'")

    def test_secondOpen(self) -> None:
        """
        A server that opens the session again does not know it any more.
        """
        self.open()
        self.carrier.say("o")
        self.assertOver(SessionFailed, "1006 'Server lost session'")

    def test_raises(self) -> None:
        """
        What the application raises closes the session, and is logged.
        """
        self.open()
        self.protocol.then = lambda data: [][0]
        self.carrier.say('a["1","2"]', 'a["3"]')
        self.assertIn(("close", 1011, "Internal error"), self.carrier.calls)
        self.assertOver(IndexError)
        self.assertEqual(self.protocol.heard, [b"1"])
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def test_raisesAtTheEnd(self) -> None:
        """
        So is what it raises when it hears of the end.
        """
        self.open()
        self.protocol.connectionLost = lambda reason: [][0]  # type: ignore[assignment,misc]
        self.carrier.say('c[3000,"Bye"]')
        turn(self.clock)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)
        self.successResultOf(self.session.gone)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WatchTests(SessionTestCase):
    def test_silence(self) -> None:
        """
        Two intervals and a trip without a word from the server end the session.
        """
        self.open(heartbeat=10, roundTrip=1.0)
        for _ in range(10):
            self.clock.advance(10)
            self.carrier.say("h")
        self.clock.advance(23.9)
        self.assertEqual(self.protocol.lost, [])
        self.clock.advance(0.1)
        self.assertIn("abort", self.carrier.calls)
        self.assertOver(SessionFailed, "nothing came from the server for 24 s")

    def test_paused(self) -> None:
        """
        Who does not read hears nothing.
        """
        self.open(heartbeat=10, roundTrip=1.0)
        self.transport.pauseProducing()
        self.clock.advance(100)
        self.transport.resumeProducing()
        turn(self.clock)
        self.clock.advance(23)
        self.assertEqual(self.protocol.lost, [])
        self.clock.advance(1)
        self.assertOver(SessionFailed)

    def test_pausedShortly(self) -> None:
        """
        A pause is no silence of the server's, however short it is.
        """
        self.open(heartbeat=10, roundTrip=1.0)
        self.transport.pauseProducing()
        self.clock.advance(23)
        self.transport.resumeProducing()
        turn(self.clock)
        self.clock.advance(23)
        self.assertEqual(self.protocol.lost, [])
        self.clock.advance(1)
        self.assertOver(SessionFailed)

    def test_off(self) -> None:
        """
        It can be off, as it is for raw WebSockets, which have no heartbeats.
        """
        for settings in {"heartbeat": 0}, {"raw": True}:
            self.open(**settings)
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.transport.abortConnection()
            self.assertOver(ConnectionAborted)
