"""Many channels over one SockJS session: L{SockJSMultiplexResource}.

It speaks with the client of websocket-multiplex. A message is one of::

    sub,TOPIC             to the server: open a channel
    msg,TOPIC,PAYLOAD     both ways; the payload may have commas
    uns,TOPIC             both ways: the channel is closed

where TOPIC is written as JavaScript's C{escape} does. Two things go beyond that client,
which passes over them: C{uns,TOPIC,CODE,REASON} when a channel is not closed with the
usual code, and C{err,TOPIC,PROBLEM} for a message that the server could not use.

Thousands of messages can come at once. What they make here is bounded: in one turn of
the reactor, a connection opens C{maxChannels} channels at the most, and is told of as
many problems, of each once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.channels import (
    ChannelTransport,
    SecureChannelTransport,
    TopicChannel,
)
from txsockjs.clock import Clock, clockOr
from txsockjs.core.frames import GO_AWAY, Close, Message
from txsockjs.factories import ProtocolSource, factoryOf
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.messaging import FAULT
from txsockjs.multiplexing import Channel, ChannelsProtocol, unescape
from txsockjs.options import SockJSOptions
from txsockjs.protocols import SockJSProtocol
from txsockjs.transport import AvatarT, Login
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
    A channel, as L{SockJSProtocol <txsockjs.protocols.SockJSProtocol>} is a session:
    its C{transport} knows C{topic} and C{broadcast}.

    @ivar transport: the channel.
    """

    transport: ChannelTransport[AvatarT]


@implementer(ISockJSMessageReceiver)
class MultiplexProtocol(ChannelsProtocol):
    """
    One connection, which carries the channels.

    @ivar multiplex: its factory.
    """

    _log = Logger()

    def __init__(self, multiplex: MultiplexFactory) -> None:
        super().__init__()
        self.multiplex = multiplex
        # How many channels were asked for in this turn, and what was told.
        self._asked = 0
        self._told: set[tuple[str, str]] = set()
        self._inTurn = False
        # Whether a refusal was logged.
        self._logged = False

    def messageReceived(self, message: str) -> None:
        """
        A message of the multiplex protocol. One that cannot be used is told to the
        client, and leaves everything as it is.
        """
        kind, _, rest = message.partition(",")
        spelling, comma, payload = rest.partition(",")
        if len(spelling) > self.multiplex.maxTopic:
            self._tell("", "The name of the topic is too long.")
            return
        channel = self.channels.get(unescape(spelling))
        if kind == "sub":
            if channel is None:
                self._subscribe(spelling)
        elif kind not in ("msg", "uns"):
            self._tell(spelling, "A message begins with sub, msg or uns.")
        elif channel is None:
            self._tell(spelling, "This topic is not open.")
        elif kind == "uns":
            self._forget(channel)
            channel.lost(Failure(ConnectionDone()))
        elif comma:
            channel.receive(payload)
        else:
            self._tell(spelling, "There is no payload.")

    def _subscribe(self, spelling: str) -> None:
        topic = unescape(spelling)
        request = self.transport.request
        self._asked += 1
        self._inThisTurn()
        if max(len(self.channels) + 1, self._asked) > self.multiplex.maxChannels:
            self._refuse(spelling, "There are too many channels.")
            return
        protocol = None
        try:
            factory = self.multiplex.subscribe(self, topic)
            if factory is not None:
                protocol = factoryOf(factory).buildProtocol(request.peer)
        except Exception:
            self._log.failure(
                "A channel could not be opened; it is refused.",
                service=request.service,
                transport=request.transport,
                code=FAULT.code,
            )
            self._refuse(spelling, FAULT.reason, FAULT)
            self.multiplex.unused(topic)
            return
        if protocol is None:
            self._refuse(spelling, "There is no such topic.")
            self.multiplex.unused(topic)
            return
        channel = TopicChannel(self, topic, spelling)
        kind = SecureChannelTransport if request.secure else ChannelTransport
        login = Login(self.transport.avatar)
        self.channels[topic] = channel
        self.multiplex.opened(channel)
        channel.open(kind(channel, protocol, request, self.transport.encoding, login))

    def _refuse(self, spelling: str, problem: str, close: Close = GO_AWAY) -> None:
        if self._tell(spelling, problem):
            self._unsubscribe(spelling, close)

    def _tell(self, spelling: str, problem: str) -> bool:
        """
        Tell the client of a problem, unless it was told of it in this turn, or of very
        many.

        @return: whether it was told.
        """
        self.multiplex.refused[problem] += 1
        if not self._logged:
            self._logged = True
            self._log.debug(
                "A multiplexed message was refused: {problem} Those that follow in "
                "this session are counted.",
                problem=problem,
                service=self.transport.request.service,
                transport=self.transport.request.transport,
            )
        told = (spelling, problem)
        if told in self._told or len(self._told) >= self.multiplex.maxChannels:
            return False
        self._told.add(told)
        self._inThisTurn()
        self.send(Message(f"err,{spelling},{problem}"))
        return True

    def _inThisTurn(self) -> None:
        if not self._inTurn:
            self._inTurn = True
            self.clock.callLater(0, self._nextTurn)

    def _nextTurn(self) -> None:
        self._inTurn = False
        self._asked = 0
        self._told.clear()

    def _unsubscribe(self, spelling: str, close: Close) -> None:
        detail = f",{close.code},{close.reason}" if close is not GO_AWAY else ""
        self.send(Message(f"uns,{spelling}{detail}"))

    def _forget(self, channel: Channel) -> None:
        super()._forget(channel)
        self.multiplex.closed(channel)

    # IConnection, for the channels

    @property
    def clock(self) -> IReactorTime:
        return self.multiplex.clock

    def closed(self, channel: Channel, close: Close) -> None:
        self._forget(channel)
        self._unsubscribe(channel.spelling, close)

    def broadcast(self, topic: str, message: bytes | str) -> None:
        self.multiplex.broadcast(topic, message)


class MultiplexFactory(Factory):
    """
    The topics that clients can open channels of. It is a factory like any other, for
    L{SockJSFactory <txsockjs.factory.SockJSFactory>} and the like.

    @cvar maxChannels: how many channels one connection can have open, and can ask for
        in one turn of the reactor.
    @cvar maxTopic: how many characters the name of a topic can have, as the client
        writes it.
    @ivar refused: how many messages of clients were refused, by what was told.
    @ivar clock: what tells the time.
    """

    maxChannels = 256
    maxTopic = 1024

    def __init__(self, clock: Clock | None = None) -> None:
        """
        @param clock: what tells the time; the global reactor if not given.
        """
        self.clock: IReactorTime = clockOr(clock)
        self.refused: Counter[str] = Counter()
        self._factories: dict[str, IProtocolFactory] = {}
        self._temporary: set[str] = set()
        self._channels: dict[str, set[Channel]] = {}

    def addFactory(
        self, name: str | bytes, factory: ProtocolSource, temporary: bool = False
    ) -> None:
        """
        Add a topic.

        @param name: its name; with any characters.
        @param factory: the factory whose protocols its channels are, or the class of
            these.
        @param temporary: whether the topic is removed with its last channel: for names
            that clients choose, of which there is no end.
        @raise ValueError: if there is one of this name.
        @raise TypeError: if C{factory} is neither.
        """
        topic = _text(name)
        if topic in self._factories:
            raise ValueError(f"there is a topic {topic!r} already")
        made = self._factories[topic] = factoryOf(factory)
        if temporary:
            self._temporary.add(topic)
        if self.numPorts:
            made.doStart()

    def removeFactory(self, name: str | bytes) -> None:
        """
        Remove a topic, and close its channels.

        @raise KeyError: if there is none of this name.
        """
        topic = _text(name)
        factory = self._factories.pop(topic)
        self._temporary.discard(topic)
        for channel in list(self._channels.get(topic, ())):
            channel.close(GO_AWAY)
        if self.numPorts:
            factory.doStop()

    def broadcast(self, name: str | bytes, message: bytes | str) -> None:
        """
        Send one message to every open channel of a topic. It is encoded once.

        @param name: the topic's name. One without channels is no error.
        @param message: text, or bytes in UTF-8.
        """
        payload = _text(message)
        prepared: dict[str, Message] = {}
        for channel in list(self._channels.get(_text(name), ())):
            shared = prepared.get(channel.spelling)
            if shared is None:
                shared = Message(f"msg,{channel.spelling},{payload}")
                prepared[channel.spelling] = shared
            channel.forward(shared)

    def subscribe(
        self, connection: MultiplexProtocol, name: str
    ) -> ProtocolSource | None:
        """
        Find the factory of a topic that a client asks for. Override it for topics
        that are made on demand::

            def subscribe(self, connection, name):
                factory = super().subscribe(connection, name)
                if factory is None and name.startswith("room-"):
                    factory = RoomFactory(name)
                    self.addFactory(name, factory, temporary=True)
                return factory

        @param connection: who asks; its C{transport} knows the C{avatar}, the
            C{request} and the peer.
        @param name: the topic's name.
        @return: the factory, or None where there is no such topic for this client.
        """
        return self._factories.get(name)

    def buildProtocol(self, addr: object) -> Protocol:
        return MultiplexProtocol(self)

    def startFactory(self) -> None:
        for factory in self._factories.values():
            factory.doStart()

    def stopFactory(self) -> None:
        for factory in self._factories.values():
            factory.doStop()

    # For the connections

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
        if topic in self._temporary and topic not in self._channels:
            self.removeFactory(topic)


class SockJSMultiplexResource(SockJSResource):
    """
    A SockJS service whose sessions carry channels of many topics, to be put beside
    other web content.

    @ivar multiplex: its L{MultiplexFactory}.
    """

    def __init__(
        self,
        options: SockJSOptions | Mapping[str, object] | None = None,
        *,
        clock: Clock | None = None,
        name: str = "sockjs",
    ) -> None:
        """
        @param options: the service's options, or a dict of them by name.
        @param clock: what tells the time; the global reactor if not given.
        @param name: what logs and metrics call the service.
        @raise OptionError: for an option that is unknown or has a value it cannot have.
        """
        self.multiplex: _ResourceFactory = _ResourceFactory(self, clock)
        super().__init__(self.multiplex, options, clock=clock, name=name)

    def addFactory(
        self, name: str | bytes, factory: ProtocolSource, temporary: bool = False
    ) -> None:
        """
        Add a topic, as L{MultiplexFactory.addFactory}.
        """
        self.multiplex.addFactory(name, factory, temporary)

    def removeFactory(self, name: str | bytes) -> None:
        """
        Remove a topic, as L{MultiplexFactory.removeFactory}.
        """
        self.multiplex.removeFactory(name)

    def broadcast(self, name: str | bytes, message: bytes | str) -> None:
        """
        Send a message to every channel of a topic, as L{MultiplexFactory.broadcast}.
        """
        self.multiplex.broadcast(name, message)

    def subscribe(
        self, connection: MultiplexProtocol, name: str
    ) -> ProtocolSource | None:
        """
        Find the factory of a topic, as L{MultiplexFactory.subscribe}; to be overridden.
        """
        return MultiplexFactory.subscribe(self.multiplex, connection, name)


class _ResourceFactory(MultiplexFactory):
    """
    The topics of a resource, which may have more of them on demand.
    """

    def __init__(self, resource: SockJSMultiplexResource, clock: Clock | None) -> None:
        super().__init__(clock)
        self._resource = resource

    def subscribe(
        self, connection: MultiplexProtocol, name: str
    ) -> ProtocolSource | None:
        return self._resource.subscribe(connection, name)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value
