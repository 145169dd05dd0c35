"""Many channels over one session, at the client's end: `MultiplexClientFactory`.

It speaks with `txsockjs.multiplex`, which tells the messages, and with the server of
websocket-multiplex. A channel is open as soon as it is asked for: no server answers
that. One that refuses it closes it.

The names of topics are all that tells the channels apart. What was on its way when a
channel was closed is taken for that of the next one of its topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from twisted.internet.defer import Deferred, execute
from twisted.internet.error import NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs._checkers import IsClientEndpoint, IsProtocolFactory
from txsockjs.clock import Clock, clockOr
from txsockjs.core.frames import GO_AWAY, Close, Message
from txsockjs.errors import ConnectFailed, SessionClosed
from txsockjs.factories import (
    ClassT,
    ProtocolFactory,
    ProtocolSource,
    ProtocolT,
    factoryOf,
)
from txsockjs.interfaces import IMessageTransport, ISockJSMessageReceiver
from txsockjs.messaging import FAULT, SecureTransport
from txsockjs.multiplexing import (
    Channel,
    ChannelPace,
    ChannelsProtocol,
    escape,
    unescape,
)

if TYPE_CHECKING:
    from OpenSSL.crypto import X509


class ClientChannel(Channel):
    """
    One channel, as the session of its transport.

    :ivar problem: what the server has said against it, or nothing.
    """

    __slots__ = ("_factory", "problem")

    def __init__(
        self, connection: MultiplexClientProtocol, topic: str, factory: IProtocolFactory
    ) -> None:
        super().__init__(connection, topic, escape(topic))
        self._factory = factory
        self.problem: str = ""

    def close(self, close: Close) -> None:
        self._close(close, Failure(SessionClosed(close.code, close.reason)))

    def lost(self, reason: Failure) -> None:
        super().lost(reason)
        self._factory.doStop()


@implementer(IMessageTransport)
class ClientChannelTransport(ChannelPace):
    """
    What the protocol of a channel has as its transport.
    """

    __slots__ = ("_under",)

    _session: ClientChannel

    def __init__(self, session: ClientChannel, protocol: IProtocol, under: Any) -> None:
        """
        :param under: the transport of the session that carries the channel.
        """
        super().__init__(session, protocol, under.encoding)
        self._under = under

    @property
    def transportName(self) -> str:
        """
        Over what the session goes, as in ``"websocket"``.
        """
        name: str = self._under.transportName
        return name

    @property
    def subprotocol(self) -> str | None:
        """
        The subprotocol of the session, or None.
        """
        subprotocol: str | None = self._under.subprotocol
        return subprotocol

    # ITransport

    def write(self, data: bytes) -> None:
        """
        Send one message.

        :param data: the message, in UTF-8; bytes that are not UTF-8 are decoded with
            the setting ``encoding``.
        :raise TypeError: if ``data`` is not bytes.
        """
        if not isinstance(data, bytes):
            raise TypeError(f"write takes bytes, not {type(data).__name__}")
        self.sendPrepared(Message.fromBytes(data, self.encoding))

    def sendBinary(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"sendBinary takes bytes, not {type(data).__name__}")
        self.write(data)

    def sendMessage(self, message: str) -> None:
        if not isinstance(message, str):
            raise TypeError(f"sendMessage takes str, not {type(message).__name__}")
        self.sendPrepared(Message(message))

    def sendPrepared(self, message: Message) -> None:
        # Where that is too much, the connection has the producers wait.
        self._session.send(message)
        if self._producer is not None:
            self._producerWrote = True

    def getPeer(self) -> IAddress:
        peer: IAddress = self._under.getPeer()
        return peer

    def getHost(self) -> IAddress:
        host: IAddress = self._under.getHost()
        return host

    # IApplication

    def _logFault(self, where: str, reason: Failure) -> None:
        self._log.failure(
            "{protocol!r} raised in {where}; its channel {topic!r} is closed.",
            failure=reason,
            protocol=self._protocol,
            where=where,
            topic=self.topic,
            peer=self.getPeer(),
            code=FAULT.code,
        )


@implementer(ISSLTransport)
class SecureClientChannelTransport(SecureTransport, ClientChannelTransport):
    """
    The same, where the session is over TLS.
    """

    __slots__ = ()

    def getPeerCertificate(self) -> X509 | None:
        """
        The server's certificate.
        """
        certificate: X509 | None = self._under.getPeerCertificate()
        return certificate

    def getPeer(self) -> Any:
        return self._under.getPeer()

    def getHost(self) -> Any:
        return self._under.getHost()


@implementer(ISockJSMessageReceiver)
class MultiplexClientProtocol(ChannelsProtocol):
    """
    One session, which carries the channels.

    :ivar multiplex: its factory.
    :ivar refused: how many messages the server has said something against.
    :ivar dropped: how many messages came in that are of no open channel. What comes in
        behind a channel's end is one of them.
    """

    _log = Logger()

    def __init__(self, multiplex: MultiplexClientFactory) -> None:
        super().__init__()
        self.multiplex = multiplex
        self.refused: int = 0
        self.dropped: int = 0

    def connectionMade(self) -> None:
        self.multiplex.connected(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.multiplex.disconnected(self)
        super().connectionLost(reason)

    @overload
    def open(self, name: str, factory: type[ClassT]) -> ClassT: ...

    @overload
    def open(self, name: str, factory: ProtocolFactory[ProtocolT]) -> ProtocolT: ...

    @overload
    def open(self, name: str, factory: IProtocolFactory) -> Any: ...

    def open(self, name: str, factory: ProtocolSource) -> Any:
        """
        Open a channel.

        :param name: its topic's name.
        :param factory: makes its protocol, as for a connection of its own; or the class
            of that.
        :return: the protocol, which has its transport already.
        :raise ValueError: if there is an open channel of this topic, or the name has
            lone surrogates.
        :raise ConnectFailed: if the session is over.
        :raise NoProtocol: if the factory makes none.
        :raise TypeError: if ``factory`` is none.
        """
        made = factoryOf(factory)
        if name in self.channels:
            raise ValueError(f"there is a channel of the topic {name!r} already")
        if unescape(escape(name)) != name:
            raise ValueError(f"a topic's name has no lone surrogates, as {name!r} has")
        transport = self.transport
        if transport is None or not transport.connected or transport.disconnecting:
            raise ConnectFailed(f"no channel of {name!r}: the session is over")
        made.doStart()
        try:
            protocol = made.buildProtocol(transport.getPeer())
            if protocol is None:
                raise NoProtocol
        except BaseException:
            made.doStop()
            raise
        channel = ClientChannel(self, name, made)
        secure = ISSLTransport.providedBy(transport)
        kind = SecureClientChannelTransport if secure else ClientChannelTransport
        self.channels[name] = channel
        self.send(Message(f"sub,{channel.spelling}"))
        channel.open(kind(channel, protocol, transport))
        return protocol

    def channel(self, name: str) -> ChannelEndpoint:
        """
        An endpoint that opens a channel of a topic.

        :param name: the topic's name.
        """
        return ChannelEndpoint(self, name)

    def messageReceived(self, message: str) -> None:
        """
        A message of the multiplex protocol.
        """
        kind, _, rest = message.partition(",")
        spelling, comma, detail = rest.partition(",")
        channel = self.channels.get(unescape(spelling))
        if kind == "err":
            self._refused(channel, detail)
        elif channel is None:
            self.dropped += 1
        elif kind == "msg" and comma:
            channel.receive(detail)
        elif kind == "uns":
            self._forget(channel)
            channel.lost(Failure(_reason(channel, detail)))
        else:
            self.dropped += 1

    def _refused(self, channel: Channel | None, problem: str) -> None:
        """
        The server could not use a message.
        """
        if isinstance(channel, ClientChannel):
            channel.problem = problem
        if not self.refused:
            self._log.debug(
                "The server refused a multiplexed message: {problem} Those that follow "
                "in this session are counted.",
                problem=problem,
            )
        self.refused += 1

    # IConnection, for the channels

    @property
    def clock(self) -> IReactorTime:
        return self.multiplex.clock

    def closed(self, channel: Channel, close: Close) -> None:
        self._forget(channel)
        self.send(Message(f"uns,{channel.spelling}"))


def _reason(channel: Channel, detail: str) -> SessionClosed:
    """
    Why the server has closed a channel.

    :param detail: ``CODE,REASON``, from servers that say more than ``uns``.
    """
    code, _, reason = detail.partition(",")
    if code.isascii() and code.isdigit() and len(code) == 4:
        return SessionClosed(int(code), reason)
    problem = channel.problem if isinstance(channel, ClientChannel) else ""
    return SessionClosed(GO_AWAY.code, problem or GO_AWAY.reason)


@implementer(IStreamClientEndpoint)
class ChannelEndpoint(IsClientEndpoint):
    """
    Opens channels of one topic, on one session.
    """

    def __init__(self, connection: MultiplexClientProtocol, name: str) -> None:
        self._connection = connection
        self._name = name

    @overload
    def connect(self, protocolFactory: type[ClassT]) -> Deferred[ClassT]: ...

    @overload
    def connect(
        self, protocolFactory: ProtocolFactory[ProtocolT]
    ) -> Deferred[ProtocolT]: ...

    @overload
    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]: ...

    def connect(self, protocolFactory: ProtocolSource) -> Deferred[Any]:
        """
        Open the channel.

        :return: what has fired with the protocol; or has failed, as
            `MultiplexClientProtocol.open` does.
        :raise TypeError: if ``protocolFactory`` is none.
        """
        factory = factoryOf(protocolFactory)
        return execute(self._connection.open, self._name, factory)


class MultiplexClientFactory(Factory[MultiplexClientProtocol], IsProtocolFactory):
    """
    Sessions that carry channels; a factory like any other, for
    `SockJSClientEndpoint <txsockjs.client.endpoint.SockJSClientEndpoint>`. The
    topics that it is given are opened on each of its sessions: with a
    `ClientService <twisted.application.internet.ClientService>`, again on the next
    one when one is lost.

    :ivar connections: the sessions that there are.
    :ivar clock: what tells the time.
    """

    noisy = False
    _log = Logger()

    def __init__(self, clock: Clock | None = None) -> None:
        """
        :param clock: what tells the time; the global reactor if not given.
        """
        self.clock: IReactorTime = clockOr(clock)
        self.connections: list[MultiplexClientProtocol] = []
        self._factories: dict[str, IProtocolFactory] = {}

    def addFactory(self, name: str, factory: ProtocolSource) -> None:
        """
        Add a topic, whose channel each session opens; those that there are do so now.

        :param name: its name; with any characters.
        :param factory: makes the channel's protocol; or the class of that.
        :raise ValueError: if there is one of this name.
        :raise TypeError: if ``factory`` is none.
        """
        if name in self._factories:
            raise ValueError(f"there is a topic {name!r} already")
        made = self._factories[name] = factoryOf(factory)
        for connection in list(self.connections):
            self._open(connection, name, made)

    def removeFactory(self, name: str) -> None:
        """
        Remove a topic, and close its channels.

        :raise KeyError: if there is none of this name.
        """
        del self._factories[name]
        for connection in list(self.connections):
            channel = connection.channels.get(name)
            if channel is not None:
                channel.close(GO_AWAY)

    def _open(
        self, connection: MultiplexClientProtocol, name: str, factory: IProtocolFactory
    ) -> None:
        try:
            connection.open(name, factory)
        except (ConnectFailed, NoProtocol):
            # It is over, or the factory has its reasons.
            pass
        except Exception:
            self._log.failure("A channel of {topic!r} could not be opened.", topic=name)

    def buildProtocol(self, addr: IAddress | None) -> MultiplexClientProtocol:
        return MultiplexClientProtocol(self)

    # For the connections

    def connected(self, connection: MultiplexClientProtocol) -> None:
        """
        A session was opened.
        """
        self.connections.append(connection)
        for name, factory in list(self._factories.items()):
            self._open(connection, name, factory)

    def disconnected(self, connection: MultiplexClientProtocol) -> None:
        """
        A session is lost.
        """
        self.connections.remove(connection)
