"""
The suite's HTTP and socket client: answers as values, bodies as they arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, NoReturn
from urllib.parse import urlsplit

import attrs
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    HTTPConnectionPool,
    ResponseDone,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS

PATIENCE = 5.0
"""Seconds without news after which the target is taken to be silent."""

MOST = 8 * 1024 * 1024
"""Bytes that nobody has read, after which the target is taken to send without end."""

_CLEAN = (ConnectionDone, ResponseDone, PotentialDataLoss)


class ByteStream(Protocol):
    """
    Bytes as they arrive, read by count, up to a mark, or to the end.

    It is the protocol of a raw connection, or the reader of a response's body.

    :ivar clock: what tells the time.
    :ivar patience: seconds without news after which a read fails.
    :ivar reason: why the stream ended, or None while it goes on.
    """

    transport: Any = None

    def __init__(self, clock: IReactorTime, patience: float) -> None:
        self.clock = clock
        self.patience = patience
        self.reason: Failure | None = None
        self._buffer = b""
        self._news: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MOST:
            self._buffer = self._buffer[:100]
            self.reason = Failure(AssertionError(f"{MOST} bytes came and more"))
            self.transport.loseConnection()
        self._tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reason = self.reason or reason
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, Deferred()
        news.callback(None)

    async def _until(self, complete: Callable[[], bool], wanted: str) -> None:
        while not complete():
            if self.reason is not None:
                raise AssertionError(
                    f"ended before {wanted}: {self._buffer!r} {self.reason.value!r}"
                )
            if self._news.called:
                # Who waited before has given up.
                self._news = Deferred()
            try:
                await self._news.addTimeout(self.patience, self.clock)
            except TimeoutError:
                raise AssertionError(
                    f"silence before {wanted}: {self._buffer!r}"
                ) from None

    async def stop(self, *, abort: bool = False) -> None:
        """
        End the stream's connection if it has not ended, and wait until it has.

        :param abort: reset the connection, on a raw one alone.
        """
        if self.reason is None:
            if abort:
                self.transport.abortConnection()
            else:
                self.transport.loseConnection()
        await self._until(lambda: self.reason is not None, "the end")

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    async def read(self, count: int) -> bytes:
        """
        The next ``count`` bytes.

        :raise AssertionError: the stream ended, or fell silent, before that.
        """
        await self._until(lambda: len(self._buffer) >= count, f"{count} bytes")
        return self._take(count)

    async def readThrough(self, mark: bytes) -> bytes:
        """
        The next bytes up to ``mark`` and with it.

        :raise AssertionError: the stream ended, or fell silent, before that.
        """
        await self._until(lambda: mark in self._buffer, repr(mark))
        return self._take(self._buffer.index(mark) + len(mark))

    async def readAll(self) -> bytes:
        """
        The bytes that are left, once the stream has ended.

        :raise AssertionError: the stream fell silent without an end, or was cut off.
        """
        await self._until(lambda: self.reason is not None, "the end")
        if self.reason is not None and not self.reason.check(*_CLEAN):
            raise AssertionError(f"cut off: {self._buffer!r} {self.reason.value!r}")
        return self._take(len(self._buffer))

    async def isOver(self) -> bool:
        """
        Whether the stream has ended with no byte left. Waits until there is one, or an
        end.

        :raise AssertionError: the stream fell silent.
        """
        await self._until(
            lambda: bool(self._buffer) or self.reason is not None, "anything more"
        )
        return not self._buffer

    async def readHead(self) -> tuple[int, Headers]:
        """
        The status and headers of an HTTP response on a raw connection.
        """
        status, *lines = (await self.readThrough(b"\r\n\r\n"))[:-4].split(b"\r\n")
        headers = Headers()
        for line in lines:
            name, _, value = line.partition(b":")
            headers.addRawHeader(name, value.strip())
        return int(status.split(b" ")[1]), headers

    async def readChunk(self) -> bytes:
        """
        The data of the next chunk of a chunked body; the last one is empty.
        """
        size = int((await self.readThrough(b"\r\n"))[:-2], 16)
        return (await self.read(size + 2))[:-2]

    async def readChunksThrough(self, mark: bytes) -> bytes:
        """
        The data of the next chunks, up to one that ends with ``mark``.
        """
        data = await self.readChunk()
        while not data.endswith(mark):
            data += await self.readChunk()
        return data


def _silent(result: object, seconds: float) -> NoReturn:
    """
    Tell of a request that was given up, which the Agent may call by other names.
    """
    raise AssertionError(f"silence before an answer, for {seconds:g} seconds")


@attrs.define
class Reply:
    """
    An HTTP response.

    :ivar stream: the body, as it arrives.
    :ivar body: the body, where the response was waited for to its end.
    """

    status: int
    headers: Headers
    stream: ByteStream
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """
        The value of a header, None where it is absent; several are an error.
        """
        values = self.headers.getRawHeaders(name, [])
        if len(values) > 1:
            raise AssertionError(f"{name} is there {len(values)} times: {values}")
        return values[0] if values else None


class Target:
    """
    The server under test.

    :ivar clock: the reactor.
    :ivar origin: the scheme, host and port of its URL.
    :ivar patience: seconds without news after which it is taken to be silent.
    :ivar headers: sent with every request.
    """

    def __init__(
        self,
        reactor: Any,
        url: str,
        patience: float = PATIENCE,
        headers: Sequence[tuple[str, str]] = (),
        contextFactory: IPolicyForHTTPS | None = None,
    ) -> None:
        """
        :param contextFactory: what makes TLS connections; verifies, if not given.
        """
        parts = urlsplit(url)
        self.clock: IReactorTime = reactor
        self.patience = patience
        self.headers = headers
        self._policy = contextFactory or BrowserLikePolicyForHTTPS()
        self.origin: str = f"{parts.scheme}://{parts.netloc}"
        self._parts = parts
        self._reactor = reactor
        self._agent = Agent(
            reactor,
            self._policy,
            pool=HTTPConnectionPool(reactor, persistent=False),
            connectTimeout=patience,
        )

    def message(
        self,
        method: str,
        path: str,
        headers: bytes = b"",
        body: bytes = b"",
        version: bytes = b"1.1",
    ) -> bytes:
        """
        The bytes of a request, for a raw connection.

        :param path: sent as it is.
        :param headers: further lines, each with its line end.
        """
        for own in self.headers:
            headers += "{}: {}\r\n".format(*own).encode()
        if method == "POST":
            headers += b"Content-Length: %d\r\n" % len(body)
        line = f"{method} {path}".encode()
        host = self._parts.netloc.encode()
        return b"%b HTTP/%b\r\nHost: %b\r\n%b\r\n%b" % (
            line,
            version,
            host,
            headers,
            body,
        )

    def endpoint(self) -> IStreamClientEndpoint:
        """
        Where raw connections go.
        """
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return HostnameEndpoint(self._reactor, host, port or 80, self.patience)
        port = port or 443
        return wrapClientTLS(
            self._policy.creatorForNetloc(host.encode("idna"), port),
            HostnameEndpoint(self._reactor, host, port, self.patience),
        )

    async def connect(self) -> ByteStream:
        """
        Open a raw connection.
        """
        stream = ByteStream(self.clock, self.patience)
        await connectProtocol(self.endpoint(), stream)
        return stream

    async def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        patience: float | None = None,
    ) -> Reply:
        """
        Ask, and answer with the response as soon as its headers are here.

        :param path: sent as it is.
        :param patience: seconds that the target may be silent, where it may be so for
            longer than usual.
        """
        patience = patience or self.patience
        sent = Headers({name: [value] for name, value in (headers or {}).items()})
        for own in self.headers:
            sent.addRawHeader(*own)
        asked = self._agent.request(
            method.encode(),
            (self.origin + path).encode(),
            sent,
            None if body is None else FileBodyProducer(BytesIO(body)),
        )
        response = await asked.addTimeout(patience, self.clock, _silent)
        stream = ByteStream(self.clock, patience)
        response.deliverBody(stream)
        return Reply(response.code, response.headers, stream)
