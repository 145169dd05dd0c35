"""A session of the status page's own: `ViewerFactory`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from txsockjs.interfaces import ISockJSTransport
from txsockjs.status.actions import Actions, Refused, WrongToken
from txsockjs.status.census import peerName
from txsockjs.status.watch import Watch
from txsockjs.status.window import Window

# Wrong tokens after which a viewer has to come again.
_TRIES: Final = 5

# Seconds between two answers to whoever scrolls; how much of the time of a core those
# to all viewers take; and the most seconds that one of them waits.
_PACE: Final = 0.05
_SHARE: Final = 0.1
_LONGEST: Final = 10.0


class Viewer(Protocol):
    """
    Somebody who looks at the page. What is said is JSON: an object a message. To the
    page, ``type`` says what it is, and ``nth`` counts what the session was told, so
    that the page sees what a poll has lost; from it, there is a ``view`` of the table,
    or something to ``do``.
    """

    factory: ViewerFactory
    transport: ISockJSTransport

    def connectionMade(self) -> None:
        self._window = Window()
        self._told = 0
        self._wrong = 0
        self._behind = False
        self._call: IDelayedCall | None = None
        self._answered = 0.0
        self.factory.watch.add(self)
        self._tellAll()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.watch.remove(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def dataReceived(self, data: bytes) -> None:
        """
        What the page says. What no page of ours would say ends the session.
        """
        try:
            said: Any = json.loads(data)
            if not isinstance(said, dict):
                raise ValueError("it is no object")
            if "do" in said:
                self._do(said)
            elif isinstance(said.get("view"), dict):
                self._window.look(said["view"])
                self._answerSoon()
            else:
                raise ValueError("there is nothing to do in it")
        except (ValueError, RecursionError):
            self.transport.loseConnection(4000, "Not understood")

    def _do(self, said: Mapping[str, object]) -> None:
        done = False
        try:
            text = self.factory.actions.do(said, peerName(self.transport.getPeer()))
            done = True
        except Refused as refusal:
            text = str(refusal)
            self._wrong += isinstance(refusal, WrongToken)
        answer = {"type": "done", "done": done, "text": text, "do": said["do"]}
        self._tell({**answer, "number": said.get("number")})
        if self._wrong >= _TRIES:
            self.transport.loseConnection(4001, "Too many wrong tokens")

    # Watcher

    def changed(self, message: Mapping[str, object]) -> None:
        """
        Tell the page, if it takes what it is told; else all of it, once it does.
        """
        if self.transport.crowded:
            self._behind = True
        elif self._behind:
            self._behind = False
            self._tellAll()
        else:
            self._tell(message)

    def counted(self) -> None:
        """
        Tell it what has changed of what it sees of the table.
        """
        rows = self.factory.watch.rows
        if rows is not None and not self.transport.crowded:
            message = self._window.changes(rows)
            if message is not None:
                self._tell(message)

    def _tellAll(self) -> None:
        actions = {"actions": self.factory.actions.possible}
        self._tell({**self.factory.watch.everything(), **actions})

    def _answerSoon(self) -> None:
        if self._call is None:
            clock = self.factory.clock
            wait = max(0.0, self._answered + _PACE - clock.seconds())
            self._call = clock.callLater(min(wait, _PACE), self._answer)

    def _answer(self) -> None:
        self._call = None
        clock = self.factory.clock
        wait = self.factory.free - clock.seconds()
        # The clock of the machine may be set back.
        if 0 < wait <= _LONGEST:
            self._call = clock.callLater(wait, self._answer)
            return
        self._answered = clock.seconds()
        began = perf_counter()
        self.counted()
        spent = perf_counter() - began
        self.factory.free = clock.seconds() + min(spent / _SHARE, _LONGEST)

    def _tell(self, message: Mapping[str, object]) -> None:
        self._told += 1
        numbered = {**message, "nth": self._told}
        self.transport.sendMessage(json.dumps(numbered, separators=(",", ":")))


class ViewerFactory(Factory):
    """
    The sessions of one status page.

    :ivar free: when there is time again to answer whoever looks at another part of the
        table: with very many sessions, to sort them takes long.
    """

    noisy = False

    protocol: Any = Viewer

    def __init__(self, clock: IReactorTime, watch: Watch, actions: Actions) -> None:
        """
        :param clock: what paces the answers.
        :param watch: what there is to see.
        :param actions: what there is to do.
        """
        self.clock = clock
        self.watch = watch
        self.actions = actions
        self.free: float = 0.0
