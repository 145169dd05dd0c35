"""The default clock: L{clockOr}."""

from __future__ import annotations

from typing import cast

from twisted.internet.interfaces import IReactorTime


def clockOr(clock: IReactorTime | None) -> IReactorTime:
    """
    The clock that was given, or else the global reactor, which is imported (and so
    installed) here and not before.
    """
    if clock is not None:
        return clock
    from twisted.internet import reactor

    return cast(IReactorTime, reactor)
