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
from txsockjs.errors import NotAPeer, NotHere, WireError
from txsockjs.web.response import Response, responseOf
from txsockjs.web.wire import Wire

#: What a peer says that is not for the client. No service answers so.
NO_ANSWERS: Final[dict[int, type[WireError]]] = {
    NotHere.status: NotHere,
    NotAPeer.status: NotAPeer,
}


@implementer(IPushProducer)
class Passing:
    """
    A request that is passed on, whose answer comes back in the pace of the client. The
    peer sees a connection that takes all; whether the client takes anything is seen
    here.
    """

    __slots__ = (
        "_asked",
        "_clock",
        "_moved",
        "_over",
        "_patience",
        "_taken",
        "_watching",
        "_wire",
    )

    _wire: Wire

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        """
        :param patience: seconds after which a client that has taken nothing of what
            waits for it is gone.
        """
        self._asked: Asked | None = None
        self._over = False
        self._clock = clock
        self._patience = patience
        # What looks whether the client takes anything, what it had taken, and whether
        # it has taken more since the last look.
        self._watching: IDelayedCall | None = None
        self._taken: int | None = None
        self._moved = False

    def connectionLost(self, reason: Failure) -> None:
        """
        The client is gone: nobody takes the answer.
        """
        if not self._over:
            self._end()
            if self._asked is not None:
                self._asked.giveUp()

    def _end(self) -> None:
        self._over = True
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _flow(self, write: Callable[[bytes], object], data: bytes) -> None:
        """
        Write a part of an answer that goes on for a while.
        """
        wire = self._wire
        if self._taken is not None and wire.pending(0) and wire.taken() != self._taken:
            self._moved = True
        write(data)
        if wire.pending(0):
            # What is written may change this number, too.
            self._taken = wire.taken()
        if self._watching is None:
            self._watching = self._clock.callLater(self._patience, self._watch)

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
            self._watching = self._clock.callLater(self._patience, self._watch)

    # IPushProducer

    def pauseProducing(self) -> None:
        if self._asked is not None and self._asked.connection is not None:
            self._asked.connection.pause()

    def resumeProducing(self) -> None:
        if not self._over and self._asked is not None and self._asked.connection:
            self._asked.connection.resume()

    def stopProducing(self) -> None:
        """
        The connection is going away: that is told in its own time.
        """


class Relay(Passing):
    """
    Passes one request of twisted.web on, and its answer back.
    """

    __slots__ = (
        "_body",
        "_head",
        "_isStreaming",
        "_missing",
        "_otherwise",
        "_request",
        "_response",
    )

    takesChunks = False

    def __init__(
        self,
        request: Request,
        otherwise: Callable[[Exception], object],
        clock: IReactorTime,
        patience: float,
    ) -> None:
        """
        :param request: whose answer it is.
        :param patience: as for `Passing`.
        :param otherwise: called where a peer has not answered, with `NotHere` if it
            does not have the session, `NotAPeer` if it does not take requests from
            here, `NotConnected <txsockjs.cluster.connections.NotConnected>` if it could
            not be asked, or else with why its answer is lost. It answers the request.
        """
        super().__init__(clock, patience)
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
        self._asked = pool.ask(data, self)

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
            self._flow(response.write, data)
        elif self._missing:
            self._beginLong(data)
        else:
            self._body = data

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
