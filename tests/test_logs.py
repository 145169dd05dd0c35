"""What is logged, and what never is: the session's id, and what is said in it."""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import eventAsJSON, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import (
    AsyncSession,
    BridgeFactory,
    Login,
    MultiplexFactory,
    Rejected,
    SockJSMultiFactory,
    SockJSOptions,
    handler,
)
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

#: What stands for a session's id, and for what is said, and is in no event.
ID, SAID = "SecretId", "SecretText"

#: The ways to receive, with what their URLs end in.
TRANSPORTS = {
    "xhr": "",
    "xhr_streaming": "",
    "eventsource": "",
    "htmlfile": "?c=c",
    "jsonp": "?c=c",
}


class Faulty(Protocol):
    """Raises, floods or talks, as the message says, and raises at its end."""

    transport: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        if b"flood" in data:
            self.transport.write(data * 10_000)
        elif b"raise" in data:
            raise ZeroDivisionError

    def connectionLost(self, reason: Failure) -> None:
        raise LookupError


class BrokenFactory(Factory):
    """Raises in place of a protocol."""

    def buildProtocol(self, addr: object) -> Protocol:
        raise ZeroDivisionError


@handler
async def leave(session: AsyncSession) -> None:
    """Raises at the first message."""
    await session.send(await anext(session))
    raise ZeroDivisionError


def authorize(request: Any) -> object:
    """As the query says."""
    [answer] = request.args.get("auth", ["wait"])
    if answer == "reject":
        raise Rejected(4000, "no")
    if answer == "raise":
        raise ZeroDivisionError
    return Deferred() if answer == "wait" else Login("bob", lambda: 1 // 0)


class LogTests(SynchronousTestCase):
    """All that the package logs, while everything happens that can."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.addCleanup(self.flushLoggedErrors)
        reactor = MemoryReactor()
        away = TCP4ClientEndpoint(MemoryReactorClock(), "service.example", 1)
        multiplex = MultiplexFactory(reactor)
        multiplex.addFactory("broken", BrokenFactory())
        faulty = {"max_buffer": 50_000, "drain_timeout": 0}
        self.site = SockJSMultiFactory(clock=reactor)
        for name, factory, options in (
            ("faulty", Factory.forProtocol(Faulty), faulty),
            ("broken", BrokenFactory(), {}),
            ("handler", leave, {"max_sessions": 9}),
            ("bridge", BridgeFactory(away, clock=reactor), {}),
            ("multiplex", multiplex, {}),
            ("closed", BrokenFactory(), {"authorize": authorize}),
        ):
            self.site.addFactory(factory, name, SockJSOptions(**options))
        self.memory = MemorySite(self.site)
        self.client = MemoryClient(self.memory)
        self.numbers = count()

    def session(self, service: str, *messages: str, query: str = "") -> None:
        """Open a session over each transport, and send messages over each."""
        base = f"/{service}/000/{ID}{next(self.numbers)}"
        for transport, tail in TRANSPORTS.items():
            path = f"{base}{transport}"
            tail += query.replace("?", "&") if tail else query
            method = "POST" if transport.startswith("xhr") else "GET"
            self.client.request(method, f"{path}/{transport}{tail}")
            for message in messages:
                body = f'["{message}"]'.encode()
                self.client.request("POST", f"{path}/xhr_send", body=body)
        for path in f"{base}ws/websocket", f"/{service}/websocket":
            socket = self.client.websocket(path + query)
            for message in messages:
                if socket.ended is None:
                    socket.send(f'"{message}"' if path.startswith(base) else message)

    def happen(self) -> None:
        """Have everything happen that is logged, and much that is not."""
        self.session("faulty", f"{SAID} raise")
        self.session("faulty", f"{SAID} flood", f"{SAID} raise")
        self.session("faulty", f'{SAID}"', f"{SAID}\\\\u0000")
        self.session("broken", SAID)
        self.session("handler", SAID, SAID)
        self.session("bridge", SAID)
        self.session("multiplex", "sub,broken", f"{SAID},broken", f"msg,x,{SAID}")
        for answer in "reject", "raise", "wait", "login":
            self.session("closed", SAID, query=f"?auth={answer}")
        self.memory.advance(60)
        self.session("faulty", SAID)
        self.site.closeSessions()
        self.memory.advance(60)
        self.memory.stop()

    def ours(self) -> list[Any]:
        """The events of this package."""
        return [
            event
            for event in self.events
            if event.get("log_namespace", "").startswith("txsockjs")
            # Twisted says of each factory when it starts and stops.
            and "ing factory" not in event["log_format"]
        ]

    def test_secrets(self) -> None:
        """No event shows a session's id or a message, in its text or in a field."""
        self.happen()
        for event in self.events:
            for text in eventAsText(event), eventAsJSON(event), repr(event):
                self.assertNotIn(ID, text)
                self.assertNotIn(SAID, text)

    def test_fields(self) -> None:
        """Each event names its service; what is of one session, its transport too."""
        self.happen()
        self.assertGreater(len(self.ours()), 100)
        known = {*TRANSPORTS, "websocket", "rawwebsocket", None}
        for event in self.ours():
            self.assertIn(event["service"], self.site.services)
            self.assertIn(event.get("transport"), known)
            self.assertTrue("transport" in event or "sessions" in event, event)

    def test_codes(self) -> None:
        """Where the server closes, the event has the code."""
        self.happen()
        codes = {(event["service"], event.get("code")) for event in self.ours()}
        always = ("faulty", "broken", "handler", "multiplex", "closed")
        self.assertLessEqual({(name, 1011) for name in always}, codes)
        self.assertLessEqual({("faulty", 1013), ("closed", 1013)}, codes)
        self.assertIn(("bridge", 4504), codes)
