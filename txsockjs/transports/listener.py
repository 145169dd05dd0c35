"""What a WebSocket connection and who listens to it have to do with each other:
`ISocketReceiver`, `Fault`."""

from __future__ import annotations

from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txsockjs.errors import SessionFailed
from txsockjs.web.wire import Wire


class Unheard:
    """
    A future that nobody waits for.
    """

    def callback(self, result: object) -> None:
        """
        What it was to tell has come.
        """


#: All of those that Autobahn has for each connection.
UNHEARD: Final = Unheard()


class Fault(SessionFailed):
    """
    The peer sent what it must not.

    :ivar taken: None, or what fires when the application has read what came before.
    """

    def __init__(self, code: int, reason: str, taken: Deferred[None] | None) -> None:
        super().__init__(code, reason)
        self.taken = taken


class ISocketReceiver(Protocol):
    """
    What a connection needs of its receiver.

    :ivar heard: whether something has come since this was last set to False.
    :ivar wire: what it writes frames to.
    """

    heard: bool
    wire: Wire

    def deliver(self, texts: list[str]) -> Deferred[None] | None:
        """
        Take the payloads of text messages.

        :return: None, or what fires when more may be read.
        :raise Fault: to close the connection.
        """

    def deliverBinary(self, payload: bytes) -> Deferred[None] | None:
        """
        Take the payload of a binary message, in the same way.
        """

    def pinged(self, payload: bytes) -> None:
        """
        The peer asks for a sign of life.
        """

    def resumeProducing(self) -> None:
        """
        Frames may be sent again.
        """

    def connectionLost(self, reason: Failure) -> None:
        """
        The connection has ended.
        """
