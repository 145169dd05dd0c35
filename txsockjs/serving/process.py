"""What ``twistd sockjs`` has ``twistd`` do with the process: `ProcessOptions`."""

from __future__ import annotations

import os
from typing import Any

from twisted.logger import LogLevel
from twisted.python.usage import UsageError

from txsockjs.serving.collecting import POLICIES, ServerCollector
from txsockjs.serving.logs import FORMATS, ProcessLog, readLevel
from txsockjs.serving.usage import UsageOptions


class ProcessOptions(UsageOptions):
    """
    What of a command line is about the process: its log, its garbage collector, and
    the file with its number.

    :ivar collector: what sets its garbage collector, or None to leave that alone.
    :ivar log: the log of the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.collector: ServerCollector | None = ServerCollector()
        self._levels: dict[str, Any] = {}
        self._format: str | None = None

    def opt_log_format(self, format: str) -> None:
        """
        How the log is written: text, or json, with an object a line. [default: text]
        """
        if format not in FORMATS:
            raise UsageError(
                f"--log-format {format}: there are {' and '.join(FORMATS)}"
            )
        self._format = format

    def opt_log_level(self, value: str) -> None:
        """
        LEVEL, or NAMESPACE=LEVEL: the least level that is logged, of all or of what is
        in a namespace. The levels are debug, info, warn, error and critical. May be
        given several times. Example: --log-level txsockjs=debug, which also logs each
        session that is opened or ends. [default: info]
        """
        try:
            namespace, level = readLevel(value)
        except ValueError as error:
            raise UsageError(f"--log-level {value}: {error}") from error
        self._levels[namespace] = level

    def opt_gc(self, policy: str) -> None:
        """
        How Python's garbage collector is set: server, for few and short pauses, or
        python, as Python has it. [default: server]
        """
        if policy not in POLICIES:
            raise UsageError(f"--gc {policy}: there are {' and '.join(POLICIES)}")
        self.collector = ServerCollector() if policy == "server" else None

    def postOptions(self) -> None:
        parent: Any = self.parent
        twistd = parent if parent is not None and "nodaemon" in parent else None
        self.log: ProcessLog = ProcessLog(
            self._format or FORMATS[0], self._levels, twistd
        )
        if twistd is not None:
            self._checkLog(parent)
            self._checkPid(parent)
        elif parent is not None and (self._format or self._levels):
            raise UsageError(
                "--log-format and --log-level go with twistd; 'python -m twisted' has "
                "options of these names that it takes before 'sockjs'"
            )

    @property
    def logsSessions(self) -> bool:
        """
        Whether each session is logged that is opened or ends.
        """
        return self.log.logs("txsockjs.core.service.Service", LogLevel.debug)

    def _checkLog(self, twistd: Any) -> None:
        given = "--log-format" if self._format else "--log-level"
        if twistd["logger"] and (self._format or self._levels):
            raise UsageError(f"{given}: this goes without twistd's --logger")
        if twistd.get("syslog") and self._format == "json":
            raise UsageError("--log-format json: this goes without twistd's --syslog")

    def _checkPid(self, twistd: Any) -> None:
        """
        In the foreground have no file with the process's number that nobody has asked
        for: one that is left over would stop the next start. Of one that there is, say
        what to do.
        """
        path = twistd.get("pidfile")
        # What was given is another string, even if it says the same.
        default = path is twistd.defaults.get("pidfile")
        if default and (twistd["nodaemon"] or twistd["debug"]):
            path = twistd["pidfile"] = ""
        if not path or not os.path.exists(path):
            return
        try:
            with open(path) as file:
                pid = int(file.read())
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--pidfile {path}: it has no process's number ({error}); where no "
                "twistd runs here, remove it"
            ) from error
        if pid == os.getpid():
            # It is from before the machine, or the container, was started anew.
            os.remove(path)
        elif _runs(pid):
            raise UsageError(
                f"--pidfile {path}: process {pid} is running. If that is another "
                "program, remove the file; if not, stop it first, or name another file"
            )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is somebody else's.
        pass
    return True
