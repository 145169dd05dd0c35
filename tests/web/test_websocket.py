"""Tests for `txsockjs.transports.websocket`: the handshake, and messages both ways."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost

from tests.support.serving import Echo, Recorder, ServiceCase
from tests.support.sockets import (
    ACCEPT,
    BINARY,
    PING,
    PONG,
    TEXT,
    Socket,
    frame,
    upgrade,
)

BOTH = ["/0/s/websocket", "/websocket"]


class HandshakeTests(ServiceCase):
    """
    The opening handshake. (RFC 6455, section 4.2)
    """

    def answer(self, **headers: str | None) -> bytes:
        """
        The whole answer to a handshake with other headers; None leaves one out.
        """
        head = upgrade("/0/s/websocket").decode()
        for name, value in headers.items():
            name = name.replace("_", "-")
            lines = [ln for ln in head.split("\r\n") if not ln.startswith(name + ":")]
            if value is not None:
                lines.insert(1, f"{name}: {value}")
            head = "\r\n".join(lines)
        connection = self.connect()
        connection.send(head.encode("latin-1"))
        self.closed = connection.closed
        return connection.received

    def test_accepted(self) -> None:
        """
        101 with the key's answer, and then ``o``.
        """
        self.serve()
        head, _, rest = self.answer().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.assertEqual(lines[0], "HTTP/1.1 101 Switching Protocols")
        self.assertIn(f"Sec-WebSocket-Accept: {ACCEPT}", lines)
        self.assertEqual(rest, b"\x81\x01o")

    def test_tokens(self) -> None:
        """
        The tokens are found among others, in any case.
        """
        self.serve()
        answer = self.answer(Upgrade="h2c, WebSocket", Connection="keep-alive, UPGRADE")
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "))

    def test_noUpgrade(self) -> None:
        """
        400 and the protocol's words for a plain GET, or another upgrade.
        """
        self.serve()
        for value in [None, "h2c", "websockets"]:
            answer = self.answer(Upgrade=value)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertTrue(answer.endswith(b'Can "Upgrade" only to "WebSocket".'))
            self.assertFalse(self.closed)

    def test_noConnection(self) -> None:
        """
        400 where ``Connection`` does not name the upgrade.
        """
        self.serve()
        for value in [None, "keep-alive", "upgraded"]:
            answer = self.answer(Connection=value)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertTrue(answer.endswith(b'"Connection" must be "Upgrade".'))

    def test_badKey(self) -> None:
        """
        400 for a key that is not 16 bytes in base64, or none.
        """
        self.serve()
        for key in [None, "", "short", "x" * 24, "A" * 21 + "===", "\xe9" * 22 + "=="]:
            answer = self.answer(Sec_WebSocket_Key=key)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
        self.assertEqual(self.sessions, [])

    def test_badVersion(self) -> None:
        """
        426 and the version that is spoken (RFC 6455, section 4.4), as the protocol to
        upgrade to (RFC 9110, section 15.5.22).
        """
        self.serve()
        for version in [None, "0", "7", "14", "x", "013"]:
            answer = self.answer(Sec_WebSocket_Version=version)
            self.assertTrue(answer.startswith(b"HTTP/1.1 426 "), answer)
            self.assertIn(b"\r\nsec-websocket-version: 13\r\n", answer.lower())
            self.assertIn(b"\r\nupgrade: websocket\r\n", answer.lower())
            self.assertIn(b"\r\nconnection: upgrade\r\n", answer.lower())

    def test_subprotocols(self) -> None:
        """
        Subprotocols that a client offers are passed over.
        """
        self.serve()
        answer = self.answer(Sec_WebSocket_Protocol="a, b, a")
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "))
        self.assertNotIn(b"Sec-WebSocket-Protocol", answer)

    def test_sameId(self) -> None:
        """
        Two sockets may carry the same id at once, and a poll too. (PROTOCOL 6.8)
        """
        self.serve(Echo)
        self.open("s")
        one, two = Socket(self.connect(), BOTH[0]), Socket(self.connect(), BOTH[0])
        one.say('"a"')
        two.say('"b"')
        self.assertEqual((one.texts[1:], two.texts[1:]), ([b'a["a"]'], [b'a["b"]']))
        self.assertEqual(len(self.sessions), 3)


class FramedTests(ServiceCase):
    """
    ``websocket``: SockJS frames, JSON in.
    """

    def socket(self, protocol: type[Recorder] = Echo, **options: object) -> Socket:
        self.serve(protocol, **options)
        return Socket(self.connect(), BOTH[0])

    def test_echo(self) -> None:
        """
        An array of strings, or one string, is that many messages.
        """
        socket = self.socket()
        socket.say('["a", "b"]')
        socket.say('"c"')
        self.assertEqual(self.sessions[0].received, [b"a", b"b", b"c"])
        self.assertEqual(socket.texts, [b"o", b'a["a","b"]', b'a["c"]'])

    def test_empty(self) -> None:
        """
        An empty message and ``[]`` are ignored.
        """
        socket = self.socket()
        socket.send(frame(b""), frame(b"[]"), frame(b" [ ] "), frame(b"", BINARY))
        self.assertEqual(self.sessions[0].received, [])
        self.assertFalse(socket.closed)

    def test_broken(self) -> None:
        """
        What is no SockJS message is 3000 in a close frame, and ends the connection at
        once; what came before it in the same segment is delivered.
        """
        for text in ["[", "{}", "5", "null", "[1]", '["a"', '"a', "a", '["a"]x', "\0"]:
            socket = self.socket()
            socket.send(frame(b'["before"]'), frame(text.encode()), frame(b'["after"]'))
            self.assertTrue(socket.closed, text)
            close = socket.frames[-1]
            self.assertEqual((close.code, close.reason), (3000, "Broken framing."))
            self.assertEqual(self.sessions[0].received, [b"before"])
            [reason] = self.sessions[0].lost
            self.assertEqual(reason.trap(ConnectionLost).__name__, "ConnectionLost")
            self.assertEqual(
                (reason.value.code, reason.value.reason), (3000, close.reason)
            )
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_binary(self) -> None:
        """
        A binary message is read as text would be; if it is not UTF-8 it is broken.
        """
        socket = self.socket()
        socket.send(frame(b'["a"]', BINARY))
        self.assertEqual(socket.texts[1:], [b'a["a"]'])
        socket.send(frame(b'["\xff"]', BINARY))
        self.assertTrue(socket.closed)

    def test_tooMany(self) -> None:
        """
        As many messages at once as a body of HTTP may have are taken; more are 1009,
        whether they came as much or, compressed, as next to nothing.
        """
        for size, most in (10_000, 1000), (160_000, 10_000):
            socket = self.socket(Recorder, max_message_size=size)
            socket.say("[" + ",".join(['""'] * most) + "]")
            self.assertEqual(self.sessions[0].received, [b""] * most)
            socket.send(frame(b'"last"'), frame(b'["",' + b'"",' * most + b'""]'))
            self.assertEqual(self.sessions[0].received[most:], [b"last"])
            self.assertEqual(socket.frames[-1].code, 1009)

    def test_fragments(self) -> None:
        """
        A message in fragments, with a ping among them, is one message.
        """
        socket = self.socket()
        socket.send(frame(b'["\xc3', TEXT, final=False), frame(b"?", PING))
        socket.send(frame(b"\xa9", 0, final=False), frame(b'"]', 0))
        self.assertEqual(self.sessions[0].received, ["é".encode()])
        self.assertEqual([f.payload for f in socket.frames if f.opcode == PONG], [b"?"])

    def test_splitAnywhere(self) -> None:
        """
        The bytes may come in any pieces.
        """
        data = frame(b'["a"]') + frame(b'["%b"]' % (b"b" * 200)) + frame(b'"c"')
        for size in [1, 2, 3, 7, 100]:
            socket = self.socket()
            for start in range(0, len(data), size):
                socket.send(data[start : start + size])
            self.assertEqual(self.sessions[0].received, [b"a", b"b" * 200, b"c"])

    def test_heartbeat(self) -> None:
        """
        ``h`` after 25 s of silence.
        """
        socket = self.socket()
        self.site.advance(24)
        self.assertEqual(socket.texts, [b"o"])
        self.site.advance(2)
        self.assertEqual(socket.texts, [b"o", b"h"])

    def test_largeMessages(self) -> None:
        """
        Messages of all three header sizes, both ways.
        """
        socket = self.socket()
        for size in [0, 120, 126, 65530, 65536, 300_000]:
            socket.say('["%s"]' % ("x" * size))
            self.assertEqual(socket.texts[-1], b'a["%b"]' % (b"x" * size))

    def test_lost(self) -> None:
        """
        A connection that breaks is a ``ConnectionLost``, once.
        """
        socket = self.socket()
        socket.connection.abort()
        (reason,) = self.sessions[0].lost
        reason.trap(ConnectionLost)

    def test_refused(self) -> None:
        """
        A factory that builds no protocol closes the socket in SockJS's way.
        """
        self.serve()
        self.site.site.resource._factory.buildProtocol = lambda addr: None
        socket = Socket(self.connect(), BOTH[0])
        self.assertEqual(socket.texts, [b'c[3000,"Go away!"]'])


class RawTests(ServiceCase):
    """
    ``BASE/websocket``: messages as they are.
    """

    def socket(self, protocol: type[Recorder] = Echo, **options: object) -> Socket:
        self.serve(protocol, **options)
        return Socket(self.connect(), BOTH[1])

    def test_text(self) -> None:
        """
        Text both ways, with no frame of SockJS's, the empty message too.
        """
        socket = self.socket()
        for text in ["", "[", '["a"]', "\U0001f600\0"]:
            socket.say(text)
        self.assertEqual(socket.texts, [b"", b"[", b'["a"]', "\U0001f600\0".encode()])

    def test_heartbeat(self) -> None:
        """
        The heartbeat is a ping.
        """
        socket = self.socket()
        self.site.advance(26)
        self.assertEqual([each.opcode for each in socket.frames], [PING])

    def test_ping(self) -> None:
        """
        A ping is answered with its own payload.
        """
        for path in BOTH:
            self.serve()
            socket = Socket(self.connect(), path)
            socket.send(frame(b"payload", PING))
            self.assertIn((PONG, b"payload"), [each[:2] for each in socket.frames])

    def test_writtenTogether(self) -> None:
        """
        Each write is a message of its own, though they go out together.
        """
        socket = self.socket(Recorder)
        self.sessions[0].transport.writeSequence([b"a", b""])
        self.sessions[0].transport.sendBinary(b"\xff")
        self.site.settle()
        self.assertEqual([each.payload for each in socket.frames], [b"a", b"", b"\xff"])


class Pausing(Recorder):
    """
    Stops reading at each message that says so.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if data.startswith(b"stop"):
            self.transport.pauseProducing()


class FlowTests(ServiceCase):
    """
    An application that does not read, and a browser that does not.
    """

    def test_paused(self) -> None:
        """
        A paused application is not called, and the socket is not read from: bytes stay
        with the network.
        """
        self.serve(Pausing)
        socket = Socket(self.connect(), BOTH[1])
        socket.say("stop")
        for _ in range(100):
            socket.connection.transport.write(frame(b"x" * 5000))
        self.site.settle()
        (session,) = self.sessions
        self.assertEqual(session.received, [b"stop"])
        waiting = socket.connection.transport
        self.assertGreater(len(waiting.dataBuffer) - waiting.offset, 300_000)
        session.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(session.received, [b"stop"] + [b"x" * 5000] * 100)

    def test_pausedAgain(self) -> None:
        """
        However often it pauses, everything arrives once and in order.
        """
        self.serve(Pausing)
        socket = Socket(self.connect(), BOTH[1])
        sent = [b"stop%d" % n if n % 3 else b"go%d" % n for n in range(50)]
        socket.send(*map(frame, sent))
        (session,) = self.sessions
        for _ in range(50):
            session.transport.resumeProducing()
            self.site.settle()
        self.assertEqual(session.received, sent)

    def test_slowSender(self) -> None:
        """
        A browser that takes minutes for one message is there all the time, though it
        answers no ping within it.
        """
        for path in BOTH:
            self.serve(Echo, heartbeat=10)
            socket = Socket(self.connect(), path)
            for byte in frame(b'"%b"' % (b"x" * 50)):
                socket.send(bytes([byte]))
                self.site.advance(5)
            self.assertIn(b"x" * 50, b"".join(socket.texts))

    def test_slowReader(self) -> None:
        """
        A producer is paused while the network is full, and resumed when all was taken.
        """
        for path in BOTH:
            self.serve()
            socket = Socket(self.connect(), path)
            socket.connection.transport.pauseProducing()
            heard: list[str] = []
            transport = self.sessions[0].transport
            transport.registerProducer(Listening(heard), True)
            for _ in range(30):
                transport.write(b"x" * 10_000)
                self.site.settle()
            self.assertEqual(heard, ["pause"])
            socket.connection.transport.resumeProducing()
            self.site.settle()
            self.assertEqual(heard, ["pause", "resume"])
            self.assertEqual(b"".join(socket.texts).count(b"x"), 300_000)

    def test_maxBuffer(self) -> None:
        """
        A browser that takes nothing loses its session past ``max_buffer``; what the
        server holds for it stays bounded.
        """
        for path in BOTH:
            self.serve(max_buffer=200_000)
            socket = Socket(self.connect(), path)
            socket.connection.transport.pauseProducing()
            for _ in range(100):
                self.sessions[0].transport.write(b"x" * 10_000)
                self.site.settle()
            self.assertEqual(len(self.sessions[0].lost), 1)
            socket.connection.transport.resumeProducing()
            self.site.settle()
            self.assertLess(len(socket.connection.received), 500_000)
            self.assertIn(b"Too many undelivered messages", socket.connection.received)

    def test_pingFlood(self) -> None:
        """
        Who sends pings and reads no pongs does not fill the server's memory, and gets
        an answer to the last one when it reads.
        """
        self.serve()
        socket = Socket(self.connect(), BOTH[1])
        socket.connection.transport.pauseProducing()
        for n in range(10_000):
            socket.connection.transport.write(frame(b"%0125d" % n, PING))
        self.site.settle()
        self.assertLess(self.pending(), 200_000)
        socket.connection.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(socket.frames[-1][:2], (PONG, b"%0125d" % 9_999))

    def pending(self) -> int:
        """
        How many bytes the server holds for the only connection.
        """
        (server,) = [
            each
            for each in self.site.reactor.getWriters()
            if each.getPeer().host == "192.0.2.7"
        ]
        return len(server.dataBuffer) - server.offset + server._tempDataLen


class Listening:
    """
    A push producer that remembers.
    """

    def __init__(self, heard: list[str]) -> None:
        self.heard = heard

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def stopProducing(self) -> None:
        self.heard.append("stop")
