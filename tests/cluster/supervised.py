"""A `Supervisor` of workers that are no processes: `SupervisorCase`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.control import Accept, Peers, readPeers
from txsockjs.cluster.supervision import Supervisor
from txsockjs.cluster.watchdog import LOOKS
from txsockjs.cluster.worker import Worker

PATIENCE = 20.0


class FakeProcess:
    """
    A process, and the connection to it.

    :ivar told: what it was told, as the command and its arguments, in order.
    :ivar signals: those that it was sent.
    :ivar silent: whether it answers nothing.
    :ivar answers: those that it owes.
    """

    lastWords = ""

    def __init__(self, worker: Worker, ended: Callable[[str], None]) -> None:
        self.worker = worker
        self.end = ended
        self.told: list[tuple[Any, Any]] = []
        self.signals: list[str] = []
        self.silent = False
        self.answers: list[Deferred[Any]] = []

    def signal(self, name: str) -> None:
        self.signals.append(name)

    def tell(self, command: Any, **arguments: Any) -> Deferred[Any]:
        self.told.append((command, next(iter(arguments.values()), None)))
        if not self.silent:
            return succeed({})
        self.answers.append(Deferred())
        return self.answers[-1]

    def of(self, command: Any) -> list[Any]:
        """
        The arguments of a command, each time that it came.
        """
        return [argument for told, argument in self.told if told is command]

    @property
    def slots(self) -> list[int]:
        """
        For which slots it accepts.
        """
        return (self.of(Accept) or [[]])[-1]


class SupervisorCase(SynchronousTestCase):
    """
    Two workers.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.processes: list[FakeProcess] = []
        self.supervisor = Supervisor(
            self.clock, 2, self.started, lambda s, g: f"/{s}-{g}", PATIENCE
        )
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def started(self, worker: Worker, ended: Callable[[str], None]) -> FakeProcess:
        self.processes.append(FakeProcess(worker, ended))
        return self.processes[-1]

    def ready(self, process: FakeProcess) -> None:
        worker = process.worker
        joined = self.supervisor.joined(worker.slot, worker.generation, process)
        self.assertIs(joined, worker)
        self.supervisor.isReady(worker)

    def begin(self) -> list[FakeProcess]:
        begun = self.supervisor.begin()
        for process in self.processes:
            self.assertNoResult(begun)
            self.ready(process)
        self.assertIs(self.successResultOf(begun), None)
        return list(self.processes)

    def logged(self, level: LogLevel) -> list[str]:
        return [
            event["log_format"].format(**event)
            for event in self.events
            if event["log_level"] is level
        ]

    def peers(self, process: FakeProcess) -> list[tuple[int, int, bool]]:
        """
        Whom it knows of: slot, generation, and whether it drains.
        """
        found = readPeers(process.of(Peers)[-1])
        return [(each.slot, each.generation, each.draining) for each in found]

    def pass_(self, seconds: float, looks: int = LOOKS) -> None:
        """
        Let time pass in which this process is at work.
        """
        self.clock.pump([seconds / looks] * looks)
