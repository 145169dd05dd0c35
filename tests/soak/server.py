"""The server's side of a soak: an echo that tells what it holds.

It listens on a free port of the loopback. It answers each line on its standard input
with a line of JSON (`stats`), and ends with its input.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections import Counter
from ctypes import CDLL
from typing import Any

from twisted.internet import reactor, stdio
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogPublisher
from twisted.protocols.basic import LineOnlyReceiver

from txsockjs.factory import SockJSFactory

#: Short times, so that what is to be given up is given up soon.
OPTIONS = {
    "heartbeat": 1.0,
    "timeout": 1.0,
    "streaming_limit": 4096,
    "max_message_size": 10_000,
    "max_buffer": 200_000,
    "compression": True,
}


class Soaked(Protocol):
    """
    Says what it hears, unless it hears something else to do.
    """

    def dataReceived(self, data: bytes) -> None:
        if data == b"close":
            self.transport.loseConnection(4000, "as asked")
        elif data == b"abort":
            self.transport.abortConnection()
        elif data == b"flood":
            for _ in range(100):
                self.transport.write(b"x" * 5000)
        else:
            self.transport.write(data)


def stats(site: SockJSFactory, errors: list[str]) -> dict[str, Any]:
    """
    What this process holds: sessions, file descriptors, delayed calls, memory in
    bytes, objects by type; and the errors that were logged.
    """
    gc.collect()
    # glibc keeps what was needed at a peak; what is not given back here is in use.
    if trim := getattr(CDLL(None), "malloc_trim", None):
        trim(0)
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    objects = gc.get_objects()
    return {
        "sessions": len(site.services[""].service),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "calls": len(reactor.getDelayedCalls()),
        "resident": resident,
        "objects": len(objects),
        "types": dict(Counter(type(each).__name__ for each in objects)),
        "errors": errors,
    }


class Control(LineOnlyReceiver):
    """
    The standard input and output.
    """

    delimiter = b"\n"

    def __init__(self, site: SockJSFactory, port: int) -> None:
        self.site = site
        self.port = port
        self.errors: list[str] = []

    def connectionMade(self) -> None:
        globalLogPublisher.addObserver(self.keepErrors)
        self.sendLine(json.dumps({"port": self.port}).encode())

    def keepErrors(self, event: Any) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self.errors.append(failure.getTraceback())

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(json.dumps(stats(self.site, self.errors)).encode())

    def connectionLost(self, reason: Any = None) -> None:
        reactor.stop()


def main() -> None:
    site = SockJSFactory(Factory.forProtocol(Soaked), OPTIONS, timeout=3)
    listening = reactor.listenTCP(0, site, backlog=500, interface="127.0.0.1")
    stdio.StandardIO(Control(site, listening.getHost().port))
    reactor.run()


if __name__ == "__main__":
    sys.exit(main())
