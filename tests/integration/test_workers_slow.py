"""Clients that read slowly, of sessions that another worker has."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol

from tests.support.programs.readers import Reader
from tests.support.programs.workers import Collector, WorkersTestCase, children

SESSIONS = 24
COUNT, SIZE = 300, 16384

#: A service that writes as much as it may, and notes that it may not, once.
FLOODING = f"""
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from tests.support.programs.readers import numbered

@implementer(IPushProducer)
class Push(Protocol):
    number = 0
    paused = noted = False

    def connectionMade(self):
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self):
        self.paused = False
        while not self.paused and self.number < {COUNT}:
            self.transport.write(numbered(self.number, {SIZE}).encode())
            self.number += 1

    def pauseProducing(self):
        self.paused = True
        if not self.noted:
            self.noted = True
            with open("noted", "a") as noted:
                noted.write("x")

    def stopProducing(self):
        self.paused = True
"""

# What a session that is passed on and not read may take in both workers: its buffers
# there, the window between them, and what the allocator makes of it.
PER_SESSION = 512 * 1024
CONSTANT = 16 * 1024 * 1024


class SlowTests(WorkersTestCase):
    """
    Sessions over a UNIX socket, whose requests are passed on and not handed over.
    """

    async def open(self, path: str, name: str) -> Reader:
        """
        Open a session, and read no more of it.
        """
        endpoint = UNIXClientEndpoint(reactor, self.socket)
        reader = await connectProtocol(endpoint, Reader(name, path))
        self.addCleanup(lambda: reader.transport.abortConnection() or reader.ended)
        await reader.opened
        reader.transport.pauseProducing()
        return reader

    async def post(self, path: str, body: bytes = b"") -> bytes:
        """
        The answer to a request on a connection of its own.
        """
        endpoint = UNIXClientEndpoint(reactor, self.socket)
        client = await connectProtocol(endpoint, Collector())
        client.transport.write(
            b"POST %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
        )
        answer: bytes = await client.done
        return answer

    def memory(self, pid: int) -> int:
        """
        The memory that the workers have in use, in bytes.
        """
        pages = 0
        for each in children(pid):
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        return pages * resource.getpagesize()

    async def test_unread(self) -> None:
        """
        Those who do not read have their sessions pause, take little memory in either
        worker, hold up nobody else, and get all of it when they read again.
        """
        (self.here / "flooding.py").write_text(FLOODING)
        self.socket = os.path.relpath(self.here / "socket")
        twistd = await self.begin(
            "--listen=unix:socket",
            "--service=f=flooding.Push",
            f"--option=f:streaming_limit={2 * COUNT * SIZE}",
        )
        before = self.memory(twistd.transport.pid)
        names = "xhr_streaming", "eventsource"
        readers = [
            await self.open(f"/f/0/{number}", names[number % 2])
            for number in range(SESSIONS)
        ]
        noted = self.here / "noted"
        await self.until(lambda: noted.exists() and len(noted.read_text()) == SESSIONS)
        for number in range(8):
            path = f"/echo/0/echo{number}"
            self.assertTrue((await self.post(f"{path}/xhr")).endswith(b"o\n"))
            await self.post(f"{path}/xhr_send", b'["x"]')
            self.assertTrue((await self.post(f"{path}/xhr")).endswith(b'a["x"]\n'))
        grown = self.memory(twistd.transport.pid) - before
        self.assertLess(grown, CONSTANT + SESSIONS * PER_SESSION)
        # Far below what all of it is.
        self.assertLess(CONSTANT + SESSIONS * PER_SESSION, SESSIONS * COUNT * SIZE / 2)
        done: list[Any] = []
        for reader in readers:
            done.append(reader.until(lambda r=reader: r.count == COUNT or r.isOver()))
            reader.transport.resumeProducing()
        await gatherResults(done)
        for reader in readers:
            self.assertEqual((reader.count, reader.wrong), (COUNT, None))
            self.assertIsNone(reader.code)
