"""Servers that lie in a session over HTTP: a clear error, no leak, no hang."""

from __future__ import annotations

import gzip
import json

from twisted.internet.error import ConnectionAborted

from tests.support.liars import Lie, chunked, response
from tests.support.lying import (
    MEGABYTE,
    PAGE,
    PATHS,
    SILENCE,
    LyingCase,
)
from txsockjs.errors import (
    SessionClosed,
    TooLarge,
)


class StreamTests(LyingCase):
    """
    What a server sends in a session over HTTP.
    """

    def test_garbage(self) -> None:
        """
        What is no frame is dropped, and counted; what is one is heard.
        """
        garbage = [
            b"a[1]",
            b"a{}",
            b"a",
            b'a["x"',
            b'a["x"]]',
            b"a[" + b"[" * 100_000,
            b"a" + b"[" * 100_000 + b"]" * 100_000,
            b'a["x",null]',
            b"a[NaN]",
            b"m[]",
            b"c",
            b"c[3000]",
            b'c["3000","x"]',
            b"c{}",
            b'c[true,"x"]',
            b"x",
            b"oo",
            b"<html>",
            b'b["x"]',
            "é".encode(),
            b"\0\0",
        ]
        for transport, path in PATHS.items():
            body = b"\n".join([b"o", *garbage, b'a["y"]', b""])
            lies = {path: [Lie(response(body)), Lie()]}
            self.open(transport, lies)
            self.assertEqual(self.protocol.heard, [b"y"])
            self.assertEqual(self.protocol.lost, [])
            self.assertEqual(self.protocol.transport.dropped, len(garbage))
            self.assertLost("nothing came from the server for", within=SILENCE)

    def test_badText(self) -> None:
        """
        Bytes that are no UTF-8 end the session.
        """
        for transport, path in PATHS.items():
            lies = {path: [Lie(response(b"o\n")), Lie(response(b'a["\xff"]\n'))]}
            self.open(transport, lies)
            self.assertLost(f"{path} sent what is not UTF-8", "0xff", heard=[])

    def test_openedTwice(self) -> None:
        """
        So does a second ``o``, as in the browser's client.
        """
        for transport, path in PATHS.items():
            self.open(transport, {path: Lie(response(b'o\na["x"]\n'))})
            self.assertLost("1006 'Server lost session'", heard=[b"x"])

    def test_tooLarge(self) -> None:
        """
        A frame of ten megabytes is not taken, whether it ends or not: most of it is not
        even read.
        """
        huge = b'a["%b"]\n' % (b"x" * 10 * MEGABYTE)
        for transport, path in PATHS.items():
            for data in response(huge), chunked(huge), chunked(huge[:-1]):
                self.open(transport, {path: [Lie(response(b"o\n")), Lie(data)]})
                self.assertLost("1009", "max_message_size allows", kind=TooLarge)
                self.assertEqual(self.protocol.heard, [])

    def test_largest(self) -> None:
        """
        One of just the size that is allowed is.
        """
        largest = b'a["%b"]' % (b"x" * (MEGABYTE - 5))
        for transport, path in PATHS.items():
            lies = {path: [Lie(response(b"o\n%b\n" % largest)), Lie()]}
            self.open(transport, lies)
            self.assertEqual(list(map(len, self.protocol.heard)), [MEGABYTE - 5])
            self.protocol.transport.abortConnection()
            self.reactor.settle()
            self.assertNothingLeft()

    def test_midFrame(self) -> None:
        """
        A response that ends in the middle of a frame ends the session: nobody knows
        what it was. What came before is heard.
        """
        for transport, path in PATHS.items():
            whole = b'o\na["1"]\n'
            for data in (
                response(whole + b'a["2'),
                chunked(whole, b'a["2', end=True),
                b"HTTP/1.0 200 OK\r\n\r\n" + whole + b'a["2',
            ):
                self.open(transport, {path: Lie(data, "close")})
                self.assertLost("ended within a frame, after 4 bytes", heard=[b"1"])

    def test_breaksOff(self) -> None:
        """
        So does one that breaks off, even between two frames: more of it may be lost.
        """
        whole = b'o\na["1"]\n'
        for transport, path in PATHS.items():
            for data in chunked(whole), response(whole, length=100):
                for then in "close", "reset":
                    self.open(transport, {path: Lie(data, then)})
                    self.assertLost("was lost", within=0.1, heard=[b"1"])

    def test_shorterLength(self) -> None:
        """
        A length that is too small cuts a frame.
        """
        for transport, path in PATHS.items():
            lies = {path: Lie(response(b'o\na["1"]\n', length=5))}
            self.open(transport, lies)
            self.assertLost("ended within a frame, after 3 bytes", heard=[])

    def test_nextFails(self) -> None:
        """
        When a response has ended and the next one is an error, that is the end, and the
        server's words are told.
        """
        for transport, path in PATHS.items():
            for lie, *words in (
                (Lie(response(b"No such session.", "404 Gone")), "404", "No such"),
                (Lie(response(PAGE, "502 Bad Gateway")), "502 Bad Gateway"),
                (Lie(b"rubbish\r\n\r\n"), "no HTTP"),
                (Lie(b"", "close"), "lost"),
                (Lie(b"", "reset"), "lost"),
                (
                    Lie(response(gzip.compress(b"h\n"), Content_Encoding="gzip")),
                    "compressed (gzip)",
                ),
                (Lie(response(b"", "303 Else", Location="/")), "does not follow"),
            ):
                self.open(transport, {path: [Lie(response(b"o\n")), lie]})
                self.assertLost("1006", *words, within=0.1, heard=[])

    def test_silent(self) -> None:
        """
        Silence for longer than the heartbeats allow is the end, also when an answer
        does not even begin.
        """
        for transport, path in PATHS.items():
            for lie in Lie(), Lie(chunked()), Lie(b"HTTP/1.1 200 OK\r\n"):
                self.open(transport, {path: [Lie(response(b"o\n")), lie]})
                self.reactor.advance(50)
                self.assertEqual(self.protocol.lost, [])
                self.assertLost("nothing came from the server", within=1, heard=[])

    def test_slow(self) -> None:
        """
        A server that is slow is not silent: as long as frames come, the session lives.
        """
        body = b"h\n" * 100
        for transport, path in PATHS.items():
            lies = {path: [Lie(response(b"o\n")), Lie(chunked(body), pace=0.5)]}
            self.open(transport, lies)
            self.reactor.advance(100)
            self.assertEqual(self.protocol.lost, [])
            self.assertLost("nothing came", within=100, heard=[])

    def test_slowFrame(self) -> None:
        """
        A frame that does not come to its end is no sign of life.
        """
        for transport, path in PATHS.items():
            slow = Lie(chunked(b'a["%b"]\n' % (b"x" * 1000)), pace=1.0)
            self.open(transport, {path: [Lie(response(b"o\n")), slow]})
            self.assertLost("nothing came", within=SILENCE, heard=[])

    def test_empty(self) -> None:
        """
        Responses that bring nothing are not asked for as fast as they come.
        """
        for body in b"", b"nothing\n", b"\n":
            for transport, path in PATHS.items():
                lies = {path: [Lie(response(b"o\n")), Lie(response(body))]}
                self.open(transport, lies)
                self.reactor.advance(40)
                self.assertEqual(self.protocol.lost, [])
                self.assertLess(self.server.count(path), 30)
                self.protocol.transport.abortConnection()
                self.assertLost(kind=ConnectionAborted, heard=[])

    def test_heartbeats(self) -> None:
        """
        Nor is a server that has heartbeats at once; one whose heartbeats take their
        time is, at once, so that no message waits.
        """
        for pace in None, 0.01:
            for transport, path in PATHS.items():
                beat = Lie(response(b"h\n"), pace=pace)
                self.open(transport, {path: [Lie(response(b"o\n")), beat]})
                self.reactor.advance(40)
                self.assertEqual(self.protocol.lost, [])
                count = self.server.count(path)
                self.assertTrue(count < 30 if pace is None else count > 60, count)
                self.protocol.transport.abortConnection()
                self.assertLost(kind=ConnectionAborted, heard=[])

    def test_behindTheEnd(self) -> None:
        """
        What comes behind the server's close is not heard.
        """
        for transport, path in PATHS.items():
            body = b'o\na["1"]\nc[3000,"Go away!"]\na["2"]\no\n'
            self.open(transport, {path: Lie(response(body))})
            self.assertLost("3000 'Go away!'", kind=SessionClosed, heard=[b"1"])

    def test_closeCodes(self) -> None:
        """
        Any numbers and texts in a close are told as they are.
        """
        for code in 0, -1, 99999999999999999999, 1000:
            for reason in "", "\0", "x" * 5000, "\ud800":
                body = b"o\nc" + json.dumps([code, reason]).encode() + b"\n"
                self.open("xhr-polling", {"xhr": Lie(response(body))})
                ended = self.assertLost(kind=SessionClosed)
                self.assertEqual((ended.code, ended.reason), (code, reason))
