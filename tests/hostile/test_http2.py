"""HTTP/2 as no browser speaks it."""

from __future__ import annotations

from tests.support.http2 import HTTP2Case


class HTTP2Tests(HTTP2Case):
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
