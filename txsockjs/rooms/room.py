"""One room: `Room`."""

from __future__ import annotations

import json
from itertools import count
from secrets import token_hex
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txsockjs.core.frames import encode
from txsockjs.errors import (
    AlreadyMember,
    BrokerUnavailable,
    RoomError,
    RoomFull,
    RoomValueError,
)
from txsockjs.rooms.attendance import Attendance
from txsockjs.rooms.audience import Audience, Membership
from txsockjs.rooms.following import Following, FollowingHost
from txsockjs.rooms.options import RoomOptions, RoomsOptions
from txsockjs.rooms.values import Entry, History, Position
from txsockjs.rooms.wording import Joined, Member, Wording, Wrapped, Wrapper

# How often a history is read anew for one who joins, where too much has come meanwhile.
_ROUNDS: Final = 5

#: Members get what is said, as it is.
PLAIN: Final = Wording()

_PROCESS: Final = token_hex(8)
_ids = count(1)


def sizeOf(text: str) -> int:
    """
    How many bytes a text has in UTF-8.
    """
    return len(text) if text.isascii() else len(encode(text))


class RoomHost(FollowingHost, Protocol):
    """
    What a room needs of the collection that it is in.
    """

    @property
    def options(self) -> RoomsOptions:
        """
        The options of all rooms.
        """

    @property
    def attendance(self) -> Attendance:
        """
        Who is in which rooms.
        """

    #: How many messages wait for the broker.
    waiting: int

    def opened(self, room: Room) -> None:
        """
        The room has members.
        """

    def closed(self, room: Room) -> None:
        """
        It has none.
        """


class Room:
    """
    One room: its members in this process are told what is published in it, in any
    process.

    All its methods return Deferreds. They fail with `BrokerUnavailable
    <txsockjs.errors.BrokerUnavailable>` where the broker did not do what was asked.

    :ivar name: its name.
    :ivar options: its `RoomOptions <txsockjs.rooms.options.RoomOptions>`.
    """

    def __init__(self, name: str, options: RoomOptions, host: RoomHost) -> None:
        self.name = name
        self.options = options
        self._host = host
        self._audience = Audience(name, host.counters)
        self._following = Following(name, options.history > 0, self._audience, host)

    def __repr__(self) -> str:
        return f"<Room {self.name!r}>"

    def __len__(self) -> int:
        """
        How many members this process has.
        """
        return len(self._audience.members)

    def __contains__(self, transport: object) -> bool:
        """
        Whether a session is a member, or about to be.
        """
        return transport in self._audience.members

    @property
    def position(self) -> Position | None:
        """
        That of the last message that the members in this process were given; None where
        there are none, or there is no history.
        """
        return self._following.position

    # Messages

    def publish(self, message: str | bytes) -> Deferred[Position | None]:
        """
        Give a message to every member, in every process.

        :param message: text; or bytes in UTF-8, where anything else becomes U+FFFD.
        :return: its position once the broker has taken it; None in a room without a
            history. It fails with `BrokerUnavailable` if the broker did not take it,
            or has not said so, or as many messages wait for it as may; and with
            `RoomValueError` for one that is too large. It is not tried again.
        :raise TypeError: if ``message`` is neither str nor bytes.
        """
        host = self._host
        if isinstance(message, bytes):
            message = message.decode("utf-8", "replace")
        elif not isinstance(message, str):
            kind = type(message).__name__
            raise TypeError(f"publish takes str or bytes, not {kind}")
        size, most = sizeOf(message), host.options.max_message
        if size > most:
            return self._refuse(
                RoomValueError(
                    f"a message of {size} bytes is too large; the option max_message "
                    f"allows {most}"
                )
            )
        if host.waiting >= host.options.max_waiting:
            return self._refuse(
                BrokerUnavailable(
                    f"{host.waiting} messages wait for the broker, as many as the "
                    "option max_waiting allows"
                )
            )
        host.waiting += 1
        options = self.options
        published = host.broker.publish(
            self.name, message, options.history, options.history_ttl
        )
        return published.addCallbacks(self._published, self._unpublished)

    def _published(self, position: Position | None) -> Position | None:
        self._host.waiting -= 1
        self._host.counters.published += 1
        return position

    def _unpublished(self, reason: Failure) -> Failure:
        self._host.waiting -= 1
        if isinstance(reason.value, BrokerUnavailable):
            self._host.counters.refuse(reason.value)
        return reason

    def _refuse(self, error: RoomError | BrokerUnavailable) -> Deferred[Any]:
        self._host.counters.refuse(error)
        return fail(error)

    def recent(self, count: int) -> Deferred[tuple[Entry, ...]]:
        """
        Read the newest messages.

        :param count: how many at most.
        :return: those that the history holds, the oldest first; none in a room without
            a history.
        """
        if not self.options.history:
            return succeed(())
        recent = self._host.broker.recent(self.name, max(0, count))
        return recent.addCallback(lambda history: history.entries)

    def members(self) -> Deferred[tuple[Member, ...]]:
        """
        Read who is present: those that have joined with an info, in any process.
        """
        return self._following.members()

    # Members

    def join(
        self,
        transport: Any,
        info: Any = None,
        *,
        since: Position | str | None = None,
        recent: int = 0,
        wording: Wording | Wrapper | None = None,
    ) -> Deferred[Joined]:
        """
        Make a session a member, until it leaves or ends. It gets every message that is
        published from then on; and before them, with no hole between and none twice,
        those of the history that it asks for.

        :param transport: the session: an `ISockJSTransport
            <txsockjs.interfaces.ISockJSTransport>`.
        :param info: what others see of it, as anything that JSON can say; it is present
            then. With None it is not.
        :param since: the position of the last message that it has seen: it gets what
            came after that.
        :param recent: how many of the newest messages it gets, where it has no
            ``since``.
        :param wording: how it is told; or a function of the room's name, a message's
            position and its text, that returns the message to send.
        :return: where it stands, and whether what came after ``since`` is complete. It
            fires when all that is asked for was sent. It does not fail because the
            session ends: `Joined.ended <txsockjs.rooms.wording.Joined>` tells that. It
            fails with `RoomError`, or one of its kinds, where it may not join.
        """
        return Deferred.fromCoroutine(
            self._join(transport, info, since, recent, wording)
        )

    async def _join(
        self,
        transport: Any,
        info: Any,
        since: Position | str | None,
        recent: int,
        wording: Wording | Wrapper | None,
    ) -> Joined:
        host, audience = self._host, self._audience
        try:
            if isinstance(since, str):
                since = Position.parse(since)
            if wording is None:
                wording = PLAIN
            elif not isinstance(wording, Wording):
                wording = Wrapped(wording)
            member = Membership(
                transport, wording, f"{_PROCESS}-{next(_ids)}", self._written(info)
            )
            if transport in audience.members:
                raise AlreadyMember(f"the session is a member of room {self.name!r}")
            if len(audience.members) >= self.options.max_members:
                raise RoomFull(
                    f"room {self.name!r} has {len(audience.members)} members, as many "
                    "as its option max_members allows"
                )
            first = not audience.members
            audience.add(member)
            if first:
                host.opened(self)
            try:
                host.attendance.enter(transport, self)
                return await self._admit(member, since, recent)
            except BaseException:
                self._remove(member)
                raise
        except (RoomError, BrokerUnavailable) as error:
            host.counters.refuse(error)
            raise

    def _written(self, info: Any) -> str | None:
        """
        A member's info as JSON.
        """
        if info is None:
            return None
        try:
            text = json.dumps(info, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise RoomValueError(f"an info is what JSON can say: {error}") from None
        most = self._host.options.max_info
        if len(text) > most:
            raise RoomValueError(
                f"an info of {len(text)} bytes is too large; the option max_info "
                f"allows {most}"
            )
        return text

    async def _admit(
        self, member: Membership, since: Position | None, recent: int
    ) -> Joined:
        """
        Have a member present, and listening from where its history ends.
        """
        audience, following = self._audience, self._following
        if not member.gone:
            await following.ready()
        if member.info is not None and not member.gone:
            audience.present[member.id] = member
            await self._host.broker.enter(self.name, {member.id: member.info})
        present = None if member.info is None else member.id
        joined = None
        position = since
        rounds = 0
        while not member.gone:
            history = None
            if self.options.history and (position is not None or recent > 0):
                history = await following.history(position, recent)
                if member.gone:
                    break
                if history is None:
                    rounds += 1
                    if rounds == _ROUNDS:
                        raise BrokerUnavailable(
                            f"the history of room {self.name!r} changes faster than it "
                            "can be read"
                        )
                    continue
            complete = history is not None and history.complete
            if joined is None:
                recovered = since is not None and complete
                start = self._start(history)
                joined = Joined(start, recovered, present)
                audience.greet(member, joined)
                if since is not None and not complete:
                    self._host.counters.gaps += 1
            elif not complete:
                self._host.counters.gaps += 1
                audience.miss(member, self._start(history))
            entries = () if history is None else history.entries
            position, rounds = self._send(member, entries), 0
            if position is None:
                audience.listen(member)
                return joined
            # It takes no more now.
            await member.transport.whenDrained()
        return Joined(ended=True)

    def _start(self, history: History | None) -> Position | None:
        """
        Where a member stands who gets this and then what is new.
        """
        if history is None or not history.entries:
            return self._following.position
        first = history.entries[0].position
        assert first is not None
        return first.preceding

    def _send(self, member: Membership, entries: tuple[Entry, ...]) -> Position | None:
        """
        Send a member what it has missed, as much as it takes.

        :return: how far that was, if it was not all.
        """
        for number, entry in enumerate(entries, 1):
            self._audience.replay(member, entry)
            if member.gone:
                break
            if number < len(entries) and member.transport.crowded:
                return entry.position
        return None

    def leave(self, transport: Any) -> Deferred[None]:
        """
        A session is no longer a member, from the call on. One that is not is no error.

        :return: what fires when the others were told so. It does not fail: where the
            broker does not answer, it finds out by itself.
        """
        member = self._audience.members.get(transport)
        return succeed(None) if member is None else self._remove(member)

    # For the broker's listener

    def brokerUp(self) -> None:
        """
        The broker can be asked.
        """
        self._following.up()

    def brokerDown(self) -> None:
        """
        It cannot.
        """
        self._following.down()

    def received(self, entry: Entry) -> None:
        """
        A message was published, in this process or another.
        """
        self._following.received(entry)

    def memberJoined(self, member: str, info: str) -> None:
        """
        Somebody is present, in this process or another.
        """
        self._told("memberJoined", member, info)

    def memberLeft(self, member: str, info: str) -> None:
        """
        Somebody is present no longer.
        """
        self._told("memberLeft", member, info)

    def _told(self, method: str, member: str, info: str) -> None:
        own = self._audience.present.get(member)
        self._audience.tell(method, Member.fromJSON(member, info), but=own)

    def clear(self) -> None:
        """
        All members leave.
        """
        for member in list(self._audience.members.values()):
            self._remove(member)

    def _remove(self, member: Membership) -> Deferred[None]:
        if member.gone:
            return succeed(None)
        self._audience.remove(member)
        self._host.attendance.leave(member.transport, self)
        departed: Deferred[None] = succeed(None)
        if member.info is not None:
            departed = self._depart(member)
        if not self._audience.members:
            self._following.stop()
            self._host.closed(self)
        return departed

    def _depart(self, member: Membership) -> Deferred[None]:
        departed = self._host.broker.leave(self.name, [member.id])
        return departed.addErrback(lambda reason: None)
