"""What the process logs, how, and where to: `ProcessLog`, `LoggedService`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from twisted.application.service import Service
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    InvalidLogLevelError,
    LegacyLogObserverWrapper,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    textFileLogObserver,
)
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from twisted.python.reflect import namedAny

from txsockjs.serving.explaining import endWithoutTrace, whyNot

#: In which forms there is a log.
FORMATS: Final = ("text", "json")

# What each event has for the log's own use, or for observers of before Twisted 15.2.
_NO_FIELDS: Final = frozenset(
    ("failure", "format", "isError", "message", "system", "time", "why")
)

# What a worker's event has in place of what does not go to its parent.
_LOST: Final = {"unpersistable": True}


def readLevel(value: str) -> tuple[str, Any]:
    """
    A namespace, which is empty for all of them, and its level.

    :param value: ``LEVEL``, or ``NAMESPACE=LEVEL``.
    :raise ValueError: if there is no such level.
    """
    namespace, _, name = value.rpartition("=")
    try:
        return namespace, LogLevel.levelWithName(name)
    except InvalidLogLevelError:
        names = ", ".join(level.name for level in LogLevel.iterconstants())
        raise ValueError(
            f"{name!r} is no level; there are {names}, as in txsockjs=debug"
        ) from None


def jsonLine(event: Mapping[str, Any]) -> str:
    """
    An event as one object of JSON, and the end of the line.
    """
    when = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    level = event.get("log_level", LogLevel.info)
    line: dict[str, object] = {
        "time": when.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": level.name,
        "namespace": event.get("log_namespace", ""),
        "text": formatEvent(dict(event)),
    }
    fields = {
        name: _plain(value)
        for name, value in event.items()
        if not name.startswith("log_")
        and name not in _NO_FIELDS
        and not (isinstance(value, dict) and value == _LOST)
    }
    if fields:
        line["fields"] = fields
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["traceback"] = failure.getTraceback()
    # No end of a line is in it: all that is not ASCII is escaped.
    return json.dumps(line) + "\n"


def _plain(value: object) -> object:
    """
    A value as JSON has it, or else its text.
    """
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            json.dumps(value, allow_nan=False)
            return value
    except ValueError:
        pass
    try:
        return str(value)
    except Exception:
        return f"a {type(value).__name__} that cannot be shown"


class ProcessLog:
    """
    The log of a process that ``twistd`` runs, in the place that ``twistd`` was told.

    :ivar levels: what is logged of which namespace.
    """

    def __init__(
        self,
        format: str,
        levels: Mapping[str, Any],
        twistd: Mapping[str, Any] | None,
    ) -> None:
        """
        :param format: one of `FORMATS`.
        :param levels: levels by namespace, that of all others with an empty name. It is
            ``info`` where there is none.
        :param twistd: the options of ``twistd``, if it is that which runs it.
        """
        self._format = format
        self._twistd = twistd
        self.levels: LogLevelFilterPredicate = LogLevelFilterPredicate(
            defaultLogLevel=LogLevel.info
        )
        for namespace, level in levels.items():
            self.levels.setLogLevelForNamespace(namespace, level)
        self._file: LogFile | None = None

    def logs(self, namespace: str, level: Any) -> bool:
        """
        Whether an event would be in the log.
        """
        least = self.levels.logLevelForNamespace(namespace)
        return bool(least <= level)

    def observer(self, reactor: Any) -> ILogObserver | None:
        """
        What writes the log, opened.

        :param reactor: where SIGUSR1 has the file rotated, as with ``twistd``.
        :return: what ``twistd`` is to have in place of its own observer, or None where
            it has to complain of its options, or was told of another one.
        """
        twistd = self._twistd
        if twistd is None:
            return None
        path, foreground = twistd["logfile"], twistd["nodaemon"] or twistd["debug"]
        observer: Any
        if twistd["logger"] or (path == "-" and not foreground):
            return None
        if twistd.get("syslog"):
            # Where there is no syslog, that cannot be imported.
            syslog = namedAny("twisted.python.syslog.SyslogObserver")
            observer = LegacyLogObserverWrapper(syslog(twistd["prefix"]).emit)
        elif path == "-" or (foreground and not path):
            observer = self._writer(sys.stdout)
        else:
            file: LogFile = LogFile.fromFullPath(path or "twistd.log")
            self._file = file
            observer = self._writer(file)
            if not signal.getsignal(signal.SIGUSR1):
                signal.signal(
                    signal.SIGUSR1,
                    lambda *rest: reactor.callFromThread(file.rotate),
                )
        return FilteringLogObserver(observer, [self.levels])

    def _writer(self, file: Any) -> FileLogObserver:
        if self._format == "json":
            return FileLogObserver(file, jsonLine)
        return textFileLogObserver(file)

    @property
    def path(self) -> str | None:
        """
        The file that it goes to, if it is one.
        """
        return None if self._file is None else os.path.abspath(self._file.path)

    def reopen(self) -> bool:
        """
        Go on in a file of the same name.

        :return: whether it goes to a file.
        :raise OSError: if there can be none; then it goes on where it was.
        """
        if self._file is None:
            return False
        # Once it is closed there is no way back.
        open(self._file.path, "ab").close()
        self._file.reopen()
        return True


class LoggedService(Service):
    """
    A service that ``twistd`` runs, with a log of its own.

    :ivar log: that log, if there is one.
    :ivar reactor: what the service runs on.
    """

    reactor: Any

    _log = Logger()

    def __init__(self) -> None:
        self.log: ProcessLog | None = None

    def cannotListen(self, failure: Failure, description: str) -> None:
        """
        Log that an endpoint cannot listen. Where the one who runs this can do something
        about it, there is one line and no traceback, neither now nor at the end of the
        process, which this leads to.

        :param description: the endpoint's string.
        """
        error: Any = failure.value
        problem = whyNot(error, description)
        if problem is None:
            self._log.failure(
                "Cannot listen on {description}", failure, description=description
            )
            return
        self._log.critical(
            "Cannot listen on {description}: {problem}",
            description=description,
            problem=problem,
        )
        if self.log is not None:
            line = f"Cannot listen on {description}: {problem}"
            endWithoutTrace(error, line if self.log.path else "")

    def setServiceParent(self, parent: Any) -> None:
        """
        Be a part of an application, which ``twistd`` asks for its log right after.
        """
        if self.log is not None and isinstance(parent, Componentized):
            observer = self.log.observer(self.reactor)
            if observer is not None:
                parent.setComponent(ILogObserver, observer)
        Service.setServiceParent(self, parent)
