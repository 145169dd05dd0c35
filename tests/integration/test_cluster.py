"""Servers of several processes, with real clients and no load balancer that helps."""

from __future__ import annotations

import json
import os
import re
import signal
from io import StringIO
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from tests.support.programs.clusters import (
    balanceByHAProxy,
    balanceByNginx,
    startMachines,
    startWorkers,
)
from tests.support.programs.node import need, runNode
from txsockjs.conformance import check

INTACT = {"sent": 100, "received": 100, "wrong": []}
TRANSPORTS = ("websocket", "xhr-streaming", "xhr-polling", "eventsource")


class HTTPConnection:
    """
    Requests, on one connection to each server as long as that keeps it.

    :ivar connections: how many were made.
    """

    def __init__(self, url: str) -> None:
        self.connections = 0
        self._url = url
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 1
        # What is lost is to be seen.
        self._pool.retryAutomatically = False
        self._agent = Agent(reactor, pool=self._pool)
        self._http = HTTPClient(self._agent)
        get = self._pool.getConnection

        def counted(key: Any, endpoint: Any) -> Any:
            self.connections += not self._pool._connections.get(key)
            return get(key, endpoint)

        self._pool.getConnection = counted

    async def __aenter__(self) -> HTTPConnection:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._pool.closeCachedConnections()

    async def post(self, url: str, body: bytes = b"") -> tuple[int, bytes]:
        """
        The status of the answer to a POST, and its body.
        """
        whole = url if "://" in url else self._url + url
        response = await self._http.post(whole, data=body)
        return response.code, await response.content()


class Clients(TestCase):
    """
    What clients find, whoever answers.
    """

    timeout = 120
    #: What the proxy in front does.
    proxies: tuple[str, ...] = ()

    async def client(self, url: str, transport: str, scenario: str, **kw: Any) -> Any:
        """
        The result of one scenario of the stock client.
        """
        kw["patience"] = 10_000
        [result] = await runNode(
            reactor, "client.js", url, transport, scenario, json.dumps(kw)
        )
        return result

    async def assertPasses(self, url: str, transport: str) -> None:
        """
        Messages and closes get through, in both directions, whole and in order.
        """
        for scenario in "pingPong", "burst":
            result = await self.client(f"{url}/echo", transport, scenario)
            self.assertEqual(result, INTACT, transport)
        large = await self.client(f"{url}/amplify", transport, "large", exponent=18)
        self.assertEqual(large, {"length": 2**18, "intact": True})
        asked = {"message": "4007 over and out"}
        close = await self.client(
            f"{url}/close_as_asked", transport, "serverClose", **asked
        )
        self.assertEqual(
            (close["received"], close["code"], close["reason"]),
            (["last words"], 4007, "over and out"),
        )

    async def assertSuits(self, url: str) -> None:
        """
        Each transport of the stock client works, and the client's address is told.
        """
        suits = [self._suits(url, transport) for transport in TRANSPORTS]
        await gatherResults([Deferred.fromCoroutine(each) for each in suits])

    async def _suits(self, url: str, transport: str) -> None:
        await self.assertPasses(url, transport)
        result = await self.client(
            f"{url}/describe",
            transport,
            "ask",
            message="?",
            localAddress="127.0.0.2",
        )
        self.assertEqual(json.loads(result["answer"])["peer"], "127.0.0.2")

    async def assertConforms(self, url: str) -> None:
        """
        The conformance suite finds nothing that is the servers' doing, beside what
        these services are for: their script is their own, and they echo text.
        """
        out = StringIO()
        await check(url, streamingLimit=4096, out=out)
        found = re.findall(r"(?m)^FAILED (\S+)$", out.getvalue())
        ours = ("pages.iframe.script", "websockets.raw.binary")
        failed = [name for name in found if not name.startswith((*ours, *self.proxies))]
        self.assertEqual(failed, [], out.getvalue())
        self.assertRegex(out.getvalue(), r" (4[5-9]|5[0-9])\d ok,")


class WorkersTests(Clients):
    """
    Two workers of one ``twistd sockjs``.
    """

    async def setUp(self) -> None:
        need("node", packages=("sockjs-client",))
        self.server, self.url = await startWorkers(self, 2)

    async def test_clients(self) -> None:
        """
        The stock client and the conformance suite find what one process has.
        """
        await gatherResults(
            [
                Deferred.fromCoroutine(self.assertSuits(self.url)),
                Deferred.fromCoroutine(self.assertConforms(self.url)),
            ]
        )

    async def test_handedOver(self) -> None:
        """
        A client that polls has one connection, whichever worker accepted it, and each
        request on it is answered.
        """
        for number in range(8):
            async with HTTPConnection(self.url) as http:
                path = f"/echo/0/session-{number}"
                self.assertEqual(await http.post(f"{path}/xhr"), (200, b"o\n"))
                for text in range(20):
                    sent = await http.post(f"{path}/xhr_send", b'["%d"]' % text)
                    self.assertEqual(sent[0], 204)
                    frame = b'a["%d"]\n' % text
                    self.assertEqual(await http.post(f"{path}/xhr"), (200, frame))
                self.assertEqual(http.connections, 1)


class MachinesCase(Clients):
    """
    Three processes that find each other in Redis, behind a proxy that goes to each in
    turn.
    """

    proxied = False

    async def balance(self, ports: list[int]) -> str:
        raise NotImplementedError

    async def begin(self, *arguments: str) -> None:
        need("node", packages=("sockjs-client",))
        self.redis, self.programs, ports = await startMachines(
            self, 3, *arguments, proxied=self.proxied
        )
        self.ports = ports
        self.url = await self.balance(ports)


class NginxTests(MachinesCase):
    """
    nginx.
    """

    # It says itself what Connection is, and keeps to itself what is for it.
    proxies = ("websockets.handshake.", "headers.caching.notBuffered_")

    async def balance(self, ports: list[int]) -> str:
        need("nginx")
        return await balanceByNginx(self, ports)

    async def test_clients(self) -> None:
        """
        The stock client and the conformance suite find what one process has.
        """
        await self.begin("--option", "proxy_header=X-Forwarded-For")
        await gatherResults(
            [
                Deferred.fromCoroutine(self.assertSuits(self.url)),
                Deferred.fromCoroutine(self.assertConforms(self.url)),
            ]
        )

    async def test_killed(self) -> None:
        """
        Where one of them is killed, its sessions end, at once; those of the others go
        on, and new ones begin.
        """
        await self.begin()
        await self.assertAnswersWhileHung()
        async with HTTPConnection(self.url) as http:
            ids = [f"session-{number}" for number in range(12)]
            homes = {}
            for number, id in enumerate(ids):
                home = number % 3
                url = f"http://127.0.0.1:{self.ports[home]}/echo/0/{id}/xhr"
                self.assertEqual(await http.post(url), (200, b"o\n"))
                homes[id] = home
            await self.programs[0].kill()
            for id in ids:
                url = f"http://127.0.0.1:{self.ports[1]}/echo/0/{id}/xhr_send"
                status, _ = await http.post(url, b'["x"]')
                self.assertEqual(status, 204 if homes[id] else 404, id)
            status, body = await http.post("/echo/0/another/xhr")
            self.assertEqual((status, body), (200, b"o\n"))

    async def assertAnswersWhileHung(self) -> None:
        """
        Where one of them hangs, what is passed on to it is not left without an answer.
        When it goes on, it serves again.
        """
        home, away = (f"http://127.0.0.1:{self.ports[n]}/echo/0" for n in (0, 1))
        async with HTTPConnection(self.url) as http, HTTPConnection(self.url) as other:
            self.assertEqual(await http.post(f"{home}/hung/xhr"), (200, b"o\n"))
            sent = await other.post(f"{away}/hung/xhr_send", b'["x"]')
            self.assertEqual(sent[0], 204)
            self.assertEqual(await http.post(f"{away}/hung/xhr"), (200, b'a["x"]\n'))
            pid = self.programs[0].pid
            os.kill(pid, signal.SIGSTOP)
            try:
                asked = [
                    Deferred.fromCoroutine(http.post(f"{away}/hung/xhr")),
                    Deferred.fromCoroutine(
                        other.post(f"{away}/hung/xhr_send", b'["y"]')
                    ),
                ]
                answers = await gatherResults(asked)
                self.assertEqual([status for status, _ in answers], [404, 404])
            finally:
                os.kill(pid, signal.SIGCONT)
            self.assertEqual(await http.post(f"{home}/next/xhr"), (200, b"o\n"))


class HAProxyTests(MachinesCase):
    """
    HAProxy, with the PROXY protocol.
    """

    proxied = True

    async def balance(self, ports: list[int]) -> str:
        need("haproxy")
        return await balanceByHAProxy(self, ports)

    async def test_clients(self) -> None:
        """
        The stock client finds what one process has.
        """
        await self.begin()
        await self.assertSuits(self.url)
