"""Requests that are passed on as the bytes that they came as: `Shortcuts`.

The first request of a connection that is passed on takes the ordinary way, by
twisted.web's `Request`. Those that follow it there are looked at, and sent on with what
is told of the client; and the answer goes back as it comes. Where somebody has to have
a say in one after all, it becomes a `Request`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from txsockjs.cluster.connections import PeerPool
from txsockjs.cluster.passed import NOT_PASSED, passedLines
from txsockjs.cluster.reading import ResponseHead
from txsockjs.cluster.relay import NO_ANSWERS, Passing
from txsockjs.core.service import Life
from txsockjs.transports.base import ServiceResource
from txsockjs.web.channel import BoundedChannel
from txsockjs.web.head import Start

#: What answers a request that its peer has not answered.
Otherwise = Callable[[Request, ServiceResource, Exception], object]

#: Where a request goes: the connections to the worker that has the session. It gets the
#: channel, the Resource and the session's id, and returns None for what is not passed
#: on as it is.
Find = Callable[[BoundedChannel, ServiceResource, bytes], "PeerPool | None"]

# Headers that make a request none to be passed on as it is. The length of its body is
# the same there; that the connection is kept, as browsers say, is left out.
_ASIDE: Final = NOT_PASSED - {b"Connection", b"Content-Length"}
_KEPT: Final = [b"keep-alive"]
_KEPT_LINE: Final = b"\r\nConnection: keep-alive"

# What a query begins with, and what marks a path that has to be decoded.
_QUERY: Final = b"?"
_ESCAPE: Final = b"%"


class Shortcuts:
    """
    Has the further requests of connections passed on without a `Request` for each.
    """

    def __init__(self, clock: IReactorTime, find: Find, otherwise: Otherwise) -> None:
        """
        :param find: where a request goes.
        :param otherwise: answers one that its peer has not answered.
        """
        self._clock = clock
        self._find = find
        self._otherwise = otherwise
        # The Resources to which requests were passed on, by what is before and behind
        # the server and the session in their URLs.
        self._known: dict[tuple[bytes, bytes], ServiceResource] = {}

    def open(self, request: Request, resource: ServiceResource) -> None:
        """
        A request is passed on: have others that come so on its connection take the
        short way.
        """
        channel: Any = request.channel
        isOurs = type(channel) is BoundedChannel
        if not isOurs or channel.site.logs:
            # HTTP/2, or somebody else's; and the access log is told of requests.
            return
        path: bytes = request.path
        if _ESCAPE not in path:
            base, _, _, name = path.rsplit(b"/", 3)
            self._known[base, name] = resource
        if channel.shortcut is None:
            told = b"".join(passedLines(request))
            channel.shortcut = partial(self._take, told)

    def _take(
        self, told: bytes, channel: BoundedChannel, start: Start
    ) -> DirectRelay | None:
        """
        What passes a request on, if it can be passed on as it came.

        :param told: the headers that tell of the connection.
        """
        target = start.target
        path = target.partition(_QUERY)[0]
        place = path.rsplit(b"/", 3)
        if len(place) != 4 or _ESCAPE in path:
            return None
        base, server, id, name = place
        resource = self._known.get((base, name))
        if (
            resource is None
            or start.method != resource.method
            or resource.service.life is not Life.RUNNING
            or not server
            or not id
            or b"." in server
            or b"." in id
        ):
            return None
        lines, fields = start.block, start.head.fields
        if not _ASIDE.isdisjoint(fields):
            return None
        if b"Connection" in fields:
            size = len(lines)
            lines = lines.replace(_KEPT_LINE, b"", 1)
            if fields[b"Connection"] != _KEPT or len(lines) == size:
                return None
        pool = self._find(channel, resource, id)
        if pool is None:
            return None
        head = b"%b %b HTTP/1.1\r\n%b\r\n%b\r\n" % (start.method, target, lines, told)
        otherwise = self._otherwise
        return DirectRelay(channel, resource, otherwise, self._clock, pool, head)


class DirectRelay(Passing):
    """
    Passes one request on as it came, and its answer back as it comes. To the channel it
    stands in for the request.
    """

    takesChunks = True
    _start: Start
    _body: bytes
    _head: ResponseHead
    # Whether the client has got a part of the answer.
    _isStreaming = False

    def __init__(
        self,
        channel: BoundedChannel,
        resource: ServiceResource,
        otherwise: Otherwise,
        clock: IReactorTime,
        pool: PeerPool,
        data: bytes,
    ) -> None:
        """
        :param channel: what the request comes on.
        :param resource: what would answer it here.
        :param otherwise: answers it where the peer does not.
        :param pool: the connections to the peer.
        :param data: the request's head.
        """
        self._clock = clock
        self._service = resource.service
        self._channel = channel
        self._wire = channel.wire
        self._resource = resource
        self._otherwise = otherwise
        self._pool = pool
        # What is sent; and then the body of the answer, where it came as one piece.
        self._data = data

    # StandIn

    def receive(self, start: Start, body: bytes) -> None:
        self._start, self._body = start, body
        data, self._data = self._data + body, b""
        self._pool.ask(data, self, self)

    # Answer

    def begun(self, head: ResponseHead) -> None:
        self._head = head
        if head.length is None and head.code not in NO_ANSWERS:
            self._begin(b"")

    def came(self, data: bytes) -> None:
        head = self._head
        if self._over or head.code in NO_ANSWERS:
            return
        if self._isStreaming:
            self._flow(self._wire.write, data)
        elif len(data) == head.length:
            self._data = data
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        """
        Begin an answer that does not come as one piece.
        """
        self._isStreaming = True
        self._wire.write(self._head.wire + data)
        channel: Any = self._channel
        channel.registerProducer(self, True)

    def done(self) -> None:
        if self._over:
            return
        self._end()
        head = self._head
        if head.code in NO_ANSWERS:
            self._refer(NO_ANSWERS[head.code]())
            return
        channel: Any = self._channel
        if self._isStreaming:
            channel.unregisterProducer()
        else:
            self._wire.write(head.wire + self._data)
        channel.requestDone(self)

    def broken(self, error: Exception) -> None:
        if self._over:
            return
        self._end()
        if self._isStreaming:
            # What has been sent of the answer is not to pass for all of it.
            self._wire.abort()
        else:
            self._refer(error)

    def _refer(self, error: Exception) -> None:
        """
        Have it answered in another way.
        """
        request = self._channel.replace(self, self._start, self._body)
        self._otherwise(request, self._resource, error)
