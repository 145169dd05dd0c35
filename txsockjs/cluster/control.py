"""What workers and their parent tell each other, over AMP."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.amp import (
    AMP,
    BinaryBoxProtocol,
    Command,
    Integer,
    ListOf,
    Unicode,
)
from twisted.python.failure import Failure

from txsockjs.cluster.peers import Peer


class ControlProtocol(AMP):
    """
    Either end of the connection between a worker and its parent. That it is made and
    lost is not logged.
    """

    def tell(self, command: type[Command], **arguments: Any) -> Deferred[Any]:
        """
        Have the other end do something.

        :return: what fires with its answer.
        """
        told: Deferred[Any] = self.callRemote(command, **arguments)  # type: ignore[no-untyped-call]
        return told

    def makeConnection(self, transport: ITransport) -> None:
        BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        BinaryBoxProtocol.connectionLost(self, reason)


class Join(Command):
    """
    A worker has connected.
    """

    arguments: ClassVar[Any] = [(b"slot", Integer()), (b"generation", Integer())]


class Ready(Command):
    """
    A worker can serve: the other workers reach it, and it accepts connections as soon
    as it is told for which slots.
    """


class Leave(Command):
    """
    A worker was told by somebody to stop: it goes on until there is another one in its
    place.
    """


class WantRooms(Command):
    """
    A worker wants the rooms of this machine. It is answered when they are there.
    """


class RoomsReady(Command):
    """
    The process of the rooms has them.
    """


class Peers(Command):
    """
    The parent tells a worker who is there. ``table`` is what `writePeers` has written.
    """

    arguments: ClassVar[Any] = [(b"table", Unicode())]


class Accept(Command):
    """
    The parent tells a worker to accept the connections of some slots, and of no others.
    """

    arguments: ClassVar[Any] = [(b"slots", ListOf(Integer()))]


class Alive(Command):
    """
    The parent asks a worker, or the process of the rooms, for a sign of life. Any
    answer is one.
    """


class Drain(Command):
    """
    The parent tells a worker to close its sessions in good order, and to end.
    """


class Drop(Command):
    """
    The parent tells a worker that drains to wait no longer.
    """


class WantReports(Command):
    """
    A worker wants to know how all are: somebody looks at its status page.
    """

    response: ClassVar[Any] = [(b"reports", Unicode())]


class Report(Command):
    """
    The parent asks a worker how it is. ``report`` is JSON.
    """

    response: ClassVar[Any] = [(b"report", Unicode())]


def writePeers(peers: Iterable[Peer]) -> str:
    """
    Workers, as text.
    """
    return json.dumps([attrs.astuple(peer) for peer in peers], separators=(",", ":"))


def readPeers(table: str) -> list[Peer]:
    """
    What `writePeers` has written.
    """
    return [Peer(*each) for each in json.loads(table)]
