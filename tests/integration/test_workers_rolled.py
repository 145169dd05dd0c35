"""``twistd sockjs --workers`` and SIGHUP: new workers in place of the old ones."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import (
    HostnameEndpoint,
    SSL4ClientEndpoint,
    connectProtocol,
)
from twisted.internet.ssl import CertificateOptions, KeyPair, trustRootFromCertificates
from twisted.web.client import Agent, HTTPConnectionPool

from tests.integration.test_shutdown import SERVICE, TRANSPORTS
from tests.support.programs.node import SCRIPTS, need
from tests.support.programs.watching import watch
from tests.support.programs.workers import (
    TELLING,
    Collector,
    WorkersTestCase,
    children,
)
from txsockjs.errors import SessionEnded


class RollTests(WorkersTestCase):
    """
    SIGHUP.
    """

    async def test_underLoad(self) -> None:
        """
        While sessions are opened all the time, over any transport, none is refused; in
        the end all of them find the code of now.
        """
        twistd = await self.begin()
        over: list[bool] = []
        opened: Counter[str] = Counter()
        failed: list[object] = []
        pool = HTTPConnectionPool(reactor)
        # None is closed in the moment in which it is asked on.
        pool.retryAutomatically = False
        self.addCleanup(pool.closeCachedConnections)

        async def load(transport: str) -> None:
            while not over:
                try:
                    _, code = await self.told(transport)
                except SessionEnded as ended:
                    # It was open, and its worker has drained.
                    if ended.code != 1012:
                        failed.append(ended)
                except Exception as error:
                    failed.append(error)
                else:
                    opened[code] += 1

        async def ask() -> None:
            # Over connections that stay open.
            while not over:
                response = await treq.get(
                    f"{self.url}/echo/info", agent=Agent(reactor, pool=pool)
                )
                await response.content()
                if response.code != 200:
                    failed.append(response.code)
                opened["asked"] += 1

        transports = ("websocket", "xhr-streaming", "xhr-polling")
        loads = [load(each) for each in transports for _ in range(2)]
        running = [Deferred.fromCoroutine(each) for each in (*loads, ask(), ask())]
        await self.until(lambda: opened["old"] > 10)
        (self.here / "telling.py").write_text(TELLING.replace('"old"', '"new"'))
        twistd.transport.signalProcess("HUP")
        await twistd.until(r"The new workers have taken over\.")
        before = opened["new"]
        await self.until(lambda: opened["new"] > before + 20)
        over.append(True)
        await gatherResults(running)
        self.assertEqual(failed, [])
        self.assertEqual({(await self.told())[1] for _ in range(10)}, {"new"})

    async def test_idle(self) -> None:
        """
        Connections on which nothing is asked meanwhile are there after it, and what is
        asked then is answered.
        """
        twistd = await self.begin()
        port = int(self.url.rpartition(":")[2])
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", port)
        clients = [await connectProtocol(endpoint, Collector()) for _ in range(8)]
        info = b"GET /echo/info HTTP/1.1\r\nHost: a\r\n\r\n"
        # Some of them have never asked.
        for client in clients[::2]:
            client.transport.write(info)
        await self.until(lambda: all(each.data for each in clients[::2]))
        before = children(twistd.transport.pid)
        twistd.transport.signalProcess("HUP")
        await twistd.until(r"(?s)(which was to end, has ended.*){2}")
        self.assertFalse(set(before) & set(children(twistd.transport.pid)))
        for client in clients:
            client.data = b""
            client.transport.write(info)
        await self.until(lambda: all(each.data for each in clients))
        for client in clients:
            self.assertIn(b"HTTP/1.1 200 OK", client.data)
            client.transport.loseConnection()
            await client.done

    async def test_stockClient(self) -> None:
        """
        Whatever the application has written in the old workers arrives at the stock
        client, once and in order, and then the close frame, over each transport.
        """
        need("node", packages=("sockjs-client",))
        (self.here / "counting.py").write_text(SERVICE)
        twistd = await self.begin("--service=count=counting.Counter")
        node = shutil.which("node") or "node"
        url = f"{self.url}/count"
        script = str(SCRIPTS / "drain.js")
        clients = watch(self, node, script, "--quiet", url, "4", *TRANSPORTS)
        await clients.until("ready")
        twistd.transport.signalProcess("HUP")
        await clients.ended
        wrote: dict[str, int] = {}
        for line in re.findall(r"wrote ({.*})", twistd.output):
            wrote |= json.loads(line)
        seen = json.loads(clients.output.splitlines()[-1])
        self.assertEqual(len(seen), 16)
        for each in seen:
            name, how = each["name"], [1012, "Service Restart", True]
            received = {"name": name, "received": wrote.get(name)}
            self.assertEqual(each, {**received, "wrong": None, "how": how})

    async def test_broken(self) -> None:
        """
        Where new workers cannot start, the old ones go on, and the log says why.
        """
        twistd = await self.begin()
        before = set(await self.pids())
        (self.here / "telling.py").write_text("an error\n")
        twistd.transport.signalProcess("HUP")
        await twistd.until(
            r"A new worker 0 could not start: --service pid=telling\.Pid: SyntaxError: "
            r".*The old ones go on\."
        )
        self.assertEqual(set(await self.pids()), before)

    async def test_certificate(self) -> None:
        """
        New workers have the certificate of now, on the same port.
        """
        first, second = [
            KeyPair.generate(size=2048).selfSignedCert(number, CN="localhost")
            for number in (1, 2)
        ]
        (self.here / "server.pem").write_bytes(first.dumpPEM())
        listen = "ssl:0:interface=127.0.0.1:privateKey=server.pem"
        twistd = await self.begin("--listen", listen)
        port = int((await twistd.until(r" at https://127\.0\.0\.1:(\d+)/"))[1])
        self.assertIn(b"Welcome", await self.secure(port, first))
        (self.here / "server.pem").write_bytes(second.dumpPEM())
        twistd.transport.signalProcess("HUP")
        await twistd.until(r"The new workers have taken over\.")
        self.assertIn(b"Welcome", await self.secure(port, second))

    async def secure(self, port: int, certificate: Any) -> bytes:
        trust = trustRootFromCertificates([certificate])
        options = CertificateOptions(trustRoot=trust)
        endpoint = SSL4ClientEndpoint(reactor, "127.0.0.1", port, options)
        client = await connectProtocol(endpoint, Collector())
        client.transport.write(b"GET /echo HTTP/1.0\r\n\r\n")
        return await client.done
