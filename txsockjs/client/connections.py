"""The connections that HTTP requests are made on: `WatchedEndpoint`."""

from __future__ import annotations

import re
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    INegotiated,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.errors import RequestFailed

#: How many bytes the head of a response may have, as much as Node allows.
MAX_HEAD: Final = 16 * 1024

# Seconds that closing a connection in good order may take.
_PATIENCE: Final = 2.0

_END: Final = re.compile(rb"\n\r?\n")
_INFORMATIONAL: Final = re.compile(rb"HTTP/\d\.\d 1")


@implementer(IHandshakeListener)
class WatchedConnection(ProtocolWrapper):
    """
    A connection to a server. It ends where the head of a response does not, and it
    knows what the client's protocol of Twisted does not tell.

    :ivar ended: how it has ended, or None as long as it has not.
    """

    factory: _WatchedFactory
    ended: Failure | None = None

    def __init__(self, factory: _WatchedFactory, wrapped: IProtocol) -> None:
        super().__init__(factory, wrapped)
        # What came of the head that is awaited, and where in it the last one begins:
        # any number of informational ones may come before it (RFC 9110, section 15.2).
        self._head: bytearray | None = None
        self._begin = 0
        self._problem: RequestFailed | None = None
        # What waits for TLS.
        self._securing: Deferred[None] | None = None
        # What ends it where the peer does not.
        self._closing: IDelayedCall | None = None

    @property
    def certificate(self) -> Any:
        """
        The certificate of the server, or None without TLS.
        """
        transport: Any = self.transport
        if ISSLTransport.providedBy(transport):
            return transport.getPeerCertificate()
        return None

    def secured(self) -> Deferred[None]:
        """
        :return: a Deferred that fires when TLS is there, if there is to be TLS.
        """
        if not INegotiated.providedBy(self.transport):
            return succeed(None)
        if self.ended is not None:
            return fail(self.ended)
        if self._securing is None:
            self._securing = Deferred(lambda _: self.abort())
        return self._securing

    def handshakeCompleted(self) -> None:
        """
        TLS is there.
        """
        if self._securing is None:
            self._securing = succeed(None)
        elif not self._securing.called:
            self._securing.callback(None)

    def abort(self) -> None:
        """
        End it now. It is not used for another request, though the response on it may
        have come to its end.
        """
        if self.ended is None:
            self._end(Failure(self._problem or ConnectionAborted()))
            transport: Any = self.transport
            transport.abortConnection()

    def loseConnection(self) -> None:
        """
        End it, though the peer of a TLS connection does not say that it has ended too.
        """
        transport: Any = self.transport
        self.disconnecting = 1
        transport.loseConnection()
        if self._closing is None and self.ended is None:
            self._closing = self.factory.watch.clock.callLater(_PATIENCE, self.abort)

    def write(self, data: bytes) -> None:
        self._await()
        transport: Any = self.transport
        transport.write(data)

    def writeSequence(self, data: Any) -> None:
        self._await()
        transport: Any = self.transport
        transport.writeSequence(data)

    def _await(self) -> None:
        # There is no pipelining: what is written is a request, and it is answered next.
        self._head = bytearray()
        self._begin = 0

    def dataReceived(self, data: bytes) -> None:
        if self.ended is not None:
            return
        if self._head is not None and not self._bounded(self._head, data):
            self._problem = RequestFailed(
                f"{self.factory.where}: the head of its response has more than "
                f"{MAX_HEAD} bytes"
            )
            self.abort()
            return
        watch = self.factory.watch
        before, watch.current = watch.current, self
        try:
            self.wrappedProtocol.dataReceived(data)
        finally:
            watch.current = before

    def _bounded(self, head: bytearray, data: bytes) -> bool:
        """
        Whether a head is not too long with what has come now.
        """
        start = max(self._begin, len(head) - 2)
        head += data
        while end := _END.search(head, start):
            if not _INFORMATIONAL.match(head, self._begin):
                self._head = None
                return end.end() <= MAX_HEAD
            self._begin = start = end.end()
        return len(head) <= MAX_HEAD

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.unregisterProtocol(self)  # type: ignore[no-untyped-call]
        if self.ended is None:
            self._end(reason)

    def _end(self, reason: Failure) -> None:
        self.ended = reason
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        # Of that, the pool learns too.
        self.wrappedProtocol.connectionLost(reason)
        if self._securing is not None and not self._securing.called:
            self._securing.errback(reason)


class Watch:
    """
    The connections of one client.

    :ivar clock: what tells the time.
    :ivar current: the one whose bytes are being read at this moment.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.current: WatchedConnection | None = None


class _WatchedFactory(WrappingFactory[WatchedConnection]):
    noisy = False
    protocol: Any = WatchedConnection

    def __init__(self, wrapped: IProtocolFactory, watch: Watch, where: str) -> None:
        super().__init__(wrapped)  # type: ignore[no-untyped-call]
        self.watch = watch
        self.where = where


@implementer(IStreamClientEndpoint)
class TimedEndpoint:
    """
    Connects as another endpoint does, in the time that there is.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        timeout: float,
        where: str,
    ) -> None:
        """
        :param timeout: how many seconds it may take.
        :param where: the server, as in ``example.com:443``.
        """
        self._endpoint = endpoint
        self._clock = clock
        self._timeout = timeout
        self._where = where

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :return: a Deferred of the factory's protocol. It fails with `RequestFailed`
            when the time is over.
        """

        def late(result: object, seconds: float) -> Failure:
            return Failure(
                RequestFailed(f"{self._where}: not connected within {seconds:g} s")
            )

        connecting = self._endpoint.connect(protocolFactory)
        return connecting.addTimeout(self._timeout, self._clock, late)


@implementer(IStreamClientEndpoint)
class NoEndpoint:
    """
    Connects to nothing: there is no way.
    """

    def __init__(self, problem: str) -> None:
        """
        :param problem: why there is none.
        """
        self._problem = problem

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :return: a Deferred that fails with `RequestFailed`.
        """
        return fail(RequestFailed(self._problem))


@implementer(IStreamClientEndpoint)
class WatchedEndpoint:
    """
    Connects as another endpoint does, and watches what comes.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, watch: Watch, where: str
    ) -> None:
        """
        :param where: the server, as in ``example.com:443``.
        """
        self._endpoint = endpoint
        self._watch = watch
        self._where = where

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        :return: a Deferred of the factory's own protocol, once TLS is there.
        """
        factory: Any = _WatchedFactory(protocolFactory, self._watch, self._where)

        def connected(connection: Any) -> Deferred[IProtocol]:
            secured: Deferred[Any] = connection.secured()
            return secured.addCallback(lambda _: connection.wrappedProtocol)

        return self._endpoint.connect(factory).addCallback(connected)
