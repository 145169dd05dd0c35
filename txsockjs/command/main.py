"""The command ``txsockjs``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from twisted.python.failure import Failure

from txsockjs.command.check import CHECK
from txsockjs.command.connect import CONNECT
from txsockjs.command.endings import FAILED
from txsockjs.command.load import LOAD
from txsockjs.command.parser import Subcommand, makeParser
from txsockjs.command.ping import PING
from txsockjs.command.running import complain

#: What there is, in the order in which ``--help`` shows it.
SUBCOMMANDS: Final[tuple[Subcommand, ...]] = (CONNECT, PING, CHECK, LOAD)

#: The exit status of what SIGINT has ended.
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Do what a command line says.

    :param arguments: without the program's name; those of the process, if None.
    :return: the exit status.
    """
    parsed = makeParser(SUBCOMMANDS).parse_args(arguments)
    try:
        status: int = parsed.main(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone. Python would try once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception:
        return complain(parsed.prog, Failure())
    return status
