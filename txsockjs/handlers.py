"""A session as one coroutine: `handler`.

::

    @handler
    async def echo(session):
        async for message in session:
            await session.send(message)

    site = SockJSFactory(echo)
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from inspect import iscoroutinefunction
from typing import Any, Generic, Literal, TypeAlias, overload

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.conversations import Conversation
from txsockjs.coroutines import CANCELLED, start
from txsockjs.interfaces import ISockJSBinaryReceiver, ISockJSMessageReceiver
from txsockjs.messaging import FAULT
from txsockjs.request import OpeningRequest
from txsockjs.transport import AvatarT, SessionTransport


class _Session(Conversation, Generic[AvatarT]):
    """
    What the functions of all handlers have.
    """

    transport: SessionTransport[AvatarT]

    @property
    def request(self) -> OpeningRequest:
        """
        The request that opened the session.
        """
        return self.transport.request

    @property
    def avatar(self) -> AvatarT:
        """
        Who is calling: what the option ``authorize`` returned.
        """
        return self.transport.avatar

    def close(self, code: int = 3000, reason: str = "Go away!") -> None:
        """
        Close when what was sent has been delivered. No further message comes in.

        :param code: the close code that the browser sees.
        :param reason: the reason that the browser sees.
        :raise ValueError: for a code that cannot be sent.
        """
        self._close(code, reason)

    # For the protocol

    def _end(self) -> None:
        # It is cancelled: nobody will take what it has not read.
        self._unread.clear()
        super()._end()


class AsyncSession(_Session[AvatarT]):
    """What the function of a `handler` talks with: ``async for`` takes the messages
    that come in, as ``anext`` takes one of them, and ``send`` sends some; without
    effect once the session is closed. One coroutine at a time can wait for a message;
    any number can send. ``AsyncSession[User]`` has an avatar of that type, and one
    without a parameter an avatar of any.

    :ivar transport: the session as a `SessionTransport`.
    """

    def __anext__(self) -> Coroutine[Any, Any, str]:
        """
        Take the next message.

        :raise StopAsyncIteration: if the session is closed.
        :raise RuntimeError: if another coroutine waits for it.
        """
        return self._next()


class AsyncBinarySession(_Session[AvatarT]):
    """
    The same for ``handler(binary=True)``: what came as a binary message is bytes, and
    bytes that are sent are one. Those exist on raw WebSockets alone: over all else what
    comes is text, and bytes are sent as the transport's ``write`` does.

    :ivar transport: the session as a `SessionTransport`.
    """

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        """
        Take the next message.

        :raise StopAsyncIteration: if the session is closed.
        :raise RuntimeError: if another coroutine waits for it.
        """
        return self._next()

    def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.transport.sendMessage(message)
        else:
            self.transport.sendBinary(message)


#: What `handler` takes, and what ``handler(binary=True)`` does.
Function: TypeAlias = Callable[[AsyncSession[AvatarT]], Coroutine[Any, Any, object]]
BinaryFunction: TypeAlias = Callable[
    [AsyncBinarySession[AvatarT]], Coroutine[Any, Any, object]
]


@implementer(ISockJSMessageReceiver)
class _HandlerProtocol(Protocol):
    """
    Runs the function for one session.
    """

    transport: Any = None
    _log = Logger()
    _lost = False
    _kind: type[_Session[Any]] = AsyncSession

    def __init__(self, function: Callable[[Any], Coroutine[Any, Any, object]]) -> None:
        self._function = function

    def connectionMade(self) -> None:
        self._session = self._kind(self.transport)
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


@implementer(ISockJSBinaryReceiver)
class _BinaryHandlerProtocol(_HandlerProtocol):
    """
    The same where binary messages are told apart.
    """

    _kind = AsyncBinarySession

    def binaryReceived(self, data: bytes) -> None:
        self._session._receive(data)


class Handler(Factory):
    """
    A factory whose sessions are calls of a coroutine function. See `handler`.
    """

    def __init__(
        self,
        function: Callable[[Any], Coroutine[Any, Any, object]],
        binary: bool = False,
    ) -> None:
        self._function = function
        self._protocol = _BinaryHandlerProtocol if binary else _HandlerProtocol
        update_wrapper(self, function)  # type: ignore[arg-type]

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol(self._function)


@overload
def handler(function: Function[AvatarT], /) -> Handler: ...


@overload
def handler(
    *, binary: Literal[True]
) -> Callable[[BinaryFunction[AvatarT]], Handler]: ...


@overload
def handler(
    *, binary: Literal[False] = False
) -> Callable[[Function[AvatarT]], Handler]: ...


def handler(function: Any = None, /, *, binary: bool = False) -> Any:
    """
    Make a factory of a coroutine function, which is called with each new session.

    When the function is left, the session closes with 3000, ``Go away!``, unless it
    called ``close`` with something else. An exception is logged and closes with 1011.
    When the browser goes, the function is cancelled where it waits: that raises
    `CancelledError <twisted.internet.defer.CancelledError>` there, or under the
    asyncio reactor ``asyncio.CancelledError``.

    What it awaits can be a `Deferred` and, under the asyncio reactor, whatever asyncio
    can await; there the function runs as a task.

    ``handler`` has an `AsyncSession`, whose messages are text: what came as a binary
    message, over a raw WebSocket, is decoded. ``handler(binary=True)`` has an
    `AsyncBinarySession`, whose messages are str or bytes, as they came.

    :return: a factory like any other. The function is its ``__wrapped__``. Without a
        function, what makes one of it.
    :raise TypeError: if this is no coroutine function.
    """
    if function is None:
        return partial(_make, binary=binary)
    return _make(function, binary)


def _make(function: Any, binary: bool) -> Handler:
    if not iscoroutinefunction(function):
        raise TypeError(f"a handler is an async function, which {function!r} is not")
    return Handler(function, binary)
