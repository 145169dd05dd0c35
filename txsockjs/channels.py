"""One channel of a multiplexed session: L{Channel} and its L{ChannelTransport}."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import GO_AWAY, Close, Message
from txsockjs.interfaces import ISession
from txsockjs.transport import SecureSessionTransport, SessionTransport

_ESCAPED: Final = re.compile("%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")


def unescape(name: str) -> str:
    """
    What JavaScript's C{unescape} makes of a name (ECMA-262, section B.2.1.2).
    """
    if "%" not in name:
        return name
    units = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), name)
    # Beyond U+FFFF a character is two UTF-16 code units.
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class IConnection(Protocol):
    """
    What a channel needs of the connection that it is on.
    """

    @property
    def clock(self) -> IReactorTime:
        """
        What tells the time.
        """

    @property
    def pending(self) -> int:
        """
        The bytes that were sent and that the browser has not taken yet.
        """

    @property
    def crowded(self) -> bool:
        """
        Whether these are so many that who sends should wait.
        """

    def send(self, message: Message) -> None:
        """
        Send a message of the multiplex protocol.
        """

    def follow(self, channel: Channel) -> None:
        """
        Tell a channel when it should wait, and when the browser has taken all.
        """

    def closed(self, channel: Channel, close: Close) -> None:
        """
        A channel was closed at this side.
        """

    def pause(self, channel: Channel) -> None:
        """
        Read nothing for this channel, and so for none.
        """

    def resume(self, channel: Channel) -> None:
        """
        Read on, unless another channel does not.
        """

    def broadcast(self, topic: str, message: bytes | str) -> None:
        """
        Send a message to every channel of a topic, on every connection.
        """


@implementer(ISession)
class Channel:
    """
    One channel of a connection, as the session of its transport.

    @ivar topic: the topic's name.
    @ivar spelling: the name as the client wrote it, and reads it.
    """

    __slots__ = ("_application", "_connection", "_open", "spelling", "topic")

    def __init__(self, connection: IConnection, topic: str, spelling: str) -> None:
        self._connection = connection
        self._application: ChannelTransport | None = None
        self._open = True
        self.topic = topic
        self.spelling = spelling

    @property
    def pending(self) -> int:
        """
        The bytes that wait on the connection, whichever channel's they are.
        """
        return self._connection.pending

    @property
    def crowded(self) -> bool:
        """
        Whether who sends on the connection should wait.
        """
        return self._connection.crowded

    def open(self, application: ChannelTransport) -> None:
        """
        Connect the application.
        """
        self._application = application
        application.sessionOpened()

    def receive(self, payload: str) -> None:
        """
        A message came in.
        """
        if self._application is not None:
            self._application.sessionReceived(payload)

    def forward(self, message: Message) -> None:
        """
        Send a message of the multiplex protocol, which other channels send too.
        """
        if self._open:
            self._connection.send(message)

    def broadcast(self, message: bytes | str) -> None:
        """
        Send a message to every channel of the topic.
        """
        self._connection.broadcast(self.topic, message)

    def follow(self) -> None:
        """
        The application goes by what the browser takes.
        """
        if self._open:
            self._connection.follow(self)

    def crowd(self) -> None:
        """
        Who sends on the connection should wait now.
        """
        if self._application is not None:
            self._application.sessionCrowded()

    def drained(self) -> bool:
        """
        The browser has taken all.

        @return: whether the application still goes by that.
        """
        if self._application is None or not self._open:
            return False
        self._application.sessionDrained()
        return self._open and self._application.follows

    def lost(self, reason: Failure) -> None:
        """
        The channel has ended.
        """
        self._open = False
        application, self._application = self._application, None
        if application is not None:
            application.sessionLost(reason)

    # ISession

    def send(self, message: Message) -> None:
        self.forward(Message(f"msg,{self.spelling},{message.text}"))

    def close(self, close: Close) -> None:
        self._close(close, Failure(ConnectionDone()))

    def abort(self) -> None:
        self._close(GO_AWAY, Failure(ConnectionAborted()))

    def _close(self, close: Close, reason: Failure) -> None:
        if self._open:
            self._open = False
            self._connection.closed(self, close)
            self._connection.clock.callLater(0, self.lost, reason)

    def fail(self, close: Close, reason: Failure) -> None:
        if self._open:
            self._open = False
            self._connection.closed(self, close)
            self.lost(reason)

    def pauseReceiving(self) -> None:
        if self._open:
            self._connection.pause(self)

    def resumeReceiving(self) -> None:
        self._connection.resume(self)


class ChannelTransport(SessionTransport):
    """
    What the protocol of a channel has as its transport. Producers and pauses work as
    on any session's, and are those of the one connection that all its channels share.
    """

    __slots__ = ()

    _session: Channel

    @property
    def topic(self) -> str:
        """
        The topic's name.
        """
        return self._session.topic

    @property
    def follows(self) -> bool:
        """
        Whether a producer goes by what the browser takes.
        """
        return self._producer is not None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._session.follow()
        super().registerProducer(producer, streaming)

    def whenDrained(self) -> Deferred[None]:
        drained = super().whenDrained()
        if not drained.called:
            self._session.follow()
        return drained

    def sessionCrowded(self) -> None:
        """
        Others have sent so much that this channel's producer should wait, too.
        """
        if self._producer is not None and self._streaming and not self._producerPaused:
            self._pauseProducer()

    def broadcast(self, message: bytes | str) -> None:
        """
        Send a message to every channel of the topic, this one included.
        """
        self._session.broadcast(message)


class SecureChannelTransport(ChannelTransport, SecureSessionTransport):
    """
    The same, where the session came over TLS.
    """

    __slots__ = ()
