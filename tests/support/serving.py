"""A service in memory, as the tests of txsockjs.web have it."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.factory import SockJSFactory
from txsockjs.testing import (
    MemoryClient,
    MemoryConnection,
    MemoryReactor,
    MemoryResponse,
    MemorySite,
)

ORIGIN = "http://page.example"
NEVER_CACHED = "no-store, no-cache, no-transform, must-revalidate, max-age=0"


class Recorder(Protocol):
    """
    Keeps what it hears.
    """

    def connectionMade(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason)


class Echo(Recorder):
    """
    Says it again.
    """

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(data)


class RecordingFactory(Factory):
    """
    Keeps its protocols.
    """

    noisy = False

    def __init__(self, protocol: type[Protocol]) -> None:
        self.protocol = protocol
        self.sessions: list[Any] = []

    def buildProtocol(self, addr: Any) -> Protocol:
        built = super().buildProtocol(addr)
        self.sessions.append(built)
        return built


class ServiceCase(SynchronousTestCase):
    """
    A service, a browser, and nothing left behind.

    :ivar sessions: the protocols that the service has made.
    :ivar warnings: what was logged as a warning or worse, beside failures.
    """

    def serve(
        self, protocol: type[Protocol] = Recorder, **options: object
    ) -> MemorySite:
        """
        Serve a protocol, at ``/``.
        """
        factory = RecordingFactory(protocol)
        self.sessions = factory.sessions
        return self.listen(
            SockJSFactory(factory, options, clock=MemoryReactor(), **self.siteOptions)
        )

    siteOptions: dict[str, Any] = {}

    def listen(self, site: Any) -> MemorySite:
        """
        Serve a Site, until the test ends with nothing left behind.
        """
        self.site = MemorySite(site)
        self.client = MemoryClient(self.site)
        self.addCleanup(self._stop, self.site)
        return self.site

    def _stop(self, site: MemorySite) -> None:
        site.stop()
        self.assertEqual(site.reactor.getDelayedCalls(), [])

    def get(self, path: str, headers: Any = ()) -> MemoryResponse:
        return self.client.request("GET", path, headers)

    def post(self, path: str, body: bytes = b"", headers: Any = ()) -> MemoryResponse:
        return self.client.request("POST", path, headers, body)

    def connect(self, **kw: Any) -> MemoryConnection:
        return MemoryClient(self.site, **kw).connect()

    def open(self, id: str = "s1") -> Any:
        """
        Open a session by polling.

        :return: the application's protocol.
        """
        self.assertEqual(self.post(f"/000/{id}/xhr").body, b"o\n")
        return self.sessions[-1]

    def header(self, response: MemoryResponse, name: str) -> str | None:
        """
        A header's value; it may be there once at the most.
        """
        values = response.headers.getRawHeaders(name, [])
        self.assertLess(len(values), 2, f"{name} is repeated: {values}")
        return values[0] if values else None

    def assertHeaders(self, response: MemoryResponse, **expected: str | None) -> None:
        """
        The response has these headers, ``_`` standing for ``-``; None: it has not.
        """
        found = {
            name: self.header(response, name.replace("_", "-")) for name in expected
        }
        self.assertEqual(found, expected)

    def assertRefused(
        self, response: MemoryResponse, status: int, body: bytes | None = None
    ) -> None:
        """
        The response is complete, has this status, and shows no traceback.
        """
        self.assertTrue(response.finished, response.raw)
        self.assertEqual(response.status, status, response.raw)
        if body is not None:
            self.assertEqual(response.body, body)
        self.assertNotIn(b"Traceback", response.body)
        self.assertEqual(self.flushLoggedErrors(), [])

    def keepWarnings(self) -> list[Any]:
        """
        :return: a list that what is logged at level warn or above goes to.
        """
        events: list[Any] = []

        def keep(event: Any) -> None:
            if event.get("log_level", LogLevel.info) >= LogLevel.warn:
                events.append(event)

        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)
        return events
