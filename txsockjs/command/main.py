"""The command C{txsockjs}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from txsockjs.command.check import CHECK
from txsockjs.command.parser import Subcommand, makeParser

#: What there is, in the order in which C{--help} shows it.
SUBCOMMANDS: Final[tuple[Subcommand, ...]] = (CHECK,)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Do what a command line says.

    @param arguments: without the program's name; those of the process, if None.
    @return: the exit status.
    """
    parsed = makeParser(SUBCOMMANDS).parse_args(arguments)
    status: int = parsed.main(parsed)
    return status
