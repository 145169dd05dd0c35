"""A run: its results, where and when they were got, and how they are kept."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from benchmarks.measuring import Effort, Result
from benchmarks.peers import PEERS


@dataclass(frozen=True)
class Spread:
    """
    One figure over the rounds.

    :ivar best: the least.
    """

    median: float
    best: float
    worst: float


@dataclass
class Run:
    """
    What a run gave.

    :ivar results: for each row's name, for each peer's name, a result of each round.
    :ivar versions: for each peer's name, what it ran on.
    :ivar failures: for each row's name, for each peer's name, why it has no result.
    """

    when: str
    machine: dict[str, str]
    effort: Effort
    versions: dict[str, dict[str, str]]
    results: dict[str, dict[str, list[Result]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, row: str, peer: str, result: Result) -> None:
        """Keep the result of one round, unless one before was void."""
        if peer not in self.failures.get(row, {}):
            self.results.setdefault(row, {}).setdefault(peer, []).append(result)

    def fail(self, row: str, peer: str, why: str) -> None:
        """A round was void: so are the others."""
        self.failures.setdefault(row, {})[peer] = why
        self.results.setdefault(row, {}).pop(peer, None)

    def spread(self, row: str, peer: str, key: str) -> Spread | None:
        """A figure over the rounds; None where it was not measured."""
        rounds = self.results.get(row, {}).get(peer)
        if not rounds:
            return None
        values = [getattr(result, key) for result in rounds]
        if key == "walked" and not any(values):
            # Only servers in Python can tell.
            return None
        return Spread(median(values), min(values), max(values))

    def ratio(
        self, row: str, peer: str, key: str, ours: str = "txsockjs"
    ) -> float | None:
        """Our best of the rounds by the peer's; None where one was not measured."""
        own, theirs = (self.spread(row, name, key) for name in (ours, peer))
        if own is None or theirs is None or not theirs.best:
            return None
        return own.best / theirs.best

    def peers(self) -> list[str]:
        """The names of those that were measured, or were to be."""
        return [
            name
            for name in PEERS
            if any(name in self.tried(row) for row in self.results)
        ]

    def tried(self, row: str) -> set[str]:
        """The names of those that a row was measured with, or was to be."""
        return {*self.results.get(row, {}), *self.failures.get(row, {})}

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def newRun(peers: Iterable[str], effort: Effort) -> Run:
    """A run that begins now, here."""
    return Run(
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=describeMachine(),
        effort=effort,
        versions={name: PEERS[name].versions() for name in peers},
    )


def loadRun(path: Path) -> Run:
    """Read what `Run.save` wrote."""
    kept = json.loads(path.read_text())
    results = {
        row: {peer: [Result(**r) for r in rounds] for peer, rounds in peers.items()}
        for row, peers in kept.pop("results").items()
    }
    effort = Effort(**kept.pop("effort"))
    return Run(**kept, effort=effort, results=results)


def describeMachine() -> dict[str, str]:
    """The processor, its cores, the memory and the system, and what else it does."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }
