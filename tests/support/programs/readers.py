"""Clients that read when they are told to: `Reader`, over any receiving transport."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.sockets import frame, upgrade
from tests.support.waiting import Waiting

TRANSPORTS = ("websocket", "xhr_streaming", "eventsource", "xhr")

_LENGTH = re.compile(rb"(?i)\r\nContent-Length: (\d+)")
_METHODS = {"eventsource": b"GET"}


def numbered(number: int, size: int) -> str:
    """
    A message that can be told from every other: so many characters of ASCII.
    """
    return f"{number:010d}".ljust(size, "x")


def feed(tag: bytes, body: bytes) -> tuple[list[bytes], bytes]:
    """
    The lines of a response that are frames, and what is left of the last one.
    """
    *lines, rest = body.split(b"\n")
    frames = [line.rstrip(b"\r").removeprefix(tag) for line in lines]
    return [each for each in frames if each[:1] in b"oahc" and each[1:2] != b"h"], rest


class Reader(Waiting, Protocol):
    """
    A client's end of a session, on one connection, which comes again as long as the
    session is open.

    :ivar count: how many messages have come.
    :ivar size: how many characters they had.
    :ivar wrong: the first message that was not the next of `numbered`, if one was not.
    :ivar code: the code of the close frame, if one has come.
    :ivar opened: what fires when the session is open.
    :ivar ended: what fires when the connection is lost.
    """

    transport: Any

    def __init__(self, name: str, path: str) -> None:
        """
        :param name: a transport of `TRANSPORTS`.
        :param path: the session's URL without the transport.
        """
        self.name = name
        self.path = path.encode()
        self.count = self.size = 0
        self.wrong: str | None = None
        self.code: int | None = None
        self.opened: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.onMessage: Callable[[str], object] = self.check
        self._data = b""
        self._rest = b""
        self._parse = self._head
        self._tag = b"data: " if name == "eventsource" else b""
        # The bytes of the body, or of the chunk, that are still to come.
        self._left = 0
        self._chunked = False

    # What a test does

    def isOver(self) -> bool:
        """
        Whether a close frame has come, or the connection has ended.
        """
        return self.code is not None or self.ended.called

    def say(self, message: str) -> None:
        """
        Send a message, over a WebSocket.
        """
        self.transport.write(frame(json.dumps([message]).encode()))

    def check(self, message: str) -> None:
        """
        Take a message of `numbered`.
        """
        if self.wrong is None and message != numbered(self.count, len(message)):
            self.wrong = f"{message[:20]} in place of {self.count}"

    # Protocol

    def connectionMade(self) -> None:
        self._request()

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while self._parse():
            pass
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.opened.called:
            self.opened.errback(reason)
        self.ended.callback(None)
        self._look()

    def _request(self) -> None:
        path = b"%b/%b" % (self.path, self.name.encode())
        if self.name == "websocket":
            self.transport.write(upgrade(path.decode()))
            return
        method = _METHODS.get(self.name, b"POST")
        self.transport.write(
            b"%b %b HTTP/1.1\r\nHost: sockjs.example\r\nContent-Length: 0\r\n\r\n"
            % (method, path)
        )

    # What comes. Each of these tells whether it has got on.

    def _head(self) -> bool:
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        self._data = rest
        if self.name == "websocket":
            self._parse = self._frame
            return True
        length = _LENGTH.search(head)
        self._chunked = length is None
        self._left = 0 if length is None else int(length[1])
        self._parse = self._chunk if length is None else self._body
        return True

    def _frame(self) -> bool:
        data = self._data
        size, start = data[1] if len(data) > 1 else 0, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            return False
        self._data = data[start + size :]
        opcode, payload = data[0] & 15, data[start : start + size]
        if opcode == 1:
            self._take(payload)
        elif opcode == 9:
            self.transport.write(frame(payload, 10))
        elif opcode == 8:
            self.transport.write(frame(payload, 8))
        return True

    def _chunk(self) -> bool:
        line, end, rest = self._data.partition(b"\r\n")
        if not end:
            return False
        self._left = int(line, 16)
        self._data = rest
        self._parse = self._body if self._left else self._end
        return True

    def _body(self) -> bool:
        part, self._data = self._data[: self._left], self._data[self._left :]
        self._left -= len(part)
        self._rest += part
        if not self._left:
            frames, self._rest = feed(self._tag, self._rest)
            for each in frames:
                self._take(each)
            self._parse = self._chunkEnd if self._chunked else self._next
            return True
        return False

    def _chunkEnd(self) -> bool:
        if len(self._data) < 2:
            return False
        self._data = self._data[2:]
        self._parse = self._chunk
        return True

    def _end(self) -> bool:
        if len(self._data) < 2:
            return False
        self._data = self._data[2:]
        return self._next()

    def _next(self) -> bool:
        self._parse = self._head
        self._rest = b""
        if self.code is None:
            self._request()
        return True

    def _take(self, text: bytes) -> None:
        if text == b"o" and not self.opened.called:
            self.opened.callback(None)
        elif text == b"o":
            self.wrong = self.wrong or "a second session"
        elif text.startswith(b"a"):
            for message in json.loads(text[1:]):
                self.onMessage(message)
                self.count += 1
                self.size += len(message)
        elif text.startswith(b"c"):
            self.code = json.loads(text[1:])[0]


async def openReader(
    test: Any, port: int, path: str, name: str, kind: type[Reader] = Reader
) -> Reader:
    """
    Open a session; its connection ends with the test.

    :param path: the session's URL without the transport.
    """
    from twisted.internet import reactor

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    reader = await connectProtocol(endpoint, kind(name, path))
    test.addCleanup(lambda: reader.transport.abortConnection() or reader.ended)
    await reader.opened
    return reader
