"""Runs the real command ``txsockjs`` against a service of the test."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, TestCase

from txsockjs.factory import SockJSMultiFactory

ROOT = Path(__file__).parents[3]


class Command(ProcessProtocol):
    """
    A ``txsockjs`` in a process of its own.

    :ivar output: what it has written to standard output until now; in a terminal, all.
    :ivar errors: what it has written to standard error.
    :ivar ended: fires when it ends, with its exit status, or minus the signal.
    :ivar gone: fires when it ends.
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
        :param input: all of its standard input; None: that is still open.
        :param terminal: whether it runs in a terminal.
        :param path: the directory to run it in.
        :param environment: what is different in its environment.
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

        :return: what fires with the match, or fails with all that was said at its end.
        """
        found: Deferred[re.Match[str]] = Deferred()
        self._wanted = (re.compile(pattern), found)
        self._look()
        return found

    async def result(self) -> tuple[int, str, str]:
        """
        Wait until it has ended.

        :return: the exit status, standard output and standard error.
        """
        status = await self.ended
        return status, self.output, self.errors

    def signal(self, name: str) -> None:
        """
        Send it a signal, such as ``"INT"``.
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
    A test that runs ``txsockjs`` in an empty directory, against services of its own.

    :ivar site: the last Site that serves, and ``port`` its port.
    """

    timeout = 60

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()

    def serve(self, factory: IProtocolFactory, **options: object) -> str:
        """
        Serve sessions of a factory, on a free port.

        :return: the URL.
        """
        site = self.site = SockJSMultiFactory()
        # A client over HTTP cannot say that it leaves: that is what the end waits for.
        site.addFactory(factory, "service", {"timeout": 0.5, **options})
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

        :return: the exit status, standard output and standard error.
        """
        return await self.start(*arguments, **how).result()


class Talking(Protocol):
    """
    Echoes, and keeps how sessions begin and end.
    """

    transport: Any
    factory: TalkingFactory

    def connectionMade(self) -> None:
        self.factory.sessions.append(self)
        self.factory.open += 1
        self.factory.most = max(self.factory.most, self.factory.open)
        if not self.factory.opened.called:
            self.factory.opened.callback(None)
        for message in self.factory.greeting:
            self.transport.write(message)
        if self.factory.close is not None:
            self.transport.loseConnection(*self.factory.close)

    def dataReceived(self, data: bytes) -> None:
        self.factory.heard.append(data)
        if self.factory.echoes:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.open -= 1
        self.factory.ends.append(reason.value)
        if not self.factory.ended.called:
            self.factory.ended.callback(None)


class TalkingFactory(Factory):
    """
    :ivar greeting: what each session begins with.
    :ivar close: with what each session is closed then, or None.
    :ivar echoes: whether messages come back.
    :ivar opened: fires when the first session opens; ``ended`` when one has ended.
    :ivar most: how many sessions were open at once.
    """

    protocol = Talking
    noisy = False

    def __init__(
        self,
        *greeting: bytes,
        close: tuple[int, str] | None = None,
        echoes: bool = True,
    ) -> None:
        self.greeting = greeting
        self.close = close
        self.echoes = echoes
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.sessions: list[Any] = []
        self.heard: list[bytes] = []
        self.ends: list[Any] = []
        self.open = self.most = 0
