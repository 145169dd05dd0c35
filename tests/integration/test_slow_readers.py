"""
Clients that read slowly, or not at all.

``SLOW_SESSIONS`` and ``SLOW_MEGABYTES`` in the environment set how many sessions there
are, and how much the application writes to each: 20 and 20 where they are not given.
What the full numbers, 100 and 100, come to is in ``docs/limits.rst``. Trial's log has
what was measured.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.trial.unittest import TestCase

from tests.support.programs.processes import start
from tests.support.programs.readers import TRANSPORTS, Reader, numbered, openReader
from tests.support.programs.writing_server import SIZE
from txsockjs.factory import SockJSFactory

SESSIONS = int(os.environ.get("SLOW_SESSIONS", "20"))
MEGABYTES = int(os.environ.get("SLOW_MEGABYTES", "20"))

log = Logger()

MIB = 1024 * 1024
MAX_BUFFER = 4 * MIB

#: What a session that is full takes beside its ``max_buffer``: a frame that waits in
#: its connection, and that in the making.
PER_SESSION = MIB // 4
#: What the process may grow by, whatever happens.
CONSTANT = 16 * MIB

PINGS = 300

#: How many messages the slowest clients get.
COUNT = 25


class WritingCase(TestCase):
    """
    A server in a process of its own, and many sessions.
    """

    timeout = 30 + SESSIONS * MEGABYTES // 10

    async def serve(self, **options: object) -> None:
        """
        Start the server.
        """
        given = json.dumps({"timeout": 60, "max_buffer": MAX_BUFFER, **options})
        module = "tests.support.programs.writing_server"
        url = r"http://127\.0\.0\.1:(\d+) "
        server = await start(self, url, sys.executable, "-m", module, given)
        self.port = int(server.ready[1])
        self.base = (await self.state())["memory"]

    async def get(self, path: str) -> Any:
        """
        A page of the server's, which is JSON.
        """
        response = await treq.get(
            f"http://127.0.0.1:{self.port}/{path}", persistent=False
        )
        return json.loads(await response.content())

    async def state(self) -> dict[str, int]:
        """
        How the server is.
        """
        state: dict[str, int] = await self.get("state")
        return state

    async def settled(self, name: str, count: int) -> dict[str, int]:
        """
        How the server is when one of its numbers has come so far. At no time holds any
        session more than it may.
        """
        while (state := await self.state()).get(name, 0) < count:
            self.assertLessEqual(state["fullest"], MAX_BUFFER)
        return state

    def grew(self, state: dict[str, int], how: str) -> None:
        """
        Log how much the server has grown.
        """
        log.info(
            "{count} sessions {how}: the server grew by {most:.1f} MiB at the most",
            count=SESSIONS,
            how=how,
            most=(state["most"] - self.base) / MIB,
        )

    async def freeze(self, service: str) -> list[Reader]:
        """
        Open all sessions, and read no more of them.
        """
        readers = []
        for number in range(SESSIONS):
            name = TRANSPORTS[number % len(TRANSPORTS)]
            path = f"/{service}/0/{number}"
            reader = await openReader(self, self.port, path, name)
            reader.transport.pauseProducing()
            readers.append(reader)
        return readers

    async def write(self) -> int:
        """
        Have the application write to all of them.

        :return: how many messages each is to get.
        """
        count: int = await self.get(f"go?bytes={MEGABYTES * MIB}")
        return count

    async def read(self, readers: list[Reader], count: int) -> None:
        """
        Read again, until all messages have come, or a close frame.
        """
        done = [
            reader.until(lambda r=reader: r.count == count or r.code or r.ended.called)
            for reader in readers
        ]
        for reader in readers:
            reader.transport.resumeProducing()
        await gatherResults(done)

    async def latency(self) -> float:
        """
        The 99th percentile of the round trips of an echo session, in seconds.
        """
        echo = await openReader(self, self.port, f"/echo/0/{id(self)}", "websocket")
        echo.onMessage = lambda message: None
        times = []
        for number in range(PINGS):
            before = reactor.seconds()
            echo.say("ping")
            await echo.until(lambda n=number: echo.count > n)
            times.append(reactor.seconds() - before)
        echo.transport.loseConnection()
        return sorted(times)[PINGS * 99 // 100]


class FloodTests(WritingCase):
    """
    An application that writes without a producer.
    """

    async def test_flood(self) -> None:
        """
        Each session is closed with 1013 at ``max_buffer``, and memory stays below what
        all of them may hold; what a client gets before is what was written first.
        """
        await self.serve()
        readers = await self.freeze("flood")
        count = await self.write()
        state = await self.settled("lost", SESSIONS)
        self.assertEqual(state["pending"], 0)
        allowed = SESSIONS * (MAX_BUFFER + PER_SESSION) + CONSTANT
        self.grew(state, "without a producer")
        self.assertLess(state["most"] - self.base, allowed)
        await self.read(readers, count)
        ends = {(reader.code, reader.wrong) for reader in readers}
        self.assertEqual(ends, {(1013, None)})


class ProducerCase(WritingCase):
    """
    An application that writes at the pace of its client.
    """

    async def paced(self, service: str) -> None:
        """
        Memory stays far below ``max_buffer``, and everything arrives in the end.
        """
        await self.serve()
        readers = await self.freeze(service)
        count = await self.write()
        state = await self.settled("full", SESSIONS)
        self.assertLess(state["pending"], SESSIONS * 2 * 65536)
        before = reactor.seconds()
        await self.read(readers, count)
        took = reactor.seconds() - before
        state = await self.state()
        self.grew(state, f"with {service} producers; reading took {took:.1f} s")
        allowed = SESSIONS * PER_SESSION + CONSTANT
        self.assertLess(state["most"] - self.base, allowed)
        seen = {(each.name, each.count, each.code, each.wrong) for each in readers}
        self.assertEqual(seen, {(name, count, None, None) for name in TRANSPORTS})


class PushTests(ProducerCase):
    async def test_push(self) -> None:
        """
        A push producer is paused while nobody reads.
        """
        await self.paced("push")


class PullTests(ProducerCase):
    async def test_pull(self) -> None:
        """
        A pull producer is asked for no more than is taken.
        """
        await self.paced("pull")


class LatencyTests(WritingCase):
    """
    The sessions of others.
    """

    async def test_latency(self) -> None:
        """
        They are answered as fast beside full sessions as without them, or nearly so.
        """
        await self.serve()
        before = await self.latency()
        await self.freeze("push")
        await self.write()
        await self.settled("full", SESSIONS)
        after = await self.latency()
        log.info(
            "99 of 100 round trips took less than {before:.1f} ms without full "
            "sessions, and less than {after:.1f} ms beside them",
            before=1000 * before,
            after=1000 * after,
        )
        self.assertLess(after, 5 * before + 0.05)


class Burst(Protocol):
    """
    Writes more than the network and the connection hold, all at once.
    """

    transport: Any

    def connectionMade(self) -> None:
        for number in range(COUNT):
            self.transport.write(numbered(number, SIZE).encode())
        self.transport.loseConnection()


class Sipping(Reader):
    """
    Takes two kilobytes four times a second, and so does its kernel.
    """

    def connectionMade(self) -> None:
        self.transport.bufferSize = 2048
        self.next = reactor.callLater(0, lambda: None)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.transport.bufferSize == 2048:
            self.transport.pauseProducing()
            self.next = reactor.callLater(0.25, self.transport.resumeProducing)

    def gulp(self) -> None:
        """
        Read on as others do.
        """
        self.transport.bufferSize = 65536
        self.transport.resumeProducing()
        if self.next.active():
            self.next.cancel()


async def adoptReader(test: Any, port: int, reader: Reader) -> Reader:
    """
    Open a session over a connection whose kernel takes no more than it must, from the
    first byte; it ends with the test.
    """
    factory = Factory()
    factory.buildProtocol = lambda address: reader
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.setblocking(False)
        reactor.adoptStreamConnection(connection.fileno(), socket.AF_INET, factory)
    test.addCleanup(lambda: reader.transport.abortConnection() or reader.ended)
    await reader.opened
    return reader


class SlowTests(TestCase):
    """
    Clients that take a few kilobytes a second.
    """

    timeout = 40

    async def test_alive(self) -> None:
        """
        No timer ends the session of a client that goes on reading, however much waits
        for it here and in the kernel: everything arrives, and then the close frame.
        """
        factory = Factory.forProtocol(Burst)
        site = SockJSFactory(factory, {"heartbeat": 1, "timeout": 1})
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number = port.getHost().port
        readers = [
            await adoptReader(self, number, Sipping(name, f"/0/{name}"))
            for name in TRANSPORTS
        ]
        for reader in readers:
            self.addCleanup(reader.gulp)
        await deferLater(reactor, 8)
        self.assertLess(max(reader.size for reader in readers), 8 * SIZE)
        for reader in readers:
            reader.gulp()
        await gatherResults(reader.until(reader.isOver) for reader in readers)
        seen = {(each.name, each.count, each.code, each.wrong) for each in readers}
        self.assertEqual(seen, {(name, COUNT, 3000, None) for name in TRANSPORTS})
