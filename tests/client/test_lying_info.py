"""Servers that lie to a client in ``info``: a clear error, no leak, no hang."""

from __future__ import annotations

import gzip

from tests.support.liars import INFO, Lie, chunked, response
from tests.support.lying import (
    PAGE,
    LyingCase,
)
from txsockjs.client.redirections import MAX_REDIRECTIONS
from txsockjs.errors import (
    InfoFailed,
)


class InfoTests(LyingCase):
    """
    ``info``.
    """

    def assertInfo(self, lie: Lie, *words: str, within: float = 8.1) -> None:
        """
        A client that gets this fails, in these words.
        """
        connecting = self.connect(lies={"info": lie})
        self.assertRefused(
            connecting,
            "info at http://liar.example/s/info",
            *words,
            kind=InfoFailed,
            within=within,
        )

    def test_content(self) -> None:
        """
        What is no object of JSON with the right types is refused, and quoted as far as
        that helps.
        """
        for body, words in (
            (b"", "it is no JSON"),
            (PAGE, "it is no JSON: b'<!DOCTYPE html>"),
            (b"\xff\xfe\xfd", "it is no JSON"),
            (b"[" * 60_000, "it is no JSON"),
            (b'{"websocket":', "it is no JSON"),
            (b"[]", "it is no JSON object"),
            (b'"websocket"', "it is no JSON object"),
            (b"NaN", "it is no JSON object"),
            (b'{"websocket":1}', "'websocket' is not true or false: 1"),
            (b'{"cookie_needed":"no"}', "'cookie_needed' is not true or false: 'no'"),
            (b'{"base_url":[]}', "'base_url' is no URL: []"),
            (b'{"base_url":"ftp://x/"}', "'base_url' that cannot be used: 'ftp://x/'"),
            (b'{"base_url":"http://[/"}', "'base_url' that cannot be used"),
            (b'{"base_url":"%s"}' % (b"x" * 50_000), "'base_url' that cannot be used"),
        ):
            self.assertInfo(Lie(response(body)), words, within=0)

    def test_long(self) -> None:
        """
        An error quotes little of what came.
        """
        for body in (b"x" * 60_000, b'{"base_url":"%s"}' % (b"x" * 60_000)):
            connecting = self.connect(lies={"info": Lie(response(body))})
            self.reactor.settle()
            error = self.failureResultOf(connecting, InfoFailed).value
            self.assertLess(len(str(error)), 400)
            self.assertNothingLeft()

    def test_status(self) -> None:
        """
        Any status but 200 is told.
        """
        for status in (
            "404 Not Found",
            "500 Oops",
            "204 No Content",
            "401 No",
            "304 Not",
        ):
            self.assertInfo(Lie(response(PAGE, status)), f"answered {status}", within=0)

    def test_huge(self) -> None:
        """
        Not more than so much is read.
        """
        huge = b'{"x":"' + b"x" * 200_000
        self.assertInfo(Lie(response(huge)), "more than 65536 bytes", within=0)
        self.assertInfo(Lie(chunked(huge)), "more than 65536 bytes", within=0)

    def test_head(self) -> None:
        """
        Nor is a head without end.
        """
        head = b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 10_000
        self.assertInfo(Lie(head), "the head of its response has more than", within=0)

    def test_compressed(self) -> None:
        """
        What is compressed, though nobody has asked for that, is refused.
        """
        packed = response(gzip.compress(INFO), Content_Encoding="gzip")
        self.assertInfo(Lie(packed), "compressed (gzip)", within=0)

    def test_short(self) -> None:
        """
        A body that ends before it should is none.
        """
        half = response(INFO, length=len(INFO) + 1)
        for then in "close", "reset":
            self.assertInfo(Lie(half, then), "the connection was lost before", within=1)
        half = chunked(INFO)
        for then in "close", "reset":
            self.assertInfo(Lie(half, then), "the connection was lost before", within=1)

    def test_shorter(self) -> None:
        """
        Nor is one that goes on behind its length: what is behind is not read.
        """
        self.assertInfo(Lie(response(INFO, length=9)), "it is no JSON", within=0)

    def test_noHTTP(self) -> None:
        """
        What is no HTTP, or no HTTP that can be understood, is refused.
        """
        for data in (
            b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ):
            words = "liar.example:80: what it sent is no HTTP"
            self.assertInfo(Lie(data), words, within=0)

    def test_silent(self) -> None:
        """
        It does not have all the time in the world.
        """
        for lie in (
            Lie(),
            Lie(response(INFO)[:40]),
            Lie(response(INFO)[:-1]),
            Lie(response(INFO), pace=1.0),
            Lie(response(b" " * 100), pace=1.0),
            Lie(b"HTTP/1.1 100 Continue\r\n\r\n" * 20, pace=0.1),
            Lie(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ):
            self.assertInfo(lie, "it did not come within 8 s (info_timeout)")

    def test_ends(self) -> None:
        """
        A server that hangs up is told of.
        """
        for then in "close", "reset":
            self.assertInfo(Lie(b"", then), "the connection was lost before", within=1)

    def test_redirected(self) -> None:
        """
        No redirection goes on for ever, to nowhere, or away from HTTP.
        """
        for location, words in (
            ("/s/info", f"redirected more than {MAX_REDIRECTIONS} times"),
            ("ftp://liar.example/", "no URL"),
            ("http://[", "no URL"),
        ):
            lie = Lie(response(b"", "302 Found", Location=location))
            self.assertInfo(lie, words, within=0)

    def test_downgraded(self) -> None:
        """
        Nobody leads a client away from TLS: by a redirection, or by ``base_url``.
        """
        for lie, words in (
            (
                Lie(response(b"", "302 Found", Location="http://liar.example/s/info")),
                "has no TLS",
            ),
            (Lie(response(b'{"base_url":"http://liar.example/"}')), "https to http"),
        ):
            connecting = self.connect("https://liar.example/s", lies={"info": lie})
            self.assertRefused(connecting, words, kind=InfoFailed, within=0)

    def test_elsewhere(self) -> None:
        """
        Where another host is named, the sessions are there, and nowhere else.
        """
        lies = {
            "info": Lie(
                response(b'{"websocket":false,"base_url":"https://b.example"}')
            ),
            "xhr": [Lie(response(b"o\n")), Lie()],
        }
        connecting = self.connect(lies=lies, transports="xhr-polling")
        self.successResultOf(connecting).transport.abortConnection()
        self.reactor.settle()
        self.assertEqual(self.web.asked[0], "http://liar.example/s/info")
        for url in self.web.asked[1:]:
            self.assertRegex(url, "^https://b.example/[0-9]{3}/[0-9a-f]{32}/xhr$")
        self.assertNothingLeft()
