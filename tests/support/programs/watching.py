"""Programs whose words a test waits for, one after the other: `watch`."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest

from tests.support.programs.processes import ROOT


class Watched(ProcessProtocol):
    """
    A program, in a process of its own.

    :ivar output: what it has written until now, on both its outputs.
    :ivar ended: fires when it ends.
    """

    transport: Any

    def __init__(self) -> None:
        self.output = ""
        self.ended: Deferred[None] = Deferred()
        self._wanted: list[tuple[re.Pattern[str], Deferred[re.Match[str]]]] = []

    def until(self, pattern: str) -> Deferred[re.Match[str]]:
        """
        Wait until it has written something.

        :return: what fires with the match, or fails with its whole output at its end.
        """
        found: Deferred[re.Match[str]] = Deferred()
        self._wanted.append((re.compile(pattern), found))
        self._look()
        return found

    def signal(self, number: signal.Signals) -> None:
        """
        Send it a signal.
        """
        self.transport.signalProcess(number)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")
        self._look()

    def processEnded(self, reason: Failure) -> None:
        wanted, self._wanted = self._wanted, []
        for _, found in wanted:
            found.errback(FailTest(f"it has ended:\n{self.output}"))
        self.ended.callback(None)

    def _look(self) -> None:
        for each in self._wanted[:]:
            match = each[0].search(self.output)
            if match is not None:
                self._wanted.remove(each)
                each[1].callback(match)


def watch(test: Any, *command: str) -> Watched:
    """
    Start a program; it is killed when the test ends, if it has not ended.
    """
    from twisted.internet import reactor

    program = Watched()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    reactor.spawnProcess(program, command[0], command, environment, str(ROOT))

    def kill() -> Deferred[None] | None:
        try:
            program.signal(signal.SIGKILL)
        except ProcessExitedAlready:
            return None
        return program.ended

    test.addCleanup(kill)
    return program
