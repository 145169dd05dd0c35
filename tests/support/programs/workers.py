"""Runs a real ``twistd sockjs --workers``, and looks at its processes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from tests.support.programs.twistd import Twistd, TwistdTestCase
from txsockjs.client import connect

LISTEN = "--listen=tcp:0:interface=127.0.0.1"
ECHO = "--service=echo=twisted.protocols.wire.Echo"
PIDS = "--service=pid=telling.Pid"

#: A service that tells which process has the session, and with which code.
TELLING = """
import os
from twisted.internet.protocol import Protocol

CODE = "old"

class Pid(Protocol):
    def connectionMade(self):
        self.transport.write(f"{os.getpid()} {CODE}".encode())

    def dataReceived(self, data):
        self.transport.write(data)
"""


class WorkersTestCase(TwistdTestCase):
    """
    Two workers, of services that tell their process.

    :ivar listen: where they listen.
    """

    listen = LISTEN

    async def begin(self, *arguments: str, workers: int = 2) -> Twistd:
        """
        Start them, and wait until they serve.
        """
        (self.here / "telling.py").write_text(TELLING)
        twistd = self.start(f"--workers={workers}", self.listen, PIDS, ECHO, *arguments)
        self.url = await twistd.url()
        await twistd.until(rf"{workers} workers are ready\.")
        return twistd

    async def told(self, transport: str = "websocket") -> tuple[int, str]:
        """
        The process of a new session, and its code.
        """
        async with self.connect("pid", transport) as session:
            pid, code = (await session.recv()).split()
        return int(pid), code

    def connect(self, service: str, transport: str = "websocket") -> Any:
        return connect(reactor, f"{self.url}/{service}", transports=[transport])

    async def pids(self, count: int = 40) -> Counter[int]:
        """
        How many of some sessions are in which process.
        """
        opening = [Deferred.fromCoroutine(self.told()) for _ in range(count)]
        return Counter(pid for pid, _ in await gatherResults(opening))

    async def until(self, condition: Any) -> None:
        """
        Wait until something is so. The test's time-out ends the waiting.
        """
        while not condition():
            await deferLater(reactor, 0.02)


class Collector(Protocol):
    """
    Collects bytes until the connection is lost.
    """

    def __init__(self) -> None:
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.data)


def children(pid: int) -> list[int]:
    """
    The processes that a process has started and that have not ended.
    """
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(each) for each in file.read().split() if running(int(each))]


def commandOf(pid: int) -> str:
    """
    The command line of a process, each word with a NUL behind it.
    """
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def running(pid: int) -> bool:
    """
    Whether a process has not ended.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
