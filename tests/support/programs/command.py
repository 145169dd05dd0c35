"""Runs the real command C{txsockjs} against a service of the test."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, TestCase

from txsockjs.factory import SockJSMultiFactory

ROOT = Path(__file__).parents[3]


class Command(ProcessProtocol):
    """
    A C{txsockjs} in a process of its own.

    @ivar output: what it has written to standard output until now; in a terminal, all.
    @ivar errors: what it has written to standard error.
    @ivar ended: fires when it ends, with its exit status, or minus the signal.
    @ivar gone: fires when it ends.
    """

    transport: Any

    def __init__(
        self,
        *arguments: str,
        input: bytes | None = b"",
        terminal: bool = False,
        path: str = ".",
        environment: dict[str, str] | None = None,
        program: tuple[str, ...] = (sys.executable, "-m", "txsockjs"),
    ) -> None:
        """
        @param input: all of its standard input; None: that is still open.
        @param terminal: whether it runs in a terminal.
        @param path: the directory to run it in.
        @param environment: what is different in its environment.
        """
        self.output = ""
        self.errors = ""
        self.ended: Deferred[int] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self._input = input
        self._wanted: tuple[re.Pattern[str], Deferred[re.Match[str]]] | None = None
        here = {
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "TERM": "xterm",
            # There is no terminal that would answer where its cursor is.
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        reactor.spawnProcess(
            self,
            program[0],
            [*program, *arguments],
            env={**os.environ, **here, **(environment or {})},
            path=path,
            usePTY=terminal,
        )

    def connectionMade(self) -> None:
        if self._input is not None:
            self.transport.write(self._input)
            self.transport.closeStdin()

    def type(self, text: str) -> None:
        """
        Give it some input.
        """
        self.transport.write(text.encode())

    def until(self, pattern: str) -> Deferred[re.Match[str]]:
        """
        Wait until it has said something.

        @return: what fires with the match, or fails with all that was said at its end.
        """
        found: Deferred[re.Match[str]] = Deferred()
        self._wanted = (re.compile(pattern), found)
        self._look()
        return found

    async def result(self) -> tuple[int, str, str]:
        """
        Wait until it has ended.

        @return: the exit status, standard output and standard error.
        """
        status = await self.ended
        return status, self.output, self.errors

    def signal(self, name: str) -> None:
        """
        Send it a signal, such as C{"INT"}.
        """
        self.transport.signalProcess(name)

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.errors += data.decode("utf-8", "replace")
        self._look()

    def processEnded(self, reason: Failure) -> None:
        if self._wanted is not None and not self._wanted[1].called:
            said = f"{self.output}\n{self.errors}"
            self._wanted[1].errback(FailTest(f"txsockjs has ended:\n{said}"))
        value: Any = reason.value
        number = value.signal
        self.gone.callback(None)
        if not self.ended.called:
            # It may have been waited for in vain.
            self.ended.callback(-number if number else value.exitCode)

    def _look(self) -> None:
        if self._wanted is not None:
            pattern, found = self._wanted
            match = pattern.search(self.output + self.errors)
            if match is not None:
                self._wanted = None
                found.callback(match)


class CommandTestCase(TestCase):
    """
    A test that runs C{txsockjs} in an empty directory, against services of its own.

    @ivar site: the last Site that serves, and C{port} its port.
    """

    timeout = 20

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()

    def serve(self, factory: IProtocolFactory, **options: object) -> str:
        """
        Serve sessions of a factory, on a free port.

        @return: the URL.
        """
        site = self.site = SockJSMultiFactory()
        site.addFactory(factory, "service", options)
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.port = port

        async def stop() -> None:
            await site.closeSessions()
            await maybeDeferred(port.stopListening)

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return f"http://127.0.0.1:{self.port.getHost().port}/service"

    def start(self, *arguments: str, **how: Any) -> Command:
        """
        Start a command; it is killed after the test where it has not ended.
        """
        command = Command(*arguments, path=str(self.here), **how)

        async def stop() -> None:
            if not command.gone.called:
                command.signal("KILL")
                await command.gone

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return command

    async def run_(self, *arguments: str, **how: Any) -> tuple[int, str, str]:
        """
        Run a command to its end.

        @return: the exit status, standard output and standard error.
        """
        return await self.start(*arguments, **how).result()
