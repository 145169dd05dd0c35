"""Run the Autobahn test suite; see `main`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from tests.wstest.suite import echoSite, failures, run

#: The cases of compression; they have a service of their own.
DEFLATE = ["12.*", "13.*"]


async def suite(reactor: Any, cases: list[str], out: Path) -> None:
    """
    Run cases against both services, and exit with 1 if one did not pass.
    """
    listening = reactor.listenTCP(0, echoSite(), interface="127.0.0.1")
    port = listening.getHost().port
    compressing = [each for each in cases if each.partition(".")[0] in ("12", "13")]
    plain = [each for each in cases if each not in compressing]
    selections: dict[str, list[str]] = {}
    if plain or not cases:
        selections["plain"] = [*_each("-i", plain), *_each("-x", DEFLATE)]
    if compressing or not cases:
        selections["deflate"] = _each("-i", compressing or DEFLATE)
    failed = False
    for service, selection in selections.items():
        print(f"{service}: kosoku {' '.join(selection)}", flush=True)
        found = await run(reactor, service, selection, out / service, port, sys.stdout)
        bad = failures(found)
        for case, how in bad.items():
            print(f"  {case}: {how}")
        print(f"{service}: {len(found)} cases, {len(bad)} did not pass", flush=True)
        failed = failed or bool(bad)
    print(f"The reports are {out}/*/index.html.")
    if failed:
        raise SystemExit(1)


def _each(switch: str, cases: list[str]) -> list[str]:
    return [word for case in cases for word in (switch, case)]


def main() -> None:
    """
    Read the command line and run.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.wstest",
        description="Run the Autobahn test suite against the raw WebSocket.",
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help="cases such as 1.1.1 or '9.*'; all"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("wstest-reports"), help="where reports go"
    )
    asked = parser.parse_args()

    def start(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(suite(reactor, asked.cases, asked.out))

    react(start)


if __name__ == "__main__":
    main()
