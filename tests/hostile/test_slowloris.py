"""Requests that never come to their end. (See tests.web.test_site for each part.)"""

from __future__ import annotations

from tests.support.serving import Echo, ServiceCase
from tests.support.sockets import Socket
from txsockjs.testing import MemoryConnection

_SEND = b"POST /0/s/xhr_send HTTP/1.1\r\nHost: a\r\n"

STALLED = [
    b"",
    b"G",
    b"GET /info HTTP/1.1\r\n",
    b"GET /info HTTP/1.1\r\nHost: a\r\nX-A: ",
    _SEND + b"Content-Length: 100\r\n\r\n[",
    _SEND + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    b"POST /0/s/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
    b"GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n",
]


class SlowlorisTests(ServiceCase):
    def stall(self, start: bytes) -> MemoryConnection:
        """
        Begin a request.
        """
        connection = self.connect()
        if start:
            connection.send(start)
        return connection

    def test_silent(self) -> None:
        """
        Whoever begins and says no more is cut off in a minute and a bit.
        """
        self.serve(Echo)
        stalled = [self.stall(start) for start in STALLED]
        self.site.advance(80)
        self.assertEqual([each.closed for each in stalled], [True] * len(STALLED))

    def test_trickling(self) -> None:
        """
        So is whoever sends a byte now and then, whatever it is part of.
        """
        self.serve(Echo)
        stalled = [self.stall(start) for start in STALLED]
        for _ in range(26):
            for connection in stalled:
                if not connection.closed:
                    connection.send(b"1")
            self.site.advance(10)
        self.assertEqual([each.closed for each in stalled], [True] * len(STALLED))

    def test_others(self) -> None:
        """
        While they stall, polls, streams and WebSockets are served as ever.
        """
        self.serve(Echo, timeout=20)
        for n in range(200):
            self.stall(STALLED[n % len(STALLED)])
        stream = self.get("/0/s/eventsource")
        socket = Socket(self.connect())
        self.open("p")
        poll = self.post("/0/p/xhr")
        for _ in range(12):
            self.site.advance(10)
            socket.say("[]")
            if poll.finished:
                poll = self.post("/0/p/xhr")
        self.post("/0/s/xhr_send", b'["a"]')
        self.post("/0/p/xhr_send", b'["b"]')
        socket.say('"c"')
        self.assertTrue(stream.body.endswith(b'data: a["a"]\r\n\r\n'))
        self.assertEqual(poll.body, b'a["b"]\n')
        self.assertEqual(socket.texts[-1], b'a["c"]')

    def test_logsNothing(self) -> None:
        """
        An attacker writes no log.
        """
        warnings = self.keepWarnings()
        self.test_trickling()
        self.assertEqual(warnings, [])
