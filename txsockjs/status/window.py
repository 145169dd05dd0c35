"""What one viewer sees of the table of sessions: `Window`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from txsockjs.status.census import Row

#: Rows that a viewer may see at a time.
MAX_ROWS: Final = 200

# Characters of a filter that are looked for.
_MAX_FILTER: Final = 100

_KEYS: Final[dict[str, Callable[[Row], Any]]] = {
    "service": attrgetter("service"),
    "peer": attrgetter("peer"),
    "transport": attrgetter("transport"),
    # The oldest is the one that came first.
    "age": lambda row: -row.since,
    "pending": attrgetter("pending"),
}


class Window:
    """
    A part of the table, in some order and with some of the rows. It tells what of it
    has changed.
    """

    def __init__(self) -> None:
        self._first = 0
        self._count = 0
        self._sort = "age"
        self._descending = True
        self._filter = ""
        self._number = 0
        self._rows: list[Row] | None = None
        self._shown: list[Row] = []
        self._sent: dict[int, list[str | int | float]] = {}
        self._told: object = None

    def look(self, view: Mapping[str, object]) -> None:
        """
        The viewer looks at another part, or in another order.

        :param view: ``first`` and ``count``, the rows that it sees; ``sort``, the name
            of a column, and ``down``, whether the largest is first; ``filter``, what a
            row is to have in it; ``number``, which comes back with the rows.
        :raise ValueError: for what is no view.
        """
        first, count, number = (_whole(view, n) for n in ("first", "count", "number"))
        sort, text = view.get("sort"), view.get("filter", "")
        if not isinstance(sort, str) or sort not in _KEYS or not isinstance(text, str):
            raise ValueError("a view has a column to sort by, and a filter")
        order = (sort, view.get("down") is True, text.lower()[:_MAX_FILTER].strip())
        if order != (self._sort, self._descending, self._filter):
            self._sort, self._descending, self._filter = order
            self._rows = None
        if number != self._number:
            # The page has forgotten what it had.
            self._sent = {}
            self._number = number
        self._first, self._count = first, min(count, MAX_ROWS)
        self._told = None

    def changes(self, rows: list[Row]) -> dict[str, object] | None:
        """
        What the viewer does not know.

        :param rows: all sessions.
        :return: the message, or None where it knows all.
        """
        if rows is not self._rows:
            self._rows = rows
            shown = [row for row in rows if self._filter in row.text]
            shown.sort(key=_KEYS[self._sort], reverse=self._descending)
            self._shown = shown
        part = self._shown[self._first : self._first + self._count]
        now = {self._first + n: row.values for n, row in enumerate(part)}
        new = {n: row for n, row in now.items() if self._sent.get(n) != row}
        self._sent = now
        told = (len(self._shown), len(rows))
        if not new and told == self._told:
            return None
        self._told = told
        return {
            "type": "rows",
            "number": self._number,
            "matched": len(self._shown),
            "total": len(rows),
            "rows": new,
        }


def _whole(view: Mapping[str, object], name: str) -> int:
    value = view.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"{name} is a whole number")
    return value
