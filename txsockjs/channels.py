"""The server's end of a channel: `TopicChannel` and its `ChannelTransport`."""

from __future__ import annotations

from typing import Protocol

from txsockjs.multiplexing import Channel, ChannelPace, IConnection
from txsockjs.transport import AvatarT, SecureSessionTransport, SessionTransport


class ITopicConnection(IConnection, Protocol):
    """
    What such a channel needs of the connection that it is on.
    """

    def broadcast(self, topic: str, message: bytes | str) -> None:
        """
        Send a message to every channel of a topic, on every connection.
        """


class TopicChannel(Channel):
    """
    One channel of a connection, of a topic that other connections have too.
    """

    __slots__ = ()

    _connection: ITopicConnection

    def broadcast(self, message: bytes | str) -> None:
        """
        Send a message to every channel of the topic.
        """
        self._connection.broadcast(self.topic, message)


class ChannelTransport(ChannelPace, SessionTransport[AvatarT]):
    """
    What the protocol of a channel has as its transport. Producers and pauses work as
    on any session's, and are those of the one connection that all its channels share.
    """

    __slots__ = ()

    _session: TopicChannel

    def broadcast(self, message: bytes | str) -> None:
        """
        Send a message to every channel of the topic, this one included.
        """
        self._session.broadcast(message)


class SecureChannelTransport(
    ChannelTransport[AvatarT], SecureSessionTransport[AvatarT]
):
    """
    The same, where the session came over TLS.
    """

    __slots__ = ()
