"""Tests of `txsockjs.cluster.supervision`, with processes that are none."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel

from tests.cluster.supervised import PATIENCE, FakeProcess, SupervisorCase
from txsockjs.cluster.control import Accept, Drain, Drop, Peers
from txsockjs.cluster.pauses import LONG, MAX_PAUSE, PAUSE
from txsockjs.cluster.supervision import (
    ANSWER_TIMEOUT,
    LAST,
    START_TIMEOUT,
    Supervisor,
)
from txsockjs.cluster.worker import Worker


class SupervisorTests(SupervisorCase):
    """
    Two workers.
    """

    # The beginning

    def test_begin(self) -> None:
        """
        Nothing is accepted before all can serve; then each accepts what comes for its
        slot, and knew of the others before.
        """
        begun = self.supervisor.begin()
        first, second = self.processes
        self.ready(first)
        self.assertEqual(first.of(Accept), [])
        self.ready(second)
        self.successResultOf(begun)
        self.assertEqual((first.slots, second.slots), ([0], [1]))
        for each in first, second:
            self.assertEqual(self.peers(each), [(0, 1, False), (1, 2, False)])
            commands = [command for command, _ in each.told]
            self.assertLess(commands.index(Peers), commands.index(Accept))

    def test_cannotBegin(self) -> None:
        """
        One that ends before it was ready is told of, with its last words, once.
        """
        begun = self.supervisor.begin()
        first, second = self.processes
        self.ready(first)
        second.lastWords = "no such module"
        second.end("exit status 1")
        self.assertEqual(self.successResultOf(begun), "exit status 1: no such module")
        ended = self.supervisor.end()
        self.assertEqual(len(first.of(Drain)), 1)
        first.end("exit status 0")
        self.successResultOf(ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noProcess(self) -> None:
        """
        Where no process can be made, that is why it cannot begin.
        """

        def fails(worker: Worker, ended: object) -> Any:
            raise OSError("no room")

        supervisor = Supervisor(self.clock, 1, fails, lambda s, g: "", PATIENCE)
        begun = supervisor.begin()
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(begun), "no room")

    def test_late(self) -> None:
        """
        One that is not ready in time is killed.
        """
        self.supervisor.begin()
        first, second = self.processes
        self.ready(first)
        self.clock.advance(START_TIMEOUT)
        self.assertEqual((first.signals, second.signals), ([], ["KILL"]))
        [line] = self.logged(LogLevel.error)
        self.assertIn("Worker 1 is not ready after 60 s", line)

    def test_stranger(self) -> None:
        """
        Who was not started is nobody.
        """
        self.begin()
        stranger = FakeProcess(Worker(0, 7, ""), lambda how: None)
        self.assertIs(self.supervisor.joined(0, 7, stranger), None)

    # Deaths

    def test_death(self) -> None:
        """
        Another one accepts for the slot of one that has died until that is started
        again, after a pause, and is ready.
        """
        first, second = self.begin()
        first.end("signal 9")
        self.assertEqual(second.slots, [0, 1])
        self.assertEqual(self.peers(second), [(1, 2, False)])
        [line] = self.logged(LogLevel.error)
        self.assertEqual(
            line, "Worker 0 has died (signal 9). It is started again in 0.5 s."
        )
        self.clock.advance(PAUSE - 0.01)
        self.assertEqual(len(self.processes), 2)
        self.clock.advance(0.01)
        third = self.processes[2]
        self.assertEqual((third.worker.slot, third.worker.generation), (0, 3))
        self.assertEqual(second.slots, [0, 1])
        self.assertNotIn("Worker 0 is ready.", self.logged(LogLevel.info))
        self.ready(third)
        self.assertEqual((third.slots, second.slots), ([0], [1]))
        self.assertIn("Worker 0 is ready.", self.logged(LogLevel.info))
        workers = {each["worker"] for each in self.events if "worker" in each}
        self.assertEqual(workers, {"0"})

    def test_pauses(self) -> None:
        """
        The pauses double up to a bound, whether it dies before it is ready or soon
        after; one that was ready for long is started soon again.
        """
        self.begin()
        pauses = []
        for number in range(9):
            process = [p for p in self.processes if p.worker.slot == 0][-1]
            if number % 2:
                self.ready(process)
            process.end("signal 9")
            [pending] = self.supervisor._restarts.values()
            pauses.append(pending.getTime() - self.clock.seconds())
            self.clock.advance(pauses[-1])
        self.assertEqual(pauses[:4], [PAUSE, PAUSE * 2, PAUSE * 4, PAUSE * 8])
        self.assertEqual(pauses[-1], MAX_PAUSE)
        self.ready(self.processes[-1])
        self.clock.advance(LONG)
        self.processes[-1].end("signal 9")
        self.assertIn("again in 0.5 s", self.logged(LogLevel.error)[-1])

    def test_allDead(self) -> None:
        """
        Where nobody is left, what comes waits for whoever is ready first.
        """
        first, second = self.begin()
        first.end("signal 9")
        second.end("signal 9")
        self.clock.advance(PAUSE)
        third = self.processes[2]
        self.ready(third)
        self.assertEqual(third.slots, [0, 1])

    # Rolls

    def roll(self) -> None:
        self.supervisor.roll()
        while len(self.processes) < 4:
            self.ready(self.processes[-1])
        self.ready(self.processes[-1])

    def test_roll(self) -> None:
        """
        One slot after the other has a new worker. It accepts before the old one stops
        to; all know that the old one drains before it does, and what it has accepted
        last has time to be asked.
        """
        first, second = self.begin()
        order: list[tuple[int, object]] = []
        for each in first, second:
            each.tell = self.recording(each, order)
        self.supervisor.roll()
        [third] = self.processes[2:]
        self.assertEqual((first.slots, second.slots), ([0], [1]))
        third.tell = self.recording(third, order)
        self.ready(third)
        accepts = [(who, what) for who, what in order if what[0] is Accept]
        self.assertEqual(accepts, [(3, (Accept, [0])), (1, (Accept, []))])
        self.assertIn((0, 1, True), self.peers(second))
        self.assertEqual(first.of(Drain), [])
        self.clock.advance(LAST)
        self.assertEqual(len(first.of(Drain)), 1)
        self.ready(self.processes[3])
        self.clock.advance(LAST)
        self.assertEqual(len(second.of(Drain)), 1)
        for each in first, second:
            each.end("exit status 0")
        self.assertEqual(self.logged(LogLevel.error), [])
        self.assertIn("The new workers have taken over.", self.logged(LogLevel.info))
        self.assertEqual(len(self.processes), 4)

    def recording(self, process: FakeProcess, order: list[Any]) -> Any:
        def tell(command: Any, **arguments: Any) -> Deferred[Any]:
            told = FakeProcess.tell(process, command, **arguments)
            order.append((process.worker.generation, process.told[-1]))
            return told

        return tell

    def test_diesBeforeDrain(self) -> None:
        """
        An old worker that dies while the others are told that it drains is dead: it is
        neither told to drain nor killed later, and the log says how it has ended.
        """
        first, second = self.begin()
        second.silent = True
        self.supervisor.roll()
        self.ready(self.processes[2])
        first.end("signal 9")
        self.clock.advance(ANSWER_TIMEOUT)
        self.clock.advance(LAST)
        self.clock.advance(PATIENCE)
        self.assertEqual((first.of(Drain), first.signals), ([], []))
        self.assertEqual(self.logged(LogLevel.warn), [])
        ended = "Worker 0, which was to end, has ended (signal 9)."
        self.assertIn(ended, self.logged(LogLevel.info))

    def test_rollFails(self) -> None:
        """
        Where a new one cannot start, the old ones go on, and the log says why.
        """
        first, second = self.begin()
        self.supervisor.roll()
        third = self.processes[2]
        third.lastWords = "SyntaxError"
        third.end("exit status 1")
        self.assertEqual((first.slots, second.slots), ([0], [1]))
        self.clock.advance(LONG)
        self.assertEqual(len(self.processes), 3)
        self.assertEqual(first.of(Drain) + second.of(Drain), [])
        [line] = self.logged(LogLevel.error)
        self.assertEqual(
            line,
            "A new worker 0 could not start: SyntaxError. The old ones go on.",
        )

    def test_rollTwice(self) -> None:
        """
        What is asked for during a roll comes after it.
        """
        self.begin()
        self.supervisor.roll()
        self.supervisor.roll()
        for index in 2, 3, 4:
            self.ready(self.processes[index])
        self.assertEqual([p.worker.slot for p in self.processes[2:]], [0, 1, 0])

    def test_rollWhilePaused(self) -> None:
        """
        One that would be started again after a pause is started by a roll.
        """
        first, _ = self.begin()
        first.end("signal 9")
        self.roll()
        self.clock.advance(MAX_PAUSE)
        self.assertEqual(len(self.processes), 4)

    def test_hangs(self) -> None:
        """
        A roll does not wait for one that does not answer; one that does not drain in
        its time is killed.
        """
        first, second = self.begin()
        second.silent = first.silent = True
        self.supervisor.roll()
        self.ready(self.processes[2])
        self.clock.advance(ANSWER_TIMEOUT)
        self.clock.advance(LAST)
        self.assertEqual(len(first.of(Drain)), 1)
        self.clock.advance(PATIENCE)
        self.assertEqual(first.signals, ["KILL"])

    def test_leave(self) -> None:
        """
        One that was told to stop by somebody else drains when there is another one.
        """
        first, _ = self.begin()
        self.supervisor.leave(first.worker)
        self.assertEqual(first.of(Drain), [])
        self.ready(self.processes[2])
        self.clock.advance(LAST)
        self.assertEqual(len(first.of(Drain)), 1)
        self.assertEqual(len(self.processes), 3)

    # The end

    def test_end(self) -> None:
        """
        All drain at once, go on accepting meanwhile, and are not started again.
        """
        first, second = self.begin()
        ended = self.supervisor.end()
        for each in first, second:
            self.assertEqual(len(each.of(Drain)), 1)
            self.assertEqual(each.slots, [each.worker.slot])
            self.assertEqual(self.peers(each), [(0, 1, True), (1, 2, True)])
        first.end("exit status 0")
        self.assertNoResult(ended)
        second.end("signal 9")
        self.successResultOf(ended)
        self.clock.advance(MAX_PAUSE)
        self.assertEqual(len(self.processes), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endDuringRoll(self) -> None:
        """
        One that is starting has nothing to lose: it is killed. Old ones drain too.
        """
        first, _ = self.begin()
        self.supervisor.roll()
        self.ready(self.processes[2])
        ended = self.supervisor.end()
        starting = self.processes[3]
        self.assertEqual(starting.signals, ["KILL"])
        for each in self.processes:
            each.end("exit status 0")
        self.successResultOf(ended)
        self.assertEqual(len(first.of(Drain)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_drop(self) -> None:
        """
        Told once more, they drop what is left.
        """
        first, _ = self.begin()
        self.supervisor.end()
        self.supervisor.drop()
        self.assertEqual(len(first.of(Drop)), 1)

    def test_stubborn(self) -> None:
        """
        One that does not end in its time is killed.
        """
        first, second = self.begin()
        self.supervisor.end()
        second.end("exit status 0")
        self.clock.advance(PATIENCE)
        self.assertEqual(first.signals, ["KILL"])
        [line] = self.logged(LogLevel.warn)
        self.assertIn("Worker 0 has not ended in 20 s", line)
