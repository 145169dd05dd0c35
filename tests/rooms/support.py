"""Rooms over a broker that goes wrong when a test says so, and sessions for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.core.frames import Message
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms import Joined, Member, MemoryBroker, Position, Room, Rooms, Wording
from txsockjs.rooms.memory import MemoryStore


class FaultyBroker(MemoryBroker):
    """
    One that can go down, answer late or never, and be late or lose what it tells.

    :ivar slow: whether answers wait for `answer`. What is asked is done at once.
    :ivar late: whether what is told waits for `tellAll`.
    :ivar deaf: whether what is told is lost on the way.
    :ivar calls: the names of what was asked.
    """

    def __init__(self, clock: Clock, store: MemoryStore | None = None) -> None:
        super().__init__(clock, store)
        self.slow = self.late = self.deaf = False
        self.calls: list[str] = []
        self._answers: list[tuple[Deferred[Any], Deferred[Any]]] = []
        self._late: list[tuple[Any, ...]] = []

    def _do(self, work: Callable[[], Any]) -> Deferred[Any]:
        done = super()._do(work)
        self.calls.append(work.__qualname__.split(".")[1])
        if not (self.slow and self.up):
            return done
        answer: Deferred[Any] = Deferred()
        self._answers.append((done, answer))
        return answer

    def _tell(self, method: str, room: str, *args: Any) -> None:
        if self.late and room:
            self._late.append((method, room, *args))
        elif not (self.deaf and room):
            super()._tell(method, room, *args)

    def answer(self, many: int = 1000) -> None:
        """
        Give answers that wait, the oldest first, and those that are asked for then.
        """
        while self._answers and many:
            done, answer = self._answers.pop(0)
            done.chainDeferred(answer)
            many -= 1

    def refuse(self) -> None:
        """
        Say to all of them that it is not known whether it was done.
        """
        answers, self._answers = self._answers, []
        for done, answer in answers:
            done.addErrback(lambda reason: None)
            answer.errback(BrokerUnavailable("no answer", uncertain=True))

    def tellAll(self) -> None:
        """
        Tell what waits.
        """
        self.late = False
        late, self._late = self._late, []
        for told in late:
            self._tell(*told)

    def goDown(self) -> None:
        """
        Lose the connection, and what is on it, for so long that others take its members
        to be gone.
        """
        self._goDown()
        for room, members in self._entered.items():
            for member, info in self._store.leave(room, members).items():
                self._spread("memberLeft", room, member, info)
        self._entered.clear()
        self._late.clear()
        self._untold.clear()
        self.refuse()
        self._tell("brokerDown", "", Failure(ConnectionLost()))

    def goUp(self) -> None:
        """
        Have it again.
        """
        self._goUp()


class FakeSession:
    """
    As much of a transport as a room needs.

    :ivar texts: what was sent.
    :ivar room: how many more messages it takes before it is crowded.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.room = 1_000_000
        self.sent: Callable[[str], object] = lambda text: None
        self._ends: list[Deferred[None]] = []
        self._drains: list[Deferred[None]] = []
        self._ended = False

    def sendPrepared(self, message: Message) -> None:
        self.texts.append(message.text)
        self.room -= 1
        self.sent(message.text)

    @property
    def crowded(self) -> bool:
        return self.room <= 0

    def whenDrained(self) -> Deferred[None]:
        drained: Deferred[None] = Deferred()
        self._drains.append(drained)
        if not self.crowded:
            self.drain(self.room)
        return drained

    def drain(self, room: int) -> None:
        """
        Take all that was sent, and so many more.
        """
        self.room = room
        drains, self._drains = self._drains, []
        for drained in drains:
            drained.callback(None)

    def whenEnded(self) -> Deferred[None]:
        ended: Deferred[None] = Deferred(self._ends.remove)
        self._ends.append(ended)
        if self._ended:
            self.end()
        return ended

    @property
    def watched(self) -> int:
        """
        How many wait for its end.
        """
        return len(self._ends)

    def end(self) -> None:
        """
        Be over.
        """
        self._ended = True
        ends, self._ends = self._ends, []
        for ended in ends:
            ended.callback(None)
        self.drain(0)


class Telling(Wording):
    """
    Tells everything, in a few letters.
    """

    def __init__(self, presence: bool = False) -> None:
        self.presence = presence

    def message(self, room: str, position: Position | None, text: str) -> str:
        return text if position is None else f"{position.offset}={text}"

    def joined(self, room: str, joined: Joined) -> str:
        offset = "-" if joined.position is None else joined.position.offset
        return f"joined {room} at {offset}{' recovered' * joined.recovered}"

    def gap(self, room: str, position: Position | None) -> str:
        return f"gap {'-' if position is None else position.offset}"

    def memberJoined(self, room: str, member: Member) -> str:
        return f"+{member.info}"

    def memberLeft(self, room: str, member: Member) -> str:
        return f"-{member.info}"

    def present(self, room: str, members: Any) -> str:
        return "present " + " ".join(sorted(str(member.info) for member in members))


TELLING = Telling()
ATTENTIVE = Telling(presence=True)


class RoomsTestCase(SynchronousTestCase):
    """
    Two processes with rooms of the same store: ``rooms`` and ``others``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.broker = FaultyBroker(self.clock, self.store)
        self.rooms = self.start(self.broker)
        self.others = self.start(MemoryBroker(self.clock, self.store))

    def start(self, broker: MemoryBroker, **options: object) -> Rooms:
        """
        Rooms with this broker.
        """
        rooms = Rooms(broker, options, clock=self.clock)
        rooms.configure("h*", history=5, history_ttl=60)
        self.addCleanup(rooms.stop)
        return rooms

    def join(
        self, room: Room, *, wording: Wording | None = TELLING, **how: Any
    ) -> FakeSession:
        """
        A session that has joined.
        """
        session = FakeSession()
        self.successResultOf(room.join(session, wording=wording, **how))
        return session

    def publish(self, room: Room, *texts: str) -> list[Position | None]:
        """
        Publish messages.
        """
        return [self.successResultOf(room.publish(text)) for text in texts]

    def names(self, room: Room) -> set[str]:
        """
        The infos of who is present.
        """
        return {member.info for member in self.successResultOf(room.members())}
