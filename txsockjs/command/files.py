"""Files: how many there may be, and one that is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from twisted.python.reflect import namedModule

from txsockjs.command.endings import CommandError

#: What the process has open besides: its modules while they are imported, its standard
#: files, connections that are kept for later requests.
_BESIDE: Final = 64


def allowFiles(number: int) -> None:
    """
    Have the system allow so many open files, and some more.

    :raise CommandError: if it does not.
    """
    try:
        resource: Any = namedModule("resource")
    except ImportError:
        # There is no such limit everywhere.
        return
    number += _BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= number:
        return
    if hard != resource.RLIM_INFINITY and hard < number:
        raise CommandError(
            f"this may take {number} open files, and {hard} are allowed: "
            f"try 'ulimit -n {number}', or fewer sessions"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    except (OSError, ValueError) as error:
        raise CommandError(
            f"this may take {number} open files, and {soft} are allowed: {error}"
        ) from error


def makePrivate(path: str) -> None:
    """
    Have a file that nobody else can read, and that can be written.

    :raise CommandError: if there cannot be one.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def writeFile(path: str, text: str) -> None:
    """
    Write a text to a file.

    :raise CommandError: if it cannot be written.
    """
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
