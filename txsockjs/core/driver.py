"""What a session leaves to be done, and who does it: `Driver`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure

from txsockjs.core.states import Condition, State, Stateful
from txsockjs.interfaces import ISessionHost


class Driver(Stateful):
    """
    Something that changes its state first and acts afterwards: whatever it calls then
    may call back, and finds it whole.
    """

    __slots__ = ("_effects", "_host", "_running", "_scheduled")

    def __init__(self, host: ISessionHost) -> None:
        self.state = State.NEW
        self.condition = Condition.NONE
        self._host: Any = host
        # What is to be done before anything else, in order.
        self._effects: list[tuple[Any, ...]] | None = None
        # Whether it acts just now, and whether it is sure to when this turn ends.
        self._running = False
        self._scheduled = False

    def _leave(self, effect: Callable[..., object], *arguments: object) -> None:
        """
        Have something done when the state has changed.
        """
        if self._effects is None:
            self._effects = []
        self._effects.append((effect, arguments))

    def _act(self) -> None:
        """
        Do what was left to be done. What one of the effects raises stops none of the
        others.
        """
        effects = self._effects or []
        while effects:
            effect, arguments = effects.pop(0)
            try:
                effect(*arguments)
            except BaseException:
                self._host.failed(self, Failure())
        self._effects = None

    def _actNow(self) -> None:
        """
        The same from inside a call of the application's, which is told nothing there.
        """
        if not self._running:
            self._running = True
            self._act()
            self._running = False

    def _later(self) -> None:
        """
        Act when this turn of the reactor ends, if not sooner.
        """
        raise NotImplementedError

    def _drive(self) -> None:
        """
        Do what is to be done, until there is nothing; not from inside itself.
        """
        raise NotImplementedError
