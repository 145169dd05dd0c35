"""Ports for programs that cannot be told to take any: `freePort`."""

from __future__ import annotations

import contextlib
import random
import socket

#: None of those that the system gives to whoever asks for any port: between being found
#: and being listened on, one of those may go to somebody else.
_RANGE = range(20_000, 32_000)

_given: set[int] = set()


def freePort() -> int:
    """
    A port that nobody listens on, and another one each time.
    """
    while True:
        port = random.choice(_RANGE)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            if port not in _given:
                _given.add(port)
                return port
