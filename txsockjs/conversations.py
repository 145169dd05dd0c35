"""A session as coroutines use it, at either end: `Conversation`."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Self

from twisted.internet.defer import Deferred

from txsockjs.coroutines import wait
from txsockjs.messaging import MessageTransport

# How many characters wait for a coroutine before the peer has to.
_WAITING: Final = 65536


class Conversation:
    """
    What a coroutine talks with: ``async for`` takes the messages that come in, as
    ``anext`` takes one of them, and `send` sends some. One coroutine at a time can wait
    for a message; any number can send.

    :ivar transport: the session, as a protocol has it.
    """

    def __init__(self, transport: MessageTransport) -> None:
        self.transport = transport
        self._unread: deque[str | bytes] = deque()
        self._size = 0
        self._paused = False
        self._ended = False
        self._reader: Deferred[None] | None = None
        # What waits until the peer has taken what was sent before, the first first.
        self._queue: dict[Deferred[None], str | bytes] = {}
        self._asked = False

    async def send(self, message: str | bytes) -> None:
        """
        Send one message; wait before where the peer is behind with what it was sent.

        :param message: text, or bytes as for the transport's ``write``.
        :raise TypeError: if it is neither.
        """
        if not isinstance(message, (str, bytes)):
            raise TypeError(f"send takes str or bytes, not {type(message).__name__}")
        if self._ended or not (self._queue or self.transport.crowded):
            self._send(message)
            return
        sent: Deferred[None] = Deferred(self._queue.__delitem__)
        self._queue[sent] = message
        self._waitForRoom()
        await wait(sent)

    def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.transport.sendMessage(message)
        else:
            self.transport.write(message)

    def _waitForRoom(self) -> None:
        if self._queue and not self._asked:
            self._asked = True
            self.transport.whenDrained().addCallback(self._sendOn)

    def _sendOn(self, result: None) -> None:
        """
        The peer has taken what was sent. The first that waits may leave no room for the
        others.
        """
        while self._queue and not (self._ended or self.transport.crowded):
            sent = next(iter(self._queue))
            self._send(self._queue.pop(sent))
            sent.callback(None)
        self._asked = False
        if not self._ended:
            self._waitForRoom()

    def _close(self, code: int, reason: str) -> None:
        """
        Close when what was sent has been delivered. No further message comes in.
        """
        self.transport.loseConnection(code, reason)
        self._unread.clear()
        self._end()
        self._release()

    def __aiter__(self) -> Self:
        return self

    async def _next(self, iterating: bool = True) -> Any:
        """
        Take the next message. One coroutine does all of it: each further one would be
        in the way of every message.

        :param iterating: whether ``async for`` asks.
        :raise RuntimeError: if another coroutine waits for it.
        """
        if self._reader is not None:
            raise RuntimeError("another coroutine waits for the next message")
        if not self._unread and not self._ended:
            self._reader = Deferred()
            try:
                await wait(self._reader)
            finally:
                self._reader = None
        if not self._unread:
            raise self._ending(iterating)
        message = self._unread.popleft()
        self._size -= len(message) + 1
        if self._paused and not self._unread:
            self._paused = False
            self.transport.resumeProducing()
        return message

    def _ending(self, iterating: bool) -> BaseException:
        """
        What to raise where there is no message any more.

        :param iterating: whether ``async for`` asked.
        """
        return StopAsyncIteration()

    # For the protocol

    def _receive(self, message: str | bytes) -> None:
        self._unread.append(message)
        self._size += len(message) + 1
        if self._size > _WAITING and not self._paused:
            self._paused = True
            self.transport.pauseProducing()
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)

    def _end(self) -> None:
        self._ended = True

    def _release(self) -> None:
        """
        Let go of all that wait, at the end.
        """
        while self._queue:
            sent = next(iter(self._queue))
            del self._queue[sent]
            self._unsent(sent)
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)

    def _unsent(self, sent: Deferred[None]) -> None:
        """
        What waits to be sent is not sent any more.
        """
        sent.callback(None)
