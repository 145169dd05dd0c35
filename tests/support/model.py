"""
What the state machine of a session holds it against.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.sessions import RecordingApplication
from txsockjs.core.frames import Frame, encode, quote
from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.core.states import State
from txsockjs.interfaces import IHostedSession
from txsockjs.options import SockJSOptions
from txsockjs.testing import MemoryReceiver


class Taker(MemoryReceiver):
    """
    A receiver that hands what it takes to the model, answers pings, and calls back in
    the middle of everything.

    :ivar full: whether it has said that it has no room.
    """

    full = False

    def __init__(
        self, model: Model, limit: int | None = None, *, persistent: bool = False
    ) -> None:
        super().__init__(limit, persistent=persistent)
        self._model = model

    def sendFrame(self, frame: Frame) -> bool:
        assert not self.full, "a frame to a receiver that is full"
        # Whatever calls back now finds a receiver that is busy.
        self.full = True
        try:
            self._model.callBack()
            self._model.take(frame.data)
            room = super().sendFrame(frame)
            self._model.callBack()
        except ZeroDivisionError:
            self._model.dropped = True
            raise
        self.full = not (room or self.finished)
        return not (self.finished or self._paused)

    def finish(self) -> None:
        super().finish()
        self._model.callBack()

    def abort(self) -> None:
        super().abort()
        self._model.callBack()

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

    :ivar busy: whether it is in a call of its own to the session.
    """

    session: Session
    busy = False

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    @contextmanager
    def called(self) -> Iterator[None]:
        """
        It is called: not from inside its own call, and not from inside this one.
        """
        assert not self.busy, "called inside its own call"
        assert not self.lost, "called after the end"
        self.busy = True
        yield
        self.busy = False

    def sessionOpened(self) -> None:
        with self.called():
            super().sessionOpened()

    def sessionReceived(self, message: str | bytes) -> None:
        assert self.session.state is State.OPEN, "a message after the end"
        assert not self.session._paused, "a message to one who does not read"
        with self.called():
            super().sessionReceived(message)

    def sessionDrained(self) -> None:
        assert self.session.state is State.OPEN, "asked for more after the end"
        assert not self.session._outbox, "asked for more while something waits"
        assert not self.model.receiver.full, "asked for more while nothing is taken"
        with self.called():
            super().sessionDrained()

    def sessionLost(self, reason: Failure) -> None:
        with self.called():
            super().sessionLost(reason)


class Model:
    """
    What must be true of one session.

    :ivar sent: what the application sent while it could.
    :ivar taken: the messages that receivers took.
    :ivar receiver: the session's receiver, or the last one that it had.
    :ivar brought: what the browser sent while it could.
    :ivar held: how many deliveries of the browser's wait for the application.
    :ivar dropped: whether the session was given up with what waited.
    :ivar deeds: what is done in the middle of the next calls of a receiver's.
    """

    receiver: Taker

    def __init__(self, clock: Clock, heartbeat: float | None) -> None:
        self.application = Application(self)
        self._clock = clock
        self._heartbeat = heartbeat
        self._last = 0.0
        self.held = 0
        self.deeds: list[Callable[[], object]] = []
        self.sent: list[str] = []
        self.taken: list[str] = []
        self.brought: list[str | bytes] = []
        self.opened = False
        self.closed: bytes | None = None
        self.dropped = False

    def callBack(self) -> None:
        """
        A receiver is called.
        """
        if self.deeds:
            self.deeds.pop(0)()

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
    def waiting(self) -> tuple[int, int]:
        """
        What is in the outbox: how many bytes of text, and what that may count at most.
        """
        if self.dropped:
            return 0, 0
        texts = self.sent[len(self.taken) :]
        size = sum(len(encode(text)) for text in texts)
        # Packed, a message has the cost of its JSON alone.
        quoted = sum(len(quote(text)) for text in texts)
        return min(size, quoted), quoted + MESSAGE_COST * len(texts)


class Noting(Service):
    """
    A service that keeps what its sessions could not do.
    """

    def __init__(self, clock: Clock, options: SockJSOptions) -> None:
        super().__init__(clock, options)
        self.failures: list[Failure] = []

    def failed(self, session: IHostedSession, reason: Failure) -> None:
        self.failures.append(reason)
