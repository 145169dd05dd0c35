"""A session as one coroutine: L{handler}.

::

    @handler
    async def echo(session):
        async for message in session:
            await session.send(message)

    site = SockJSFactory(echo)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from inspect import iscoroutinefunction
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.coroutines import CANCELLED, start, wait
from txsockjs.interfaces import ISockJSMessageReceiver, ISockJSTransport
from txsockjs.messaging import FAULT
from txsockjs.request import OpeningRequest

# How many characters wait for the function before the browser has to.
_WAITING: Final = 65536


class AsyncSession:
    """
    What the function of a L{handler} talks with: C{async for} takes the messages that
    come in, as C{anext} takes one of them, and L{send} sends some. One coroutine at a
    time can wait for a message; any number can send.

    @ivar transport: the session as a L{ISockJSTransport}.
    """

    def __init__(self, transport: ISockJSTransport) -> None:
        self.transport = transport
        self._unread: deque[str] = deque()
        self._size = 0
        self._paused = False
        self._ended = False
        self._reader: Deferred[None] | None = None
        # What waits until the browser has taken what was sent before, the first first.
        self._queue: dict[Deferred[None], str | bytes] = {}
        self._asked = False

    @property
    def request(self) -> OpeningRequest:
        """
        The request that opened the session.
        """
        request: OpeningRequest = self.transport.request
        return request

    @property
    def avatar(self) -> Any:
        """
        Who is calling: what the option C{authorize} returned.
        """
        return self.transport.avatar

    async def send(self, message: str | bytes) -> None:
        """
        Send one message; wait before where the browser is behind with what it was sent.
        Without effect once the session is closed.

        @param message: text, or bytes as for the transport's C{write}.
        @raise TypeError: if it is neither.
        """
        if not isinstance(message, str | bytes):
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
        The browser has taken what was sent. The first that waits may leave no room for
        the others.
        """
        while self._queue and not (self._ended or self.transport.crowded):
            sent = next(iter(self._queue))
            self._send(self._queue.pop(sent))
            sent.callback(None)
        self._asked = False
        if not self._ended:
            self._waitForRoom()

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """
        Close when what was sent has been delivered. No further message comes in.

        @param code: the close code that the browser sees.
        @param reason: the reason that the browser sees.
        @raise ValueError: for a code that cannot be sent.
        """
        self.transport.loseConnection(code, reason)
        self._end()
        self._release()

    def __aiter__(self) -> AsyncSession:
        return self

    async def __anext__(self) -> str:
        """
        Take the next message.

        @raise StopAsyncIteration: if the session is closed.
        @raise RuntimeError: if another coroutine waits for it.
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
            raise StopAsyncIteration
        message = self._unread.popleft()
        self._size -= len(message) + 1
        if self._paused and not self._unread:
            self._paused = False
            self.transport.resumeProducing()
        return message

    # For the protocol

    def _receive(self, message: str) -> None:
        self._unread.append(message)
        self._size += len(message) + 1
        if self._size > _WAITING and not self._paused:
            self._paused = True
            self.transport.pauseProducing()
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)

    def _end(self) -> None:
        self._ended = True
        self._unread.clear()

    def _release(self) -> None:
        """
        Let go of all that wait, at the end.
        """
        while self._queue:
            sent = next(iter(self._queue))
            del self._queue[sent]
            sent.callback(None)
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)


#: What L{handler} takes.
Function: TypeAlias = Callable[[AsyncSession], Coroutine[Any, Any, object]]


@implementer(ISockJSMessageReceiver)
class _HandlerProtocol(Protocol):
    """
    Runs the function for one session.
    """

    transport: Any = None
    _log = Logger()
    _lost = False

    def __init__(self, function: Function) -> None:
        self._function = function

    def connectionMade(self) -> None:
        self._session = AsyncSession(self.transport)
        self._running = start(self._run())
        self._running.addCallbacks(self._left, self._raised)

    def messageReceived(self, message: str) -> None:
        self._session._receive(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._session._end()
        # Those that the function has started wait until it cancels them in its turn.
        self._running.cancel()

    async def _run(self) -> None:
        await self._function(self._session)

    def _left(self, result: object) -> None:
        self._session.close()

    def _raised(self, reason: Failure) -> None:
        session, error = self._session, reason.value
        assert error is not None
        # That it was cancelled, or had no further message, in tasks of its own too.
        expected: tuple[type[BaseException], ...] = ()
        if session._ended:
            expected += (StopAsyncIteration,)
        if self._lost:
            expected += CANCELLED
        if BaseExceptionGroup("", [error]).split(expected)[1] is not None:
            self._log.failure(
                "{handler} raised; its {transport} session is closed.",
                failure=reason,
                handler=self._function,
                service=session.request.service,
                transport=session.request.transport,
                code=FAULT.code,
            )
        session.close(FAULT.code, FAULT.reason)


class Handler(Factory):
    """
    A factory whose sessions are calls of a coroutine function. See L{handler}.
    """

    def __init__(self, function: Function) -> None:
        self._function = function
        update_wrapper(self, function)  # type: ignore[arg-type]

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _HandlerProtocol(self._function)


def handler(function: Function) -> Handler:
    """
    Make a factory of a coroutine function, which is called with each new session.

    When the function is left, the session closes with 3000, C{Go away!}, unless it
    called L{AsyncSession.close} with something else. An exception is logged and closes
    with 1011. When the browser goes, the function is cancelled where it waits: that
    raises L{CancelledError <twisted.internet.defer.CancelledError>} there, or under the
    asyncio reactor C{asyncio.CancelledError}.

    What it awaits can be a L{Deferred} and, under the asyncio reactor, whatever asyncio
    can await; there the function runs as a task.

    @return: a factory like any other. The function is its C{__wrapped__}.
    @raise TypeError: if this is no coroutine function.
    """
    if not iscoroutinefunction(function):
        raise TypeError(f"a handler is an async function, which {function!r} is not")
    return Handler(function)
