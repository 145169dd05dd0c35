"""Runs a real ``twistd sockjs`` and watches what it says."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, TestCase

#: How a twistd ends that was asked to: by the signal itself, once all is done.
TERMINATED = -signal.SIGTERM

TWISTD = Path(sys.executable).with_name("twistd")


class Twistd(ProcessProtocol):
    """
    A ``twistd -n sockjs`` in a process of its own.

    :ivar output: what it has said until now.
    :ivar ended: fires when it ends, with its exit status, or minus the signal.
    """

    transport: Any

    def __init__(
        self, *arguments: str, path: str = ".", options: tuple[str, ...] = ()
    ) -> None:
        """
        :param arguments: the arguments of ``sockjs``.
        :param path: the directory to run it in.
        :param options: the options of ``twistd``, before ``sockjs``.
        """
        self.output = ""
        self.ended: Deferred[int] = Deferred()
        self._wanted: tuple[re.Pattern[str], Deferred[re.Match[str]]] | None = None
        reactor.spawnProcess(
            self,
            str(TWISTD),
            [
                str(TWISTD),
                "-n",
                "--pidfile=",
                *options,
                "sockjs",
                *arguments,
            ],
            env=os.environ,
            path=path,
        )

    def until(self, pattern: str) -> Deferred[re.Match[str]]:
        """
        Wait until it has said something.

        :return: what fires with the match, or fails with the whole output at its end.
        """
        found: Deferred[re.Match[str]] = Deferred()
        self._wanted = (re.compile(pattern), found)
        self._look()
        return found

    async def url(self) -> str:
        """
        Wait until it serves, and say where, without a slash at the end.
        """
        return (await self.until(r" at (https?://\S+)/\n"))[1]

    def terminate(self) -> None:
        """
        Ask it to stop.
        """
        self.transport.signalProcess("TERM")

    def outReceived(self, data: bytes) -> None:
        self.output += data.decode("utf-8", "replace")
        self._look()

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        if self._wanted is not None:
            self._wanted[1].errback(FailTest(f"twistd has ended:\n{self.output}"))
        number = reason.value.signal
        self.ended.callback(-number if number else reason.value.exitCode)

    def _look(self) -> None:
        if self._wanted is not None:
            pattern, found = self._wanted
            match = pattern.search(self.output)
            if match is not None:
                self._wanted = None
                found.callback(match)


class TwistdTestCase(TestCase):
    """
    A test that starts ``twistd``, in an empty directory.
    """

    timeout = 60

    def setUp(self) -> None:
        self.here = Path(self.mktemp()).absolute()
        self.here.mkdir()

    def start(self, *arguments: str, options: tuple[str, ...] = ()) -> Twistd:
        """
        Start it; it is stopped after the test.
        """
        twistd = Twistd(*arguments, path=str(self.here), options=options)

        async def stop() -> None:
            if not twistd.ended.called:
                twistd.terminate()
                await twistd.ended

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return twistd
