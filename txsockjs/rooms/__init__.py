"""Rooms: one message to everybody in them, in any process, with presence, history and
recovery.

`Rooms` has them by their names. What joins those of several processes is an `IBroker`:
`MemoryBroker` for one process, and `RedisBroker <txsockjs.rooms.redis.RedisBroker>` for
any number of them.
"""

from txsockjs.rooms.directory import Rooms
from txsockjs.rooms.factory import RoomsFactory
from txsockjs.rooms.interfaces import IBroker
from txsockjs.rooms.memory import MemoryBroker
from txsockjs.rooms.options import RoomOptions, RoomsOptions
from txsockjs.rooms.room import Room
from txsockjs.rooms.values import Entry, Position
from txsockjs.rooms.wording import Joined, Member, Wording

__all__ = [
    "Entry",
    "IBroker",
    "Joined",
    "Member",
    "MemoryBroker",
    "Position",
    "Room",
    "RoomOptions",
    "Rooms",
    "RoomsFactory",
    "RoomsOptions",
    "Wording",
]
