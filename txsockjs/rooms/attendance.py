"""Which rooms each session is in: `Attendance`."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txsockjs.errors import TooManyRooms
from txsockjs.rooms.values import Position


class Visited(Protocol):
    """
    What a room is here.
    """

    name: str

    @property
    def position(self) -> Position | None:
        """
        Where its members stand.
        """

    def leave(self, transport: Any) -> Deferred[None]:
        """
        A session is no longer a member.
        """


@attrs.define(eq=False)
class _Visit:
    """
    One session, as long as it is in a room.

    :ivar rooms: the rooms.
    :ivar ended: fires at its end.
    """

    ended: Deferred[None]
    rooms: dict[Visited, None] = attrs.field(factory=dict)


class Attendance:
    """
    The sessions that are in any room. One that ends leaves all of them.
    """

    def __init__(self, most: int) -> None:
        """
        :param most: how many rooms a session may be in.
        """
        self._most = most
        self._visits: dict[Any, _Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def rooms(self, transport: Any) -> list[Visited]:
        """
        The rooms that a session is in.
        """
        visit = self._visits.get(transport)
        return [] if visit is None else [*visit.rooms]

    def enter(self, transport: Any, room: Visited) -> None:
        """
        A session is about to be in a room. If it has ended already, it leaves at once.

        :raise TooManyRooms: if it may not be in another one.
        """
        visit = self._visits.get(transport)
        if visit is None:
            visit = self._visits[transport] = _Visit(transport.whenEnded())
            visit.rooms[room] = None
            visit.ended.addCallbacks(self._ended, _given, (transport,))
        elif len(visit.rooms) >= self._most:
            raise TooManyRooms(
                f"the session is in {self._most} rooms, as many as the option "
                "max_rooms lets it"
            )
        else:
            visit.rooms[room] = None

    def leave(self, transport: Any, room: Visited) -> None:
        """
        It is there no longer.
        """
        visit = self._visits.get(transport)
        if visit is not None:
            visit.rooms.pop(room, None)
            if not visit.rooms:
                del self._visits[transport]
                if not visit.ended.called:
                    visit.ended.cancel()

    def _ended(self, result: None, transport: Any) -> None:
        visit = self._visits.get(transport)
        for room in list(visit.rooms if visit is not None else ()):
            room.leave(transport)


def _given(reason: Failure) -> None:
    """
    Nobody waits for the end any more.
    """
