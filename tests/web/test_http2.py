"""Tests for L{txsockjs.web.site} and the transports over HTTP/2."""

from __future__ import annotations

from tests.support.http2 import HTTP2Case


class HTTP2Tests(HTTP2Case):
    """
    The HTTP transports travel on HTTP/2, under the same limits.
    """

    def test_poll(self) -> None:
        """
        A session is opened, spoken to and heard on one connection.
        """
        browser = self.browse()
        opened = browser.request("POST", "/0/s/xhr")
        poll = browser.request("POST", "/0/s/xhr")
        sent = browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(browser.bodies[opened], b"o\n")
        self.assertEqual(browser.bodies[poll], b'a["a"]\n')
        self.assertEqual(browser.status[sent], "204")

    def test_streaming(self) -> None:
        """
        Streaming arrives at once, and the response ends at its limit.
        """
        browser = self.browse(streaming_limit=100)
        stream = browser.request("GET", "/0/s/eventsource")
        browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(
            browser.bodies[stream], b'\r\ndata: o\r\n\r\ndata: a["a"]\r\n\r\n'
        )
        browser.request("POST", "/0/s/xhr_send", b'["%b"]' % (b"x" * 100))
        self.assertEqual(browser.ended[stream], "end")

    def test_streamOutlivesTheIdleTimeout(self) -> None:
        """
        A stream with nothing but heartbeats on it goes on.
        """
        browser = self.browse()
        browser.request("GET", "/0/s/eventsource")
        self.site.advance(500)
        browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(self.sessions[0].received, [b"a"])
        self.assertFalse(browser.closed)

    def test_slowPoll(self) -> None:
        """
        The disconnect delay counts from when a poll's answer was delivered; the server
        sleeps until the browser makes room for more of it.
        """
        browser = self.browse()
        browser.request("POST", "/0/s/xhr")
        self.sessions[0].transport.write(b"x" * 200_000)
        browser.reads = False
        poll = browser.request("POST", "/0/s/xhr")
        for _ in range(3):
            self.site.advance(12)
            browser.read(poll)
            self.site.settle()
        self.assertEqual(len(browser.bodies[poll]), 200_006)
        self.assertEqual(self.sessions[0].lost, [])

    def test_stuck(self) -> None:
        """
        A stream from which nothing is taken between two heartbeats is given up.
        """
        browser = self.browse(streaming_limit=10**9)
        browser.reads = False
        stream = browser.request("GET", "/0/s/eventsource")
        self.sessions[0].transport.write(b"x" * 200_000)
        for _ in range(80):
            # Other traffic keeps the connection itself alive.
            browser.h2.ping(b"12345678")
            browser.flush()
            self.site.advance(1)
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertEqual(browser.ended, {stream: "reset"})

    def test_receiverReset(self) -> None:
        """
        A stream that the browser resets is a receiver that vanished.
        """
        browser = self.browse()
        stream = browser.request("GET", "/0/s/eventsource")
        browser.h2.reset_stream(stream)
        browser.flush()
        self.site.settle()
        self.assertEqual(len(self.sessions[0].lost), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_abort(self) -> None:
        """
        An aborted session resets its own stream, and no other.
        """
        browser = self.browse()
        first = browser.request("GET", "/0/s/eventsource")
        second = browser.request("GET", "/0/t/eventsource")
        self.sessions[0].transport.abortConnection()
        self.site.settle()
        self.assertEqual(browser.ended, {first: "reset"})
        browser.request("POST", "/0/t/xhr_send", b'["a"]')
        self.assertIn(b'a["a"]', browser.bodies[second])

    def test_abortMeetsReset(self) -> None:
        """
        A stream that both sides reset at the same time is reset, and that is all.
        """
        browser = self.browse()
        stream = browser.request("GET", "/0/s/eventsource")
        transport = self.sessions[0].transport
        self.sessions[0].dataReceived = lambda data: transport.abortConnection()
        sender = browser.request("POST", "/0/s/xhr_send", None)
        browser.h2.send_data(sender, b'["a"]', end_stream=True)
        browser.h2.reset_stream(stream)
        browser.flush()
        self.site.settle()
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_upgrade(self) -> None:
        """
        A WebSocket handshake is refused on HTTP/2, and the connection serves on.
        """
        browser = self.browse()
        stream = browser.request("GET", "/websocket")
        self.assertEqual(browser.status[stream], "400")
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")

    def test_bodyAnnounced(self) -> None:
        """
        A body whose length is above the limit gets 413, and its session lives.
        """
        browser = self.browse(max_message_size=1000)
        browser.request("POST", "/0/s/xhr")
        length = ("content-length", "1001")
        stream = browser.request("POST", "/0/s/xhr_send", b"x" * 1001, length)
        self.assertEqual(browser.status[stream], "413")
        self.assertEqual(browser.ended[stream], "end")
        sent = browser.request("POST", "/0/s/xhr_send", b'["a"]')
        self.assertEqual(browser.status[sent], "204")
        self.assertEqual(self.sessions[0].received, [b"a"])

    def test_bodyWithoutEnd(self) -> None:
        """
        A body that is too large is refused at once, and its stream reset if it goes on.
        """
        browser = self.browse(max_message_size=1000)
        stream = browser.request("POST", "/0/s/xhr_send", None)
        browser.send(stream, b"x" * 60000)
        self.assertEqual(browser.status[stream], "413")
        self.site.advance(20)
        self.assertEqual(browser.ended[stream], "reset")
        self.assertEqual(browser.status[browser.request("GET", "/info")], "200")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bodyTrickles(self) -> None:
        """
        A request that does not come to its end is reset, and no other.
        """
        browser = self.browse()
        other = browser.request("GET", "/0/s/eventsource")
        stream = browser.request("POST", "/0/s/xhr_send", None)
        for _ in range(70):
            if stream not in browser.ended:
                browser.send(stream, b"x")
            self.site.advance(1)
        self.assertEqual(browser.ended, {stream: "reset"})
        self.assertIn(b"h", browser.bodies[other])

    def test_connectionLost(self) -> None:
        """
        A connection that is lost in the middle of a body leaves no timer behind.
        """
        browser = self.browse()
        browser.request("POST", "/0/s/xhr_send", None)
        browser.transport.abortConnection()
        self.site.settle()
        self.assertEqual(self.flushLoggedErrors(), [])
