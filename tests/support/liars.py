"""A server in memory that lies: `LyingServer`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.sockets import upgraded
from txsockjs.testing import MemoryReactor

#: What a service says of itself that offers everything.
INFO: Final = b'{"websocket":true,"cookie_needed":false,"origins":["*:*"],"entropy":1}'

_KEY: Final = re.compile(rb"(?i)\r\nsec-websocket-key: (\S+)")
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


@attrs.frozen
class Lie:
    """
    What is done with a request.

    :ivar data: the bytes that answer it; or what makes them of the request's head.
    :ivar then: what follows: ``"stay"``, ``"close"``, or ``"reset"``.
    :ivar pace: how many seconds lie between two bytes; None: they come at once.
    """

    data: bytes | Callable[[bytes], bytes] = b""
    then: str = "stay"
    pace: float | None = None

    def of(self, head: bytes) -> bytes:
        """
        The bytes that answer this head.
        """
        return self.data if isinstance(self.data, bytes) else self.data(head)


def response(
    body: bytes = b"",
    status: str = "200 OK",
    length: int | None = None,
    **headers: str,
) -> bytes:
    """
    A response of HTTP/1.1 with a length.

    :param length: what it says that its length is, if that is a lie.
    :param headers: further headers, with ``_`` for ``-``.
    """
    headers["Content-Length"] = str(len(body) if length is None else length)
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*chunks: bytes, end: bool = False) -> bytes:
    """
    A response in chunks, as one that streams is.

    :param end: whether the last chunk is there.
    """
    parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(parts) + (b"0\r\n\r\n" if end else b"")


def accepted(*frames: bytes) -> Callable[[bytes], bytes]:
    """
    A WebSocket's handshake that is accepted, with frames behind it.
    """

    def answer(head: bytes) -> bytes:
        key = _KEY.search(head)
        assert key is not None, head
        return upgraded(key[1]) + b"".join(frames)

    return answer


class LyingServer(Factory):
    """
    Answers requests with lies, and tells the truth in ``info`` unless told otherwise.

    :ivar asked: the method and the path of each request.
    :ivar said: what came behind the head of each.
    :ivar open: the connections that there are.
    """

    noisy = False

    def __init__(self, reactor: MemoryReactor, **lies: Lie | list[Lie]) -> None:
        """
        :param lies: what is done with requests whose path ends so; of several, with one
            after the other, and the last for ever.
        """
        self.reactor = reactor
        self.asked: list[tuple[str, str]] = []
        self.said: list[bytes] = []
        self.open: set[_Connection] = set()
        lies.setdefault("info", Lie(response(INFO)))
        self._lies: dict[str, Iterator[Lie]] = {
            name: self._each(lie if isinstance(lie, list) else [lie])
            for name, lie in lies.items()
        }

    def _each(self, lies: list[Lie]) -> Iterator[Lie]:
        yield from lies
        while True:
            yield lies[-1]

    def buildProtocol(self, addr: object) -> _Connection:
        return _Connection(self)

    def lie(self, head: bytes, body: bytes) -> Lie:
        """
        What is done with a request.
        """
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.asked.append((method, path))
        self.said.append(body)
        name = path.partition("?")[0].rpartition("/")[2]
        if name not in self._lies:
            return Lie(response(b"There is nothing here.", "404 Not Found"))
        return next(self._lies[name])

    def count(self, name: str) -> int:
        """
        How many requests there were whose path ends so.
        """
        return sum(path.endswith(f"/{name}") for _, path in self.asked)


class _Connection(Protocol):
    transport: Any = None

    def __init__(self, server: LyingServer) -> None:
        self._server = server
        self._data = b""
        self._busy = False
        self._call: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._server.open.add(self)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        self._next()

    def _next(self) -> None:
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if self._busy or not end:
            return
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return
        body, self._data = rest[:size], rest[size:]
        lie = self._server.lie(head, body)
        data = lie.of(head + end)
        if lie.pace is None:
            self.transport.write(data)
            self._then(lie)
        else:
            self._busy = True
            self._slowly(lie, data, 0)

    def _slowly(self, lie: Lie, data: bytes, place: int) -> None:
        self._call = None
        if place == len(data):
            self._busy = False
            self._then(lie)
            return
        self.transport.write(data[place : place + 1])
        assert lie.pace is not None
        self._call = self._server.reactor.callLater(
            lie.pace, self._slowly, lie, data, place + 1
        )

    def _then(self, lie: Lie) -> None:
        if lie.then == "close":
            self.transport.loseConnection()
        elif lie.then == "reset":
            # What was said before arrives.
            self._call = self._server.reactor.callLater(0.01, self._reset)
        else:
            self._next()

    def _reset(self) -> None:
        self._call = None
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.open.discard(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None
