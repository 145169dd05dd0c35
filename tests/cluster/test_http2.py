"""What is passed on for streams of HTTP/2."""

from __future__ import annotations

import attrs
from hyperframe.frame import GoAwayFrame
from twisted.internet.defer import Deferred

from tests.cluster.support import ClusterCase
from tests.support.http2 import Browser, NegotiatedServer, Wire, headers
from txsockjs.cluster.workers import LINGER_TIME
from txsockjs.testing import network
from txsockjs.web.handover import closeStreams


class HTTP2Tests(ClusterCase):
    """
    A browser that speaks HTTP/2 with one worker, and has a session at another one.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(2)
        self.path = f"/0/{self.idOf(1)}"
        self.patch(network, "SecureServer", NegotiatedServer)
        site = self.workers[0].site
        self.browser = site.connect(Browser(site), secure=True)

    def test_echo(self) -> None:
        """
        Streams and polls bring what was sent, each on its stream of the connection.
        """
        browser = self.browser
        stream = browser.request("POST", f"{self.path}/xhr_streaming")
        self.assertTrue(browser.bodies[stream].endswith(b"h\no\n"))
        for number in range(20):
            sent = browser.request("POST", f"{self.path}/xhr_send", b'["%d"]' % number)
            self.assertEqual(browser.status[sent], "204")
            self.assertEqual(browser.ended[sent], "end")
        self.assertEqual(browser.bodies[stream].count(b"a["), 20)
        self.assertNotIn(stream, browser.ended)
        [session] = self.workers[1].sessions
        self.assertTrue(session.transport.request.secure)
        self.assertEqual(session.transport.request.headers["host"], ("sockjs.example",))

    def test_leaves(self) -> None:
        """
        A worker that ends, while others go on, first has the browser make its further
        requests on another connection; it answers those that come before that is known,
        and ends each connection with which requests it has seen.
        """
        near, far = self.workers
        wire = near.site.connect(Wire(), secure=True)
        wire.send(headers(1, "/info"))
        self.reactor.settle()
        near.slots.update([attrs.evolve(near.slots.me, draining=True), far.slots.me])
        self.reactor.advance(1)
        near.site.site.closeSessions()
        left = near.site.site.leaveCluster()
        self.reactor.advance(LINGER_TIME / 2)

        def said() -> list[int]:
            frames = [each for each in wire.frames if isinstance(each, GoAwayFrame)]
            return [frame.last_stream_id for frame in frames]

        self.assertEqual(said(), [2**31 - 1])
        wire.send(headers(3, f"{self.path}/xhr", method="POST"))
        self.reactor.settle()
        self.assertEqual(wire.answers, {1: "200", 3: "200"})
        self.assertEqual(len(far.sessions), 1)
        self.assertFalse(wire.closed)
        self.reactor.advance(LINGER_TIME)
        self.successResultOf(left)
        closed = Deferred.fromCoroutine(closeStreams(near.site.site))
        self.reactor.advance(0.1)
        self.successResultOf(closed)
        self.assertEqual((said(), wire.closed), ([2**31 - 1, 3], True))

    def test_lost(self) -> None:
        """
        Where the other worker goes, the stream is reset, and the connection goes on.
        """
        browser = self.browser
        stream = browser.request("POST", f"{self.path}/xhr_streaming")
        self.lose(self.workers[1])
        self.assertEqual(browser.ended[stream], "reset")
        self.assertFalse(browser.closed)
        gone = browser.request("POST", f"{self.path}/xhr_send", b'["x"]')
        self.assertEqual(browser.status[gone], "404")

    def test_reset(self) -> None:
        """
        Where the browser resets the stream, the session has lost its receiver.
        """
        browser = self.browser
        stream = browser.request("POST", f"{self.path}/xhr_streaming")
        [session] = self.workers[1].service.byId.values()
        self.assertIsNotNone(session.receiver)
        browser.h2.reset_stream(stream)
        browser.flush()
        self.reactor.settle()
        self.assertIsNone(session.receiver)

    def test_paced(self) -> None:
        """
        A browser that takes nothing of a stream holds its session up, and no other.
        """
        browser = self.browser
        browser.reads = False
        browser.request("POST", f"{self.path}/xhr_streaming")
        [session] = self.workers[1].sessions
        paused: list[bool] = []

        class Producer:
            def pauseProducing(self) -> None:
                paused.append(True)

            def resumeProducing(self) -> None:
                paused.append(False)

            def stopProducing(self) -> None:
                pass

        session.transport.registerProducer(Producer(), True)
        for _ in range(60):
            if not paused:
                session.transport.write(b"x" * 10_000)
                self.reactor.settle()
        self.assertEqual(paused[:1], [True])
        other = browser.request("POST", f"/0/{self.idOf(0)}/xhr")
        self.assertEqual(browser.status[other], "200")
