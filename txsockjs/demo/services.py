"""The services of the demo: `factories`."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory

from txsockjs.demo.broadcast import BroadcastFactory
from txsockjs.demo.close import Close
from txsockjs.demo.echo import Echo
from txsockjs.demo.ticker import TickerFactory
from txsockjs.rooms import Rooms, RoomsFactory

#: How many messages the rooms of the demo keep.
HISTORY: Final = 100


def factories(
    clock: IReactorTime, ownRooms: bool = True
) -> dict[str, IProtocolFactory]:
    """
    The demo services, by name.

    :param ownRooms: whether they have rooms of their own; otherwise they are to be
        given some.
    """
    rooms: Rooms | None = None
    if ownRooms:
        rooms = Rooms(clock=clock)
        rooms.configure("*", history=HISTORY)
    return {
        "echo": Factory.forProtocol(Echo),
        "broadcast": BroadcastFactory(),
        "close": Factory.forProtocol(Close),
        "ticker": TickerFactory(clock),
        "rooms": RoomsFactory(rooms, clock=clock),
    }
