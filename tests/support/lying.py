"""A client of a server that lies: `LyingCase`."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import Recorder
from tests.support.liars import LyingServer
from tests.support.scripted import FactoryEndpoint, MemoryWebClient
from tests.support.sockets import frame
from txsockjs.client.carriers import CARRIERS
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL
from txsockjs.errors import AllTransportsFailed, ConnectFailed, SessionFailed
from txsockjs.testing import MemoryReactor

#: All the time that a connection attempt has.
TIMEOUT: Final = 30.0

#: For each transport over HTTP the end of its URL.
PATHS: Final = {"xhr-streaming": "xhr_streaming", "xhr-polling": "xhr"}

#: What a heartbeat that stays away costs: two of them, and a trip.
SILENCE: Final = 2 * 25.0 + 0.31

MEGABYTE: Final = 2**20

PRELUDE: Final = b"h" * 2048 + b"\n"

PAGE: Final = b"<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1></body></html>\n"


def sent(*texts: bytes) -> bytes:
    """
    Text frames of a WebSocket, from a server.
    """
    return b"".join(frame(text, mask=None) for text in texts)


class LyingCase(SynchronousTestCase):
    """
    A server that lies, and a client.
    """

    protocol: Any = None

    def connect(
        self, url: str = "http://liar.example/s", lies: Any = None, **settings: Any
    ) -> Deferred[Any]:
        """
        Have a client connect to a server.

        :param lies: what it does with requests, by the ends of their paths.
        """
        self.reactor = MemoryReactor()
        self.server = LyingServer(self.reactor, **(lies or {}))
        self.web = MemoryWebClient(
            self.reactor,
            lambda url: FactoryEndpoint(self.reactor, self.server),
            proxy=False,
        )
        endpoint = Connector(
            self.reactor,
            SockJSURL.parse(url),
            Settings(timeout=TIMEOUT, **settings),
            self.web,
            CARRIERS,
        )
        self.made: list[Any] = []

        def build() -> Recorder:
            self.made.append(Recorder())
            return self.made[-1]

        connecting = endpoint.connect(Factory.forProtocol(build))
        self.reactor.settle()
        return connecting

    def assertNothingLeft(self) -> None:
        """
        There is no timer and no connection, and nothing was logged.
        """
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.server.open, set())
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def assertRefused(
        self,
        connecting: Deferred[Any],
        *words: str,
        kind: type[ConnectFailed] = AllTransportsFailed,
        within: float = TIMEOUT,
    ) -> str:
        """
        Connecting fails in time, in one line that has these words, and nothing is left
        behind by then.
        """
        self.reactor.advance(within)
        error = self.failureResultOf(connecting, kind).value
        for word in words:
            self.assertIn(word, str(error))
        self.assertNotIn("\n", str(error))
        self.assertEqual(self.made, [])
        # A server may keep its end for as long as it likes to.
        self.reactor.settle()
        self.assertNothingLeft()
        return str(error)

    def open(self, transport: str, lies: Any, **settings: Any) -> Recorder:
        """
        Have a client that is connected by one transport.
        """
        names: Any = {"raw": True} if transport == "raw" else {"transports": transport}
        connecting = self.connect(lies=lies, **names, **settings)
        protocol: Recorder = self.successResultOf(connecting)
        self.protocol = protocol
        self.reactor.settle()
        return protocol

    def assertLost(
        self,
        *words: str,
        kind: type[Exception] = SessionFailed,
        within: float = 0.0,
        heard: list[Any] | None = None,
    ) -> Any:
        """
        The session ends within so many seconds, and is told so in one line that has
        these words; nothing is left behind.
        """
        self.reactor.advance(within)
        [reason] = self.protocol.lost
        self.assertIs(type(reason), kind, reason)
        for word in words:
            self.assertIn(word, str(reason))
        self.assertNotIn("\n", str(reason))
        if heard is not None:
            self.assertEqual(self.protocol.heard, heard)
        self.assertNothingLeft()
        return reason
