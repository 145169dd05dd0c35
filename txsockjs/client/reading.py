"""What a client reads: the text of one frame as an event. (PROTOCOL sections 5 and 9.)

Nothing here knows a session or a connection.
"""

from __future__ import annotations

import json
from json.scanner import make_scanner
from typing import Final, TypeAlias

import attrs


@attrs.frozen
class Opened:
    """
    ``o``: the session is open.
    """


@attrs.frozen
class Heartbeat:
    """
    ``h``: the server is there.
    """


@attrs.frozen
class Closed:
    """
    ``c[code,"reason"]``: the server has closed the session.
    """

    code: int
    reason: str


#: What a frame says; messages are a list of their texts. None: it is no frame.
Said: TypeAlias = "list[str] | Opened | Heartbeat | Closed | None"

OPENED: Final = Opened()
HEARTBEAT: Final = Heartbeat()

_decoder = json.JSONDecoder()
# The C scanner takes any decoder as its context.
_scan = make_scanner(_decoder)  # type: ignore[arg-type]


def read(frame: str) -> Said:
    """
    What a frame says.

    The browser's client looks at the first letter of ``o`` and ``h`` alone. This reads
    the whole: an error page of a proxy in between must not open a session. Many ``h``
    at once are what a streaming response begins with.

    :return: None for what is no frame, which is to be dropped.
    """
    kind = frame[:1]
    if kind == "a":
        messages = _value(frame)
        if type(messages) is list:
            for message in messages:
                if type(message) is not str:
                    return None
            return messages
    elif kind == "m":
        # Old servers send one message so.
        message = _value(frame)
        if type(message) is str:
            return [message]
    elif kind == "c":
        parts = _value(frame)
        if type(parts) is list and [type(part) for part in parts] == [int, str]:
            return Closed(*parts)
    elif frame == "o":
        return OPENED
    elif kind == "h" and not frame.strip("h"):
        return HEARTBEAT
    return None


def _value(frame: str) -> object:
    """
    The JSON behind a frame's first letter, or None.
    """
    try:
        try:
            value, end = _scan(frame, 1)
        except StopIteration:
            end = -1
        if end != len(frame):
            # White space around the value, or no JSON.
            value = _decoder.decode(frame[1:])
    except (ValueError, RecursionError):
        return None
    found: object = value
    return found
