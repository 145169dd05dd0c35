"""One worker, as its parent knows it: `Worker`."""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.protocols.amp import Command

from txsockjs.cluster.peers import Peer
from txsockjs.cluster.watchdog import Deadline, Watchdog


class Process(Protocol):
    """
    What a `Child <txsockjs.cluster.children.Child>` can do.
    """

    @property
    def lastWords(self) -> str:
        """
        The last line of its error output.
        """

    def signal(self, name: str) -> None:
        """
        Send it a signal, unless it has ended.
        """


class Link(Protocol):
    """
    The connection to a worker.
    """

    def tell(self, command: type[Command], **arguments: Any) -> Deferred[Any]:
        """
        Have the worker do something.
        """


class State(Enum):
    """
    What a worker is about.
    """

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Worker:
    """
    One worker, from its start to its end.

    :ivar ready: fires with whether it became ready.
    :ivar covers: for which slots it was told to accept.
    :ivar drains: whether it was told to drain.
    :ivar timer: what is to happen to it if nothing else does.
    :ivar watchdog: what sees whether it hangs, once it is ready.
    :ivar killing: what kills it if it does not end by itself.
    """

    def __init__(self, slot: int, generation: int, path: str) -> None:
        self.slot = slot
        self.generation = generation
        self.path = path
        self.state = State.STARTING
        self.process: Process | None = None
        self.link: Link | None = None
        self.ready: Deferred[bool] = Deferred()
        self.covers: frozenset[int] = frozenset()
        self.since: float = 0.0
        self.drains: bool = False
        self.timer: IDelayedCall | Deadline | None = None
        self.watchdog: Watchdog | None = None
        self.killing: IDelayedCall | None = None

    @property
    def name(self) -> str:
        """
        What it is called in logs.
        """
        return str(self.slot)

    @property
    def peer(self) -> Peer:
        """
        What the others know of it.
        """
        draining = self.state is State.DRAINING
        return Peer(self.slot, self.generation, self.path, draining)

    def tell(self, command: type[Command], **arguments: Any) -> Deferred[object]:
        """
        Have it do something. That it is gone shows elsewhere.
        """
        if self.link is None:
            return succeed(None)
        told: Deferred[Any] = self.link.tell(command, **arguments)
        return told.addErrback(lambda failure: None)

    def signal(self, name: str) -> None:
        """
        Send its process a signal, if there is one.
        """
        if self.process is not None:
            self.process.signal(name)

    def cancel(self) -> None:
        """
        What was to happen to it does not.
        """
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()

    def gone(self) -> None:
        """
        Its process has ended.
        """
        self.cancel()
        if self.watchdog is not None:
            self.watchdog.stop()
        if self.killing is not None and self.killing.active():
            self.killing.cancel()
