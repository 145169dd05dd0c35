"""One request that is passed on, and its answer on its way back: `Passing`, `Relay`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from txsockjs.cluster.connections import Asked, PeerPool
from txsockjs.cluster.reading import ResponseHead
from txsockjs.core.service import Service
from txsockjs.errors import NotAPeer, NotHere, WireError
from txsockjs.web.response import Response, responseOf
from txsockjs.web.wire import Wire

# Seconds after which a client that takes nothing is gone, where no heartbeat says it.
_PATIENCE: Final = 25.0

#: What a peer says that is not for the client. No service answers so.
NO_ANSWERS: Final[dict[int, type[WireError]]] = {
    NotHere.status: NotHere,
    NotAPeer.status: NotAPeer,
}


def patienceOf(service: Service) -> float:
    """
    Seconds after which a client of a service that takes nothing is gone.
    """
    return service.options.heartbeat or _PATIENCE


@implementer(IPushProducer)
class Passing(Asked):
    """
    A request that is passed on, whose answer comes back in the pace of the client. The
    peer sees a connection that takes all; whether the client takes anything is seen
    here.
    """

    _clock: IReactorTime
    _service: Service
    _wire: Wire
    _over = False
    # What looks whether the client takes anything, what it had taken, and whether it
    # has taken more since the last look; and whether something waited for it when the
    # last part was written.
    _watching: IDelayedCall | None = None
    _taken: int | None = None
    _moved = False
    _waits = False

    def connectionLost(self, reason: Failure) -> None:
        """
        The client is gone: nobody takes the answer.
        """
        if not self._over:
            self._end()
            self.giveUp()

    def _end(self) -> None:
        self._over = True
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _flow(self, write: Callable[[bytes], bool], data: bytes) -> None:
        """
        Write a part of an answer that goes on for a while.

        :param write: writes it, and returns whether nothing waits for the client.
        """
        wire = self._wire
        if self._waits and wire.pending(0) and wire.taken() != self._taken:
            self._moved = True
        if write(data):
            self._waits = False
        elif wire.pending(0):
            self._waits = True
            # What is written may change this number, too.
            self._taken = wire.taken()
        if self._watching is None:
            self._lookLater()

    def _lookLater(self) -> None:
        # A client that has taken nothing of what waits for it for so long is gone.
        patience = patienceOf(self._service)
        self._watching = self._clock.callLater(patience, self._watch)

    def _watch(self) -> None:
        """
        Look whether the client takes what waits for it.
        """
        self._watching = None
        wire = self._wire
        if not wire.held():
            self._taken = None
            return
        before, self._taken = self._taken, wire.taken()
        moved, self._moved = self._moved or self._taken != before, False
        if not moved:
            wire.abort()
        else:
            self._lookLater()

    # IPushProducer

    def pauseProducing(self) -> None:
        if self.connection is not None:
            self.connection.pause()

    def resumeProducing(self) -> None:
        if not self._over and self.connection is not None:
            self.connection.resume()

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """


class Relay(Passing):
    """
    Passes one request of twisted.web on, and its answer back.
    """

    takesChunks = False

    def __init__(
        self,
        request: Request,
        otherwise: Callable[[Exception], object],
        clock: IReactorTime,
        service: Service,
    ) -> None:
        """
        :param request: whose answer it is.
        :param service: the service that it is for.
        :param otherwise: called where a peer has not answered, with `NotHere` if it
            does not have the session, `NotAPeer` if it does not take requests from
            here, `NotConnected <txsockjs.cluster.connections.NotConnected>` if it could
            not be asked, or else with why its answer is lost. It answers the request.
        """
        self._clock = clock
        self._service = service
        self._request: Any = request
        self._otherwise = otherwise
        self._response: Response | None = None
        self._head: ResponseHead | None = None
        # The body, where it came as one piece, and how much of it is still to come.
        self._body = b""
        self._missing = 0
        # Whether the client has got a part of the answer.
        self._isStreaming = False

    def start(self, pool: PeerPool, data: bytes) -> None:
        """
        Send the request.
        """
        self._request.notifyFinish().addErrback(self.connectionLost)
        pool.ask(data, self, self)

    # Answer

    def begun(self, head: ResponseHead) -> None:
        self._head = head
        if head.code in NO_ANSWERS:
            return
        self._response = response = responseOf(self._request)
        self._wire = response.wire
        if head.length is None:
            self._isStreaming = True
            self._request.setResponseCode(head.code)
            response.begin(head.headers, head.contentType, b"")
            self._request.registerProducer(self, True)
        else:
            self._missing = head.length

    def came(self, data: bytes) -> None:
        response = self._response
        if self._over or response is None:
            return
        self._missing -= len(data)
        if self._isStreaming:
            self._flow(self._write, data)
        elif self._missing:
            self._beginLong(data)
        else:
            self._body = data

    def _write(self, data: bytes) -> bool:
        assert self._response is not None
        self._response.write(data)
        return False

    def _beginLong(self, data: bytes) -> None:
        """
        Begin an answer that does not come as one piece.
        """
        request, head = self._request, self._head
        assert head is not None and head.length is not None
        self._isStreaming = True
        head.headers.apply(request)
        request.setResponseCode(head.code)
        request.setHeader(b"Content-Type", head.contentType)
        request.setHeader(b"Content-Length", b"%d" % head.length)
        request.write(data)
        request.registerProducer(self, True)

    def done(self) -> None:
        if self._over:
            return
        self._end()
        head, response = self._head, self._response
        assert head is not None
        if response is None:
            self._otherwise(NO_ANSWERS[head.code]())
            return
        if self._isStreaming:
            self._request.unregisterProducer()
        else:
            response.whole(head.code, head.headers, head.contentType, self._body)
        response.finish()

    def broken(self, error: Exception) -> None:
        if self._over:
            return
        self._end()
        response = self._response
        if response is None or not self._isStreaming:
            self._otherwise(error)
        else:
            # What has been sent of the answer is not to pass for all of it.
            response.wire.abort()
