"""The process that has the rooms of all workers: L{main}."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from twisted.internet import fdesc
from twisted.internet.abstract import FileDescriptor
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from txsockjs.clock import clockOr
from txsockjs.cluster.adopting import SharedPort
from txsockjs.cluster.logs import EventWriter
from txsockjs.rooms.localserver import LocalBrokerFactory
from txsockjs.rooms.memory import MemoryStore


def main() -> None:
    """
    Serve rooms on the socket that the parent has made, until the parent ends this
    process, or is gone itself: then the standard input ends.
    """
    with open(0, "rb", buffering=0, closefd=False) as source:
        settings: Any = json.loads(source.readline())
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        # What all processes of a group are told; the workers need rooms to the end.
        signal.signal(number, signal.SIG_IGN)
    reactor: Any = clockOr(None)
    observer = EventWriter(settings["events"])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=True)
    factory = LocalBrokerFactory(MemoryStore(reactor))
    SharedPort(settings["rooms"], factory, reactor).startListening()
    _Watch(reactor).startReading()
    reactor.run(installSignalHandlers=False)


class _Watch(FileDescriptor):
    """
    Ends this process when its standard input ends.
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        fdesc.setNonBlocking(0)  # type: ignore[no-untyped-call]

    def fileno(self) -> int:
        return 0

    def doRead(self) -> None:
        if not os.read(0, 1024):
            self.stopReading()  # type: ignore[no-untyped-call]
            reactor: Any = self.reactor
            reactor.stop()

    def connectionLost(self, reason: Failure) -> None:
        reactor: Any = self.reactor
        reactor.stop()
