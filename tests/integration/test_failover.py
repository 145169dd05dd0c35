"""Processes that die or stop behind a proxy, with the files of ``examples/deploy``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import treq
from twisted.internet.defer import Deferred

from tests.support.examples import Session, opened
from tests.support.programs.node import need
from tests.support.programs.ports import freePort
from tests.support.programs.proxies import (
    runHAProxy,
    startApache,
    startCaddy,
    startNginx,
)
from tests.support.programs.twistd import TERMINATED, Twistd, TwistdTestCase
from tests.support.talking import EchoCase

#: A service that tells which process a message has come to.
SERVICE = """
import os
from twisted.internet.protocol import Protocol

class Named(Protocol):
    def dataReceived(self, data):
        self.transport.write(b"%d %s" % (os.getpid(), data))
"""

TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling")
#: How many sessions a test opens, and that many must work.
COUNT = 20
STOPPED = 'c[1012,"Service Restart"]'


def process(frame: str) -> int:
    """The number of the process that has written the one message of a frame."""
    [message] = json.loads(frame.removeprefix("a"))
    return int(message.split(" ")[0])


class Killed:
    """What must hold behind each proxy; a subclass starts one, and processes."""

    program: str
    #: What each process listens on.
    endpoint: str
    options: Sequence[str] = ()
    count = 3
    timeout = 30
    startProxy: Callable[[Any, Sequence[int]], Awaitable[int]]

    async def setUp(self: Any) -> None:
        need(self.program)
        super().setUp()
        (self.here / "named.py").write_text(SERVICE)
        self.ports = ports = [freePort() for _ in range(self.count)]
        self.processes: list[Twistd] = [await self.serve(port) for port in ports]
        self.url = f"http://127.0.0.1:{await self.startProxy(ports)}/chat"

    async def serve(self: Any, port: int) -> Twistd:
        """Start a process that has much patience with those who do not come back."""
        options = ["timeout=60", "drain_timeout=60", *self.options]
        twistd: Twistd = self.start(
            "--listen",
            self.endpoint.format(port=port),
            "--health=/health",
            "--service=chat=named.Named",
            *(f"--option={option}" for option in options),
        )
        self.addCleanup(self.kill, twistd)
        await twistd.until("SockJS services chat at")
        return twistd

    def kill(self: Any, twistd: Twistd) -> Deferred[int]:
        """End a process at once, if it has not ended."""
        if not twistd.ended.called:
            twistd.transport.signalProcess("KILL")
        return twistd.ended

    async def sessions(self: Any) -> dict[Twistd, list[Session]]:
        """Open sessions that poll, by the process that has them; each has some."""
        pids = {each.transport.pid: each for each in self.processes}
        found: dict[Twistd, list[Session]] = {each: [] for each in self.processes}
        for _ in range(COUNT):
            session = await opened(self.url)
            found[pids[process(await session.ask("?"))]].append(session)
        self.assertTrue(all(found.values()), found)
        return found

    async def assertNewWork(self: Any, without: int, count: int = COUNT) -> None:
        """
        Each of so many new sessions works, over each transport; the process with this
        number has none of them.
        """
        seen: Counter[int] = Counter()
        for number in range(count):
            info = await treq.get(f"{self.url}/info", persistent=False)
            self.assertEqual((info.code, (await info.json())["websocket"]), (200, True))
            talk = await self.talk(self.url, TRANSPORTS[number % 3])
            for heard in 1, 2:
                talk.transport.sendMessage("?")
                await talk.until(heard)
                self.assertEqual((len(talk.heard), talk.lost), (heard, []))
            pids = {int(message.split(" ")[0]) for message in talk.heard}
            self.assertEqual(len(pids), 1)
            seen.update(pids)
        self.assertNotIn(without, seen)
        self.assertEqual(sum(seen.values()), count)

    async def test_killed(self: Any) -> None:
        """
        While a process is dead, from the first moment on, every new session works; the
        sessions of the others know nothing of it.
        """
        sessions = await self.sessions()
        dead, *alive = self.processes
        pid = dead.transport.pid
        await self.kill(dead)
        await self.assertNewWork(pid)
        await self.noticed()
        await self.assertNewWork(pid, 9)
        for each in alive:
            for session in sessions[each]:
                self.assertEqual(process(await session.ask("?")), each.transport.pid)


class Failover(Killed):
    """What must hold as well where sessions stay while their process stops."""

    async def test_draining(self: Any) -> None:
        """
        While a process stops, from the first moment on, every new session works, at
        another; its own sessions get what was written to them, and their close frame.
        """
        sessions = await self.sessions()
        stopping, *others = self.processes
        pid = stopping.transport.pid
        for session in sessions[stopping]:
            await session.send("last")
        talks = [await self.talk(self.url, "websocket") for _ in range(COUNT)]
        for talk in talks:
            talk.transport.sendMessage("?")
            await talk.until(1)
        stopping.terminate()
        await stopping.until("Received SIGTERM")
        await self.assertNewWork(pid)
        await self.noticed()
        await self.assertNewWork(pid, 9)
        for session in sessions[stopping]:
            self.assertEqual(process(await session.receive()), pid)
            self.assertEqual(await session.receive(), STOPPED)
        self.assertEqual(await stopping.ended, TERMINATED)
        for each in others:
            for session in sessions[each]:
                self.assertEqual(process(await session.ask("?")), each.transport.pid)
        for talk in talks:
            if talk.heard[0].startswith(f"{pid} "):
                await talk.over
                self.assertIn("1012", talk.lost[0].getErrorMessage())
            else:
                self.assertEqual(talk.lost, [])


class HAProxyTests(Failover, EchoCase, TwistdTestCase):
    """HAProxy, which checks how its servers are and remembers where sessions are."""

    program = "haproxy"
    endpoint = "haproxy:tcp:{port}:interface=127.0.0.1"

    async def startProxy(self, ports: Sequence[int]) -> int:
        port, self.haproxy = await runHAProxy(self, ports)
        return port

    async def test_back(self) -> None:
        """
        A session that polls and began while a process was away stays where it is when
        that process is back.
        """
        await self.kill(self.processes[0])
        sessions = [await opened(self.url) for _ in range(COUNT)]
        homes = [process(await session.ask("?")) for session in sessions]
        await self.haproxy.until("Server sockjs/s0 is DOWN")
        self.processes[0] = await self.serve(self.ports[0])
        await self.haproxy.until("Server sockjs/s0 is UP")
        again = [process(await session.ask("?")) for session in sessions]
        self.assertEqual(again, homes)
        # And it gets its share of what begins now.
        await self.sessions()

    async def noticed(self) -> None:
        """Wait until the checks have found that the first process is not well."""
        await self.haproxy.until(r"Server sockjs/s0 is DOWN")


class NginxTests(Failover, EchoCase, TwistdTestCase):
    """nginx, which asks one after the other."""

    program = "nginx"
    startProxy = startNginx
    endpoint = "tcp:{port}:interface=127.0.0.1"
    options = ("proxy_header=X-Forwarded-For",)

    async def noticed(self) -> None:
        """It keeps nothing in mind."""


class CaddyTests(Killed, EchoCase, TwistdTestCase):
    """Caddy, which leaves out for a while who cannot be reached."""

    program = "caddy"
    startProxy = startCaddy
    endpoint = "tcp:{port}:interface=127.0.0.1"
    options = ("proxy_header=X-Forwarded-For",)

    async def noticed(self) -> None:
        """It notices with the first request."""


class ApacheTests(Killed, EchoCase, TwistdTestCase):
    """Apache httpd, which has another process for each that cannot be reached."""

    program = "apache2"
    startProxy = startApache
    endpoint = "tcp:{port}:interface=127.0.0.1"
    options = ("proxy_header=X-Forwarded-For",)
    count = 2

    async def noticed(self) -> None:
        """It notices with the first request."""

    async def test_ownSessions(self) -> None:
        """While a process stops, its own sessions reach it until they are closed."""
        sessions = await self.sessions()
        stopping = self.processes[0]
        for session in sessions[stopping]:
            await session.send("last")
        stopping.terminate()
        await stopping.until("Received SIGTERM")
        for session in sessions[stopping]:
            self.assertEqual(process(await session.receive()), stopping.transport.pid)
            self.assertEqual(await session.receive(), STOPPED)
        self.assertEqual(await stopping.ended, TERMINATED)
