"""``python -m benchmarks``: run the yardstick and print its tables."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.errors import BenchmarkError
from benchmarks.measuring import QUICK, Effort, measure
from benchmarks.peer import HERE, Peer
from benchmarks.peers import PEERS
from benchmarks.row import VARIANTS, Row
from benchmarks.rows import ROWS
from benchmarks.run import Run, loadRun, newRun

#: What the short form drives: nothing that has to be fetched.
AT_HAND = (
    *(
        "txsockjs",
        "twistd",
        "workers",
        "passing",
        "tcp",
        "tcp-direct",
        "tcp-direct-two",
        "epoll",
        "epoll-two",
        "autobahn",
        "web",
    ),
    *("websockets", "autobahn-client"),
)


def names(known: Sequence[str]) -> Callable[[str], list[str]]:
    """The argparse type of a list of names with commas between."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(
                    f"{name!r} is none of {', '.join(known)}"
                )
        return chosen

    return parse


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = made.add_argument
    add("--rows", type=names(list(ROWS)), metavar="ROW,...", help=", ".join(ROWS))
    add("--peers", type=names(list(PEERS)), metavar="PEER,...", help=", ".join(PEERS))
    add(
        "--rounds",
        type=int,
        help="how often each is measured, but for long ones (2; quick: 1)",
    )
    add("--seconds", type=float, help="how long each time (1; quick: 0.2)")
    add(
        "--quick",
        action="store_true",
        help="the short form: few sessions, nothing fetched, fails on no timing",
    )
    add("--json", type=Path, metavar="FILE", help="where the results go")
    add("--rst", type=Path, metavar="FILE", help="write the tables for the docs")
    add("--svg", type=Path, metavar="FILE", help="draw the picture")
    add(
        "--profile",
        type=Path,
        metavar="DIR",
        help="run what is measured, if it is on Twisted, under cProfile, and leave "
        "ROW-PEER.prof there",
    )
    add("--load", type=Path, metavar="FILE", help="report an earlier run's JSON")
    return made


def can(name: str, row: Row) -> bool:
    """Whether a row can be measured with a peer."""
    return name in row.peers and row.name not in PEERS[name].unable


def plan(
    rows: Sequence[str], peers: Sequence[str], rounds: int
) -> Iterator[tuple[int, Row, Peer]]:
    """
    What is measured, in this order: each round drives every server through each row,
    and another server goes first each time.
    """
    for turn in range(rounds):
        for row in (ROWS[name] for name in rows):
            if turn < row.rounds:
                able = [name for name in peers if can(name, row)]
                first = turn % len(able) if able else 0
                for name in able[first:] + able[:first]:
                    yield turn, row, PEERS[name]


def perform(
    run: Run,
    steps: Sequence[tuple[int, Row, Peer]],
    effort: Effort,
    directory: Path,
    profiles: Path | None = None,
) -> None:
    """
    Measure, and say on standard error how far it is. What is void of one server's is
    kept from the results, and the others are measured.

    :param directory: for files that are needed while a server runs.
    :param profiles: where profiles are left, if they are wanted.
    """
    began = time.monotonic()
    ahead = sum(effort.takes(row) for _, row, _ in steps)
    print(f"about {ahead / 60:.0f} minutes", file=sys.stderr)
    behind = 0.0
    for done, (turn, row, peer) in enumerate(steps):
        say = f"{done + 1:3d}/{len(steps)} round {turn + 1} {row.name:20} {peer.name:9}"
        print(say, end=" ", file=sys.stderr, flush=True)
        arguments: list[str] = []
        if profiles and peer.profiled:
            arguments = ["--profile", f"{profiles / row.name}-{peer.name}.prof"]
        behind += effort.takes(row)
        try:
            result = measure(row, peer, effort, directory, arguments)
        except BenchmarkError as error:
            run.fail(row.name, peer.name, f"{type(error).__name__}: {error}"[:200])
            tell(error)
            continue
        run.add(row.name, peer.name, result)
        left = (time.monotonic() - began) / behind * (ahead - behind)
        found = report.number(getattr(result, row.figures[0].key))
        rate = f"{result.rate:,.0f}/s" if result.rate else ""
        print(
            f"{found:>8} {row.figures[0].unit:6}{rate:>13}  {left / 60:4.1f} min left",
            file=sys.stderr,
            flush=True,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run as the command line says.

    :return: the process's exit status: 1 where something broke; no timing is an error.
    """
    options = parser().parse_args(arguments)
    if options.load:
        publish(loadRun(options.load), options.rst, options.svg)
        return 0
    effort = QUICK if options.quick else Effort()
    if options.seconds is not None:
        effort = replace(effort, seconds=options.seconds)
    usual = [name for name in PEERS if name not in VARIANTS]
    peers = options.peers or (AT_HAND if options.quick else usual)
    rounds = options.rounds or (1 if options.quick else 2)
    try:
        for name in peers:
            PEERS[name].install()
        run = newRun(peers, effort)
        steps = list(plan(options.rows or list(ROWS), peers, rounds))
        if options.profile:
            options.profile.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory, interruptible():
            perform(run, steps, effort, Path(directory), options.profile)
    except BenchmarkError as error:
        tell(error)
        return 1
    stamp = time.strftime("%Y%m%d-%H%M%S")
    run.save(options.json or HERE / "results" / f"{stamp}.json")
    publish(run, options.rst, options.svg)
    return 1 if run.failures else 0


def tell(error: BenchmarkError) -> None:
    """Say on standard error what went wrong."""
    print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
    print(*getattr(error, "__notes__", ()), sep="\n", file=sys.stderr, flush=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Control-C end the measuring: what there is by then is reported."""
    try:
        yield
    except KeyboardInterrupt:
        print("\ninterrupted: what there is follows", file=sys.stderr)


def publish(run: Run, rst: Path | None, svg: Path | None) -> None:
    """Print the tables, and write what is asked for."""
    print(report.text(run))
    if rst:
        rst.write_text(report.rst(run))
    if svg:
        # Only who wants a picture needs matplotlib.
        from benchmarks.picture import draw

        draw(run, svg)


if __name__ == "__main__":
    sys.exit(main())
