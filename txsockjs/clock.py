"""What tells the time, as constructors take it, and the default: `clockOr`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from twisted.internet.interfaces import IReactorTime


class TellsTime(Protocol):
    """
    What is used of a reactor, or of a `Clock <twisted.internet.task.Clock>`.
    """

    def seconds(self) -> float:
        """
        What time it is, in seconds.
        """

    def callLater(
        self, delay: float, call: Callable[..., object], /, *args: Any, **kwargs: Any
    ) -> Any:
        """
        Make a call later.

        :param delay: in how many seconds.
        """


#: What constructors take as a ``clock``. A type checker without zope's plugin knows of
#: a reactor by the first, and of anything else by the second.
Clock: TypeAlias = IReactorTime | TellsTime


def clockOr(clock: Clock | None) -> IReactorTime:
    """
    The clock that was given, or else the global reactor, which is imported (and so
    installed) here and not before.
    """
    if clock is not None:
        return cast(IReactorTime, clock)
    from twisted.internet import reactor

    return cast(IReactorTime, reactor)
