"""A browser's end of a SockJS session: `MemorySession`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from txsockjs.testing.browser import Browser
from txsockjs.testing.connection import (
    MemoryConnection,
    MemoryResponse,
    MemoryWebSocket,
    abort,
    checkClose,
)
from txsockjs.testing.values import Opening, Query, withQuery

# How each HTTP transport asks for frames and finds them in a response.
_STRING: Final = rb'("(?:[^"\\]|\\.)*")'
_RECEIVING: Final[dict[str, tuple[str, Query, re.Pattern[bytes]]]] = {
    "xhr": ("POST", "", re.compile(rb"(?m)^(.+)\n")),
    "xhr_streaming": ("POST", "", re.compile(rb"(?m)^(.+)\n")),
    "eventsource": ("GET", "", re.compile(rb"(?m)^data: (.+)\r\n\r\n")),
    "htmlfile": ("GET", "c=c", re.compile(rb"<script>\np\(%b\);" % _STRING)),
    "jsonp": ("GET", "c=c", re.compile(rb"/\*\*/c\(%b\);\r\n" % _STRING)),
}

#: What there are sessions over.
TRANSPORTS: Final = ("websocket", *_RECEIVING)


class MemorySession:
    """
    A browser's end of a SockJS session, which comes again as long as it is open.

    :ivar received: the messages that came and were not taken.
    :ivar opened: whether the server has opened it.
    :ivar closed: code and reason of its end, or None as long as it is open. Code 1006
        stands for an end without a close frame.
    """

    def __init__(
        self,
        client: Browser,
        transport: str,
        path: str,
        query: str = "",
        opening: Opening | None = None,
        subprotocols: Sequence[str] = (),
    ) -> None:
        """
        A `MemoryClient <txsockjs.testing.MemoryClient>` makes its sessions.
        """
        self.received: list[str] = []
        self.opened: bool = False
        self.closed: tuple[int, str] | None = None
        self._client = client
        self._transport = transport
        self._path = path
        self._query = query
        self._opening = opening or client.opening
        self._seen = 0
        self._socket: MemoryWebSocket | None = None
        self._paused = False
        if transport == "websocket":
            self._socket = client.openWebSocket(
                self._url("websocket"), self._opening, subprotocols
            )
            self._socket.updated = self._readSocket
            self._readSocket()
        else:
            self._receive(client.idle())

    @property
    def subprotocol(self) -> str | None:
        """
        What both sides have agreed to speak, over a WebSocket.
        """
        return None if self._socket is None else self._socket.subprotocol

    def send(self, *messages: str) -> None:
        """
        Send messages, in one frame or request.

        :raise RuntimeError: if the session is closed, or the server refuses them. With
            a delay, a refusal comes later and is the session's end, with 1006.
        """
        for message in messages:
            if not isinstance(message, str):
                raise TypeError(f"a message is str, not {message!r}: decode it before")
        if self.closed is not None:
            raise RuntimeError(
                f"the session is closed, with {self.closed}: nothing can be sent on it"
            )
        payload = json.dumps(messages)
        if self._socket is not None:
            self._socket.send(payload)
            return
        sending = "jsonp_send" if self._transport == "jsonp" else "xhr_send"
        client = self._client
        response = client.idle().request(
            "POST", self._url(sending), self._opening.pairs(), payload.encode("utf-8")
        )
        if response.status >= 300:
            raise RuntimeError(f"{sending} was refused with {response.status}")
        response.updated = partial(self._sent, response)

    def _sent(self, response: MemoryResponse) -> None:
        if response.status >= 300 or (
            response.connection.closed and not response.finished
        ):
            self.abort()

    def take(self) -> list[str]:
        """
        Take the messages that came.

        :return: them; `received` is empty then.
        """
        taken, self.received = self.received, []
        return taken

    async def receive(self, timeout: float = 10.0) -> str:
        """
        Wait for a message and take it, while the program that the test is in goes on:
        see `MemorySite.until`.

        :param timeout: after how many seconds of real time it is given up.
        :raise AssertionError: if none has come by then, or the session has ended.
        """
        await self._client.site.until(
            lambda: self.received or self.closed, timeout, "no message has come"
        )
        if not self.received:
            raise AssertionError(
                f"no message has come: the session ended, {self.closed}"
            )
        return self.received.pop(0)

    async def ended(self, timeout: float = 10.0) -> tuple[int, str]:
        """
        Wait for the session's end, likewise.

        :return: its code and reason.
        :raise AssertionError: if it has not ended after so many seconds of real time.
        """
        await self._client.site.until(
            lambda: self.closed, timeout, "the session has not ended"
        )
        assert self.closed is not None
        return self.closed

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close in good order, as a page does. Over HTTP a client just goes, and the
        server does not hear of code and reason. To close again has no effect.

        :raise ValueError: for a code or a reason that no browser sends.
        """
        checkClose(code, reason)
        if self.closed is not None:
            return
        self.closed = (code, reason)
        if self._socket is None:
            self._receiving.loseConnection()
            self._client.site.settle()
        else:
            self._socket.close(code, reason)

    def abort(self) -> None:
        """
        Lose the connection, as a network does. One that is closed has none.
        """
        if self.closed is None:
            self.closed = (1006, "")
            abort(self._receiving)
            self._client.site.settle()

    def vanish(self) -> None:
        """
        Be gone as a machine without power is: the server hears nothing, and has nothing
        taken from it any more.
        """
        if self.closed is None:
            self.closed = (1006, "")
            self._receiving.getHandle().vanish()

    def pauseReading(self) -> None:
        """
        Read nothing of what the server writes, as a browser that is stuck.
        """
        self._paused = True
        if self._receiving.connected:
            self._receiving.pauseProducing()

    def resumeReading(self) -> None:
        """
        Read on.
        """
        self._paused = False
        if self._receiving.connected:
            self._receiving.resumeProducing()
        self._client.site.settle()

    @property
    def _receiving(self) -> Any:
        if self._socket is not None:
            return self._socket.transport
        return self._response.connection.transport

    def _url(self, transport: str, query: Query = "") -> str:
        return withQuery(f"{self._path}/{transport}{self._query}", query)

    def _receive(self, connection: MemoryConnection) -> None:
        method, query, _ = _RECEIVING[self._transport]
        self._seen = 0
        self._response = connection.begin(
            method, self._url(self._transport, query), self._opening.pairs()
        )
        self._response.updated = self._readResponse
        if self._paused:
            self._receiving.pauseProducing()

    def _readResponse(self) -> None:
        response = self._response
        closed = response.connection.closed
        if self.closed is not None or not (response.raw or closed):
            return
        pattern = _RECEIVING[self._transport][2]
        for match in pattern.finditer(response.body, self._seen):
            self._seen = match.end()
            self._read(self._frame(match[1]))
        if self.closed is not None:
            return
        if closed or response.status not in (0, 200):
            self.closed = (1006, "")
        elif response.finished:
            self._receive(response.connection)

    def _frame(self, found: bytes) -> str:
        if self._transport == "eventsource":
            found = found.replace(b"%25", b"%")
        elif self._transport in ("htmlfile", "jsonp"):
            return str(json.loads(found))
        return found.decode("utf-8")

    def _readSocket(self) -> None:
        assert self._socket is not None
        if self.closed is not None:
            return
        for frame in self._socket.messages[self._seen :]:
            assert isinstance(frame, str)
            self._read(frame)
        self._seen = len(self._socket.messages)
        if self.closed is None and self._socket.ended is not None:
            self.closed = (1006, "")

    def _read(self, frame: str) -> None:
        if frame == "o":
            self.opened = True
        elif frame.startswith("a"):
            self.received += json.loads(frame[1:])
        elif frame.startswith("c"):
            code, reason = json.loads(frame[1:])
            self.closed = (code, reason)
