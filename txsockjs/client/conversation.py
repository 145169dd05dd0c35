"""A client's session as coroutines use it: `connect`.

::

    async with connect(reactor, "https://example.com/echo") as session:
        await session.send("x")
        async for message in session:
            print(message)
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from types import TracebackType
from typing import Any

from hyperlink import DecodedURL, EncodedURL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.client.endpoint import SockJSClientEndpoint
from txsockjs.client.transport import ClientTransport
from txsockjs.conversations import Conversation
from txsockjs.coroutines import wait
from txsockjs.errors import NO_CODE, SessionClosed, SessionEnded
from txsockjs.interfaces import ISockJSBinaryReceiver


class AsyncClientSession(Conversation):
    """
    What a coroutine talks with, as with the connection of the library ``websockets``:
    ``async for`` takes the messages that come in, as `recv` takes one of them, and
    `send` sends some. One coroutine at a time can wait for a message; any number can
    send.

    :ivar transport: the session as a `ClientTransport`.
    """

    transport: ClientTransport

    def __init__(self, transport: ClientTransport) -> None:
        super().__init__(transport)
        self._reason: BaseException | None = None
        self._lost = False
        self._gone = False
        # Those who wait for that.
        self._closing: list[Deferred[None]] = []

    @property
    def subprotocol(self) -> str | None:
        """
        The subprotocol that the server has chosen, or None.
        """
        return self.transport.subprotocol

    @property
    def close_code(self) -> int | None:
        """
        The code that it was closed with, once it is over; None before.
        """
        if not self._lost:
            return None
        reason = self._reason
        return reason.code if isinstance(reason, SessionEnded) else 1006

    @property
    def close_reason(self) -> str | None:
        """
        The reason that goes with it.
        """
        if not self._lost:
            return None
        reason = self._reason
        return reason.reason if isinstance(reason, SessionEnded) else str(reason)

    async def send(self, message: str | bytes) -> None:
        """
        Send one message; wait before where the server is behind with what it was sent.

        :param message: text; or bytes, which are a binary message on a raw WebSocket,
            and else as for the transport's ``write``.
        :raise TypeError: if it is neither.
        :raise SessionEnded: if the session is closed.
        """
        if self._ended:
            raise self._why()
        await super().send(message)

    def recv(self) -> Coroutine[Any, Any, Any]:
        """
        Take the next message.

        :return: text; bytes only from a raw WebSocket, where it was a binary message.
        :raise SessionClosed: if there is none any more, for the session is closed.
        :raise ConnectionLost: if it broke. That is a `SessionFailed
            <txsockjs.errors.SessionFailed>` where it was not aborted at this end.
        :raise RuntimeError: if another coroutine waits for it.
        """
        return self._next(iterating=False)

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        """
        Take the next message.

        :raise StopAsyncIteration: if there is none any more, for the session is closed.
        :raise ConnectionLost: if it broke.
        :raise RuntimeError: if another coroutine waits for it.
        """
        return self._next()

    def _ending(self, iterating: bool) -> BaseException:
        reason = self._why()
        if iterating and isinstance(reason, SessionClosed):
            return StopAsyncIteration()
        return reason

    def _why(self) -> BaseException:
        """
        Why there is no more.
        """
        if self._reason is None:
            # We have closed it, and it is not over yet.
            return SessionClosed(NO_CODE, "closed by the client")
        return self._reason.with_traceback(None)

    def close(self, code: int = 3000, reason: str = "Go away!") -> Awaitable[None]:
        """
        Close when what was sent has been delivered. No further message comes in.

        :param code: the close code that the server sees, where the transport has one.
        :param reason: the reason that goes with it.
        :return: what may be awaited, until the connections are closed.
        :raise ValueError: for a code that cannot be sent.
        """
        self._close(code, reason)
        return self.wait_closed()

    def wait_closed(self) -> Awaitable[None]:
        """
        Wait until the session is over, and its connections are closed.
        """
        if self._gone:
            return _Waiting(None)
        closing: Deferred[None] = Deferred(self._closing.remove)
        self._closing.append(closing)
        return _Waiting(closing)

    # For the protocol

    def _over(self, reason: BaseException) -> None:
        self._reason = reason
        self._lost = True
        self._end()
        self._release()

    def _left(self) -> None:
        self._gone = True
        closing, self._closing = self._closing, []
        for waiting in closing:
            waiting.callback(None)

    def _send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.transport.sendMessage(message)
        else:
            self.transport.sendBinary(message)

    def _unsent(self, sent: Deferred[None]) -> None:
        sent.errback(self._why())


class _Waiting:
    """
    A Deferred that may be awaited, in any coroutine, or be left alone.
    """

    def __init__(self, deferred: Deferred[None] | None) -> None:
        self._deferred = deferred

    def __await__(self) -> Generator[Any, Any, None]:
        if self._deferred is not None:
            yield from wait(self._deferred).__await__()


@implementer(ISockJSBinaryReceiver)
class _SessionProtocol(Protocol):
    """
    Gives what comes in to the session that coroutines use.
    """

    transport: Any = None

    def connectionMade(self) -> None:
        self.session = AsyncClientSession(self.transport)

    def messageReceived(self, message: str) -> None:
        self.session._receive(message)

    def binaryReceived(self, data: bytes) -> None:
        self.session._receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.session._over(reason.value)


class _SessionFactory(Factory):
    """
    Makes the protocol of one session, and keeps it.
    """

    noisy = False
    made: _SessionProtocol | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self.made = _SessionProtocol()
        return self.made

    def stopFactory(self) -> None:
        if self.made is not None and self.made.transport is not None:
            self.made.session._left()


class Connecting:
    """A session to be: ``async with`` opens it, and closes it in the end. ``await``
    opens it and leaves it to the caller.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self._session: AsyncClientSession | None = None

    async def _open(self) -> AsyncClientSession:
        factory = _SessionFactory()
        try:
            await wait(self._endpoint.connect(factory))
        except BaseException:
            # A task may be cancelled when the session is open, and it does not know.
            if factory.made is not None and factory.made.transport is not None:
                factory.made.session.transport.abortConnection()
            raise
        assert factory.made is not None
        return factory.made.session

    def __await__(self) -> Generator[Any, Any, AsyncClientSession]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncClientSession:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        assert session is not None
        try:
            await session.close()
        except BaseException:
            # Whoever waits has no time.
            session.transport.abortConnection()
            raise


def connect(
    reactor: Any, url: str | EncodedURL | DecodedURL, **settings: Any
) -> Connecting:
    """
    Open a session, for coroutines.

    :param reactor: what connects.
    :param url: the base URL of the service.
    :param settings: as for `SockJSClientEndpoint`.
    :return: what is used with ``async with``, or awaited.
    """
    return Connecting(SockJSClientEndpoint(reactor, url, **settings))
