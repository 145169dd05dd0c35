"""The tables: for a terminal, and as reStructuredText for the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from benchmarks.goals import BESIDE, GOALS, LIMITS, SEVERAL, TWICE, between
from benchmarks.peers import PEERS
from benchmarks.row import (
    CLIENTS,
    JOINED,
    OURS,
    PASSING,
    SERVERS,
    VARIANTS,
    Figure,
    Row,
)
from benchmarks.rows import ROWS
from benchmarks.run import Run, Spread

#: Whose columns the first table has.
COMPARED = ("node", "go", "aiohttp", "tornado")

#: What the rows are about that these are compared in.
KINDS = {
    SERVERS[1:]: "SockJS servers",
    JOINED[1:]: "Rooms that a Redis joins",
    CLIENTS[1:]: "Clients",
    (): "What only ours has",
}

#: What means something in reStructuredText.
SPECIAL, ESCAPED = re.compile(r"([\\*`|_])"), r"\\\1"

#: What is ours, in whatever way.
OWN = {*OURS, *PASSING, *VARIANTS}

CONFIGURATION = Path(__file__).resolve().parent.parent / "docs" / "conf.py"


class Table(NamedTuple):
    """
    A table.

    :ivar notes: what is to be known of a cell, which has the number of its note.
    """

    title: str
    header: list[str]
    lines: list[list[str]]
    notes: list[str] = []


class Line(NamedTuple):
    """A line of the main tables: its row, its figure, and what it is called."""

    row: Row
    figure: Figure
    title: str


class Notes:
    """The notes of a table."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, peer: str, text: str) -> str:
        """The number of a note, in brackets."""
        note = f"{PEERS[peer].title}: {text}."
        if note not in self.texts:
            self.texts.append(note)
        return f"({self.texts.index(note) + 1})"


def number(value: float) -> str:
    """A figure with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(spread: Spread | None) -> str:
    """The median, and the best and the worst of the rounds."""
    if spread is None:
        return ""
    middle, best, worst = map(number, (spread.median, spread.best, spread.worst))
    return middle if best == worst else f"{middle} ({best}-{worst})"


def remarked(run: Run, row: Row, peer: str, text: str, notes: Notes) -> str:
    """A cell's text, with its note where there is something to be known."""
    known = PEERS[peer]
    failure = run.failures.get(row.name, {}).get(peer)
    if failure is not None:
        return f"failed {notes.mark(peer, failure)}"
    if not text:
        unable = known.unable.get(row.name)
        return f"cannot {notes.mark(peer, unable)}" if unable else ""
    remark = known.remarks.get(row.name)
    return f"{text} {notes.mark(peer, remark)}" if remark else text


def heading(row: Row, figure: Figure) -> str:
    """What a line of the main table is called, with its unit."""
    title = f"{row.title}: {figure.suffix}" if figure.suffix else row.title
    return f"{title}, {figure.unit}"


def briefly(row: Row, figure: Figure) -> str:
    """What it is called where there is little room."""
    title = f"{row.brief}: {figure.suffix}" if figure.suffix else row.brief
    return f"{title}, {figure.unit}"


def lines(run: Run) -> Iterator[Line]:
    """Each line of the main tables."""
    for row in ROWS.values():
        if row.name in run.results:
            for figure in row.figures:
                yield Line(row, figure, heading(row, figure))


def lead(run: Run, row: Row, figure: Figure, ours: str = "txsockjs") -> float:
    """
    How much more ours costs than the best other server; 0 where there is none.
    """
    others = (name for name in row.servers if name not in OWN)
    ratios = (run.ratio(row.name, name, figure.key, ours) for name in others)
    return max((ratio for ratio in ratios if ratio is not None), default=0.0)


def groups(run: Run) -> Iterator[tuple[str, list[Line], list[str]]]:
    """
    What the lines are about that are measured with the same servers, these lines, and
    the servers; lines that ours loses come first.
    """
    made: dict[tuple[str, ...], list[Line]] = {}
    for line in lines(run):
        # That a row has ours in a second way is no reason for a table of its own.
        alike = tuple(name for name in line.row.servers if name not in OWN)
        made.setdefault(alike, []).append(line)
    for alike, found in made.items():
        measured = {peer for row, *_ in found for peer in run.tried(row.name)}
        found.sort(key=lambda line: -max(1.0, lead(run, line.row, line.figure)))
        yield KINDS[alike], found, [peer for peer in run.peers() if peer in measured]


def costs(run: Run, kind: str, found: list[Line], peers: list[str]) -> Table:
    """What each costs."""
    notes = Notes()
    table = []
    for row, figure, title in found:
        cells = (
            remarked(
                run, row, peer, cell(run.spread(row.name, peer, figure.key)), notes
            )
            for peer in peers
        )
        table.append([title, *cells])
    measured = "client" if found[0].row.measuresClients else "server"
    return Table(
        f"{kind}: what it costs. µs are CPU time of the {measured} for each message, "
        "user and system; median (best-worst)",
        ["", *(PEERS[name].title for name in peers)],
        table,
        notes.texts,
    )


def ratios(run: Run, kind: str, found: list[Line], peers: list[str]) -> Table:
    """Ours by each other's."""
    peers = [name for name in peers if name != "txsockjs"]
    table = []
    for row, figure, title in found:
        made = (run.ratio(row.name, peer, figure.key) for peer in peers)
        table.append([title, *("" if r is None else f"{r:.2f}" for r in made)])
    return Table(
        f"{kind}: ours by each, best round by best round (below 1 ours is cheaper)",
        ["", *(PEERS[name].title for name in peers)],
        table if peers else [],
    )


def twice(run: Run) -> Table:
    """What a message costs with two processes, by what it costs with one."""
    table = []
    for row in run.results:
        for one, two in TWICE:
            ratio = run.ratio(row, one, "cpu", two)
            if ratio is not None:
                table.append([ROWS[row].title, PEERS[one].title, f"{ratio:.2f}"])
    return Table(
        "Two processes: what a message costs then, by what it costs with one, best "
        "round by best round",
        ["", "", "times"],
        table,
    )


def summary(run: Run) -> Table:
    """The rows that matter most, those that ours loses first."""
    made = []
    notes = Notes()
    for row in ROWS.values():
        for figure in row.lead:
            for ours in OURS:
                own = run.spread(row.name, ours, figure.key)
                if own is None or (ours != "txsockjs" and row.crowd is None):
                    continue
                worst = lead(run, row, figure, ours)
                title = briefly(row, figure)
                if ours != "txsockjs":
                    title = f"{title} ({PEERS[ours].title})"
                cells = []
                for peer in COMPARED:
                    spread = run.spread(row.name, peer, figure.key)
                    text = "" if spread is None else number(spread.median)
                    cells.append(remarked(run, row, peer, text, notes))
                ratio = f"{worst:.2f}" if worst else ""
                made.append((worst, [title, ratio, number(own.median), *cells]))
    made.sort(key=lambda line: -max(1.0, line[0]))
    return Table(
        "The main rows, median of the rounds; what another does better comes first",
        ["", "by the best other", "ours", *(PEERS[name].title for name in COMPARED)],
        [line for _, line in made],
        notes.texts,
    )


def speeds(run: Run) -> Table:
    """Rates, and what the other side costs."""
    table = []
    for row, figure, _ in lines(run):
        if row.paced or figure != row.figures[0]:
            continue
        for peer in run.peers():
            rounds = run.results[row.name].get(peer)
            if not rounds or not rounds[0].rate:
                continue
            rate = max(result.rate for result in rounds)
            client = min(result.client for result in rounds)
            table.append([row.title, PEERS[peer].title, f"{rate:,.0f}", number(client)])
    return Table(
        "Rate as the client sees it, the best of the rounds",
        ["", "", "per second", "CPU of the other side, µs"],
        table,
    )


def judged(title: str, other: str, reached: float, wanted: float) -> list[str]:
    """One line of the goals."""
    met = "yes" if reached <= wanted else "no"
    return [title, other, number(wanted), number(reached), met]


def goals(run: Run) -> Table:
    """What was wanted, and what was reached; what is missed comes first."""
    table = []
    for goal in GOALS:
        ratio = run.ratio(goal.row, goal.peer, goal.figure.key, goal.ours)
        if ratio is not None:
            row, peer = ROWS[goal.row], PEERS[goal.peer].title
            title = f"{row.title}: {goal.figure.suffix}".removesuffix(": ")
            table.append(judged(title, peer, ratio, goal.factor))
    for row_, other, factor in BESIDE:
        ratio = between(run, "txsockjs", row_, other)
        if ratio is not None:
            titles = ROWS[row_].title, f"txsockjs, {ROWS[other].title}"
            table.append(judged(*titles, ratio, factor))
    for row_, name, factor in SEVERAL:
        ratio = run.ratio(row_, "txsockjs", "cpu", name)
        if ratio is not None:
            title = f"{ROWS[row_].title}: {PEERS[name].title}"
            table.append(judged(title, "txsockjs", ratio, factor))
    for limit in LIMITS:
        spread = run.spread(limit.row, "txsockjs", limit.figure.key)
        if spread is not None:
            title = f"{ROWS[limit.row].title}: {limit.figure.suffix}"
            table.append(judged(title, limit.figure.unit, spread.best, limit.most))
    table.sort(key=lambda line: line[-1])
    return Table(
        "Goals: ours is to cost at most so many times as much as",
        ["", "", "wanted", "reached", "met"],
        table,
    )


def tables(run: Run) -> list[Table]:
    """All tables that have a line, the most important ones first."""
    made = []
    if "txsockjs" in run.peers():
        made += [summary(run), goals(run)]
    for group in groups(run):
        made.append(costs(run, *group))
        if "txsockjs" in group[-1]:
            made.append(ratios(run, *group))
    made += [twice(run), speeds(run)]
    return [table for table in made if table.lines]


def circumstances(run: Run) -> list[str]:
    """Where, when and with what, one fact a line."""
    machine, effort = run.machine, run.effort
    rounds = max(
        (len(rounds) for peers in run.results.values() for rounds in peers.values()),
        default=0,
    )
    facts = [
        f"{run.when}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']}, {machine['system']}; load average when it began: "
        f"{machine['load']}",
        f"rounds: up to {rounds}, each {effort.seconds:g} s after "
        f"{effort.warmUp:g} s to warm up",
    ]
    if effort.divisor > 1:
        facts.append("the short form: its figures mean nothing")
    for name, versions in run.versions.items():
        listed = ", ".join(f"{what} {number}" for what, number in versions.items())
        facts.append(f"{PEERS[name].title}: {listed}")
    return facts


def text(run: Run) -> str:
    """The tables for a terminal."""
    parts = ["\n".join(circumstances(run))]
    for title, header, table, notes in tables(run):
        made = tabulate(table, header, disable_numparse=True)
        said = "\n".join(f"({at}) {note}" for at, note in enumerate(notes, 1))
        parts.append(f"{title}\n\n{made}" + (f"\n\n{said}" if said else ""))
    return "\n\n".join(parts) + "\n"


def rst(run: Run, folds: bool | None = None) -> str:
    """
    The tables for the documentation. The first stands; the rest is folded, where the
    documentation can do that.

    :param folds: whether it can; by default what its configuration says.
    """
    if folds is None:
        folds = "sphinx_design" in CONFIGURATION.read_text()
    first, *others = tables(run)
    parts = [".. Written by ``python -m benchmarks --rst``: do not edit."]
    parts.append(f"{first.title}.")
    parts.append(_body(first))
    parts += (_section(table.title, _body(table), folds) for table in others)
    facts = "\n".join(f"* {fact}" for fact in circumstances(run))
    parts.append(_section("Where, when and with what", facts, folds))
    return "\n\n".join(parts) + "\n"


def _body(table: Table) -> str:
    made = tabulate(table.lines, table.header, tablefmt="grid", disable_numparse=True)
    notes = "\n".join(
        f"| ({at}) {SPECIAL.sub(ESCAPED, note)}"
        for at, note in enumerate(table.notes, 1)
    )
    return f"{made}\n\n{notes}" if notes else made


def _section(title: str, body: str, folds: bool) -> str:
    if not folds:
        return f".. rubric:: {title}\n\n{body}"
    indented = "\n".join(f"    {line}".rstrip() for line in body.splitlines())
    return f".. dropdown:: {title}\n\n{indented}"
