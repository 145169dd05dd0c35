"""How a process keeps up with a room: `Following`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import uniform
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, DeferredSemaphore, fail, succeed
from twisted.logger import Logger

from txsockjs.counters import RoomsCounters
from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.audience import Audience
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.values import Entry, History, Position
from txsockjs.rooms.wording import Member

# How many messages are kept while the history is read: what is older is read again.
_KEPT: Final = 1000

# How many reads may find nothing of what has come live, before that is taken as it is.
_FRUITLESS: Final = 3

# The seconds before a broker that is up and did not answer is asked again.
_SOONEST: Final = 0.5
_LATEST: Final = 30.0


class FollowingHost(Protocol):
    """
    What it needs of the rooms of the process.
    """

    @property
    def broker(self) -> IBroker:
        """
        What joins them with those of others.
        """

    @property
    def counters(self) -> RoomsCounters:
        """
        What was done.
        """

    @property
    def turns(self) -> DeferredSemaphore:
        """
        What lets some of the rooms catch up at a time.
        """

    def callLater(self, seconds: float, call: Callable[[], object]) -> Any:
        """
        Call something later.
        """


class Following:
    """
    The way from the broker to the members of one room: subscribes while there are any,
    and hands them what comes, in order and once. What it sees is missing it reads from
    the history before anything that is newer.

    It is current while nothing is known to be missing. It is not at first, nor when the
    broker was down, nor when it sees a hole; `_catchUp` makes it so.

    :ivar position: that of the last message that the members have got; None where
        there is no history, and before it is known.
    """

    _log = Logger()

    def __init__(
        self, room: str, tracked: bool, audience: Audience, host: FollowingHost
    ) -> None:
        """
        :param room: the room's name.
        :param tracked: whether it has a history.
        """
        self.position: Position | None = None
        self._room = room
        self._tracked = tracked
        self._audience = audience
        self._host = host
        self._subscribed = False
        self._current = False
        # Whether it was, with members that have missed something since.
        self._interrupted = False
        # Changes when what was asked of the broker is no longer of use.
        self._generation = 0
        self._running = False
        self._held: deque[Entry] = deque(maxlen=_KEPT)
        self._fruitless = 0
        self._passed: deque[Entry] = deque(maxlen=_KEPT)
        self._readers = 0
        self._waiting: list[Deferred[None]] = []
        self._retry: Any = None
        self._delay = _SOONEST

    # For the room

    def ready(self) -> Deferred[None]:
        """
        Wait until it is current.

        :return: what fails with `BrokerUnavailable` if it cannot be now.
        """
        if self._current:
            return succeed(None)
        if not self._host.broker.up:
            return fail(BrokerUnavailable("the broker is not up"))
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._follow()
        return waiting

    def stop(self) -> None:
        """
        There are no members any more.
        """
        self._forget()
        self.position = None
        self._interrupted = False
        # Those who wait are no members any more.
        self._release(None)
        # Where it is down, there is no subscription.
        if self._host.broker.up:
            left = self._host.broker.unsubscribe(self._room)
            left.addErrback(lambda reason: None)

    async def history(self, since: Position | None, recent: int) -> History | None:
        """
        Read a piece of the history for one member.

        :param since: what came after this; or if it is None, the ``recent`` newest.
        :return: the piece, up to exactly what the members have got; None if that could
            not be had this time.
        """
        await self.ready()
        broker = self._host.broker
        self._readers += 1
        try:
            if since is not None:
                history = await broker.read(self._room, since)
            else:
                history = await broker.recent(self._room, recent)
            return self._joined(history, since, recent)
        finally:
            self._readers -= 1
            if not self._readers:
                self._passed.clear()

    def _joined(
        self, history: History, since: Position | None, recent: int
    ) -> History | None:
        """
        Make a piece of the history end with what the members have got: without what is
        still to come to them, and with what has come since it was read.
        """
        here, there = self.position, history.latest
        if here is None:
            return None
        ahead = (
            since is not None
            and since.epoch == here.epoch
            and here.offset < since.offset <= there.offset
        )
        if there.epoch != here.epoch or ahead:
            # The members are behind: bring them here first.
            self._current = False
            self._follow()
            return None
        entries = [e for e in history.entries if _offset(e) <= here.offset]
        if there.offset < here.offset:
            passed = [e for e in self._passed if there.offset < _offset(e)]
            if len(passed) != here.offset - there.offset:
                return None
            entries += passed
        if since is None:
            entries = entries[-recent:]
        return History(tuple(entries), here, history.complete)

    def members(self) -> Deferred[tuple[Member, ...]]:
        """
        Read who is present.
        """
        present = self._host.broker.members(self._room)
        return present.addCallback(
            lambda members: tuple(
                Member.fromJSON(name, info) for name, info in members.items()
            )
        )

    # For the broker's listener

    def up(self) -> None:
        """
        The broker can be asked.
        """
        self._follow()

    def down(self) -> None:
        """
        The broker cannot be asked; its subscription has ended.
        """
        self._interrupted = self._interrupted or self._current
        self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._subscribed = self._current = False
        self._fruitless = 0
        self._delay = _SOONEST
        self._held.clear()
        self._noRetry()

    def received(self, entry: Entry) -> None:
        """
        A message has come.
        """
        position, last = entry.position, self.position
        if position is None or not self._tracked:
            self._deliver(entry, last)
        elif not self._current or last is None:
            self._held.append(entry)
        elif position.epoch == last.epoch and position.offset <= last.offset:
            # It was read before it came.
            return
        elif position == last.following:
            self._deliver(entry, position)
        else:
            self._current = False
            self._held.append(entry)
            self._follow()

    def _deliver(
        self, entry: Entry, position: Position | None, recovered: bool = False
    ) -> None:
        self.position = position
        if self._readers and entry.position is not None:
            self._passed.append(entry)
        self._audience.deliver(entry, recovered)

    # Becoming current

    def _follow(self) -> None:
        self._noRetry()
        if not self._running and self._wanted:
            self._running = True
            running = Deferred.fromCoroutine(self._catchUp())
            running.addErrback(
                lambda reason: self._log.failure(
                    "Room {room!r} met a fault, and misses what is published until the "
                    "broker has gone and come back. Please report it, with this "
                    "traceback.",
                    failure=reason,
                    room=self._room,
                )
            )

    @property
    def _wanted(self) -> bool:
        """
        Whether it has to become current, and can.
        """
        members, up = self._audience.members, self._host.broker.up
        return bool(members) and bool(up) and not self._current

    async def _catchUp(self) -> None:
        """
        Subscribe, and read what was missed meanwhile.
        """
        turns = self._host.turns
        await turns.acquire()
        try:
            while self._wanted and self._retry is None:
                generation = self._generation
                try:
                    history = await self._ask(generation)
                except BrokerUnavailable as error:
                    if generation == self._generation and self._host.broker.up:
                        self._later()
                    self._release(error)
                    continue
                if generation == self._generation:
                    self._resume(history)
        finally:
            self._running = False
            turns.release()
        if self._current:
            self._release(None)
        elif not self._host.broker.up:
            self._release(BrokerUnavailable("the broker has gone down"))

    async def _ask(self, generation: int) -> History | None:
        broker, room = self._host.broker, self._room
        if not self._subscribed:
            await broker.subscribe(room)
            if generation != self._generation:
                return None
            self._subscribed = True
            await self._comeBack(generation)
        if not self._tracked or generation != self._generation:
            return None
        if self.position is None:
            return await broker.recent(room, 0)
        return await broker.read(room, self.position)

    async def _comeBack(self, generation: int) -> None:
        """
        After the broker was away, tell it who is present, and the members too.
        """
        broker, room, audience = self._host.broker, self._room, self._audience
        present = {
            name: member.info
            for name, member in audience.present.items()
            if member.info is not None
        }
        if present:
            await broker.enter(room, present)
        if self._interrupted and audience.presence:
            members = await self.members()
            if generation == self._generation:
                audience.announce(members)

    def _later(self) -> None:
        delay = self._delay
        self._delay = min(2 * delay, _LATEST)
        self._retry = self._host.callLater(delay * uniform(0.5, 1.0), self._again)

    def _again(self) -> None:
        self._retry = None
        self._follow()

    def _noRetry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()

    def _resume(self, history: History | None) -> None:
        """
        It has been read what was missed.
        """
        self._delay = _SOONEST
        interrupted, self._interrupted = self._interrupted, False
        if history is None:
            self._current = True
            if interrupted and self._audience.listening:
                self._missed(None)
            return
        # What comes while this is handed over is newer, and waits.
        before = self.position
        if before is None:
            self.position = history.latest
        else:
            self._handIn(before, history)
        self._current = True
        self._handOver(before)

    def _handIn(self, last: Position, history: History) -> None:
        """
        Give the members what they have missed, and tell them of what is not there.

        :param last: how far they are.
        """
        found = {}
        latest = history.latest
        for entry in (*self._held, *history.entries):
            position = entry.position
            # The history may have lost what has come.
            if (
                position is not None
                and position.epoch == latest.epoch
                and position.offset <= latest.offset
                and (position.epoch != last.epoch or position.offset > last.offset)
            ):
                found[position.offset] = entry
        for offset in sorted(found):
            entry = found[offset]
            before = _before(entry)
            if last != before:
                self._missed(before)
            last = Position(before.epoch, offset)
            self._deliver(entry, last, recovered=True)
        if last != latest:
            self._missed(latest)
        self.position = latest

    def _handOver(self, before: Position | None) -> None:
        """
        Go on with what has come while the history was read.
        """
        held = list(self._held)
        self._held.clear()
        self._fruitless = self._fruitless + 1 if self.position == before else 0
        for entry in held:
            last, position = self.position, entry.position
            if position is None or last is None or self._fruitless < _FRUITLESS:
                self.received(entry)
            elif position.epoch != last.epoch or position.offset > last.offset:
                # The history does not have what was published: it never will.
                self._fruitless = 0
                self._missed(_before(entry))
                self._deliver(entry, position)

    def _missed(self, position: Position | None) -> None:
        self._host.counters.gaps += 1
        self._audience.tell("gap", position)

    def _release(self, error: BrokerUnavailable | None) -> None:
        """
        Let go of who waits for it to be current.
        """
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.called:
                # Whoever waited has given up.
                continue
            if error is None:
                each.callback(None)
            else:
                each.errback(error)


def _offset(entry: Entry) -> int:
    assert entry.position is not None
    return entry.position.offset


def _before(entry: Entry) -> Position:
    """
    The position before that of a message.
    """
    assert entry.position is not None
    return entry.position.preceding
