"""Run the fuzzers for a while: ``python -m tests.fuzz --minutes N [NAME ...]``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz import EXAMPLES

#: How many examples each property gets in one round.
ROUND = "400"

NAMES = sorted(
    path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")
)


class Fuzzer:
    """
    One fuzzer, in a process of its own for each round.

    :ivar rounds: how many rounds it has done.
    :ivar failed: whether one of them has found something.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.rounds = 0
        self.failed = False
        self._log = directory / f"{name}.log"
        self._start()

    def _start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    # trial leaves out an exception's notes, which have the example.
                    "unittest",
                    f"tests.fuzz.test_{self.name}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, EXAMPLES: ROUND},
            )

    def goesOn(self, until: float) -> bool:
        """
        Look after it, and begin its next round.

        :param until: the time after which no round begins.
        :return: whether it runs.
        """
        try:
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return True
        self.rounds += 1
        print(f"{self.name}: round {self.rounds}, {'ok' if not code else 'FAILED'}")
        if code:
            self.failed = True
            print(self._log.read_text("utf-8", "replace"))
            return False
        if time.monotonic() >= until:
            return False
        self._start()
        return True

    def stop(self) -> None:
        """
        End the round that runs.
        """
        self._process.kill()
        self._process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no fuzzer {', '.join(unknown)}; there are {', '.join(NAMES)}")
    until = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as directory:
        fuzzers = [Fuzzer(name, Path(directory)) for name in arguments.names or NAMES]
        running = fuzzers
        try:
            while running:
                running = [fuzzer for fuzzer in running if fuzzer.goesOn(until)]
        finally:
            for fuzzer in fuzzers:
                fuzzer.stop()
    return int(any(fuzzer.failed for fuzzer in fuzzers))


if __name__ == "__main__":
    sys.exit(main())
