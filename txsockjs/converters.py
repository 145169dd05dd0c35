"""Checked settings: how a value becomes that of an option.

A converter takes what was given, from a program, an endpoint string or a command line,
and raises ``ValueError`` with what it would take. `option` makes a field of an attrs
class that has one; the error then names the option and the value.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final

import attrs

from txsockjs.errors import OptionError

_TRUE: Final = frozenset(("true", "yes", "on", "1"))
_FALSE: Final = frozenset(("false", "no", "off", "0"))
_NONE: Final = frozenset(("", "none"))

# "65536", "64k", "64 KiB", "1M".
_SIZE: Final = re.compile(r"([0-9]{1,15}) ?([kmg]?)(?:i?b)?")


def boolean(value: object) -> bool:
    """
    A switch: a bool, or a word for one.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("True or False")


def seconds(least: float, allowed: str) -> Callable[[object], float]:
    """
    A time in seconds.

    :param least: the shortest that there may be.
    :param allowed: what the error says.
    """

    def convert(value: object) -> float:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                number = math.nan
            if math.isfinite(number) and number >= least:
                return number
        raise ValueError(allowed)

    return convert


def count(
    allowed: str, most: float = math.inf, least: int = 1
) -> Callable[[object], int]:
    """
    A whole number, from ``least`` to ``most``.

    :param allowed: what the error says.
    """

    def convert(value: object) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        number = isinstance(value, int) and not isinstance(value, bool)
        if number and least <= value <= most:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        raise ValueError(allowed)

    return convert


#: What `size` says that it takes.
SIZE: Final = "a number of bytes, 1 or more, such as 65536, '64k' or '1M'"

_UNITS: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def size(value: object) -> int:
    """
    A number of bytes, 1 or more; as text it may be in units of 1,024 bytes or more.
    """
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip().lower())
        if match is not None:
            value = int(match[1]) * _UNITS[match[2]]
    return count(SIZE)(value)


def optional(convert: Callable[[object], Any]) -> Callable[[object], Any]:
    """
    None, or what another converter takes.
    """

    def converter(value: object) -> Any:
        if value is None or (isinstance(value, str) and value.lower() in _NONE):
            return None
        return convert(value)

    return converter


def splitWords(value: object) -> list[str]:
    """
    The items of a list, or of a string with commas.

    :raise TypeError: where an item is not a str.
    """
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, Iterable):
        raise TypeError
    items = list(value)
    if not all(isinstance(word, str) for word in items):
        raise TypeError
    return items


def interval(value: object) -> float | None:
    """
    The seconds between two of something, or None for never.
    """
    number = optional(seconds(0.0, "a number of seconds, or 0 or None for none"))(value)
    return number or None


def codecName(value: object) -> str:
    """
    The name of a text encoding.
    """
    allowed = "the name of a text encoding that Python knows, such as 'cp1252'"
    if not isinstance(value, str):
        raise ValueError(allowed)
    try:
        "a".encode(codecs.lookup(value).name)
    except LookupError:
        raise ValueError(allowed) from None
    return value


def noSuch(kind: str, name: object, names: Sequence[str]) -> str:
    """
    What an error says of a name that is none of those that there are.

    :param kind: what it should be the name of.
    """
    near = get_close_matches(str(name), names, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"no such {kind}; {meant}there are " + ", ".join(dict.fromkeys(names))


def _named(convert: Callable[[object], Any]) -> Any:
    """
    Let the error of ``convert`` name the option and the value.
    """

    def converter(value: object, field: attrs.Attribute[Any]) -> Any:
        try:
            return convert(value)
        except ValueError as allowed:
            raise OptionError(
                field.name, f"{value!r} will not do; it takes {allowed}"
            ) from None

    return attrs.Converter(converter, takes_field=True)


def option(convert: Callable[[object], Any], default: object, help: str) -> Any:
    """
    An option as a field of an attrs class.

    :param convert: checks and converts each value, the default too.
    :param help: what it is for, in one line, with the unit.
    """
    return attrs.field(
        default=default, converter=_named(convert), metadata={"help": help}
    )
