"""Two machines, and the link between them, which is cut."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import FailTest, TestCase

from tests.support.programs.clusters import secretFile
from tests.support.programs.namespaces import (
    FAR,
    LINK,
    NEAR,
    connectedNamespaces,
    cut,
    ip,
)
from tests.support.programs.node import need
from tests.support.programs.processes import Program, start
from tests.support.programs.twistd import TWISTD


class LinkTests(TestCase):
    """
    A machine with the Redis, and another one.
    """

    timeout = 90

    async def setUp(self) -> None:
        need("redis-server")
        self.near, self.far = await connectedNamespaces(self)
        for name in (self.near, self.far):
            await ip("-n", name, "link", "set", "lo", "up")
        self.secret = secretFile(self)
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        await start(
            self,
            "Ready to accept connections",
            *("ip", "netns", "exec", self.near, shutil.which("redis-server") or ""),
            *("--bind", NEAR, "--port", "6379", "--save", "", "--dir", str(directory)),
            *("--protected-mode", "no"),
        )
        await self.serve(self.near, NEAR)
        self.there = await self.serve(self.far, FAR)

    async def serve(self, namespace: str, address: str) -> Program:
        """
        Start a process on a machine.
        """
        return await start(
            self,
            "Redis at .* is there",
            *("ip", "netns", "exec", namespace, str(TWISTD), "-n", "--pidfile="),
            *("sockjs", "--listen", "tcp:8080:interface=127.0.0.1"),
            *("--service", "echo=twisted.protocols.wire.Echo"),
            *("--option", "timeout=120"),
            *("--cluster", f"redis://{NEAR}", "--cluster-secret", self.secret),
            *("--cluster-listen", f"tcp:7000:interface={address}"),
        )

    async def post(self, namespace: str, path: str, body: str = "") -> tuple[int, str]:
        """
        Make a request to the process of a machine, there.
        """
        out, err, status = await getProcessOutputAndValue(
            "ip",
            [
                *("netns", "exec", namespace, sys.executable),
                *("-m", "tests.support.programs.posting"),
                *(f"http://127.0.0.1:8080/echo/0/{path}", body),
            ],
            env=os.environ,
            reactor=reactor,
        )
        if status:
            raise FailTest(err.decode())
        code, _, text = out.decode().partition(" ")
        return int(code), text.rstrip("\n")

    async def assertSends(self, namespace: str, id: str, *expected: int) -> None:
        status, _ = await self.post(namespace, f"{id}/xhr_send", '["x"]')
        self.assertIn(status, expected)

    async def assertOpens(self, namespace: str, id: str, expected: int) -> None:
        status, _ = await self.post(namespace, f"{id}/xhr")
        self.assertEqual(status, expected)

    async def test_cut(self) -> None:
        """
        Sessions are found from both sides. While the link is cut, each goes on where it
        is, and what is on the other side, or would have to be looked up there, is
        refused, in time. When it is mended, all are found again.
        """
        sides: dict[str, Any] = {"one": self.near, "two": self.far}
        for id, side in sides.items():
            self.assertEqual(await self.post(side, f"{id}/xhr"), (200, "o"))
        for id in sides:
            for side in sides.values():
                await self.assertSends(side, id, 204)
        await cut(self.far)
        expected = (
            self.assertSends(self.near, "one", 204),
            self.assertSends(self.far, "two", 204),
            # On a connection that was there before it cannot be told what has happened.
            self.assertSends(self.near, "two", 503, 404),
            self.assertSends(self.far, "one", 503),
            self.assertOpens(self.near, "new", 200),
            self.assertOpens(self.far, "other", 503),
        )
        await gatherResults([Deferred.fromCoroutine(each) for each in expected])
        await self.there.until("Redis at .* is not there")
        await ip("-n", self.far, "link", "set", LINK, "up")
        while True:
            status, _ = await self.post(self.near, "two/xhr_send", '["y"]')
            if status == 204:
                break
            # Until it has renewed its lease, it is taken to be gone.
            self.assertIn(status, (404, 503))
            await deferLater(reactor, 0.2)
        _, frame = await self.post(self.near, "two/xhr")
        # What was on its way when the link was cut, the kernel may have brought later.
        self.assertIn(frame, ('a["x","x","x","y"]', 'a["x","x","x","x","y"]'))
