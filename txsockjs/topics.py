"""The server's end of a multiplexed session: `MultiplexProtocol`.

It speaks with the client of websocket-multiplex. A message is one of::

    sub,TOPIC             to the server: open a channel
    msg,TOPIC,PAYLOAD     both ways; the payload may have commas
    uns,TOPIC             both ways: the channel is closed

where TOPIC is written as JavaScript's ``escape`` does. Two things go beyond that
client, which passes over them: ``uns,TOPIC,CODE,REASON`` when a channel is not closed
with the usual code, and ``err,TOPIC,PROBLEM`` for a message that the server could not
use.

Thousands of messages can come at once. What they make here is bounded: in one turn of
the reactor, a connection opens ``maxChannels`` channels at the most, and is told of as
many problems, of each once.
"""

from __future__ import annotations

from collections import Counter
from inspect import isawaitable
from typing import Any, Final
from typing import Protocol as Structure

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.channels import (
    ChannelTransport,
    SecureChannelTransport,
    TopicChannel,
)
from txsockjs.core.frames import GO_AWAY, Close, Message
from txsockjs.coroutines import CANCELLED, start
from txsockjs.errors import Rejected
from txsockjs.factories import ProtocolSource, factoryOf
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.messaging import FAULT
from txsockjs.multiplexing import Channel, ChannelsProtocol, unescape
from txsockjs.subscriptions import Subscribed, Subscription, TooSlow
from txsockjs.transport import Login

_TOO_SLOW: Final = Close(1013, "Authorization timed out")


class ITopics(Structure):
    """What a connection needs of what has the topics: a `MultiplexFactory
    <txsockjs.multiplex.MultiplexFactory>`.
    """

    maxChannels: int
    maxTopic: int
    subscribeTimeout: float
    clock: IReactorTime
    refused: Counter[str]

    def subscribe(self, connection: MultiplexProtocol, name: str) -> Subscribed:
        """
        Find the factory of a topic.
        """

    def asked(self, subscription: Subscription) -> None:
        """
        Somebody waits for a topic to be found.
        """

    def answered(self, subscription: Subscription) -> None:
        """
        Nothing is done any more to find it.
        """

    def opened(self, channel: Channel) -> None:
        """
        A channel was opened.
        """

    def closed(self, channel: Channel) -> None:
        """
        A channel is closed.
        """

    def broadcast(self, name: str | bytes, message: bytes | str) -> None:
        """
        Send one message to every open channel of a topic.
        """


@implementer(ISockJSMessageReceiver)
class MultiplexProtocol(ChannelsProtocol):
    """
    One connection, which carries the channels.

    :ivar multiplex: its factory.
    """

    _log = Logger()

    def __init__(self, multiplex: ITopics) -> None:
        super().__init__()
        self.multiplex: ITopics = multiplex
        # How many channels were asked for in this turn, and what was told.
        self._asked = 0
        self._told: set[tuple[str, str]] = set()
        self._inTurn = False
        # Channels that were asked for and are not open, or have not what was held for
        # them; and those for which so much is held that nothing more is read.
        self._subscriptions: dict[str, Subscription] = {}
        self._crammed: set[Subscription] = set()
        # Those for which it is still looked, some of which nobody asks for any more.
        self._sought: set[Subscription] = set()
        # What delivers that, in the next turn.
        self._delivery: IDelayedCall | None = None
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
        topic = unescape(spelling)
        channel = self.channels.get(topic)
        asked = self._subscriptions.get(topic) if self._subscriptions else None
        if kind == "sub":
            if channel is None and asked is None:
                self._subscribe(topic, spelling)
        elif kind not in ("msg", "uns"):
            self._tell(spelling, "A message begins with sub, msg or uns.")
        elif channel is None and asked is None:
            self._tell(spelling, "This topic is not open.")
        elif kind == "uns":
            if asked is not None:
                self._forgo(asked)
            if channel is not None:
                self._forget(channel)
                channel.lost(Failure(ConnectionDone()))
        elif not comma:
            self._tell(spelling, "There is no payload.")
        elif asked is not None:
            if not asked.hold(payload):
                self._crammed.add(asked)
                self.transport.pauseProducing()
        else:
            assert channel is not None
            channel.receive(payload)

    # Channels that are asked for

    def _subscribe(self, topic: str, spelling: str) -> None:
        self._asked += 1
        self._inThisTurn()
        waiting = max(len(self._subscriptions), len(self._sought))
        many = len(self.channels) + waiting + 1
        if max(many, self._asked) > self.multiplex.maxChannels:
            self._refuse(spelling, "There are too many channels.")
            return
        asked = self._subscriptions[topic] = Subscription(topic, spelling)
        self.multiplex.asked(asked)
        try:
            found: Any = self.multiplex.subscribe(self, topic)
            if not isinstance(found, Deferred) and isawaitable(found):
                found = start(found)
        except Exception:
            self._notFound(Failure(), asked)
        else:
            if isinstance(found, Deferred):
                seconds = self.multiplex.subscribeTimeout
                self._sought.add(asked)
                decided = asked.wait(found, seconds, self.clock)
                decided.addCallbacks(
                    self._found, self._notFound, (asked,), errbackArgs=(asked,)
                )
                found.addErrback(self._fault)
                # It may make a topic after it was cancelled, too.
                found.addCallback(lambda _: self._answered(asked))
                return
            self._found(found, asked)
        self.multiplex.answered(asked)

    def _answered(self, asked: Subscription) -> None:
        self._sought.discard(asked)
        self.multiplex.answered(asked)

    def _found(self, factory: ProtocolSource | None, asked: Subscription) -> None:
        """
        It is known which factory the channel is of, if there is one.
        """
        topic, request = asked.topic, self.transport.request
        if self._subscriptions.get(topic) is not asked:
            return
        protocol = None
        try:
            if factory is not None and factory not in asked.removed:
                protocol = factoryOf(factory).buildProtocol(request.peer)
        except Exception:
            self._notFound(Failure(), asked)
            return
        if protocol is None:
            self._forgo(asked)
            self._refuse(asked.spelling, "There is no such topic.")
            return
        channel = TopicChannel(self, topic, asked.spelling)
        kind = SecureChannelTransport if request.secure else ChannelTransport
        login = Login(self.transport.avatar)
        self.channels[topic] = asked.channel = channel
        self.multiplex.opened(channel)
        channel.open(kind(channel, protocol, request, self.transport.encoding, login))
        self._deliver(asked)

    def _notFound(self, reason: Failure, asked: Subscription) -> None:
        """
        The channel is refused.
        """
        if self._subscriptions.get(asked.topic) is not asked:
            # The client wants it no longer, and it was cancelled; or it was not.
            if not reason.check(Rejected, TooSlow, *CANCELLED):
                self._fault(reason)
            return
        self._forgo(asked)
        error, spelling = reason.value, asked.spelling
        if isinstance(error, Rejected):
            close = Close(error.code, error.reason)
            self._refuse(spelling, error.reason, close, "Rejected")
        elif isinstance(error, TooSlow):
            self._log.warn(
                "A channel was not authorized within {seconds} seconds; it is refused.",
                service=self.transport.request.service,
                transport=self.transport.request.transport,
                code=_TOO_SLOW.code,
                seconds=self.multiplex.subscribeTimeout,
            )
            self._refuse(spelling, _TOO_SLOW.reason, _TOO_SLOW)
        else:
            self._fault(reason)
            self._refuse(spelling, FAULT.reason, FAULT)

    def _fault(self, reason: Failure) -> None:
        self._log.failure(
            "A channel could not be opened; it is refused.",
            failure=reason,
            service=self.transport.request.service,
            transport=self.transport.request.transport,
            code=FAULT.code,
        )

    def _forgo(self, asked: Subscription) -> None:
        """
        Nobody asks for the channel any more, or it has what was held for it.
        """
        del self._subscriptions[asked.topic]
        asked.cancel()
        if asked in self._crammed:
            self._crammed.remove(asked)
            self._readOn()

    def _deliver(self, asked: Subscription) -> None:
        """
        Give a channel what was held for it, as long as every channel reads.
        """
        channel = asked.channel
        while channel is not None and asked.held and not self._paused:
            channel.receive(asked.held.popleft())
        if not asked.held and self._subscriptions.get(asked.topic) is asked:
            self._forgo(asked)

    def _readOn(self) -> None:
        if not self._paused and self._subscriptions:
            # What was held goes before what comes, and not from inside a call.
            if self._delivery is None and self._behind():
                self._delivery = self.clock.callLater(0, self._deliverAll)
            if self._delivery is not None or self._crammed:
                return
        super()._readOn()

    def _behind(self) -> list[Subscription]:
        return [each for each in self._subscriptions.values() if each.channel]

    def _deliverAll(self) -> None:
        self._delivery = None
        for asked in self._behind():
            self._deliver(asked)
        self._readOn()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
        while self._subscriptions:
            _, asked = self._subscriptions.popitem()
            asked.cancel()
        self._crammed.clear()
        super().connectionLost(reason)

    # What the client is told

    def _refuse(
        self, spelling: str, problem: str, close: Close = GO_AWAY, kind: str = ""
    ) -> None:
        if self._tell(spelling, problem, kind):
            self._unsubscribe(spelling, close)

    def _tell(self, spelling: str, problem: str, kind: str = "") -> bool:
        """
        Tell the client of a problem, unless it was told of it in this turn, or of very
        many.

        :param kind: what it is counted as, if not by its own words.
        :return: whether it was told.
        """
        self.multiplex.refused[kind or problem] += 1
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
        asked = self._subscriptions.get(channel.topic)
        if asked is not None and asked.channel is channel:
            self._forgo(asked)
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
        """
        Send one message to every open channel of a topic, of all connections.
        """
        self.multiplex.broadcast(topic, message)
