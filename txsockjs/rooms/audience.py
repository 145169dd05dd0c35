"""Who is told what happens in a room: `Audience`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import attrs
from twisted.logger import Logger

from txsockjs.core.frames import Message
from txsockjs.counters import RoomsCounters
from txsockjs.rooms.values import Entry, Position
from txsockjs.rooms.wording import Joined, Member, Wording


@attrs.define(eq=False)
class Membership:
    """
    One session in one room.

    :ivar transport: the session.
    :ivar wording: how it is told what happens.
    :ivar id: its id among those who are present.
    :ivar info: its info as JSON, or None if it is not one of them.
    :ivar present: whether the broker was told of it.
    :ivar gone: whether it is no member any more.
    """

    transport: Any
    wording: Wording
    id: str
    info: str | None
    present: bool = False
    gone: bool = False


class Audience:
    """
    The members of a room. Those that are listening get what is told, encoded once for
    each wording.

    :ivar members: all of them, by their transports.
    :ivar present: those that the broker was told of, by their ids.
    """

    _log = Logger()

    def __init__(self, room: str, counters: RoomsCounters) -> None:
        """
        :param room: the room's name.
        """
        self.members: dict[Any, Membership] = {}
        self.present: dict[str, Membership] = {}
        self._room = room
        self._counters = counters
        self._groups: dict[Wording, dict[Membership, None]] = {}

    @property
    def listening(self) -> bool:
        """
        Whether anybody is told anything.
        """
        return bool(self._groups)

    @property
    def presence(self) -> bool:
        """
        Whether anybody wants to know who is present.
        """
        return any(wording.presence for wording in self._groups)

    def add(self, member: Membership) -> None:
        """
        Somebody joins, and is told nothing yet.
        """
        self.members[member.transport] = member
        self._counters.members += 1

    def listen(self, member: Membership) -> None:
        """
        Tell a member from now on.
        """
        self._groups.setdefault(member.wording, {})[member] = None

    def remove(self, member: Membership) -> None:
        """
        Somebody has left.
        """
        member.gone = True
        del self.members[member.transport]
        self.present.pop(member.id, None)
        self._counters.members -= 1
        group = self._groups.get(member.wording)
        if group is not None:
            group.pop(member, None)
            if not group:
                del self._groups[member.wording]

    def deliver(self, entry: Entry, recovered: bool = False) -> None:
        """
        Give a message to all that listen.

        :param recovered: whether it was read from the history.
        """
        for wording, group in [*self._groups.items()]:
            words = wording.message, entry.position, entry.text
            many = self._tell(group, self._word(*words))
            self._counters.delivered += many
            if recovered:
                self._counters.recovered += many

    def tell(self, method: str, *args: Any, but: Membership | None = None) -> None:
        """
        Tell something else to all that listen.

        :param method: the method of `Wording` that has the words.
        :param but: who is not told.
        """
        for wording, group in [*self._groups.items()]:
            message = self._word(getattr(wording, method), *args)
            if but in group:
                group = {each: None for each in group if each is not but}
            self._tell(group, message)

    def announce(self, present: Collection[Member]) -> None:
        """
        Tell those that want to know who is present.
        """
        for wording, group in [*self._groups.items()]:
            if wording.presence:
                self._tell(group, self._word(wording.present, present))

    def greet(self, member: Membership, joined: Joined) -> None:
        """
        Tell a member that it is in.
        """
        self._tell([member], self._word(member.wording.joined, joined))

    def miss(self, member: Membership, position: Position | None) -> None:
        """
        Tell a member alone that messages are lost.
        """
        self._tell([member], self._word(member.wording.gap, position))

    def replay(self, member: Membership, entry: Entry) -> None:
        """
        Give a message of the history to a member alone.
        """
        words = member.wording.message, entry.position, entry.text
        many = self._tell([member], self._word(*words))
        self._counters.delivered += many
        self._counters.recovered += many

    def _word(self, words: Callable[..., Any], *args: Any) -> Message | None:
        """
        What a wording says. One that raises says nothing.
        """
        try:
            said = words(self._room, *args)
            return Message(said) if isinstance(said, str) else said
        except Exception:
            self._log.failure(
                "{words} raised; nothing is told to the members of room {room!r}.",
                words=words,
                room=self._room,
            )
            return None

    def _tell(self, members: Iterable[Membership], message: Message | None) -> int:
        """
        :return: how many were told.
        """
        if message is None:
            return 0
        told = [*members]
        for member in told:
            # Whoever is told may have others leave, and come again.
            if not member.gone:
                try:
                    member.transport.sendPrepared(message)
                except Exception:
                    self._log.failure(
                        "{member!r} raised when it was told a message of room "
                        "{room!r}; the other members are told.",
                        member=member.transport,
                        room=self._room,
                    )
        return len(told)
