"""What ``twistd sockjs --workers`` runs itself: `ParentService`."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsockjs.cluster.children import Child, spawn
from txsockjs.cluster.control import (
    ControlProtocol,
    Join,
    Leave,
    Ready,
    RoomsReady,
    WantReports,
    WantRooms,
)
from txsockjs.cluster.holding import (
    Inheritance,
    SocketHolder,
    inheritance,
    systemdVariables,
)
from txsockjs.cluster.reports import Reports
from txsockjs.cluster.roomkeeping import NAME, RoomKeeper
from txsockjs.cluster.supervision import Supervisor
from txsockjs.cluster.watchdog import TIMEOUT
from txsockjs.cluster.worker import Worker
from txsockjs.serving.addresses import ofAll, urlOf
from txsockjs.serving.backlogs import BacklogReactor
from txsockjs.serving.logs import LoggedService
from txsockjs.serving.notifying import notify
from txsockjs.serving.reloading import Reloader

#: Seconds that a worker has to end in, beside those of its drain.
GRACE: Final = 10.0

#: How long a path of a UNIX socket may be, on any system.
_LONGEST_PATH: Final = 100

#: Seconds between two looks for orphans, where this process has to look after them.
_REAP: Final = 5.0


class _Link(ControlProtocol):
    """
    The connection to one worker.
    """

    def __init__(self, parent: ParentService) -> None:
        ControlProtocol.__init__(self)  # type: ignore[no-untyped-call]
        self._parent = parent
        self._worker: Worker | None = None

    @Join.responder
    def join(self, slot: int, generation: int) -> dict[str, object]:
        self._worker = self._parent.supervisor.joined(slot, generation, self)
        if self._worker is None:
            transport: Any = self.transport
            transport.loseConnection()
        return {}

    @Ready.responder
    def ready(self) -> dict[str, object]:
        if self._worker is not None:
            self._parent.supervisor.isReady(self._worker)
        return {}

    @Leave.responder
    def leave(self) -> dict[str, object]:
        if self._worker is not None:
            self._parent.supervisor.leave(self._worker)
        return {}

    @WantRooms.responder
    def wantRooms(self) -> Deferred[dict[str, object]]:
        wanted: Deferred[dict[str, object]] = self._parent.rooms.want()
        return wanted

    @WantReports.responder
    def wantReports(self) -> dict[str, object]:
        return {"reports": self._parent.reports.read()}

    @RoomsReady.responder
    def roomsReady(self) -> dict[str, object]:
        self._parent.rooms.isReady(self)
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._worker is not None:
            self._worker.link = None


class ParentService(LoggedService):
    """
    Listens on every endpoint for workers, and starts, watches and ends them. It accepts
    no connection, and loads none of what they serve.

    :ivar supervisor: what decides, once it is started.
    :ivar reports: how the workers are.
    :ivar rooms: the process that has the rooms of all workers.
    """

    supervisor: Supervisor
    reports: Reports

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        slots: int,
        places: Iterable[tuple[str, str, str]],
        arguments: list[str],
        patience: float,
        timeout: float = TIMEOUT,
    ) -> None:
        """
        :param slots: how many workers there are to be.
        :param places: what is served where: in words, what follows on the URL, and an
            endpoint string.
        :param arguments: the command line, which each worker reads anew.
        :param patience: seconds that the sessions of a worker have to end in.
        :param timeout: seconds without a sign of life after which a worker is killed; 0
            for never.
        """
        super().__init__()
        self.reactor = self._reactor = reactor
        self._reloader = Reloader(reactor, self._terminate)
        self._slots = slots
        self._places = list(places)
        self._arguments = arguments
        self._patience = patience
        self._directory = os.getcwd()
        self._path = [os.path.abspath(each) for each in sys.path]
        self._holder = SocketHolder(reactor, slots)
        self._inheritance: Inheritance | None = None
        self._ports: list[tuple[str, str, str, IListeningPort]] = []
        self._timeout = timeout
        self.rooms: RoomKeeper = RoomKeeper(reactor, self._startRooms, timeout)
        # What the process of the rooms accepts on.
        self._roomsPort: Any = None
        self._private: Path | None = None
        self._control: IListeningPort | None = None
        self._status = 0
        self._stopping = False

    def privilegedStartService(self) -> None:
        """
        Listen on every endpoint.

        :raise CannotListenError: if one cannot; and what else an endpoint may raise.
        """
        Service.privilegedStartService(self)
        failures: list[Failure] = []
        for what, path, description in self._places:
            deep = BacklogReactor(self._holder, description)
            endpoint = serverFromString(deep, description)
            nothing = Factory.forProtocol(Protocol)
            nothing.noisy = False
            listening: Deferred[Any] = endpoint.listen(nothing)
            listening.addCallback(
                lambda port, *place: self._ports.append((*place, port)),
                what,
                path,
                description,
            )
            listening.addErrback(self._cannotListen, description, failures)
        if failures:
            failures[0].raiseException()

    def _cannotListen(
        self, failure: Failure, description: str, failures: list[Failure]
    ) -> None:
        failures.append(failure)
        self.cannotListen(failure, description)

    def startService(self) -> None:
        """
        Start the workers.
        """
        Service.startService(self)
        self._inheritance = inheritance(self._holder.held)
        # Before the name of the directory is known to anybody, it is nobody else's.
        private = self._private = Path(tempfile.mkdtemp(prefix="txsockjs-"))
        if len(os.fsencode(private)) > _LONGEST_PATH - 20:
            private.rmdir()
            self._private = None
            raise ValueError(
                f"{private}: too long for the path of a UNIX socket; set TMPDIR to a "
                "shorter directory"
            )
        factory = Factory.forProtocol(lambda: _Link(self))
        factory.noisy = False
        self._control = self._reactor.listenUNIX(str(private / "parent"), factory)
        port: Any = self._reactor.listenUNIX(str(private / "rooms"), factory)
        port.stopReading()
        self._roomsPort = port
        self.supervisor = Supervisor(
            self._reactor,
            self._slots,
            self._start,
            lambda slot, generation: str(private / f"{slot}-{generation}"),
            self._patience + GRACE,
            self._timeout,
        )
        self.reports = Reports(self._reactor, self.supervisor.workers)
        atexit.register(self._exit)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        if self.log is not None:
            self._reloader.add(f"the log {self.log.path}", self.log.reopen)
        # Whatever else there is to read again, new workers do.
        self._reloader.add("workers", self.supervisor.roll)
        self._reloader.watch()
        for number, react in (
            (signal.SIGTERM, self._terminate),
            (signal.SIGINT, self._terminate),
        ):
            signal.signal(number, self._handler(react))
        if os.getpid() == 1:
            self._reactor.callLater(_REAP, self._reap)
        self.supervisor.begin().addCallback(self._begun)

    def _handler(self, react: Callable[[], object]) -> Callable[[int, object], None]:
        def handle(number: int, frame: object) -> None:
            self._reactor.callFromThread(react)

        return handle

    def _terminate(self) -> None:
        """
        It was told to stop: a second time, to wait no longer.
        """
        if self._stopping:
            self._log.warn(
                "Told to stop once more: dropping what is left of the sessions."
            )
            self.supervisor.drop()
            return
        self._stopping = True
        self._log.info("Told to stop: the workers close their sessions, and end.")
        self._reactor.stop()

    def _begun(self, failure: str | None) -> None:
        if failure is not None:
            self._status = 1
            self._log.critical("A worker cannot start: {why}", why=failure)
            if not self._stopping:
                self._stopping = True
                self._reactor.stop()
            return
        for what, path, description, port in self._ports:
            url = urlOf(port.getHost(), description) + path
            all = ofAll(port.getHost())
            self._log.info("{what} at {url}{all}", what=what, url=url, all=all)
        self._log.info("{count} workers are ready.", count=self._slots)
        notify("READY=1", f"STATUS={self._slots} workers")

    def _start(self, worker: Worker, ended: Callable[[str], None]) -> Child:
        inherited = self._inheritance
        assert inherited is not None
        child = Child(str(worker.slot), inherited.free, ended)
        settings = {
            **self._settings(),
            "slot": worker.slot,
            "slots": self._slots,
            "generation": worker.generation,
            "path": worker.path,
            "rooms": str(self._private / "rooms") if self._private else "",
            "held": inherited.held,
            "arguments": self._arguments,
        }
        descriptors: dict[int, int | str] = {
            **inherited.descriptors,
            inherited.free: "r",
        }
        self._spawn(child, "txsockjs.cluster.main", settings, descriptors)
        return child

    def _settings(self) -> dict[str, object]:
        """
        What each child is told.
        """
        inherited = self._inheritance
        assert inherited is not None
        return {
            "reactor": type(self._reactor).__module__,
            "control": str(self._private / "parent") if self._private else "",
            "events": inherited.free,
            # Where the command line was given, and where this process is now.
            "directories": [self._directory, os.getcwd()],
        }

    def _spawn(
        self,
        child: Child,
        module: str,
        settings: Mapping[str, object],
        descriptors: Mapping[int, int | str],
    ) -> None:
        variables = systemdVariables(self._holder.held)
        spawn(
            self._reactor, child, module, self._path, settings, descriptors, variables
        )

    def _startRooms(self, ended: Callable[[str], None]) -> Child:
        inherited, port = self._inheritance, self._roomsPort
        assert inherited is not None
        events, socket = inherited.free, inherited.free + 1
        child = Child(NAME, events, ended)
        settings = {**self._settings(), "rooms": socket}
        descriptors: dict[int, int | str] = {events: "r", socket: port.fileno()}
        self._spawn(child, "txsockjs.cluster.brokering", settings, descriptors)
        return child

    def stopService(self) -> Deferred[None]:
        """
        Have all workers drain, and end.

        :return: what fires when all is gone.
        """
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        notify("STOPPING=1")
        if self._private is not None:
            await self.supervisor.end()
            if self._roomsPort is not None:
                await maybeDeferred(self._roomsPort.stopListening)
            await self.rooms.end()
            if self._control is not None:
                await maybeDeferred(self._control.stopListening)
            shutil.rmtree(self._private, ignore_errors=True)
        stopping = [maybeDeferred(port.stopListening) for *_, port in self._ports]
        await gatherResults(stopping)

    def _reap(self) -> None:
        """
        As process 1 of a container, this one gets the orphans of all others, which
        nobody else waits for.
        """
        self._reactor.callLater(_REAP, self._reap)
        own = set(self._children())
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in own:
                return
            os.waitpid(found.si_pid, 0)

    def _children(self) -> Iterable[int]:
        processes = [each.process for each in self.supervisor.workers]
        for each in (*processes, self.rooms.process):
            if isinstance(each, Child) and each.transport.pid:
                yield each.transport.pid

    def _exit(self) -> None:
        # Nothing that a reactor runs can set the status of a twistd.
        if self._status:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._status)
