"""HTTP/2 as no browser speaks it."""

from __future__ import annotations

import tempfile
from typing import Any

from h2.errors import ErrorCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.support.http2 import HTTP2Case, Wire, block, headers

PSEUDO = [
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/0/s/xhr"),
    (":authority", "sockjs.example"),
]

#: Requests that are malformed. (RFC 9113, sections 8.1.1, 8.2 and 8.3)
MALFORMED: list[list[tuple[str, str]]] = [
    *([each for each in PSEUDO if each[0] != name] for name in [":method", ":path"]),
    *([*PSEUDO, each] for each in PSEUDO),
    [("accept", "*/*"), *PSEUDO],
    [*PSEUDO[:2], (":path", ""), PSEUDO[3]],
    [*PSEUDO[:2], (":path", "*"), PSEUDO[3]],
    [*PSEUDO[:2], (":path", "/a b"), PSEUDO[3]],
    [*PSEUDO, (":protocol", "websocket")],
    [(":method", "CONNECT"), (":path", "/")],
    *(
        [*PSEUDO, each]
        for each in [
            ("Upper", "a"),
            ("sp ace", "a"),
            ("co:lon", "a"),
            ("", "a"),
            ("\xff", "a"),
            ("a", " b"),
            ("a", "b\t"),
            ("a", "b\0"),
            ("a", "b\r\nc: d"),
            ("te", "gzip"),
            ("connection", "close"),
            ("keep-alive", "1"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("host", "other.example"),
            ("content-length", "+3"),
            ("content-length", "9" * 5000),
            ("content-length", "4"),
        ]
    ),
]


class StreamFaultTests(HTTP2Case):
    """
    What is wrong with one stream is told on that stream, and costs no other.
    """

    def assertServes(self, wire: Wire) -> None:
        """
        The connection goes on.
        """
        self.site.settle()
        self.assertEqual((wire.closed, wire.goaway), (False, None))
        wire.send(headers(99_999, "/info"))
        self.site.settle()
        self.assertEqual(wire.answers[99_999], "200")
        self.assertEqual(self.warned, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def refused(self, error: str) -> int:
        service: Any = self.site.site
        return int(service.services[""].counters.refused[error])

    def test_malformed(self) -> None:
        """
        A malformed request is reset, counted, and not looked at.
        """
        wire = self.wire()
        for number, fields in enumerate(MALFORMED):
            stream = 2 * number + 1
            body = DataFrame(stream, b"abc", flags=["END_STREAM"])
            wire.send(block(stream, fields, ends=False), body)
            self.site.settle()
            self.assertEqual(wire.answers.get(stream), "reset", fields)
        self.assertEqual(self.sessions, [])
        self.assertGreater(self.refused("MalformedRequest"), 20)
        self.assertServes(wire)

    def test_trailers(self) -> None:
        """
        Trailers are taken, unless they are malformed.
        """
        wire = self.wire()
        for stream, fields, answer in [
            (1, [("a", "b")], "404"),
            (3, [(":path", "/")], "reset"),
        ]:
            head = headers(stream, "/0/s/xhr_send", method="POST", ends=False)
            wire.send(head, DataFrame(stream, b'["a"]'), block(stream, fields))
            self.site.settle()
            self.assertEqual(wire.answers[stream], answer)
        head = headers(5, "/0/s/xhr_send", method="POST", ends=False)
        wire.send(head, block(5, [("a", "b")], ends=False))
        self.assertServes(wire)
        self.assertEqual(wire.answers[5], "reset")

    def test_abortAndAgain(self) -> None:
        """
        A request that is aborted and made again in one piece is answered, and the first
        leaves nothing.
        """
        wire = self.wire()
        first = headers(1, "/0/s/xhr", method="POST")
        again = headers(3, "/0/t/xhr", method="POST")
        wire.send(first, RstStreamFrame(1, ErrorCodes.CANCEL), again)
        self.assertServes(wire)
        self.assertEqual(wire.answers[3], "200")
        self.site.advance(100)
        self.assertEqual([len(each.lost) for each in self.sessions], [1, 1])

    def test_closedStreams(self) -> None:
        """
        What comes late for a stream that has ended is no news.
        """
        wire = self.wire()
        wire.send(headers(1, "/info"))
        self.site.settle()
        late: list[Frame] = [
            WindowUpdateFrame(1, 5),
            RstStreamFrame(1, ErrorCodes.CANCEL),
            PriorityFrame(1, 3),
            DataFrame(1, b"late"),
        ]
        wire.send(*late)
        self.assertServes(wire)

    def test_windows(self) -> None:
        """
        A window that is opened by nothing, or too far, is its stream's fault.
        """
        wire = self.wire()
        for stream, increment in [(1, 0), (3, 2**31 - 1)]:
            path = f"/0/{stream}/eventsource"
            wire.send(headers(stream, path), WindowUpdateFrame(stream, increment))
            self.site.settle()
            self.assertEqual(wire.answers[stream], "reset")
        self.assertEqual([len(each.lost) for each in self.sessions], [1, 1])
        self.assertServes(wire)

    def test_priorities(self) -> None:
        """
        Priorities, which are no longer spoken of, cost nothing, be they impossible.
        """
        wire = self.wire()
        wire.send(*(PriorityFrame(n, n) for n in range(1, 5001)))
        head = headers(1, "/info")
        head.flags.add("PRIORITY")
        head.depends_on = 1
        wire.send(head)
        self.assertServes(wire)
        self.assertEqual(wire.answers[1], "200")

    def test_headersTooLarge(self) -> None:
        """
        Headers and targets that are too large are answered.
        """
        wire = self.wire()
        many = [(f"x-{n}", "") for n in range(501)]
        wire.send(headers(1, "/info", ("x", 16_000 * "x"), ("y", 1000 * "x")))
        wire.send(headers(3, "/info", *many))
        wire.send(headers(5, "/" + 16_384 * "x", ends=False))
        self.assertServes(wire)
        self.assertEqual([wire.answers[n] for n in (1, 3, 5)], ["431", "431", "414"])
        self.assertEqual(self.refused("HeadersTooLarge"), 2)

    def test_tunnel(self) -> None:
        """
        There is no tunnel here.
        """
        wire = self.wire()
        fields = [(":method", "CONNECT"), (":authority", "other.example:80")]
        wire.send(block(1, fields, ends=False))
        self.assertServes(wire)
        self.assertEqual(wire.answers[1], "501")

    def test_tooMany(self) -> None:
        """
        A stream too many is refused, and one that comes when another has ended is not.
        """
        wire = self.wire()
        streams = range(1, 203, 2)
        wire.send(*(headers(n, f"/0/{n}/eventsource") for n in streams))
        self.site.settle()
        self.assertEqual([wire.answers[n] for n in streams], 100 * ["200"] + ["reset"])
        wire.send(RstStreamFrame(1, ErrorCodes.CANCEL))
        self.assertServes(wire)


class ConnectionFaultTests(HTTP2Case):
    """
    A connection that cannot go on ends with GOAWAY, and leaves nothing.
    """

    def assertEnds(self, wire: Wire, code: ErrorCodes) -> None:
        self.site.settle()
        self.assertEqual((wire.closed, wire.goaway), (True, code))
        self.assertTrue(all(len(each.lost) == 1 for each in self.sessions))
        self.assertEqual(self.warned, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_continuations(self) -> None:
        """
        Headers without end are not waited for.
        """
        for size, count in [(16384, 5), (0, 70)]:
            wire = self.wire()
            wire.send(HeadersFrame(1, b""))
            wire.send(*(ContinuationFrame(1, size * b"x") for _ in range(count)))
            codes = ErrorCodes.PROTOCOL_ERROR, ErrorCodes.ENHANCE_YOUR_CALM
            self.assertEnds(wire, codes[size > 0])

    def test_largeFrame(self) -> None:
        """
        A frame that is too large is refused when its length is known.
        """
        wire = self.wire()
        wire.transport.write(b"\xff\xff\xff\0\0\0\0\0\1")
        self.assertEnds(wire, ErrorCodes.FRAME_SIZE_ERROR)

    def test_compression(self) -> None:
        """
        Headers that cannot be decoded end the connection, with the code for that.
        """
        wire = self.wire()
        wire.send(headers(1, "/0/s/eventsource"))
        wire.send(HeadersFrame(3, b"\xff\xff\xff", flags=["END_HEADERS"]))
        self.assertEnds(wire, ErrorCodes.COMPRESSION_ERROR)

    def test_bomb(self) -> None:
        """
        Headers that grow when they are decoded are not.
        """
        wire = self.wire()
        data = b"\x40\1a\x7f\x81\x1e" + 4000 * b"x" + 1000 * b"\xbe"
        wire.send(HeadersFrame(1, data, flags=["END_HEADERS"]))
        self.assertEnds(wire, ErrorCodes.ENHANCE_YOUR_CALM)

    def test_idleStreams(self) -> None:
        """
        A frame for a stream that has not begun is a fault of the connection.
        """
        for frame in [
            DataFrame(1, b"x"),
            RstStreamFrame(1, 8),
            RstStreamFrame(2, 8),
            WindowUpdateFrame(1, 1),
        ]:
            wire = self.wire()
            wire.send(frame)
            self.assertEnds(wire, ErrorCodes.PROTOCOL_ERROR)

    def test_provokedResets(self) -> None:
        """
        A client that has the server reset streams, over and over, is sent away.
        """
        wire = self.wire()
        for stream in range(1, 4001, 2):
            wire.send(block(stream, [("Bad", "a")]))
        self.assertEnds(wire, ErrorCodes.ENHANCE_YOUR_CALM)


class HTTP2Tests(HTTP2Case):
    def test_floods(self) -> None:
        """
        Frames that ask for nothing but an answer are answered as they are read.
        """
        wire = self.wire()
        wire.transport.pauseProducing()
        for _ in range(20):
            wire.send(*(PingFrame(0, b"12345678") for _ in range(2000)))
            wire.send(*(SettingsFrame(0, {4: n}) for n in range(2000)))
            self.site.settle()
        held = len(self.server.transport.dataBuffer)
        self.assertLess(
            held + sum(map(len, self.server.transport._tempDataBuffer)), 99_000
        )
        wire.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(len(wire.pongs), 40_000)

    def test_unreadPages(self) -> None:
        """
        Of a client that reads nothing, no more is read: it gets no more pages than the
        connection holds.
        """
        wire = self.wire()
        wire.send(WindowUpdateFrame(0, 2**30), SettingsFrame(0, {4: 2**30}))
        wire.transport.pauseProducing()
        for start in range(1, 10_000, 1000):
            wire.send(
                *(headers(n, "/iframe.html") for n in range(start, start + 1000, 2))
            )
            self.site.settle()
        transport = self.server.transport
        held = len(transport.dataBuffer) + sum(map(len, transport._tempDataBuffer))
        self.assertLess(held, 200_000)
        wire.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(set(wire.answers.values()), {"200"})
        self.assertEqual(len(wire.answers), 5000)

    def test_noWindowForPages(self) -> None:
        """
        A client that gives no room has a hundred answers waiting, and no more.
        """
        wire = self.wire()
        wire.send(SettingsFrame(0, {4: 0}))
        for start in range(1, 1000, 100):
            wire.send(
                *(headers(n, "/iframe.html") for n in range(start, start + 100, 2))
            )
            self.site.settle()
        self.assertEqual(list(wire.answers.values()).count("200"), 100)
        self.assertEqual(list(wire.answers.values()).count("reset"), 400)
        self.assertEqual(wire.received, 0)
        self.site.advance(130)
        self.assertEqual(set(wire.answers.values()), {"reset"})

    def test_bodies(self) -> None:
        """
        A few bodies come in at a time, of the others no more than one window, and each
        has its turn.
        """
        browser = self.browse()
        streams = [browser.request("POST", "/0/s/xhr_send", None) for _ in range(20)]
        sent = dict.fromkeys(streams, 0)
        for expected in (8, 16, 20):
            for _ in range(40):
                for stream in set(streams) - set(browser.status):
                    window = browser.h2.local_flow_control_window(stream)
                    size = min(window, 16384, 300_000 - sent[stream])
                    browser.send(stream, size * b"x")
                    sent[stream] += size
            whole = [stream for stream in streams if sent[stream] == 300_000]
            self.assertEqual(whole, streams[:expected])
            self.assertEqual({sent[n] for n in streams[expected:]} - {65535}, set())
            for stream in set(whole) - set(browser.status):
                browser.h2.end_stream(stream)
            browser.flush()
            self.site.settle()
        self.assertEqual(set(browser.status.values()), {"404"})

    def test_bodiesTimeOut(self) -> None:
        """
        Bodies that do not come to an end make room for others when their time is up.
        """
        browser = self.browse()
        first = [browser.request("POST", "/0/s/xhr_send", None) for _ in range(8)]
        self.site.advance(30)
        last = browser.request("POST", "/0/s/xhr_send", None)
        for _ in range(5):
            browser.send(
                last, b"x" * min(16383, browser.h2.local_flow_control_window(last))
            )
        self.assertEqual(browser.h2.local_flow_control_window(last), 0)
        self.site.advance(31)
        self.assertEqual(browser.ended, dict.fromkeys(first, "reset"))
        self.assertGreater(browser.h2.local_flow_control_window(last), 0)

    def test_noFiles(self) -> None:
        """
        Bodies that are announced, and do not come, hold no files.
        """
        self.patch(tempfile, "TemporaryFile", None)
        browser = self.browse()
        for length in ["100", "1000000"]:
            for _ in range(50):
                more = ("content-length", length)
                browser.request("POST", "/0/s/xhr_send", None, more)
        self.assertEqual((browser.status, browser.ended), ({}, {}))

    def test_turns(self) -> None:
        """
        However many requests come at once, others have their turn in between.
        """
        wire = self.wire()
        frames = [headers(n, f"/0/{n}/xhr", method="POST") for n in range(1, 1001, 2)]
        self.server.dataReceived(b"".join(frame.serialize() for frame in frames))
        self.assertLessEqual(len(self.sessions), 100)
        self.site.settle()
        self.assertEqual(len(self.sessions), 500)
        self.assertEqual(set(wire.answers.values()), {"200"})

    def test_lineEnds(self) -> None:
        """
        A header with a line end in it ends the connection, or comes back without it.
        """
        for end in ["\r\n", "\r", "\n", "\0"]:
            browser = self.browse(cookie_needed=True)
            evil = f"a{end}x-evil: 1"
            for name in ["origin", "access-control-request-headers", "cookie"]:
                stream = browser.request("GET", "/info", b"", (name, evil))
                for value in browser.headers.get(stream, {}).values():
                    self.assertNotIn(end, value)
                if browser.closed:
                    break
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_noRoom(self) -> None:
        """
        A browser that gives no room for any answer costs no time, and little memory.
        """
        browser = self.browse(max_buffer=100_000)
        browser.reads = False
        streams = [browser.request("GET", f"/0/{n}/eventsource") for n in range(20)]
        for _ in range(30):
            for session in self.sessions:
                session.transport.write(b"x" * 10_000)
            self.site.settle()
        self.assertEqual({len(each.lost) for each in self.sessions}, {1})
        came = sum(len(browser.bodies[stream]) for stream in streams)
        self.assertLess(came, 100_000)

    def test_manyResets(self) -> None:
        """
        Requests that are reset at once, over and over, end the connection and leave no
        session with a receiver.
        """
        browser = self.browse()
        for n in range(1500):
            if browser.closed:
                break
            stream = browser.request("GET", f"/0/{n}/eventsource")
            if not browser.closed:
                browser.h2.reset_stream(stream)
                browser.flush()
                self.site.settle()
        self.assertTrue(browser.closed)
        self.assertTrue(all(len(each.lost) == 1 for each in self.sessions))

    def test_connect(self) -> None:
        """
        WebSockets over HTTP/2 (RFC 8441) are not spoken: a clean 4xx.
        """
        browser = self.browse()
        more = (":protocol", "websocket"), ("sec-websocket-version", "13")
        stream = browser.request("CONNECT", "/websocket", None, *more)
        self.assertIn(browser.status.get(stream, "closed")[0], "4c")
        self.assertEqual(self.flushLoggedErrors(), [])
