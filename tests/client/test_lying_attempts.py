"""Servers that lie when a client opens a session: each time a clear error, no leak,
no hang."""

from __future__ import annotations

import gzip

from tests.support.liars import INFO, Lie, accepted, chunked, response
from tests.support.lying import (
    PAGE,
    PATHS,
    PRELUDE,
    TIMEOUT,
    LyingCase,
    sent,
)
from tests.support.sockets import BINARY, CLOSE, frame
from txsockjs.client.redirections import MAX_REDIRECTIONS
from txsockjs.errors import (
    ConnectFailed,
)


class AttemptTests(LyingCase):
    """
    What a server does with an attempt.
    """

    def assertAttempt(
        self, transport: str, lie: Lie, *words: str, within: float = 1.0
    ) -> None:
        """
        An attempt with one transport fails, in these words.
        """
        path = PATHS.get(transport, "websocket")
        connecting = self.connect(lies={path: lie}, transports=transport)
        self.assertRefused(
            connecting,
            f"no transport to http://liar.example/s works: {transport}: ",
            *words,
            within=within,
        )

    def test_status(self) -> None:
        """
        Any status that is not expected is told, with the server's words where it has
        said some.
        """
        for transport in (*PATHS, "websocket"):
            for status in "404 Not Found", "500 Oops", "403 Forbidden":
                self.assertAttempt(
                    transport, Lie(response(b"Go away.", status)), status, within=0
                )
        for transport in PATHS:
            lie = Lie(response(b"Go away.", "503 Full"))
            self.assertAttempt(transport, lie, "503 Full", "Go away.", within=0)

    def test_silent(self) -> None:
        """
        An attempt has its time, whether nothing comes or little, or too slowly.
        """
        words = "timed out after 0.6 s"
        for transport in PATHS:
            for lie in (
                Lie(),
                Lie(chunked()),
                Lie(chunked(PRELUDE)),
                Lie(chunked(b"o")),
                Lie(chunked(b"h\nh\nh\n")),
                Lie(chunked(PAGE)),
                Lie(chunked(PRELUDE, b"o\n"), pace=1.0),
            ):
                self.assertAttempt(transport, lie, words)
        for lie in (
            Lie(),
            Lie(accepted()),
            Lie(accepted(sent(b"h"))),
            Lie(accepted(sent(b"o")), pace=1.0),
            Lie(accepted(sent(b"o")[:-1])),
            Lie(accepted(frame(b"o", BINARY, mask=None))),
            Lie(b"HTTP/1.1 404 Not"),
        ):
            self.assertAttempt("websocket", lie, words)

    def test_noSession(self) -> None:
        """
        A response without ``o`` opens no session, however often it is asked for; and it
        is not asked for as fast as it is answered.
        """
        for body in b"", b"\n\n\n", PAGE, b"h\n", b"ok\n", b"O\n", b"c[]\n":
            for transport, path in PATHS.items():
                lie = Lie(response(body))
                self.assertAttempt(transport, lie, "timed out after 0.6 s")
                self.assertLess(self.server.count(path), 30, body)

    def test_noHTTP(self) -> None:
        """
        What is no HTTP is told.
        """
        for transport in (*PATHS, "websocket"):
            self.assertAttempt(transport, Lie(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "HTTP")

    def test_endless(self) -> None:
        """
        A head has an end.
        """
        lie = Lie(b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20_000)
        for transport in (*PATHS, "websocket"):
            self.assertAttempt(transport, lie, "head", "more than")

    def test_hangsUp(self) -> None:
        """
        A server that hangs up is told of.
        """
        for transport in (*PATHS, "websocket"):
            for then in "close", "reset":
                self.assertAttempt(transport, Lie(b"", then), "lost")
                self.assertAttempt(transport, Lie(b"HTTP/1.1 200", then), "lost")

    def test_redirected(self) -> None:
        """
        No redirection is followed for ever, nor one that would make of a ``POST``
        something else.
        """
        for transport in PATHS:
            for status, words in (
                ("302 Found", "which POST does not follow"),
                ("307 Moved", f"redirected more than {MAX_REDIRECTIONS} times"),
            ):
                lie = Lie(response(b"", status, Location=PATHS[transport]))
                self.assertAttempt(transport, lie, words)
        lie = Lie(response(b"", "302 Found", Location="websocket"))
        self.assertAttempt("websocket", lie, "redirected more than 10 times")
        lie = Lie(response(b"", "302 Found"))
        self.assertAttempt("websocket", lie, "no Location")

    def test_downgraded(self) -> None:
        """
        Nor one away from TLS.
        """
        location = "http://liar.example/s"
        for transport in (*PATHS, "websocket"):
            path = PATHS.get(transport, "websocket")
            lie = Lie(response(b"", "307 Moved", Location=location))
            connecting = self.connect(
                "https://liar.example/s", lies={path: lie}, transports=transport
            )
            self.assertRefused(connecting, location, within=1)
            self.assertNotIn(location, self.web.asked)

    def test_compressed(self) -> None:
        """
        What is compressed is refused.
        """
        lie = Lie(response(gzip.compress(b"o\n"), Content_Encoding="gzip"))
        for transport in PATHS:
            self.assertAttempt(transport, lie, "compressed (gzip)")

    def test_handshake(self) -> None:
        """
        A handshake that is accepted in a wrong way is refused.
        """
        for lie, words in (
            (Lie(lambda head: accepted()(b"\r\nSec-WebSocket-Key: x\r\n")), "Accept"),
            (Lie(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "Upgrade"),
            (
                Lie(
                    lambda head: accepted()(head).replace(
                        b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
                    )
                ),
                "chat",
            ),
            (
                Lie(
                    lambda head: accepted()(head).replace(
                        b"\r\n\r\n",
                        b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                    )
                ),
                "permessage-compress",
            ),
            (Lie(response(PAGE)), "200 OK"),
            (Lie(accepted(), "close"), "lost"),
            (Lie(accepted(frame(b"\x03\xf3bye", CLOSE, mask=None)), "close"), "'bye'"),
            (Lie(accepted(b"\xff\xff")), "1002"),
        ):
            self.assertAttempt("websocket", lie, words, within=31)

    def test_refused(self) -> None:
        """
        The codes with which a server may refuse for all transports are told as they
        are; others make the client try the next.
        """
        lies = {
            "websocket": Lie(accepted(sent(b'c[2010,"Another"]'))),
            "xhr_streaming": Lie(response(b'c[1002,"No"]\n')),
            "xhr": Lie(response(b"Nothing", "404 Not Found")),
        }
        connecting = self.connect(lies=lies)
        error = self.assertRefused(connecting, within=31)
        self.assertRegex(
            error,
            r"websocket: .*2010 'Another'.*; xhr-streaming: .*1002 'No'.*; "
            r"xhr-polling: .*404 Not Found",
        )

    def test_allSilent(self) -> None:
        """
        All the attempts together have their time.
        """
        lies = {name: Lie() for name in ("websocket", "xhr_streaming", "xhr")}
        connecting = self.connect(lies=lies)
        self.assertRefused(connecting, *["timed out after 0.6 s"] * 3, within=2)

    def test_slowInfo(self) -> None:
        """
        However slow ``info`` was, it is over in the time that there is.
        """
        lies = {name: Lie() for name in ("websocket", "xhr_streaming", "xhr")}
        lies["info"] = Lie(response(INFO), pace=0.04)
        connecting = self.connect(lies=lies)
        self.assertRefused(
            connecting, "within 30 s (timeout)", kind=ConnectFailed, within=TIMEOUT
        )
