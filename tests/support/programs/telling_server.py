"""
A server that tells of its sessions, in a process of its own:
``python -m tests.support.programs.telling_server HOST OPTIONS``, where the options of
its services are a JSON object. It prints where it listens, and a line for the end of
each session: ``lost TRANSPORT REASON``. When it gets the signal USR1, it writes a
megabyte to every session.

The services are ``quiet``, which says nothing by itself, and ``ticker``, which says
something all the time.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from tests.support.programs.readers import numbered
from txsockjs.factory import SockJSMultiFactory

sessions: list[Quiet] = []


class Quiet(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.number = 0
        sessions.append(self)

    def write(self, size: int) -> None:
        self.transport.write(numbered(self.number, size).encode())
        self.number += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        sessions.remove(self)
        name = self.transport.request.transport
        print(f"lost {name} {reason.value.__class__.__name__}.", flush=True)


class Ticker(Quiet):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.call = LoopingCall(self.write, 1000)
        self.call.start(0.05)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.call.stop()


def fill() -> None:
    """
    Write a megabyte to every session.
    """
    for session in sessions:
        for _ in range(64):
            session.write(16384)


def main(host: str, options: dict[str, Any]) -> None:
    site = SockJSMultiFactory()
    site.addFactory(Factory.forProtocol(Quiet), "quiet", options)
    site.addFactory(Factory.forProtocol(Ticker), "ticker", options)
    port = reactor.listenTCP(0, site, interface=host)

    def signalled(*args: object) -> None:
        reactor.callFromThread(fill)

    reactor.callWhenRunning(signal.signal, signal.SIGUSR1, signalled)
    print(f"listening on {port.getHost().port}.", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
