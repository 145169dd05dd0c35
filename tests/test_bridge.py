"""Tests of `txsockjs.bridge`, over a whole server and a service in memory."""

from __future__ import annotations

import base64
from typing import Any

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.bridging import BridgeTestCase, GivenEndpoint, Service
from txsockjs.bridge import MAX_LINE, BridgeFactory, Told, describe
from txsockjs.testing import MemoryClient, MemoryWebSocket


class TextTests(BridgeTestCase):
    """``mode="text"``."""

    def test_bothWays(self) -> None:
        """What either side sends reaches the other one as UTF-8."""
        session, service = self.connected()
        session.send("Grüße", "☃")
        self.write(service, "naïve".encode())
        self.assertEqual(service.received.decode(), "Grüße☃")
        self.assertEqual(session.received, ["naïve"])

    def test_cutCharacter(self) -> None:
        """A character that arrives byte by byte is sent once, whole."""
        session, service = self.connected()
        for byte in "a😀b".encode():
            self.write(service, bytes([byte]))
        self.assertEqual(session.received, ["a", "😀", "b"])

    def test_notUTF8(self) -> None:
        """Bytes that are not UTF-8 are shown as U+FFFD, and nothing else is lost."""
        session, service = self.connected()
        self.write(service, b"caf\xe9 ol\xe9")
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual("".join(session.received), "caf\ufffd ol\ufffd")

    def test_loneSurrogate(self) -> None:
        """A lone surrogate, which has no UTF-8, reaches the service as U+FFFD."""
        session, service = self.connected()
        session.send("a\ud800b")
        self.assertEqual(service.received.decode(), "a\ufffdb")


class Base64Tests(BridgeTestCase):
    """``mode="base64"``."""

    def test_anyByte(self) -> None:
        """All 256 bytes survive both ways."""
        session, service = self.connected("base64")
        data = bytes(range(256))
        session.send(base64.b64encode(data).decode())
        self.write(service, data)
        self.assertEqual(service.received, data)
        self.assertEqual(list(map(base64.b64decode, session.received)), [data])

    def test_notBase64(self) -> None:
        """A message that is no base64 closes the session, and says why."""
        session, service = self.connected("base64")
        session.send("YWJj", "a$b")
        self.assertTold(session, Told.BAD_MESSAGE)
        self.assertEqual(service.received, b"abc")
        self.assertTrue(service.ended)


class Latin1Tests(BridgeTestCase):
    """``mode="latin1"``."""

    def test_anyByte(self) -> None:
        """All 256 bytes survive both ways, as the characters of the same number."""
        session, service = self.connected("latin1")
        data = bytes(range(256))
        session.send(data.decode("latin-1"))
        self.write(service, data)
        self.assertEqual(service.received, data)
        self.assertEqual(session.received, [data.decode("latin-1")])

    def test_notLatin1(self) -> None:
        """A character that is no byte closes the session, and says why."""
        session, service = self.connected("latin1")
        session.send("☃")
        self.assertTold(session, Told.BAD_MESSAGE)
        self.assertEqual(service.received, b"")


class BinaryTests(BridgeTestCase):
    """``mode="binary"``, and binary messages where the mode is another."""

    def raw(self, mode: str, **kw: Any) -> tuple[MemoryWebSocket, Service]:
        """A raw WebSocket, and the service."""
        self.bridge(mode, **kw)
        socket = MemoryClient(self.site).websocket("/websocket")
        return socket, self.endpoint.accept()

    def test_anyByte(self) -> None:
        """All 256 bytes go as they are, both ways, and text is taken as UTF-8."""
        socket, service = self.raw("binary")
        data = bytes(range(256))
        socket.send(data)
        socket.send("☃")
        self.write(service, data)
        self.write(service, b"text")
        self.assertEqual(service.received, data + "☃".encode())
        self.assertEqual(socket.messages, [data, b"text"])

    def test_elsewhere(self) -> None:
        """Where messages are text, it is base64."""
        for transport in "websocket", "xhr":
            self.bridge("binary")
            session = self.session(transport)
            service = self.endpoint.accept()
            session.send("/wA=")
            self.write(service, b"\xff\0")
            self.assertEqual(service.received, b"\xff\0")
            self.assertEqual(session.received, ["/wA="])

    def test_lines(self) -> None:
        """Lines may have any bytes, none too; the last needs no end."""
        socket, service = self.raw("binary", framing="lines")
        socket.send(b"\xff")
        socket.send(b"")
        self.write(service, b"\xfe\r\n\n\0")
        self.assertEqual(service.received, b"\xff\r\n\r\n")
        self.assertEqual(socket.messages, [b"\xfe", b""])
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(socket.messages, [b"\xfe", b"", b"\0"])
        self.assertEqual(socket.ended, (Told.ENDED.code, Told.ENDED.reason))

    def test_end(self) -> None:
        """A stream that ends with a whole message has no empty one behind it."""
        for framing, data in ("raw", b"\xff"), ("lines", b"\xff\n"):
            socket, service = self.raw("binary", framing=framing)
            service.transport.write(data)
            service.transport.loseConnection()
            self.reactor.settle()
            self.assertEqual(socket.messages, [b"\xff"])

    def test_large(self) -> None:
        """A megabyte arrives whole each way, at the pace of who reads it."""
        socket, service = self.raw("binary")
        data = bytes(range(256)) * 4096
        socket.transport.pauseProducing()
        service.transport.write(data)
        self.reactor.settle()
        self.assertGreater(len(service.transport.dataBuffer), 0)
        socket.transport.resumeProducing()
        service.transport.pauseProducing()
        socket.send(data[:500_000])
        socket.send(data[500_000:])
        service.transport.resumeProducing()
        self.reactor.settle()
        self.assertEqual(b"".join(socket.messages), data)
        self.assertEqual(service.received, data)

    def test_onePiece(self) -> None:
        """What comes in one turn goes to the service at once, unless it is long."""
        session, service = self.connected()
        [side] = self.factory.services
        pieces: list[int] = []
        send = side.transport.socket.send
        self.patch(
            side.transport.socket,
            "send",
            lambda data: [pieces.append(len(data)), send(data)][1],
        )
        session.send(*["x" * 10] * 100)
        self.assertEqual(pieces, [1000])
        session.send("y" * 40_000, "z" * 40_000, "end")
        self.assertEqual(len(service.received), 81_003)
        self.assertEqual(pieces[1], 80_000)

    def test_stopped(self) -> None:
        """What came in the turn in which the service of sessions stops is sent."""
        _, service = self.connected()
        [side] = self.factory.services
        side.send(b"last")
        self.factory.stopFactory()
        self.reactor.settle()
        self.assertEqual(service.received, b"last")

    def test_asText(self) -> None:
        """In text, a binary message reaches the service as it is. Answers are text."""
        socket, service = self.raw("text")
        socket.send(b"\xff")
        self.write(service, b"a")
        self.assertEqual(service.received, b"\xff")
        self.assertEqual(socket.messages, ["a"])


class LinesTests(BridgeTestCase):
    """``framing="lines"``."""

    def test_fromService(self) -> None:
        """A message is a line, however it was cut, and whichever its end."""
        session, service = self.connected(framing="lines")
        for chunk in (b"one\r", b"\ntwo\nthr", b"ee\r\n", b"\r\nfo"):
            self.write(service, chunk)
        self.assertEqual(session.received, ["one", "two", "three", ""])

    def test_lastLine(self) -> None:
        """A last line that has no end is a message when the stream ends."""
        session, service = self.connected(framing="lines")
        service.transport.write(b"one\ntwo")
        service.transport.loseConnection()
        self.reactor.settle()
        self.assertEqual(session.received, ["one", "two"])

    def test_toService(self) -> None:
        """A message becomes a line, whether or not it brings an end of its own."""
        session, service = self.connected(framing="lines")
        session.send("NICK me", "JOIN #here\r\n", "")
        self.assertEqual(service.received, b"NICK me\r\nJOIN #here\r\n\r\n")

    def test_oneLineAMessage(self) -> None:
        """A message cannot smuggle a second line in: it closes the session."""
        for separator in "\n", "\r", "\r\n":
            session, service = self.connected(framing="lines")
            session.send(f"PRIVMSG #here :hello{separator}QUIT")
            self.assertTold(session, Told.BAD_MESSAGE)
            self.assertEqual(service.received, b"")

    def test_base64(self) -> None:
        """Lines are told in the mode that was chosen, each for itself."""
        session, service = self.connected("base64", "lines")
        session.send("YQ==")
        self.write(service, b"b\r\nc\r\n")
        self.assertEqual(service.received, b"a\r\n")
        self.assertEqual(session.received, ["Yg==", "Yw=="])

    def test_longestLine(self) -> None:
        """A line as long as it may be is passed on; a longer one ends the bridge."""
        session, service = self.connected(framing="lines")
        self.write(service, b"x" * MAX_LINE + b"\n")
        self.assertEqual(list(map(len, session.received)), [MAX_LINE])
        self.write(service, b"short\n" + b"x" * (MAX_LINE + 1))
        self.assertEqual(session.received[1:], ["short"])
        self.assertTold(session, Told.LINE_TOO_LONG)

    def test_longestLineEnds(self) -> None:
        """The longest line may end in CRLF, however that is cut."""
        line = b"x" * MAX_LINE
        for chunks in ([line + b"\r\n"], [line + b"\r", b"\n"], [line, b"\r", b"\n"]):
            session, service = self.connected(framing="lines")
            for chunk in chunks:
                self.write(service, chunk)
            self.write(service, b"next\n")
            self.assertEqual(list(map(len, session.received)), [MAX_LINE, 4])

    def test_onlyTheEndIsFree(self) -> None:
        """A carriage return that ends no line counts as any other byte does."""
        for chunks in [b"x" * MAX_LINE + b"\rx\n"], [b"x" * MAX_LINE + b"\r", b"x"]:
            session, service = self.connected(framing="lines")
            for chunk in chunks:
                self.write(service, chunk)
            self.assertTold(session, Told.LINE_TOO_LONG)


class SettingsTests(SynchronousTestCase):
    """What a bridge can be made of."""

    def test_badMode(self) -> None:
        """A wrong mode, framing or time is refused, and the right ones are named."""
        for settings, allowed in (
            ({"mode": "hex"}, "'text', 'base64', 'latin1', 'binary'"),
            ({"framing": "crlf"}, "'raw', 'lines'"),
            ({"connectTimeout": 0}, "above 0"),
            ({"maxLingering": -1}, "0 or more"),
        ):
            problem = self.assertRaises(
                ValueError, BridgeFactory, object(), clock=object(), **settings
            )
            self.assertIn(allowed, str(problem))

    def parse(self, description: str) -> BridgeFactory:
        return BridgeFactory.fromString(MemoryReactorClock(), description)

    def test_fromString(self) -> None:
        """An endpoint string is a bridge in text, with colons escaped or not."""
        for text in r"tcp\:irc.example.net\:6667", "tcp:irc.example.net:6667":
            endpoint = self.parse(text).clientEndpoint
            self.assertIsInstance(endpoint, TCP4ClientEndpoint)
            self.assertEqual(endpoint._host, "irc.example.net")
            self.assertEqual(endpoint._port, 6667)

    def test_described(self) -> None:
        """The log calls the service what the string did, or by its host and port."""
        clock = MemoryReactorClock()
        tls = wrapClientTLS(object(), HostnameEndpoint(clock, "irc.example", 6697))
        for endpoint, called in (
            (TCP4ClientEndpoint(clock, "192.0.2.1", 6667), "192.0.2.1:6667"),
            (HostnameEndpoint(clock, "irc.example", 6697), "irc.example:6697"),
            (tls, "irc.example:6697"),
            (UNIXClientEndpoint(clock, "/run/x.sock"), "/run/x.sock"),
            (GivenEndpoint(None), "GivenEndpoint"),
        ):
            bridge = BridgeFactory(endpoint, clock=clock)
            self.assertIn(called, bridge.description)
            self.assertNotIn(" object at ", bridge.description)
        for known in {"host": "irc.example"}, {"port": 6667}:
            endpoint = type("Endpoint", (), {})()
            vars(endpoint).update(known)
            self.assertEqual(describe(endpoint), "Endpoint")
        text = "tcp:irc.example.net:6667"
        self.assertEqual(self.parse(f"{text}:framing=lines").description, text)

    def test_settingsFromString(self) -> None:
        """Mode, framing and time follow the endpoint, whose own arguments it keeps."""
        text = "tcp:host=::1:port=6379"
        bridge = self.parse(r"tcp:host=\:\:1:port=6379:mode=base64:connectTimeout=0.5")
        self.assertEqual(bridge.connectTimeout, 0.5)
        self.assertEqual(self.parse("unix:/a:maxLingering=7").maxLingering, 7)
        self.assertEqual(bridge.clientEndpoint._host, "::1", text)
        self.assertEqual(bridge.codec().toBrowser(b"a", True), "YQ==")
        lines = self.parse(r"unix\:/run/redis.sock:framing=lines")
        self.assertIsInstance(lines.clientEndpoint, UNIXClientEndpoint)
        self.assertEqual(lines.framing().frame(b"a"), b"a\r\n")

    def test_badString(self) -> None:
        """A string that describes no bridge is refused, and what is wrong is named."""
        for text, named in (
            ("", "''"),
            ("tcp", "'tcp'"),
            ("mode=base64", "''"),
            ("carrier-pigeon:home", "carrier-pigeon"),
            ("tcp:h:1:mode=hex", "'hex'"),
            ("tcp:h:1:mode=text:mode=text", "mode is given twice"),
            ("tcp:h:1:connectTimeout=soon", "'soon'"),
            ("tcp:h:1:connectTimeout=nan", "nan"),
            ("tcp:h:1:maxLingering=many", "'many'"),
        ):
            problem = self.assertRaises(ValueError, self.parse, text)
            self.assertIn(named, str(problem))
