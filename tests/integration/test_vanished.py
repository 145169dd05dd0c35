"""Peers that are gone, or frozen, without a word: over real sockets."""

from __future__ import annotations

import json
import signal
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.wire import Echo
from twisted.trial.unittest import TestCase

from tests.support.programs.namespaces import NEAR, connectedNamespaces, cut
from tests.support.programs.readers import TRANSPORTS
from tests.support.programs.watching import Watched, watch
from txsockjs.factory import SockJSFactory


class Until(Protocol):
    """
    A client that waits for something to come.
    """

    def __init__(self, what: bytes) -> None:
        self.what = what
        self.received = b""
        self.came: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.what in self.received and not self.came.called:
            self.came.callback(None)

    def connectionLost(self, reason: object = None) -> None:
        if not self.came.called:
            self.came.errback(AssertionError(self.received))
        self.ended.callback(None)


class UNIXTests(TestCase):
    """
    A connection that the kernel does not watch.
    """

    timeout = 20

    async def test_streaming(self) -> None:
        """
        Where the kernel cannot tell of a silent peer, streams are served all the same.
        """
        path = self.mktemp()
        site = SockJSFactory(Factory.forProtocol(Echo))
        port = reactor.listenUNIX(path, site)
        self.addCleanup(port.stopListening)
        endpoint = UNIXClientEndpoint(reactor, path)
        client = await connectProtocol(endpoint, Until(b"\no\n"))
        client.transport.write(
            b"POST /0/a/xhr_streaming HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            await client.came
        finally:
            client.transport.abortConnection()
            await client.ended


HEARTBEAT = 0.5


class GoneCase(TestCase):
    """
    A server and a client, in processes of their own.
    """

    timeout = 30

    async def serve(self, host: str, *where: str) -> str:
        """
        Start the server.

        :param where: the command that runs another one in a certain place.
        :return: the port.
        """
        options = json.dumps({"heartbeat": HEARTBEAT, "timeout": HEARTBEAT})
        module = "tests.support.programs.telling_server"
        command = (sys.executable, "-m", module, host, options)
        self.server = watch(self, *where, *command)
        return (await self.server.until(r"listening on (\d+)\."))[1]

    async def connect(self, host: str, port: str, service: str, *where: str) -> Watched:
        """
        Start a client, which opens a session over each transport.
        """
        module = "tests.support.programs.reading_client"
        command = (sys.executable, "-m", module, host, port, service)
        client = watch(self, *where, *command)
        await client.until("open")
        return client

    async def lost(self, *names: str) -> None:
        """
        Wait until the server has given up the sessions over these transports.
        """
        for name in names:
            await self.server.until(f"lost {name} ConnectionLost\\.")


class FrozenTests(GoneCase):
    """
    A peer whose system goes on, while its process does nothing more: SIGSTOP.
    """

    async def start(self) -> Watched:
        port = await self.serve("127.0.0.1")
        client = await self.connect("127.0.0.1", port, "quiet")
        client.signal(signal.SIGSTOP)
        return client

    async def test_silent(self) -> None:
        """
        A frozen peer does not answer pings, and does not come again to poll. What a
        stream sends is acknowledged by its system as long as that has room.
        """
        await self.start()
        await self.lost("websocket", "xhr")
        self.assertNotIn("streaming", self.server.output)

    async def test_full(self) -> None:
        """
        Over each transport, it is given up when it makes no more room for what waits.
        """
        await self.start()
        self.server.signal(signal.SIGUSR1)
        await self.lost(*TRANSPORTS)


class StalledTests(GoneCase):
    """
    It is the server that was stopped for a while.
    """

    def stall(self) -> None:
        """
        Stop the server for longer than its timers run.
        """
        self.server.signal(signal.SIGSTOP)
        reactor.callLater(4 * HEARTBEAT, self.server.signal, signal.SIGCONT)

    async def poll(self, client: Until) -> bytes:
        """
        Ask for a frame.

        :return: the frame.
        """
        client.received, client.came = b"", Deferred()
        client.transport.write(
            b"POST /quiet/0/a/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        await client.came
        return client.received.partition(b"\r\n\r\n")[2]

    async def test_comesAgain(self) -> None:
        """
        A client that came again while the server did not run is heard before its time
        is found to be up, over an old connection and over a new one.
        """
        port = int(await self.serve("127.0.0.1"))
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        first = await connectProtocol(endpoint, Until(b"\r\n\r\n"))
        self.assertEqual(await self.poll(first), b"o\n")
        self.stall()
        self.assertEqual(await self.poll(first), b"h\n")
        self.stall()
        second = await connectProtocol(endpoint, Until(b"\r\n\r\n"))
        self.assertEqual(await self.poll(second), b"h\n")
        for client in (first, second):
            client.transport.abortConnection()
            await client.ended


class CutOffTests(GoneCase):
    """
    A peer whose packets are lost, and to whom they are lost.
    """

    async def start(self, service: str) -> None:
        near, far = await connectedNamespaces(self)
        there = ("ip", "netns", "exec")
        port = await self.serve(NEAR, *there, near)
        await self.connect(NEAR, port, service, *there, far)
        await cut(far)

    async def test_silent(self) -> None:
        """
        The heartbeat shows it, over each transport.
        """
        await self.start("quiet")
        before = reactor.seconds()
        await self.lost(*TRANSPORTS)
        self.assertLess(reactor.seconds() - before, 20 * HEARTBEAT)

    async def test_writing(self) -> None:
        """
        So it does beneath an application that writes all the time.
        """
        await self.start("ticker")
        await self.lost(*TRANSPORTS)
