"""A connection leaves this process, with a request or between two of them: `holdStill`,
`holdIdle`, `letGo`, `adopt`. Over HTTP/2, further
requests do: `sendElsewhere`, `closeStreams`.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from twisted.web.server import Request

from txsockjs.web.channel import BoundedChannel
from txsockjs.web.site import BoundedProtocol
from txsockjs.web.wire import isHTTP1

#: Seconds that the client of an HTTP/2 connection has to take a goodbye.
GOODBYE_TIME: Final = 1.0

# Seconds between two looks.
_LOOK: Final = 0.02


def holdStill(request: Request) -> tuple[Server, bytes] | None:
    """
    Read nothing more from the connection of a request, if it may go elsewhere: it is
    plain TCP, persistent HTTP/1.1, and nothing is on its way to the client.

    :return: the connection, and what came behind the request. None if it has to stay.
    """
    channel: Any = request.channel
    if type(channel) is not BoundedChannel:
        return None
    transport = channel.transport
    if (
        type(transport) is not Server
        or channel.requests != [request]
        or not channel.persistent
        or request.startedWriting
        or transport.disconnecting
        or channel.wire.pending(0)
    ):
        return None
    transport.pauseProducing()
    return transport, channel.unread()


def idleConnections(site: Any) -> list[Server]:
    """
    The connections of a site that may go elsewhere, and on which nothing is asked just
    now: plain TCP, with HTTP/1.1 or nothing on it yet.

    :param site: one of ours.
    """
    return [
        each
        for each in site.reactor.getReaders()
        if type(each) is Server
        and isinstance(each.protocol, (BoundedProtocol, BoundedChannel))
        and _isIdle(each, site)
    ]


def _isIdle(transport: Any, site: Any) -> bool:
    channel: Any = transport.protocol.channel
    return (
        isHTTP1(channel)
        and channel.site is site
        and channel.transport is transport
        and channel.isBetweenRequests
        and not transport.disconnecting
        and not channel.wire.pending(0)
    )


def holdIdle(transport: Any, site: Any) -> bytes | None:
    """
    Read nothing more from such a connection, if it still is one.

    :return: what has come on it. None if it has to stay.
    """
    if not transport.connected or not _isIdle(transport, site):
        return None
    channel: Any = transport.protocol.channel
    transport.pauseProducing()
    # It may have a time-out where it goes.
    channel.setTimeout(None)
    unread: bytes = channel.unread()
    return unread


def sendElsewhere(site: Any) -> None:
    """
    Have those who talk HTTP/2 make their further requests on other connections.
    """
    for connection in list(site.http2):
        connection.goAway()


async def closeStreams(site: Any) -> None:
    """
    Close the connections of HTTP/2, and wait until their clients know which of their
    requests nobody has seen, for `GOODBYE_TIME` seconds at most.
    """
    last = site.reactor.seconds() + GOODBYE_TIME
    for connection in list(site.http2):
        connection.close()
    while site.http2 and site.reactor.seconds() < last:
        await deferLater(site.reactor, _LOOK)


def letGo(transport: Any) -> None:
    """
    Forget a connection that another process has now. It stays open.
    """
    # The other process's is the same one.
    transport._shouldShutdown = False
    transport.connectionLost(Failure(ConnectionDone()))


def adopt(site: Any, descriptor: int) -> Any:
    """
    Serve a connection that another process had.

    :param site: the Site to serve, one of ours.
    :param descriptor: its file descriptor, which is closed here.
    :return: the Site's side of it, to be given what has come on it and is still to be
        answered.
    :raise OSError: if it cannot be, as where there are no more descriptors.
    """
    handle = socket.socket(fileno=descriptor)
    try:
        transport = site.reactor.adoptStreamConnection(descriptor, handle.family, site)
    finally:
        handle.close()
    return transport.protocol
