"""Run a soak from the command line."""

from __future__ import annotations

import argparse
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.soak.run import Soak


async def soak(reactor: Any, minutes: float, seed: int) -> None:
    """
    Soak, and exit with 1 if something was left behind.
    """

    def say(line: str) -> None:
        print(line, flush=True)

    run = Soak(reactor, say, seed)
    wrong = await run.run(minutes * 60)
    for how, count in sorted(run.ends.items()):
        say(f"{count:8} {how}")
    for line in wrong:
        say(f"WRONG: {line}")
    if wrong:
        raise SystemExit(1)
    say(f"{run.ends.total()} sessions, and nothing was left behind")


def main() -> None:
    """
    Read the command line and run.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Churn sessions and look for leaks."
    )
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().randrange(1 << 30), help="any"
    )
    asked = parser.parse_args()

    def start(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(soak(reactor, asked.minutes, asked.seed))

    react(start)


if __name__ == "__main__":
    main()
