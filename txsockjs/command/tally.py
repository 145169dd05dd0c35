"""What ``txsockjs load`` counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import attrs

from txsockjs.command.durations import Durations

#: How many different errors are told apart.
_ERRORS: Final = 20

_OTHERS: Final = "other errors"


@attrs.define(eq=False)
class Tally:
    """
    What has happened to the sessions of one transport, or of all.

    :ivar attempted: sessions that were begun.
    :ivar opened: those that were open.
    :ivar failed: those that could not be opened.
    :ivar cancelled: those that were not open yet when time was up.
    :ivar closed: those that were closed in the end, as they should be.
    :ivar lost: those that ended before.
    :ivar sent: messages that were sent.
    :ivar echoed: those that came back.
    :ivar skipped: messages that were due, and not sent because the session took no more
        or too many had not come back.
    :ivar other: messages that came in and were none of these.
    :ivar openings: how long opening took.
    :ivar roundTrips: how long messages took, from when each was due.
    :ivar errors: why sessions failed or were lost.
    """

    attempted: int = 0
    opened: int = 0
    failed: int = 0
    cancelled: int = 0
    closed: int = 0
    lost: int = 0
    sent: int = 0
    echoed: int = 0
    skipped: int = 0
    other: int = 0
    openings: Durations = attrs.field(factory=Durations)
    roundTrips: Durations = attrs.field(factory=Durations)
    errors: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    def total(cls, tallies: Iterable[Tally]) -> Tally:
        """
        All of them as one.
        """
        found = cls()
        for tally in tallies:
            for field in attrs.fields(cls):
                each = getattr(tally, field.name)
                if isinstance(each, int):
                    setattr(found, field.name, getattr(found, field.name) + each)
                else:
                    getattr(found, field.name).update(each)
        return found

    @property
    def connecting(self) -> int:
        """
        Sessions that are being opened.
        """
        return self.attempted - self.opened - self.failed - self.cancelled

    @property
    def open(self) -> int:
        """
        Sessions that are open.
        """
        return self.opened - self.closed - self.lost

    @property
    def fine(self) -> bool:
        """
        Whether all has gone as it should.
        """
        return not (
            self.failed
            or self.cancelled
            or self.lost
            or self.skipped
            or self.sent > self.echoed
        )

    def error(self, problem: str) -> None:
        """
        Count an error by what it says. There may be only so many different ones.
        """
        if problem not in self.errors and len(self.errors) >= _ERRORS:
            problem = _OTHERS
        self.errors[problem] += 1

    def report(self) -> dict[str, Any]:
        """
        All of it as JSON has it.
        """
        return {
            "sessions": {
                "attempted": self.attempted,
                "opened": self.opened,
                "failed": self.failed,
                "cancelled": self.cancelled,
                "lost": self.lost,
            },
            "messages": {
                "sent": self.sent,
                "echoed": self.echoed,
                "lost": self.sent - self.echoed,
                "skipped": self.skipped,
                "other": self.other,
            },
            "opening_ms": self.openings.summary(),
            "round_trip_ms": self.roundTrips.summary(),
            "errors": dict(self.errors.most_common()),
        }
