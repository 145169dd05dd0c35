"""In memory: fakes with which to test an application over SockJS, or a part of it.

A whole server, with a browser's side of it, on no socket and in no time::

    site = MemorySite.serving(Factory.forProtocol(wire.Echo))
    client = MemoryClient(site)
    opened = client.request("POST", "/000/s1/xhr")
    assert opened.body == b"o\\n"
    client.request("POST", "/000/s1/xhr_send", body=b'["hello"]')
    assert client.request("POST", "/000/s1/xhr").body == b'a["hello"]\\n'
    site.stop()

Everything is Twisted's own but the sockets: the Site, its channels, the transports with
their buffers and producers. Time passes when L{MemorySite.advance} says so.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from errno import ECONNRESET, EPIPE, EWOULDBLOCK
from http.client import parse_headers
from io import BytesIO
from typing import Any, Final, TypeAlias, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IProtocol,
    IReactorFDSet,
    IReadDescriptor,
    ISSLTransport,
    IWriteDescriptor,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import NO_BODY_CODES
from twisted.web.http_headers import Headers
from twisted.web.server import Site
from zope.interface import implementer

from txsockjs.core.frames import Frame
from txsockjs.core.session import Session
from txsockjs.factory import SockJSFactory
from txsockjs.interfaces import IReceiver
from txsockjs.options import SockJSOptions

__all__ = [
    "MemoryClient",
    "MemoryConnection",
    "MemoryReactor",
    "MemoryReceiver",
    "MemoryResponse",
    "MemorySite",
]

_P = TypeVar("_P", bound=IProtocol)

Text: TypeAlias = "str | bytes"

#: What L{MemoryClient.request} takes as headers: a dict, or pairs to repeat a name.
RequestHeaders: TypeAlias = "Mapping[str, Text] | Iterable[tuple[str, Text]]"

_CLIENT: Final = IPv4Address("TCP", "192.0.2.7", 50000)
_SERVER: Final = IPv4Address("TCP", "192.0.2.1", 80)

# Turns of the reactor after which something is taken to go round in circles.
_TURNS: Final = 100_000


@implementer(IReceiver)
class MemoryReceiver:
    """
    A receiver that keeps the frames which a L{Session} gives it.

    @ivar frames: the bytes of each frame that it took.
    @ivar pending: the bytes that L{pendingBytes} tells of, for a test to set.
    @ivar aborted: whether the session dropped it.
    """

    session: Session | None = None

    def __init__(self, limit: int | None = None, *, persistent: bool = False) -> None:
        """
        @param limit: how many frames it takes before it is finished: 1 for a polling
            response, None for any number.
        @param persistent: whether its life is the session's life, as a WebSocket's is.
        """
        self.persistent = persistent
        self.frames: list[bytes] = []
        self.pending = 0
        self.finished = False
        self.aborted = False
        self._limit = limit
        self._paused = False

    def sendFrame(self, frame: Frame) -> bool:
        if self.finished:
            raise RuntimeError(f"{frame!r} was sent to a finished receiver")
        self.frames.append(frame.data)
        if len(self.frames) == self._limit:
            self.finished = True
        return not (self.finished or self._paused)

    def finish(self) -> None:
        self.finished = True

    def abort(self) -> None:
        self.finished = self.aborted = True

    def pendingBytes(self) -> int:
        return self.pending

    def pause(self) -> None:
        """
        Be full from the next frame on.
        """
        self._paused = True

    def resume(self) -> None:
        """
        Have room again.
        """
        self._paused = False
        if self.session is not None:
            self.session.resume(self)

    def drop(self, reason: Exception | None = None) -> None:
        """
        Lose the connection under it, as a network does.

        @param reason: why; by default it was closed in good order.
        """
        self.finished = True
        if self.session is not None:
            self.session.lost(self, Failure(reason or ConnectionDone()))


class MemorySocket:
    """
    One end of a connection in memory, as far as Twisted's TCP transports use a socket.
    """

    peer: MemorySocket

    def __init__(self, name: tuple[Any, ...], room: int) -> None:
        """
        @param name: the address of this end.
        @param room: how many bytes it holds that nobody has read from it.
        """
        self._name = name
        self._room = room
        self._incoming = bytearray()
        self._ended = False
        self._reset = False
        self._lingers = True
        self.closed = False

    def isReadable(self) -> bool:
        return bool(self._incoming) or self._ended

    def isWritable(self) -> bool:
        peer = self.peer
        return peer.closed or len(peer._incoming) < peer._room

    def recv(self, size: int) -> bytes:
        if self._reset:
            raise OSError(ECONNRESET, "reset by the peer")
        data = bytes(self._incoming[:size])
        del self._incoming[:size]
        if not data and not self._ended:
            raise OSError(EWOULDBLOCK, "nothing to read")
        return data

    def send(self, data: memoryview) -> int:
        peer = self.peer
        if peer.closed:
            raise OSError(EPIPE, "closed by the peer")
        count = min(len(data), peer._room - len(peer._incoming))
        if count <= 0:
            raise OSError(EWOULDBLOCK, "no room")
        peer._incoming += data[:count]
        return count

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self.peer._ended = True

    def close(self) -> None:
        self.closed = True
        self.peer._ended = True
        if not self._lingers:
            self.peer._reset = True

    def setsockopt(self, level: int, option: int, value: object) -> None:
        if option == socket.SO_LINGER:
            # So a transport asks for a reset in place of an orderly end.
            self._lingers = False

    def getsockopt(self, level: int, option: int) -> int:
        return 0

    def setblocking(self, blocking: bool) -> None:
        pass

    def fileno(self) -> int:
        return -1

    def getsockname(self) -> tuple[Any, ...]:
        return self._name


@implementer(IReactorFDSet)
class MemoryReactor(Clock):
    """
    A L{Clock} that serves connections in memory too.
    """

    _log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[IReadDescriptor, None] = {}
        self._writers: dict[IWriteDescriptor, None] = {}

    def addReader(self, reader: IReadDescriptor) -> None:
        self._readers[reader] = None

    def addWriter(self, writer: IWriteDescriptor) -> None:
        self._writers[writer] = None

    def removeReader(self, reader: IReadDescriptor) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: IWriteDescriptor) -> None:
        self._writers.pop(writer, None)

    def removeAll(self) -> list[Any]:
        removed: list[Any] = [*self._readers, *self._writers]
        self._readers.clear()
        self._writers.clear()
        return removed

    def getReaders(self) -> list[IReadDescriptor]:
        return list(self._readers)

    def getWriters(self) -> list[IWriteDescriptor]:
        return list(self._writers)

    def turn(self) -> bool:
        """
        Make the calls that are due, then read and write once what can be.

        @return: whether there was anything to do.
        """
        due = any(call.getTime() <= self.seconds() for call in self.calls)
        super().advance(0)
        readers: list[Any] = [
            r
            for r in self._readers
            if r.getHandle().isReadable()  # type: ignore[attr-defined]
        ]
        writers: list[Any] = [
            w
            for w in self._writers
            if w.getHandle().isWritable()  # type: ignore[attr-defined]
        ]
        for reader in readers:
            if reader in self._readers:
                self._do(reader, reader.doRead, True)
        for writer in writers:
            if writer in self._writers:
                self._do(writer, writer.doWrite, False)
        return bool(due or readers or writers)

    def _do(self, transport: Server, do: Callable[[], Any], isRead: bool) -> None:
        try:
            why = do()
        except Exception as error:
            self._log.failure("A protocol raised, and loses its connection.")
            why = error
        if not why:
            return
        self.removeReader(transport)
        if isRead and isinstance(why, ConnectionDone):
            transport.readConnectionLost(Failure(why))
        else:
            self.removeWriter(transport)
            transport.connectionLost(Failure(why))

    def settle(self) -> None:
        """
        Turn until there is nothing to do at this time.

        @raise RuntimeError: if that does not come to an end.
        """
        for _ in range(_TURNS):
            if not self.turn():
                return
        raise RuntimeError("the reactor does not settle: something calls itself")

    def advance(self, amount: float) -> None:
        """
        Let time pass: each delayed call is made at its own time, not all at the last.

        @param amount: seconds.
        """
        end = self.rightNow + amount
        self.settle()
        while self.calls and (due := self.calls[0].getTime()) <= end:
            self.rightNow = due
            self.settle()
        self.rightNow = end


class _Transport(Server):
    """
    Twisted's TCP transport, over a L{MemorySocket}.
    """

    def __init__(
        self, end: MemorySocket, protocol: IProtocol, reactor: MemoryReactor
    ) -> None:
        handle: Any = end
        none: Any = None
        super().__init__(handle, protocol, end.peer.getsockname(), none, 0, reactor)
        self.repstr = f"<{type(protocol).__name__} in memory>"


@implementer(ISSLTransport)
class _SecureTransport(_Transport):
    """
    The same, as though it were TLS.
    """

    certificate: Any = None

    def getPeerCertificate(self) -> Any:
        return self.certificate


class MemorySite:
    """
    A real Site that is listening, in memory.

    @ivar site: the Site.
    @ivar reactor: its clock, and what moves its bytes.
    @ivar room: how many bytes the network holds for a side that does not read.
    """

    room = 65536

    def __init__(self, site: Site) -> None:
        """
        @param site: what to serve. It was made with a L{MemoryReactor} as its
            C{reactor} (or C{clock}, for the factories of this package).
        @raise TypeError: if it was not.
        """
        reactor = site.reactor
        if not isinstance(reactor, MemoryReactor):
            raise TypeError(f"the Site has {reactor!r}; it needs a MemoryReactor")
        self.reactor = reactor
        self.site = site
        site.doStart()

    @classmethod
    def serving(
        cls,
        factory: Factory,
        options: SockJSOptions | Mapping[str, object] | None = None,
    ) -> MemorySite:
        """
        A L{SockJSFactory} that is listening, in memory.

        @param factory: the factory whose protocols the sessions are.
        @param options: the service's options, or a dict of them by name.
        """
        return cls(SockJSFactory(factory, options, clock=MemoryReactor()))

    def connect(
        self,
        protocol: _P,
        peer: IPv4Address | IPv6Address = _CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> _P:
        """
        Connect a client's protocol to the Site.

        @param protocol: the client's side. Its C{transport} is Twisted's own, with
            C{pauseProducing}, C{loseConnection}, C{abortConnection} as everywhere.
        @param peer: the client's address.
        @param secure: whether the Site sees a TLS connection.
        @param certificate: the client's certificate, as the Site sees it.
        @return: the protocol.
        """
        near = MemorySocket(_socketName(peer), self.room)
        far = MemorySocket(_socketName(_SERVER), self.room)
        near.peer, far.peer = far, near
        channel = self.site.buildProtocol(peer)
        assert channel is not None
        transport: _Transport
        if secure:
            transport = _SecureTransport(far, channel, self.reactor)
            transport.certificate = certificate
        else:
            transport = _Transport(far, channel, self.reactor)
        channel.makeConnection(transport)
        protocol.makeConnection(_Transport(near, protocol, self.reactor))
        self.settle()
        return protocol

    def settle(self) -> None:
        """
        Let both sides do all that there is to do now.
        """
        self.reactor.settle()

    def advance(self, seconds: float) -> None:
        """
        Let time pass.
        """
        self.reactor.advance(seconds)

    def stop(self) -> None:
        """
        Stop listening, which drops the sessions, and hang up on every client.
        """
        self.site.doStop()
        for reader in self.reactor.removeAll():
            reader.connectionLost(Failure(ConnectionDone()))
        self.settle()


def _socketName(address: IPv4Address | IPv6Address) -> tuple[Any, ...]:
    if isinstance(address, IPv6Address):
        return (address.host, address.port, 0, 0)
    return (address.host, address.port)


class MemoryResponse:
    """
    A response, as far as it has come.

    @ivar raw: all of its bytes.
    @ivar connection: the connection that it comes on.
    """

    def __init__(self, method: str, connection: MemoryConnection) -> None:
        self.raw = b""
        self.connection = connection
        self._method = method

    @property
    def status(self) -> int:
        """
        The status code.

        @raise ValueError: if nothing has come yet.
        """
        return int(self._head().partition(b" ")[2][:3])

    @property
    def headers(self) -> Headers:
        """
        The headers.
        """
        headers = Headers()
        for name, value in parse_headers(
            BytesIO(self._head().partition(b"\r\n")[2])
        ).items():
            headers.addRawHeader(name.encode("ascii"), value.encode("latin-1"))
        return headers

    @property
    def body(self) -> bytes:
        """
        The body, without its chunked coding, as far as it has come.
        """
        return self._parse()[0]

    @property
    def finished(self) -> bool:
        """
        Whether all of it has come.
        """
        return bool(self.raw) and self._parse()[1]

    def _head(self) -> bytes:
        head, end, _ = self.raw.partition(b"\r\n\r\n")
        if not end:
            raise ValueError(f"the head of a response has not come: {self.raw!r}")
        return head + end

    def _parse(self) -> tuple[bytes, bool]:
        if self._method == "HEAD" or self.status in NO_BODY_CODES:
            return b"", True
        body = self.raw.partition(b"\r\n\r\n")[2]
        headers = self.headers
        if headers.hasHeader("Transfer-Encoding"):
            return _dechunk(body)
        length = headers.getRawHeaders("Content-Length")
        if length is not None:
            return body, len(body) >= int(length[0])
        return body, self.connection.closed


def _dechunk(coded: bytes) -> tuple[bytes, bool]:
    """
    What is in a chunked body (RFC 9112, section 7.1), and whether it is complete.
    """
    chunks: list[bytes] = []
    while True:
        size, end, coded = coded.partition(b"\r\n")
        if not end:
            return b"".join(chunks), False
        length = int(size, 16)
        if not length:
            return b"".join(chunks), coded.startswith(b"\r\n")
        chunks.append(coded[:length])
        coded = coded[length + 2 :]


class MemoryConnection(Protocol):
    """
    A client's connection, for requests or for any bytes at all.

    @ivar received: all bytes that came.
    @ivar closed: whether it has ended.
    """

    def __init__(self, site: MemorySite) -> None:
        self.site = site
        self.received = b""
        self.closed = False
        self.response: MemoryResponse | None = None

    def send(self, data: bytes) -> None:
        """
        Send bytes, which arrive in one piece, and let the server do what it does.
        """
        assert self.transport is not None
        self.transport.write(data)
        self.site.settle()

    def request(
        self,
        method: str,
        path: str,
        headers: RequestHeaders = (),
        body: bytes = b"",
        version: str = "HTTP/1.1",
    ) -> MemoryResponse:
        """
        Make a request. The one before on this connection has to be finished.

        @param headers: headers to send beside C{Host} and C{Content-Length}, which are
            sent unless they are among them.
        @return: the response, which grows as more of it comes.
        """
        if self.response is not None and not self.response.finished:
            raise RuntimeError("the response before has not ended")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        fields = [(name, _bytes(value)) for name, value in pairs]
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", b"sockjs.example"))
        if method != "GET" and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", b"%d" % len(body)))
        self.response = MemoryResponse(method, self)
        lines = [f"{method} {path} {version}".encode("latin-1")]
        lines += [b"%b: %b" % (_bytes(name), value) for name, value in fields]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return self.response

    def abort(self) -> None:
        """
        Lose the connection, as a network does.
        """
        transport: Any = self.transport
        transport.abortConnection()
        self.site.settle()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.response is not None:
            self.response.raw += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True


def _bytes(text: Text) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


class MemoryClient:
    """
    A browser's side of a L{MemorySite}: requests, each on the first connection that is
    free.
    """

    def __init__(
        self,
        site: MemorySite,
        peer: IPv4Address | IPv6Address = _CLIENT,
        *,
        secure: bool = False,
        certificate: object = None,
    ) -> None:
        """
        @param site: what to talk to.
        @param peer: the client's address.
        @param secure: whether the Site sees TLS connections.
        @param certificate: the client's certificate, as the Site sees it.
        """
        self._site = site
        self._peer = peer
        self._secure = secure
        self._certificate = certificate
        self._connections: list[MemoryConnection] = []

    def connect(self) -> MemoryConnection:
        """
        Open a connection of its own.
        """
        return self._site.connect(
            MemoryConnection(self._site),
            self._peer,
            secure=self._secure,
            certificate=self._certificate,
        )

    def request(
        self,
        method: str,
        path: str,
        headers: RequestHeaders = (),
        body: bytes = b"",
    ) -> MemoryResponse:
        """
        Make a request, as L{MemoryConnection.request}.
        """
        for connection in self._connections:
            response = connection.response
            if not connection.closed and response is not None and response.finished:
                break
        else:
            connection = self.connect()
            self._connections.append(connection)
        return connection.request(method, path, headers, body)
