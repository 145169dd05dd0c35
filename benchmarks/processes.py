"""The processes of servers and clients: started, measured, ended."""

from __future__ import annotations

import json
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from benchmarks.errors import ClientFailed, NotInstalled, ServerFailed
from benchmarks.peer import HERE, Peer

#: Seconds that a server may take to start, or to end.
STARTING = 30.0

#: Seconds that a client's program may take.
CLIENT = 120.0


class ServerProcess:
    """
    A peer's server, as a context manager.

    :ivar port: where it listens, on 127.0.0.1.
    """

    def __init__(self, peer: Peer, arguments: Sequence[str] = ()) -> None:
        self._peer = peer
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._directory = tempfile.TemporaryDirectory()
        self._report = Path(self._directory.name) / "report.json"
        self._process = subprocess.Popen(
            [*peer.command(), *arguments],
            cwd=HERE.parent,
            env={**peer.environment(), "BENCHMARK_REPORT": str(self._report)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._watch = psutil.Process(self._process.pid)
        try:
            self.port = self._listening()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"the server {self._peer.name} said: {self._said()}")
        self.stop()

    def _listening(self) -> int:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(STARTING) else b""
        word, _, port = line.decode().partition(" ")
        if word != "listening":
            raise ServerFailed(f"{self._peer.name} did not start: {self._said()}")
        return int(port)

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-3000:] or "nothing"

    def cpu(self) -> float:
        """
        The CPU time that it has used, and that its processes have, user and system, in
        seconds.
        """
        if self._process.poll() is not None:
            raise ServerFailed(f"{self._peer.name} ended: {self._said()}")
        return sum(
            times.user + times.system
            for times in (process.cpu_times() for process in self._all())
        )

    def memory(self) -> int:
        """Its proportional set size, and that of its processes, in bytes."""
        return sum(int(process.memory_full_info().pss) for process in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self._watch, *self._watch.children(recursive=True)]

    def collection(self) -> dict[str, float]:
        """
        What its garbage collector has to do, as it says itself.

        :return: ``walked``, in objects, and ``collection``, in milliseconds.
        :raise ServerFailed: it does not say.
        """
        self._report.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR2)
        end = time.monotonic() + STARTING
        while not self._report.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServerFailed(f"{self._peer.name} left no report: {self._said()}")
            time.sleep(0.01)
        found: dict[str, float] = json.loads(self._report.read_text())
        return found

    def stop(self) -> None:
        """End it, at once where it does not end when asked to."""
        self._process.terminate()
        try:
            self._process.wait(STARTING)
        except subprocess.TimeoutExpired:
            for process in reversed(self._all()):
                process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()
        self._directory.cleanup()


class RedisProcess:
    """
    A Redis that keeps nothing, as a context manager.

    :ivar url: where it is.
    """

    def __init__(self, directory: Path) -> None:
        """
        :param directory: where it may put files.
        :raise NotInstalled: there is no ``redis-server``.
        """
        program = shutil.which("redis-server")
        if program is None:
            raise NotInstalled("redis-server is not installed here")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)]
        self.url = f"redis://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [program, *place, "--save", ""],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> RedisProcess:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Ready to accept connections" in line:
                return self
        raise ServerFailed("redis-server did not start")

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.communicate()


def runClient(peer: Peer, arguments: Sequence[str]) -> dict[str, Any]:
    """
    Run a client's program to its end.

    :return: what it has measured.
    :raise ClientFailed: it says that something is wrong, or does not end.
    """
    try:
        done = subprocess.run(
            [*peer.clientCommand(), *arguments],
            cwd=HERE.parent,
            env=peer.environment(),
            capture_output=True,
            text=True,
            timeout=CLIENT,
        )
    except subprocess.TimeoutExpired:
        raise ClientFailed(f"{peer.name} did not end in {CLIENT:.0f} s") from None
    if done.returncode:
        raise ClientFailed(f"{peer.name}: {done.stderr[-3000:] or 'nothing said'}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
