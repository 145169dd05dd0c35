"""A service in memory for the commands: an endpoint and sessions without a network."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.errors import AllTransportsFailed, SessionClosed, TransportFailed


class MemoryTransport:
    """
    What a protocol has as its transport. What is sent arrives after the latency, and
    comes back after another one if the service echoes.
    """

    transportName = "websocket"

    def __init__(self, endpoint: MemoryEndpoint, protocol: Any) -> None:
        self.endpoint = endpoint
        self.protocol = protocol
        self.connected = True
        self.crowded = False
        self.sent: list[str] = []
        self.closes: list[tuple[int, str]] = []
        self.drains: list[Deferred[None]] = []
        self.undelivered = 0
        self.aborted = False
        self.producer: Any = None
        self.paused = False

    def sendMessage(self, message: str) -> None:
        assert self.connected
        self.sent.append(message)
        self.undelivered += 1
        self.endpoint.later(self._delivered, message)

    def _delivered(self, message: str) -> None:
        self.undelivered -= 1
        if not self.undelivered:
            for drained in self.drains[:]:
                self.drains.remove(drained)
                drained.callback(None)
        number = self.endpoint.delivered
        self.endpoint.delivered += 1
        if self.endpoint.echoes(number):
            self.endpoint.later(self.receive, message)

    def receive(self, message: str) -> None:
        """
        The server has sent this.
        """
        if self.connected:
            self.protocol.messageReceived(message)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None and streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def whenDrained(self) -> Deferred[None]:
        if not self.undelivered:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self.drains.append(drained)
        return drained

    def loseConnection(self, code: int = 3000, reason: str = "Go away!") -> None:
        self.closes.append((code, reason))
        if self.endpoint.closes:
            self.endpoint.later(self.lose, SessionClosed(code, reason))

    def abortConnection(self) -> None:
        self.aborted = True
        self.lose(ConnectionLost("aborted"))

    def lose(self, error: Exception) -> None:
        """
        The session is over.
        """
        if self.connected:
            self.connected = False
            self.endpoint.open -= 1
            if self.producer is not None:
                self.producer.stopProducing()
            self.protocol.connectionLost(Failure(error))


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """
    Connects to a service in memory.

    :ivar latency: seconds of each trip.
    :ivar echoes: whether the message with this number comes back.
    :ivar closes: whether it ends sessions that are closed.
    :ivar failing: the numbers of the attempts to connect that fail.
    :ivar hanging: those that never end; with ``cancelled``, if they are.
    :ivar stubborn: whether sessions open though connecting was cancelled.
    :ivar attempts: when each of them was made.
    :ivar transports: of the sessions.
    :ivar open: how many are open, and ``most`` the most that ever were.
    """

    def __init__(self, clock: Clock, latency: float = 0.25) -> None:
        self.clock = clock
        self.latency = latency
        self.echoes: Any = lambda number: True
        self.closes = True
        self.failing: Any = ()
        self.hanging: Any = ()
        self.cancelled: Exception = CancelledError()
        self.stubborn = False
        self.attempts: list[float] = []
        self.transports: list[MemoryTransport] = []
        self.delivered = 0
        self.open = 0
        self.most = 0

    def later(self, call: Any, *args: Any) -> None:
        self.clock.callLater(self.latency, call, *args)

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        number = len(self.attempts)
        self.attempts.append(self.clock.seconds())
        connecting: Deferred[Any] = Deferred(
            lambda given: given.errback(self.cancelled)
        )
        if number not in self.hanging:
            self.later(self._connected, connecting, factory, number in self.failing)
        return connecting

    def _connected(
        self, connecting: Deferred[Any], factory: IProtocolFactory, fails: bool
    ) -> None:
        if connecting.called and not self.stubborn:
            return
        if fails:
            refused = TransportFailed("it says no")
            connecting.errback(AllTransportsFailed("memory:", [("websocket", refused)]))
            return
        protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        transport = MemoryTransport(self, protocol)
        self.transports.append(transport)
        self.open += 1
        self.most = max(self.most, self.open)
        protocol.makeConnection(transport)
        if not connecting.called:
            connecting.callback(protocol)
