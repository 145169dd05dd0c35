"""One service: its life, and its sessions. `Service`."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator
from typing import Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import OVERFLOW, Close
from txsockjs.core.memory import Endings
from txsockjs.core.session import EndOfTurn, Session
from txsockjs.core.states import State
from txsockjs.core.timers import Timers
from txsockjs.counters import Counters
from txsockjs.errors import OriginRefused, ServiceFull, ServiceStopping, WireError
from txsockjs.interfaces import IHostedSession, ISessionHost
from txsockjs.options import SockJSOptions

RESTART: Final = Close(1012, "Service Restart")

#: Sessions that have told their end and stay to tell it again, at the most.
MAX_CLOSED: Final = 1000

# Seconds between two lines of the log about refused origins, and characters of one
# that it is told.
_TELL_INTERVAL: Final = 60
_SHOWN: Final = 200

# Seconds between two looks at what a stopping service still has to deliver.
_DRAIN_INTERVAL: Final = 0.05


class Life(enum.Enum):
    """
    Where in its life a service is.
    """

    #: Nobody has asked for anything yet.
    NEW = "new"
    #: It has sessions, and takes new ones.
    RUNNING = "running"
    #: It takes no new ones; those that it has are told.
    DRAINING = "draining"
    #: It answers nobody, until somebody starts it again.
    STOPPED = "stopped"


#: Which may follow which.
LIVES: Final = {
    Life.NEW: {Life.RUNNING, Life.DRAINING, Life.STOPPED},
    Life.RUNNING: {Life.DRAINING, Life.STOPPED},
    Life.DRAINING: {Life.STOPPED},
    Life.STOPPED: {Life.RUNNING},
}


@implementer(ISessionHost)
class Service:
    """
    One service: its life, and all its sessions, those that are known by an id and those
    that live on a WebSocket. (PROTOCOL section 1: a session is known by its id alone;
    6.8: WebSocket sessions are outside all this.)

    :ivar byId: the sessions that are known by an id: those that are open, or have a
        close frame still to tell.
    :ivar clock: what tells the time to the sessions.
    :ivar counters: what the service has done.
    :ivar endOfTurn: what has sessions act at the end of a turn of the reactor.
    :ivar life: where in its life it is.
    :ivar logsSessions: whether each session is logged, at debug, that is opened or
        ends.
    :ivar options: the service's options.
    :ivar timers: what has sessions look at what time has done to them.
    :ivar authorizing: how many sessions wait for the option ``authorize``.
    :ivar forgotten: called with the id of a session that is known no longer, if set.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, options: SockJSOptions, service: str = ""
    ) -> None:
        self.clock = clock
        self.counters: Counters = Counters(service)
        self.life: Life = Life.NEW
        self.logsSessions: bool = False
        self.options = options
        self.authorizing = 0
        self.forgotten: Callable[[bytes], object] | None = None
        self.byId: dict[bytes, Session] = {}
        self._ids: dict[IHostedSession, bytes | None] = {}
        self._open = 0
        self.endOfTurn: EndOfTurn = EndOfTurn(clock, self._broke)
        self.timers: Timers[Session] = Timers(clock, self._broke)
        self._drainCall: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []
        # What those are told that it closes then.
        self._parting = RESTART
        self._endings = Endings(clock)
        # Requests of refused origins that the log was not told of, and when it is.
        self._strangers = 0
        self._tellAgain = -math.inf
        # What those are called that somebody has listed, and the last such number.
        self._numberOf: dict[IHostedSession, int] = {}
        self._byNumber: dict[int, IHostedSession] = {}
        self._lastNumber = 0
        # Those that have told their end, the first one first.
        self._told: dict[IHostedSession, None] = {}

    def _become(self, life: Life) -> None:
        """
        Go on in its life: here alone.
        """
        if life not in LIVES[self.life]:
            raise RuntimeError(f"a service never goes from {self.life} to {life}")
        self.life = life

    @property
    def stopping(self) -> bool:
        """
        Whether it takes no new sessions, since it stops or has stopped.
        """
        return self.life is Life.DRAINING or self.life is Life.STOPPED

    def start(self) -> None:
        """
        Take sessions.
        """
        if self.life is Life.DRAINING:
            self.stop()
        if self.life is not Life.RUNNING:
            self._become(Life.RUNNING)
            self._endings = Endings(self.clock)

    def __len__(self) -> int:
        """
        How many sessions are open.
        """
        return self._open

    def ending(self, id: bytes, owner: object = None) -> Close | None:
        """
        What a client is told that comes for a session which has ended. (PROTOCOL 6.6)

        :param owner: who asks.
        :raise UnknownSession: if it was somebody else's.
        """
        return self._endings.get(id, owner)

    def knows(self, id: bytes) -> bool:
        """
        Whether there is, or was, a session with this id.
        """
        return id in self.byId or id in self._endings

    def isParting(self, close: Close | None) -> bool:
        """
        Whether this is what sessions are told that are closed since the service drains.
        What their clients send meanwhile has crossed it.

        :param close: how a session was closed, if it was.
        """
        return self.life is Life.DRAINING and close == self._parting

    def admit(self) -> None:
        """
        Check that one more session may be opened.

        :raise ServiceFull: if there are as many as the option ``max_sessions`` allows.
        :raise ServiceStopping: if the service is stopping.
        """
        if self.stopping:
            raise ServiceStopping
        limit = self.options.max_sessions
        if limit is not None and self._open >= limit:
            raise ServiceFull
        if self.authorizing >= self.options.max_authorizing:
            raise ServiceFull

    def refused(self, error: WireError) -> None:
        """
        A request was refused. Of origins the log is told, since it may be the option
        that is wrong: once a minute.
        """
        self.counters.refuse(error)
        if isinstance(error, OriginRefused):
            self._strangers += 1
            now = self.clock.seconds()
            if now >= self._tellAgain:
                self._log.info(
                    "The origin {origin!r} is refused: the option origins does not "
                    "have it. Requests refused so since the last such line: {count}.",
                    service=self.counters.service,
                    origin=error.origin[:_SHOWN],
                    count=self._strangers,
                )
                self._strangers = 0
                self._tellAgain = now + _TELL_INTERVAL

    def open(
        self,
        id: bytes | None,
        start: Callable[[Session], None],
        transport: str = "",
    ) -> Session:
        """
        Make a new session.

        :param id: its id, or None for one that lives on a WebSocket.
        :param start: what opens the new session with its first receiver, or refuses it.
        :param transport: the SockJS name of the transport that it comes over.
        """
        session = Session(self, self.counters[transport])
        self._ids[session] = id
        if id is not None:
            self.byId[id] = session
        self._open += 1
        try:
            start(session)
        except BaseException:
            session.abort()
            raise
        return session

    def listed(self) -> Iterator[tuple[int, IHostedSession]]:
        """
        The sessions that are open now, in the order in which they came, each with a
        number that it keeps and that no other gets. Those are given to whoever is
        listed: its id is a secret, and one on a WebSocket has none.
        """
        for session in list(self._ids):
            if session.state is not State.OPEN or session.application is None:
                continue
            number = self._numberOf.get(session)
            if number is None:
                number = self._lastNumber = self._lastNumber + 1
                self._numberOf[session] = number
                self._byNumber[number] = session
            yield number, session

    def numbered(self, number: int) -> IHostedSession | None:
        """
        The session that was listed with this number, if it is open.
        """
        session = self._byNumber.get(number)
        return session if session is not None and session.state is State.OPEN else None

    # ISessionHost

    def failed(self, session: IHostedSession, reason: Failure) -> None:
        self._log.failure(
            "A {transport} session met a fault that is not the application's; the "
            "other sessions go on. Please report it, with this traceback.",
            failure=reason,
            service=self.counters.service,
            transport=session.counters.transport,
        )

    def _broke(self, session: Session, reason: Failure) -> None:
        """
        A session raised when its turn came.
        """
        self.failed(session, reason)
        session.abort()

    def told(self, session: IHostedSession) -> None:
        self._told[session] = None
        if len(self._told) > MAX_CLOSED:
            first = next(iter(self._told))
            id, close = self._ids[first], first.closeFrame
            first.expire()
            if id is not None and close is not None:
                self._endings.add(id, close, first.owner)

    def began(self, session: IHostedSession) -> None:
        self._log.debug(
            "A {transport} session with {peer} is open.",
            service=self.counters.service,
            transport=session.counters.transport,
            peer=_shown(session.application.getPeer()),
        )

    def ended(self, session: IHostedSession, code: int) -> None:
        self._log.debug(
            "A {transport} session with {peer} has ended after {duration} seconds, "
            "with {code}.",
            service=self.counters.service,
            transport=session.counters.transport,
            peer=_shown(session.application.getPeer()),
            code=code,
            duration=round(self.clock.seconds() - session.since, 3),
        )

    def closed(self, session: IHostedSession) -> None:
        self._open -= 1

    def overflowed(self, session: IHostedSession, held: int) -> None:
        self._log.warn(
            "Closing a {transport} session that holds {pending} undelivered bytes; the "
            "option max_buffer allows {allowed}. Register a producer, or write less.",
            service=self.counters.service,
            transport=session.counters.transport,
            code=OVERFLOW.code,
            pending=held,
            allowed=self.options.max_buffer,
        )

    def forget(self, session: IHostedSession, close: Close, before: State) -> None:
        id = self._ids.pop(session, None)
        self._told.pop(session, None)
        if self._numberOf:
            number = self._numberOf.pop(session, None)
            if number is not None:
                del self._byNumber[number]
        if id is not None:
            del self.byId[id]
            if before in (State.OPEN, State.CLOSING) or self.isParting(close):
                self._endings.add(id, close, session.owner)
            if self.forgotten is not None:
                self.forgotten(id)

    # The end

    def drain(self, close: Close = RESTART) -> Deferred[None]:
        """
        Refuse new sessions, and close the open ones once they have what was written to
        them before.

        :return: what fires when all of them are closed, or ``drain_timeout`` seconds
            have passed and the rest was dropped.
        """
        if self.life is not Life.STOPPED:
            if self.life is not Life.DRAINING:
                self._become(Life.DRAINING)
                self._parting = close
            for session in list(self._ids):
                session.close(close)
        done: Deferred[None] = Deferred()
        self._drained.append(done)
        if len(self._drained) == 1:
            self._drain(self.clock.seconds() + self.options.drain_timeout)
        return done

    def _drain(self, deadline: float) -> None:
        self._drainCall = None
        if self.clock.seconds() < deadline and not all(
            session.settled for session in self._ids
        ):
            self._drainCall = self.clock.callLater(
                _DRAIN_INTERVAL, self._drain, deadline
            )
            return
        unsettled = sum(not session.settled for session in self._ids)
        if unsettled:
            self._log.warn(
                "Dropping {sessions} SockJS sessions that did not end within "
                "{drain_timeout} seconds.",
                service=self.counters.service,
                sessions=unsettled,
                drain_timeout=self.options.drain_timeout,
            )
        self._abortAll()

    def stop(self) -> None:
        """
        Drop every session, with what it has not delivered, and open no more.
        """
        if self.life is not Life.STOPPED:
            self._become(Life.STOPPED)
        self._abortAll()

    def _abortAll(self) -> None:
        for session in list(self._ids):
            session.abort()
        if self._drainCall is not None:
            self._drainCall.cancel()
            self._drainCall = None
        drained, self._drained = self._drained, []
        for done in drained:
            done.callback(None)


def _shown(peer: object) -> str:
    """
    An address as people write it, where it is one of theirs.
    """
    if isinstance(peer, IPv6Address):
        return f"[{peer.host}]:{peer.port}"
    return f"{peer.host}:{peer.port}" if isinstance(peer, IPv4Address) else str(peer)
