"""A Redis in memory, which says what a test has it say: `FakeRedis`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hiredis
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from txsockjs.rooms.redisscripts import SCRIPTS, Script
from txsockjs.testing import MemoryReactor
from txsockjs.testing.network import connect

HERE = IPv4Address("TCP", "192.0.2.1", 40000)
THERE = IPv4Address("TCP", "192.0.2.2", 6379)

BY_DIGEST = {script.digest.encode(): script for script in SCRIPTS}


def resp(value: Any) -> bytes:
    """
    A reply, as Redis sends it: bytes, an int, a list, None, or an exception.
    """
    if isinstance(value, Exception):
        return b"-%b\r\n" % str(value).encode()
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    return b"*%d\r\n" % len(value) + b"".join(map(resp, value))


class Link(Protocol):
    """
    One connection to it.

    :ivar asked: the commands that came.
    :ivar channels: what is subscribed to.
    """

    transport: Any

    def __init__(self, redis: FakeRedis) -> None:
        self.redis = redis
        self.reader = hiredis.Reader()
        self.asked: list[list[bytes]] = []
        self.channels: list[bytes] = []
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.reader.feed(data)
        while (command := self.reader.gets()) is not False:
            self.asked.append(command)
            self.redis.asked.append(command)
            reply = self.redis.answer(self, command)
            silent = self.redis.silent or self in self.redis.silentLinks
            if reply is not SILENT and not silent:
                self.transport.write(resp(reply))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self.redis.links.remove(self)


SILENT: Any = object()


class FakeRedis(MemoryReactor):
    """
    A reactor with a Redis on every UNIX socket.

    :ivar accepts: whether it can be connected to; None: that takes its time.
    :ivar silent: whether it answers nothing.
    :ivar silentLinks: the connections on which it answers nothing.
    :ivar scripts: what answers a script, given its keys and other arguments.
    :ivar replies: what answers a command, by its name.
    :ivar links: the connections that there are.
    :ivar asked: all commands that have come.
    :ivar attempts: when it was tried to connect.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accepts: bool | None = True
        self.silent = False
        self.silentLinks: list[Link] = []
        self.scripts: dict[Script, Callable[[list[bytes], list[bytes]], Any]] = {}
        self.replies: dict[bytes, Callable[[list[bytes]], Any]] = {}
        self.links: list[Link] = []
        self.asked: list[list[bytes]] = []
        self.attempts: list[float] = []
        self.given: list[int] = []
        self.cancelled = 0

    # What an endpoint asks of a reactor

    def connectUNIX(self, path: str, factory: Any, timeout: int, checkPID: int) -> Any:
        self.attempts.append(self.seconds())
        self.given.append(timeout)
        factory.startedConnecting(self)
        if self.accepts:
            link = Link(self)
            client = factory.buildProtocol(THERE)
            self.links.append(link)
            connect(self, link, THERE, client, HERE, 1 << 26, False)
        elif self.accepts is not None:
            factory.clientConnectionFailed(self, Failure(ConnectError(string="gone")))
        return self

    def getDestination(self) -> IPv4Address:
        return THERE

    def stopConnecting(self) -> None:
        self.cancelled += 1

    # What is asked of a Redis

    def answer(self, link: Link, command: list[bytes]) -> Any:
        name, *args = command
        if name in self.replies:
            return self.replies[name](args)
        if name == b"EVALSHA":
            script, keys = BY_DIGEST[args[0]], int(args[1])
            run = self.scripts.get(script)
            return 1 if run is None else run(args[2 : 2 + keys], args[2 + keys :])
        if name == b"SUBSCRIBE":
            link.channels.append(args[0])
            return [b"subscribe", args[0], len(link.channels)]
        if name == b"UNSUBSCRIBE":
            link.channels.remove(args[0])
            return [b"unsubscribe", args[0], len(link.channels)]
        if name == b"PING" and link.channels:
            return [b"pong", b""]
        return b"OK"

    def tell(self, channel: bytes, data: bytes) -> None:
        """
        Publish something.
        """
        for link in self.links:
            if channel in link.channels:
                link.transport.write(resp([b"message", channel, data]))
        self.settle()

    def drop(self) -> None:
        """
        Lose all connections.
        """
        for link in list(self.links):
            link.transport.abortConnection()
        self.settle()

    def ran(self, script: Script) -> list[list[bytes]]:
        """
        How a script was run: all its keys and arguments.
        """
        return [
            args[1:]
            for name, *args in self.asked
            if name == b"EVALSHA" and BY_DIGEST[args[0]] is script
        ]
