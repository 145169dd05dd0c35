"""How a session has ended, for a person and as an exit status."""

from __future__ import annotations

from typing import Final

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from txsockjs.errors import NO_CODE, AllTransportsFailed, SessionClosed, SessionEnded

FINE: Final = 0
FAILED: Final = 1

# What closes a session where all is well: RFC 6455, section 7.4.1, and what a SockJS
# server says whose application has nothing else to say.
_FINE: Final = {1000, 3000, NO_CODE}


class CommandError(Exception):
    """
    Something that ends the command with an error of one line.

    :ivar status: the exit status.
    """

    def __init__(self, problem: str, status: int = FAILED) -> None:
        super().__init__(problem)
        self.status = status


def exitStatus(reason: Failure) -> int:
    """
    The exit status that says how a session has ended: 0 in good order, which is with
    one of the codes 1000 and 3000, or without any; 3 and 4 with another code of that
    thousand, which is the application's; 1 in any other way.

    :param reason: what ``connectionLost`` was told.
    """
    error = reason.value
    if not isinstance(error, ConnectionDone):
        return FAILED
    code = error.code if isinstance(error, SessionClosed) else NO_CODE
    if code in _FINE:
        return FINE
    return code // 1000 if 3000 <= code <= 4999 else FAILED


def described(reason: Failure) -> str:
    """
    How a session has ended, in one line.

    :param reason: what ``connectionLost`` was told.
    """
    error = reason.value
    if isinstance(error, SessionEnded):
        kept = isinstance(error, ConnectionDone)
        text = f"{error.code} {error.reason}".strip()
        return oneLine(f"closed: {text}" if kept else f"lost: {text}")
    if isinstance(error, ConnectionDone):
        return "closed"
    return f"lost: {problem(error)}"


def problem(error: BaseException | None) -> str:
    """
    What an exception says, in one line.
    """
    return oneLine(str(error)) or type(error).__name__


def cause(error: BaseException | None) -> BaseException | None:
    """
    Where only one transport was tried, why that failed.
    """
    if isinstance(error, AllTransportsFailed) and len(error.failures) == 1:
        return error.failures[0][1]
    return error


def oneLine(text: str) -> str:
    """
    A text that may be anybody's, as one line that does nothing to a terminal.
    """
    return " ".join(harmless(" ".join(text.split())).split("\n"))


def harmless(text: str) -> str:
    """
    A text that may be anybody's, for a terminal: a control character, with which a
    terminal could be told to do things, becomes its escape. Tabs and line ends stay.
    """
    if text.isprintable():
        return text
    return "".join(
        each
        if each.isprintable() or each in "\t\n"
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
