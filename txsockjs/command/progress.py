"""How ``txsockjs load`` shows how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Protocol

from txsockjs.command.durations import milliseconds
from txsockjs.command.loading import Load
from txsockjs.command.tally import Tally


class Progress(Protocol):
    """
    Shows how far it is.
    """

    def show(self, load: Load) -> None:
        """
        Show it now.
        """

    def close(self) -> None:
        """
        Show nothing more.
        """


class Lines:
    """
    A line on standard error each time.
    """

    def show(self, load: Load) -> None:
        print(progressLine(load), file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class Nothing:
    """
    Shows nothing.
    """

    def show(self, load: Load) -> None:
        pass

    def close(self) -> None:
        pass


def progressLine(load: Load) -> str:
    """
    How far it is, in a line.
    """
    total = Tally.total(load.tallies.values())
    return (
        f"{load.elapsed:6.1f} s: {total.open:,} of {load.plan.sessions:,} open, "
        f"{total.failed:,} failed, {total.lost:,} lost; "
        f"{total.sent:,} messages, {total.echoed:,} back: {percentiles(total)} ms"
    )


def percentiles(tally: Tally) -> str:
    """
    Those of the round trips, in milliseconds.
    """
    return ", ".join(
        f"p{percent:g} {milliseconds(tally.roundTrips.percentile(percent))}"
        for percent in (50, 99, 99.9)
    )


#: What the columns of `tableRows` are.
COLUMNS = (
    "transport",
    "opened",
    "failed",
    "lost",
    "sent",
    "echoed",
    "p50",
    "p99",
    "p99.9",
    "max",
)


def tableRows(load: Load) -> Iterator[tuple[str, ...]]:
    """
    What has happened, by transport, and in all where there are several.
    """
    rows = dict(load.tallies)
    if len(rows) > 1:
        rows["all"] = Tally.total(load.tallies.values())
    for name, tally in rows.items():
        trips = tally.roundTrips
        counts = tally.opened, tally.failed, tally.lost, tally.sent, tally.echoed
        times = [trips.percentile(percent) for percent in (50, 99, 99.9)]
        yield (
            name,
            *(f"{each:,}" for each in counts),
            *map(milliseconds, [*times, trips.maximum]),
        )


def tableLines(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """
    A table as plain lines, its first column to the left and the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        first, *others = [
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join((first, *others)).rstrip()
