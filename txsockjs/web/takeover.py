"""How the connection of a request becomes something else's: `takeOver`."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.server import Request

from txsockjs.web.wire import Wire, wireUnder


def takeOver(request: Request, protocol: IProtocol) -> Wire:
    """
    Give a request's connection, of anybody's Site over HTTP/1, to another protocol.

    :return: its wire.
    """
    wire = wireUnder(request)
    channel: Any = request.channel
    transport: Any = channel.transport
    channel.transport = None
    channel.setTimeout(None)
    # HTTPChannel is the transport's producer; somebody else is going to be.
    transport.unregisterProducer()
    # Bytes behind the request in the same segment are still in the channel's hands.
    channel.rawDataReceived = protocol.dataReceived
    if isinstance(transport, ProtocolWrapper):
        # TLS and the PROXY protocol wrap the channel.
        transport.wrappedProtocol = protocol
    elif isinstance(transport.protocol, ProtocolWrapper):
        # TLS that was started on a plain connection.
        transport.protocol.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    # The connection has no further request: break the cycle that would keep it.
    channel.requests.clear()
    protocol.makeConnection(transport)
    return wire
