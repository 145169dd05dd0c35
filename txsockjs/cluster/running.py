"""A worker, from its command line to its end: `run`."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, serverFromString
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger, globalLogBeginner
from twisted.python.failure import Failure
from twisted.python.reflect import namedModule
from twisted.python.usage import UsageError

from txsockjs.clock import clockOr
from txsockjs.cluster.adopting import AdoptingReactor
from txsockjs.cluster.control import (
    Accept,
    Alive,
    ControlProtocol,
    Drain,
    Drop,
    Join,
    Leave,
    Peers,
    Ready,
    Report,
    WantReports,
    WantRooms,
    readPeers,
)
from txsockjs.cluster.logs import EventWriter
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.cluster.reports import OtherWorkers
from txsockjs.cluster.workers import WorkerCluster
from txsockjs.rooms.shared import LOCAL
from txsockjs.serving.service import SockJSService
from txsockjs.tap import Options, makeServer


class _Control(ControlProtocol):
    """
    The connection to the parent.
    """

    def __init__(self, worker: WorkerRun) -> None:
        ControlProtocol.__init__(self)  # type: ignore[no-untyped-call]
        self._worker = worker

    @Peers.responder
    def peers(self, table: str) -> dict[str, object]:
        self._worker.slots.update(readPeers(table))
        return {}

    @Accept.responder
    def accept(self, slots: list[int]) -> dict[str, object]:
        self._worker.accept(slots)
        return {}

    @Alive.responder
    def alive(self) -> dict[str, object]:
        return {}

    @Drain.responder
    def drain(self) -> dict[str, object]:
        self._worker.drain()
        return {}

    @Report.responder
    def report(self) -> dict[str, object]:
        return {"report": self._worker.report()}

    @Drop.responder
    def drop(self) -> dict[str, object]:
        self._worker.drop()
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._worker.orphaned()


class WorkerRun:
    """
    A worker that runs.

    :ivar service: what it serves.
    :ivar slots: what it knows of the others.
    :ivar isOrphan: whether it ends because its parent is gone.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        settings: Mapping[str, Any],
        service: SockJSService,
        slots: Slots,
        adopted: AdoptingReactor,
    ) -> None:
        self.service = service
        self.slots = slots
        if service.site.cluster is None:
            service.site.joinCluster(WorkerCluster(reactor, self.slots))
        self._reactor = reactor
        self._adopted = adopted
        self._settings = settings
        self._control: _Control | None = None
        self._draining = False
        self.isOrphan: bool = False

    def begin(self) -> None:
        """
        Tell the parent that this worker is there.
        """
        signal.signal(signal.SIGTERM, self._signalled)
        for number in signal.SIGINT, signal.SIGHUP:
            # A terminal tells all processes of a group; the parent tells the workers.
            signal.signal(number, signal.SIG_IGN)
        Deferred.fromCoroutine(self._begin()).addErrback(self._failed)

    async def _begin(self) -> None:
        endpoint = UNIXClientEndpoint(self._reactor, self._settings["control"])
        factory = Factory.forProtocol(lambda: _Control(self))
        factory.noisy = False
        control = self._control = await endpoint.connect(factory)
        me = self.slots.me
        await control.tell(Join, slot=me.slot, generation=me.generation)
        if self._settings["wantRooms"]:
            await control.tell(WantRooms)
        await control.tell(Ready)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("This worker cannot begin.", failure)
        _complain(failure.getErrorMessage())
        self.drain()

    def accept(self, slots: list[int]) -> None:
        """
        Accept the connections of these slots alone.
        """
        for port in self._adopted.ports:
            port.accept(slots)

    def _signalled(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._leave)

    def _leave(self) -> None:
        """
        Somebody else than the parent wants this worker to stop.
        """
        if self._control is None:
            self.drain()
        else:
            left = self._control.tell(Leave)
            left.addErrback(lambda failure: self.drain())

    def report(self) -> str:
        """
        How this worker is, as JSON.
        """
        services = self.service.site.services.values()
        sessions = sum(service.counters.open for service in services)
        return json.dumps({"pid": os.getpid(), "sessions": sessions})

    def askReports(self) -> Deferred[str] | None:
        """
        Ask the parent how all workers are.
        """
        if self._control is None:
            return None
        asked: Deferred[Any] = self._control.tell(WantReports)
        return asked.addCallback(lambda answer: answer["reports"])

    def drain(self) -> None:
        """
        Close all sessions in good order, and end.
        """
        if not self._draining:
            self._draining = True
            self._reactor.stop()

    def drop(self) -> None:
        """
        Wait no longer for the sessions that are left.
        """
        for service in self.service.site.services.values():
            service.stop()

    def orphaned(self) -> None:
        """
        The parent is gone.
        """
        self._control = None
        if not self._draining:
            self.isOrphan = True
            self._log.error("The parent of this worker is gone: ending.")
            self.drain()


def run(settings: Mapping[str, Any]) -> int:
    """
    Serve what a command line says, until the parent wants it no longer.

    :param settings: what the parent has told.
    :return: the status to exit with.
    """
    # Where it hangs when the parent aborts it, it says on its error output.
    faulthandler.enable(2)
    reactor: Any = clockOr(None)
    observer = EventWriter(settings["events"])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=True)
    adopted = AdoptingReactor(reactor, settings["held"])
    options = Options(reactor, LOCAL + settings["rooms"])
    try:
        options.parseOptions(settings["arguments"])
        options.endpoints = _again(options.endpoints, adopted)
        options.health = _again(options.health, adopted)
        options.metrics = _again(options.metrics, adopted)
        options.status = _again(options.status, adopted)
    except UsageError as error:
        _complain(str(error))
        return 1
    os.chdir(settings["directories"][1])
    me = Peer(settings["slot"], settings["generation"], settings["path"])
    slots = Slots(settings["slots"], me)
    if options.metricsSite is not None:
        # It needs an extra, which is there.
        metrics: Any = namedModule("txsockjs.cluster.metrics")
        options.metricsSite = metrics.shareMetrics(
            reactor, slots, options.site, options.rooms or ()
        )
    service = makeServer(options)
    service.announces = False
    settings = {**settings, "wantRooms": options.wantsRooms}
    worker = WorkerRun(reactor, settings, service, slots, adopted)
    options.others = OtherWorkers(
        settings["slot"], settings["generation"], worker.askReports
    )
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(worker.begin)
    reactor.run()
    if worker.isOrphan:
        _removeLast(os.path.dirname(settings["control"]))
    return 0


def _removeLast(directory: str) -> None:
    """
    Remove the directory of a parent that is gone, unless other workers still use it.
    """
    try:
        if set(os.listdir(directory)) <= {"parent", "rooms"}:
            shutil.rmtree(directory, ignore_errors=True)
    except OSError:
        # Another one was the last.
        pass


def _again(places: list[tuple[str, Any]], reactor: AdoptingReactor) -> Any:
    """
    The same endpoints on another reactor.
    """
    return [
        (description, serverFromString(reactor, description))
        for description, _ in places
    ]


def _complain(line: str) -> None:
    """
    Write what the parent takes for the reason of this worker's end.
    """
    print(line, file=sys.__stderr__, flush=True)
