"""Handing connections to other workers, and taking theirs: `Handovers`.

On a UNIX socket, a file descriptor is sent with a record: how long it is, how long the
id of the session is, the id, and what has come on the connection and is still to be
answered. Where nothing is asked on it there is no id. A byte tells whether the
connection was taken. Until then whoever has sent it keeps it, and reads nothing from
it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import (
    IDelayedCall,
    IFileDescriptorReceiver,
    IReactorFDSet,
    IReactorSocket,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from txsockjs.cluster.passed import bodyOf, headerLines, serialise
from txsockjs.counters import ClusterCounters
from txsockjs.web.handover import adopt, holdIdle, holdStill, idleConnections, letGo

#: How many bytes are handed over with a connection. A request with more is passed on.
MOST_BYTES: Final = 1024 * 1024

#: Seconds within which a worker takes a connection.
TAKE_TIME: Final = 5.0

#: How many requests in a row for sessions of one worker have a connection handed there
#: that was handed over before. One that a proxy uses for many sessions stays.
IN_A_ROW: Final = 4

# How many connections on which nothing is asked are on their way at once.
_AT_ONCE: Final = 64

_HEAD: Final = Struct("!IH")
_TAKEN: Final = b"+"
_REFUSED: Final = b"-"


class _Offer:
    """
    A connection that is on its way to another worker.

    :ivar descriptor: what is sent of it. It is sent in a later turn, when the
        connection's own may be closed, and its number that of another one.
    :ivar known: called when it is known where the connection is.
    """

    __slots__ = ("descriptor", "known", "refused", "transport")

    def __init__(
        self,
        transport: Any,
        refused: Callable[[], object],
        known: Callable[[], object] = lambda: None,
    ) -> None:
        self.transport: Any = transport
        self.refused: Callable[[], object] = refused
        self.known: Callable[[], object] = known
        self.descriptor: int | None = None

    def done(self) -> None:
        """
        It is known where the connection is.
        """
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        self.known()


class HandingOver(Protocol):
    """
    The connection to another worker on which connections are sent.
    """

    def __init__(self, handovers: Handovers, path: str) -> None:
        self._handovers = handovers
        self._path = path
        self._offers: deque[_Offer] = deque()
        self._timer: IDelayedCall | None = None
        self._leaving = False

    def leave(self) -> None:
        """
        Close the connection, once it is known what was taken: what was, and is not
        known to be, would be served here, too.
        """
        self._leaving = True
        if not self._offers:
            transport: Any = self.transport
            transport.loseConnection()

    def send(self, offer: _Offer, record: bytes) -> None:
        """
        Offer a connection.
        """
        try:
            offer.descriptor = os.dup(offer.transport.fileno())
        except OSError:
            # There are no more of them to be had.
            offer.done()
            _keep(offer)
            return
        transport: Any = self.transport
        transport.sendFileDescriptor(offer.descriptor)
        transport.write(record)
        self._offers.append(offer)
        if self._timer is None:
            self._timer = self._handovers.reactor.callLater(TAKE_TIME, self._timeUp)

    def dataReceived(self, data: bytes) -> None:
        for byte in data:
            offer = self._offers.popleft()
            offer.done()
            if byte == _TAKEN[0]:
                self._handovers.counters.handed += 1
                letGo(offer.transport)
            else:
                _keep(offer)
        if self._timer is not None:
            if self._offers:
                self._timer.reset(TAKE_TIME)
            else:
                self._timer.cancel()
                self._timer = None
        if self._leaving:
            self.leave()

    def _timeUp(self) -> None:
        """
        The other worker does not answer. It may still have what it was sent.
        """
        self._timer = None
        offers = list(self._offers)
        self._offers.clear()
        transport: Any = self.transport
        transport.abortConnection()
        for offer in offers:
            offer.done()
            offer.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._handovers.lost(self._path, self)
        while self._offers:
            # The other worker is gone, with its ends of these.
            offer = self._offers.popleft()
            offer.done()
            _keep(offer)


def _keep(offer: _Offer) -> None:
    if offer.transport.connected:
        offer.transport.resumeProducing()
        offer.refused()


@implementer(IFileDescriptorReceiver)
class Adopting(Protocol):
    """
    A connection from another worker on which connections come.
    """

    def __init__(self, handovers: Handovers) -> None:
        self._handovers = handovers
        self._descriptors: deque[int] = deque()
        self._unread = b""

    def fileDescriptorReceived(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptors.append(descriptor)

    def dataReceived(self, data: bytes) -> None:
        self._unread += data
        while len(self._unread) >= _HEAD.size:
            size, idSize = _HEAD.unpack_from(self._unread)
            end = _HEAD.size + size
            if size > 2 * MOST_BYTES or idSize > size or not self._descriptors:
                transport: Any = self.transport
                transport.abortConnection()
                return
            if len(self._unread) < end:
                return
            start = _HEAD.size + idSize
            id = self._unread[_HEAD.size : start]
            request = self._unread[start:end]
            self._unread = self._unread[end:]
            self._adopt(self._descriptors.popleft(), id, request)

    def _adopt(self, descriptor: int, id: bytes, request: bytes) -> None:
        transport: Any = self.transport
        adopted = self._handovers.adopt(descriptor, id)
        if adopted is None:
            transport.write(_REFUSED)
        else:
            transport.write(_TAKEN)
            if request:
                adopted.dataReceived(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._handovers.adopting.discard(self)
        while self._descriptors:
            os.close(self._descriptors.popleft())


class Handovers(Factory):
    """
    Hands connections to other workers, and takes theirs.

    :ivar site: what serves those that are taken.
    """

    noisy = False
    site: Any

    def __init__(
        self,
        reactor: Any,
        counters: ClusterCounters,
        isMine: Callable[[bytes], bool],
    ) -> None:
        """
        :param isMine: tells whether a session would begin at this worker; of an empty
            id, whether any would.
        """
        self.reactor = reactor
        self.counters = counters
        self.isMine = isMine
        self._canHandOver = IReactorSocket.providedBy(reactor)
        self.adopting: set[Adopting] = set()
        self._senders: dict[str, HandingOver] = {}
        self._connecting: dict[str, list[Callable[[HandingOver | None], object]]] = {}
        # Connections that were handed over to here, and how many requests in a row have
        # come on one for sessions of one other worker.
        self._adopted: WeakSet[Any] = WeakSet()
        self._rows: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()

    def buildProtocol(self, addr: object) -> Adopting:
        protocol = Adopting(self)
        protocol.factory = self
        self.adopting.add(protocol)
        return protocol

    # Handing over

    def offer(
        self,
        request: Request,
        endpoint: IStreamClientEndpoint,
        path: str,
        id: bytes,
        refused: Callable[[], object],
    ) -> bool:
        """
        Offer the connection of a request to another worker, with the request.

        :param endpoint: where the worker takes connections.
        :param path: what the worker is called here.
        :param id: the session that the request is about.
        :param refused: answers the request if the worker does not take it.
        :return: whether it was offered. If not, nothing has happened.
        """
        channel: Any = request.channel
        if getattr(channel, "site", None) is not self.site or self.stays(channel, path):
            return False
        body = bodyOf(request)
        if len(body) > MOST_BYTES:
            return False
        held = holdStill(request)
        if held is None:
            return False
        transport, unread = held
        data = serialise(request, headerLines(request), body) + unread
        record = _HEAD.pack(len(id) + len(data), len(id)) + id + data
        offer = _Offer(transport, refused)

        def send(sender: HandingOver | None) -> None:
            if not transport.connected:
                return
            if sender is None:
                _keep(offer)
            else:
                sender.send(offer, record)

        self._withSender(path, endpoint, send)
        return True

    async def leaveIdle(self, endpoint: IStreamClientEndpoint, path: str) -> None:
        """
        Hand over the connections on which nothing is asked just now. A request that
        comes on one meanwhile waits in it, and is answered there.

        :param endpoint: where the worker takes connections.
        :param path: what the worker is called here.
        """
        if not (
            IReactorSocket.providedBy(self.reactor)
            and IReactorFDSet.providedBy(self.reactor)
        ):
            return
        idle = idleConnections(self.site)
        if not idle:
            return
        found: Deferred[HandingOver | None] = Deferred()
        self._withSender(path, endpoint, found.callback)
        sender = await found
        if sender is None:
            return
        while idle:
            # The kernel has a bound for descriptors that are on their way.
            some, idle = idle[:_AT_ONCE], idle[_AT_ONCE:]
            if self._senders.get(path) is not sender:
                return
            await gatherResults([self._leave(sender, each) for each in some])

    def _leave(self, sender: HandingOver, transport: Any) -> Deferred[None]:
        known: Deferred[None] = Deferred()
        unread = holdIdle(transport, self.site)
        if unread is None:
            known.callback(None)
        else:
            kept = transport.protocol.channel.beIdle
            offer = _Offer(transport, kept, lambda: known.callback(None))
            sender.send(offer, _HEAD.pack(len(unread), 0) + unread)
        return known

    def _withSender(
        self,
        path: str,
        endpoint: IStreamClientEndpoint,
        use: Callable[[HandingOver | None], object],
    ) -> None:
        """
        Call a function with the connection to a worker, or None if there is none.
        """
        sender = self._senders.get(path)
        if sender is not None:
            use(sender)
        elif path in self._connecting:
            self._connecting[path].append(use)
        else:
            self._connect(path, endpoint, use)

    def stays(self, channel: Any, path: str) -> bool:
        """
        Whether a connection is not handed over, whatever is asked for on it. This is
        the question for each request for a session that is not here.

        :param path: what the worker is called that has the session.
        """
        transport = getattr(channel, "transport", None)
        if not self._canHandOver or type(transport) is not Server:
            return True
        if channel not in self._adopted:
            return False
        before, count = self._rows.get(channel, ("", 0))
        count = count + 1 if before == path else 1
        self._rows[channel] = path, count
        return count < IN_A_ROW

    def _connect(
        self,
        path: str,
        endpoint: IStreamClientEndpoint,
        send: Callable[[HandingOver | None], object],
    ) -> None:
        self._connecting[path] = [send]
        factory = Factory.forProtocol(lambda: HandingOver(self, path))
        factory.noisy = False
        connecting: Deferred[Any] = endpoint.connect(factory)

        def connected(sender: HandingOver) -> HandingOver:
            self._senders[path] = sender
            return sender

        connecting.addCallbacks(connected, lambda failure: None)

        def tell(sender: HandingOver | None) -> None:
            for waiting in self._connecting.pop(path, ()):
                waiting(sender)

        connecting.addCallback(tell)

    def lost(self, path: str, sender: HandingOver) -> None:
        """
        The connection to another worker is gone.
        """
        if self._senders.get(path) is sender:
            del self._senders[path]

    def keepOnly(self, paths: set[str]) -> None:
        """
        Give up the connections to other workers than these.
        """
        for path in self._senders.keys() - paths:
            self._senders.pop(path).leave()

    # Taking over

    def adopt(self, descriptor: int, id: bytes) -> Any:
        """
        Serve a connection that another worker had.

        :param id: the session that is asked about on it; empty where nothing is asked.
        :return: the site's side of it, to be given the request; None if it stays there.
        """
        if not self.isMine(id):
            os.close(descriptor)
            return None
        try:
            protocol = adopt(self.site, descriptor)
        except OSError:
            # There are no more descriptors to be had.
            return None
        self.counters.adopted += 1
        if id:
            self._adopted.add(protocol.channel)
        else:
            protocol.channel.beIdle()
        return protocol

    def close(self) -> None:
        """
        Take no more, and hand no more over.
        """
        self.keepOnly(set())
        for protocol in list(self.adopting):
            transport: Any = protocol.transport
            transport.loseConnection()
