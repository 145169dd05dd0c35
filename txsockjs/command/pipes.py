"""Standard input and output, as a console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet import fdesc
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.command.conversation import Conversation
from txsockjs.command.rendering import encoded

_STDIN: Final = 0
_STDOUT: Final = 1


@implementer(IHalfCloseableProtocol)
class Pipes(LineReceiver):
    """
    A `Console <txsockjs.command.conversation.Console>`: each line of the input is a
    message.

    While the session takes no more, nothing is read; while the output is not taken, the
    session is not read from.
    """

    delimiter = b"\n"
    transport: Any
    _conversation: Conversation

    # They are LineReceiver's, which has no hints.
    pauseProducing: Callable[[], None]
    clearLineBuffer: Callable[[], bytes]

    def __init__(self, reactor: Any, longest: int) -> None:
        """
        :param longest: how many bytes a line may have.
        """
        self.MAX_LENGTH = longest
        self._reactor = reactor
        self._lines = 0
        self._writable = True
        self._done: Deferred[None] = Deferred()

    def start(self, conversation: Conversation) -> None:
        self._conversation = conversation
        StandardIO(self, reactor=self._reactor)
        self.transport.registerProducer(_Inbound(conversation), True)
        conversation.transport.registerProducer(self, True)

    def show(self, text: str) -> None:
        self.transport.write(encoded(text))

    def finish(self) -> Deferred[None]:
        self.pauseProducing()
        if self._writable:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        else:
            self.drop()
        return self._done

    def drop(self) -> None:
        if not self._done.called:
            # A terminal, and whoever else has these files, wants them as they were.
            fdesc.setBlocking(_STDIN)
            fdesc.setBlocking(_STDOUT)
            self._done.callback(None)

    # What the session asks of its producer.

    def stopProducing(self) -> None:
        # The session is over, and what came last is still to be written.
        self.pauseProducing()

    # LineReceiver

    def lineReceived(self, line: bytes) -> None:
        self._lines += 1
        try:
            text = line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            self._fail(f"line {self._lines} of the input is not UTF-8: convert it")
        else:
            self._conversation.say(text)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._fail(
            f"line {self._lines + 1} of the input has more than {self.MAX_LENGTH} "
            "bytes: allow them with --max-message-size"
        )

    def _fail(self, problem: str) -> None:
        self.pauseProducing()
        self._conversation.transport.unregisterProducer()
        self._conversation.fail(problem)

    # IHalfCloseableProtocol

    def readConnectionLost(self) -> None:
        last = self.clearLineBuffer()
        if last:
            self.lineReceived(last)
        if not self._conversation.closing:
            self._conversation.transport.unregisterProducer()
            self._conversation.inputEnded()

    def writeConnectionLost(self) -> None:
        # Whoever wanted to see it has gone.
        self._writable = False
        self.pauseProducing()
        self._conversation.transport.unregisterProducer()
        self._conversation.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.drop()


@implementer(IPushProducer)
class _Inbound:
    """
    What comes in from a session, held back while the output is not taken.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._transport = conversation.transport

    def pauseProducing(self) -> None:
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._transport.resumeProducing()

    def stopProducing(self) -> None:
        # The output was lost. The console hears of that, too, and closes the session.
        pass
