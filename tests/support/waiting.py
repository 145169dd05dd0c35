"""A client that a test waits for: `Waiting`."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred


class Waiting:
    """
    Something that has a state which a test waits for, and looks when it may have
    changed.
    """

    _waiting: tuple[Callable[[], bool], Deferred[None]] | None = None

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """
        What fires when something holds.
        """
        done: Deferred[None] = Deferred()
        self._waiting = (condition, done)
        self._look()
        return done

    def _look(self) -> None:
        if self._waiting is not None and self._waiting[0]():
            (_, done), self._waiting = self._waiting, None
            done.callback(None)
