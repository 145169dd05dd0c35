"""A client's connection, as what is written to it.

What the network does not take waits here: Twisted's transports tell nobody how much of
it they hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import (
    IPullProducer,
    IPushProducer,
    ISSLTransport,
)
from twisted.internet.tcp import Connection
from zope.interface import implementer

# How much is given to a transport at once, in bytes: when it has taken that, time has
# not been lost.
_PIECE: Final = 65536

# How much is held back, in bytes.
_HELD: Final = 16384


class Wire:
    """
    Any connection.

    :ivar taken: a number that changes when the network takes some of what waits.
    """

    __slots__ = (
        "_drained",
        "_given",
        "_held",
        "_heldSize",
        "_queue",
        "_queued",
        "_waits",
        "taken",
        "transport",
    )

    _streaming = True

    def __init__(self, transport: Any, drained: Callable[[], None]) -> None:
        """
        :param transport: the connection. Nobody else writes to it.
        :param drained: what to call when the network has taken all that had to wait.
        """
        self.transport: Any = transport
        self.taken: int = 0
        self._drained: Callable[[], None] | None = drained
        # What is held back, if anything is.
        self._held: list[bytes] | None = None
        self._heldSize = 0
        # Made when something waits: it is the largest of what a connection has.
        self._queue: deque[bytes] | None = None
        # How many bytes there are in the queue, and how many the transport has that
        # it may not have given on.
        self._queued = self._given = 0
        self._waits = False
        transport.registerProducer(self, self._streaming)

    @property
    def pending(self) -> int:
        """
        How many bytes wait until the network takes others. What is held back is not
        among them.
        """
        return self._queued + self._given if self._waits else 0

    def hold(self) -> None:
        """
        Send what is written at `release`, in one piece. If it gets much, it goes
        before.
        """
        self._held = []

    def release(self) -> None:
        """
        Send what was held back.
        """
        held, self._held = self._held, None
        if held:
            self._heldSize = 0
            self._send(held[0] if len(held) == 1 else b"".join(held))

    def write(self, data: bytes) -> None:
        """
        Send some bytes.
        """
        held = self._held
        if held is None:
            self._send(data)
            return
        held.append(data)
        self._heldSize += len(data)
        if self._heldSize > _HELD:
            self.release()
            self.hold()

    def end(self) -> None:
        """
        Write nothing more, and leave the transport to whoever wants to close it.
        """
        if self._drained is not None:
            self._drained = None
            self._drop()
            self.transport.unregisterProducer()

    def resumeProducing(self) -> None:
        """
        The transport has nothing more to send.
        """
        if self._drained is None:
            return
        self.taken += 1
        self._given = 0
        if self._waits:
            self._waits = False
            self._feed()
            if not self._waits:
                self._drained()

    def pauseProducing(self) -> None:
        """
        The transport has more than enough to send.
        """
        self._waits = True

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """

    def _send(self, data: bytes) -> None:
        """
        Give the network what it takes, and keep the rest.
        """
        if self._waits:
            self._keep(data)
        elif len(data) <= _PIECE:
            self._give(data)
        else:
            self._keep(data)
            self._feed()

    def _keep(self, data: bytes) -> None:
        if self._drained is not None:
            self._queued += len(data)
            if self._queue is None:
                self._queue = deque()
            for start in range(0, len(data), _PIECE):
                self._queue.append(data[start : start + _PIECE])

    def _feed(self) -> None:
        """
        Give the transport what it takes of the queue.
        """
        queue = self._queue
        while queue and not self._waits:
            pieces = [queue.popleft()]
            size = len(pieces[0])
            while queue and size + len(queue[0]) <= _PIECE:
                pieces.append(queue.popleft())
                size += len(pieces[-1])
            self._queued -= size
            self._give(b"".join(pieces))

    def _give(self, data: bytes) -> None:
        """
        Give the transport some bytes, no more than a piece.
        """
        self._given = len(data)
        self.transport.write(data)

    def _drop(self) -> None:
        self._queue = None
        self._queued = self._given = 0
        self._waits = True


@implementer(IPushProducer)
class PushWire(Wire):
    """
    A connection that tells when it has too much: TLS, and whatever there is.
    """

    __slots__ = ()


@implementer(IPullProducer)
class PullWire(Wire):
    """
    A plain TCP connection. What the system takes at once is given to it at once, and
    not at the end of the reactor's turn, which costs two more calls of the system.

    Only a pull producer is told each time that a transport has nothing left to send.
    """

    __slots__ = ("_socket",)

    _streaming = False

    def __init__(self, transport: Connection, drained: Callable[[], None]) -> None:
        self._socket: Any = transport.getHandle()
        super().__init__(transport, drained)

    def _send(self, data: bytes) -> None:
        if self._waits:
            self._keep(data)
            return
        try:
            sent = self._socket.send(data)
        except OSError:
            # There is no room, or a fault that comes up again where Twisted handles it.
            sent = 0
        if sent != len(data):
            self._keep(data[sent:])
            self._feed()

    def _give(self, data: bytes) -> None:
        self._waits = True
        super()._give(data)

    def _drop(self) -> None:
        super()._drop()
        self._socket = None


def wireFor(transport: Any, drained: Callable[[], None]) -> Wire:
    """
    The wire for a connection.
    """
    if isinstance(transport, Connection) and not ISSLTransport.providedBy(transport):
        return PullWire(transport, drained)
    return PushWire(transport, drained)
