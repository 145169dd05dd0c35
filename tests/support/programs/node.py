"""Runs the scripts of ``tests/js`` under Node, for tests with the stock client."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import FailTest

from tests.support.missing import missing

TESTS = Path(__file__).parents[2]
SCRIPTS = TESTS / "js"


def need(*programs: str, packages: tuple[str, ...] = ()) -> None:
    """
    Give up on the test, saying what is missing, unless all is installed.

    :param programs: names of commands.
    :param packages: names of npm packages, looked for where ``make test`` puts them.
    :raise SkipTest: where something is missing.
    :raise FailTest: the same where the environment has ``CI``: there nothing may miss.
    """
    lacking = [f"command {name!r}" for name in programs if not shutil.which(name)]
    lacking += [
        f"npm package {name!r} (npm install in tests/)"
        for name in packages
        if not (TESTS / "node_modules" / name / "package.json").exists()
    ]
    if lacking:
        raise missing("not installed: " + ", ".join(lacking))


async def runNode(reactor: Any, script: str, *args: str) -> list[Any]:
    """
    Run a script to its end.

    :param script: the name of a file in ``tests/js``.
    :param args: its arguments.
    :return: what it printed, one JSON value a line.
    :raise FailTest: where it failed, with what it said on standard error.
    """
    node = shutil.which("node") or "node"
    out, err, status = await getProcessOutputAndValue(
        node, [str(SCRIPTS / script), *args], env=os.environ, reactor=reactor
    )
    if status:
        raise FailTest(f"{script} ended with {status}: {err.decode(errors='replace')}")
    return [json.loads(line) for line in out.decode().splitlines()]
