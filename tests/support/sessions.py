"""What the tests of the core have in common: an application that keeps what it is told,
and assertions in the protocol's words."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs.core.frames import Close, Message
from txsockjs.core.service import Service
from txsockjs.core.session import Session
from txsockjs.interfaces import IApplication
from txsockjs.options import SockJSOptions
from txsockjs.testing import MemoryReceiver

GO_AWAY = b'c[3000,"Go away!"]'


@implementer(IApplication)
class RecordingApplication:
    """
    An application that keeps what it is told, and does what a test wants it to.

    :ivar opened: how often the session was opened.
    :ivar received: the messages that came in.
    :ivar drained: how often it was told that all it sent is taken.
    :ivar lost: the reasons of the session's end.
    """

    listening = True

    def __init__(self) -> None:
        self.opened = 0
        self.received: list[str | bytes] = []
        self.drained = 0
        self.lost: list[Failure] = []
        self.onOpened: Callable[[], object] = lambda: None
        self.onReceived: Callable[[str | bytes], object] = lambda message: None
        self.onDrained: Callable[[], object] = lambda: None

    def sessionOpened(self) -> None:
        self.opened += 1
        self.onOpened()

    def sessionReceived(self, message: str | bytes) -> None:
        self.received.append(message)
        self.onReceived(message)

    def sessionDrained(self) -> None:
        self.drained += 1
        self.onDrained()

    def sessionLost(self, reason: Failure) -> None:
        self.lost.append(reason)


def polling() -> MemoryReceiver:
    """
    A receiver that takes one frame.
    """
    return MemoryReceiver(1)


def socket() -> MemoryReceiver:
    """
    A receiver whose life is the session's life.
    """
    return MemoryReceiver(persistent=True)


class SessionTestCase(SynchronousTestCase):
    """
    Sessions in a service, on a `Clock`.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.application = RecordingApplication()
        self.configure()

    def configure(self, **options: object) -> None:
        """
        Have a new service with these options.
        """
        self.service = Service(self.clock, SockJSOptions.fromDict(options))

    def open(
        self, receiver: MemoryReceiver | None = None, id: bytes | None = b"s"
    ) -> tuple[Session, MemoryReceiver]:
        """
        Open a session of ``self.application``.

        :param receiver: its first receiver; a streaming one if not given.
        """
        taker = receiver or MemoryReceiver()
        return self.service.open(
            id, lambda session: session.open(self.application, taker)
        ), taker

    def attach(self, session: Session, receiver: MemoryReceiver) -> MemoryReceiver:
        """
        Let a further receiver come.
        """
        session.attach(receiver)
        return receiver

    def send(self, session: Session, *texts: str) -> None:
        """
        Send messages to the session's peer.
        """
        for text in texts:
            session.send(Message(text))

    def turn(self) -> None:
        """
        End this turn of the reactor.
        """
        self.clock.advance(0)

    def assertFrames(self, receiver: MemoryReceiver, *frames: bytes) -> None:
        """
        The receiver has got these frames and no others.
        """
        self.assertEqual(list(frames), receiver.frames)

    def assertLost(self, *kinds: type[BaseException]) -> None:
        """
        The application has heard of the end so often, for such reasons.
        """
        self.assertEqual(list(kinds), [reason.type for reason in self.application.lost])

    def assertIdle(self) -> None:
        """
        No timer is left behind, and no session.
        """
        self.assertEqual([], self.clock.getDelayedCalls())
        self.assertEqual(0, len(self.service))


def close(code: int = 3000, reason: str = "Go away!") -> Close:
    """
    A close frame.
    """
    return Close(code, reason)
