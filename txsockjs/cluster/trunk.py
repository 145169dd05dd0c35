"""One connection between two workers that carries many: `TrunkEndpoint`, and
`TrunkFactory` at the other end.

What is passed on for thousands of clients goes over one UNIX socket in each direction.
What is sent in one turn of the reactor leaves with one call of the system, and comes
with one. Each connection has a window, as a stream of HTTP/2 has (RFC 9113, section
5.2): one whose client does not read holds nobody up, and takes little memory.

A frame is its kind, the number of its connection, a length, and so many bytes. In that
which lets more be sent, the length is how much.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.cluster.trunktransport import (
    ABORT,
    CLOSE,
    CREDIT,
    DATA,
    OPEN,
    WINDOW,
    BadFrame,
    TrunkTransport,
)
from txsockjs.web.wire import Wire, wireOf

#: What whoever connects says first: a worker of another version is to be noticed.
PREFACE: Final = b"txsockjs trunk 1\n"

#: How many bytes are gathered before they leave, if the turn does not end before.
MOST_GATHERED: Final = 4 * WINDOW

#: With how many bytes that the other worker does not take there are no further
#: connections to it.
MOST_UNSENT: Final = 16 * 1024 * 1024

_HEAD: Final = Struct("!BII")
_SIZE: Final = _HEAD.size
_NUMBERS: Final = 2**32


class TrunkFull(Exception):
    """
    The other worker takes nothing, as one that hangs.
    """


class Trunk(Protocol):
    """
    One connection that carries many.

    :ivar clock: what calls at the end of a turn.
    :ivar over: called when the last connection on it has ended, or it is lost.
    """

    _log = Logger()
    _wire: Wire

    def __init__(
        self, clock: IReactorTime, accepting: IProtocolFactory | None = None
    ) -> None:
        """
        :param accepting: makes the protocols for the connections that the other side
            opens. It is None at the side that opens them.
        """
        self.clock: IReactorTime = clock
        self.over: Callable[[Trunk], object] | None = None
        self._accepting = accepting
        self._isGreeted = accepting is None
        self._transports: dict[int, TrunkTransport] = {}
        self._number = 0
        self._unread = b""
        self._gathered: list[bytes] = []
        self._gatheredSize = 0
        # Whether what is gathered leaves when something that runs is done.
        self._isGathering = False

    def connectionMade(self) -> None:
        self._wire = wireOf(self.transport)
        if self._accepting is None:
            self._wire.write(PREFACE)

    # Connections

    def open(self, factory: IProtocolFactory) -> Any:
        """
        Make one more connection.

        :return: its protocol.
        """
        while self._number in self._transports:
            self._number = (self._number + 1) % _NUMBERS
        number, self._number = self._number, (self._number + 1) % _NUMBERS
        self.send(OPEN, number)
        return self._begin(number, factory)

    def _begin(self, number: int, factory: IProtocolFactory) -> Any:
        transport: Any = self.transport
        protocol: Any = factory.buildProtocol(transport.getPeer())
        transport = self._transports[number] = TrunkTransport(self, number)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol

    def forget(self, number: int) -> None:
        """
        A connection has ended.
        """
        self._transports.pop(number, None)
        if not self._transports:
            self._isOver()

    def _isOver(self) -> None:
        over, self.over = self.over, None
        if over is not None:
            over(self)

    def guard(
        self, transport: TrunkTransport, call: Callable[..., object], *args: Any
    ) -> None:
        """
        Call something of one connection, whose faults are not to befall the others.
        """
        try:
            call(*args)
        except BadFrame:
            raise
        except Exception:
            self._log.failure(
                "A connection between two workers is dropped after a fault. Please "
                "report it, with this traceback."
            )
            transport.abortConnection()

    # Sending

    def send(self, kind: int, number: int, size: int = 0, data: bytes = b"") -> None:
        """
        Send a frame, with the others of this turn of the reactor.
        """
        self._gathered.append(_HEAD.pack(kind, number, size) + data)
        self._gatheredSize += len(data)
        if not self._isGathering:
            self._isGathering = True
            self.clock.callLater(0, self._flush)
        elif self._gatheredSize > MOST_GATHERED:
            self._sendGathered()

    def _flush(self) -> None:
        self._isGathering = False
        self._sendGathered()

    def _sendGathered(self) -> None:
        if self._gathered:
            data = b"".join(self._gathered)
            self._gathered.clear()
            self._gatheredSize = 0
            self._wire.write(data)

    # Receiving

    def dataReceived(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
        isFirst = not self._isGathering
        self._isGathering = True
        try:
            self._unread = data[self._read(data) :]
        except BadFrame as problem:
            self._log.error(
                "Another worker has sent what is not understood here: {problem}. What "
                "is passed on between the two is lost. Are they of one version?",
                problem=str(problem),
            )
            self._wire.abort()
        finally:
            if isFirst:
                self._flush()

    def _read(self, data: bytes) -> int:
        """
        Take the frames that are there.

        :return: how many bytes that are.
        :raise BadFrame: if they are none.
        """
        place, size = 0, len(data)
        if not self._isGreeted:
            place = len(PREFACE)
            if not PREFACE.startswith(data[:place]):
                raise BadFrame(f"it begins with {data[:place]!r}")
            if size < place:
                return 0
            self._isGreeted = True
        transports, unpack = self._transports, _HEAD.unpack_from
        while size - place >= _SIZE:
            kind, number, length = unpack(data, place)
            transport = transports.get(number)
            start = place + _SIZE
            if kind == DATA:
                if length > WINDOW:
                    raise BadFrame(f"a piece has {length} bytes")
                end = start + length
                if end > size:
                    break
                place = end
                # What was sent before the other side knew of an end is for nobody.
                if transport is not None:
                    self.guard(transport, transport.received, data[start:end])
            else:
                place = start
                self._take(kind, number, length, transport)
        return place

    def _take(
        self, kind: int, number: int, length: int, transport: TrunkTransport | None
    ) -> None:
        """
        Take a frame that is no piece.
        """
        if kind == OPEN:
            if transport is not None or self._accepting is None:
                raise BadFrame(f"connection {number} cannot be opened")
            self._begin(number, self._accepting)
        elif kind > ABORT:
            raise BadFrame(f"a frame is of the kind {kind}")
        elif transport is None:
            return
        elif kind == CREDIT:
            self.guard(transport, transport.credited, length)
        else:
            clean = kind == CLOSE
            reason = ConnectionDone() if clean else ConnectionLost()
            self.guard(transport, transport.ended, Failure(reason), clean)
            # Whoever is told of it may have opened another one.
            self.forget(number)

    # The end

    def close(self) -> None:
        """
        End it, when the last connection on it has ended.
        """
        self._sendGathered()
        if self._wire.held():
            # It is for nobody, and a worker that hangs might never take it.
            self._wire.abort()
        else:
            self._wire.hangUp()

    @property
    def isFull(self) -> bool:
        """
        Whether too much waits to be sent.
        """
        return self._wire.held() > MOST_UNSENT

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Whoever asks again at once is to have another one.
        self._isOver()
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            self.guard(transport, transport.ended, reason)


class TrunkFactory(Factory):
    """
    Makes an end of a connection that carries many.

    :ivar accepting: what makes the protocols for those that the other end opens; None
        at the end that opens them.
    """

    noisy = False

    def __init__(
        self, clock: IReactorTime, accepting: IProtocolFactory | None = None
    ) -> None:
        """
        :param clock: the reactor.
        :param accepting: what makes those protocols.
        """
        self._clock = clock
        self.accepting: IProtocolFactory | None = accepting

    def buildProtocol(self, addr: object) -> Trunk:
        return Trunk(self._clock, self.accepting)


@implementer(IStreamClientEndpoint)
class TrunkEndpoint:
    """
    Connects to another worker, with one connection that carries all: it is made when it
    is needed, and ends with the last one on it.
    """

    def __init__(self, clock: IReactorTime, endpoint: IStreamClientEndpoint) -> None:
        """
        :param clock: the reactor.
        :param endpoint: where the other worker's `TrunkFactory` listens.
        """
        self._clock = clock
        self._endpoint = endpoint
        self._trunk: Trunk | None = None
        # Who waits for that, and what makes the protocols.
        self._waiting: dict[Deferred[Any], IProtocolFactory] = {}
        self._connecting: Deferred[Any] | None = None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """
        Make a connection.

        :return: what fires with its protocol, or fails with `TrunkFull`, or as the
            endpoint does.
        """
        if self._trunk is not None:
            if self._trunk.isFull:
                return fail(TrunkFull(f"{MOST_UNSENT} bytes wait to be sent"))
            return succeed(self._trunk.open(protocolFactory))
        waiting: Deferred[Any] = Deferred(self._gaveUp)
        self._waiting[waiting] = protocolFactory
        if self._connecting is None:
            connecting = self._endpoint.connect(TrunkFactory(self._clock))
            self._connecting = connecting
            connecting.addCallbacks(self._connected, self._failed)
        return waiting

    def _gaveUp(self, waiting: Deferred[Any]) -> None:
        self._waiting.pop(waiting, None)
        if not self._waiting and self._connecting is not None:
            self._connecting.cancel()

    def _connected(self, trunk: Trunk) -> None:
        self._connecting = None
        self._trunk = trunk
        trunk.over = self._over
        waiting, self._waiting = self._waiting, {}
        # One that is given up at once is not the last one of all.
        opened = [(each, trunk.open(factory)) for each, factory in waiting.items()]
        for each, protocol in opened:
            each.callback(protocol)

    def _failed(self, reason: Failure) -> None:
        self._connecting = None
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            each.errback(reason)

    def _over(self, trunk: Trunk) -> None:
        self._trunk = None
        trunk.close()
