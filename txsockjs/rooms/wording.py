"""How members are told what happens in a room: `Wording`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import attrs

from txsockjs.core.frames import Message
from txsockjs.rooms.values import Position

#: What a `Wording` gives: a message, or None for nothing.
Words: TypeAlias = Message | str | None


@attrs.frozen
class Member:
    """
    Somebody who is present in a room.

    :ivar id: made by the room; no two members have the same, whatever the process.
    :ivar info: what was said about them when they joined.
    """

    id: str
    info: Any = attrs.field(eq=False)

    @classmethod
    def fromJSON(cls, id: str, text: str) -> Member:
        """
        What a broker has of a member. What is not JSON is None.
        """
        try:
            info = json.loads(text)
        except (ValueError, RecursionError):
            info = None
        return cls(id, info)


@attrs.frozen
class Joined:
    """
    What a member is told who has joined.

    :ivar position: where the member stands: before the first message that it gets,
        recovered or new. None in a room without a history.
    :ivar recovered: whether the member was told a position, and gets all that came
        after it.
    :ivar member: its own id, where it is present with an info.
    :ivar ended: whether the session has ended, or left again, before it was in: then it
        is no member.
    """

    position: Position | None = None
    recovered: bool = False
    member: str | None = None
    ended: bool = False


class Wording:
    """
    How members are told what happens in a room. This one hands on messages as they are,
    and tells nothing else; derive from it, and override what is to be told.

    Each method returns one message for all members that have been given the same
    wording, as text or encoded already, or None to tell them nothing.

    :cvar presence: whether members are told by `present`. The broker is asked then.
    """

    presence = False

    def message(self, room: str, position: Position | None, text: str) -> Words:
        """
        A message was published.

        :param position: where it stands; None in a room without a history.
        """
        return text

    def joined(self, room: str, joined: Joined) -> Words:
        """
        The member is in. It is told so before its first message.
        """
        return None

    def gap(self, room: str, position: Position | None) -> Words:
        """
        Messages were lost: the history did not reach back to the last one that was
        delivered, or there is none.

        :param position: where what follows begins.
        """
        return None

    def memberJoined(self, room: str, member: Member) -> Words:
        """
        Somebody else is present now.
        """
        return None

    def memberLeft(self, room: str, member: Member) -> Words:
        """
        Somebody else is present no longer.
        """
        return None

    def present(self, room: str, members: Collection[Member]) -> Words:
        """
        Some may have come or gone without being told of, while the broker was away.
        These are present now.
        """
        return None


#: What a member may be given in place of a `Wording`: it wraps messages.
Wrapper: TypeAlias = Callable[[str, Position | None, str], Words]


@attrs.frozen
class Wrapped(Wording):
    """
    The wording of a function that wraps messages.
    """

    wrap: Wrapper

    def message(self, room: str, position: Position | None, text: str) -> Words:
        return self.wrap(room, position, text)
