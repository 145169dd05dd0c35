"""What a `LocalBroker <txsockjs.rooms.local.LocalBroker>` and its server tell each
other: values of JSON, each behind its length.

The server greets with ``[]``. A request is ``[number, method, arguments]``, its answer
``[number, result]``. What happens in a room that is subscribed to comes as
``[subscription, method, room, arguments]``, with the number of the request that has
subscribed.
"""

from __future__ import annotations

import json
from typing import Any, Final

from twisted.protocols.basic import Int32StringReceiver

from txsockjs.rooms.values import Entry, History, Position

#: How many bytes one of them may have. A history is the largest: that of a
#: `MemoryStore <txsockjs.rooms.memory.MemoryStore>` is bounded.
MAX_LENGTH: Final = 512 * 1024 * 1024


class LocalWire(Int32StringReceiver):
    """
    Either end of a connection.
    """

    MAX_LENGTH = MAX_LENGTH

    def tell(self, data: bytes) -> None:
        """
        Send what `pack` has made.
        """
        self.sendString(data)  # type: ignore[no-untyped-call]

    def stringReceived(self, string: bytes) -> None:
        self.told(json.loads(string))

    def told(self, value: Any) -> None:
        """
        Something has come.
        """
        raise NotImplementedError


def pack(value: object) -> bytes:
    """
    A value as what is sent. Text may have lone surrogates.
    """
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def fromPosition(position: Position | None) -> str | None:
    """
    A position as a value of JSON, and so on.
    """
    return None if position is None else str(position)


def toPosition(value: str | None) -> Position | None:
    """
    The other way round.
    """
    return None if value is None else Position.parse(value)


def fromEntry(entry: Entry) -> list[Any]:
    """
    A message as a value of JSON.
    """
    return [entry.text, fromPosition(entry.position)]


def toEntry(value: list[Any]) -> Entry:
    """
    The other way round.
    """
    text, position = value
    return Entry(text, toPosition(position))


def fromHistory(history: History) -> list[Any]:
    """
    A history as a value of JSON.
    """
    entries = [fromEntry(entry) for entry in history.entries]
    return [entries, str(history.latest), history.complete]


def toHistory(value: list[Any]) -> History:
    """
    The other way round.
    """
    entries, latest, complete = value
    return History(tuple(map(toEntry, entries)), Position.parse(latest), complete)
