"""The protocol of `RoomsFactory <txsockjs.rooms.factory.RoomsFactory>`, as values:
`Request`, and `JSONWording`.

Each SockJS message is one JSON object, which ``docs/rooms.rst`` describes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final, NoReturn

import attrs

from txsockjs.errors import (
    AlreadyMember,
    BrokerUnavailable,
    RoomFull,
    RoomValueError,
    TooManyRooms,
)
from txsockjs.rooms.values import Position
from txsockjs.rooms.wording import Joined, Member, Wording

#: How many members one list names at the most.
MOST_LISTED: Final = 1000

# How long the id of a request may be.
_MOST_ID: Final = 64

#: The code of a fault of the server's.
FAILED: Final = "failed"

_CODES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (AlreadyMember, "alreadyMember"),
    (RoomFull, "roomFull"),
    (TooManyRooms, "tooManyRooms"),
    (RoomValueError, "invalid"),
    (BrokerUnavailable, "unavailable"),
)


class Refused(Exception):
    """
    A request is answered with an error.

    :ivar code: what kind it is, for programs.
    :ivar problem: what it is, for people.
    """

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(code, problem)
        self.code = code
        self.problem = problem

    @classmethod
    def by(cls, error: Exception) -> Refused:
        """
        What an exception is to the client. Whatever is not for its eyes is a fault.
        """
        for kind, code in _CODES:
            if isinstance(error, kind):
                return cls(code, str(error))
        return cls(FAILED, "Internal error")


@attrs.frozen
class Request:
    """
    What a client asks.

    :ivar type: ``join``, ``leave``, ``publish``, ``presence`` or ``positions``.
    :ivar room: the room's name; empty where it is about all of them.
    :ivar id: comes back in the answer.
    :ivar text: what is published.
    :ivar info: the member's info.
    :ivar presence: whether it is told who comes and goes.
    :ivar since: the position that it saw last.
    :ivar recent: how many messages of the history it wants if it has none.
    """

    type: str
    room: str = ""
    id: str | int | None = None
    text: str = ""
    info: Any = None
    presence: bool = False
    since: Position | None = None
    recent: int = 0


# For each type, the names of what it may have, and those that it must have.
_FIELDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "join": (("room", "info", "presence", "since", "recent"), ("room",)),
    "leave": (("room",), ("room",)),
    "publish": (("room", "text"), ("room", "text")),
    "presence": (("room",), ("room",)),
    "positions": ((), ()),
}

#: The types of those that change nothing: they can be done twice.
HARMLESS: Final = ("presence", "positions")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse(text: str) -> dict[str, Any]:
    """
    The object that a client has sent.

    :raise Refused: if it is none.
    """
    try:
        value = json.loads(text, parse_constant=_constant)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused("malformed", "A message is a JSON object.")
    return value


def readId(fields: dict[str, Any]) -> str | int | None:
    """
    The id of a request, if that can be used.
    """
    id = fields.get("id")
    if isinstance(id, str) and len(id) <= _MOST_ID:
        return id
    if isinstance(id, int) and not isinstance(id, bool) and abs(id) < 2**53:
        return id
    return None


def readRequest(fields: dict[str, Any]) -> Request:
    """
    What a client asks.

    :raise Refused: if that cannot be understood.
    """
    type = fields.get("type")
    if not isinstance(type, str) or type not in _FIELDS:
        raise Refused("malformed", 'The "type" is one of: ' + ", ".join(_FIELDS) + ".")
    allowed, needed = _FIELDS[type]
    values = {name: value for name, value in fields.items() if value is not None}
    for name in values:
        if name not in allowed and name not in ("type", "id"):
            # It may be that of another version.
            known = ", ".join((*allowed, "id"))
            raise Refused(
                "malformed", f"A {type} takes no {name[:40]!r}; it takes {known}."
            )
    for name in needed:
        if name not in values:
            raise Refused("malformed", f'A {type} has a "{name}".')
    for name, kind, what in (
        ("room", str, "a string"),
        ("text", str, "a string"),
        ("since", str, "a string"),
        ("presence", bool, "true or false"),
        ("recent", int, "a number, 0 or more"),
    ):
        value: Any = values.get(name)
        right = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
        if name in values and not (right and (kind is not int or value >= 0)):
            raise Refused("malformed", f'The "{name}" is {what}.')
    if "id" in values and readId(values) is None:
        raise Refused(
            "malformed", f'The "id" is a number, or up to {_MOST_ID} characters.'
        )
    if "since" in values:
        try:
            values["since"] = Position.parse(values["since"])
        except ValueError:
            raise Refused("malformed", 'The "since" is no position.') from None
    return Request(**values)


def write(type: str, room: str | None = None, **fields: Any) -> str:
    """
    A message to a client. What is None is left out.
    """
    written: dict[str, Any] = {"type": type}
    if room is not None:
        written["room"] = room
    for name, value in fields.items():
        if isinstance(value, Position):
            written[name] = str(value)
        elif value is not None:
            written[name] = value
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def describe(member: Member) -> dict[str, Any]:
    """
    A member, as clients see it.
    """
    return {"id": member.id, "info": member.info}


def writePresence(room: str, members: Collection[Member], **fields: Any) -> str:
    """
    Who is present.
    """
    listed = [describe(member) for member in list(members)[:MOST_LISTED]]
    return write("presence", room, members=listed, total=len(members), **fields)


class JSONWording(Wording):
    """
    Tells all of it to the clients of a `RoomsFactory`.
    """

    def __init__(self, presence: bool) -> None:
        """
        :param presence: whether it tells who comes and goes.
        """
        self.presence = presence

    def message(self, room: str, position: Position | None, text: str) -> str:
        return write("message", room, position=position, text=text)

    def joined(self, room: str, joined: Joined) -> str:
        return write(
            "joined",
            room,
            position=joined.position,
            recovered=joined.recovered,
            member=joined.member,
        )

    def gap(self, room: str, position: Position | None) -> str:
        return write("gap", room, position=position)

    def memberJoined(self, room: str, member: Member) -> str | None:
        if not self.presence:
            return None
        return write("memberJoined", room, member=describe(member))

    def memberLeft(self, room: str, member: Member) -> str | None:
        if not self.presence:
            return None
        return write("memberLeft", room, member=describe(member))

    def present(self, room: str, members: Collection[Member]) -> str:
        return writePresence(room, members)


#: Told to members that want to know of the others, and to those that do not.
ATTENTIVE: Final = JSONWording(True)
QUIET: Final = JSONWording(False)
