"""A command in its process: the reactor, signals, and what is logged."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectError
from twisted.logger import (
    ILogObserver,
    Logger,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from txsockjs.clock import clockOr
from txsockjs.command.endings import FAILED, CommandError, problem
from txsockjs.command.parser import USAGE
from txsockjs.errors import InvalidURL, OptionError, SockJSError

#: Those that ask the command to end.
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")

_log = Logger()


class Job(Protocol):
    """
    What a command does while the reactor runs.
    """

    def start(self) -> Deferred[int]:
        """
        Begin.

        :return: what fires with the exit status when all is over; with an error of
            which its text is shown.
        """

    def stop(self, number: int) -> None:
        """
        End in good order. Asked again, end at once.

        :param number: the signal that asks for it.
        """


def run(makeJob: Callable[[Any], Job], arguments: Namespace) -> int:
    """
    Run the reactor until a job is done.

    :param makeJob: given the reactor, makes the job.
    :param arguments: with the ``prog`` that errors begin with, and whether to be
        ``verbose``.
    :return: the exit status.
    """
    beginLogging(arguments.verbose)
    reactor: Any = clockOr(None)
    jobs: list[Job] = []
    outcome: list[int] = []

    def ended(result: int | Failure) -> None:
        if isinstance(result, Failure):
            result = complain(arguments.prog, result)
        outcome.append(result)
        reactor.stop()

    def start() -> Deferred[int]:
        jobs.append(makeJob(reactor))
        return jobs[0].start()

    def stop(number: int) -> None:
        for job in jobs:
            job.stop(number)

    def begin() -> None:
        maybeDeferred(start).addBoth(ended)

    def signalled(number: int, frame: object) -> None:
        reactor.callFromThread(stop, number)

    for name in _SIGNALS:
        # There is no SIGHUP everywhere.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signalled)
    reactor.callWhenRunning(begin)
    # Twisted's own would stop the reactor at once, whatever is still to be told.
    reactor.run(installSignalHandlers=False)
    return outcome[0] if outcome else FAILED


def beginLogging(verbose: bool) -> None:
    """
    Have Twisted's log go to standard error, or nowhere.
    """
    observers: list[ILogObserver] = []
    if verbose:
        observers.append(textFileLogObserver(sys.stderr))
    globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)


def complain(prog: str, failure: Failure) -> int:
    """
    Say on standard error why the command cannot go on.

    :return: the exit status.
    """
    error = failure.value
    if isinstance(error, (CommandError, SockJSError, ConnectError, OSError)):
        say(prog, problem(error))
        if isinstance(error, (InvalidURL, OptionError)):
            return USAGE
        return error.status if isinstance(error, CommandError) else FAILED
    _log.failure("The command failed.", failure)
    say(
        prog,
        f"internal error: {type(error).__name__}: {problem(error)}: "
        "try --verbose, and report what it shows",
    )
    return FAILED


def say(prog: str, line: str) -> None:
    """
    Say one line on standard error.
    """
    print(f"{prog}: {line}", file=sys.stderr, flush=True)


def warn(arguments: Namespace) -> None:
    """Say what is dangerous in the arguments of `addReaching
    <txsockjs.command.reaching.addReaching>`.
    """
    if arguments.insecure:
        say(arguments.prog, "warning: with --insecure, any certificate is accepted")
