"""A client that reads so many bytes a second, and no more: `sip`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from tests.support.sockets import PONG, frame
from tests.support.waiting import Waiting

_STEP = 0.1
_PING = b"\x89\x00"


class Sipping(Waiting, Protocol):
    """
    Sends a request, and reads what comes at the pace of a slow line. If that is a
    WebSocket, it answers pings.

    :ivar received: all that came.
    :ivar ended: what fires when the connection has ended.
    """

    transport: Any

    def __init__(self, request: bytes, rate: int) -> None:
        """
        :param request: what to send.
        :param rate: bytes a second.
        """
        self.received = b""
        self.ended: Deferred[None] = Deferred()
        self._request = request
        self._rate = rate
        self._begun: float | None = None
        self._next: Any = None

    @property
    def body(self) -> bytes:
        """
        What came behind the head.
        """
        return self.received.partition(b"\r\n\r\n")[2]

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """
        What fires when something holds, or nothing more can come.
        """
        return super().until(lambda: condition() or self.ended.called)

    def connectionMade(self) -> None:
        self._bottom = getattr(self.transport, "transport", self.transport)
        self._bottom.bufferSize = max(1, int(self._rate * _STEP))
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        pings = self.received.count(_PING)
        self.received += data
        if self.received.count(_PING) > pings:
            self.transport.write(frame(b"", PONG))
        now = reactor.seconds()
        if self._begun is None:
            self._begun = now
        due = self._begun + len(self.received) / self._rate
        if due > now and self._next is None:
            self._bottom.pauseProducing()
            self._next = reactor.callLater(due - now, self._readOn)
        self._look()

    def _readOn(self) -> None:
        self._next = None
        self._bottom.resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self.ended.callback(None)
        self._look()


def sip(
    test: Any, port: int, request: bytes, rate: int, secure: bool = False
) -> Sipping:
    """
    Send a request to a loopback port, from a system that takes no more than it must;
    the connection ends with the test.

    :param secure: whether to talk TLS.
    """
    sipping = Sipping(request, rate)
    factory: Any = Factory()
    factory.buildProtocol = lambda address: sipping
    if secure:
        options = CertificateOptions(verify=False)
        factory = TLSMemoryBIOFactory(options, True, factory)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.setblocking(False)
        reactor.adoptStreamConnection(connection.fileno(), socket.AF_INET, factory)

    def end() -> Deferred[None]:
        if not sipping.ended.called:
            sipping.transport.abortConnection()
        return sipping.ended

    test.addCleanup(end)
    return sipping
