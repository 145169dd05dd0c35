"""What the process of a worker begins with: `main`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from twisted.python.reflect import namedModule


def main() -> None:
    """
    Serve what the command line says that comes on the standard input, with the reactor
    that comes there too.
    """
    settings: Any = json.loads(sys.stdin.readline())
    for descriptor in (settings["events"], *_descriptors(settings["held"])):
        # What a worker starts itself gets none of this.
        os.set_inheritable(descriptor, False)
    os.chdir(settings["directories"][0])
    namedModule(settings["reactor"]).install()
    # Only now there may be somebody who asks for the reactor.
    running: Any = namedModule("txsockjs.cluster.running")
    sys.exit(running.run(settings))


def _descriptors(held: list[Any]) -> set[int]:
    return {number for _, _, numbers in held for number in numbers}
