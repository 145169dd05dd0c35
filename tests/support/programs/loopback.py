"""Runs a program whose ports are free ones of the loopback, whichever it names.

``python loopback.py FILE`` writes ``PORT is at NUMBER`` for each that it listens on.
"""

import runpy
import sys
from typing import Any

from twisted.internet import reactor

_listen = type(reactor).listenTCP


def listenTCP(
    self: Any, port: int, factory: Any, backlog: int = 50, interface: str = ""
) -> Any:
    listening = _listen(self, 0, factory, backlog, "127.0.0.1")
    print(f"{port} is at {listening.getHost().port}", flush=True)
    return listening


if __name__ == "__main__":
    type(reactor).listenTCP = listenTCP  # type: ignore[method-assign]
    sys.path.insert(0, ".")
    runpy.run_path(sys.argv[1], run_name="__main__")
