"""One of the connections that a trunk carries, as a transport: `TrunkTransport`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.web.wire import Wire

#: How many bytes of a connection may be on their way in one direction.
WINDOW: Final = 65536

#: The kinds of frames: a piece; that so many more bytes may come; and a connection's
#: beginning, its end behind what was sent, and its end before that.
DATA, CREDIT, OPEN, CLOSE, ABORT = range(5)


class BadFrame(ValueError):
    """
    The other worker has sent what is no frame, or more than it may.
    """


class Carrier(Protocol):
    """
    What a transport needs of its trunk.
    """

    clock: IReactorTime
    transport: Any

    def send(self, kind: int, number: int, size: int = 0, data: bytes = b"") -> None:
        """
        Send a frame.
        """

    def forget(self, number: int) -> None:
        """
        A connection has ended.
        """

    def guard(
        self, transport: TrunkTransport, call: Callable[..., object], *args: Any
    ) -> None:
        """
        Call something of one connection, whose faults are not to befall the others.
        """


class TrunkWire(Wire):
    """
    One of the connections of a trunk.
    """

    __slots__ = ()

    def write(self, data: bytes) -> bool:
        self._bottom.write(data)
        return not self._bottom.waiting

    def pending(self, written: int = 0) -> int:
        return self.held()

    def held(self) -> int:
        waiting: int = self._bottom.waiting
        return waiting if self._bottom.connected else 0

    def taken(self) -> int:
        sent: int = self._bottom.sent
        return sent

    def isCut(self) -> bool:
        return not self._bottom.connected and self._bottom.waiting > 0


@implementer(ITransport, IConsumer, IPushProducer)
class TrunkTransport:
    """
    The transport of one of the connections of a trunk. What the other side has no room
    for waits here.

    :cvar wireForm: the form of wire that it has.
    :ivar protocol: what talks on it; None when it was told of the end.
    :ivar connected: whether it is there.
    :ivar disconnecting: whether it ends when all is sent.
    :ivar sent: how many bytes were sent.
    """

    __slots__ = (
        "_credit",
        "_end",
        "_held",
        "_isHandingOn",
        "_isPaused",
        "_isProducerPaused",
        "_number",
        "_owed",
        "_producer",
        "_trunk",
        "_unsent",
        "connected",
        "disconnecting",
        "protocol",
        "sent",
    )

    wireForm: ClassVar[type[Wire]] = TrunkWire

    def __init__(self, trunk: Carrier, number: int) -> None:
        """
        :param trunk: what carries it.
        :param number: which one of those it is.
        """
        self._trunk = trunk
        self._number = number
        self.protocol: Any = None
        self.connected: bool = True
        self.disconnecting: bool = False
        self.sent: int = 0
        # What waits, and how much may be sent.
        self._unsent = bytearray()
        self._credit = WINDOW
        self._producer: IPushProducer | None = None
        self._isProducerPaused = False
        # What has come while nobody read, and how many of the bytes that have come may
        # not be sent anew yet.
        self._held = b""
        self._owed = 0
        self._isPaused = False
        # Whether what is held is about to be handed on, and what is told behind it.
        self._isHandingOn = False
        self._end: Failure | None = None

    @property
    def waiting(self) -> int:
        """
        How many bytes wait until the other side has taken others.
        """
        return len(self._unsent)

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send some bytes.
        """
        if not self.connected or not data:
            return
        size = len(data)
        if size <= self._credit and not self._unsent:
            self._credit -= size
            self.sent += size
            self._trunk.send(DATA, self._number, size, data)
            return
        self._unsent += data
        self._sendWaiting()
        if self._producer is not None and not self._isProducerPaused:
            self._isProducerPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        """
        Send some pieces.
        """
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """
        End the connection when all is sent.
        """
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._held = b""
            self._drained()

    def abortConnection(self) -> None:
        """
        End the connection, with what is not sent.
        """
        if self.connected:
            self._leave(ABORT, Failure(ConnectionLost()))

    def getPeer(self) -> IAddress:
        """
        The other worker's socket.
        """
        address: IAddress = self._trunk.transport.getPeer()
        return address

    def getHost(self) -> IAddress:
        """
        The socket of this worker.
        """
        address: IAddress = self._trunk.transport.getHost()
        return address

    # IConsumer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """
        Have the pace of a producer be that of the other side.

        :param streaming: True, as of connections of HTTP.
        :raise RuntimeError: if there is one.
        """
        assert streaming, f"{producer} is no push producer"
        if self._producer is not None:
            raise RuntimeError(f"{self._producer} is the producer, and not {producer}")
        if self.connected:
            self._producer, self._isProducerPaused = producer, False
        else:
            producer.stopProducing()

    def unregisterProducer(self) -> None:
        """
        The producer has no more.
        """
        self._producer, self._isProducerPaused = None, False

    # IPushProducer

    def pauseProducing(self) -> None:
        """
        Hand on nothing more.
        """
        self._isPaused = True

    def resumeProducing(self) -> None:
        """
        Go on.
        """
        self._isPaused = False
        if not self._isHandingOn and (self._held or self._owed):
            # Whoever resumes is not called back from there.
            self._isHandingOn = True
            self._trunk.clock.callLater(0, self._handOn)

    def stopProducing(self) -> None:
        """
        Nobody wants anything more.
        """
        self.loseConnection()

    # What the other side sends

    def received(self, data: bytes) -> None:
        """
        Some bytes have come.

        :raise BadFrame: if they are more than may come.
        """
        self._owed += len(data)
        if self._owed > WINDOW:
            raise BadFrame(f"more than {WINDOW} bytes have come")
        if self.disconnecting:
            return
        if self._isPaused or self._held:
            self._held += data
        else:
            self.protocol.dataReceived(data)
            if self._owed >= WINDOW // 2 and not self._isPaused:
                self._giveBack()

    def credited(self, size: int) -> None:
        """
        So many more bytes may be sent.

        :raise BadFrame: if that cannot be.
        """
        self._credit += size
        if self._credit > WINDOW:
            raise BadFrame(f"{size} bytes were taken that were never sent")
        if self._unsent:
            self._sendWaiting()
            self._drained()

    def ended(self, reason: Failure, clean: bool = False) -> None:
        """
        The other side has ended the connection, or the trunk is lost.

        :param clean: whether what has come before is handed on, when it is wanted.
        """
        if clean and self._held:
            self._end = reason
        else:
            self._lose(reason)

    def _handOn(self) -> None:
        """
        Hand on what was held, and the end.
        """
        self._isHandingOn = False
        if self._isPaused:
            return
        data, self._held = self._held, b""
        if data:
            self._trunk.guard(self, self.protocol.dataReceived, data)
        if self._end is not None:
            self._lose(self._end)
        elif not self._isPaused:
            self._giveBack()

    def _giveBack(self) -> None:
        """
        Have the other side send more.
        """
        if self.connected:
            size, self._owed = self._owed, 0
            self._trunk.send(CREDIT, self._number, size)

    # The way out

    def _sendWaiting(self) -> None:
        part = bytes(self._unsent[: self._credit])
        if part:
            size = len(part)
            del self._unsent[:size]
            self._credit -= size
            self.sent += size
            self._trunk.send(DATA, self._number, size, part)

    def _drained(self) -> None:
        """
        If nothing waits, have the producer go on, or end the connection.
        """
        if self._unsent or not self.connected:
            return
        if self._isProducerPaused and self._producer is not None:
            self._isProducerPaused = False
            self._producer.resumeProducing()
        elif self.disconnecting:
            self._leave(CLOSE, Failure(ConnectionDone()))

    def _leave(self, kind: int, reason: Failure) -> None:
        self.connected = False
        self._trunk.send(kind, self._number)
        self._trunk.forget(self._number)
        # Whoever leaves is not called back from there.
        self._trunk.clock.callLater(0, self._lose, reason)

    def _lose(self, reason: Failure) -> None:
        self.connected = False
        self._held = b""
        self._producer, self._isProducerPaused = None, False
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            self._trunk.guard(self, protocol.connectionLost, reason)
