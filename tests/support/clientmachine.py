"""Clients and a server that drive each other over a network in memory that stalls and
breaks: L{ClientMachine}, a rule-based machine for Hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
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
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.support.relays import Relays
from tests.support.scripted import MemoryWebClient
from txsockjs.client.carriers import CARRIERS, RAW
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL
from txsockjs.errors import SessionClosed
from txsockjs.factory import SockJSFactory
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.testing import MemoryReactor

#: For how many seconds in all a network may stall, or an application not read, before a
#: session that is lost is lost with reason: the server waits 5 for a receiver.
PATIENCE: Final = 4.0

#: How many seconds it takes at the most until all that can be delivered is, where
#: everything flows: a round trip through the smallest pieces takes none.
DELIVERY: Final = 5.0

#: What stands for a long message: a number is that of its letters.
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

SIDES: Final = st.sampled_from(["client", "server"])


@implementer(ISockJSMessageReceiver)
class Talker(Protocol):
    """
    The application, the same at both ends.

    @ivar heard: the messages that came in.
    @ivar said: those that went out.
    @ivar lost: why it has ended, each time that it was told.
    @ivar done: what it did itself to end the session: closed or dropped it.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.made = 0
        self.heard: list[str] = []
        self.said: list[str] = []
        self.lost: list[Failure] = []
        self.done = ""
        self.paused = False

    def connectionMade(self) -> None:
        self.made += 1

    def messageReceived(self, message: str) -> None:
        assert self.made == 1
        assert not self.lost, "a message behind the end"
        assert not self.done, "a message behind its own end"
        assert not self.paused, "a message while it has paused"
        self.heard.append(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)

    @property
    def live(self) -> bool:
        return not self.lost and not self.done

    def say(self, text: str) -> None:
        """
        Send a message.
        """
        if self.live:
            self.said.append(text)
            self.transport.sendMessage(text)

    def pause(self, paused: bool) -> None:
        """
        Read or not.
        """
        if self.live:
            self.paused = paused
            how = self.transport
            (how.pauseProducing if paused else how.resumeProducing)()

    def close(self, code: int, reason: str) -> None:
        """
        End the session in good order.
        """
        if self.live:
            self.done = "closed"
            self.transport.loseConnection(code, reason)

    def drop(self) -> None:
        """
        End it at once.
        """
        if self.live:
            self.done = "dropped"
            self.transport.abortConnection()


class Talkers(Factory):
    """
    Makes them. The server's say who they are.
    """

    noisy = False

    def __init__(self, server: bool = False) -> None:
        self.made: list[Talker] = []
        self._server = server

    def buildProtocol(self, addr: object) -> Talker:
        talker = Talker()
        self.made.append(talker)
        if self._server:
            number = len(self.made) - 1
            made = talker.connectionMade

            def introduced() -> None:
                made()
                talker.say(str(number))

            talker.connectionMade = introduced  # type: ignore[method-assign]
        return talker


class Pair:
    """
    One session.

    @ivar name: of its transport.
    @ivar spoiled: whether it may be lost: something broke, or has stood for too long.
    @ivar error: why it was not opened.
    @ivar closed: who has closed it first, and with what.
    """

    server: Talker | None = None

    def __init__(self, name: str, servers: Talkers, spoiled: bool) -> None:
        self.name = name
        self.spoiled = spoiled
        self.error: Failure | None = None
        self.client: Talker | None = None
        self.closed: tuple[Talker, int, str] | None = None
        self._servers = servers

    def opened(self, client: Any) -> None:
        self.client = client

    def failed(self, failure: Failure) -> None:
        self.error = failure

    def look(self) -> None:
        """
        Find who is at the other end.
        """
        client = self.client
        if self.server is None and client is not None and client.heard:
            self.server = self._servers.made[int(client.heard[0])]

    @property
    def sides(self) -> dict[str, Talker | None]:
        return {"client": self.client, "server": self.server}

    @property
    def live(self) -> bool:
        """
        Whether nobody has ended it.
        """
        return all(side is not None and side.live for side in self.sides.values())

    @property
    def standing(self) -> bool:
        """
        Whether one side does not read.
        """
        return any(side is not None and side.paused for side in self.sides.values())

    def close(self, side: Talker, code: int, reason: str) -> None:
        if self.closed is None and side.live:
            self.closed = (side, code, reason)
        side.close(code, reason)


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
    )
    def serve(self, room: int, segments: list[int], limit: int, count: int) -> None:
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
        self.clients = Talkers()
        self.stood = 0.0
        self.cut(segments)
        for _ in range(count):
            self.connect()
        reactor.advance(0)

    def _listen(self, event: Any) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.warn:
            self.loud.append(event)

    @rule(sizes=SEGMENTS)
    def cut(self, sizes: list[int]) -> None:
        """
        From now on bytes come in such pieces.
        """
        sizes_: Iterator[int] = cycle(sizes)
        self.reactor.segment = sizes_.__next__

    # Sessions

    @precondition(lambda self: sum(not pair.spoiled for pair in self.pairs) < 3)
    @rule()
    def connect(self) -> None:
        """
        A client connects.
        """
        pair = Pair(self.transport, self.servers, self.relays.stalled)
        self.pairs.append(pair)
        connecting: Deferred[Any] = self.endpoint.connect(self.clients)
        connecting.addCallbacks(pair.opened, pair.failed)

    def _sides(self, side: str, index: int) -> tuple[Pair, Talker] | None:
        """
        One side of a session of which both are known.
        """
        pairs = [pair for pair in self.pairs if pair.server is not None]
        if not pairs:
            return None
        pair = pairs[index % len(pairs)]
        talker = pair.sides[side]
        assert talker is not None
        return pair, talker

    @rule(side=SIDES, index=st.integers(0, 2), texts=TEXTS)
    def say(self, side: str, index: int, texts: list[str | int]) -> None:
        """
        One side sends messages.
        """
        if found := self._sides(side, index):
            for text in texts:
                found[1].say(text if isinstance(text, str) else "x" * text)

    @rule(side=SIDES, index=st.integers(0, 2), paused=st.booleans())
    def pause(self, side: str, index: int, paused: bool) -> None:
        """
        One side stops reading, or reads on.
        """
        if found := self._sides(side, index):
            found[1].pause(paused)

    @rule(side=SIDES, index=st.integers(0, 2), end=ENDS)
    def close(self, side: str, index: int, end: tuple[int, str]) -> None:
        """
        One side closes the session.
        """
        if found := self._sides(side, index):
            found[0].close(found[1], *end)

    @rule(side=SIDES, index=st.integers(0, 2))
    def drop(self, side: str, index: int) -> None:
        """
        One side drops it.
        """
        if found := self._sides(side, index):
            found[0].spoiled = True
            found[1].drop()

    # The network

    @rule(stalled=st.booleans())
    def stall(self, stalled: bool) -> None:
        """
        Nothing passes, or everything again.
        """
        self.relays.stalled = stalled
        for relay in self.relays.live():
            relay.stall(stalled or relay.silent)

    @rule(
        index=st.integers(0, 5),
        how=st.sampled_from(["cut", "client", "server"]),
        seldom=st.integers(0, 4),
    )
    def breakOff(self, index: int, how: str, seldom: int) -> None:
        """
        A connection breaks: for both sides, or without a word for one of them.
        """
        live = self.relays.live()
        if not live or seldom:
            return
        relay = live[index % len(live)]
        for pair in self.pairs:
            pair.spoiled = True
        if how == "cut":
            relay.cut()
        else:
            relay.vanish(relay.client if how == "client" else relay.server)

    # Time

    @rule()
    def turn(self) -> None:
        """
        Some turns of the reactor, which leave much on its way.
        """
        for _ in range(3):
            self.reactor.turn()

    @rule(seconds=st.sampled_from([0.0, 0.03, 1.0, 6.0, 30.0]))
    def advance(self, seconds: float) -> None:
        """
        Time passes.
        """
        standing = self.relays.stalled or any(pair.standing for pair in self.pairs)
        if standing:
            self.stood += seconds
        if self.stood >= PATIENCE:
            for pair in self.pairs:
                pair.spoiled = True
        self.reactor.advance(seconds)

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
            for talker in pair.client, pair.server:
                if talker is not None:
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
                self._closed(pair, client, server)

    def _closed(self, pair: Pair, client: Talker, server: Talker) -> None:
        """
        Who closes has all delivered that it sent before, and so the other hears of it.
        """
        assert pair.closed is not None
        closer, code, reason = pair.closed
        other = server if closer is client else client
        if not other.done:
            assert other.heard == closer.said
        for talker in client, server:
            if len(talker.lost) == 1 or pair.name.startswith("xhr"):
                continue
            raise AssertionError(f"{talker} was not told of the end")
        if closer is server and not other.done:
            error = other.lost[0].value
            assert isinstance(error, SessionClosed), error
            assert (error.code, error.reason) == (code, reason)

    def _finish(self) -> None:
        for pair in self.pairs:
            for talker in pair.client, pair.server:
                if talker is not None:
                    pair.close(talker, 3000, "over")
        self.reactor.advance(DELIVERY)
        for relay in self.relays.live():
            relay.cut()
        self.reactor.advance(300)
        self.nothingLostOrMoved()
        for talker in self.servers.made + self.clients.made:
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
