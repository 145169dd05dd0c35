"""What ``txsockjs connect`` shows of a session, as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from txsockjs.command.endings import harmless


class Rendering:
    """
    Messages as they are, a line each.

    Each method returns what is to be shown, with its line end, or an empty string.
    """

    def opened(self, transport: str) -> str:
        """
        The session is open, over this transport.
        """
        return ""

    def sent(self, message: str) -> str:
        """
        A message was sent.
        """
        return ""

    def received(self, message: str) -> str:
        """
        A message came in.
        """
        return message + "\n"

    def closed(self, description: str, code: int | None, reason: str) -> str:
        """
        The session has ended.

        :param description: how, in one line.
        :param code: its close code, or None where there was none.
        :param reason: what goes with it.
        """
        return ""


class Timestamps(Rendering):
    """
    Each message behind the time at which it came in.
    """

    def __init__(self, inner: Rendering, now: Callable[[], float]) -> None:
        """
        :param now: the seconds since the epoch.
        """
        self._inner = inner
        self._now = now

    def opened(self, transport: str) -> str:
        return self._inner.opened(transport)

    def received(self, message: str) -> str:
        return f"{timestamp(self._now())} {self._inner.received(message)}"


class ForTerminal(Rendering):
    """
    For a terminal, to which a message from anywhere is to do nothing.
    """

    def __init__(self, edited: bool) -> None:
        """
        :param edited: whether a line is typed there meanwhile, from which messages are
            to be told apart.
        """
        self._edited = edited

    def opened(self, transport: str) -> str:
        return f"Open over {transport}. Ctrl-D closes.\n" if self._edited else ""

    def received(self, message: str) -> str:
        return f"{'< ' if self._edited else ''}{harmless(message)}\n"


class JSONLines(Rendering):
    """
    One line of JSON for each event, messages in both directions among them.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def opened(self, transport: str) -> str:
        return self._line("open", transport=transport)

    def sent(self, message: str) -> str:
        return self._line("message", direction="out", message=message)

    def received(self, message: str) -> str:
        return self._line("message", direction="in", message=message)

    def closed(self, description: str, code: int | None, reason: str) -> str:
        return self._line("close", code=code, reason=reason, description=description)

    def _line(self, event: str, **values: Any) -> str:
        line = {"event": event, "time": timestamp(self._now()), **values}
        return json.dumps(line, ensure_ascii=False) + "\n"


def timestamp(seconds: float) -> str:
    """
    A time as RFC 3339 has it, in UTC, to the millisecond.
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encoded(text: str) -> bytes:
    """
    A text as bytes of UTF-8. JavaScript can send half of a surrogate pair, which UTF-8
    cannot; it becomes an escape, which in JSON is what it should be.
    """
    return text.encode("utf-8", "backslashreplace")
