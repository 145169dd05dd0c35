"""The rooms of the processes of one machine: `LocalBroker`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import count
from random import random
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.interfaces import IBroker, IBrokerListener
from txsockjs.rooms.localwire import (
    LocalWire,
    pack,
    toEntry,
    toHistory,
    toPosition,
)
from txsockjs.rooms.values import History, Position

#: Seconds to pause after the first failure, and at the most; each pause is twice the
#: one before, less up to half of it.
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0

#: How many things, and of how many bytes, may be asked and not answered.
MOST_WAITING: Final = 10_000
MOST_BYTES: Final = 64 * 1024 * 1024


class _Client(LocalWire):
    """
    The connection to the server.
    """

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker

    def connectionMade(self) -> None:
        self._broker.connected(self)

    def told(self, value: Any) -> None:
        self._broker.told(self, value)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._broker.lost(self, "the connection was lost")


class _Factory(ClientFactory):
    """
    Makes one connection.
    """

    noisy = False

    def __init__(self, broker: LocalBroker) -> None:
        self._broker = broker

    def buildProtocol(self, addr: object) -> _Client:
        return _Client(self._broker)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self._broker.failed(reason)


@attrs.frozen(eq=False)
class _Asked:
    """
    What was asked, and waits for its answer.
    """

    answer: Deferred[Any]
    convert: Callable[[Any], Any]
    size: int
    since: float


@implementer(IBroker)
class LocalBroker:
    """
    Joins the rooms of all processes that connect to the same server on this machine.
    Who is gone has left at once.
    """

    _log = Logger()

    def __init__(self, reactor: Any, path: str, timeout: float = 10.0) -> None:
        """
        :param reactor: what connects, and tells the time.
        :param path: the UNIX socket of the server.
        :param timeout: seconds within which what is asked is answered; after that the
            connection is given up.
        """
        self._reactor = reactor
        self._path = path
        self._timeout = timeout
        self._listener: IBrokerListener | None = None
        self._connector: Any = None
        self._wire: _Client | None = None
        self._up = False
        self._numbers = count(1)
        self._asked: dict[int, _Asked] = {}
        self._bytes = 0
        self._subscriptions: dict[str, int] = {}
        self._pausing: IDelayedCall | None = None
        self._watching: IDelayedCall | None = None
        self._tries = 0
        self._saidDown = False
        self._closed: Deferred[None] | None = None

    @property
    def up(self) -> bool:
        return self._up

    # Its life

    def start(self, listener: IBrokerListener) -> None:
        if self._listener is not None:
            raise RuntimeError("this broker was started already; stop it before")
        self._listener = listener
        self._pausing = self._reactor.callLater(0, self._connect)

    def _connect(self) -> None:
        self._pausing = None
        self._connector = self._reactor.connectUNIX(
            self._path, _Factory(self), self._timeout
        )

    def stop(self) -> Deferred[None]:
        if self._listener is None:
            return succeed(None)
        self._listener = None
        if self._pausing is not None:
            self._pausing.cancel()
            self._pausing = None
        # Whoever is present here leaves, as the server sees the end of the connection.
        wire, self._wire = self._wire, None
        self._down(Failure(BrokerUnavailable("the broker was stopped")))
        if wire is None:
            if self._connector is not None:
                self._connector.disconnect()
            return succeed(None)
        closed = self._closed = Deferred()
        transport: Any = wire.transport
        # What was sent before is written; it may be that nobody takes it.
        transport.loseConnection()
        aborting = self._reactor.callLater(1.0, transport.abortConnection)
        return closed.addCallback(
            lambda _: aborting.cancel() if aborting.active() else None
        )

    def connected(self, wire: _Client) -> None:
        """
        There is a connection, whose other end may not be there yet.
        """
        self._wire = wire
        self._watch()

    def failed(self, reason: Failure) -> None:
        """
        There is no connection.
        """
        if self._listener is not None:
            self._again(reason.getErrorMessage())

    def lost(self, wire: _Client, problem: str) -> None:
        """
        The connection is there no longer.
        """
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed.callback(None)
        if wire is not self._wire:
            return
        self._wire = None
        wasUp = self._up
        reason = Failure(BrokerUnavailable(f"the rooms are not there: {problem}"))
        self._again(problem)
        self._down(reason)
        if wasUp and self._listener is not None:
            self._listener.brokerDown(reason)

    def _down(self, reason: Failure) -> None:
        self._up = False
        self._subscriptions.clear()
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        asked, self._asked = self._asked, {}
        self._bytes = 0
        for each in asked.values():
            each.answer.errback(BrokerUnavailable(str(reason.value), uncertain=True))

    def _again(self, problem: str) -> None:
        if not self._saidDown:
            self._saidDown = True
            self._log.warn(
                "The rooms of this machine are not there: {problem}. Trying again "
                "until they are.",
                problem=problem.rstrip("."),
            )
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._tries, 30))
        self._tries += 1
        pause *= 1 - random() / 2
        self._pausing = self._reactor.callLater(pause, self._connect)

    def _watch(self) -> None:
        """
        Look from time to time whether what is waited for has come.
        """
        if self._watching is None:
            self._watching = self._reactor.callLater(self._timeout, self._look)

    def _look(self) -> None:
        self._watching = None
        wire = self._wire
        if wire is None or (self._up and not self._asked):
            return
        since = min((each.since for each in self._asked.values()), default=0.0)
        left = since + self._timeout - self._reactor.seconds()
        if self._up and left > 0:
            self._watching = self._reactor.callLater(left, self._look)
            return
        transport: Any = wire.transport
        transport.abortConnection()
        self.lost(wire, f"no answer for {self._timeout:g} s")

    # Asking

    def told(self, wire: _Client, value: Any) -> None:
        """
        The server has told something.
        """
        if wire is not self._wire:
            return
        if not value:
            self._cameUp()
        elif len(value) == 2:
            number, result = value
            asked = self._asked.pop(number)
            self._bytes -= asked.size
            asked.answer.callback(asked.convert(result))
        else:
            self._happened(*value)

    def _cameUp(self) -> None:
        self._up = True
        self._tries = 0
        if self._saidDown:
            self._saidDown = False
            self._log.info("The rooms of this machine are there.")
        if self._listener is not None:
            self._listener.brokerUp()

    def _happened(
        self, subscription: int, method: str, room: str, arguments: list[Any]
    ) -> None:
        listener = self._listener
        if listener is None or self._subscriptions.get(room) != subscription:
            return
        if method == "received":
            listener.received(room, toEntry(arguments))
        elif method == "memberJoined":
            listener.memberJoined(room, *arguments)
        else:
            listener.memberLeft(room, *arguments)

    def _ask(
        self,
        method: str,
        *arguments: Any,
        convert: Callable[[Any], Any] = lambda result: None,
        limited: bool = True,
    ) -> Deferred[Any]:
        """
        :param limited: whether it is refused where much is waiting. What ends something
            is not.
        """
        if self._wire is None or not self._up:
            return fail(BrokerUnavailable("the rooms of this machine are not there"))
        number = next(self._numbers)
        data = pack([number, method, arguments])
        full = len(self._asked) >= MOST_WAITING or self._bytes + len(data) > MOST_BYTES
        if limited and full:
            return fail(
                BrokerUnavailable(
                    f"{len(self._asked)} things of {self._bytes} bytes wait for the "
                    "rooms of this machine already: publish less"
                )
            )
        if method == "subscribe":
            self._subscriptions[arguments[0]] = number
        answer: Deferred[Any] = Deferred()
        now = self._reactor.seconds()
        self._asked[number] = _Asked(answer, convert, len(data), now)
        self._bytes += len(data)
        self._watch()
        self._wire.tell(data)
        return answer

    def publish(
        self, room: str, text: str, history: int, ttl: float
    ) -> Deferred[Position | None]:
        return self._ask("publish", room, text, history, ttl, convert=toPosition)

    def subscribe(self, room: str) -> Deferred[None]:
        return self._ask("subscribe", room)

    def unsubscribe(self, room: str) -> Deferred[None]:
        if self._subscriptions.pop(room, None) is None:
            return succeed(None)
        return self._ask("unsubscribe", room, limited=False)

    def read(self, room: str, since: Position) -> Deferred[History]:
        return self._ask("read", room, str(since), convert=toHistory)

    def recent(self, room: str, count: int) -> Deferred[History]:
        return self._ask("recent", room, count, convert=toHistory)

    def enter(self, room: str, members: Mapping[str, str]) -> Deferred[None]:
        return self._ask("enter", room, dict(members))

    def leave(self, room: str, members: Collection[str]) -> Deferred[None]:
        return self._ask("leave", room, list(members), limited=False)

    def members(self, room: str) -> Deferred[Mapping[str, str]]:
        return self._ask("members", room, convert=dict)
