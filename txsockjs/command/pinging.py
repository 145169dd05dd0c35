"""Round trips, measured for ``txsockjs ping``."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.command.durations import Durations
from txsockjs.command.endings import cause, described, problem
from txsockjs.interfaces import ISockJSMessageReceiver


@attrs.define(eq=False)
class Trips:
    """
    Round trips of one kind.

    :ivar name: over what: the name of a transport, or ``info``.
    :ivar measured: what they are: ``echo``, a message that came back; ``opening``, a
        session that was opened; ``request``.
    :ivar sent: how many were begun.
    :ivar durations: of those that were not lost.
    :ivar problem: what went wrong, or None.
    """

    name: str
    measured: str = "echo"
    sent: int = 0
    durations: Durations = attrs.field(factory=Durations)
    problem: str | None = None

    @property
    def lost(self) -> int:
        """
        How many did not come back.
        """
        return self.sent - len(self.durations)


class Pinger:
    """
    Makes so many round trips, at an interval.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        count: int,
        interval: float,
        wait: float,
        openings: bool = False,
    ) -> None:
        """
        :param count: how many round trips.
        :param interval: seconds from the beginning of one to that of the next, unless
            it takes longer.
        :param wait: seconds after which a message is lost. A service whose first
            message is lost is taken for one that echoes nothing.
        :param openings: whether to send no message at all.
        """
        self._clock = clock
        self._count = count
        self._interval = interval
        self._wait = wait
        self._openings = openings
        self._stopped = False

    def stop(self) -> None:
        """
        Measure nothing more. Whoever runs it is to cancel that, too.
        """
        self._stopped = True

    async def attempts(
        self, trips: Trips, attempt: Callable[[], Awaitable[object]]
    ) -> None:
        """
        Time an attempt again and again. Where the first one fails there is no other.
        """
        while trips.sent < self._count:
            began = self._clock.seconds()
            trips.sent += 1
            try:
                await attempt()
            except Exception as error:
                self._checkStopped(trips)
                trips.problem = problem(cause(error))
                if not len(trips.durations):
                    return
            else:
                trips.durations.add(self._clock.seconds() - began)
            await self._rest(trips, began)

    async def transport(self, trips: Trips, endpoint: IStreamClientEndpoint) -> None:
        """
        Measure one transport: by messages if the service echoes them, else by the
        opening of sessions.
        """
        if self._openings or not await self._echoes(trips, endpoint):
            trips.measured = "opening"
            sessions: list[PingSession] = []

            async def open() -> None:
                # The end of the one before belongs to no opening.
                session = PingSession()
                await connectProtocol(endpoint, session)
                sessions.append(session)
                session.transport.loseConnection(1000, "")

            try:
                await self.attempts(trips, open)
            finally:
                for session in sessions:
                    await session.ended

    async def _echoes(self, trips: Trips, endpoint: IStreamClientEndpoint) -> bool:
        """
        Measure by messages.

        :return: False if the service does not echo them, or there is no session.
        """
        session = PingSession()
        try:
            await connectProtocol(endpoint, session)
        except Exception:
            self._checkStopped()
            # Told by the opening, which is measured next.
            return False
        try:
            return await self._ask(trips, session)
        finally:
            session.transport.loseConnection(1000, "")
            await session.ended

    async def _ask(self, trips: Trips, session: PingSession) -> bool:
        while trips.sent < self._count:
            began = self._clock.seconds()
            trips.sent += 1
            answer = session.ask(trips.sent)
            try:
                await answer.addTimeout(self._wait, self._clock)
            except Exception as error:
                self._checkStopped(trips)
                if trips.sent == 1:
                    trips.sent = 0
                    return False
                if not isinstance(error, TimeoutError):
                    trips.problem = session.problem
                    return True
            else:
                trips.durations.add(self._clock.seconds() - began)
            await self._rest(trips, began)
        return True

    def _checkStopped(self, trips: Trips | None = None) -> None:
        """
        Where it was told to stop, what went wrong is nothing else than that.

        :param trips: where that counts as sent.
        :raise CancelledError: if it was.
        """
        if self._stopped:
            if trips is not None:
                trips.sent -= 1
            raise CancelledError

    async def _rest(self, trips: Trips, began: float) -> None:
        if trips.sent < self._count:
            pause = began + self._interval - self._clock.seconds()
            await deferLater(self._clock, max(pause, 0.0))


@implementer(ISockJSMessageReceiver)
class PingSession(Protocol):
    """
    A session that waits for its messages to come back.

    :ivar ended: fires when it is over.
    :ivar problem: why it is over.
    """

    transport: Any

    def __init__(self) -> None:
        self._mark = f"txsockjs ping {secrets.token_hex(4)} "
        self._asked: dict[str, Deferred[None]] = {}
        self.ended: Deferred[None] = Deferred()
        self.problem: str = ""

    def ask(self, number: int) -> Deferred[None]:
        """
        Send a message.

        :return: what fires when it has come back; with an error if the session ends
            before.
        """
        message = f"{self._mark}{number}"

        def forget(given: Deferred[None]) -> None:
            self._asked.pop(message, None)

        answer: Deferred[None] = Deferred(forget)
        self._asked[message] = answer
        self.transport.sendMessage(message)
        return answer

    def messageReceived(self, message: str) -> None:
        answer = self._asked.pop(message, None)
        if answer is not None:
            answer.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.problem = described(reason)
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(reason)
        self.ended.callback(None)
