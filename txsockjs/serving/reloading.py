"""What a running process reads again when it is told to: `Reloader`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import Logger

# Not everywhere there is such a signal.
_HANGUP: Final[signal.Signals | None] = getattr(signal, "SIGHUP", None)


class Reloader:
    """
    Has things read again, such as certificates and the names of log files, on SIGHUP.
    Nothing is closed for it; what cannot be read again stays as it was.
    """

    _log = Logger()

    def __init__(self, reactor: Any, stop: Callable[[], object] | None = None) -> None:
        """
        :param reactor: what is told of the signal.
        :param stop: called when the terminal is gone; the reactor's own, if None.
        """
        self._reactor = reactor
        self._stop = stop or reactor.stop
        self._things: list[tuple[str, Callable[[], object]]] = []
        self._former: Any = None
        # The session of processes, if it has a terminal.
        self._session: int | None = None

    def add(self, what: str, read: Callable[[], object]) -> None:
        """
        Have something read again, too.

        :param what: what it is, for the log.
        :param read: reads it, and returns whether there was anything to read, or None
            where it tells the log itself. What it raises is told there, too.
        """
        self._things.append((what, read))

    def reload(self) -> None:
        """
        Read all of it again.
        """
        done, told = [], False
        for what, read in self._things:
            try:
                found = read()
                told = told or found is None
                if found:
                    done.append(what)
            except Exception as error:
                self._log.error(
                    "Cannot read {what} again, which stays as it was: {problem}",
                    what=what,
                    problem=f"{type(error).__name__}: {error}",
                )
        if done or not told:
            self._log.info("Read again: {what}.", what=", ".join(done) or "nothing")

    def watch(self) -> None:
        """Do so on SIGHUP, from now on. Whoever has that signal ignored, as ``nohup``
        does, or has a handler of it, keeps that.
        """
        if (
            _HANGUP is not None
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(_HANGUP) is signal.SIG_DFL
        ):
            # A daemon leaves the terminal that it was started in.
            self._session = os.getsid(0) if _hasTerminal() else None
            self._former = signal.signal(_HANGUP, self._signalled)

    def unwatch(self) -> None:
        """
        Do so no longer.
        """
        if _HANGUP is not None and self._former is not None:
            signal.signal(_HANGUP, self._former)
            self._former = None

    def _signalled(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._hungUp)

    def _hungUp(self) -> None:
        if self._session == os.getsid(0) and not _hasTerminal():
            # This is what the signal was invented for.
            self._log.info("The terminal is gone: stopping.")
            self._stop()
        else:
            self.reload()


def _hasTerminal() -> bool:
    """
    Whether the process has a controlling terminal.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
