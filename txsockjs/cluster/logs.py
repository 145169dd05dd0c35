"""The log of a worker goes to its parent: `EventWriter`, `EventReader`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsJSON,
    eventFromJSON,
)
from zope.interface import implementer

#: How many bytes an event may have. Of what is longer, the beginning is logged as text.
MAX_EVENT: Final = 1024 * 1024

_TRACEBACK: Final = "worker_traceback"


@implementer(ILogObserver)
class EventWriter:
    """
    Writes events to a descriptor, a line of JSON for each, and waits until they are
    written. What nobody reads any more is lost.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            # As JSON, it would lose its message.
            event = {**event, _TRACEBACK: failure.getTraceback()}
            del event["log_failure"]
        data = eventAsJSON(event).encode("utf-8", "backslashreplace") + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            pass


class SentFailure:
    """
    What is left of a failure of another process, as far as logs want it.
    """

    def __init__(self, traceback: str) -> None:
        self._traceback = traceback

    def getTraceback(self, *args: object, **kw: object) -> str:
        """
        Its traceback.
        """
        return self._traceback

    def getBriefTraceback(self) -> str:
        """
        The same.
        """
        return self._traceback

    def getErrorMessage(self) -> str:
        """
        The last line of it.
        """
        return self._traceback.rstrip().rpartition("\n")[2]


class EventReader:
    """
    Reads such events, and publishes them as those of a worker.
    """

    def __init__(self, worker: str, publish: Callable[[LogEvent], object]) -> None:
        """
        :param worker: the worker's name, for the field ``worker`` and the prefix of a
            line in a log for people.
        """
        self._worker = worker
        self._publish = publish
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """
        Read what has come.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._event(line)
        if len(self._rest) > MAX_EVENT:
            self._text(self._rest)
            self._rest = b""

    def _event(self, line: bytes) -> None:
        try:
            event = eventFromJSON(line.decode("utf-8"))
            if not isinstance(event, dict):
                raise TypeError(line)
        except (ValueError, TypeError, LookupError, AttributeError):
            self._text(line)
            return
        traceback = event.pop(_TRACEBACK, None)
        if traceback is not None:
            event["log_failure"] = SentFailure(traceback)
        self._tell(event)

    def _text(self, data: bytes) -> None:
        text = data[:1000].decode("utf-8", "replace")
        self._tell({"log_level": LogLevel.info, "log_format": "{text}", "text": text})

    def _tell(self, event: dict[str, Any]) -> None:
        system = event.get("log_system")
        if system is None:
            level = getattr(event.get("log_level"), "name", "-")
            system = f"{event.get('log_namespace', '-')}#{level}"
        event["log_system"] = f"worker {self._worker} {system}"
        event["worker"] = self._worker
        self._publish(event)


class Lines:
    """
    What a process writes for people to read, line by line, with a bound for the length
    of one.

    :ivar last: the last line that was not empty.
    """

    def __init__(self, tell: Callable[[str], object], limit: int = 4096) -> None:
        self.last: str = ""
        self._tell = tell
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """
        Read what has come.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._limit:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """
        Nothing more will come.
        """
        rest, self._rest = self._rest, b""
        self._line(rest)

    def _line(self, line: bytes) -> None:
        text = line[: self._limit].decode("utf-8", "replace").rstrip()
        if text:
            self.last = text
            self._tell(text)
