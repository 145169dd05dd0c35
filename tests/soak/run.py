"""A soak: what it does, and what must hold at its end."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionDone, ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.soak.client import Client

#: How many clients there are at a time.
CLIENTS = 40

#: Seconds of churn before the first look: caches fill, the heap finds its size.
WARM_UP = 6.0

#: Seconds that the server has to give up what nobody wants any more.
PATIENCE = 30.0

# How much more there may be of what an idle server has, and of what a warm one has: a
# leak of a few bytes a session shows in minutes.
_COUNTS = {"sessions": 0, "descriptors": 0, "calls": 0}
_SIZES = {"resident": 4_000_000, "objects": 2000}


class Server(ProcessProtocol):
    """
    The server process, `tests.soak.server`.
    """

    def __init__(self) -> None:
        self._output = b""
        self._asked: list[Deferred[dict[str, Any]]] = []
        self.errors = b""
        self.ended: Deferred[None] = Deferred()

    @classmethod
    async def start(cls, reactor: Any) -> Server:
        """
        Start it.

        :return: when it listens.
        """
        self = cls()
        reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", "tests.soak.server"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.port: int = (await self._line())["port"]
        return self

    def _line(self) -> Deferred[dict[str, Any]]:
        self._asked.append(Deferred())
        return self._asked[-1]

    def stats(self) -> Deferred[dict[str, Any]]:
        """
        What it holds.
        """
        self.transport.write(b"stats\n")
        return self._line()

    def outReceived(self, data: bytes) -> None:
        *lines, self._output = (self._output + data).split(b"\n")
        for line in lines:
            self._asked.pop(0).callback(json.loads(line))

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        if not reason.check(ProcessDone):
            self.errors += str(reason.value).encode()
        for asked in self._asked:
            asked.errback(RuntimeError(f"the server ended: {self.errors.decode()}"))
        self._asked.clear()
        self.ended.callback(None)

    async def stop(self) -> None:
        """
        End it.
        """
        self.transport.closeStdin()
        await self.ended


class Soak:
    """
    One soak.

    :ivar ends: how many sessions there were, by transport and end.
    """

    def __init__(self, reactor: Any, say: Callable[[str], object], seed: int) -> None:
        """
        :param say: takes lines about how it goes.
        :param seed: what makes all choices.
        """
        self._reactor = reactor
        self._say = say
        self._random = Random(seed)
        self._number = 0
        self.ends: Counter[str] = Counter()
        say(f"seed {seed}, {CLIENTS} clients at a time")

    async def run(self, seconds: float) -> list[str]:
        """
        Churn, and look.

        :return: what is wrong at the end.
        """
        self._server = server = await Server.start(self._reactor)
        try:
            idle = await server.stats()
            self._say(f"idle: {_describe(idle)}")
            await self._churn(WARM_UP)
            warm = await self._quiet(idle)
            self._say(f"warm: {_describe(warm)}")
            await self._churn(seconds)
            after = await self._quiet(idle)
            self._say(f"end:  {_describe(after)}")
        finally:
            await server.stop()
        return self._judge(idle, warm, after)

    async def _churn(self, seconds: float) -> None:
        """
        Have sessions come and go.
        """
        end = self._reactor.seconds() + seconds
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._server.port)
        await gatherResults(
            [ensureDeferred(self._clients(endpoint, end)) for _ in range(CLIENTS)],
            consumeErrors=True,
        )

    async def _clients(self, endpoint: TCP4ClientEndpoint, end: float) -> None:
        while self._reactor.seconds() < end:
            self._number += 1
            client = Client(endpoint, self._random, self._number)
            try:
                how = await client.live()
            except ConnectionDone:
                how = "lost"
            self.ends[how] += 1
            if how.endswith(" leave"):
                await deferLater(self._reactor, self._random.uniform(0, 2))
            client.leave()
            if client.number % 5000 == 0:
                found = await self._server.stats()
                self._say(f"{client.number} sessions: {_describe(found)}")

    async def _quiet(self, idle: dict[str, Any]) -> dict[str, Any]:
        """
        Wait until the server holds no more than when it was idle, or has had time
        enough for that.
        """
        deadline = self._reactor.seconds() + PATIENCE
        while True:
            found = await self._server.stats()
            if self._reactor.seconds() > deadline or not _more(idle, found, _COUNTS):
                return found
            await deferLater(self._reactor, 0.5)

    def _judge(
        self, idle: dict[str, Any], warm: dict[str, Any], after: dict[str, Any]
    ) -> list[str]:
        wrong = _more(idle, after, _COUNTS) + _more(warm, after, _SIZES)
        if after["objects"] > warm["objects"] + _SIZES["objects"]:
            grown = Counter(after["types"])
            grown.subtract(warm["types"])
            wrong.append(f"grown: {grown.most_common(8)}")
        wrong += after["errors"][:3]
        if self.ends["lost"] > 0.05 * self.ends.total():
            wrong.append(f"{self.ends['lost']} clients lost their connection")
        return wrong


def _more(
    before: dict[str, Any], after: dict[str, Any], allowed: dict[str, int]
) -> list[str]:
    """
    What there is more of than may be.
    """
    return [
        f"{name}: {before[name]} before, {after[name]} after"
        for name, more in allowed.items()
        if after[name] > before[name] + more
    ]


def _describe(found: dict[str, Any]) -> str:
    return (
        f"{found['sessions']} sessions, {found['descriptors']} descriptors, "
        f"{found['calls']} delayed calls, {found['resident'] / 1e6:.1f} MB, "
        f"{found['objects']} objects, {len(found['errors'])} errors"
    )
