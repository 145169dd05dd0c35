"""Clients on slow lines and on silent ones, over real sockets."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support.programs.node import need
from tests.support.programs.proxies import startNginx
from tests.support.programs.readers import Reader, numbered
from tests.support.programs.sipping import sip
from tests.support.sockets import upgrade
from tests.support.wrappers import certificate
from txsockjs.core import peer
from txsockjs.factory import SockJSFactory
from txsockjs.options import SockJSOptions

#: Requests for a session's frames, which leave the connection in every way.
REQUESTS = {
    "keep-alive": "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "close": "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "old": "POST {path} HTTP/1.0\r\n\r\n",
}

LARGE = b"x" * 600_000
RATE = 100_000


class Talker(Protocol):
    """
    Says something large when it is connected.
    """

    def connectionMade(self) -> None:
        self.lost: Failure | None = None
        self.transport.write(LARGE)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class Silent(Talker):
    """
    Says nothing.
    """

    def connectionMade(self) -> None:
        self.lost = None


class Writer(Talker):
    """
    Writes numbered messages, as many as it may.
    """

    def connectionMade(self) -> None:
        self.lost = None
        self.count = 0
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while not self.paused and self.lost is None:
            self.transport.write(numbered(self.count, 4096).encode())
            self.count += 1

    def pauseProducing(self) -> None:
        self.paused = True

    stopProducing = pauseProducing


class SlowLineCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.sessions: list[Any] = []
        self.protocol: type[Talker] = Talker

    def serve(self, secure: bool = False, **options: object) -> int:
        """
        Serve the protocol.

        :return: the port.
        """
        factory = Factory()
        factory.buildProtocol = self.build
        site = SockJSFactory(factory, options)
        if secure:
            port: Any = reactor.listenSSL(
                0, site, certificate().options(), interface="127.0.0.1"
            )
        else:
            port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def build(self, address: object) -> Talker:
        self.sessions.append(self.protocol())
        return self.sessions[-1]


class SlowLineTests(SlowLineCase):
    """
    Nothing stands between.
    """

    async def read(self, port: int, secure: bool, name: str, way: str) -> None:
        """
        Take a large response slowly. Its session is there then.
        """
        which = f"{name}-{way}-{secure}"
        path = f"/0/{which}/{way}?which={which}"
        request = REQUESTS[name].format(path=path).encode()
        if way == "xhr":
            opening = sip(self, port, request, 10**9, secure)
            await opening.until(lambda: b"o\n" in opening.body)
        response = sip(self, port, request, RATE, secure)
        await response.until(lambda: b'x"]\n' in response.received[-20:])
        self.assertIn(LARGE, response.received.replace(b"\r\n", b""))
        [session] = [
            each
            for each in self.sessions
            if each.transport.request.args["which"] == (which,)
        ]
        self.assertIsNone(session.lost, which)

    async def test_lives(self) -> None:
        """
        A session lives as long as its client reads, however the connection ends, in the
        clear and over TLS: by polling, and over a stream that has reached its limit.
        """
        # Nothing is added for proxies.
        self.patch(peer, "SLOWEST_LINE", 1e12)
        begun = reactor.seconds()
        await gatherResults(
            [
                Deferred.fromCoroutine(self.read(port, secure, name, way))
                for secure in (False, True)
                for port in [self.serve(secure, timeout=1)]
                for name in REQUESTS
                for way in ("xhr", "xhr_streaming")
            ],
            consumeErrors=True,
        )
        self.assertGreater(reactor.seconds() - begun, 5)
        await deferLater(reactor, 3)
        self.assertEqual(len(self.sessions), 12)
        self.assertNotIn(None, [each.lost for each in self.sessions])


class UnreadTests(SlowLineCase):
    """
    A client that polls on one connection after the other, and reads nothing.
    """

    async def test_bounded(self) -> None:
        """
        What of a session's responses is with Twisted and with the kernel counts to it:
        past ``max_buffer`` it is closed with 1013.
        """
        self.protocol = Silent
        port = self.serve(max_buffer=1 << 22)
        request = REQUESTS["keep-alive"].format(path="/0/a/xhr").encode()
        opening = sip(self, port, request, 10**9)
        await opening.until(lambda: b"o\n" in opening.body)
        [session] = self.sessions
        polls = 0
        while session.lost is None:
            polls += 1
            response = sip(self, port, request, 1)
            session.transport.write(b"x" * 430_000)
            await response.until(lambda r=response: bool(r.received))
            self.assertLess(session.transport.pending, (1 << 22) + 430_000)
        self.assertEqual(polls, (1 << 22) // 430_000 + 2)
        last = sip(self, port, request, 10**9)
        await last.until(lambda: b"c[1013" in last.body)


#: The time of these tests is so many times as fast as that of the documents.
SCALE = 2


class ProxyTests(SlowLineCase):
    """
    Behind nginx, which takes responses at once and keeps them for their client.
    """

    async def connect(self) -> int:
        """
        Serve writers behind nginx as it is by default.

        :return: nginx's port.
        """
        need("nginx")
        self.patch(peer, "SLOWEST_LINE", SCALE * peer.SLOWEST_LINE)
        self.protocol = Writer
        port = self.serve(timeout=SockJSOptions().timeout / SCALE)
        return await startNginx(self, [port, port], buffering="proxy_buffering on;")

    async def read(self, port: int, way: str, responses: int) -> None:
        """
        Take some responses at the pace of a line of 8 kB a second, and the beginning of
        a further one. Each message is the one that was next.
        """
        count = 0
        path = f"/0/{way}/{way}"
        request = REQUESTS["close"].format(path=path).encode()
        for number in range(responses + 1):
            response = sip(self, port, request, SCALE * 8192)
            await response.until(
                lambda r=response, n=number: n == responses and b"xx" in r.received
            )
            for text in re.findall(rb'"(\d+x+)["x]', response.received):
                self.assertEqual(text.decode(), numbered(count, len(text)))
                count += 1
        self.assertGreater(count, 30)
        self.assertEqual([each.lost for each in self.sessions], [None, None])

    async def test_lives(self) -> None:
        """
        With the defaults, a line of 8 kB a second keeps its session, by polling and
        over streams, and nothing is lost.
        """
        port = await self.connect()
        await gatherResults(
            [
                Deferred.fromCoroutine(self.read(port, "xhr", 4)),
                Deferred.fromCoroutine(self.read(port, "xhr_streaming", 1)),
            ]
        )

    async def test_goesOn(self) -> None:
        """
        Nor does a WebSocket or a stream lose its session that is written to all the
        time, where the kernel of the proxy keeps little for it.
        """
        need("nginx")
        self.protocol = Writer
        # Five times as fast as the documents.
        port = self.serve(timeout=1, heartbeat=5, streaming_limit=10**9)
        listen = "listen 127.0.0.1:{port} sndbuf=64k;"
        port = await startNginx(self, [port, port], listen)
        stream = REQUESTS["close"].format(path="/0/b/xhr_streaming").encode()
        for request in upgrade("/0/a/websocket"), stream:
            sip(self, port, request, 5 * 8192)
        await deferLater(reactor, 16)
        self.assertEqual([each.lost for each in self.sessions], [None, None])


#: What a heartbeat is, over each transport.
HEARTBEATS = {
    "/0/a/websocket": b"\x81\x01h",
    "/0/b/xhr_streaming": b"\r\nh\n\r\n",
    "/0/c/eventsource": b"data: h\r\n\r\n",
    "/websocket": b"\x89\x00",
}


class Beaten(Reader):
    """
    Says nothing, but answers pings, and remembers when heartbeats came.
    """

    def __init__(self, path: str) -> None:
        where, _, name = path.rpartition("/")
        super().__init__(name, where)
        self.opened.addErrback(lambda reason: None)
        self.beats: list[float] = []
        self._mark = HEARTBEATS[path]

    def connectionMade(self) -> None:
        self._begun = reactor.seconds()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self._mark in data:
            self.beats.append(reactor.seconds() - self._begun)
        super().dataReceived(data)


class HeartbeatTests(SlowLineCase):
    """
    Somebody who takes everything.
    """

    async def test_every(self) -> None:
        """
        With a heartbeat each second, there is one after one second, after two, and so
        on, over WebSockets and streams.
        """
        self.protocol = Silent
        port = self.serve(heartbeat=1)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        readers = []
        for path in HEARTBEATS:
            reader = await connectProtocol(endpoint, Beaten(path))
            self.addCleanup(lambda r=reader: r.transport.abortConnection() or r.ended)
            readers.append(reader)
        await deferLater(reactor, 5.5)
        for reader in readers:
            wanted = enumerate(reader.beats, 1)
            self.assertEqual([round(beat - n) for n, beat in wanted], [0] * 5)
        self.assertEqual([each.lost for each in self.sessions], [None] * 4)
