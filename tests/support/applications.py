"""Applications that raise, write, close, abort, pause, register producers, or stop
their own service, in any call at any moment, over a whole server in memory.

Hypothesis looks for an order in which somebody is called inside a call of his own, is
told twice or not at all, a message is lost though nobody has given up, or something of
a session stays behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs import Login
from txsockjs.core.service import Life
from txsockjs.core.states import State
from txsockjs.factory import SockJSResource
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.testing import MemoryClient, MemorySession, MemorySite

TRANSPORTS = ("websocket", "xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp")

#: What applications raise; the last two are what would end a process, elsewhere.
FAULTS: dict[str, type[BaseException]] = {
    "raise": ZeroDivisionError,
    "cancelled": asyncio.CancelledError,
    "exit": GeneratorExit,
    "interrupt": KeyboardInterrupt,
    "quit": SystemExit,
}

DEEDS = st.sampled_from(
    (
        *("nothing", "write", "write", "much", "close", "abort", "pause", "read"),
        *("push", "pull", "unregister", "wait", "refuse", "drain", "stop", *FAULTS),
    )
)

TEXTS = st.lists(
    st.sampled_from(["", "100%", "\u2028", "x" * 70_000]) | st.text(max_size=9),
    min_size=1,
    max_size=3,
)


@attrs.define(eq=False)
class Pair:
    """
    Both ends of a session: what was sent, and what has come.

    :ivar dropped: whether it was given up, with what was on its way.
    :ivar logins: how often somebody was logged in, less how often out.
    """

    browser: MemorySession | None = None
    application: Wild | None = None
    down: list[str] = attrs.field(factory=list)
    up: list[str] = attrs.field(factory=list)
    received: list[str] = attrs.field(factory=list)
    lost: int = 0
    logins: int = 0
    busy: bool = False
    dropped: bool = False

    @contextmanager
    def called(self) -> Iterator[None]:
        """
        The application is called: not inside its own call, and not after the end.
        """
        assert not self.busy, "called inside its own call"
        assert not self.lost, "called after the end"
        self.busy = True
        try:
            yield
        finally:
            self.busy = False


class Producer:
    """
    Does what is due whenever it is called.
    """

    def __init__(self, application: Wild) -> None:
        self._application = application
        self._stopped = False

    def resumeProducing(self) -> None:
        assert not self._stopped, "asked for more after the end"
        self._application.act()

    pauseProducing = resumeProducing

    def stopProducing(self) -> None:
        assert not self._stopped, "stopped twice"
        self._stopped = True
        self._application.act()


@implementer(ISockJSMessageReceiver)
class Wild(Protocol):
    """
    Does what is due whenever it is called.
    """

    transport: Any
    factory: Any
    pair: Pair

    def connectionMade(self) -> None:
        self.pair = self.transport.avatar
        assert self.pair.application is None, "made twice"
        self.pair.application = self
        with self.pair.called():
            self.act()

    def messageReceived(self, message: str) -> None:
        with self.pair.called():
            self.pair.received.append(message)
            self.act()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        try:
            with self.pair.called():
                self.act()
        finally:
            self.pair.lost += 1

    def say(self, text: str) -> None:
        """
        Send a message, if the session takes any.
        """
        session = self.transport._session
        if session.state is not State.OPEN:
            self.transport.sendMessage(text)
            return
        self.pair.down.append(text)
        self.transport.sendMessage(text)
        # It may have been more than may wait.
        self.pair.dropped |= session.state is not State.OPEN

    def act(self) -> None:
        """
        Do the next deed that is due.
        """
        machine, transport = self.factory.machine, self.transport
        deed = machine.next()
        if deed == "write":
            self.say("w")
        elif deed == "much":
            self.say("m" * 70_000)
        elif deed == "close":
            transport.loseConnection()
        elif deed == "abort":
            self.pair.dropped = True
            transport.abortConnection()
        elif deed == "pause":
            transport.pauseProducing()
        elif deed == "read":
            transport.resumeProducing()
        elif deed in ("push", "pull") and transport._producer is None:
            transport.registerProducer(Producer(self), deed == "push")
        elif deed == "unregister":
            transport.unregisterProducer()
        else:
            self.pair.dropped |= deed in FAULTS
            machine.perform(deed)


class WildFactory(Factory):
    """
    Does what is due when it is asked for a protocol.
    """

    protocol = Wild
    noisy = False

    def __init__(self, machine: ApplicationMachine) -> None:
        self.machine = machine

    def buildProtocol(self, addr: Any) -> Any:
        deed = self.machine.next()
        self.machine.perform(deed)
        return None if deed == "refuse" else super().buildProtocol(addr)


class ApplicationMachine(RuleBasedStateMachine):
    """
    One service of wild applications, and its browsers.
    """

    pairs = Bundle("pairs")

    @initialize(limit=st.sampled_from([1, 131072]), room=st.sampled_from([500, 65536]))
    def serve(self, limit: int, room: int) -> None:
        """
        Have a service.
        """
        # Whether a new session has begun in the middle of an old talk.
        self.torn = False
        self.deeds: list[str] = []
        self.all: list[Pair] = []
        self.asked: list[tuple[Deferred[object], Pair]] = []
        self.coming: Pair | None = None
        factory: Any = WildFactory(self)
        options = {"streaming_limit": limit, "authorize": self.authorize}
        self.site = MemorySite.serving(factory, options)
        self.site.room = room
        self.resource: SockJSResource = self.site.site.services[""]  # type: ignore[attr-defined]
        self.client = MemoryClient(self.site)

    def next(self) -> str:
        """
        The next deed that is due.
        """
        return self.deeds.pop(0) if self.deeds else "nothing"

    def perform(self, deed: str) -> None:
        """
        Do what anybody can do.
        """
        if deed in FAULTS:
            raise FAULTS[deed]
        if deed == "stop":
            for pair in self.all:
                pair.dropped = True
            self.resource.stop()
        elif deed == "drain":
            self.resource.closeSessions()

    def authorize(self, request: Any) -> object:
        """
        Somebody comes.
        """
        pair = self.coming
        if pair is None:
            # What is raised here is the service's to log.
            self.torn = True
            return None
        deed = self.next()
        self.perform(deed)
        if deed == "wait":
            answer: Deferred[object] = Deferred(
                lambda answer: self.perform(self.next())
            )
            self.asked.append((answer, pair))
            return answer
        return self.login(pair)

    def login(self, pair: Pair) -> Login:
        pair.logins += 1

        def logout() -> None:
            pair.logins -= 1
            assert not pair.busy, "logged out inside a call"
            self.perform(self.next())

        return Login(pair, logout)

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=6))
    def behave(self, deeds: list[str]) -> None:
        """
        What is done in the next calls of anybody.
        """
        self.deeds = deeds

    @rule(target=pairs, transport=st.sampled_from(TRANSPORTS))
    def come(self, transport: str) -> Pair:
        """
        A browser opens a session.
        """
        self.coming = pair = Pair()
        self.all.append(pair)
        pair.browser = self.client.session(transport)
        self.coming = None
        return pair

    @rule()
    def decide(self) -> None:
        """
        Who waits is let in.
        """
        for answer, pair in self.asked:
            if not answer.called:
                answer.callback(self.login(pair))
        self.asked = []

    @rule(pair=pairs, texts=TEXTS)
    def ask(self, pair: Pair, texts: list[str]) -> None:
        """
        The browser sends.
        """
        browser = pair.browser
        if browser is not None and browser.closed is None:
            before = len(pair.up)
            pair.up += texts
            try:
                browser.send(*texts)
            except RuntimeError:
                # It was refused.
                del pair.up[before:]

    @rule(pair=pairs, texts=TEXTS)
    def tell(self, pair: Pair, texts: list[str]) -> None:
        """
        The application sends.
        """
        if pair.application is not None and not pair.lost:
            for text in texts:
                pair.application.say(text)

    @rule(pair=consumes(pairs))
    def leave(self, pair: Pair) -> None:
        """
        The network fails.
        """
        pair.dropped = True
        if pair.browser is not None:
            pair.browser.abort()

    @rule()
    def restart(self) -> None:
        """
        The service is started again. It knows nothing of the sessions before, and their
        browsers do not come any more.
        """
        if self.resource.service.life is not Life.RUNNING:
            for pair in self.all:
                pair.dropped = True
                if pair.browser is not None:
                    pair.browser.abort()
            self.resource.start()

    @rule(seconds=st.sampled_from([0, 0.5, 4, 30, 70]))
    def advance(self, seconds: float) -> None:
        """
        Time passes. What was written to a session that goes on has come then.
        """
        self.site.settle()
        self.site.advance(seconds)
        for pair in self.all:
            application = pair.application
            if application is None or pair.lost or pair.dropped:
                continue
            assert pair.browser is not None
            assert pair.browser.received == pair.down
            session = application.transport._session
            if session.state is State.OPEN and not session._paused:
                assert pair.received == pair.up

    @invariant()
    def nothingLostOrMoved(self) -> None:
        """
        What has come is what was sent, from the beginning on.
        """
        assert not getattr(self, "torn", False)
        for pair in getattr(self, "all", ()):
            got = pair.browser.received
            assert got == pair.down[: len(got)]
            assert pair.received == pair.up[: len(pair.received)]
            assert pair.lost <= (pair.application is not None)
            assert pair.logins in (0, 1)

    def teardown(self) -> None:
        """
        In the end everybody is well behaved: what was written comes, everybody is told
        once and logged out, and nothing is left.
        """
        if not hasattr(self, "site"):
            return
        self.deeds = []
        self.decide()
        for pair in self.all:
            if pair.application is not None and not pair.lost:
                transport = pair.application.transport
                transport.resumeProducing()
                transport.unregisterProducer()
                transport.loseConnection()
        self.advance(30)
        self.site.advance(200)
        service = self.resource.service
        for pair in self.all:
            assert pair.lost == (pair.application is not None)
            assert pair.logins == 0
            assert pair.browser is not None
            assert pair.dropped or pair.browser.received == pair.down
        assert (len(service), service.authorizing, service._ids) == (0, 0, {})
        self.site.stop()
        assert not self.site.reactor.getDelayedCalls()
        assert not self.site.reactor.removeAll()
