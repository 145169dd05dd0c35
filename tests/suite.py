"""Runs all tests, on all cores: ``python -m tests.suite``, which ``make test`` calls.

First come the tests that need nothing but Python, each on whichever core is free. Then
the others: tests of a class often share a browser or a server, so each module is a run
of ``trial`` of its own, and each core has one of these. Those with browsers are all on
one core, one after the other, since pages of two browsers at once would wait too long.
In the end come those that measure, with nothing beside them.

The last line is for all runs what it is for one in ``trial``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from threading import Event, Lock

from noxfile import APART, unitTests

#: What starts browsers; what takes longest comes first.
BROWSERS = (
    "tests.integration.test_browsers",
    "tests.integration.test_cluster_browsers",
    "tests.integration.test_pages",
    "tests.integration.test_demo_page",
    "tests.integration.test_rabbitmq",
    "tests.integration.test_roll_browsers",
    "tests.integration.test_rooms_page",
    "tests.integration.test_site",
    "tests.integration.test_status_page",
    "tests.integration.test_subprotocols",
    "tests.integration.test_tutorial",
)

#: What looks at the clock so closely that it shows who else is busy.
MEASURING = (
    "tests.integration.test_slow_lines",
    "tests.integration.test_slow_readers",
)

#: What trial counts, in its order.
KINDS = (
    "skips",
    "expectedFailures",
    "failures",
    "errors",
    "unexpectedSuccesses",
    "successes",
)

#: What it ends with: "PASSED (successes=7)" or "FAILED (errors=2, successes=4)".
SUMMARY = re.compile(r"(?m)^(?:PASSED|FAILED) \((.*)\)$")

TRIAL = (sys.executable, "-m", "twisted.trial")


class Suite:
    """
    Runs of ``trial``, and what came of them.

    :ivar counts: how many tests have ended in which of `KINDS`.
    :ivar failed: what has not passed: the tests of each such run.
    """

    def __init__(
        self, command: Sequence[str] = TRIAL, directory: Path | None = None
    ) -> None:
        """
        :param command: what runs the tests whose names follow it.
        :param directory: where it is run, if not here.
        """
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self._command = command
        self._directory = directory
        self._lock = Lock()

    def run(self, *tests: str) -> None:
        """
        Run tests, and print what is said of them once all have ended.

        :param tests: their names, with options of ``trial`` before them.
        """
        done = subprocess.run(
            [*self._command, *tests],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        found = SUMMARY.findall(done.stdout)
        counts = Counter(
            {kind: int(n) for kind, n in re.findall(r"(\w+)=(\d+)", found[-1])}
            if found
            # It has died before its end, or there were no such tests.
            else {"errors": 1}
        )
        with self._lock:
            print(done.stdout, flush=True)
            self.counts += counts
            if done.returncode or not found:
                self.failed.append(f"{' '.join(tests)}: status {done.returncode}")

    def runSideBySide(
        self, apart: Iterable[str], others: Iterable[str], cores: int
    ) -> None:
        """
        Run modules, one on each core.

        :param apart: modules none of which is to be beside another of these.
        """
        # Whoever is done takes the next one.
        alone, rest = iter(apart), iter(others)
        stopped = Event()

        def work(*queues: Iterator[str]) -> None:
            for module in chain(*queues):
                if stopped.is_set():
                    break
                self.run(module)

        with ThreadPoolExecutor(cores) as pool:
            working = [pool.submit(work, alone, rest)]
            working += [pool.submit(work, rest) for _ in range(cores - 1)]
            try:
                for each in working:
                    each.result()
            finally:
                # By Control-C, too, which ends what runs.
                stopped.set()

    def summary(self) -> str:
        """
        What trial would say in the end.
        """
        counts = [f"{kind}={self.counts[kind]}" for kind in KINDS if self.counts[kind]]
        passed = counts and not self.failed
        return f"{'PASSED' if passed else 'FAILED'} ({', '.join(counts)})"


def otherTests(tests: Path = Path("tests")) -> list[str]:
    """
    The modules of tests that need more than Python.
    """
    found = [path.relative_to(tests.parent) for path in tests.rglob("test_*.py")]
    each = [path.with_suffix("").parts for path in found]
    return sorted(".".join(parts) for parts in each if parts[1] in APART)


def main() -> int:
    """
    Run all.

    :return: the exit status.
    """
    began = time.monotonic()
    cores = len(os.sched_getaffinity(0))
    suite = Suite()
    suite.run(f"--jobs={cores}", *unitTests())
    others = [each for each in otherTests() if each not in (*BROWSERS, *MEASURING)]
    suite.runSideBySide(BROWSERS, others, cores)
    for module in MEASURING:
        suite.run(module)
    for each in suite.failed:
        print(f"Not passed: {each}")
    total = sum(suite.counts.values())
    print(f"Ran {total} tests in {time.monotonic() - began:.3f}s\n\n{suite.summary()}")
    return bool(suite.failed)


if __name__ == "__main__":
    sys.exit(main())
