"""The rooms of a process, by their names: `Rooms`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.clock import Clock, clockOr
from txsockjs.counters import RoomsCounters
from txsockjs.errors import RoomValueError
from txsockjs.rooms.attendance import Attendance
from txsockjs.rooms.interfaces import AnyBroker, IBroker, IBrokerListener
from txsockjs.rooms.memory import MemoryBroker
from txsockjs.rooms.options import RoomOptions, RoomsOptions
from txsockjs.rooms.room import Room
from txsockjs.rooms.values import Entry

# How many rooms may be given options by their own names.
_MOST_NAMED: Final = 10_000

# How many rooms subscribe and read their histories at a time.
_AT_ONCE: Final = 100


class Rooms:
    """
    All rooms that one broker joins::

        rooms = Rooms()
        lobby = rooms.room("lobby", history=100)
        lobby.join(transport)
        lobby.publish("hello")

    They are there from the beginning until `stop`. A room costs nothing while nobody
    is in it.

    :ivar counters: what they have done, as `RoomsCounters
        <txsockjs.counters.RoomsCounters>`.
    :ivar options: what holds for all of them.
    :ivar broker: what joins them with those of other processes.
    :ivar attendance: which sessions are in which rooms.
    :ivar waiting: how many messages wait for the broker.
    :ivar turns: what lets some of the rooms catch up at a time, after an outage.
    """

    def __init__(
        self,
        broker: AnyBroker | None = None,
        options: RoomsOptions | Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        name: str = "rooms",
    ) -> None:
        """
        :param broker: what joins them with those of other processes; if not given, they
            are those of this process alone.
        :param options: what holds for all of them, or a dict of it by name.
        :param clock: what tells the time; the global reactor if not given.
        :param name: what metrics call them.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        :raise TypeError: for a URL in place of a broker.
        """
        if isinstance(broker, (str, bytes)):
            raise TypeError(
                "Rooms takes a broker and no URL, such as RedisBroker(reactor, URL) of "
                "txsockjs.rooms.redis"
            )
        self.options: RoomsOptions = RoomsOptions.of(options)
        self.counters: RoomsCounters = RoomsCounters(name)
        self.attendance: Attendance = Attendance(self.options.max_rooms)
        self.waiting = 0
        self.turns: DeferredSemaphore = DeferredSemaphore(_AT_ONCE)
        self._clock = clock
        given: Any = MemoryBroker(clock) if broker is None else broker
        self.broker: IBroker = given
        self._rooms: WeakValueDictionary[str, Room] = WeakValueDictionary()
        self._inhabited: dict[str, Room] = {}
        self._named: dict[str, RoomOptions] = {}
        self._patterns: list[tuple[str, RoomOptions]] = []
        self._started = False
        self._waitingUp: list[Deferred[None]] = []
        self.start()

    # What there is

    def configure(self, pattern: str, **options: Any) -> None:
        """
        Set the options of all rooms whose names fit a pattern, before they are used.
        Where several fit, the first one holds.

        :param pattern: a name in which ``*`` stands for any characters, ``?`` for one,
            and ``[abc]`` for one of these.
        :param options: those of `RoomOptions <txsockjs.rooms.options.RoomOptions>`.
        :raise OptionError: for one that is unknown or has a value it cannot have.
        """
        self._patterns.append((pattern, RoomOptions.of(options)))

    def room(self, name: str, **options: Any) -> Room:
        """
        The room of this name.

        :param name: any text that is not empty, nor too long, nor has lone surrogates.
        :param options: those of `RoomOptions <txsockjs.rooms.options.RoomOptions>`, to
            be kept for this name. For names of which there is no end, use `configure`.
        :raise RoomValueError: for a name that will not do, or options other than those
            the room has.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        """
        room = self._rooms.get(name)
        if room is None:
            self._checkName(name)
        if options:
            asked = RoomOptions.of(options)
            if (self._named.get(name) if room is None else room.options) != asked:
                self._nameOptions(name, asked, room)
        if room is None:
            room = self._rooms[name] = Room(name, self._optionsOf(name), self)
        return room

    def _checkName(self, name: str) -> None:
        most = self.options.max_name
        try:
            size = len(name.encode("utf-8")) if isinstance(name, str) else 0
        except UnicodeEncodeError:
            size = 0
        if not 0 < size <= most:
            raise RoomValueError(
                f"the name of a room is a text of 1 to {most} bytes in UTF-8 (the "
                f"option max_name), not {name!r:.100}"
            )

    def _nameOptions(self, name: str, options: RoomOptions, room: Room | None) -> None:
        if room is not None or name in self._named:
            raise RoomValueError(
                f"room {name!r} has other options already; set them where it is used "
                "first, or with configure()"
            )
        if len(self._named) >= _MOST_NAMED:
            raise RoomValueError(
                f"{_MOST_NAMED} rooms have options by their names; set those of any "
                "more with configure(), by a pattern"
            )
        self._named[name] = options

    def _optionsOf(self, name: str) -> RoomOptions:
        named = self._named.get(name)
        if named is not None:
            return named
        for pattern, options in self._patterns:
            if fnmatchcase(name, pattern):
                return options
        return RoomOptions()

    # Their life

    @property
    def up(self) -> bool:
        """
        Whether the broker can be asked.
        """
        return bool(self.broker.up)

    def whenUp(self) -> Deferred[None]:
        """
        Wait until the broker can be asked.

        :return: what fires when it can, or at once. It does not fail; cancel it to wait
            no longer.
        """
        waiting: Deferred[None] = Deferred()
        if self.up:
            waiting.callback(None)
        else:
            self._waitingUp.append(waiting)
        return waiting

    def isUp(self) -> None:
        """
        For the broker's listener: it can be asked now.
        """
        waiting, self._waitingUp = self._waitingUp, []
        for each in waiting:
            if not each.called:
                # Otherwise whoever waited has given up.
                each.callback(None)

    def start(self) -> None:
        """
        Start the broker, again after `stop`.
        """
        if not self._started:
            self._started = True
            self.broker.start(_Listener(self, self._inhabited))

    def stop(self) -> Deferred[None]:
        """
        Have all members leave, and stop the broker.

        :return: what fires when that is done. It never fails.
        """
        self._started = False
        for room in list(self._inhabited.values()):
            room.clear()
        self.counters.up = False
        stopped: Deferred[None] = self.broker.stop()
        return stopped

    # For the rooms

    def callLater(self, seconds: float, call: Callable[[], object]) -> Any:
        """
        Call something later.
        """
        self._clock = clockOr(self._clock)
        return self._clock.callLater(seconds, call)

    def opened(self, room: Room) -> None:
        """
        A room has members.
        """
        self._inhabited[room.name] = room
        self.counters.rooms += 1

    def closed(self, room: Room) -> None:
        """
        A room has none.
        """
        del self._inhabited[room.name]
        self.counters.rooms -= 1


@implementer(IBrokerListener)
class _Listener:
    """
    Hands what the broker tells to the room in question, if anybody is there.
    """

    def __init__(self, rooms: Rooms, inhabited: Mapping[str, Room]) -> None:
        self._rooms = rooms
        self._inhabited = inhabited

    def brokerUp(self) -> None:
        self._rooms.counters.up = True
        for room in list(self._inhabited.values()):
            room.brokerUp()
        self._rooms.isUp()

    def brokerDown(self, reason: Failure) -> None:
        self._rooms.counters.up = False
        for room in list(self._inhabited.values()):
            room.brokerDown()

    def received(self, room: str, entry: Entry) -> None:
        found = self._inhabited.get(room)
        if found is not None:
            found.received(entry)

    def memberJoined(self, room: str, member: str, info: str) -> None:
        found = self._inhabited.get(room)
        if found is not None:
            found.memberJoined(member, info)

    def memberLeft(self, room: str, member: str, info: str) -> None:
        found = self._inhabited.get(room)
        if found is not None:
            found.memberLeft(member, info)
