"""Heartbeats, beneath random traffic, over every transport."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import examples
from tests.support.http2 import HTTP2Case, headers
from tests.support.serving import ServiceCase
from txsockjs.testing.client import MemorySession

TRANSPORTS = ("websocket", "xhr_streaming", "eventsource", "htmlfile", "xhr", "jsonp")

# What happens after some seconds, in intervals: nothing, or somebody says something.
_TALK = st.lists(
    st.tuples(
        st.floats(0, 3, allow_subnormal=False), st.sampled_from(["", "down", "up"])
    ),
    max_size=12,
)
_INTERVALS = st.one_of(st.floats(0.05, 60), st.sampled_from([1.0, 5.0, 25.0]))

#: What a float, and a timer that is armed with one, may be wrong by.
_TURN = 1e-4


class HeartbeatCase(ServiceCase):
    """
    A client that takes everything.
    """

    def talk(self, interval: float, talk: Any, say: Callable[[], None]) -> None:
        """
        Let both sides talk.

        :param say: has the client say something.
        """
        for pause, what in talk:
            self.site.advance(pause * interval)
            if what == "down":
                self.sessions[0].transport.write(b"x" * 20)
                self.site.settle()
            elif what == "up":
                say()

    def assertKept(self, interval: float, frames: list[tuple[float, bytes]]) -> None:
        """
        There is never more than an interval between two frames, and never less before a
        heartbeat.
        """
        for (before, _), (now, frame) in pairwise(frames):
            self.assertLess(now - before, interval + _TURN)
            if frame == b"h":
                self.assertGreater(now - before, interval - _TURN)
        self.assertLess(self.site.reactor.seconds() - frames[-1][0], interval + _TURN)
        self.assertEqual(self.sessions[0].lost, [])
        self.site.stop()


class HeartbeatTests(HeartbeatCase):
    """
    A client that takes everything has a frame in each interval, and no heartbeat that
    it does not need.
    """

    @examples()
    @given(st.sampled_from(TRANSPORTS), _INTERVALS, _TALK)
    def test_everyTransport(self, transport: str, interval: float, talk: Any) -> None:
        """
        So it is over each transport of HTTP/1, and a framed WebSocket.
        """
        frames: list[tuple[float, bytes]] = []
        self.serve(heartbeat=interval, streaming_limit=200)
        clock = self.site.reactor

        class Client(MemorySession):
            def _read(self, frame: str) -> None:
                # The prelude of a stream looks like many of them.
                if frame[:2] != "hh":
                    frames.append((clock.seconds(), frame[:1].encode()))
                super()._read(frame)

        browser = Client(self.client, transport, "/0/a")
        self.site.settle()
        self.talk(interval, talk, lambda: browser.send("x"))
        self.assertKept(interval, frames)

    @examples()
    @given(_INTERVALS, _TALK)
    def test_raw(self, interval: float, talk: Any) -> None:
        """
        Over a raw WebSocket pings are heartbeats. The peer may be asked for a sign of
        life in between.
        """
        frames: list[tuple[float, bytes]] = []
        self.serve(heartbeat=interval)
        socket = self.client.websocket("/websocket")
        clock = self.site.reactor

        def ping(payload: bytes) -> None:
            socket.sendPong(payload)
            frames.append((clock.seconds(), b"p"))

        socket.onPing = ping
        socket.updated = lambda: frames.append((clock.seconds(), b"a"))
        frames.append((0.0, b"o"))
        self.talk(interval, talk, lambda: socket.send("x"))
        self.assertKept(interval, frames)


class StreamTests(HeartbeatCase, HTTP2Case):
    """
    The same over HTTP/2.
    """

    @examples()
    @given(_INTERVALS, _TALK)
    def test_streaming(self, interval: float, talk: Any) -> None:
        """
        So it is for a stream of HTTP/2.
        """
        frames: list[tuple[float, bytes]] = []
        wire = self.wire(heartbeat=interval, streaming_limit=10**6)
        clock = self.site.reactor
        receive = wire.dataReceived

        def dataReceived(data: bytes) -> None:
            before = len(wire.frames)
            receive(data)
            for each in wire.frames[before:]:
                found = re.search(rb"(?m)^data: ([oah])", getattr(each, "data", b""))
                if found:
                    frames.append((clock.seconds(), found[1]))

        wire.dataReceived = dataReceived  # type: ignore[method-assign]
        wire.send(headers(1, "/0/s/eventsource"))
        self.site.settle()
        self.talk(interval, talk, lambda: None)
        self.assertKept(interval, frames)
