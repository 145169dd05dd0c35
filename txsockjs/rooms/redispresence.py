"""Who of this process is present, and whose processes are gone: `Presence`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from secrets import token_hex
from typing import Any, Final, TypeVar

from twisted.internet.defer import (
    CancelledError,
    Deferred,
)
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from txsockjs.rooms.redisconnection import together
from txsockjs.rooms.rediskeys import Keys, encode
from txsockjs.rooms.redisscripts import ENTER, LEAVE, MEMBERS, TEND, Script

# Into how many steps the rooms to tend are divided: with many, none is long.
_STEPS: Final = 10

# How many members one script enters, or has leave. While it runs, Redis does nothing
# else.
_MOST: Final = 500

_T = TypeVar("_T")


class Presence:
    """
    The members of this process, as Redis has them: kept present by being tended three
    times in their time to live.

    :ivar process: what this process is called in Redis, with this connection. With each
        it is another: whoever left while there was none is not kept present by those
        who stay.
    """

    def __init__(
        self,
        run: Callable[..., Deferred[Any]],
        keys: Callable[[str], Keys],
        subscribed: Callable[[], Iterable[str]],
        ttl: float,
        kept: int,
        clock: Any,
    ) -> None:
        """
        :param run: runs a script, with a list of keys and other arguments.
        :param keys: tells the keys of a room.
        :param subscribed: tells the rooms in which the members of processes that are
            gone are to be found out.
        :param ttl: seconds that a process is taken to live after it was heard of.
        :param kept: ms that a position is kept.
        """
        self.process: str = ""
        self._run = run
        self._keys = keys
        self._subscribed = subscribed
        self._ttl = round(ttl * 1000)
        self._kept = kept
        self._entered: dict[str, dict[str, str]] = {}
        self._untended: list[str] = []
        self._portion = 0
        self._steps = 0
        self._tending = LoopingCall(self._step)
        self._tending.clock = clock
        self._interval = ttl / 3 / _STEPS

    def start(self) -> None:
        """
        There is a new connection, and nobody is present yet.
        """
        self.process = token_hex(8)
        self._entered.clear()
        self._untended.clear()
        self._steps = 0
        self._tending.start(self._interval, now=False)

    def stop(self) -> None:
        """
        There is no connection any more.
        """
        if self._tending.running:
            self._tending.stop()

    def enter(self, room: str, members: Mapping[str, str]) -> Deferred[Any]:
        """
        Have members be present.
        """
        self._entered.setdefault(room, {}).update(members)
        return self._enter(room, members).addErrback(self._refused, room, members)

    def _enter(self, room: str, members: Mapping[str, str]) -> Deferred[Any]:
        pairs = [(member, encode(info)) for member, info in members.items()]
        return together(
            self._script(ENTER, room, self.process, *chain.from_iterable(part))
            for part in _parts(pairs)
        )

    def _refused(
        self, failure: Failure, room: str, members: Mapping[str, str]
    ) -> Failure:
        if not failure.check(CancelledError):
            self.forget(room, members)
        return failure

    def leave(self, room: str, members: Collection[str]) -> Deferred[Any]:
        """
        Have members be present no longer.
        """
        self.forget(room, members)
        return together(
            self._script(LEAVE, room, *part) for part in _parts(list(members))
        )

    def leaveAll(self) -> Deferred[Any]:
        """
        Have all members of this process be present no longer.
        """
        entered, self._entered = self._entered, {}
        return together(self.leave(room, members) for room, members in entered.items())

    def forget(self, room: str, members: Collection[str]) -> None:
        """
        Keep members present no longer.
        """
        entered = self._entered.get(room, {})
        for member in members:
            entered.pop(member, None)
        if not entered:
            self._entered.pop(room, None)

    def members(self, room: str) -> Deferred[Any]:
        """
        Ask who is present: ids and values, one after the other.
        """
        return self._script(MEMBERS, room)

    def _script(self, script: Script, room: str, *args: Any) -> Deferred[Any]:
        keys = self._keys(room)
        names = [keys.members, keys.leases]
        if script is TEND:
            names.append(keys.head)
        return self._run(script, names, keys.channel, self._ttl, *args)

    def _step(self) -> None:
        """
        Tend some of the rooms.
        """
        if self._steps == 0:
            self._untended = list({*self._entered, *self._subscribed()})
            self._portion = -(-len(self._untended) // _STEPS)
        self._steps = (self._steps + 1) % _STEPS
        portion = self._untended[-self._portion :]
        del self._untended[-self._portion :]
        for room in portion:
            process = self.process if room in self._entered else ""
            tended = self._script(TEND, room, process, self._kept)
            # One that fails is made up for by the next one.
            tended.addCallbacks(self._tended, lambda failure: None, (room, process))

    def _tended(self, held: object, room: str, process: str) -> None:
        if held == 0 and process == self.process and room in self._entered:
            # This process was out of it for so long that it was taken to be gone.
            again = self._enter(room, self._entered[room])
            again.addErrback(lambda failure: None)


def _parts(members: list[_T]) -> list[list[_T]]:
    return [members[start : start + _MOST] for start in range(0, len(members), _MOST)]
