"""The rooms of one process: `MemoryBroker`."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from itertools import count, islice
from secrets import token_hex
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txsockjs.clock import Clock, clockOr
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.interfaces import IBroker, IBrokerListener
from txsockjs.rooms.values import Entry, History, Position

# For how many seconds after the last publish a room's position is known at least: so
# long a client that comes back is told whether it has missed anything.
_POSITION_TTL: Final = 86400.0

# What an entry takes beside its text, about.
_ENTRY_COST: Final = 200


class _Log:
    """
    The history of one room.

    :ivar room: the room's name.
    :ivar entries: the messages, the oldest first.
    :ivar latest: the position of the newest one there has been.
    :ivar stale: when the entries are too old.
    :ivar forgotten: when the position is too old, too.
    """

    __slots__ = ("entries", "forgotten", "latest", "room", "stale")

    def __init__(self, room: str, epoch: str, forgotten: float) -> None:
        self.room: str = room
        self.entries: deque[Entry] = deque()
        self.latest: Position = Position(epoch, 0)
        self.stale: float = 0.0
        self.forgotten: float = forgotten


class MemoryStore:
    """
    What brokers in memory share: histories, and who is present.

    Nothing in it has a timer: what is too old is not shown, and makes room when
    something new comes.

    :ivar size: about how many bytes the histories take.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        maxRooms: int = 100_000,
        maxBytes: int = 64 * 1024 * 1024,
    ) -> None:
        """
        :param clock: what tells the time; the global reactor if not given.
        :param maxRooms: how many rooms have a history, past which the one that was not
            published in for longest loses its own.
        :param maxBytes: how many bytes all histories take, about, past which the oldest
            messages of that one go.
        """
        self._clock = clock
        self._maxRooms = maxRooms
        self._maxBytes = maxBytes
        self._epoch = token_hex(8)
        self._epochs = count()
        # Those that have entries stand in both; who was published in last is last.
        self._logs: OrderedDict[str, _Log] = OrderedDict()
        self._filled: OrderedDict[str, _Log] = OrderedDict()
        self._present: dict[str, dict[str, str]] = {}
        self._subscribers: dict[str, dict[MemoryBroker, None]] = {}
        self.size: int = 0

    def _now(self) -> float:
        # Not before it is needed: that installs the global reactor.
        clock = self._clock
        if clock is None:
            clock = self._clock = clockOr(None)
        now: float = clock.seconds()
        return now

    # The histories

    def log(self, room: str) -> _Log:
        """
        The history of a room, without what is too old.
        """
        now = self._now()
        log = self._logs.get(room)
        if log is not None and log.forgotten <= now:
            self._forget(log)
            log = None
        if log is None:
            epoch = f"{self._epoch}n{next(self._epochs)}"
            log = self._logs[room] = _Log(room, epoch, now + _POSITION_TTL)
            while len(self._logs) > self._maxRooms or self._oldest.forgotten <= now:
                self._forget(self._oldest)
        elif log.entries and log.stale <= now:
            self._drop(log, len(log.entries))
        return log

    @property
    def _oldest(self) -> _Log:
        """
        That of the room that nobody has published in for longest.
        """
        return next(iter(self._logs.values()))

    def _forget(self, log: _Log) -> None:
        self._drop(log, len(log.entries))
        del self._logs[log.room]

    def _drop(self, log: _Log, many: int) -> None:
        """
        Drop the oldest entries.
        """
        entries = log.entries
        for _ in range(many):
            self.size -= len(entries.popleft().text) + _ENTRY_COST
        if not entries:
            self._filled.pop(log.room, None)

    def append(self, room: str, text: str, history: int, ttl: float) -> Entry:
        """
        Add a message to a room's history.
        """
        log = self.log(room)
        now = self._now()
        log.stale = now + ttl
        log.forgotten = now + max(ttl, _POSITION_TTL)
        log.latest = log.latest.following
        entry = Entry(text, log.latest)
        log.entries.append(entry)
        self._filled[room] = log
        self._filled.move_to_end(room)
        self._logs.move_to_end(room)
        self.size += len(text) + _ENTRY_COST
        if len(log.entries) > history:
            self._drop(log, len(log.entries) - history)
        while self._filled:
            oldest = next(iter(self._filled.values()))
            if oldest.stale <= now:
                self._drop(oldest, len(oldest.entries))
            elif self.size > self._maxBytes:
                self._drop(oldest, 1)
            else:
                break
        return entry

    # Who listens

    def subscribe(self, room: str, broker: MemoryBroker) -> None:
        """
        Have a broker told of all that happens in a room.
        """
        self._subscribers.setdefault(room, {})[broker] = None

    def unsubscribe(self, room: str, broker: MemoryBroker) -> None:
        """
        Have it told no longer.
        """
        subscribers = self._subscribers.get(room)
        if subscribers is not None:
            subscribers.pop(broker, None)
            if not subscribers:
                del self._subscribers[room]

    def subscribers(self, room: str) -> list[MemoryBroker]:
        """
        Who is told.
        """
        return list(self._subscribers.get(room, ()))

    # Who is present

    def enter(self, room: str, members: Mapping[str, str]) -> dict[str, str]:
        """
        :return: those that are new.
        """
        present = self._present.setdefault(room, {})
        new = {name: info for name, info in members.items() if name not in present}
        present.update(members)
        return new

    def leave(self, room: str, members: Collection[str]) -> dict[str, str]:
        """
        :return: those that were present.
        """
        present = self._present.get(room, {})
        left = {name: present.pop(name) for name in members if name in present}
        if not present:
            self._present.pop(room, None)
        return left

    def members(self, room: str) -> dict[str, str]:
        """
        All of them.
        """
        return dict(self._present.get(room, ()))


@implementer(IBroker)
class MemoryBroker:
    """
    Joins the rooms of one process: what is asked of it is done when the call returns.

    :ivar up: whether it is started.
    """

    def __init__(
        self, clock: Clock | None = None, store: MemoryStore | None = None
    ) -> None:
        """
        :param clock: what tells the time; the global reactor if not given.
        :param store: what it shares with others, which then are to each other what
            processes are; one of its own if not given.
        """
        self.up: bool = False
        self._store = MemoryStore(clock) if store is None else store
        self._listener: IBrokerListener | None = None
        self._subscribed: set[str] = set()
        self._entered: dict[str, set[str]] = {}
        self._untold: deque[tuple[str, str, tuple[Any, ...]]] = deque()
        self._telling = False

    def start(self, listener: IBrokerListener) -> None:
        if self._listener is not None:
            raise RuntimeError("this broker was started already; stop it before")
        self._listener = listener
        self._goUp()

    def _goUp(self) -> None:
        self.up = True
        self._tell("brokerUp", "")

    def stop(self) -> Deferred[None]:
        self._listener = None
        self._untold.clear()
        if self.up:
            for room, members in list(self._entered.items()):
                self.leave(room, list(members))
            self._goDown()
        return succeed(None)

    def _goDown(self) -> None:
        """
        End all subscriptions.
        """
        self.up = False
        for room in self._subscribed:
            self._store.unsubscribe(room, self)
        self._subscribed.clear()

    def _tell(self, method: str, room: str, *args: Any) -> None:
        """
        Call the listener, once it has returned from what it was called for before.
        """
        self._untold.append((method, room, args))
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold and self._listener is not None:
                method, room, args = self._untold.popleft()
                if not room:
                    getattr(self._listener, method)(*args)
                elif room in self._subscribed:
                    getattr(self._listener, method)(room, *args)
        finally:
            self._telling = False

    def _spread(self, method: str, room: str, *args: Any) -> None:
        for broker in self._store.subscribers(room):
            broker._tell(method, room, *args)

    def _do(self, work: Callable[[], Any]) -> Deferred[Any]:
        """
        Do what is asked, unless it cannot be.
        """
        if not self.up:
            return fail(BrokerUnavailable("the broker is not started"))
        return succeed(work())

    def publish(
        self, room: str, text: str, history: int, ttl: float
    ) -> Deferred[Position | None]:
        def work() -> Position | None:
            if history:
                entry = self._store.append(room, text, history, ttl)
            else:
                entry = Entry(text)
            self._spread("received", room, entry)
            return entry.position

        return self._do(work)

    def subscribe(self, room: str) -> Deferred[None]:
        def work() -> None:
            self._subscribed.add(room)
            self._store.subscribe(room, self)

        return self._do(work)

    def unsubscribe(self, room: str) -> Deferred[None]:
        self._subscribed.discard(room)
        self._store.unsubscribe(room, self)
        return self._do(lambda: None)

    def read(self, room: str, since: Position) -> Deferred[History]:
        def work() -> History:
            log = self._store.log(room)
            latest, entries = log.latest, log.entries
            if since.epoch != latest.epoch:
                return History(tuple(entries), latest, False)
            missed = latest.after(since)
            held = max(0, min(missed, len(entries)))
            newest = islice(entries, len(entries) - held, None)
            return History(tuple(newest), latest, held == missed)

        return self._do(work)

    def recent(self, room: str, count: int) -> Deferred[History]:
        def work() -> History:
            log = self._store.log(room)
            first = max(0, len(log.entries) - count)
            return History(tuple(islice(log.entries, first, None)), log.latest)

        return self._do(work)

    def enter(self, room: str, members: Mapping[str, str]) -> Deferred[None]:
        def work() -> None:
            self._entered.setdefault(room, set()).update(members)
            for member, info in self._store.enter(room, members).items():
                self._spread("memberJoined", room, member, info)

        return self._do(work)

    def leave(self, room: str, members: Collection[str]) -> Deferred[None]:
        entered = self._entered.get(room)
        if entered is not None:
            entered.difference_update(members)
            if not entered:
                del self._entered[room]

        def work() -> None:
            for member, info in self._store.leave(room, members).items():
                self._spread("memberLeft", room, member, info)

        return self._do(work)

    def members(self, room: str) -> Deferred[Mapping[str, str]]:
        return self._do(lambda: self._store.members(room))
