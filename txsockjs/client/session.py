"""What is said in a client's session: `ClientSession`. (PROTOCOL section 9.)

What carries a session may call it at any time, from inside any of its own calls; so may
the application. Such a call changes the session's state, and leaves what follows from
that for the application to the next turn of the reactor. The one exception is the
common case: a message that comes in while the application reads goes to it at once.

The application is never called from inside a call of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from zope.interface import implementer

from txsockjs.client.interfaces import ICarried
from txsockjs.client.life import SessionLife
from txsockjs.client.place import Place
from txsockjs.client.reading import Closed, Heartbeat, Opened, read
from txsockjs.client.states import Event, State
from txsockjs.interfaces import IMessageSession

# What a message counts beside its text, so that empty ones count.
_COST: Final = 64

# To look up a member of an Enum takes longer than most of what is done with it.
_OPEN: Final = State.OPEN


@implementer(ICarried, IMessageSession)
class ClientSession(SessionLife):
    """
    One session: what goes out and comes in.

    :ivar dropped: how many frames came in that were none.
    """

    __slots__ = ("_held", "dropped")

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        # How much is in the inbox.
        self._held = 0
        self.dropped: int = 0

    # Out

    @property
    def pending(self) -> int:
        """
        Bytes that the server has not taken.
        """
        if self._carrier is None:
            return 0
        pending: int = self._carrier.pending
        return pending

    def send(self, message: str | bytes) -> None:
        """
        Send one message. Without effect once the session is closing.
        """
        if self.state is not _OPEN:
            return
        self._carrier.send(message)  # type: ignore[union-attr]
        self._room = room = self._room - len(message) - _COST
        if room < 0:
            self._weigh()

    def _weigh(self) -> None:
        """
        Much was sent since somebody has looked at how much waits.
        """
        pending = self.pending
        self._room = self._enough // 4
        self.crowded = pending >= self._enough
        if pending > self._mostHeld:
            self._break(
                f"{pending} bytes wait until the server takes them; max_buffer allows "
                f"{self._mostHeld}",
                code=1013,
            )

    def lookSoon(self) -> None:
        """
        Tell the application when all is taken, in the next turn of the reactor if it is
        then.
        """
        self._looking = True
        self._later()

    def carrierDrained(self) -> None:
        """
        The network has taken all.
        """
        self.crowded = False
        self._room = self._enough
        if self._application is not None and self._application.listening:
            self.lookSoon()

    # In

    def carrierConnected(self) -> None:
        """
        The network has brought it there.
        """
        if self.raw and self.state is State.CONNECTING:
            self._opened()

    def carrierFrame(self, frame: str) -> None:
        """
        One frame came in.
        """
        self._heard = self._seconds()
        said = read(frame)
        if type(said) is list:
            if self._ready:
                self._deliver(said)
            else:
                self._hold(said)
        elif isinstance(said, Heartbeat):
            pass
        elif isinstance(said, Closed):
            self._closed(said)
        elif not isinstance(said, Opened):
            self.dropped += 1
        elif self.state is State.CONNECTING:
            self._opened()
        else:
            self._break("Server lost session")

    def carrierMessage(self, message: str | bytes) -> None:
        """
        One message came in on a raw WebSocket.
        """
        if self._ready:
            self._deliver((message,))
        else:
            self._hold((message,))

    def _deliver(self, messages: Sequence[str | bytes]) -> None:
        """
        Give the application what has just come in.
        """
        application = self._application
        # What comes in meanwhile waits.
        self._ready = False
        self._again = True
        for count, message in enumerate(messages, 1):
            application.sessionReceived(message)  # type: ignore[union-attr]
            if not self._again:
                # It has paused or closed, or something has happened.
                self._keep(messages[count:], first=True)
                self._later()
                return
        self._ready = True

    def _hold(self, messages: Sequence[str | bytes]) -> None:
        """
        Keep what has come in at a time when the application does not take it.
        """
        if self.state is not _OPEN:
            return
        self._again = False
        self._keep(messages)
        if self._held > self._mostHeld:
            self._break(
                f"{self._held} bytes wait while the application has paused; max_buffer "
                f"allows {self._mostHeld}",
                code=1013,
            )

    def _keep(self, messages: Sequence[str | bytes], first: bool = False) -> None:
        """
        :param first: whether these come before what is kept already.
        """
        if self._deaf or not messages:
            return
        if self._inbox is None:
            self._inbox = deque()
        if first:
            self._inbox.extendleft(reversed(messages))
        else:
            self._inbox.extend(messages)
        self._held += sum(map(len, messages)) + _COST * len(messages)

    def pauseReceiving(self) -> None:
        """
        Deliver nothing to the application until `resumeReceiving`.
        """
        self._paused = True
        self._again = self._ready = False
        if not self._stopped and self.state is _OPEN and self._carrier is not None:
            self._stopped = True
            self._carrier.pauseReceiving()

    def resumeReceiving(self) -> None:
        """
        Deliver what was held back, in the next turn of the reactor, and go on.
        """
        if self._paused:
            self._paused = False
            self._later()

    # For the application

    def _settle(self) -> None:
        """
        Give the application what was held back, as long as it takes that, and tell it
        what it was not told from inside another call.
        """
        self._settling = None
        application = self._application
        if application is None:
            return
        # What comes in meanwhile waits.
        self._ready = False
        inbox = self._inbox
        while inbox and not self._paused and inbox is self._inbox:
            message = inbox.popleft()
            self._held -= len(message) + _COST
            application.sessionReceived(message)
        if self._looking and self.state in (_OPEN, State.CLOSING):
            self._looking = False
            if not self.pending:
                self.crowded: bool = False
                application.sessionDrained()
        if self._inbox:
            if not self._paused:
                self._later()
            return
        if self.state is State.LOST:
            self._become(Event.TOLD)
            self._application = self._carrier = None
            assert self._ending is not None
            application.sessionLost(self._ending)
            self.gone.callback(None)
        elif self.state is _OPEN and not self._paused:
            self._ready = True
            if self._stopped and self._carrier is not None:
                self._stopped = False
                self._heard = self._seconds()
                self._carrier.resumeReceiving()
