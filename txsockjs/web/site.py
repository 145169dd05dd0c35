"""What a connection to a SockJS Site talks: HTTP/1, or HTTP/2 where TLS chose that."""

from __future__ import annotations

from typing import Any, Final

from twisted.web.http import H2_ENABLED, _GenericHTTPChannelProtocol
from twisted.web.server import Site

from txsockjs.web.body import BoundedRequest
from txsockjs.web.channel import BoundedChannel

if H2_ENABLED:
    # What this is made of is an extra.
    from txsockjs.web.http2 import BoundedH2Connection

__all__ = ["BoundedProtocol", "BoundedRequest", "boundedProtocol"]

#: How many connections a port accepts in one turn of the reactor, where more are
#: waiting.
ACCEPTED: Final = 10


class BoundedProtocol(_GenericHTTPChannelProtocol):
    """
    What a connection talks: HTTP/1, or HTTP/2 where TLS negotiated that.
    """

    @property
    def channel(self) -> Any:
        """
        What talks it.
        """
        return self._channel

    def dataReceived(self, data: bytes) -> None:
        """
        Find out at the first bytes, as Twisted does, but with the channels above.
        """
        channel: Any = self._channel
        _holdBack(channel.wire.port)
        if self._negotiatedProtocol is None:
            transport: Any = channel.transport
            if getattr(transport, "negotiatedProtocol", None) == b"h2":
                self._negotiatedProtocol = transport.negotiatedProtocol
                self._talkHTTP2(transport)
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        # From now on without this detour; and over plain TCP without this object.
        channel = self._channel
        transport = channel.transport
        isOwn = getattr(transport, "protocol", None) is self
        if isOwn and isinstance(channel, BoundedChannel):
            transport.protocol = channel
        else:
            self.dataReceived = channel.dataReceived  # type: ignore[method-assign]

    def _talkHTTP2(self, transport: Any) -> None:
        site: Any = self._site
        self._channel.setTimeout(None)
        transport.unregisterProducer()
        channel: Any = BoundedH2Connection(site.reactor)
        channel.requestFactory = self._requestFactory
        channel.site = channel.factory = site
        channel.timeOut = self._timeOut
        channel.callLater = self._callLater
        self._channel = channel
        channel.makeConnection(transport)
        transport.registerProducer(channel, True)


def _holdBack(port: Any) -> None:
    """
    Have those who are there get their turn while many others connect. Twisted's port
    accepts more of them with each turn in which it did not come to their end, hundreds
    in the end, and whoever was there waits until the first requests of all of them are
    answered.

    :param port: what has accepted a connection whose first bytes have come. It may be
        None, or something that accepts in its own way.
    """
    if getattr(port, "numberAccepts", 0) > ACCEPTED:
        port.numberAccepts = ACCEPTED


def boundedProtocol(site: Site) -> BoundedProtocol:
    """
    Make the server's side of a connection to a Site.
    """
    return BoundedProtocol(BoundedChannel())  # type: ignore[no-untyped-call]
