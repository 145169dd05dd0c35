"""Many channels over one SockJS session: `SockJSMultiplexResource`.

The topics that clients can open channels of are those of a `MultiplexFactory`. What is
said on the wire is `txsockjs.topics`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol

from txsockjs.channels import ChannelTransport
from txsockjs.clock import Clock, clockOr
from txsockjs.core.frames import GO_AWAY, Message
from txsockjs.factories import ProtocolSource, factoryOf
from txsockjs.multiplexing import Channel
from txsockjs.options import SockJSOptions
from txsockjs.protocols import SockJSProtocol
from txsockjs.subscriptions import Subscribed, Subscription
from txsockjs.topics import MultiplexProtocol
from txsockjs.transport import AvatarT
from txsockjs.transports.resource import SockJSResource

__all__ = [
    "ChannelProtocol",
    "ChannelTransport",
    "MultiplexFactory",
    "MultiplexProtocol",
    "SockJSMultiplexResource",
]


class ChannelProtocol(SockJSProtocol[AvatarT]):
    """
    A channel, as `SockJSProtocol <txsockjs.protocols.SockJSProtocol>` is a session:
    its ``transport`` knows ``topic`` and ``broadcast``.

    :ivar transport: the channel.
    """

    transport: ChannelTransport[AvatarT]


class MultiplexFactory(Factory):
    """
    The topics that clients can open channels of. It is a factory like any other, for
    `SockJSFactory <txsockjs.factory.SockJSFactory>` and the like.

    :cvar maxChannels: how many channels one connection can have open, and can ask for
        in one turn of the reactor.
    :cvar maxTopic: how many characters the name of a topic can have, as the client
        writes it.
    :cvar subscribeTimeout: how many seconds `subscribe` may take to find a topic.
    :ivar refused: how many messages of clients were refused, by what was told;
        ``"Rejected"`` stands for whatever `subscribe` says.
    :ivar clock: what tells the time.
    """

    maxChannels: int = 256
    maxTopic: int = 1024
    subscribeTimeout: float = 10.0

    def __init__(self, clock: Clock | None = None) -> None:
        """
        :param clock: what tells the time; the global reactor if not given.
        """
        self.clock: IReactorTime = clockOr(clock)
        self.refused: Counter[str] = Counter()
        self._factories: dict[str, IProtocolFactory] = {}
        # Who waits for a topic to be found.
        self._asking: dict[str, set[Subscription]] = {}
        self._temporary: set[str] = set()
        self._channels: dict[str, set[Channel]] = {}

    def addFactory(
        self, name: str | bytes, factory: ProtocolSource, temporary: bool | None = None
    ) -> None:
        """
        Add a topic.

        :param name: its name; with any characters.
        :param factory: the factory whose protocols its channels are, or the class of
            these.
        :param temporary: whether the topic is removed with its last channel. Where it
            is not said, it is if the topic is made on demand, while `subscribe` is
            asked for it: clients choose those names, and there is no end of them.
        :raise ValueError: if there is one of this name.
        :raise TypeError: if ``factory`` is neither.
        """
        topic = _text(name)
        if topic in self._factories:
            raise ValueError(f"there is a topic {topic!r} already")
        made = self._factories[topic] = factoryOf(factory)
        if topic in self._asking if temporary is None else temporary:
            self._temporary.add(topic)
        if self.numPorts:
            made.doStart()

    def removeFactory(self, name: str | bytes) -> None:
        """
        Remove a topic, and close its channels.

        :raise KeyError: if there is none of this name.
        """
        topic = _text(name)
        factory = self._factories.pop(topic)
        self._temporary.discard(topic)
        for asked in self._asking.get(topic, ()):
            asked.removed.append(factory)
        for channel in list(self._channels.get(topic, ())):
            channel.close(GO_AWAY)
        if self.numPorts:
            factory.doStop()

    def broadcast(self, name: str | bytes, message: bytes | str) -> None:
        """
        Send one message to every open channel of a topic. It is encoded once.

        :param name: the topic's name. One without channels is no error.
        :param message: text, or bytes in UTF-8.
        """
        payload = _text(message)
        prepared: dict[str, Message] = {}
        for channel in list(self._channels.get(_text(name), ())):
            shared = prepared.get(channel.spelling)
            if shared is None:
                shared = Message(f"msg,{channel.spelling},{payload}")
                prepared[channel.spelling] = shared
            channel.forward(shared)

    def subscribe(self, connection: MultiplexProtocol, name: str) -> Subscribed:
        """
        Find the factory of a topic that a client asks for. Override it for topics
        that are made on demand, or that not everybody may open. It may be a coroutine
        function, or return a Deferred: what the client sends to the topic meanwhile is
        held::

            def subscribe(self, connection, name):
                factory = super().subscribe(connection, name)
                if factory is None and name.startswith("room-"):
                    factory = RoomFactory(name)
                    self.addFactory(name, factory)
                return factory

        :param connection: who asks; its ``transport`` knows the ``avatar``, the
            ``request`` and the peer.
        :param name: the topic's name.
        :return: the factory, or None where there is no such topic for this client; or
            what can be awaited for that, which is cancelled after ``subscribeTimeout``
            seconds, or when the client asks no longer.
        :raise Rejected: to refuse the channel with a code and a reason.
        """
        return self.find(name)

    def find(self, name: str | bytes) -> IProtocolFactory | None:
        """
        The factory of a topic that was added, or None: what `subscribe` returns where
        it is not overridden.
        """
        return self._factories.get(_text(name))

    def buildProtocol(self, addr: object) -> Protocol:
        return MultiplexProtocol(self)

    def startFactory(self) -> None:
        for factory in self._factories.values():
            factory.doStart()

    def stopFactory(self) -> None:
        for factory in self._factories.values():
            factory.doStop()

    # For the connections

    def asked(self, subscription: Subscription) -> None:
        """
        Somebody waits for a topic to be found.
        """
        self._asking.setdefault(subscription.topic, set()).add(subscription)

    def answered(self, subscription: Subscription) -> None:
        """
        Nothing is done any more to find it.
        """
        topic = subscription.topic
        asking = self._asking[topic]
        asking.remove(subscription)
        if not asking:
            del self._asking[topic]
            self.unused(topic)

    def opened(self, channel: Channel) -> None:
        """
        A channel was opened.
        """
        self._channels.setdefault(channel.topic, set()).add(channel)

    def closed(self, channel: Channel) -> None:
        """
        A channel is closed.
        """
        channels = self._channels[channel.topic]
        channels.remove(channel)
        if not channels:
            del self._channels[channel.topic]
            self.unused(channel.topic)

    def unused(self, topic: str) -> None:
        """
        A topic may have no channel: a temporary one is removed then.
        """
        if (
            topic in self._temporary
            and topic not in self._channels
            and topic not in self._asking
        ):
            self.removeFactory(topic)


class SockJSMultiplexResource(SockJSResource):
    """
    A SockJS service whose sessions carry channels of many topics, to be put beside
    other web content.

    :ivar multiplex: its `MultiplexFactory`.
    """

    def __init__(
        self,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        name: str = "sockjs",
    ) -> None:
        """
        :param options: the service's options, or a dict of them by name.
        :param clock: what tells the time; the global reactor if not given.
        :param name: what logs and metrics call the service.
        :raise OptionError: for an option that is unknown or has a value it cannot have.
        """
        self.multiplex: _ResourceFactory = _ResourceFactory(self, clock)
        super().__init__(self.multiplex, options, clock=clock, name=name)

    def addFactory(
        self, name: str | bytes, factory: ProtocolSource, temporary: bool | None = None
    ) -> None:
        """
        Add a topic, as `MultiplexFactory.addFactory`.
        """
        self.multiplex.addFactory(name, factory, temporary)

    def removeFactory(self, name: str | bytes) -> None:
        """
        Remove a topic, as `MultiplexFactory.removeFactory`.
        """
        self.multiplex.removeFactory(name)

    def broadcast(self, name: str | bytes, message: bytes | str) -> None:
        """
        Send a message to every channel of a topic, as `MultiplexFactory.broadcast`.
        """
        self.multiplex.broadcast(name, message)

    def find(self, name: str | bytes) -> IProtocolFactory | None:
        """
        The factory of a topic that was added, as `MultiplexFactory.find`.
        """
        return self.multiplex.find(name)

    def subscribe(self, connection: MultiplexProtocol, name: str) -> Subscribed:
        """
        Find the factory of a topic, as `MultiplexFactory.subscribe`; to be overridden.
        """
        return MultiplexFactory.subscribe(self.multiplex, connection, name)


class _ResourceFactory(MultiplexFactory):
    """
    The topics of a resource, which may have more of them on demand.
    """

    def __init__(self, resource: SockJSMultiplexResource, clock: Clock | None) -> None:
        super().__init__(clock)
        self._resource = resource

    def subscribe(self, connection: MultiplexProtocol, name: str) -> Subscribed:
        return self._resource.subscribe(connection, name)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value
