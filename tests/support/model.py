"""
What the state machine of a session holds it against.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.sessions import RecordingApplication
from txsockjs.core.frames import Frame, quote
from txsockjs.core.session import Session
from txsockjs.core.states import State
from txsockjs.testing import MemoryReceiver


class Taker(MemoryReceiver):
    """
    A receiver that hands what it takes to the model, and answers pings.

    @ivar full: whether it has said that it has no room.
    """

    full = False

    def __init__(
        self, model: Model, limit: int | None = None, *, persistent: bool = False
    ) -> None:
        super().__init__(limit, persistent=persistent)
        self._model = model

    def sendFrame(self, frame: Frame) -> bool:
        assert not self.full, "a frame to a receiver that is full"
        self._model.take(frame.data)
        room = super().sendFrame(frame)
        self.full = not (room or self.finished)
        return room

    def resume(self) -> None:
        self.full = False
        super().resume()

    def ping(self) -> None:
        super().ping()
        self.heard = True

    @property
    def live(self) -> bool:
        """
        Whether it takes frames.
        """
        return not self.finished and not self._paused


class Application(RecordingApplication):
    """
    An application that is called when it may be, and not otherwise.

    @ivar busy: whether it is in a call of its own to the session.
    """

    session: Session
    busy = False

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def sessionReceived(self, message: str | bytes) -> None:
        assert self.session.state is State.OPEN, "a message after the end"
        assert not self.session._paused, "a message to one who does not read"
        super().sessionReceived(message)

    def sessionDrained(self) -> None:
        assert self.session.state is State.OPEN, "asked for more after the end"
        assert not self.session.pending, "asked for more while something waits"
        assert not self.model.receiver.full, "asked for more while nothing is taken"
        super().sessionDrained()

    def sessionLost(self, reason: Failure) -> None:
        assert not self.lost, "told twice"
        assert not self.busy, "told inside its own call"
        super().sessionLost(reason)


class Model:
    """
    What must be true of one session.

    @ivar sent: what the application sent while it could.
    @ivar taken: the messages that receivers took.
    @ivar receiver: the session's receiver, or the last one that it had.
    @ivar brought: what the browser sent while it could.
    @ivar held: how many deliveries of the browser's wait for the application.
    @ivar dropped: whether the session was given up with what waited.
    """

    receiver: Taker

    def __init__(self, clock: Clock, heartbeat: float | None) -> None:
        self.application = Application(self)
        self._clock = clock
        self._heartbeat = heartbeat
        self._last = 0.0
        self.held = 0
        self.sent: list[str] = []
        self.taken: list[str] = []
        self.brought: list[str | bytes] = []
        self.opened = False
        self.closed: bytes | None = None
        self.dropped = False

    def take(self, data: bytes) -> None:
        """
        A receiver was given a frame.
        """
        silence, self._last = self._clock.seconds() - self._last, self._clock.seconds()
        if data == b"o":
            assert not self.opened, "opened twice"
            self.opened = True
            return
        assert self.opened, "a frame before the open frame"
        if data.startswith(b"c"):
            assert self.closed in (None, data), "two different ends"
            assert self.dropped or self.taken == self.sent, "closed too early"
            self.closed = data
            return
        assert self.closed is None, "a frame behind the close frame"
        if data.startswith(b"a"):
            self.taken += json.loads(data[1:])
        else:
            assert (data, self._heartbeat is None) == (b"h", False)
            assert silence > self._heartbeat - 0.01, "a heartbeat too early"

    @property
    def waiting(self) -> int:
        """
        The bytes in the outbox.
        """
        if self.dropped:
            return 0
        return sum(len(quote(text)) + 1 for text in self.sent[len(self.taken) :])
