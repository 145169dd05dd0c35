"""The progress of ``txsockjs load`` in a terminal. This needs the extra ``cli``."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from txsockjs.command.loading import Load
from txsockjs.command.progress import COLUMNS, tableRows
from txsockjs.command.tally import Tally


class LiveProgress:
    """
    A table that stays where it is, with bars for the time and for the sessions.
    """

    def __init__(self, console: Console | None = None) -> None:
        # Whoever calls says when there is something new; there is no thread.
        self._live = Live(
            console=console or Console(stderr=True), auto_refresh=False, transient=True
        )
        self._live.start()

    def show(self, load: Load) -> None:
        self._live.update(render(load), refresh=True)

    def close(self) -> None:
        self._live.stop()


def render(load: Load) -> RenderableType:
    """
    How far it is.
    """
    plan = load.plan
    total = Tally.total(load.tallies.values())
    bars = Table.grid(padding=(0, 1))
    bars.add_row(
        "time",
        ProgressBar(plan.duration, min(load.elapsed, plan.duration), width=30),
        f"{load.elapsed:.1f} of {plan.duration:g} s",
    )
    bars.add_row(
        "sessions",
        ProgressBar(plan.sessions, total.attempted, width=30),
        f"{total.open:,} open, {total.connecting:,} opening, "
        f"{total.attempted:,} of {plan.sessions:,} begun",
    )
    table = Table(box=None, pad_edge=False)
    for index, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if index else "left")
    for row in tableRows(load):
        table.add_row(*row)
    errors = [
        Text(f"{count:,} x {problem}", "red", no_wrap=True, overflow="ellipsis")
        for problem, count in total.errors.most_common(3)
    ]
    return Group(bars, table, *errors)
