"""Who waits when told to is never closed for what waits, and all that it sends arrives,
in order: whatever sends, over whatever transport, to whoever reads now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.support.bridging import MemoryEndpoint
from txsockjs import AsyncSession, SockJSFactory, handler
from txsockjs.bridge import BridgeFactory, Told
from txsockjs.multiplex import MultiplexFactory
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite

#: Transports of each kind.
TRANSPORTS = st.sampled_from(["xhr", "xhr_streaming", "websocket", "jsonp"])

#: Below and above what makes a frame, and twice that.
BUFFERS = st.sampled_from([10_000, 60_000, 131_072, 150_000, 400_000])

#: How many messages, which share of the largest that may be, and of what: JSON takes
#: six bytes for a control character, and UTF-8 takes three for the last.
GROUPS = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 5, 300, 3000]),
        st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5, 1.0]),
        st.sampled_from(["x", "\0", "\u2028"]),
    ),
    min_size=1,
    max_size=5,
)

#: What the browser does: it reads or not, for so long; but for the disconnect delay in
#: all: what the network holds, the server takes to be delivered.
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 1.0])), max_size=8
).filter(lambda steps: sum(seconds for _, seconds in steps) < 4.5)


def texts(groups: list[tuple[int, float, str]], largest: int) -> list[str]:
    """Messages of these groups, each of which knows its place."""
    found: list[str] = []
    for count, share, letter in groups:
        size = int(largest * share)
        for _ in range(min(count, max(1, 1_000_000 // (size + 1)))):
            text = str(len(found))
            found.append(text + letter * ((size - len(text)) // len(letter.encode())))
    return found


class Pushing(Protocol):
    """Writes until it is paused, as a push producer, once it was told to begin."""

    transport: Any = None
    streaming = True

    def __init__(self, items: list[str]) -> None:
        self.items = list(reversed(items))
        self.paused = False

    def dataReceived(self, data: bytes) -> None:
        self.transport.registerProducer(self, self.streaming)
        if self.streaming and not self.paused:
            self.resumeProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        while not self.paused and self.items:
            self.transport.sendMessage(self.items.pop())
            self.paused |= not self.streaming
        if not self.items:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self.paused = True

    def stopProducing(self) -> None:
        pass


class Pulling(Pushing):
    """Writes one message each time that it is asked."""

    streaming = False


class Built(Factory):
    """Has a new protocol for each session."""

    noisy = False

    def __init__(self, kind: Callable[[list[str]], Protocol], items: list[str]) -> None:
        self.build = lambda: kind(items)

    def buildProtocol(self, addr: object) -> Protocol:
        return self.build()


def awaiting(items: list[str]) -> Any:
    """Awaits each ``send``."""

    @handler
    async def send(session: AsyncSession) -> None:
        await anext(session)
        for item in items:
            await session.send(item)

    return send


def gathering(items: list[str]) -> Any:
    """Sends all at once, and awaits them together."""

    @handler
    async def send(session: AsyncSession) -> None:
        await anext(session)
        await gatherResults([Deferred.fromCoroutine(session.send(i)) for i in items])

    return send


SOURCES = {
    "push": lambda items: Built(Pushing, items),
    "pull": lambda items: Built(Pulling, items),
    "await": awaiting,
    "gather": gathering,
}
KINDS = st.sampled_from(sorted(SOURCES))


class ProducerTests(SynchronousTestCase):
    """A site in memory, and one browser."""

    def serve(self, factory: Any, allowed: int, reactor: MemoryReactor) -> None:
        site = SockJSFactory(factory, {"max_buffer": allowed}, clock=reactor)
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)

    def read(self, session: MemorySession, steps: list[tuple[bool, float]]) -> None:
        """Read or not, for a while, and in the end all that there is."""
        for reads, seconds in steps:
            if reads:
                session.resumeReading()
            else:
                session.pauseReading()
            self.site.advance(seconds)
        session.resumeReading()
        for _ in range(10):
            self.site.advance(0.1)

    @examples(0.3)
    @given(
        kind=KINDS, transport=TRANSPORTS, allowed=BUFFERS, groups=GROUPS, steps=STEPS
    )
    def test_session(
        self, kind: str, transport: str, allowed: int, groups: list, steps: list
    ) -> None:
        """A producer, or a handler, of a session of its own."""
        items = texts(groups, allowed // 2)
        self.serve(SOURCES[kind](items), allowed, MemoryReactor())
        session = MemoryClient(self.site).session(transport)
        session.pauseReading()
        session.send("go")
        self.read(session, steps)
        self.assertEqual(session.closed, (3000, "Go away!"))
        self.assertEqual(session.received, items)

    @examples(0.3)
    @given(
        kinds=st.lists(KINDS, min_size=1, max_size=8),
        transport=TRANSPORTS,
        allowed=BUFFERS,
        groups=GROUPS,
        steps=STEPS,
    )
    def test_channels(
        self, kinds: list, transport: str, allowed: int, groups: list, steps: list
    ) -> None:
        """Several, on the channels of one session."""
        items = texts(groups, allowed // 2 - len("msg,0,"))
        items = items[:: len(kinds)]
        reactor = MemoryReactor()
        multiplex = MultiplexFactory(reactor)
        for number, kind in enumerate(kinds):
            multiplex.addFactory(str(number), SOURCES[kind](items))
        self.serve(multiplex, allowed, reactor)
        session = MemoryClient(self.site).session(transport)
        session.pauseReading()
        session.send(*[f"sub,{number}" for number in range(len(kinds))])
        session.send(*[f"msg,{number},go" for number in range(len(kinds))])
        self.read(session, steps)
        self.assertIsNone(session.closed)
        for number in range(len(kinds)):
            mine = [m for m in session.received if m[4:].startswith(f"{number},")]
            told = [f"msg,{number},{item}" for item in items]
            ended = [m for m in session.received if m == f"uns,{number}"]
            self.assertEqual((mine, len(ended)), (told, 1))

    @examples(0.3)
    @given(transport=TRANSPORTS, allowed=BUFFERS, groups=GROUPS, steps=STEPS)
    def test_bridge(
        self, transport: str, allowed: int, groups: list, steps: list
    ) -> None:
        """A service of lines, behind a bridge."""
        items = texts(groups, min(allowed // 2, 65_536))
        reactor = MemoryReactor()
        endpoint = MemoryEndpoint(reactor)
        bridge = BridgeFactory(endpoint, framing="lines", clock=reactor)
        self.serve(bridge, allowed, reactor)
        session = MemoryClient(self.site).session(transport)
        session.pauseReading()
        service = endpoint.accept()
        service.transport.write("".join(f"{item}\r\n" for item in items).encode())
        service.transport.loseConnection()
        self.read(session, steps)
        self.assertEqual(session.closed, (Told.ENDED.code, Told.ENDED.reason))
        self.assertEqual(session.received, items)
