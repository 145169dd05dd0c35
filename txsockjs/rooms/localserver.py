"""The rooms of one machine, for the processes on it: `LocalBrokerFactory`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.rooms.interfaces import IBrokerListener
from txsockjs.rooms.localwire import (
    LocalWire,
    fromEntry,
    fromHistory,
    fromPosition,
    pack,
)
from txsockjs.rooms.memory import MemoryBroker, MemoryStore
from txsockjs.rooms.values import Entry, Position

#: How many bytes may wait for a process that does not read, past which its connection
#: is given up. When it reads again, it connects again.
MOST_WAITING: Final = 64 * 1024 * 1024


@implementer(IBrokerListener, IPushProducer)
class _Server(LocalWire):
    """
    The connection of one process. Its members leave when it is lost.
    """

    _log = Logger()

    def __init__(self, store: MemoryStore) -> None:
        self._broker = MemoryBroker(store=store)
        self._subscriptions: dict[str, int] = {}
        self._paused = False
        self._waiting = 0
        self._methods: dict[str, Callable[..., Any]] = {
            "publish": self._publish,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "read": self._read,
            "recent": self._recent,
            "enter": self._broker.enter,
            "leave": self._broker.leave,
            "members": self._broker.members,
        }

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.registerProducer(self, True)
        self.tell(pack([]))
        self._broker.start(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._broker.stop()

    def told(self, value: Any) -> None:
        number, method, arguments = value
        done = self._methods[method](*self._numbered(number, method, arguments))
        done.addCallback(lambda result: self.tell(pack([number, result])))
        done.addErrback(self._failed)

    def _numbered(self, number: int, method: str, arguments: list[Any]) -> list[Any]:
        return [number, *arguments] if method == "subscribe" else arguments

    def _failed(self, failure: Failure) -> None:
        self._log.failure("A request for rooms has failed.", failure)
        self._abort()

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()

    def _publish(self, *arguments: Any) -> Any:
        return self._broker.publish(*arguments).addCallback(fromPosition)

    def _subscribe(self, number: int, room: str) -> Any:
        self._subscriptions[room] = number
        return self._broker.subscribe(room)

    def _unsubscribe(self, room: str) -> Any:
        self._subscriptions.pop(room, None)
        return self._broker.unsubscribe(room)

    def _read(self, room: str, since: str) -> Any:
        read = self._broker.read(room, Position.parse(since))
        return read.addCallback(fromHistory)

    def _recent(self, room: str, count: int) -> Any:
        return self._broker.recent(room, count).addCallback(fromHistory)

    # What its process is told, and how much of that waits

    def tell(self, data: bytes) -> None:
        if self._paused:
            self._waiting += len(data)
            if self._waiting > MOST_WAITING:
                self._abort()
                return
        super().tell(data)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._waiting = 0

    def stopProducing(self) -> None:
        pass

    # IBrokerListener

    def brokerUp(self) -> None:
        pass

    def brokerDown(self, reason: Failure) -> None:
        pass

    def received(self, room: str, entry: Entry) -> None:
        self._event("received", room, fromEntry(entry))

    def memberJoined(self, room: str, member: str, info: str) -> None:
        self._event("memberJoined", room, [member, info])

    def memberLeft(self, room: str, member: str, info: str) -> None:
        self._event("memberLeft", room, [member, info])

    def _event(self, method: str, room: str, arguments: list[Any]) -> None:
        self.tell(pack([self._subscriptions[room], method, room, arguments]))


class LocalBrokerFactory(Factory):
    """
    Serves the rooms of a store to whoever connects.
    """

    noisy = False

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def buildProtocol(self, addr: object) -> LocalWire:
        return _Server(self._store)
