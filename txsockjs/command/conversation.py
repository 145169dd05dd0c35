"""A session that is talked with from a console."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.command.endings import CommandError, described
from txsockjs.command.rendering import Rendering
from txsockjs.errors import SessionEnded
from txsockjs.interfaces import ISockJSMessageReceiver


class Console(Protocol):
    """
    Where messages are typed, or come from a pipe, and where they are shown.
    """

    def start(self, conversation: Conversation) -> None:
        """
        Begin to read: call its methods from now on, but none before this has returned.
        """

    def show(self, text: str) -> None:
        """
        Show a text, which has its line end.
        """

    def finish(self) -> Deferred[None]:
        """
        Read nothing more.

        :return: what fires when all was shown.
        """

    def drop(self) -> None:
        """
        Give up what was not shown yet.
        """


@implementer(ISockJSMessageReceiver)
class Conversation(TwistedProtocol):
    """
    The session: what is typed goes out, what comes in is shown.

    :ivar console: where it is typed and shown.
    :ivar ended: fires when the session is over.
    :ivar reason: why it is over.
    :ivar trouble: why it was ended from here, where that is not because all is done.
    :ivar closing: whether it was ended from here.
    """

    transport: Any

    def __init__(
        self,
        clock: IReactorTime,
        console: Console,
        rendering: Rendering,
        wait: float,
    ) -> None:
        """
        :param wait: how many seconds nothing must have come in, after all was sent, for
            the session to be closed.
        """
        self._clock = clock
        self.console = console
        self._rendering = rendering
        self._wait = wait
        self._waiting: IDelayedCall | None = None
        self.closing: bool = False
        self.trouble: CommandError | None = None
        self.reason: Failure = connectionDone
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.console.start(self)
        self._show(self._rendering.opened(self.transport.transportName))

    def messageReceived(self, message: str) -> None:
        self._show(self._rendering.received(message))
        if self._waiting is not None:
            self._waiting.reset(self._wait)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        error = reason.value
        code, text = None, ""
        if isinstance(error, SessionEnded):
            code, text = error.code, error.reason
        self._show(self._rendering.closed(described(reason), code, text))
        self.reason = reason
        self.ended.callback(None)

    def _show(self, text: str) -> None:
        if text:
            self.console.show(text)

    # What the console calls.

    def say(self, message: str) -> None:
        """
        Send a message.
        """
        if not self.closing:
            self.transport.sendMessage(message)
            self._show(self._rendering.sent(message))

    def inputEnded(self) -> None:
        """
        Nothing more is to be sent. What was is delivered, answers are waited for, and
        then the session is closed.
        """
        self.transport.whenDrained().addCallback(self._delivered)

    def _delivered(self, nothing: None) -> None:
        if self.transport.connected and not self.closing:
            self._waiting = self._clock.callLater(self._wait, self._silent)

    def _silent(self) -> None:
        # Where the process was held up, a message may be there that was not read yet:
        # the reactor makes its calls first.
        self._waiting = self._clock.callLater(0, self._silentStill)

    def _silentStill(self) -> None:
        self._waiting = None
        self.close()

    def close(self) -> None:
        """
        Close the session, when what was sent is delivered.
        """
        self.closing = True
        self.transport.loseConnection(1000, "")

    def abort(self) -> None:
        """
        Drop the session, and what was not shown yet.
        """
        self.closing = True
        self.transport.abortConnection()
        self.console.drop()

    def fail(self, problem: str) -> None:
        """
        Close the session because of something that cannot be sent or shown.
        """
        if self.trouble is None:
            self.trouble = CommandError(problem)
        self.close()
