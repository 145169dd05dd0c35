"""The processes of workers, as their parent sees them: `Child`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.logger import LogEvent, Logger, globalLogPublisher
from twisted.python.failure import Failure

from txsockjs.cluster.logs import EventReader, Lines

#: What a fresh interpreter runs: the module of a process, with the parent's path.
_PROGRAM: Final = """\
import os, sys
sys.path[:] = {path!r}
if "LISTEN_FDS" in os.environ:
    os.environ["LISTEN_PID"] = str(os.getpid())
from {module} import main
main()
"""

#: What is not for a child: it is the parent that tells the service manager.
_PRIVATE: Final = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class Child(ProcessProtocol):
    """
    A process that was started for a server, until it has ended. What it writes is
    logged.

    :ivar name: what it is called.
    """

    transport: IProcessTransport

    _log = Logger(namespace="txsockjs.cluster.children")

    def __init__(
        self,
        name: str,
        events: int,
        ended: Callable[[str], object],
        publish: Callable[[LogEvent], object] = globalLogPublisher,
    ) -> None:
        """
        :param events: the descriptor to which it writes its log.
        :param ended: called at its end with how it has ended, in words.
        """
        self.name = name
        self._events = events
        self._ended = ended
        self._reader = EventReader(name, publish)
        self._output = Lines(self._said)
        self._errors = Lines(self._said)

    @property
    def lastWords(self) -> str:
        """
        The last line of its error output.
        """
        return self._errors.last

    def _said(self, line: str) -> None:
        self._log.info("worker {worker}: {line}", worker=self.name, line=line)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == self._events:
            self._reader.feed(data)
        else:
            (self._output if childFD == 1 else self._errors).feed(data)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        self._output.end()
        self._errors.end()
        self._ended(howEnded(reason))

    def signal(self, name: str) -> None:
        """
        Send it a signal, unless it has ended.

        :param name: such as ``"KILL"``.
        """
        if self.transport.pid:
            self.transport.signalProcess(signal.Signals[f"SIG{name}"])


def howEnded(reason: Failure) -> str:
    """
    How a process has ended, in words.
    """
    if reason.check(ProcessDone):
        return "exit status 0"
    ended: Any = reason.value
    if ended.signal is not None:
        return f"signal {ended.signal}"
    return f"exit status {ended.exitCode}"


def spawn(
    reactor: Any,
    child: Child,
    module: str,
    path: list[str],
    settings: Mapping[str, object],
    descriptors: Mapping[int, int | str],
    variables: Mapping[str, str],
) -> None:
    """
    Start a process, in a fresh interpreter.

    :param module: its ``main`` is called there.
    :param path: where it finds modules.
    :param settings: what it reads from its standard input, as JSON in one line.
    :param descriptors: what it has, beside its input and its outputs.
    :param variables: what its environment has in addition.
    """
    program = _PROGRAM.format(path=path, module=module)
    command = [sys.executable, *_flags(), "-c", program, child.name]
    environment = {
        name: value for name, value in os.environ.items() if name not in _PRIVATE
    }
    environment.update(variables)
    given: dict[int, int | str] = {0: "w", 1: "r", 2: "r", **descriptors}
    transport = reactor.spawnProcess(
        child, sys.executable, command, environment, childFDs=given
    )
    transport.writeToChild(0, json.dumps(settings).encode("ascii") + b"\n")
    transport.closeStdin()


def _flags() -> list[str]:
    """
    What the interpreter was started with that code can notice.
    """
    flags = [f"-W{option}" for option in sys.warnoptions]
    return flags + ["-O"] * sys.flags.optimize
