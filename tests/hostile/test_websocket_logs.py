"""What a WebSocket's peer does wrong is logged at debug, and cannot write the log."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, eventAsText, globalLogPublisher

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import BINARY, CLOSE, PING, Socket, closeFrame, frame

BOTH = ["/0/s/websocket", "/websocket"]

#: What breaks the rules, and the code that it is closed with.
FAULTS: list[tuple[bytes, int]] = [
    (frame(b"\xff\n"), 1007),
    (frame(b"a", mask=None), 1002),
    (frame(b"a", rsv=2), 1002),
    (frame(b"a", 3), 1002),
    (frame(b"", PING, final=False), 1002),
    (frame(b"x", 0), 1002),
    (frame(b"", BINARY, size=1 << 40), 1009),
    (closeFrame(999), 1002),
    (frame(b"\x03\xe8\xff\r\nINFO", CLOSE), 1007),
    (frame(b"\xff\xff\xff", rsv=4), 1007),
]


class LogTests(ServiceCase):
    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def socket(self, path: str, extensions: str = "permessage-deflate") -> Socket:
        """
        Open a WebSocket to an echo.
        """
        self.serve(Echo, compression=True)
        self.events.clear()
        return Socket(self.connect(), path, {"Sec-WebSocket-Extensions": extensions})

    def faults(self) -> list[Any]:
        """
        The events since, each of them at debug, in one line, and with the peer.
        """
        for event in self.events:
            self.assertEqual(event["log_level"], LogLevel.debug, event)
            self.assertEqual(event["peer"].host, "192.0.2.7")
            self.assertNotRegex(eventAsText(event, includeSystem=False), r"[\r\n]")
        return self.events

    def test_faults(self) -> None:
        """
        A fault is one line, with the code.
        """
        for path in BOTH:
            for data, code in FAULTS:
                socket = self.socket(path)
                socket.send(data)
                self.assertEqual(socket.frames[-1].code, code)
                [event] = self.faults()
                self.assertEqual(event["code"], code)

    def test_broken(self) -> None:
        """
        So is what is no SockJS message, and nothing of it is shown.
        """
        socket = self.socket(BOTH[0])
        socket.say('["a\r\nINFO')
        [event] = self.faults()
        self.assertEqual((event["code"], event["reason"]), (3000, "Broken framing."))

    def test_silent(self) -> None:
        """
        So is a peer that does not answer a close frame.
        """
        for path in BOTH:
            self.socket(path)
            self.sessions[0].transport.loseConnection()
            self.site.advance(20)
            self.assertEqual(len(self.faults()), 1)

    def test_vanished(self) -> None:
        """
        A peer that is gone, or never speaks, is not worth a line.
        """
        for path in BOTH:
            self.socket(path).connection.abort()
            Socket(self.connect(), path)
            self.site.advance(200)
            self.assertEqual(len(self.sessions[1].lost), 1)
            self.assertEqual(self.faults(), [])

    def test_extensions(self) -> None:
        """
        Nor is an offer that makes no sense.
        """
        self.socket(BOTH[1], "permessage-deflate; \x1b[31m=\x07")
        self.assertEqual(self.faults(), [])
