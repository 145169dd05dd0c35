"""The load that ``txsockjs load`` makes: many sessions, each hears its echo."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.command.endings import cause, described, problem
from txsockjs.command.sharing import Shares
from txsockjs.command.tally import Tally
from txsockjs.interfaces import ISockJSMessageReceiver

#: How many messages of one session may be on their way. It bounds what is remembered of
#: those that never come back.
MOST_AWAITED: Final = 1000

# The seconds between two looks at what is due, where a rate is beyond all measure.
_TICK: Final = 0.0001

# Sessions that were opened together do not send together: the golden ratio spreads any
# number of them.
_SPREAD: Final = 0.6180339887498949


@attrs.frozen(kw_only=True)
class Plan:
    """
    What load to make.

    :ivar sessions: how many sessions to open, each of them once.
    :ivar rate: how many of them in a second.
    :ivar messageRate: how many messages each of them sends in a second.
    :ivar transports: the share of each transport.
    :ivar duration: seconds from the first opening until no more is sent.
    :ivar size: the size of a message, in bytes. It is never less than its mark.
    :ivar wait: how many seconds are waited, after that, for what has not come back.
    :ivar closing: how many seconds the sessions then have for closing.
    """

    sessions: int
    rate: float
    messageRate: float
    transports: Mapping[str, int]
    duration: float
    size: int = 64
    wait: float = 5.0
    closing: float = 10.0


class Load:
    """
    It opens sessions at a rate, has each send at a rate of its own, and closes them.

    No session is opened in the place of one that failed or was lost: so it never begins
    more than the plan says.

    :ivar tallies: what has happened, by transport.
    :ivar peak: the most sessions that were open at once.
    :ivar interrupted: whether `stop` has ended it.
    :ivar sending: whether messages are still to be sent.
    """

    def __init__(
        self,
        clock: IReactorTime,
        plan: Plan,
        endpoints: Mapping[str, IStreamClientEndpoint],
    ) -> None:
        """
        :param endpoints: what connects, by transport.
        """
        self.clock = clock
        self.plan = plan
        self.tallies: dict[str, Tally] = {name: Tally() for name in plan.transports}
        self.peak: int = 0
        self.interrupted: bool = False
        self.sending: bool = True
        self.mark: str = secrets.token_hex(4)
        self._endpoints = endpoints
        self._shares = Shares(plan.transports)
        self._attempted = 0
        self._sessions: set[LoadSession] = set()
        self._connecting: set[Deferred[Any]] = set()
        # How many messages have not come back, of sessions that are open.
        self._awaited = 0
        self._calls: dict[Callable[[], None], IDelayedCall] = {}
        self._done: Deferred[None] = Deferred()

    def start(self) -> Deferred[None]:
        """
        Begin.

        :return: what fires when all sessions are closed.
        """
        self._started = self.clock.seconds()
        self._later(self.plan.duration, self._timeUp)
        self._openDue()
        return self._done

    @property
    def elapsed(self) -> float:
        """
        Seconds since it was started.
        """
        return self.clock.seconds() - self._started

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        def due() -> None:
            del self._calls[call]
            call()

        self._calls[call] = self.clock.callLater(max(seconds, 0.0), due)

    def _cancel(self, *calls: Callable[[], None]) -> None:
        for call in calls:
            pending = self._calls.pop(call, None)
            if pending is not None:
                pending.cancel()

    # Opening

    def _openDue(self) -> None:
        """
        Begin the sessions that are due by now.
        """
        plan = self.plan
        while self.sending and self._attempted < plan.sessions:
            due = self._attempted / plan.rate
            # Clocks and divisions are no more exact than this.
            if due > self.elapsed + 1e-9:
                self._later(due - self.elapsed, self._openDue)
                return
            self._open()

    def _open(self) -> None:
        name = self._shares.next()
        tally = self.tallies[name]
        tally.attempted += 1
        self._attempted += 1
        session = LoadSession(self, tally, self._attempted)
        attempt = connectProtocol(self._endpoints[name], session)
        self._connecting.add(attempt)
        attempt.addBoth(self._connected, attempt, tally)

    def _connected(self, result: object, attempt: Deferred[Any], tally: Tally) -> None:
        self._connecting.discard(attempt)
        if not isinstance(result, Failure):
            return
        if self.sending:
            tally.failed += 1
            tally.error(problem(cause(result.value)))
        else:
            tally.cancelled += 1
        self._checkOver()

    # What the sessions tell.

    def opened(self, session: LoadSession) -> None:
        """
        A session is open.
        """
        self._sessions.add(session)
        self.peak = max(self.peak, len(self._sessions))
        if not self.sending:
            session.close()

    def sent(self) -> None:
        """
        A message was sent.
        """
        self._awaited += 1

    def heard(self) -> None:
        """
        A message came back.
        """
        self._awaited -= 1
        if not self.sending and not self._awaited:
            self._closeAll()

    def ended(self, session: LoadSession, awaited: int) -> None:
        """
        A session is over.

        :param awaited: how many of its messages have not come back.
        """
        self._sessions.discard(session)
        self._awaited -= awaited
        if not self.sending and not self._awaited:
            self._closeAll()
        self._checkOver()

    # The end

    def stop(self) -> None:
        """
        Let it end now as it would in the end.
        """
        if self.sending:
            self.interrupted = True
            self._timeUp()

    def abort(self) -> None:
        """
        Drop all that there is.
        """
        self.stop()
        self._cancel(self._closeAll)
        self._abortAll()

    def _timeUp(self) -> None:
        self.sending = False
        self._cancel(self._timeUp, self._openDue)
        for session in list(self._sessions):
            session.rest()
        for attempt in list(self._connecting):
            attempt.cancel()
        if self._awaited:
            self._later(self.plan.wait, self._closeAll)
        else:
            self._closeAll()

    def _closeAll(self) -> None:
        self._cancel(self._closeAll)
        if self._abortAll not in self._calls and not self._done.called:
            self._later(self.plan.closing, self._abortAll)
            for session in list(self._sessions):
                session.close()
            self._checkOver()

    def _abortAll(self) -> None:
        self._cancel(self._abortAll)
        for session in list(self._sessions):
            session.abort()

    def _checkOver(self) -> None:
        over = not self.sending or self._attempted == self.plan.sessions
        if over and not self._sessions and not self._connecting:
            self.sending = False
            self._cancel(*list(self._calls))
            if not self._done.called:
                self._done.callback(None)


@implementer(ISockJSMessageReceiver)
class LoadSession(Protocol):
    """
    One session: sends at its rate, and hears what comes back.
    """

    transport: Any

    def __init__(self, load: Load, tally: Tally, number: int) -> None:
        """
        :param number: which of them it is.
        """
        self._load = load
        self._tally = tally
        self._number = number
        self._mark = f"{load.mark}.{number}."
        self._begun = load.clock.seconds()
        self._sequence = 0
        # When each message was due that has not come back.
        self._awaited: dict[int, float] = {}
        # When the first message is due, and how many have been sent or skipped.
        self._first = 0.0
        self._handled = 0
        self._next: IDelayedCall | None = None
        self._closing = False

    def connectionMade(self) -> None:
        now = self._load.clock.seconds()
        self._tally.opened += 1
        self._tally.openings.add(now - self._begun)
        self._load.opened(self)
        rate = self._load.plan.messageRate
        if rate and self._load.sending:
            self._first = now + (self._number * _SPREAD) % 1.0 / rate
            self._schedule(now)

    def _schedule(self, now: float) -> None:
        due = self._first + self._handled / self._load.plan.messageRate
        self._next = self._load.clock.callLater(max(due - now, _TICK), self._sendDue)

    def _sendDue(self) -> None:
        """
        Send what is due by now, or count what cannot be sent. However much that is, it
        is no more work than so many messages may be on their way.
        """
        self._next = None
        now = self._load.clock.seconds()
        # Clocks and divisions are no more exact than this.
        due = int((now - self._first) * self._load.plan.messageRate + 1e-6) + 1
        # The session may be closed from within.
        while self._handled < due and not self._closing:
            if self.transport.crowded or len(self._awaited) >= MOST_AWAITED:
                self._tally.skipped += due - self._handled
                self._handled = due
            else:
                self._send()
        if not self._closing:
            self._schedule(now)

    def _send(self) -> None:
        due = self._first + self._handled / self._load.plan.messageRate
        self._handled += 1
        self._sequence += 1
        self._awaited[self._sequence] = due
        self._tally.sent += 1
        self._load.sent()
        text = f"{self._mark}{self._sequence} "
        self.transport.sendMessage(text.ljust(self._load.plan.size, "."))

    def messageReceived(self, message: str) -> None:
        due = None
        if message.startswith(self._mark):
            sequence = message[len(self._mark) :].partition(" ")[0]
            # More digits than it has ever sent are none of its own.
            if sequence.isascii() and sequence.isdigit() and len(sequence) < 18:
                due = self._awaited.pop(int(sequence), None)
        if due is None:
            self._tally.other += 1
            return
        self._tally.echoed += 1
        self._tally.roundTrips.add(self._load.clock.seconds() - due)
        self._load.heard()

    def rest(self) -> None:
        """
        Send nothing more.
        """
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def close(self) -> None:
        """
        Close the session.
        """
        self.rest()
        self._closing = True
        self.transport.loseConnection(1000, "")

    def abort(self) -> None:
        """
        Drop it.
        """
        self.rest()
        self._closing = True
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.rest()
        if self._closing and reason.check(ConnectionDone):
            self._tally.closed += 1
        else:
            self._tally.lost += 1
            self._tally.error(described(reason))
        self._closing = True
        self._load.ended(self, len(self._awaited))
