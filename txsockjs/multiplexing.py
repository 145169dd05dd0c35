"""What both ends of the multiplex protocol have: `Channel`, `ChannelsProtocol`.

A session carries channels, each of a topic, whose name is written as JavaScript's
``escape`` does. `txsockjs.multiplex` has the server's end and tells the messages;
`txsockjs.client.multiplex` has the client's.
"""

from __future__ import annotations

import re
from typing import Any, Final
from typing import Protocol as Structure

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.core.frames import GO_AWAY, Close, Message
from txsockjs.interfaces import ISession
from txsockjs.messaging import MessageTransport

_ESCAPED: Final = re.compile("%u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")


def unescape(name: str) -> str:
    """
    What JavaScript's ``unescape`` makes of a name (ECMA-262, section B.2.1.2).
    """
    if "%" not in name:
        return name
    units = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), name)
    # Beyond U+FFFF a character is two UTF-16 code units.
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# What ``escape`` leaves as it is.
_PLAIN: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@*_+-./"
)


def escape(name: str) -> str:
    """
    What JavaScript's ``escape`` makes of a name (ECMA-262, section B.2.1.1).
    """
    units = name.encode("utf-16-be", "surrogatepass")
    return "".join(
        f"%u{high:02X}{low:02X}"
        if high
        else chr(low)
        if low in _PLAIN
        else f"%{low:02X}"
        for high, low in zip(units[::2], units[1::2], strict=True)
    )


class IConnection(Structure):
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
        The bytes that were sent and that the peer has not taken yet.
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
        Tell a channel when it should wait, and when the peer has taken all.
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


@implementer(ISession)
class Channel:
    """
    One channel of a connection, as the session of its transport.

    :ivar topic: the topic's name.
    :ivar spelling: the name as it is on the wire.
    """

    __slots__ = ("_application", "_connection", "_open", "spelling", "topic")

    def __init__(self, connection: IConnection, topic: str, spelling: str) -> None:
        self._connection = connection
        self._application: ChannelPace | None = None
        self._open = True
        self.topic: str = topic
        self.spelling: str = spelling

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

    def open(self, application: ChannelPace) -> None:
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

    def follow(self) -> None:
        """
        The application goes by what the peer takes.
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
        The peer has taken all.

        :return: whether the application still goes by that.
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
        self.forward(message.behind(f"msg,{self.spelling},"))

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


class ChannelPace(MessageTransport):
    """
    What the transport of a channel has beside that of a session. Producers and pauses
    work as on any session's, and are those of the one connection that all its channels
    share.
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
        Whether a producer goes by what the peer takes.
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


class ChannelsProtocol(Protocol):
    """
    One connection, which carries the channels: an `IConnection` to them.

    :ivar channels: the open channels, by topic.
    """

    transport: Any = None

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._paused: set[Channel] = set()
        # The channels that go by what the peer takes; who was told first is last.
        self._followers: dict[Channel, None] = {}
        # Whether it is sure to be heard of when that is all, and whether they wait.
        self._draining = False
        self._full = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        while self.channels:
            channel = next(iter(self.channels.values()))
            self._forget(channel)
            channel.lost(reason)

    def _forget(self, channel: Channel) -> None:
        """
        A channel is open no more.
        """
        del self.channels[channel.topic]
        self._followers.pop(channel, None)
        self.resume(channel)

    def loseConnection(self, code: int = 3000, reason: str = "Go away!") -> None:
        """
        Close the session, with all its channels, after what was sent before.

        :param code: the close code that the peer sees, 1000 to 4999.
        :param reason: the reason that the peer sees.
        """
        self.transport.loseConnection(code, reason)

    # IConnection

    @property
    def clock(self) -> IReactorTime:
        """
        What tells the time.
        """
        raise NotImplementedError

    @property
    def pending(self) -> int:
        pending: int = self.transport.pending
        return pending

    @property
    def crowded(self) -> bool:
        crowded: bool = self.transport.crowded
        return crowded

    def send(self, message: Message) -> None:
        self.transport.sendPrepared(message)
        if self._followers:
            self._watch()

    def follow(self, channel: Channel) -> None:
        self._followers[channel] = None
        self._watch()

    def _watch(self) -> None:
        """
        Have those that go by what the peer takes wait: each would send one message
        more before it found out.
        """
        if not self.transport.connected:
            return
        crowded = self.crowded
        if not self._draining and (crowded or self.pending):
            self._draining = True
            self.transport.whenDrained().addCallback(self._drained)
        if crowded and not self._full:
            self._full = True
            for channel in list(self._followers):
                channel.crowd()

    def _drained(self, result: None) -> None:
        """
        The peer has taken all. Those that wait go on one after the other, as long as
        there is room, and the next time the others do.
        """
        self._draining = self._full = False
        for channel in list(self._followers):
            if self.crowded:
                break
            if channel in self._followers:
                del self._followers[channel]
                if channel.drained():
                    self._followers[channel] = None
        self._watch()

    def closed(self, channel: Channel, close: Close) -> None:
        """
        A channel was closed at this side.
        """
        raise NotImplementedError

    def pause(self, channel: Channel) -> None:
        self._paused.add(channel)
        self.transport.pauseProducing()

    def resume(self, channel: Channel) -> None:
        if channel in self._paused:
            self._paused.remove(channel)
            self._readOn()

    def _readOn(self) -> None:
        """
        Read on, if every channel reads.
        """
        if not self._paused:
            self.transport.resumeProducing()
