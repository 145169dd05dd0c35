"""Hundreds of clients that were opened and closed leave nothing behind."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any
from urllib.parse import clear_cache

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import Recorder
from tests.support.relays import Relays
from tests.support.scripted import MemoryWebClient
from tests.support.serving import Echo, RecordingFactory
from txsockjs.client.carriers import CARRIERS, RAW
from txsockjs.client.endpoint import Connector
from txsockjs.client.place import TRANSPORTS, Settings
from txsockjs.client.url import SockJSURL
from txsockjs.errors import ConnectFailed
from txsockjs.factory import SockJSFactory
from txsockjs.testing import MemoryReactor

#: How many clients there are in a test, over all transports: if each leaves an object,
#: these are `SOME` over one transport.
COUNT = 400

#: How many objects Python itself may keep more of, for all that come and go.
SOME = 50


def settled() -> int:
    """
    How many objects there are when the garbage is out, and what the standard library
    remembers of URLs.
    """
    clear_cache()
    gc.collect()
    return len(gc.get_objects())


def ours() -> Counter[str]:
    """
    How many objects there are of each class of the client's, of Twisted's HTTP client,
    and of what a test has made for a client.
    """
    found: Counter[str] = Counter()
    rooms = ("txsockjs.client", "twisted.web", "treq", "tests.support", "autobahn")
    for each in gc.get_objects():
        kind = type(each)
        if str(kind.__module__).startswith(rooms):
            found[f"{kind.__module__}.{kind.__qualname__}"] += 1
    return found


class LeakTests(SynchronousTestCase):
    """
    A service, and clients that come and go.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.sessions = RecordingFactory(Echo)
        options = {"heartbeat": 25, "timeout": 5}
        self.site = SockJSFactory(self.sessions, options, clock=self.reactor)
        self.site.doStart()

    def come(self, transport: str, shared: Connector | None, relays: Relays) -> None:
        """
        Clients come, are used, and go in each of the ways that there are.

        :param shared: the endpoint that they have together; None: each has its own.
        """
        for way in range(5):
            endpoint = shared or self.endpoint(transport, relays)
            factory = RecordingFactory(Recorder)
            relays.refusing = way == 4
            connecting = endpoint.connect(factory)
            self.reactor.settle()
            if way == 4:
                self.failureResultOf(connecting, ConnectFailed)
                continue
            client: Any = self.successResultOf(connecting)
            [server] = self.sessions.sessions
            client.transport.write(b"hello")
            self.reactor.settle()
            self.assertEqual(client.heard, [b"hello"])
            if way == 0:
                client.transport.loseConnection()
            elif way == 1:
                server.transport.loseConnection(3001, "enough")
            elif way == 2:
                client.transport.abortConnection()
            else:
                for relay in relays.live():
                    relay.cut()
            self.reactor.advance(1)
            # Those that were kept for further requests are closed, too.
            self.assertEqual(relays.live(), [])
            relays.all.clear()
            self.reactor.advance(11)
            self.assertEqual((len(client.lost), len(server.lost)), (1, 1), way)
            self.sessions.sessions.clear()

    def endpoint(self, transport: str, relays: Relays) -> Connector:
        raw = transport == RAW
        names: Any = {"raw": True} if raw else {"transports": transport}
        web = MemoryWebClient(
            self.reactor, lambda url: relays.endpoint(), proxy=False, cookies={"a": "b"}
        )
        url = SockJSURL.parse("http://sockjs.example")
        return Connector(self.reactor, url, Settings(**names), web, CARRIERS)

    def leave(self, transport: str, share: bool) -> None:
        """
        After so many clients there is no more than after a few.
        """
        relays = Relays(self.site, self.reactor)
        shared = self.endpoint(transport, relays) if share else None
        self.come(transport, shared, relays)
        self.reactor.advance(30)
        objects, before = settled(), ours()
        for _ in range(COUNT // 5 // 8):
            self.come(transport, shared, relays)
        self.assertEqual(self.reactor.getReaders() + self.reactor.getWriters(), [])
        self.reactor.advance(30)
        # The Site's own clock.
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.assertLess(settled() - objects, SOME)
        more = ours()
        more.subtract(before)
        self.assertEqual({name: count for name, count in more.items() if count > 0}, {})

    def test_endpoints(self) -> None:
        """
        With an endpoint for each client.
        """
        for transport in (*TRANSPORTS, RAW):
            self.leave(transport, False)

    def test_endpoint(self) -> None:
        """
        With one endpoint for all of them, too.
        """
        for transport in (*TRANSPORTS, RAW):
            self.leave(transport, True)
