"""The connections on which requests are passed on to one peer: `PeerPool`."""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from txsockjs.cluster.pulse import QUESTION, Pulse
from txsockjs.cluster.reading import Answer, BadResponse, ResponseHead, ResponseReader
from txsockjs.web.wire import Wire, wireOf

#: Seconds within which a peer is connected to.
CONNECT_TIME: Final = 5.0

#: How many connections there are to one peer, at most. A poll or a stream that is
#: passed on has one for as long as it lasts.
MOST_CONNECTIONS: Final = 10_000

#: How many of them are kept for further requests, and for how many seconds. Peers keep
#: an idle one for far longer, so none is closed from there while it is used again.
MOST_IDLE: Final = 256
IDLE_TIME: Final = 20.0


#: Seconds after which a peer is taken to be gone that does not acknowledge what it was
#: sent, or that it is there: as behind a link that is cut.
SILENCE: Final = 5


def limitSilence(transport: Any) -> None:
    """
    Have the kernel end a connection whose peer is silent, where that is TCP.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    handle: Any = getattr(transport, "socket", None)
    if getattr(handle, "family", None) not in (socket.AF_INET, socket.AF_INET6):
        return
    transport.setTcpKeepAlive(1)
    for name, value in (
        ("TCP_KEEPIDLE", SILENCE // 2),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", SILENCE // 2),
        ("TCP_USER_TIMEOUT", SILENCE * 1000),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            handle.setsockopt(socket.IPPROTO_TCP, option, value)


class TooManyConnections(Exception):
    """
    There are as many connections to a peer as there may be.
    """


class NotConnected(Exception):
    """
    There was no connection to the peer, so it has not been asked.
    """

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.reason = reason


class PeerHung(Exception):
    """
    The peer was asked, and gives no sign of life.
    """


class PeerConnection(Protocol):
    """
    One connection: for one request at a time.
    """

    _wire: Wire

    def __init__(self, pool: PeerPool) -> None:
        self._pool = pool
        self._reader = ResponseReader()
        self._problem: Exception | None = None
        self._paused = False
        # Whether it is given up, and goes in its own time.
        self._dropped = False
        #: Whether it is gone.
        self.closed: bool = False
        #: Until when it is kept without being used.
        self.until: float = 0.0

    def connectionMade(self) -> None:
        self._wire = wireOf(self.transport)
        limitSilence(self.transport)

    def ask(self, data: bytes, answer: Answer) -> None:
        """
        Send a request.
        """
        self._reader.answer = answer
        self._wire.write(data)

    def dataReceived(self, data: bytes) -> None:
        self._pool.pulse.heard = True
        try:
            self._reader.read(data)
        except BadResponse as error:
            self._problem = error
            self.drop()
        else:
            isOver = self.closed or self._dropped
            if self._reader.answer is None and not isOver:
                if self._paused:
                    self.resume()
                if self._reader.closes:
                    self.drop()
                else:
                    self._pool.free(self)

    def drop(self, problem: Exception | None = None) -> None:
        """
        Give the connection up, whatever is still to come.

        :param problem: why, if whoever waits for that is to be told.
        """
        self._dropped = True
        self._problem = self._problem or problem
        transport: Any = self.transport
        transport.abortConnection()

    def forget(self) -> None:
        """
        Nobody waits for the answer any more.
        """
        self._reader.answer = None
        self.drop()

    def pause(self) -> None:
        """
        Read no more of the answer for now.
        """
        transport: Any = self.transport
        self._paused = True
        transport.pauseProducing()

    def resume(self) -> None:
        """
        Read on.
        """
        transport: Any = self.transport
        self._paused = False
        transport.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._pool.lost(self)
        answer, self._reader.answer = self._reader.answer, None
        if answer is not None:
            answer.broken(self._problem or _exception(reason))


class PeerPool(Factory):
    """
    The connections to one peer. They are made when they are needed, and kept for a
    while. Where the peer hangs, what it is asked ends.

    :ivar pulse: whether the peer says anything.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        """
        :param endpoint: where the peer is.
        :param most: how many connections there may be.
        """
        self._clock = clock
        self._endpoint = endpoint
        self._most = most
        self._connecting: dict[Deferred[Any], None] = {}
        self._all: dict[PeerConnection, None] = {}
        self._idle: dict[PeerConnection, None] = {}
        self._sweeping: IDelayedCall | None = None
        self._closed = False
        self.pulse: Pulse = Pulse(clock, self.isBusy, self._askForLife, self._hung)

    def __len__(self) -> int:
        """
        How many connections there are, and will be.
        """
        return len(self._all) + len(self._connecting)

    def isBusy(self) -> bool:
        """
        Whether an answer is waited for.
        """
        return len(self) > len(self._idle)

    def buildProtocol(self, addr: object) -> PeerConnection:
        connection = PeerConnection(self)
        connection.factory = self
        return connection

    def ask(self, data: bytes, answer: Answer, asked: Asked | None = None) -> Asked:
        """
        Send a request.

        :param answer: what is told of the response. Where there is no connection, it is
            told of `NotConnected`.
        :param asked: what the request can be given up by, if that is there.
        :return: what it can be given up by.
        """
        asked = asked or Asked()
        self.pulse.start()
        if self._idle:
            connection, _ = self._idle.popitem()
            asked.connection = connection
            connection.ask(data, answer)
        elif self._closed or len(self) >= self._most:
            problem = TooManyConnections(f"{len(self)} connections are in use")
            answer.broken(NotConnected(problem))
        else:
            self._connect(data, answer, asked)
        return asked

    def _connect(self, data: bytes, answer: Answer, asked: Asked) -> None:
        connecting: Deferred[Any] = self._endpoint.connect(self)
        connecting.addTimeout(CONNECT_TIME, self._clock)
        self._connecting[connecting] = None
        asked.connecting = connecting

        def connected(connection: PeerConnection) -> None:
            del self._connecting[connecting]
            asked.connecting = None
            asked.connection = connection
            if connection.closed:
                answer.broken(NotConnected(_exception(connectionDone)))
            else:
                self._all[connection] = None
                connection.ask(data, answer)

        def failed(failure: Failure) -> None:
            self._connecting.pop(connecting, None)
            asked.connecting = None
            self._rest()
            if not failure.check(CancelledError):
                answer.broken(NotConnected(_exception(failure)))

        connecting.addCallbacks(connected, failed)

    def free(self, connection: PeerConnection) -> None:
        """
        A connection can have another request.
        """
        if self._closed or len(self._idle) >= MOST_IDLE:
            connection.drop()
            return
        connection.until = self._clock.seconds() + IDLE_TIME
        self._idle[connection] = None
        if self._sweeping is None:
            self._sweeping = self._clock.callLater(IDLE_TIME, self._sweep)

    def lost(self, connection: PeerConnection) -> None:
        """
        A connection is gone.
        """
        self._all.pop(connection, None)
        self._idle.pop(connection, None)
        self._rest()

    def _rest(self) -> None:
        """
        Look no more where nothing is waited for, and nothing will be.
        """
        if self._closed and not self.isBusy():
            self.pulse.stop()

    def _askForLife(self) -> None:
        """
        Ask the peer for a sign of life, beyond what there may be of connections if it
        has to be.
        """
        if self._idle:
            connection, _ = self._idle.popitem()
            connection.ask(QUESTION, _Life())
        else:
            self._connect(QUESTION, _Life(), Asked())

    def _hung(self) -> None:
        """
        The peer gave none. Whatever waits for it waits in vain.
        """
        for connection in list(self._all):
            connection.drop(PeerHung("it gives no sign of life"))

    def _sweep(self) -> None:
        self._sweeping = None
        now = self._clock.seconds()
        for connection in [idle for idle in self._idle if idle.until <= now]:
            del self._idle[connection]
            connection.drop()
        if self._idle:
            first = next(iter(self._idle))
            pause = max(first.until - now, 1)
            self._sweeping = self._clock.callLater(pause, self._sweep)

    def close(self) -> None:
        """
        Connect no more, and give up the connections that are idle. The others end with
        their answers.
        """
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in list(self._idle):
            connection.drop()
        self._idle.clear()
        self._rest()

    def abort(self) -> None:
        """
        Give up all of them, with what is asked.
        """
        self.close()
        for connecting in list(self._connecting):
            connecting.cancel()
        for connection in list(self._all):
            connection.drop()
        self.pulse.stop()


class _Life:
    """
    A sign of life. That it comes is all that counts.
    """

    takesChunks = False

    def begun(self, head: ResponseHead) -> None:
        pass

    def came(self, data: bytes) -> None:
        pass

    def done(self) -> None:
        pass

    def broken(self, error: Exception) -> None:
        pass


class Asked:
    """
    A request that was sent, or will be.

    :ivar connection: what it was sent on, if it was.
    :ivar connecting: what is waited for, until then.
    """

    connection: PeerConnection | None = None
    connecting: Deferred[Any] | None = None

    def giveUp(self) -> None:
        """
        Wait for the answer no more.
        """
        if self.connecting is not None:
            self.connecting.cancel()
        elif self.connection is not None:
            self.connection.forget()


def _exception(failure: Failure) -> Exception:
    error = failure.value
    return error if isinstance(error, Exception) else TimeoutError(str(error))
