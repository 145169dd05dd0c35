"""The whole server in memory: several browsers, any order of everything, bytes that
arrive in pieces of any size.

Hypothesis looks for an order in which a message is lost, doubled or moved, one session
disturbs another, or something of a session stays behind.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs.factory import SockJSResource
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.testing import MemoryClient, MemorySession, MemorySite

TRANSPORTS = ("websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp")

TEXTS = st.lists(
    st.sampled_from(["", "100%", "</script>", "\u2028", "x" * 700])
    | st.text(max_size=20),
    min_size=1,
    max_size=4,
)

# What is no request of a browser's.
RUBBISH = st.sampled_from(
    [
        b"\r\n\r\n",
        b"GET",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff" * 20,
        b"POST /000/x/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[",
        b"POST /000/x/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /000/x/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        b"GET /info HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    ]
)


@implementer(ISockJSMessageReceiver)
class Application(Protocol):
    """
    The server's end of a session, which keeps what it is told.
    """

    transport: Any
    factory: Any

    def connectionMade(self) -> None:
        self.received: list[str] = []
        self.lost: list[Failure] = []
        self.factory.made.append(self)

    def messageReceived(self, message: str) -> None:
        assert not self.lost, "a message after the end"
        self.received.append(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


@attrs.define(eq=False)
class Pair:
    """
    Both ends of a session, and what each has sent.

    :ivar given: whether the session may have been given up: the network failed, or
        the browser did not read for long.
    """

    browser: MemorySession
    application: Application
    down: list[str] = attrs.field(factory=list)
    up: list[str] = attrs.field(factory=list)
    end: tuple[int, str] | None = None
    stalled: bool = False
    deaf: bool = False
    given: bool = False

    @property
    def open(self) -> bool:
        return self.end is None and not self.given and self.browser.closed is None


class ServerMachine(RuleBasedStateMachine):
    """
    One service and its browsers.
    """

    pairs = Bundle("pairs")

    @initialize(
        target=pairs,
        transports=st.lists(st.sampled_from(TRANSPORTS), min_size=1, max_size=4),
        pieces=st.lists(st.integers(1, 300), min_size=1, max_size=5),
        room=st.sampled_from([200, 65536]),
        limit=st.sampled_from([1, 500, 131072]),
        heartbeat=st.sampled_from([2, 25]),
    )
    def serve(
        self,
        transports: list[str],
        pieces: list[int],
        room: int,
        limit: int,
        heartbeat: int,
    ) -> Any:
        """
        Have a service, and a network with pieces of these sizes; browsers come.
        """
        factory: Any = Factory.forProtocol(Application)
        factory.made = self.made = []
        options = {"streaming_limit": limit, "heartbeat": heartbeat}
        self.site = MemorySite.serving(factory, options)
        self.site.room = room
        self.site.reactor.segment = cycle(pieces).__next__
        self.client = MemoryClient(self.site)
        self.all: list[Pair] = []
        return multiple(*map(self.open, transports))

    def open(self, transport: str) -> Pair:
        browser = self.client.session(transport)
        assert browser.opened
        pair = Pair(browser, self.made[-1])
        self.all.append(pair)
        return pair

    @rule(target=pairs, transport=st.sampled_from(TRANSPORTS))
    def come(self, transport: str) -> Any:
        """
        A browser opens a session.
        """
        return self.open(transport) if len(self.all) < 10 else multiple()

    # The browser

    @rule(pair=pairs, texts=TEXTS)
    def ask(self, pair: Pair, texts: list[str]) -> None:
        """
        The browser sends.
        """
        if pair.open:
            pair.up += texts
            pair.browser.send(*texts)

    @rule(pair=pairs)
    def stall(self, pair: Pair) -> None:
        """
        The browser does not read.
        """
        if pair.open and not pair.stalled:
            pair.stalled = True
            pair.browser.pauseReading()

    @rule(pair=pairs)
    def readOn(self, pair: Pair) -> None:
        """
        The browser reads on.
        """
        if pair.stalled:
            pair.stalled = False
            pair.browser.resumeReading()

    @rule(pair=consumes(pairs))
    def leave(self, pair: Pair) -> None:
        """
        The network fails.
        """
        pair.given = True
        pair.stalled = False
        pair.browser.abort()

    # The application

    @rule(pair=pairs, texts=TEXTS)
    def tell(self, pair: Pair, texts: list[str]) -> None:
        """
        The application sends.
        """
        if pair.open:
            pair.down += texts
            for text in texts:
                pair.application.transport.sendMessage(text)

    @rule(pair=pairs)
    def stopReading(self, pair: Pair) -> None:
        """
        The application does not read.
        """
        if pair.open:
            pair.deaf = True
            pair.application.transport.pauseProducing()

    @rule(pair=pairs)
    def startReading(self, pair: Pair) -> None:
        """
        The application reads on.
        """
        pair.deaf = False
        pair.application.transport.resumeProducing()

    @rule(pair=consumes(pairs), code=st.integers(3000, 4999))
    def close(self, pair: Pair, code: int) -> None:
        """
        The application closes.
        """
        if pair.open:
            pair.end = (code, "bye")
            pair.application.transport.loseConnection(code, "bye")
            assert pair.application.lost == []

    # Others

    @rule(rubbish=RUBBISH | st.binary(max_size=50))
    def disturb(self, rubbish: bytes) -> None:
        """
        Somebody sends rubbish, and leaves.
        """
        connection = self.client.connect()
        connection.send(rubbish)
        connection.abort()

    @rule(pair=pairs, body=st.sampled_from([b"", b"[", b"[1]", b'["x"', b"null"]))
    def harm(self, pair: Pair, body: bytes) -> None:
        """
        Somebody sends what is no message to a session, which takes no harm.
        """
        path = pair.browser._path
        response = self.client.request("POST", f"{path}/xhr_send", body=body)
        assert response.status in (404, 500), response.raw

    @rule(pair=pairs)
    def crowd(self, pair: Pair) -> None:
        """
        A second receiver comes to a session that has one, and is told so.
        """
        self.site.settle()
        if pair.open and not pair.stalled and pair.browser._socket is None:
            response = self.client.request("POST", f"{pair.browser._path}/xhr")
            assert response.body == b'c[2010,"Another connection still open"]\n'

    # Time

    @rule()
    def settle(self) -> None:
        """
        Everything that can be done is done: then nothing is on its way but to those
        who do not read.
        """
        self.site.settle()
        for pair in self.all:
            if pair.open and not pair.stalled:
                assert pair.browser.received == pair.down
            if pair.open and not pair.deaf:
                assert pair.application.received == pair.up

    @rule(seconds=st.sampled_from([0.5, 4, 30]))
    def advance(self, seconds: float) -> None:
        """
        Time passes. Browsers that come again and read keep their sessions.
        """
        self.settle()
        self.site.advance(seconds)
        for pair in self.all:
            if pair.stalled and pair.application.lost:
                # It would come again now, for a session of the same id but new.
                self.leave(pair)
        self.settle()

    # What always holds

    @invariant()
    def nothingLostOrMoved(self) -> None:
        """
        What has arrived is what was sent, from the beginning on.
        """
        for pair in getattr(self, "all", ()):
            got, heard = pair.browser.received, pair.application.received
            assert got == pair.down[: len(got)]
            assert heard == pair.up[: len(heard)]
            assert len(pair.application.lost) <= (not pair.open)

    def teardown(self) -> None:
        """
        In the end all that was sent arrives, then the end, and nothing is left.
        """
        if not hasattr(self, "site"):
            return
        for pair in self.all:
            self.startReading(pair)
            self.readOn(pair)
        self.settle()
        for pair in self.all:
            self.close(pair, 4000)
        self.site.advance(1)
        for pair in self.all:
            if not pair.given:
                assert pair.browser.received == pair.down
                assert pair.browser.closed == pair.end
        self.site.advance(200)
        assert len(self.made) == len(self.all)
        for pair in self.all:
            assert len(pair.application.lost) == 1
        service = self.site.site.services[""]  # type: ignore[attr-defined]
        assert isinstance(service, SockJSResource)
        assert not service.service._ids
        self.site.stop()
        assert not self.site.reactor.getDelayedCalls()
        assert not self.site.reactor.removeAll()


class ServerMachineTests(SynchronousTestCase):
    """
    The machine.
    """

    def test_anyOrder(self) -> None:
        """
        Whatever happens in whatever order and in whatever pieces: every message
        arrives once and in order, unless its session is given up; nothing is logged
        as an error; nothing stays behind.
        """
        run_state_machine_as_test(
            ServerMachine,
            settings=settings(
                derandomize=True,
                deadline=None,
                max_examples=80,
                stateful_step_count=40,
            ),
        )
