"""A rolling restart: one process after the other, while clients talk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet import defer, protocol, reactor
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.proxies import runHAProxy
from tests.support.programs.twistd import TERMINATED, Twistd, TwistdTestCase
from txsockjs.client import SockJSClientEndpoint
from txsockjs.errors import SessionClosed

#: Echoes; and writes a last word to each session when the process is told to stop.
SERVICE = """
from twisted.internet import reactor
from twisted.internet.protocol import Protocol

sessions = set()

class Last(Protocol):
    def connectionMade(self):
        sessions.add(self)

    def dataReceived(self, data):
        self.transport.write(data)

    def connectionLost(self, reason):
        sessions.discard(self)

def stop():
    for session in sessions:
        session.transport.write(b"last")

# twistd stops its services after what was here before.
reactor.addSystemEventTrigger("before", "shutdown", stop)
"""

TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling")
PROCESSES = 3


class Asker(protocol.Protocol):
    """Asks with numbers, the next one when the one before is answered."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.last = ""

    def connectionMade(self) -> None:
        self.client.opened += 1
        self.ask()

    def ask(self) -> None:
        if self.transport.connected:
            self.transport.write(b"%d" % self.client.number)

    def dataReceived(self, data: bytes) -> None:
        self.last = data.decode()
        if self.last == "last":
            return
        if self.last != str(self.client.number):
            self.client.wrong.append(f"{self.last} for {self.client.number}")
        self.client.number += 1
        reactor.callLater(0.01, self.ask)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if not self.client.leaving:
            how = reason.value
            code = how.code if isinstance(how, SessionClosed) else how
            self.client.ends.append((code, self.last))


class Client:
    """
    Somebody who comes back.

    :ivar ends: how each session ended, with the last message before.
    :ivar failures: why it could not connect, each time that it could not.
    :ivar number: how many of its messages were answered.
    """

    def __init__(self, url: str, transport: str) -> None:
        self.opened = self.number = 0
        self.ends: list[tuple[object, str]] = []
        self.wrong: list[str] = []
        self.failures: list[Failure] = []
        self.leaving = False
        self._endpoint = SockJSClientEndpoint(reactor, url, transports=transport)
        factory = protocol.Factory.forProtocol(lambda: Asker(self))
        factory.noisy = False
        self.service = ClientService(self, factory, retryPolicy=lambda attempts: 0.02)

    def connect(self, factory: IProtocolFactory) -> defer.Deferred[Any]:
        """Connect, and remember failures."""
        connecting = self._endpoint.connect(factory)

        def failed(failure: Failure) -> Failure:
            self.failures.append(failure)
            return failure

        return connecting.addErrback(failed)

    async def stop(self) -> None:
        """Leave for good."""
        self.leaving = True
        await self.service.stopService()


class RollingTests(TwistdTestCase):
    """Processes behind HAProxy, with the file of ``examples/deploy``."""

    async def serve(self, port: int) -> Twistd:
        twistd = self.start(
            f"--listen=haproxy:tcp:{port}:interface=127.0.0.1",
            "--health=/health",
            "--service=chat=last.Last",
        )
        await twistd.until("SockJS services chat at")
        return twistd

    async def progress(self, clients: Sequence[Client]) -> None:
        """Wait until each of the clients has had three more answers."""
        wanted = [client.number + 3 for client in clients]
        while any(c.number < n for c, n in zip(clients, wanted, strict=True)):
            waiting: defer.Deferred[None] = defer.Deferred()
            reactor.callLater(0.02, waiting.callback, None)
            await waiting

    async def test_restarted(self) -> None:
        """
        Each process is told to stop, and started again when it has ended. Every client
        sees at most as many closes as there were restarts, each with ``1012`` and after
        all that was written, comes back at the first attempt, and each of its messages
        is answered once, in order.
        """
        need("haproxy")
        (self.here / "last.py").write_text(SERVICE)
        ports = [freePort() for _ in range(PROCESSES)]
        processes = [await self.serve(port) for port in ports]
        port, haproxy = await runHAProxy(self, ports)
        url = f"http://127.0.0.1:{port}/chat"
        clients = [Client(url, TRANSPORTS[n % 3]) for n in range(12)]
        for client in clients:
            client.service.startService()
            self.addCleanup(lambda c=client: defer.Deferred.fromCoroutine(c.stop()))
        await self.progress(clients)
        for number, twistd in enumerate(processes):
            twistd.terminate()
            self.assertEqual(await twistd.ended, TERMINATED)
            await haproxy.until(rf"Server sockjs/s{number} is DOWN")
            await self.progress(clients)
            await self.serve(ports[number])
            await haproxy.until(rf"Server sockjs/s{number} is UP")
            await self.progress(clients)
        for client in clients:
            self.assertEqual((client.wrong, client.failures), ([], []))
            self.assertEqual(client.ends, [(1012, "last")] * (client.opened - 1))
            self.assertLessEqual(len(client.ends), PROCESSES)
        self.assertGreaterEqual(sum(len(client.ends) for client in clients), 12)
