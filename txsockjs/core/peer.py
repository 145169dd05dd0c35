"""What a session knows of its peer, from what it sees and from the time: `Watch`."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IReactorTime

from txsockjs.core.driver import Driver
from txsockjs.core.states import Condition
from txsockjs.core.timers import Timers
from txsockjs.interfaces import IReceiver, ISessionHost
from txsockjs.options import SockJSOptions

#: Bytes a second of the slowest line that keeps a session whose responses pass through
#: a proxy: what the proxy holds, nobody here can see.
SLOWEST_LINE: Final = 8192

# Bytes that any line takes in the disconnect delay; and the most seconds that a client
# is given for the rest.
_AT_ONCE: Final = 16384
_LONGEST: Final = 30.0

# Disconnect delays for which bytes of a response may stand still.
_STANDSTILL: Final = 5

# Seconds between two looks at what a former receiver was given.
_SOON: Final = 0.5

# Seconds that are none: below what a float tells of the time.
_NOW: Final = 1e-6

# Seconds after which a timer is late: the process was stopped, or blocked; and turns of
# the reactor that it takes then to accept a connection and to read what came on it.
_LATE: Final = 1.0
_TURNS: Final = 3


class Watch(Driver):
    """
    Whether the peer of a session takes what is sent, and whether it is there at all.
    One that is slow is told from one that is gone by what it takes from look to look.
    All looks are those of one timer, which is armed lazily.

    It is a part of the session, and no object of its own: with thousands of sessions,
    what the garbage collector has to walk is what makes everybody wait.

    :ivar spoke: when the last frame went to its peer.
    """

    __slots__ = (
        "_armed",
        "_asked",
        "_clock",
        "_due",
        "_grace",
        "_late",
        "_moved",
        "_options",
        "_question",
        "_receiver",
        "_seen",
        "_since",
        "_taken",
        "_timers",
        "_unread",
        "spoke",
    )

    def __init__(self, host: ISessionHost) -> None:
        super().__init__(host)
        self._clock: IReactorTime = host.clock
        self._options: SockJSOptions = host.options
        self._timers: Timers[Watch] = host.timers
        # The receiver that has the session's frames, or that had them last.
        self._receiver: IReceiver | None = None
        self.spoke: float = 0.0
        # When the timer wants to be called, if it does; and for when it was armed, or
        # how many turns of the reactor ago it was found to be late.
        self._due: float | None = None
        self._armed = 0.0
        self._late = 0
        # Since when there is no receiver, or when the last response was seen to move;
        # and how long that may be on its way unseen.
        self._since = 0.0
        self._grace = 0.0
        # What it had taken of a response that was complete, and not delivered then.
        self._unread: int | None = None
        # What it had taken when bytes were last seen to wait for it, None if none did;
        # and when that was first seen.
        self._taken: int | None = None
        self._moved = 0.0
        # When it was asked for a sign of life, what it will have taken before it has
        # the question, and what it had taken at the last look.
        self._asked: float | None = None
        self._question = 0
        self._seen = 0

    def _came(self) -> None:
        """
        There is a receiver: a heartbeat follows after an interval of silence.
        """
        now = self.spoke = self._clock.seconds()
        interval = self._options.heartbeat
        if interval is not None and not now < self._armed <= now + interval:
            self._arm(interval)

    def _left(self) -> None:
        """
        There is no receiver any more, or it is done: the disconnect delay begins, when
        what the last one was given can have been delivered. (PROTOCOL 6.4)
        """
        now = self._since = self._clock.seconds()
        self._grace = 0.0
        receiver = self._receiver
        if receiver is not None:
            rest = receiver.carried - _AT_ONCE
            if rest > 0:
                self._grace = min(_LONGEST, rest / SLOWEST_LINE)
            self._unread = receiver.takenBytes() if receiver.pendingBytes() else None
        delay = self._options.timeout
        if not now < self._armed <= now + delay:
            self._arm(delay)

    def _lookSoon(self) -> None:
        """
        Look again before long whether the peer has taken what it was given.
        """
        self._arm(_SOON)

    def _unwatch(self) -> None:
        """
        The session is over.
        """
        if self._due is not None:
            self._timers.remove(self._due, self)
            self._due = None

    def _arm(self, delay: float) -> None:
        """Have the timer fire in ``delay`` seconds or sooner: when it is too soon, it
        looks at what happened since and sleeps on.
        """
        due = self._clock.seconds() + delay
        if self._due is not None:
            if self._armed <= due:
                return
            self._timers.remove(self._due, self)
        self._armed = self._due = due
        self._late = 0
        self._timers.add(due, self)

    def _look(self) -> None:
        """
        The timer has fired.
        """
        self._due = None
        now, receiver = self._clock.seconds(), self._receiver
        if now - self._armed > _LATE and self._late < _TURNS:
            # What came meanwhile is heard first.
            self._late += 1
            self._due = now
            self._timers.add(now, self)
        elif receiver is None or (
            self.condition is Condition.DONE and not receiver.persistent
        ):
            self._expect(receiver, now)
        elif self._options.heartbeat is not None:
            self._watch(receiver, now, self._options.heartbeat)

    def _expect(self, receiver: IReceiver | None, now: float) -> None:
        """
        Wait for the next receiver. The delay counts from when the last response was
        delivered: wait on while that is on its way.
        """
        delay = self._options.timeout
        if receiver is not None and self._unread is not None and receiver.isCut():
            # No proxy can have all of it, and carry that on.
            self._grace = 0.0
        longest = delay + self._grace
        if receiver is not None and self._takes(receiver):
            self._since = now
        elif receiver is not None and receiver.pendingBytes():
            longest = _STANDSTILL * delay
        rest = self._since + longest - now
        if rest < _NOW:
            self.expire()
        else:
            self._arm(min(delay, rest))

    def _takes(self, receiver: IReceiver) -> bool:
        """
        Whether the peer has taken some of a complete response since the last look.
        """
        before = self._unread
        if before is None and not receiver.pendingBytes():
            return False
        self._unread = receiver.takenBytes()
        return self._unread != before

    def _watch(self, receiver: IReceiver, now: float, interval: float) -> None:
        """
        Look whether somebody is behind a receiver, and let a heartbeat follow after an
        interval of silence.
        """
        # A question has bytes, too.
        waiting = receiver.pendingBytes()
        if receiver.persistent and not self._isAlive(
            receiver, now, interval, self.deaf
        ):
            self.giveUp("the peer did not answer a ping")
        elif self._stands(receiver, now, interval):
            # Bytes that have not moved for a whole interval never will.
            self.giveUp("the peer takes no more bytes")
        elif (rest := self.spoke + interval - now) >= _NOW:
            self._arm(rest)
        else:
            self.spoke = now
            self._arm(interval)
            if not waiting:
                self.beat()

    def _stands(self, receiver: IReceiver, now: float, patience: float) -> bool:
        """
        Whether bytes wait of which the peer has taken none for ``patience`` seconds, as
        far as was seen.
        """
        taken = receiver.takenBytes() if receiver.heldBytes() else None
        if taken is None or taken != self._taken:
            self._taken, self._moved = taken, now
        return now - self._moved >= patience

    def _isAlive(
        self, receiver: IReceiver, now: float, patience: float, unread: bool
    ) -> bool:
        """Whether the peer of a persistent receiver may still be there: it sent
        something of late, or was asked for a sign of life less than ``patience``
        seconds ago. That time does not run while it takes what was written before the
        question.

        :param now: the time, in seconds.
        :param unread: whether the application does not read: an answer would not be
            heard.
        """
        taken = receiver.takenBytes()
        before, self._seen = self._seen, taken
        if receiver.heard or unread:
            receiver.heard = False
            self._asked = None
        elif self._asked is None:
            self._asked = now
            self._question = taken + receiver.heldBytes()
            receiver.ping()
        elif taken != before and min(taken, before) < self._question:
            self._asked = now
        elif now - self._asked >= patience:
            return False
        return True

    # What the session does about it

    @property
    def deaf(self) -> bool:
        """
        Whether its application does not read: an answer would not be heard.
        """
        raise NotImplementedError

    def expire(self) -> None:
        """
        Nobody came in time, or nobody needs to come any more.
        """
        raise NotImplementedError

    def giveUp(self, why: str) -> None:
        """
        Nobody is there, though the connection is.
        """
        raise NotImplementedError

    def beat(self) -> None:
        """
        It is time for a heartbeat.
        """
        raise NotImplementedError

    def timeUp(self) -> None:
        """
        The time has come for which the timer was armed: `_look`.
        """
        raise NotImplementedError
