"""People in front of pages, in a real browser: `visit`."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.support.programs.node import need, runNode


async def visit(*steps: tuple[Any, ...], program: str = "chromium") -> Any:
    """
    Do things with pages.

    :param steps: what is done, as ``tests/js/visit.js`` has it: who, what, and what
        that takes.
    :return: what was read, a list of the texts for each step that reads.
    :raise FailTest: if a page had an error, or a step could not be done.
    """
    from twisted.internet import reactor

    need("node", program, packages=("puppeteer-core",))
    arguments = "chrome", shutil.which(program) or "", json.dumps(steps)
    [told] = await runNode(reactor, "visit.js", *arguments)
    assert told["errors"] == [], told["errors"]
    return told["reads"]
