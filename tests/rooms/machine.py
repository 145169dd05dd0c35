"""Any order of joins, leaves, publishes, outages and losses, on one room.

Hypothesis looks for an order in which a message is lost that nobody is told of, doubled
or moved, in which somebody is present who is not there, or in which something is left
behind.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.task import Clock

from tests.rooms.support import FakeSession, FaultyBroker
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import Joined, Member, Position, Rooms, Wording
from txsockjs.rooms.memory import MemoryStore

PROCESSES = st.sampled_from([0, 1])


class Witness(Wording):
    """
    Checks what one member is told against what it was told before.

    :ivar at: the position that it has seen last, or None before it is in.
    :ivar inside: whether it is in.
    :ivar gaps: how often it was told of a gap.
    :ivar texts: the messages.
    :ivar problems: what should not have been.
    """

    def __init__(self, published: dict[str, str], history: bool) -> None:
        """
        :param published: what was published, by its position.
        :param history: whether the room has one.
        """
        self.at: Position | None = None
        self.inside = False
        self.gaps = 0
        self.texts: list[str] = []
        self.problems: list[str] = []
        self._published = published
        self._history = history

    def check(self, right: bool, problem: str) -> None:
        """
        Keep a problem, unless it is right.
        """
        if not right:
            self.problems.append(problem)

    def joined(self, room: str, joined: Joined) -> str:
        self.check(not self.inside, "it is in already")
        self.inside = True
        self.at = joined.position
        self.check((self.at is not None) == self._history, f"joined at {self.at}")
        return ""

    def message(self, room: str, position: Position | None, text: str) -> str:
        self.check(self.inside, f"{text} when it is not in")
        self.check((position is not None) == self._history, f"{text} at {position}")
        self.check(text not in self.texts, f"{text} twice")
        if position is not None and self.at is not None:
            follows = position == Position(self.at.epoch, self.at.offset + 1)
            self.check(follows, f"{position} after {self.at}")
            self.check(self._published[str(position)] == text, f"{text} there")
            self.at = position
        self.texts.append(text)
        return ""

    def gap(self, room: str, position: Position | None) -> str:
        self.check(self.inside, "a gap when it is not in")
        self.check(position is None or position != self.at, "a gap that is none")
        self.at = position
        self.gaps += 1
        return ""

    def memberJoined(self, room: str, member: Member) -> str:
        self.check(self.inside, "presence when it is not in")
        return ""


class RoomsMachine(RuleBasedStateMachine):
    """
    One room in two processes, each of which may lose the broker, or have its answers
    and what it is told late.
    """

    @initialize(history=st.sampled_from([0, 1, 3, 100]))
    def serve(self, history: int) -> None:
        """
        Have two processes.
        """
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.history = history
        self.brokers = [FaultyBroker(self.clock, self.store) for _ in range(2)]
        self.rooms = [Rooms(broker, clock=self.clock) for broker in self.brokers]
        for rooms in self.rooms:
            rooms.configure("*", history=history, history_ttl=1000)
        self.held = [rooms.room("r") for rooms in self.rooms]
        self.published: dict[str, str] = {}
        self.count = 0
        # Each member: its process, session, wording, joining and info.
        self.members: list[tuple[int, FakeSession, Witness, Any, Any]] = []
        # Positions that clients remember.
        self.seen: list[tuple[Position, list[str]]] = []

    def up(self, process: int) -> bool:
        return self.brokers[process].up

    # Messages

    @rule(process=PROCESSES)
    def publish(self, process: int) -> None:
        """
        A message is published; whether it was taken is known at once, or later.
        """
        self.count += 1
        text = str(self.count)
        if self.history and self.up(process):
            log = self.store.log("r")
            taken = Position(log.latest.epoch, log.latest.offset + 1)
            self.published[str(taken)] = text
        publishing = self.held[process].publish(text)
        outcome: list[Any] = []
        publishing.addBoth(outcome.append)
        if not self.up(process):
            assert outcome[0].check(BrokerUnavailable)
        elif not self.brokers[process].slow:
            position = outcome[0]
            assert (position is not None) == bool(self.history)
            assert position is None or self.published[str(position)] == text

    # Members

    @rule(
        process=PROCESSES,
        info=st.sampled_from([None, "x"]),
        recent=st.integers(0, 4),
        room=st.sampled_from([1, 3, 10**6]),
    )
    def join(self, process: int, info: Any, recent: int, room: int) -> None:
        """
        A new session joins.
        """
        self._join(process, info, recent, None, room)

    @precondition(lambda self: self.seen)
    @rule(process=PROCESSES, data=st.data(), room=st.sampled_from([1, 3, 10**6]))
    def comeBack(self, process: int, data: st.DataObject, room: int) -> None:
        """
        One comes back with a position that it has seen.
        """
        position, _ = data.draw(st.sampled_from(self.seen))
        self._join(process, None, 0, position, room)

    def _join(
        self,
        process: int,
        info: Any,
        recent: int,
        since: Position | None,
        room: int,
    ) -> None:
        session = FakeSession()
        session.room = room
        witness = Witness(self.published, bool(self.history))
        info = info and f"{info}{len(self.members)}{self.count}"
        joining = self.held[process].join(
            session, info, since=since, recent=recent, wording=witness
        )
        outcome: list[Any] = []
        joining.addBoth(outcome.append)
        if outcome and not isinstance(outcome[0], Joined):
            assert outcome[0].check(BrokerUnavailable), outcome[0]
            assert session not in self.held[process]
            return
        if since is not None and outcome and outcome[0].recovered:
            assert outcome[0].position == since
        self.members.append((process, session, witness, outcome, info))

    @precondition(lambda self: self.members)
    @rule(data=st.data(), way=st.sampled_from(["leave", "end"]))
    def leave(self, data: st.DataObject, way: str) -> None:
        """
        A member leaves, and remembers where it was.
        """
        member = data.draw(st.sampled_from(self.members))
        process, session, witness, _, _ = member
        self.members.remove(member)
        if way == "leave":
            self.held[process].leave(session)
        else:
            session.end()
        assert session not in self.held[process]
        assert not session.watched
        if witness.at is not None:
            self.seen.append((witness.at, list(witness.texts)))
        # It is told nothing from here on.
        witness.inside = False

    @precondition(lambda self: self.members)
    @rule(data=st.data(), room=st.sampled_from([1, 3, 10**6]))
    def drain(self, data: st.DataObject, room: int) -> None:
        """
        A session takes what it was sent.
        """
        _, session, _, _, _ = data.draw(st.sampled_from(self.members))
        session.drain(room)
        self._dropFailed()

    # Faults

    @rule(process=PROCESSES)
    def outage(self, process: int) -> None:
        """
        The broker goes, or comes back.
        """
        broker = self.brokers[process]
        if broker.up:
            broker.goDown()
            self._dropFailed()
        else:
            broker.goUp()

    @rule(
        process=PROCESSES,
        many=st.integers(0, 5),
        seconds=st.sampled_from([0, 2000]),
        slow=st.booleans(),
    )
    def interruption(self, process: int, many: int, seconds: float, slow: bool) -> None:
        """
        The broker is away while others publish, and is back with or without its
        answers.
        """
        broker = self.brokers[process]
        if broker.up:
            broker.goDown()
        for _ in range(many):
            self.publish(1 - process)
        self.clock.advance(seconds)
        broker.slow = slow
        broker.goUp()
        self._dropFailed()

    def _dropFailed(self) -> None:
        """
        Forget those whose join has failed meanwhile.
        """
        for member in list(self.members):
            process, session, witness, outcome, _ = member
            if outcome and not isinstance(outcome[0], Joined):
                assert outcome[0].check(BrokerUnavailable), outcome[0]
                assert session not in self.held[process]
                self.members.remove(member)
                witness.inside = False

    @rule(process=PROCESSES, slow=st.booleans())
    def slow(self, process: int, slow: bool) -> None:
        """
        Its answers take their time from now on, or no longer.
        """
        broker = self.brokers[process]
        broker.slow = slow
        if not slow:
            broker.answer()
            self._dropFailed()

    @rule(process=PROCESSES, many=st.integers(1, 3))
    def answer(self, process: int, many: int) -> None:
        """
        Some answers come.
        """
        self.brokers[process].answer(many)
        self._dropFailed()

    @rule(process=PROCESSES)
    def refuse(self, process: int) -> None:
        """
        It says that it does not know.
        """
        self.brokers[process].refuse()
        self._dropFailed()

    @rule(process=PROCESSES, late=st.booleans())
    def late(self, process: int, late: bool) -> None:
        """
        What it tells takes its time from now on, or no longer.
        """
        if late:
            self.brokers[process].late = True
        else:
            self.brokers[process].tellAll()
        self._dropFailed()

    @precondition(lambda self: self.history)
    @rule(process=PROCESSES, many=st.integers(1, 5), slow=st.booleans())
    def lose(self, process: int, many: int, slow: bool) -> None:
        """
        Messages are lost on the way to one process, which finds out by the next one.
        """
        self.brokers[process].deaf = True
        for _ in range(many):
            self.publish(1 - process)
        self.brokers[process].deaf = False
        self.brokers[process].slow = slow
        self.publish(1 - process)
        self._dropFailed()

    @rule(process=PROCESSES, many=st.integers(1, 4))
    def publishLate(self, process: int, many: int) -> None:
        """
        Messages are still on their way to one process.
        """
        self.brokers[process].late = True
        for _ in range(many):
            self.publish(1 - process)

    @rule(seconds=st.sampled_from([0.5, 60, 2000]))
    def passTime(self, seconds: float) -> None:
        """
        Time passes.
        """
        self.clock.advance(seconds)
        self._dropFailed()

    # What must hold

    @invariant()
    def nothingBehind(self) -> None:
        """
        Who is counted is there.
        """
        for process, rooms in enumerate(self.rooms):
            inside = sum(member[0] == process for member in self.members)
            assert rooms.counters.members == len(self.held[process]) == inside
            assert len(rooms.attendance) == inside
            assert rooms.counters.rooms == bool(inside)
        for member in self.members:
            assert not member[2].problems, member[2].problems

    def teardown(self) -> None:
        """
        Once all is well, everybody is up to date, and who is present is there.
        """
        if not hasattr(self, "brokers"):
            return
        for broker in self.brokers:
            broker.slow = False
            broker.tellAll()
            broker.answer()
            if not broker.up:
                broker.goUp()
        for _ in range(3):
            self.clock.advance(60)
        self._dropFailed()
        for _, session, _, _, _ in list(self.members):
            session.drain(10**6)
        self._dropFailed()
        self.publish(0)
        last = str(self.count)
        for process, session, witness, outcome, _ in self.members:
            assert isinstance(outcome[0], Joined), outcome
            assert session in self.held[process]
            assert witness.texts[-1:] == [last]
        present: list[Any] = []
        self.held[0].members().addCallback(present.extend)
        infos = sorted(member[4] for member in self.members if member[4])
        assert sorted(member.info for member in present) == infos
        for rooms in self.rooms:
            rooms.stop()
            assert not rooms.waiting
        assert not self.clock.getDelayedCalls()
        assert not self.store._subscribers
