"""The settings of rooms: `RoomOptions` for one, `RoomsOptions` for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from txsockjs.converters import count, option, seconds
from txsockjs.errors import OptionError

_T = TypeVar("_T", bound="_Options")


class _Options:
    """
    Settings that can be given by name.
    """

    @classmethod
    def of(cls: type[_T], options: _T | Mapping[str, object] | None) -> _T:
        """
        What was given as options: these themselves, a dict of them by name, or None for
        the defaults.

        :raise OptionError: for a name that is unknown or a value that is not allowed.
        """
        if isinstance(options, cls):
            return options
        values: dict[str, Any] = dict(options or {})  # type: ignore[arg-type]
        names = [name for name, _, _ in cls.fields()]
        for name in values:
            if name not in names:
                problem = "no such option; there are " + ", ".join(names)
                raise OptionError(name, problem)
        return cls(**values)

    @classmethod
    def fields(cls) -> Iterable[tuple[str, object, str]]:
        """
        Each option's name, default and meaning.
        """
        fields: Any = attrs.fields(cls)  # type: ignore[arg-type]
        for field in fields:
            yield field.name, field.default, field.metadata["help"]


@attrs.frozen(kw_only=True)
class RoomOptions(_Options):
    """
    How one room behaves. Every option is checked when it is set. Processes that share a
    room give it the same ones.
    """

    history: int = option(
        count("a number of messages, 0 to 100000", 100_000, 0),
        0,
        "messages that the room keeps; 0: none, and they are delivered at most once",
    )
    history_ttl: float = option(
        seconds(0.001, "a number of seconds above 0"),
        3600.0,
        "seconds that they are kept after the last one",
    )
    max_members: int = option(
        count("a number of members, 1 or more"),
        10_000,
        "members in one process, past which a join fails with RoomFull",
    )


@attrs.frozen(kw_only=True)
class RoomsOptions(_Options):
    """
    What all rooms of a process have in common. Every option is checked when it is set.
    """

    max_rooms: int = option(
        count("a number of rooms, 1 or more"),
        256,
        "rooms that one session is in, past which a join fails with TooManyRooms",
    )
    max_name: int = option(
        count("a number of bytes, 1 or more"), 256, "bytes of a room's name in UTF-8"
    )
    max_info: int = option(
        count("a number of bytes, 1 or more"), 1024, "bytes of a member's info as JSON"
    )
    max_message: int = option(
        count("a number of bytes, 1 or more"), 65536, "bytes of a message in UTF-8"
    )
    max_waiting: int = option(
        count("a number of messages, 1 or more"),
        1000,
        "messages that wait for the broker, past which a publish fails",
    )
