"""``twistd sockjs --workers``: endpoints, and who has started the parent."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.utils import getProcessValue

from tests.support.programs.processes import ROOT, Program
from tests.support.programs.twistd import TWISTD
from tests.support.programs.workers import (
    ECHO,
    LISTEN,
    PIDS,
    TELLING,
    Collector,
    WorkersTestCase,
    children,
    running,
)


class PlacesTests(WorkersTestCase):
    """
    Where workers listen, and who has started their parent.
    """

    async def test_endpoints(self) -> None:
        """
        A UNIX socket and what is wrapped are served by workers as by one process; what
        the socket was made with is removed at the end.
        """
        # Short enough for a UNIX socket, wherever the test runs.
        path = Path(os.path.relpath(self.here / "socket"))
        twistd = await self.begin(
            "--listen=haproxy:tcp:0:interface=127.0.0.1", "--listen=unix:socket"
        )
        urls = re.findall(r" at http://127\.0\.0\.1:(\d+)/\n", twistd.output)
        port = int(urls[1])
        request = b"GET /echo HTTP/1.0\r\n\r\n"
        proxied = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n" + request
        for endpoint, data in (
            (TCP4ClientEndpoint(reactor, "127.0.0.1", port), proxied),
            (UNIXClientEndpoint(reactor, str(path)), request),
        ):
            client = await connectProtocol(endpoint, Collector())
            client.transport.write(data)
            self.assertTrue((await client.done).endswith(b"Welcome to SockJS!\n"))
        twistd.transport.signalProcess("HUP")
        await twistd.until(r"The new workers have taken over\.")
        await self.until(lambda: len(children(twistd.transport.pid)) == 2)
        self.assertTrue(path.exists())
        twistd.terminate()
        self.assertEqual(await twistd.ended, 0)
        self.assertFalse(path.exists())

    async def test_systemd(self) -> None:
        """
        Under systemd, with its socket: it is told when all serve, and when they end.
        What connected before waits until then.
        """
        with (
            socket.socket() as listening,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
        ):
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            told.setblocking(False)
            told.bind(os.path.relpath(self.here / "notify"))
            await self.underSystemd(listening, told)

    async def underSystemd(self, listening: Any, told: Any) -> None:
        address = listening.getsockname()
        early = await connectProtocol(
            TCP4ClientEndpoint(reactor, *address), Collector()
        )
        early.transport.write(b"GET /echo HTTP/1.0\r\n\r\n")
        script = self.here / "systemd.py"
        script.write_text(
            "import os, sys\n"
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1',\n"
            "    LISTEN_FDNAMES='web', NOTIFY_SOCKET='notify')\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        program = Program("")
        places = "--listen=systemd:domain=INET:index=0", "--workers=2"
        command = [sys.executable, str(script), str(TWISTD), "-n", "--pidfile="]
        command += ["sockjs", *places, ECHO]
        descriptors = {0: "w", 1: "r", 2: "r", 3: listening.fileno()}
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        reactor.spawnProcess(
            program,
            sys.executable,
            command,
            environment,
            str(self.here),
            childFDs=descriptors,
        )
        self.addCleanup(program.stop)
        self.assertTrue((await early.done).endswith(b"Welcome to SockJS!\n"))
        await program.until("2 workers are ready")
        self.assertEqual(told.recv(100), b"READY=1\nSTATUS=2 workers")
        await program.stop()
        self.assertEqual(told.recv(100), b"STOPPING=1")

    async def test_daemon(self) -> None:
        """
        As a daemon it serves, and ends, with all of its workers.
        """
        (self.here / "telling.py").write_text(TELLING)
        options = ["--pidfile=d.pid", "--logfile=d.log", "sockjs", "--workers=2"]
        command = [*options, LISTEN, PIDS]
        status = await getProcessValue(
            str(TWISTD), command, os.environ, str(self.here), reactor
        )
        self.assertEqual(status, 0)
        log, pidfile = self.here / "d.log", self.here / "d.pid"

        def written(pattern: str) -> Any:
            return re.search(pattern, log.read_text() if log.exists() else "")

        await self.until(lambda: written(r"2 workers are ready\."))
        self.url = written(r" at (\S+)/\n")[1]
        pids = await self.pids()
        self.assertEqual(len(pids), 2)
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        await self.until(lambda: written("Server Shut Down"))
        self.assertFalse(any(map(running, pids)))

    async def test_firstProcess(self) -> None:
        """
        As process 1 of a container it waits for the orphans of others, too, and ends
        with status 0.
        """
        (self.here / "orphans.py").write_text(
            "import os, subprocess\n"
            "from twisted.protocols.wire import Echo as Service\n"
            "subprocess.Popen(['sh', '-c', 'sleep 0.1 & exec sleep 0'])\n"
        )
        program = Program("")
        unshare = shutil.which("unshare") or "unshare"
        command = [unshare, "--fork", "--pid", "--mount-proc", "--kill-child"]
        command += [str(TWISTD), "-n", "--pidfile=", "sockjs", "--workers=1", LISTEN]
        command += ["--service=x=orphans.Service"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        reactor.spawnProcess(program, unshare, command, environment, str(self.here))
        self.addCleanup(program.stop)
        await program.until(r"1 workers are ready\.")
        [first] = children(program.pid)

        def zombies() -> list[int]:
            with open(f"/proc/{first}/task/{first}/children") as file:
                return [int(e) for e in file.read().split() if not running(int(e))]

        await self.until(zombies)
        await self.until(lambda: not zombies())
        os.kill(first, signal.SIGTERM)
        await program.ended
        self.assertIn("Server Shut Down", program.output)
