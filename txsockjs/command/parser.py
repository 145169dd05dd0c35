"""The command line of ``txsockjs``: how it is parsed, and how it says what is wrong."""

from __future__ import annotations

import math
import re
from argparse import (
    Action,
    ArgumentParser,
    ArgumentTypeError,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Final, NoReturn

import attrs

from txsockjs.client.place import TRANSPORTS

#: The exit status of a command that was not understood.
USAGE: Final = 2

# RFC 9110, section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# RFC 9110, section 5.5: anything else could end the header and begin another one.
_FIELD_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# RFC 6265, section 4.1.1.
_COOKIE_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


#: The most seconds that anything may take, eleven days: systems count milliseconds, in
#: 32 bits.
_LONGEST: Final = 1e6


class CommandParser(ArgumentParser):
    """
    A parser whose errors are one line each: what is wrong, and what to try.
    """

    def error(self, message: str) -> NoReturn:
        """
        End the process: it was not understood.
        """
        line = " ".join(message.split())
        self.exit(USAGE, f"{self.prog}: {line}: try '{self.prog} --help'\n")


class _Version(Action):
    """
    Shows the version, which is looked up for that alone.
    """

    def __call__(self, parser: ArgumentParser, *rest: object) -> None:
        print(f"txsockjs {version('txsockjs')}")
        parser.exit()


@attrs.frozen
class Subcommand:
    """
    One of the things that ``txsockjs`` can do.

    :ivar name: what it is called.
    :ivar summary: what it does, in a line.
    :ivar description: what it does, in paragraphs for ``--help``, wrapped by hand.
    :ivar epilog: what ``--help`` shows at its end: examples, exit status.
    :ivar addArguments: adds its arguments to a parser.
    :ivar main: does it. It is given the arguments, runs the reactor if it needs it, and
        returns the exit status.
    """

    name: str
    summary: str
    description: str
    epilog: str
    addArguments: Callable[[ArgumentParser], object]
    main: Callable[[Namespace], int]


def makeParser(subcommands: Iterable[Subcommand]) -> CommandParser:
    """
    The parser of the whole command line.

    The namespace that it returns has the ``main`` of the `Subcommand`, and as ``prog``
    what errors begin with.
    """
    parser = CommandParser(
        prog="txsockjs",
        description="Reach a SockJS server, of any make, from the command line.",
        epilog="'txsockjs COMMAND --help' tells more of each.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version, and exit"
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for subcommand in subcommands:
        found = commands.add_parser(
            subcommand.name,
            help=subcommand.summary,
            description=subcommand.description,
            epilog=subcommand.epilog,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        subcommand.addArguments(found)
        found.set_defaults(main=subcommand.main, prog=found.prog)
    return parser


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not {what}")
    return number


def seconds(text: str) -> float:
    """
    Seconds, 0 or more.
    """
    found = _number(text, "a number of seconds, 0 or more")
    if found > _LONGEST:
        raise ArgumentTypeError(f"{text!r} seconds are more than {_LONGEST:.0f}")
    return found


def positiveSeconds(text: str) -> float:
    """
    Seconds, and more than none.
    """
    found = seconds(text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return found


def rate(text: str) -> float:
    """
    So many in a second, 0 or more.
    """
    return _number(text, "a number a second, 0 or more")


def positiveRate(text: str) -> float:
    """
    So many in a second, and more than none.
    """
    found = rate(text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is not a number a second, above 0")
    return found


def count(text: str) -> int:
    """
    A whole number, 1 or more.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def header(text: str) -> tuple[str, str]:
    """
    ``Name: value``.
    """
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
        raise ArgumentTypeError(f"{text!r} is no header: write 'Name: value'")
    return name, value


def cookie(text: str) -> tuple[str, str]:
    """
    ``name=value``.
    """
    name, equals, value = text.partition("=")
    if not equals or not _TOKEN.fullmatch(name) or not _COOKIE_VALUE.fullmatch(value):
        raise ArgumentTypeError(f"{text!r} is no cookie: write name=value")
    return name, value


def _transport(name: str) -> str:
    if name not in TRANSPORTS:
        raise ArgumentTypeError(
            f"there is no transport {name!r}; there are {', '.join(TRANSPORTS)}"
        )
    return name


def transports(text: str) -> tuple[str, ...]:
    """
    Names of transports with commas between them, each of them once.
    """
    names = tuple(_transport(name.strip()) for name in text.split(","))
    if len(set(names)) < len(names):
        raise ArgumentTypeError(f"{text!r} names a transport twice")
    return names


def weights(text: str) -> dict[str, int]:
    """
    Transports and their shares, such as ``websocket:8,xhr-polling:1``. A share that is
    not given is 1.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        name, colon, share = part.strip().partition(":")
        if _transport(name) in found:
            raise ArgumentTypeError(f"{text!r} names a transport twice")
        found[name] = count(share) if colon else 1
    return found
