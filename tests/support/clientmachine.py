"""Clients and a server that drive each other over a network in memory that stalls and
breaks: `ClientMachine`, a rule-based machine for Hypothesis.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher

from tests.support.relays import Relays
from tests.support.scripted import MemoryWebClient
from tests.support.talkers import Pair, Talker, Talkers
from txsockjs.client.carriers import CARRIERS, RAW
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL
from txsockjs.errors import SessionClosed
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryReactor

#: For how many seconds in all a network may stall, or an application not read, before a
#: session that is lost is lost with reason: the server waits 5 for a receiver.
PATIENCE: Final = 4.0

#: How many seconds it takes at the most until all that can be delivered is, where
#: everything flows: a round trip through the smallest pieces takes none.
DELIVERY: Final = 5.0

#: How long it takes at the most until both sides know that a network has gone: two
#: heartbeats of the server's, three of its own, and some for what it waits for then.
AGREEMENT: Final = 130.0

#: How long a client that closes waits for a server at the most.
GOODBYE: Final = 25.0

#: A number stands for a long message of so many letters.
TEXTS: Final = st.lists(
    st.sampled_from(["", "a", "\u2028", '"\\', "\x00", "😀", 5000, 70_000])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    min_size=1,
    max_size=6,
)

#: How many bytes come with one read.
SEGMENTS: Final = st.lists(
    st.sampled_from([1, 2, 7, 100, 1460, 65536]), min_size=1, max_size=4
).filter(lambda sizes: sum(sizes) > 1000)

ENDS: Final = st.tuples(
    st.sampled_from([1000, 3000, 4999]), st.sampled_from(["", "enough", '"é'])
)

#: What an application does from inside a call.
DEEDS: Final = ["", "", "pause", "blink", "blink", "say", "say", "close", "drop"]

#: What becomes of the network.
CHANGES: Final = ["stall", "flow", "flow", "sizes", "cut", "client", "server"]

SIDES: Final = st.sampled_from(["client", "server"])


class ClientMachine(RuleBasedStateMachine):
    """
    Some sessions over one transport, which share what they can.
    """

    transport = "websocket"

    @initialize(
        room=st.sampled_from([600, 5000, 65536]),
        segments=SEGMENTS,
        limit=st.sampled_from([4096, 131072]),
        count=st.integers(1, 2),
        greeting=st.booleans(),
        last=SIDES,
    )
    def serve(
        self,
        room: int,
        segments: list[int],
        limit: int,
        count: int,
        greeting: bool,
        last: str,
    ) -> None:
        """
        Have a server, a network and an endpoint, and some sessions that are open.
        """
        self.loud: list[Any] = []
        globalLogPublisher.addObserver(self._listen)
        self.reactor = reactor = MemoryReactor()
        self.servers = Talkers(server=True)
        options = {"streaming_limit": limit}
        self.site = SockJSFactory(self.servers, options, clock=reactor)
        self.site.doStart()
        self.relays = Relays(self.site, reactor, room)
        self.pairs: list[Pair] = []
        raw = self.transport == RAW
        names: Any = {"raw": True} if raw else {"transports": (self.transport,)}
        # Everything goes over one network here, whose time is the test's.
        settings = Settings(attempt_timeout=20.0, **names)
        url = SockJSURL.parse("http://sockjs.example")
        web = MemoryWebClient(reactor, lambda url: self.relays.endpoint(), proxy=False)
        self.endpoint = Connector(reactor, url, settings, web, CARRIERS)
        self.clients = Talkers(greeting=greeting)
        self.stood = 0.0
        self.vanished = -PATIENCE
        self.last = last
        self.cut(segments)
        for _ in range(count):
            self.connect()
        reactor.advance(0)

    def _listen(self, event: Any) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.warn:
            self.loud.append(event)

    def cut(self, sizes: list[int]) -> None:
        """
        From now on bytes come in such pieces.
        """
        # In turns, who reads at the third place might get the smallest for ever.
        random = Random(repr(sizes))
        self.reactor.segment = lambda: random.choice(sizes)

    # Sessions

    @precondition(lambda self: sum(pair.going for pair in self.pairs) < 3)
    @rule()
    def connect(self) -> None:
        """
        A client connects.
        """
        # It may get a connection that was kept, and leads nowhere now.
        astray = self.reactor.seconds() - self.vanished < PATIENCE
        pair = Pair(self.transport, self.servers, self.relays.stalled or astray)
        self.pairs.append(pair)
        connecting: Deferred[Any] = self.endpoint.connect(self.clients)
        connecting.addCallbacks(pair.opened, pair.failed)

    def _sides(self, side: str, index: int) -> tuple[Pair, Talker] | None:
        """
        One side of a session of which both are known; of one that lives, if there is
        one.
        """
        known = [pair for pair in self.pairs if pair.server is not None]
        pairs = [pair for pair in known if pair.live] or known
        if not pairs:
            return None
        pair = pairs[index % len(pairs)]
        talker = pair.sides[side]
        assert talker is not None
        return pair, talker

    @rule(
        side=SIDES,
        index=st.integers(0, 2),
        texts=TEXTS,
        deeds=st.lists(st.sampled_from(DEEDS), max_size=3),
        at_once=st.booleans(),
    )
    def say(
        self,
        side: str,
        index: int,
        texts: list[str | int],
        deeds: list[str],
        at_once: bool,
    ) -> None:
        """
        One side sends messages, in one turn or in several, and the other is going to do
        something when it hears them.
        """
        if found := self._sides(side, index):
            pair, talker = found
            other = pair.server if talker is pair.client else pair.client
            assert other is not None
            other.deeds += deeds
            for text in texts:
                talker.say(text if isinstance(text, str) else "x" * text)
                if not at_once:
                    self.reactor.turn()

    @rule(side=SIDES, index=st.integers(0, 2), paused=st.booleans())
    def pause(self, side: str, index: int, paused: bool) -> None:
        """
        One side stops reading, or reads on.
        """
        if found := self._sides(side, index):
            found[1].pause(paused)

    @rule(
        side=SIDES,
        index=st.integers(0, 2),
        end=st.none() | ENDS,
        seldom=st.integers(0, 2),
    )
    def end(
        self, side: str, index: int, end: tuple[int, str] | None, seldom: int
    ) -> None:
        """
        One side closes the session, or drops it.
        """
        found = None if seldom else self._sides(side, index)
        if found is None:
            return
        if end is None:
            found[1].drop()
        else:
            found[1].close(*end)

    # The network

    def stall(self, stalled: bool) -> None:
        """
        Nothing passes, or everything again.
        """
        self.relays.stalled = stalled
        for relay in self.relays.live():
            relay.stall(stalled or relay.silent)

    def breakOff(self, index: int, how: str) -> None:
        """
        A connection breaks: for both sides, or without a word for one of them.
        """
        live = self.relays.live()
        if not live:
            return
        relay = live[index % len(live)]
        for pair in self.pairs:
            pair.spoiled = True
        if how == "cut":
            relay.cut()
        else:
            self.vanished = self.reactor.seconds()
            relay.vanish(relay.client if how == "client" else relay.server)

    @rule(
        how=st.sampled_from(
            ["stall", "flow", "flow", "sizes", "cut", "client", "server"]
        ),
        index=st.integers(0, 5),
        sizes=SEGMENTS,
    )
    def network(self, how: str, index: int, sizes: list[int]) -> None:
        """
        The network changes.
        """
        if how == "sizes":
            self.cut(sizes)
        elif how in ("stall", "flow"):
            self.stall(how == "stall")
        else:
            self.breakOff(index, how)

    # Time

    @rule(seconds=st.sampled_from([None, None, 0.0, 0.0, 0.03, 1.0, 6.0, 30.0]))
    def wait(self, seconds: float | None) -> None:
        """
        Time passes; or some turns of the reactor, which leave much on its way.
        """
        if seconds is None:
            for _ in range(3):
                self.reactor.turn()
            return
        before = self._standing
        self.reactor.advance(seconds)
        # Somebody may have paused meanwhile.
        if before or self._standing:
            self.stood += seconds
        if self.stood >= PATIENCE:
            for pair in self.pairs:
                pair.spoiled = True

    @property
    def _standing(self) -> bool:
        return self.relays.stalled or any(pair.standing for pair in self.pairs)

    # What always holds

    @invariant()
    def nothingLostOrMoved(self) -> None:
        """
        What one side has heard is what the other has said, from the beginning on.
        """
        for pair in getattr(self, "pairs", ()):
            pair.look()
            client, server = pair.client, pair.server
            if client is not None and server is not None:
                assert client.heard == server.said[: len(client.heard)]
                assert server.heard == client.said[: len(server.heard)]

    @invariant()
    def livesOn(self) -> None:
        """
        A session that nobody ends and nothing breaks lives, and nothing is logged.
        """
        for pair in getattr(self, "pairs", ()):
            for talker in pair.client, pair.server:
                if talker is not None:
                    assert len(talker.lost) <= 1
            if pair.spoiled or pair.closed:
                continue
            assert pair.error is None, pair.error
            for talker in pair.client, pair.server:
                assert talker is None or not talker.lost, talker.lost
        assert not getattr(self, "loud", ()), self.loud

    def teardown(self) -> None:
        """
        In the end everything flows and everybody reads: what can be delivered is. Then
        all is closed, and nothing is left.
        """
        if not hasattr(self, "endpoint"):
            return
        try:
            self._flow()
            self._finish()
        finally:
            globalLogPublisher.removeObserver(self._listen)

    def _flow(self) -> None:
        self.stall(False)
        for pair in self.pairs:
            pair.look()
        for talker in self.clients.made + self.servers.made:
            talker.deeds.clear()
            talker.pause(False)
        self.reactor.advance(DELIVERY)
        self.nothingLostOrMoved()
        self.livesOn()
        for pair in self.pairs:
            client, server = pair.client, pair.server
            if pair.spoiled:
                continue
            assert client is not None and server is not None, "it was not opened"
            if pair.closed is None:
                assert pair.live
                assert client.heard == server.said
                assert server.heard == client.said
            else:
                self._closed(pair.closed, client, server)

    def _closed(self, closer: Talker, client: Talker, server: Talker) -> None:
        """
        Who closes has all delivered that it sent before, and so the other hears of it.
        """
        other = server if closer is client else client
        xhr = self.transport.startswith("xhr")
        if not other.done:
            assert other.heard == closer.said
        assert len(client.lost) == 1
        # Nothing tells a server over HTTP that a client has closed.
        assert len(server.lost) == 1 or (xhr and client.done)
        if not other.done and not (xhr and closer is client):
            error = other.lost[0].value
            assert isinstance(error, SessionClosed), error
            assert (error.code, error.reason) == closer.end

    def _finish(self) -> None:
        # All that nobody ends lives for any time; of what broke, both sides hear.
        self.reactor.advance(AGREEMENT)
        self.livesOn()
        for pair in self.pairs:
            client, server = pair.client, pair.server
            if client is None or server is None or self.transport == RAW:
                # A raw WebSocket that has something to send waits for the network.
                continue
            assert client.lost or not server.lost, server.lost
            # A response that nobody reads any more is the kernel's to notice.
            if not self.transport.startswith("xhr"):
                assert server.lost or not client.lost, client.lost
        for talker in (self.clients if self.last == "client" else self.servers).made:
            talker.close(3000, "over")
        self.reactor.advance(DELIVERY)
        for relay in self.relays.live():
            assert relay.silent or self.last == "server"
        for talker in self.clients.made:
            talker.close(3000, "over")
        self.reactor.advance(GOODBYE)
        for talker in self.clients.made:
            assert (talker.made, len(talker.lost)) == (1, 1)
        for call in self.reactor.getDelayedCalls():
            assert "txsockjs.client" not in str(call.func), call
        for relay in self.relays.live():
            assert relay.silent
            relay.cut()
        self.reactor.advance(300)
        self.nothingLostOrMoved()
        for talker in self.servers.made:
            assert (talker.made, len(talker.lost)) == (1, 1)
        for pair in self.pairs:
            assert (pair.client is None) == (pair.error is not None)
        self.livesOn()
        assert len(self.site.resource.service) == 0
        assert not self.relays.live()
        assert not self.reactor.getReaders() + self.reactor.getWriters()
        self.site.doStop()
        assert not self.reactor.getDelayedCalls()


class RawClientMachine(ClientMachine):
    transport = RAW


class StreamingClientMachine(ClientMachine):
    transport = "xhr-streaming"


class PollingClientMachine(ClientMachine):
    transport = "xhr-polling"
