"""Which workers there are, and what each of them does: `Supervisor`.

Each slot has a worker. One that dies is started again, after a pause; what comes for
its slot meanwhile, another one accepts. A roll puts a new worker into one slot after
the other: when it is ready, it accepts what comes for the slot, and the old one drains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from txsockjs.cluster.control import Accept, Alive, Drain, Drop, Peers, writePeers
from txsockjs.cluster.pauses import Pauses
from txsockjs.cluster.watchdog import TIMEOUT, Deadline, Watchdog
from txsockjs.cluster.worker import Link, Process, State, Worker

#: Seconds in which a worker has to be ready.
START_TIMEOUT: Final = 60.0

#: Seconds from when an old worker accepts nothing more until it drains.
LAST: Final = 1.0

#: Seconds in which workers have to answer what they are told.
ANSWER_TIMEOUT: Final = 5.0

#: Seconds that a worker that hangs has to write where it does, and to end by itself.
ABORT_TIME: Final = 2.0


class Supervisor:
    """
    Starts, watches and ends workers.

    :ivar workers: all there are, the older ones first.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        slots: int,
        start: Callable[[Worker, Callable[[str], None]], Process],
        pathOf: Callable[[int, int], str],
        patience: float,
        timeout: float = TIMEOUT,
    ) -> None:
        """
        :param slots: how many workers there are to be.
        :param start: starts the process of a worker, and has the function called at its
            end with how it has ended.
        :param pathOf: where a worker of a slot and a generation is reached by others.
        :param patience: seconds that a worker has to drain.
        :param timeout: seconds without a sign of life after which a worker is killed; 0
            for never.
        """
        self.workers: list[Worker] = []
        self._clock = clock
        self._slots = slots
        self._start = start
        self._pathOf = pathOf
        self._patience = patience
        self._timeout = timeout
        self._generation = 0
        self._pauses = [Pauses() for _ in range(slots)]
        self._restarts: dict[int, IDelayedCall] = {}
        self._rolls: list[int] = []
        self._rolling = False
        self._begun: Deferred[str | None] | None = None
        self._ended: Deferred[None] | None = None
        self._dropping = False
        self._taking: IDelayedCall | None = None

    # How workers begin

    def begin(self) -> Deferred[str | None]:
        """
        Start a worker for each slot.

        :return: what fires when all of them are ready, with None, or when one cannot
            start, with why, in one line.
        """
        begun = self._begun = Deferred()
        for slot in range(self._slots):
            self._launch(slot)
        return begun

    def _launch(self, slot: int) -> Worker:
        self._generation += 1
        path = self._pathOf(slot, self._generation)
        worker = Worker(slot, self._generation, path)
        self.workers.append(worker)
        worker.timer = self._deadline(START_TIMEOUT, self._late, worker)
        try:
            worker.process = self._start(worker, lambda how: self._died(worker, how))
        except OSError as error:
            self._clock.callLater(0, self._died, worker, str(error))
        return worker

    def _deadline(
        self, seconds: float, function: Callable[[Worker], object], worker: Worker
    ) -> Deadline:
        return Deadline(self._clock, seconds, lambda: function(worker))

    def _late(self, worker: Worker) -> None:
        worker.timer = None
        self._log.error(
            "Worker {worker} is not ready after {seconds:g} s: killing it.",
            worker=worker.name,
            seconds=START_TIMEOUT,
        )
        worker.signal("KILL")

    def joined(self, slot: int, generation: int, link: Link) -> Worker | None:
        """
        A worker has connected.

        :return: it, unless it is nobody that was started.
        """
        for worker in self.workers:
            if (worker.slot, worker.generation) == (slot, generation):
                worker.link = link
                return worker
        return None

    def isReady(self, worker: Worker) -> None:
        """
        A worker can serve. Those that were in its slot before drain.
        """
        if worker.state is not State.STARTING:
            return
        worker.cancel()
        worker.state = State.READY
        worker.since = self._clock.seconds()
        worker.watchdog = Watchdog(
            self._clock,
            self._timeout,
            lambda: self._askAlive(worker),
            lambda: self._hung(worker),
        )
        worker.watchdog.start()
        old = [
            each
            for each in self.workers
            if each.slot == worker.slot
            and each is not worker
            and each.state is not State.DRAINING
        ]
        for each in old:
            each.state = State.DRAINING
        told = self._tellAll()
        everybody = [each for each in self.workers if each.state is State.READY]
        begun = self._begun
        if begun is None:
            self._log.info("Worker {worker} is ready.", worker=worker.name)
        elif len(everybody) == self._slots:
            self._begun = None
        self._assign()
        told.addCallback(lambda _: self._drainSoon(old))
        worker.ready.callback(True)
        if begun is not None and self._begun is None:
            begun.callback(None)

    def _tellAll(self) -> Deferred[object]:
        """
        Tell all workers who is there.

        :return: what fires when they know.
        """
        there = [each for each in self.workers if each.state is not State.STARTING]
        table = writePeers(each.peer for each in there)
        told = DeferredList([each.tell(Peers, table=table) for each in there])
        told.addTimeout(ANSWER_TIMEOUT, self._clock)
        return told.addErrback(lambda failure: None)

    def _assign(self) -> None:
        """
        Have each slot's worker accept what comes for it, and some other where there is
        none. Whoever is to accept more is told before those who are to accept less.
        Nothing is accepted before all can serve.
        """
        if self._begun is not None:
            return
        ready = [each for each in self.workers if each.state is State.READY]
        covers: dict[Worker, set[int]] = {each: set() for each in self.workers}
        vacant: list[int] = []
        for slot in range(self._slots):
            owners = [each for each in ready if each.slot == slot]
            if owners:
                covers[owners[-1]].add(slot)
            else:
                vacant.append(slot)
        for slot in vacant if ready else ():
            covers[min(ready, key=lambda each: len(covers[each]))].add(slot)
        changed = [each for each in covers if covers[each] != each.covers]
        changed.sort(key=lambda each: len(covers[each] - each.covers), reverse=True)
        for each in changed:
            each.covers = frozenset(covers[each])
            each.tell(Accept, slots=sorted(covers[each]))

    # How they end

    def _drainSoon(self, old: list[Worker]) -> None:
        """
        Have old workers drain, once what they have accepted last has been asked.
        """
        for worker in old:
            # One of them may have died while the others were told.
            if worker.timer is None and worker in self.workers:
                worker.timer = self._clock.callLater(LAST, self._drainNow, worker)

    def _drainNow(self, worker: Worker) -> None:
        worker.timer = None
        self._drain([worker])

    def _drain(self, workers: Iterable[Worker]) -> None:
        for worker in workers:
            if not worker.drains:
                worker.drains = True
                worker.state = State.DRAINING
                worker.timer = self._deadline(self._patience, self._stubborn, worker)
            if worker.link is None:
                # It has nothing yet that could be lost.
                worker.signal("KILL")
            worker.tell(Drain)
            if self._dropping:
                worker.tell(Drop)

    def _stubborn(self, worker: Worker) -> None:
        worker.timer = None
        self._log.warn(
            "Worker {worker} has not ended in {seconds:g} s: killing it.",
            worker=worker.name,
            seconds=self._patience,
        )
        worker.signal("KILL")

    def _askAlive(self, worker: Worker) -> Deferred[object]:
        if worker.link is None and worker.state is State.READY:
            # Nobody has told it to end, and it answers nobody.
            return Deferred()
        return worker.tell(Alive)

    def _hung(self, worker: Worker) -> None:
        """
        A worker gives no sign of life.
        """
        self._log.error(
            "Worker {worker} has given no sign of life for {seconds:g} s: killing it.",
            worker=worker.name,
            seconds=self._timeout,
        )
        # At this one it writes a traceback, unless it is stopped.
        worker.signal("ABRT")
        worker.killing = self._clock.callLater(ABORT_TIME, worker.signal, "KILL")

    def _died(self, worker: Worker, how: str) -> None:
        """
        The process of a worker has ended.
        """
        worker.gone()
        self.workers.remove(worker)
        if worker.state is State.DRAINING:
            self._log.info(
                "Worker {worker}, which was to end, has ended ({how}).",
                worker=worker.name,
                how=how,
            )
        if self._ended is not None:
            self._lookForEnd()
            return
        words = worker.process.lastWords if worker.process is not None else ""
        self._tellAll()
        self._assign()
        if worker.state is State.STARTING:
            self._failed(worker, f"{how}: {words}" if words else how)
        elif worker.state is State.READY:
            self._lost(worker, how)

    def _failed(self, worker: Worker, why: str) -> None:
        """
        A worker has ended before it was ready.
        """
        if self._begun is not None:
            begun, self._begun = self._begun, None
            begun.callback(why)
        elif any(each.slot == worker.slot for each in self.workers):
            # It was to take the place of one that goes on.
            pass
        else:
            pause = self._pauses[worker.slot].after(0.0)
            self._startAgain(worker.slot, f"could not start ({why})", pause)
        worker.ready.callback(False)

    def _lost(self, worker: Worker, how: str) -> None:
        """
        A worker has ended that nobody has told to.
        """
        lasted = self._clock.seconds() - worker.since
        pause = self._pauses[worker.slot].after(lasted)
        if any(each.slot == worker.slot for each in self.workers):
            # The next one starts already.
            self._log.error(
                "Worker {worker} has died ({how}).", worker=worker.name, how=how
            )
            return
        self._startAgain(worker.slot, f"has died ({how})", pause)

    def _startAgain(self, slot: int, what: str, pause: float) -> None:
        self._log.error(
            "Worker {worker} {what}. It is started again in {pause:g} s.",
            worker=str(slot),
            what=what,
            pause=pause,
        )
        self._restarts[slot] = self._clock.callLater(pause, self._restart, slot)

    def _restart(self, slot: int) -> None:
        del self._restarts[slot]
        self._launch(slot)

    def leave(self, worker: Worker) -> None:
        """
        A worker was told to stop by somebody else: have another one take its place.
        """
        if worker.state is State.READY:
            self._roll([worker.slot])

    # Rolls

    def roll(self) -> None:
        """
        Put a new worker into each slot, one after the other. Where one cannot start,
        the others go on as they are.
        """
        self._log.info("New workers take the places of the old ones.")
        self._roll(range(self._slots))

    def _roll(self, slots: Iterable[int]) -> None:
        if self._ended is not None or self._begun is not None:
            return
        # What waits already will find the code of now, too.
        self._rolls += [slot for slot in slots if slot not in self._rolls]
        if not self._rolling:
            self._rolling = True
            self._rollNext()

    def _rollNext(self) -> None:
        if not self._rolls or self._ended is not None:
            self._rolling = False
            return
        slot = self._rolls.pop(0)
        pending = self._restarts.pop(slot, None)
        if pending is not None:
            pending.cancel()
        worker = self._launch(slot)
        worker.ready.addCallback(self._rolled, worker)

    def _rolled(self, ready: bool, worker: Worker) -> None:
        if ready:
            if not self._rolls and self._taking is None:
                # By then the last old one accepts nothing more.
                self._taking = self._clock.callLater(LAST, self._taken)
        elif self._ended is None:
            words = worker.process.lastWords if worker.process is not None else ""
            self._log.error(
                "A new worker {worker} could not start: {words}. The old ones go on.",
                worker=worker.name,
                words=words or "it gave no reason",
            )
            self._rolls.clear()
        self._rollNext()

    def _taken(self) -> None:
        self._taking = None
        self._log.info("The new workers have taken over.")

    # The end of all

    def end(self) -> Deferred[None]:
        """
        Have all workers drain, side by side.

        :return: what fires when all of them have ended.
        """
        if self._ended is None:
            ended = self._ended = Deferred()
            for pending in self._restarts.values():
                pending.cancel()
            self._restarts.clear()
            self._begun = None
            if self._taking is not None:
                self._taking.cancel()
                self._taking = None
            going = [each for each in self.workers if each.state is State.READY]
            for worker in self.workers:
                if not worker.drains:
                    worker.cancel()
                worker.state = State.DRAINING
            self._drain(each for each in self.workers if each not in going)
            self._tellAll().addCallback(lambda _: self._drain(going))
            self._lookForEnd()
            return ended
        return self._ended

    def drop(self) -> None:
        """
        Have those that drain wait no longer.
        """
        self._dropping = True
        for worker in self.workers:
            worker.tell(Drop)

    def _lookForEnd(self) -> None:
        if not self.workers and self._ended is not None and not self._ended.called:
            self._ended.callback(None)
