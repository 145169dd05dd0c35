"""The process that has the rooms of all workers: `main`."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from txsockjs.clock import clockOr
from txsockjs.cluster.adopting import SharedPort
from txsockjs.cluster.control import Alive, ControlProtocol, RoomsReady
from txsockjs.cluster.logs import EventWriter
from txsockjs.rooms.localserver import LocalBrokerFactory
from txsockjs.rooms.memory import MemoryStore


class _Control(ControlProtocol):
    """
    The connection to the parent. This process ends with it.
    """

    @Alive.responder
    def alive(self) -> dict[str, object]:
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        reactor: Any = clockOr(None)
        reactor.stop()


async def _begin(reactor: Any, settings: Any) -> None:
    factory = Factory.forProtocol(_Control)
    factory.noisy = False
    endpoint = UNIXClientEndpoint(reactor, settings["control"])
    control: Any = await endpoint.connect(factory)
    rooms = LocalBrokerFactory(MemoryStore(reactor))
    SharedPort(settings["rooms"], rooms, reactor).startListening()
    await control.tell(RoomsReady)


def main() -> None:
    """
    Serve rooms on the socket that the parent has made, until the parent ends this
    process, or is gone itself.
    """
    settings: Any = json.loads(sys.stdin.readline())
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        # What all processes of a group are told; the workers need rooms to the end.
        signal.signal(number, signal.SIG_IGN)
    reactor: Any = clockOr(None)
    observer = EventWriter(settings["events"])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=True)
    begun = Deferred.fromCoroutine(_begin(reactor, settings))
    begun.addErrback(lambda failure: reactor.stop())
    reactor.run(installSignalHandlers=False)
