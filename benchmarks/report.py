"""The tables: for a terminal, and as reStructuredText for the documentation."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from benchmarks.goals import BESIDE, FLAT, GOALS, SEVERAL, between, growth
from benchmarks.peers import PEERS
from benchmarks.rows import ROWS, Figure, Row
from benchmarks.run import Run, Spread

Table = tuple[str, list[str], list[list[str]]]


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


def heading(row: Row, figure: Figure) -> str:
    """What a line of the main table is called, with its unit."""
    title = f"{row.title}: {figure.suffix}" if figure.suffix else row.title
    return f"{title}, {figure.unit}"


Line = tuple[Row, Figure, str]


def lines(run: Run) -> Iterator[Line]:
    """Each line of the main tables: its row, its figure, and what it is called."""
    for row in ROWS.values():
        if row.name in run.results:
            for figure in row.figures:
                yield row, figure, heading(row, figure)


def groups(run: Run) -> Iterator[tuple[list[Line], list[str]]]:
    """The lines that are measured with the same servers, and these."""
    made: dict[tuple[str, ...], list[Line]] = {}
    for line in lines(run):
        made.setdefault(line[0].servers, []).append(line)
    for found in made.values():
        measured = {peer for row, *_ in found for peer in run.results[row.name]}
        yield found, [peer for peer in run.peers() if peer in measured]


def costs(run: Run, found: list[Line], peers: list[str]) -> Table:
    """The CPU time, or the memory, of what is measured."""
    measured = "Client" if found[0][0].measuresClients else "Server"
    return (
        f"{measured} CPU time for each message (user and system): median (best-worst)",
        ["", *(PEERS[name].title for name in peers)],
        [
            [title, *(cell(run.spread(row.name, peer, figure.key)) for peer in peers)]
            for row, figure, title in found
        ],
    )


def ratios(run: Run, found: list[Line], peers: list[str]) -> Table:
    """Ours by each other's."""
    peers = [name for name in peers if name != "txsockjs"]
    table = []
    for row, figure, title in found:
        made = (run.ratio(row.name, peer, figure.key) for peer in peers)
        table.append([title, *("" if r is None else f"{r:.2f}" for r in made)])
    return (
        "Ours by each, best round by best round (below 1 ours is cheaper)",
        ["", *(PEERS[name].title for name in peers)],
        table if peers else [],
    )


def speeds(run: Run) -> Table:
    """Rates and latencies, and what the other side costs."""
    table = []
    for row, figure, _ in lines(run):
        for peer in run.peers():
            rounds = run.results[row.name].get(peer)
            if not rounds or not rounds[0].p50 or figure != row.figures[0]:
                continue
            rate = max(result.rate for result in rounds)
            p50, p99, client = (
                min(getattr(result, key) for result in rounds)
                for key in ("p50", "p99", "client")
            )
            figures = f"{rate:,.0f}", number(p50), number(p99), number(client)
            table.append([row.title, PEERS[peer].title, *figures])
    return (
        "Rate and latency as the client sees them, each the best of the rounds",
        ["", "", "per second", "p50, ms", "p99, ms", "CPU of the other side, µs"],
        table,
    )


def judged(title: str, other: str, ratio: float, factor: float) -> list[str]:
    """One line of the goals."""
    met = "yes" if ratio <= factor else "no"
    return [title, other, f"{factor:.2f}", f"{ratio:.2f}", met]


def goals(run: Run) -> Table:
    """What was wanted, and what was reached."""
    table = []
    for goal in GOALS:
        ratio = run.ratio(goal.row, goal.peer, goal.key)
        if ratio is not None:
            title, peer = ROWS[goal.row].title, PEERS[goal.peer].title
            table.append(judged(title, peer, ratio, goal.factor))
    for row, other, factor in BESIDE:
        ratio = between(run, "txsockjs", row, other)
        if ratio is not None:
            titles = ROWS[row].title, f"txsockjs, {ROWS[other].title}"
            table.append(judged(*titles, ratio, factor))
    for row, peer, factor in SEVERAL:
        ratio = run.ratio(row, peer, "cpu")
        if ratio:
            title = f"{ROWS[row].title}: {PEERS[peer].title}"
            table.append(judged(title, "txsockjs", 1 / ratio, factor))
    grown = growth(run, "txsockjs")
    if grown is not None:
        title, other = "cost of a message with 9,000 sessions", "txsockjs with 100"
        table.append(judged(title, other, grown, FLAT))
    return (
        "Goals: ours is to cost at most so many times as much as",
        ["", "", "wanted", "reached", "met"],
        table,
    )


def tables(run: Run) -> list[Table]:
    """All tables that have a line."""
    made = []
    for found, peers in groups(run):
        made.append(costs(run, found, peers))
        if "txsockjs" in peers:
            made.append(ratios(run, found, peers))
    if "txsockjs" in run.peers():
        made.append(goals(run))
    made.append(speeds(run))
    return [table for table in made if table[2]]


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
    for title, header, table in tables(run):
        parts.append(f"{title}\n\n{tabulate(table, header, disable_numparse=True)}")
    return "\n\n".join(parts) + "\n"


def rst(run: Run) -> str:
    """The tables for the documentation."""
    parts = [
        ".. Written by ``python -m benchmarks --rst``: do not edit.",
        "\n".join(f"* {fact}" for fact in circumstances(run)),
    ]
    for title, header, table in tables(run):
        made = tabulate(table, header, tablefmt="grid", disable_numparse=True)
        parts.append(f".. rubric:: {title}\n\n{made}")
    return "\n\n".join(parts) + "\n"
