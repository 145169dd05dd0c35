"""What rooms are called in Redis, and what is said on their channels.

All keys of a room have its name between braces: a Redis Cluster keeps them in one slot
(Redis Cluster specification, "Hash tags"), so that a script may use several of them.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import attrs

from txsockjs.rooms.values import Entry, Position

#: What a prefix may be: with a brace in it, the room would not be what is hashed.
_PREFIX: Final = re.compile(r"[0-9A-Za-z_.:-]{1,64}", re.ASCII)

#: How many bytes a message or an info may have, as UTF-8.
MOST_TEXT: Final = 16 * 1024 * 1024


def checkPrefix(prefix: str) -> None:
    """
    Check what all keys are to begin with.

    :raise ValueError: if it cannot be that.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"prefix is 1 to 64 ASCII letters, digits and _.:-, not {prefix!r}"
        )


def checkSeconds(**times: float) -> None:
    """
    Check times that are given to whoever talks with a Redis.

    :param times: seconds, by what an argument calls them.
    :raise ValueError: if there are too few or too many of one.
    """
    for name, value in times.items():
        if not 0.1 <= value <= 86400:
            raise ValueError(
                f"{name} is a number of seconds from 0.1 to 86400, not {value!r}"
            )


# They would end the hash tag, or make it empty.
_BRACES: Final = str.maketrans({"{": "%7B", "}": "%7D", "%": "%25"})

_POSITIONED: Final = re.compile(
    rb"([0-9A-Za-z]{1,32}):([1-9][0-9]{0,15}):(.*)", re.DOTALL
)
_PRESENT: Final = re.compile(rb"([0-9A-Za-z.-]{1,128}):(.*)", re.DOTALL)


@attrs.frozen
class Keys:
    """
    The keys of a room.

    :ivar channel: what is published in it, and who comes and goes.
    :ivar head: a hash with the epoch, and the offset of the newest message.
    :ivar stream: the history. An entry's id is its offset.
    :ivar members: a hash of those present: ``process:info`` by their ids.
    :ivar leases: a sorted set of the processes that have members there, by the time, in
        ms of Redis's clock, until which they are taken to live.
    """

    channel: bytes
    head: bytes
    stream: bytes
    members: bytes
    leases: bytes

    @classmethod
    def of(cls, prefix: str, database: int, room: str) -> Keys:
        """
        Those of one room.

        :param database: the number of the database. All databases of a Redis share
            their channels, so it is in their names.
        """
        start = f"{prefix}:{{{room.translate(_BRACES)}}}:".encode()
        return cls(
            start + b"channel:%d" % database,
            start + b"head",
            start + b"stream",
            start + b"members",
            start + b"leases",
        )


@attrs.frozen
class Joined:
    """
    A member has entered.
    """

    member: str
    info: str


@attrs.frozen
class Left:
    """
    A member is present no longer.
    """

    member: str
    info: str


Event: TypeAlias = Entry | Joined | Left


def encode(text: str) -> bytes:
    """
    Text as it is kept in Redis. It may have lone surrogates.
    """
    return text.encode("utf-8", "surrogatepass")


def decode(data: object) -> str:
    """
    What `encode` has made.

    :raise ValueError: if it has not.
    """
    return _bytes(data).decode("utf-8", "surrogatepass")


def _bytes(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise ValueError(f"no text: {data!r}")
    if len(data) > MOST_TEXT:
        raise ValueError(f"a text of {len(data)} bytes is larger than {MOST_TEXT}")
    return data


def readEvent(data: bytes) -> Event:
    """
    Read what came on a channel: a letter, and what it stands for. The scripts write it.

    :raise ValueError: if it is nothing of ours.
    """
    kind, rest = data[:1], data[1:]
    if kind == b"n":
        return Entry(decode(rest))
    if kind == b"m":
        if match := _POSITIONED.fullmatch(rest):
            return Entry(decode(match[3]), position(match[1], match[2]))
    elif kind in (b"j", b"l") and (match := _PRESENT.fullmatch(rest)):
        event = Joined if kind == b"j" else Left
        return event(match[1].decode(), decode(match[2]))
    raise ValueError(f"nothing of ours: {data[:40]!r}")


def position(epoch: object, offset: object) -> Position:
    """
    A position, as a script has told it.

    :raise ValueError: if it is none.
    """
    return Position.parse(f"{decode(epoch)}:{decode(offset)}")


def readMember(value: object) -> str:
    """
    The info in a value of the hash of members.

    :raise ValueError: if it has none.
    """
    process, colon, info = _bytes(value).partition(b":")
    if not colon:
        raise ValueError(f"no member of ours: {process[:40]!r}")
    return decode(info)
