"""How a client's session begins and ends: `SessionLife`. (PROTOCOL section 9.)"""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txsockjs.client.interfaces import ICarrier
from txsockjs.client.place import Place, rto
from txsockjs.client.reading import Closed
from txsockjs.client.states import STATES, Event, State
from txsockjs.core.frames import Close
from txsockjs.errors import (
    ConnectFailed,
    SessionClosed,
    SessionFailed,
    SessionRefused,
    TransportFailed,
)
from txsockjs.interfaces import IApplication

#: Undelivered bytes after which who sends should wait, as for Twisted's transports.
ENOUGH: Final = 65536

# How many seconds a trip may take where nobody knows: an attempt has two of them.
_TRIP: Final = 2.5

# A millisecond more or less of silence is not worth another look.
_SOON: Final = 0.001


def _broken(reason: Failure, raw: bool) -> Exception:
    """
    What broke, as the application is told.
    """
    error = reason.value
    if isinstance(error, SessionFailed) or (raw and isinstance(error, SessionClosed)):
        return error
    if isinstance(error, SessionClosed):
        # The socket's own close without a frame that closes the session.
        why = f"the server closed the WebSocket, not the session: {error}"
    else:
        why = str(error) or type(error).__name__
    failed = SessionFailed(1006, why)
    failed.__cause__ = error
    return failed


def _unopened(reason: Failure) -> Exception:
    """
    Why a transport did not open a session.
    """
    error = reason.value
    if isinstance(error, ConnectFailed):
        return error
    failed = TransportFailed(str(error) or type(error).__name__)
    failed.__cause__ = error
    return failed


class SessionLife:
    """
    The beginning and the end of one session.

    :ivar crowded: whether so much waits that who sends should wait.
    :ivar gone: fires when what carries it is gone, and the application was told.
    :ivar raw: whether it is a raw WebSocket's.
    :ivar state: where in its life it is.
    """

    __slots__ = (
        "_again",
        "_application",
        "_carrier",
        "_clock",
        "_deaf",
        "_ending",
        "_enough",
        "_heard",
        "_inbox",
        "_looking",
        "_mostHeld",
        "_opening",
        "_paused",
        "_ready",
        "_room",
        "_seconds",
        "_settling",
        "_silence",
        "_stopped",
        "_watch",
        "crowded",
        "gone",
        "raw",
        "state",
    )

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._clock = place.clock
        self._seconds = place.clock.seconds
        self.raw: bool = settings.raw
        self._mostHeld = settings.max_buffer
        # One more message may come then, of half of what is allowed, and JSON is longer
        # than its text.
        self._enough = min(ENOUGH, self._mostHeld // 6)
        # What may be sent until somebody looks how much waits.
        self._room = self._enough
        # How long the server may say nothing. On a raw WebSocket it need not say
        # anything: who carries that asks for signs of life.
        self._silence: float | None = None
        if settings.heartbeat is not None and not settings.raw:
            trip = _TRIP if place.roundTrip is None else rto(place.roundTrip)
            self._silence = 2 * settings.heartbeat + trip
        self._heard = 0.0
        self._watch: IDelayedCall | None = None
        self._carrier: ICarrier | None = None
        self._application: IApplication | None = None
        self._opening: Deferred[None] | None = None
        # Why it ends, as the application is told.
        self._ending: Failure | None = None
        # What came in while the application did not take it.
        self._inbox: deque[str | bytes] | None = None
        # Whether what comes in goes to the application at once; and whether so will
        # what comes next, when that returns.
        self._ready = False
        self._again = False
        self._paused = False
        # Whether the application wants nothing more at all.
        self._deaf = False
        # Whether who carries it was told to read nothing.
        self._stopped = False
        # Whether the application is to be told that all is taken.
        self._looking = False
        self._settling: IDelayedCall | None = None
        self.crowded: bool = False
        self.gone: Deferred[None] = Deferred()
        self.state: State = State.CONNECTING

    def _become(self, event: Event) -> None:
        """
        Change the state.
        """
        following = STATES[self.state].get(event)
        if following is None:
            raise RuntimeError(f"{event} cannot happen to a session in {self.state}")
        self.state = following
        self._again = self._ready = False

    def _later(self) -> None:
        """
        Tell the application what there is to tell, in the next turn of the reactor.
        """
        if self._settling is None:
            self._settling = self._clock.callLater(0, self._settle)

    def _settle(self) -> None:
        raise NotImplementedError

    # How it begins

    def open(self, carrier: ICarrier) -> Deferred[None]:
        """
        Have the carrier open it.

        :return: what fires when the server has opened it, with `attach` to follow at
            once. It fails with `ConnectFailed` if the carrier has failed, and with
            `SessionRefused` if no other carrier could do better. It can be cancelled.
        """
        self._carrier = carrier
        opening = self._opening = Deferred(self._cancelled)
        carrier.start()
        return opening

    def _cancelled(self, opening: Deferred[None]) -> None:
        self.giveUp(CancelledError())

    def giveUp(self, error: Exception) -> None:
        """
        Wait no more for it to open.

        :param error: what whoever waits for that is told.
        """
        if self.state is State.CONNECTING:
            self._become(Event.ENDED)
            self._failOpening(error)
            self._drop()

    def attach(self, application: IApplication) -> None:
        """
        It is open: this is who uses it.
        """
        self._application = application
        application.sessionOpened()
        self._later()

    def _opened(self) -> None:
        self._become(Event.OPENED)
        if self._silence is not None:
            self._watch = self._clock.callLater(self._silence, self._listen)
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(None)

    def _failOpening(self, error: Exception) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.errback(error)

    def _listen(self) -> None:
        """
        See whether the server is still there.
        """
        self._watch = None
        assert self._silence is not None
        if self._stopped:
            # Nothing can be heard.
            self._heard = self._seconds()
        left = self._heard + self._silence - self._seconds()
        if left > _SOON:
            self._watch = self._clock.callLater(left, self._listen)
        else:
            self._break(
                f"nothing came from the server for {self._silence:.4g} s; if it sends "
                "no heartbeats that often, raise heartbeat or set it to 0"
            )

    # How it ends: IMessageSession

    def close(self, close: Close) -> None:
        """
        Have carried what was sent before, then close. Nothing more comes in.
        """
        self._forget()
        if self.state is State.OPEN:
            self._become(Event.CLOSED)
            self._ending = Failure(SessionClosed(close.code, close.reason))
            self._leave(close.code, close.reason)

    def fail(self, close: Close, reason: Failure) -> None:
        """
        Close because of a fault of the application's.
        """
        self._forget()
        if self.state is State.OPEN:
            self._become(Event.ENDED)
            self._ending = reason
            self._leave(close.code, close.reason)

    def abort(self) -> None:
        """
        End at once.
        """
        self._forget()
        if self.state in (State.OPEN, State.CLOSING):
            self._become(Event.ENDED)
            self._ending = Failure(ConnectionAborted())
            self._drop()
        elif self.state is State.ENDED:
            # It is told to hurry.
            self._drop()

    def _forget(self) -> None:
        """
        The application wants nothing more.
        """
        self._deaf = True
        self._inbox = None
        if self.state is State.LOST:
            self._later()

    def _break(self, why: str, code: int = 1006) -> None:
        """
        It cannot go on.
        """
        if self.state is State.OPEN:
            self._become(Event.ENDED)
            self._ending = Failure(SessionFailed(code, why))
            self._drop()

    def _closed(self, said: Closed) -> None:
        """
        The server has closed it.
        """
        code, reason = said.code, said.reason
        if self.state is State.OPEN:
            self._become(Event.ENDED)
            self._ending = Failure(SessionClosed(code, reason))
            self._leave(1000, "")
        elif self.state is State.CONNECTING:
            self._become(Event.ENDED)
            error: Exception
            if code == 1000 or 3000 <= code <= 4999:
                # Its application's own: over any transport the answer is the same.
                error = SessionRefused(code, reason)
            else:
                error = TransportFailed(f"the server closed it: {code} {reason!r}")
            self._leave(1000, "")
            self._failOpening(error)

    def _leave(self, code: int, reason: str) -> None:
        """
        End what carries it, in good order.
        """
        carrier = self._carrier
        assert carrier is not None
        if self._stopped:
            self._stopped = False
            carrier.resumeReceiving()
        carrier.close(code, reason)

    def _drop(self) -> None:
        """
        End what carries it, at once.
        """
        assert self._carrier is not None
        self._carrier.abort()

    # ICarried

    def carrierLost(self, reason: Failure) -> None:
        """
        What carried it is gone.
        """
        before = self.state
        self._become(Event.LOST)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if before is State.CONNECTING:
            self._failOpening(_unopened(reason))
        elif before is State.OPEN or (
            # Not all that was sent before was carried.
            before is State.CLOSING and not reason.check(ConnectionDone)
        ):
            self._ending = Failure(_broken(reason, self.raw))
        if self.state is State.LOST and self._application is not None:
            self._later()
        else:
            self.gone.callback(None)
