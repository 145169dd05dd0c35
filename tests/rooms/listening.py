"""A listener of a broker's, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.rooms.interfaces import IBrokerListener
from txsockjs.rooms.values import Entry


@implementer(IBrokerListener)
class Listener:
    """
    Keeps what it hears, and can be waited on.

    :ivar heard: all of it, in order: ``("up",)``, ``("down",)``, ``("message", room,
        entry)``, ``("joined", room, member, info)``, ``("left", room, member, info)``.
    :ivar nested: how often it was called while it was running.
    :ivar answer: called with each thing that it hears.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.nested = 0
        self.answer: Callable[[tuple[Any, ...]], object] = lambda thing: None
        self._running = False
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def of(self, kind: str, room: str | None = None) -> list[Any]:
        """
        What was heard of a kind, and of a room, without these.
        """
        return [
            thing[2] if kind == "message" else thing[2:]
            for thing in self.heard
            if thing[0] == kind and room in (None, *thing[1:2])
        ]

    def texts(self, room: str) -> list[str]:
        """
        The messages of a room.
        """
        return [entry.text for entry in self.of("message", room)]

    def when(self, condition: Callable[[], bool]) -> Deferred[None]:
        """
        Wait until something is so, which is looked at whenever something is heard. The
        test's time-out ends the waiting.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append((condition, waiting))
        self._look()
        return waiting

    def _look(self) -> None:
        for condition, waiting in list(self._waiting):
            if condition():
                self._waiting.remove((condition, waiting))
                waiting.callback(None)

    def _hear(self, *thing: Any) -> None:
        self.nested += self._running
        self._running = True
        self.heard.append(thing)
        self.answer(thing)
        self._running = False
        self._look()

    # IBrokerListener

    def brokerUp(self) -> None:
        self._hear("up")

    def brokerDown(self, reason: Failure) -> None:
        self._hear("down")

    def received(self, room: str, entry: Entry) -> None:
        self._hear("message", room, entry)

    def memberJoined(self, room: str, member: str, info: str) -> None:
        self._hear("joined", room, member, info)

    def memberLeft(self, room: str, member: str, info: str) -> None:
        self._hear("left", room, member, info)
