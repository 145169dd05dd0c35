"""Servers that lie about what a client sends over HTTP: each time a clear error, no
leak, no hang."""

from __future__ import annotations

from tests.support.liars import Lie, chunked, response
from tests.support.lying import (
    MEGABYTE,
    PAGE,
    PATHS,
    LyingCase,
)
from txsockjs.client.redirections import MAX_REDIRECTIONS
from txsockjs.errors import (
    SessionClosed,
)


class SendTests(LyingCase):
    """
    What a server does with what a client sends over HTTP.
    """

    def send(self, transport: str, lie: Lie | list[Lie]) -> None:
        """
        Have a client that has sent something.
        """
        stream = Lie(chunked(b"o\n"))
        self.open(transport, {PATHS[transport]: stream, "xhr_send": lie})
        self.protocol.transport.write(b"hello")
        self.reactor.settle()

    def test_refused(self) -> None:
        """
        An error ends the session, and tells of the server's words.
        """
        for transport in PATHS:
            for lie, *words in (
                (
                    Lie(response(b"Broken JSON.", "500 Oops")),
                    "500 Oops: 'Broken JSON.'",
                ),
                (Lie(response(PAGE, "413 Large")), "413 Large"),
                (Lie(b"rubbish\r\n\r\n"), "no HTTP"),
                (Lie(b"", "close"), "lost"),
                (Lie(b"", "reset"), "lost"),
                (Lie(b"HTTP/1.1 204", "close"), "lost"),
                (Lie(response(b"", "302 Found", Location="x")), "does not follow"),
                (
                    Lie(response(b"", "308 Found", Location="xhr_send")),
                    f"redirected more than {MAX_REDIRECTIONS} times",
                ),
            ):
                self.send(transport, lie)
                self.assertLost("1006", *words, within=0.1, heard=[])

    def test_unknown(self) -> None:
        """
        That there is no such session may mean that the server has closed it: what it
        sent before, and its close, are heard. Where it says nothing, that is the end.
        """
        gone = Lie(response(b"No such.", "404 Gone"))
        for transport, path in PATHS.items():
            late = Lie(response(b'a["1"]\nc[3001,"enough"]\n'), pace=0.1)
            lies = {path: [Lie(response(b"o\n")), late], "xhr_send": gone}
            self.open(transport, lies)
            self.protocol.transport.write(b"hello")
            self.reactor.advance(1)
            self.protocol.transport.write(b"more")
            self.assertLost("3001 'enough'", kind=SessionClosed, heard=[b"1"], within=9)
            self.assertEqual(self.server.count("xhr_send"), 1)
            self.send(transport, gone)
            self.assertEqual(self.protocol.lost, [])
            self.assertLost("1006", "xhr_send answered 404 Gone", within=10)
            self.send(transport, gone)
            self.protocol.transport.loseConnection()
            self.assertLost("1006", "xhr_send answered 404 Gone")

    def test_longError(self) -> None:
        """
        An error page without end is read for some bytes, and not for ever.
        """
        for data in (
            response(PAGE * 10_000, "500 Oops"),
            response(PAGE, "500 Oops", length=10**9),
            b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            self.send("xhr-streaming", Lie(data))
            ended = self.assertLost("500 Oops", within=10, heard=[])
            self.assertLess(len(str(ended)), 1000)

    def test_once(self) -> None:
        """
        A message whose fate is not known is not sent again.
        """
        for transport in PATHS:
            self.send(transport, Lie(b"", "close"))
            self.assertLost("lost", within=0.1)
            self.assertEqual(self.server.count("xhr_send"), 1)

    def test_hangs(self) -> None:
        """
        While it is not answered, what is sent waits, and a session can be closed: what
        was not taken then is told.
        """
        for transport in PATHS:
            for lie in Lie(), Lie(b"HTTP/1.1 204 No"):
                self.send(transport, lie)
                self.protocol.transport.write(b"more")
                self.reactor.settle()
                self.assertEqual(self.server.count("xhr_send"), 1)
                self.protocol.transport.loseConnection()
                self.reactor.settle()
                self.assertEqual(self.protocol.lost, [])
                self.assertLost("close_timeout", "not taken by the server", within=10)

    def test_hangsFull(self) -> None:
        """
        What waits has a bound.
        """
        self.send("xhr-streaming", Lie())
        for _ in range(5):
            self.protocol.transport.write(b"x" * MEGABYTE)
        self.assertLost("1013", "max_buffer allows")

    def test_longAnswer(self) -> None:
        """
        An answer that goes on for ever costs its connection, not the session.
        """
        for data in (
            response(b"x" * MEGABYTE),
            response(b"", length=9),
            chunked(b"x"),
        ):
            stream = Lie(chunked(b"o\n"))
            sends = [Lie(data), Lie(response(b"", "204 No Content"))]
            self.open("xhr-streaming", {"xhr_streaming": stream, "xhr_send": sends})
            for _ in range(2):
                self.protocol.transport.write(b"hello")
                self.reactor.advance(6)
            self.assertEqual(self.server.count("xhr_send"), 2)
            self.assertEqual(self.protocol.lost, [])
            self.protocol.transport.loseConnection()
            self.assertLost(kind=SessionClosed)
