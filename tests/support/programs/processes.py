"""Programs that a test needs running: `start`."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest

ROOT = Path(__file__).parents[3]

#: What a program says to tell its URL.
URL = r"http://127\.0\.0\.1:\d+\S*(?=\s)"


class Program(ProcessProtocol):
    """
    A program, until `stop`.

    :ivar output: what it has written, on both its outputs.
    :ivar ready: the match of what it was waited for.
    :ivar ended: fires when it has ended.
    :ivar status: its exit status then, or minus the signal that has ended it.
    """

    ready: re.Match[str]
    status: int

    def __init__(self, until: str) -> None:
        self.output = ""
        self.started: Deferred[Program] | None = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._until = re.compile(until)
        self._waiting: list[tuple[re.Pattern[str], Deferred[re.Match[str]]]] = []

    @property
    def pid(self) -> int:
        return self.transport.pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")
        self._look()
        found = self._until.search(self.output)
        if found and self.started is not None:
            self.ready = found
            started, self.started = self.started, None
            started.callback(self)

    def until(self, pattern: str) -> Deferred[re.Match[str]]:
        """
        Wait until it has written something more.

        :param pattern: of what, on either output, since it was started.
        :return: what fires with the match, or fails with the whole output at its end.
        """
        found: Deferred[re.Match[str]] = Deferred()
        self._waiting.append((re.compile(pattern), found))
        self._look()
        return found

    def _look(self) -> None:
        for pattern, found in list(self._waiting):
            match = pattern.search(self.output)
            if match:
                self._waiting.remove((pattern, found))
                found.callback(match)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        if self.started is not None:
            self.started.errback(FailTest(f"it ended before it began:\n{self.output}"))
        for _, found in self._waiting:
            found.errback(FailTest(f"it has ended:\n{self.output}"))
        number = reason.value.signal  # type: ignore[attr-defined]
        self.status = -number if number else reason.value.exitCode  # type: ignore[attr-defined]
        self.ended.callback(None)

    def kill(self) -> Deferred[None]:
        """
        End it at once, whatever it is doing.

        :return: what fires when it has ended.
        """
        self.transport.signalProcess("KILL")
        return self.ended

    def freeze(self) -> None:
        """
        Have it do nothing, until `thaw`.
        """
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """
        Have it go on.
        """
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> Deferred[None]:
        """
        Ask the program to end, if it has not.

        :return: what fires when it has.
        """
        self.thaw()
        if self.transport.pid is not None:
            self.transport.signalProcess("TERM")
        return self.ended

    def memory(self, name: str) -> int:
        """
        How much memory it has, in bytes: ``"VmRSS"`` now, ``"VmHWM"`` at its most.
        """
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


async def start(test: Any, until: str, *command: str) -> Program:
    """
    Start a program that the test needs; it ends with the test.

    :param until: a pattern of what the program writes when it is ready.
    :param command: the program and its arguments.
    """
    from twisted.internet import reactor

    program = Program(until)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    reactor.spawnProcess(program, command[0], command, environment, str(ROOT))
    test.addCleanup(program.stop)
    assert program.started is not None
    return await program.started


async def startExample(test: Any, name: str, *args: str) -> tuple[str, Program]:
    """
    Start one of ``examples/``, which tells its URL when it is ready.

    :return: the URL, without a slash at its end, and the program.
    """
    script = str(ROOT / "examples" / name)
    program = await start(test, URL, sys.executable, script, *args)
    return program.ready[0].rstrip("/"), program
