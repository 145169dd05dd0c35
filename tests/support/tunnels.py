"""An HTTP proxy that opens tunnels, on real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.portforward import Proxy as Side
from twisted.python.failure import Failure


class Tunneller(Side):
    """
    The connection of a client to the proxy.
    """

    factory: TunnelProxy
    peer: Any = None

    def connectionMade(self) -> None:
        if not self.factory.open:
            self.factory.idle = Deferred()
        self.factory.open.add(self)
        self._head = b""

    def dataReceived(self, data: bytes) -> None:
        if self.peer is not None:
            super().dataReceived(data)
            return
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        line, *fields = self._head[:-4].decode("ascii").split("\r\n")
        self.factory.asked.append(line)
        wanted = self.factory.authorization
        if wanted and f"Proxy-Authorization: {wanted}" not in fields:
            self._refuse("407 Proxy Authentication Required")
            return
        host, _, port = line.split(" ")[1].rpartition(":")
        endpoint = HostnameEndpoint(reactor, host.strip("[]"), int(port))
        factory = Factory.forProtocol(_Far)
        factory.noisy = False
        connecting = endpoint.connect(factory)
        connecting.addCallbacks(
            self._connected, lambda reason: self._refuse("502 Bad Gateway")
        )

    def _refuse(self, status: str) -> None:
        transport: Any = self.transport
        transport.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    def _connected(self, far: Any) -> None:
        far.setPeer(self)
        self.setPeer(far)
        transport: Any = self.transport
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        transport.registerProducer(far.transport, True)
        far.transport.registerProducer(transport, True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.open.discard(self)
        if not self.factory.open:
            self.factory.idle.callback(None)
        super().connectionLost(reason)


class _Far(Side):
    """
    The proxy's connection to a server.
    """

    def connectionMade(self) -> None:
        """
        `Tunneller` knows what to do.
        """


class TunnelProxy(Factory):
    """
    The proxy.

    :ivar asked: the first line of each request.
    :ivar open: the connections of clients.
    :ivar idle: fires when there are none.
    """

    noisy = False
    protocol = Tunneller

    def __init__(self, authorization: str | None = None) -> None:
        """
        :param authorization: what it wants to hear.
        """
        self.authorization = authorization
        self.asked: list[str] = []
        self.open: set[Protocol] = set()
        self.idle: Deferred[None] = Deferred()
