"""``twistd sockjs`` as a process that is operated: log, signals and pidfile."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.internet.task import deferLater

from tests.support.examples import get, opened
from tests.support.programs.processes import Program
from tests.support.programs.twistd import TERMINATED, TWISTD, TwistdTestCase

TCP = "tcp:0:interface=127.0.0.1"
ECHO = "--service=echo=twisted.protocols.wire.Echo"


class _Shaken(Protocol):
    """
    A TLS connection, which is kept, and the serial number of the server's certificate.
    """

    transport: Any

    def __init__(self) -> None:
        self.serial: Deferred[int] = Deferred()
        self.open = True

    def connectionMade(self) -> None:
        self.transport.write(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        if not self.serial.called:
            self.serial.callback(
                self.transport.getPeerCertificate().get_serial_number()
            )

    def connectionLost(self, reason: object = None) -> None:
        self.open = False

    def drop(self) -> None:
        if self.open:
            self.transport.abortConnection()


class ProcessTestCase(TwistdTestCase):
    """
    A process, and files around it.
    """

    def program(
        self, *arguments: str, ready: str = " at http", pty: bool = False
    ) -> Any:
        """
        A ``twistd`` with just these arguments.
        """
        program = Program(" at http")
        command = [str(TWISTD), *arguments]
        reactor.spawnProcess(
            program,
            command[0],
            command,
            env=os.environ,
            path=str(self.here),
            usePTY=pty,
        )
        self.addCleanup(program.stop)
        return program

    async def inFile(self, name: str, pattern: str) -> re.Match[str]:
        """
        Wait until a file has something in it.
        """
        path = self.here / name
        while True:
            text = path.read_text() if path.exists() else ""
            found = re.search(pattern, text)
            if found:
                return found
            await deferLater(reactor, 0.02)


class ReloadTests(ProcessTestCase):
    """
    SIGHUP.
    """

    def certify(self, serial: int) -> None:
        pair = KeyPair.generate(size=2048)
        certificate = pair.selfSignedCert(serial, CN="localhost")
        (self.here / "s.pem").write_bytes(certificate.dumpPEM())

    async def test_foreground(self) -> None:
        """
        Connections to come see the new certificate, and the old one where the new one
        is broken; those that are open stay. Log files are opened anew.
        """
        self.certify(1)
        ssl = "ssl:0:interface=127.0.0.1:privateKey=s.pem"
        twistd = self.start(
            "--listen", ssl, ECHO, "--access-log=a.log", options=("--logfile=t.log",)
        )
        found = await self.inFile("t.log", r" at https://127.0.0.1:(\d+)/")
        endpoint = SSL4ClientEndpoint(
            reactor, "127.0.0.1", int(found[1]), CertificateOptions()
        )

        async def shake() -> _Shaken:
            shaken = await connectProtocol(endpoint, _Shaken())
            self.addCleanup(shaken.drop)
            return shaken

        first = await shake()
        self.assertEqual(await first.serial, 1)
        self.certify(2)
        for name in "a", "t":
            (self.here / f"{name}.log").rename(self.here / f"{name}.old")
        twistd.transport.signalProcess("HUP")
        told = await self.inFile("t.log", r"Read again: (.*)\.\n")
        for what in ssl, str(self.here / "a.log"), str(self.here / "t.log"):
            self.assertIn(what, told[1])
        self.assertEqual(await (await shake()).serial, 2)
        self.assertTrue(first.open)
        await self.inFile("a.log", "GET /echo")

        (self.here / "s.pem").write_text("broken")
        twistd.transport.signalProcess("HUP")
        await self.inFile("t.log", rf"#error\] Cannot read .*{ssl} again")
        self.assertEqual(await (await shake()).serial, 2)
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)

    async def test_daemon(self) -> None:
        """
        A daemon has its pidfile and its log, which is opened anew.
        """
        arguments = ("--pidfile=d.pid", "--logfile=d.log", "sockjs", "--listen", TCP)
        launcher = self.program(*arguments, ECHO)
        launcher.started.addErrback(lambda reason: None)
        await launcher.ended
        self.assertEqual(launcher.status, 0, launcher.output)
        await self.inFile("d.log", r" at (http://\S+)/\n")
        pid = int((self.here / "d.pid").read_text())
        try:
            (self.here / "d.log").rename(self.here / "d.old")
            os.kill(pid, signal.SIGHUP)
            await self.inFile("d.log", r"Read again: the log /\S+/d\.log\.\n")
        finally:
            os.kill(pid, signal.SIGTERM)
        while (self.here / "d.pid").exists():
            await deferLater(reactor, 0.02)
        self.assertIn("Server Shut Down.", (self.here / "d.log").read_text())

    async def test_terminal(self) -> None:
        """
        In the foreground of a terminal, it ends in good order when that is closed.
        """
        for workers in (), ("--workers=2",):
            program = self.program(
                "-n", "sockjs", "--listen", TCP, ECHO, *workers, pty=True
            )
            await program.until(r" at http://\S+/")
            program.transport.loseConnection()
            await program.ended
            self.assertEqual(program.status, 0)

    async def test_workers(self) -> None:
        """
        The log of workers is their parent's, which opens it anew.
        """
        options = ("--logfile=w.log",)
        twistd = self.start(
            "--listen", TCP, ECHO, "--workers=2", "--log-format=json", options=options
        )
        await self.inFile("w.log", "workers are ready")
        (self.here / "w.log").rename(self.here / "w.old")
        twistd.transport.signalProcess("HUP")
        await self.inFile("w.log", r"Read again: the log /\S+/w\.log\.")
        await self.inFile("w.log", r'"fields": {.*"worker": "1"}')
        twistd.terminate()
        self.assertEqual(await twistd.ended, 0)


class LogTests(ProcessTestCase):
    """
    ``--log-format`` and ``--log-level``.
    """

    async def test_json(self) -> None:
        """
        Each line is an object, those of a session at the level debug too.
        """
        twistd = self.start(
            "--listen", TCP, ECHO, "--log-format=json", "--log-level=txsockjs=debug"
        )
        url = (await twistd.until(r' at (http://[^/"]+)/"'))[1]
        await opened(f"{url}/echo")
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)
        lines = [json.loads(line) for line in twistd.output.splitlines()]
        texts = [line["text"] for line in lines]
        self.assertIn("Main loop terminated.", texts)
        [session] = [line for line in lines if "session with" in line["text"]][:1]
        self.assertEqual(session["level"], "debug")
        self.assertEqual(session["namespace"], "txsockjs.core.service.Service")
        self.assertEqual(session["fields"]["transport"], "xhr")

    async def test_quiet(self) -> None:
        """
        By default nothing is logged of a session; at the level warn, nothing at all.
        """
        for level, count in ("info", 1), ("warn", 0):
            twistd = self.start(
                "--listen", "unix:s", "--listen", TCP, ECHO, f"--log-level={level}"
            )
            while not (self.here / "s").exists():
                await deferLater(reactor, 0.02)
            if count:
                await opened(f"{await twistd.url()}/echo")
            twistd.terminate()
            self.assertEqual(await twistd.ended, TERMINATED)
            self.assertEqual(twistd.output.count(" at http"), count)
            self.assertNotIn("session", twistd.output)
            if not count:
                self.assertEqual(twistd.output, "")

    async def test_scrapes(self) -> None:
        """
        What asks for metrics or health is in no log, but for a path of the services'
        own port, which the access log has.
        """
        twistd = self.start(
            *("--listen", TCP, ECHO, "--metrics", TCP, "--health", TCP),
            *("--health=/up", "--access-log=a.log"),
        )
        urls = await twistd.until(
            r"(?s)echo at (\S+)/\n.*(http\S+/health)\n.*(http\S+/metrics)\n"
        )
        for url in f"{urls[1]}/up", urls[2], urls[3]:
            self.assertIn("echo", await get(url))
        twistd.terminate()
        self.assertEqual(await twistd.ended, TERMINATED)
        self.assertNotIn("GET", twistd.output)
        [line] = (self.here / "a.log").read_text().splitlines()
        self.assertIn("GET /up", line)


class PortTests(ProcessTestCase):
    """
    Ports that cannot be had.
    """

    async def test_oneLine(self) -> None:
        """
        One line says so, there is no traceback, the exit status is 1, and no pidfile is
        left behind.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            used = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            for place, why, options, more in (
                (used, "already in use", (), ()),
                (used, "already in use", (), ("--workers=2",)),
                ("tcp:99999", "0-65535", ("--logfile=t.log",), ()),
            ):
                program = self.program(
                    *("-n", "--pidfile=x.pid", *options, "sockjs"),
                    *("--listen", place, ECHO, *more),
                )
                program.started.addErrback(lambda reason: None)
                await program.ended
                self.assertEqual(program.status, 1)
                self.assertNotIn("Traceback", program.output)
                lines = program.output.splitlines()
                [told] = [line for line in lines if "Cannot listen on" in line]
                self.assertIn(place, told)
                self.assertIn(why, told)
                self.assertFalse((self.here / "x.pid").exists())
        self.assertNotIn("Traceback", (self.here / "t.log").read_text())


class PidfileTests(ProcessTestCase):
    """
    ``--pidfile``.
    """

    async def test_stale(self) -> None:
        """
        In the foreground, a file that is left over of a process whose number is
        another's now is in nobody's way, and none is written.
        """
        (self.here / "twistd.pid").write_text(str(os.getpid()))
        program = self.program("-n", "sockjs", "--listen", TCP, ECHO)
        await program.until(" at http")
        program.stop()
        await program.ended
        self.assertEqual((self.here / "twistd.pid").read_text(), str(os.getpid()))

    async def test_daemon(self) -> None:
        """
        A daemon that finds one ends with one line about it.
        """
        (self.here / "twistd.pid").write_text(str(os.getpid()))
        program = self.program("sockjs", "--listen", TCP, ECHO)
        program.started.addErrback(lambda reason: None)
        await program.ended
        self.assertEqual(program.status, 1)
        first, second = program.output.splitlines()
        self.assertIn(f"process {os.getpid()} is running", first)
        self.assertIn("--help", second)
