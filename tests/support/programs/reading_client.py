"""A client in a process of its own, to be frozen or cut off: ``python -m
tests.support.programs.reading_client HOST PORT SERVICE``. It opens a session over each
transport, prints ``open``, and reads until it is killed.
"""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import react

from tests.support.programs.readers import TRANSPORTS, Reader


async def main(host: str, port: str, service: str) -> None:
    endpoint = TCP4ClientEndpoint(reactor, host, int(port))
    for name in TRANSPORTS:
        reader = Reader(name, f"/{service}/0/{name}")
        await connectProtocol(endpoint, reader)
        await reader.opened
    print("open", flush=True)
    await Deferred()


if __name__ == "__main__":
    react(lambda reactor, *args: Deferred.fromCoroutine(main(*args)), sys.argv[1:])
