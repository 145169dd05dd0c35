"""The rooms of many processes, joined by a Redis: `RedisBroker`.

It needs the extra ``txsockjs[redis]``, and a Redis from 5 on, or a Valkey.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from secrets import token_hex
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.interfaces import IBroker, IBrokerListener
from txsockjs.rooms.redisconnection import together
from txsockjs.rooms.redishistory import PAGE_BYTES, Ask, readHistory, readRecent
from txsockjs.rooms.rediskeys import (
    MOST_TEXT,
    Joined,
    Keys,
    Left,
    checkPrefix,
    checkSeconds,
    decode,
    encode,
    position,
    readEvent,
    readMember,
)
from txsockjs.rooms.redislink import RedisLink
from txsockjs.rooms.redispresence import Presence
from txsockjs.rooms.redisscripts import (
    FORGET,
    LEAVE,
    PUBLISH,
    READ,
    TEND,
    Script,
)
from txsockjs.rooms.redisurl import RedisURL
from txsockjs.rooms.values import MOST, History, Position

#: How many bytes of what was asked may wait for Redis.
MOST_WAITING: Final = 64 * 1024 * 1024

#: Ms that a position is kept, at least, after it was made or the last publish. It stays
#: as long as a process has subscribed.
POSITION_KEPT: Final = 24 * 3600 * 1000

# Seconds that stop waits for the members to have left.
_LEAVE_TIME: Final = 5.0


@attrs.define(eq=False)
class _Subscription:
    """
    A room that is subscribed to.

    :ivar last: the position of the last message that came.
    :ivar known: the highest position that Redis has told.
    """

    room: str
    keys: Keys
    last: Position | None = None
    known: Position | None = None

    def learn(self, position: Position) -> None:
        """
        Redis has told a position.
        """
        known = self.known
        if (
            known is None
            or known.epoch != position.epoch
            or known.offset < position.offset
        ):
            self.known = position


@implementer(IBroker)
class RedisBroker:
    """
    Joins the rooms of all processes that use the same Redis and prefix.

    :ivar malformed: how many things came from Redis that were not in order, and were
        dropped.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        url: str,
        *,
        prefix: str = "sockjs",
        ttl: float = 30.0,
        timeout: float = 10.0,
        maxWaiting: int = 10_000,
        trust: IOpenSSLClientConnectionCreator | None = None,
    ) -> None:
        """
        :param reactor: what connects, and tells the time.
        :param url: where the Redis is: ``redis://user:password@host:6379/0``,
            ``rediss://...`` for TLS, ``unix:///path?db=0``, or
            ``redis+sentinel://host:26379,host:26379/master/0``. User, password, port
            and database may be left out.
        :param prefix: what the names of all keys and channels begin with, for services
            that have nothing to do with each other: up to 64 letters, digits and
            ``_.:-``.
        :param ttl: seconds after which the members of a process that is not heard of
            are taken to be gone. The same in all processes.
        :param timeout: seconds within which a connection is made, and what is asked is
            answered; after that the connection is given up.
        :param maxWaiting: how many things may be asked and not answered.
        :param trust: what makes TLS connections, in place of the one that trusts the
            system's authorities and looks for the host's name in the certificate.
        :raise ValueError: for a URL, prefix, time or number that there is not.
        """
        self._url = RedisURL.parse(url)
        checkPrefix(prefix)
        checkSeconds(ttl=ttl, timeout=timeout)
        if not maxWaiting >= 1:
            raise ValueError(f"maxWaiting is a number above 0, not {maxWaiting!r}")
        self.malformed: int = 0
        self._reactor = reactor
        self._timeout = timeout
        self._maxWaiting = maxWaiting
        self._trust = trust
        self._keys = lru_cache(4096)(partial(Keys.of, prefix, self._url.database))
        self._link: RedisLink | None = None
        self._listener: IBrokerListener | None = None
        self._subscriptions: dict[bytes, _Subscription] = {}
        # What was known of the rooms that were subscribed to when it last went down.
        self._known: dict[str, Position] = {}
        self._waiting = 0
        self._waitingBytes = 0
        self._presence = Presence(
            self._run,
            self._keys,
            lambda: [each.room for each in self._subscriptions.values()],
            ttl,
            POSITION_KEPT,
            reactor,
        )

    @property
    def up(self) -> bool:
        return self._link is not None and self._link.up

    # Its life

    def start(self, listener: IBrokerListener) -> None:
        if self._link is not None:
            raise RuntimeError("this broker was started already; stop it before")
        self._listener = listener
        self._link = RedisLink(
            self._reactor,
            self._url,
            self._timeout,
            self._trust,
            self._cameUp,
            self._wentDown,
            self._heard,
        )
        self._link.start()

    def stop(self) -> Deferred[None]:
        if self._link is None:
            return succeed(None)
        return Deferred.fromCoroutine(self._stop(self._link))

    async def _stop(self, link: RedisLink) -> None:
        self._listener = None
        self._subscriptions.clear()
        self._known.clear()
        self._presence.stop()
        left = self._presence.leaveAll()
        self._link = None
        link.silence()
        # Who does not leave goes as those of a process that is gone.
        with suppress(BrokerUnavailable, TimeoutError):
            await left.addTimeout(min(self._timeout, _LEAVE_TIME), self._reactor)
        await link.stop()

    def _cameUp(self) -> None:
        self._presence.start()
        if self._listener is not None:
            self._listener.brokerUp()

    def _wentDown(self, reason: Failure) -> None:
        self._presence.stop()
        self._known = {
            each.room: each.known
            for each in self._subscriptions.values()
            if each.known is not None
        }
        self._subscriptions.clear()
        if self._listener is not None:
            self._listener.brokerDown(reason)

    # Asking

    def _ask(
        self, *command: Any, hearing: bool = False, limited: bool = True
    ) -> Deferred[Any]:
        """
        Have Redis do something.

        :param hearing: whether it is to be asked on the connection for subscriptions.
        :param limited: whether it is refused where much is waiting. What ends something
            is not.
        """
        link = self._link
        if link is None or not link.up:
            return self._down()
        size = sum(len(each) for each in command if isinstance(each, bytes))
        full = self._waiting >= self._maxWaiting
        if limited and (full or self._waitingBytes + size > MOST_WAITING):
            return fail(
                BrokerUnavailable(
                    f"{self._waiting} things of {self._waitingBytes} bytes wait for "
                    "Redis already: publish less, or raise maxWaiting"
                )
            )
        self._waiting += 1
        self._waitingBytes += size
        connection = link.hearing if hearing else link.asking
        return connection.ask(*command).addBoth(self._answered, size)

    def _down(self) -> Deferred[Any]:
        return fail(BrokerUnavailable(f"Redis at {self._url.shown} is not there"))

    def _answered(self, result: Any, size: int) -> Any:
        self._waiting -= 1
        self._waitingBytes -= size
        return result

    def _run(self, script: Script, keys: list[bytes], *args: Any) -> Deferred[Any]:
        limited = script not in (FORGET, LEAVE, TEND)
        return self._ask(
            "EVALSHA", script.digest, len(keys), *keys, *args, limited=limited
        )

    def _strange(self, error: Exception) -> BrokerUnavailable:
        """
        Something came from Redis that is not in order.
        """
        self.malformed += 1
        if self.malformed == 1:
            self._log.warn(
                "Redis at {url} has something that is not of these rooms: {problem}. "
                "It is left out; what else there is will only be counted.",
                url=self._url.shown,
                problem=str(error)[:200],
            )
        return BrokerUnavailable(f"Redis has answered what it must not: {error}")

    # Messages

    def publish(
        self, room: str, text: str, history: int, ttl: float
    ) -> Deferred[Position | None]:
        keys, data = self._keys(room), encode(text)
        if len(data) > MOST_TEXT:
            return fail(
                BrokerUnavailable(
                    f"a message of {len(data)} bytes is larger than the {MOST_TEXT} "
                    "that go through Redis"
                )
            )
        if not history:
            told = self._ask("PUBLISH", keys.channel, b"n" + data)
            return told.addCallback(lambda subscribers: None)
        kept = max(1, round(ttl * 1000))
        return self._run(
            PUBLISH,
            [keys.head, keys.stream],
            token_hex(8),
            max(kept, POSITION_KEPT),
            keys.channel,
            history,
            kept,
            data,
        ).addCallback(self._published)

    def _published(self, answer: Any) -> Position:
        try:
            epoch, offset = answer
            return position(epoch, offset)
        except (TypeError, ValueError) as error:
            raise self._strange(error) from None

    def subscribe(self, room: str) -> Deferred[None]:
        keys = self._keys(room)
        told = self._ask("SUBSCRIBE", keys.channel, hearing=True)
        if told.called or not self.up:
            return told
        subscription = self._subscriptions.get(keys.channel)
        if subscription is None:
            subscription = _Subscription(room, keys)
            self._subscriptions[keys.channel] = subscription
        waited = [told.addErrback(self._notSubscribed, subscription)]
        known = self._known.pop(room, None)
        if known is not None:
            # Redis may have lost what it had told, and count from before it.
            subscription.known = known
            waited.append(self._forget(keys, known))
        return together(waited).addCallback(lambda results: None)

    def _notSubscribed(self, failure: Failure, subscription: _Subscription) -> Failure:
        channel = subscription.keys.channel
        if not failure.check(CancelledError) and (
            self._subscriptions.get(channel) is subscription
        ):
            del self._subscriptions[channel]
        return failure

    def unsubscribe(self, room: str) -> Deferred[None]:
        channel = self._keys(room).channel
        if self._subscriptions.pop(channel, None) is None:
            return succeed(None)
        told = self._ask("UNSUBSCRIBE", channel, hearing=True, limited=False)
        return told.addCallback(lambda reply: None)

    def _heard(self, channel: bytes, data: bytes) -> None:
        """
        Something was published.
        """
        subscription, listener = self._subscriptions.get(channel), self._listener
        if subscription is None or listener is None:
            return
        try:
            event = readEvent(data)
        except ValueError as error:
            self._strange(error)
            return
        room = subscription.room
        if isinstance(event, Joined):
            listener.memberJoined(room, event.member, event.info)
        elif isinstance(event, Left):
            listener.memberLeft(room, event.member, event.info)
        elif event.position is None or self._follows(subscription, event.position):
            listener.received(room, event)

    def _follows(self, subscription: _Subscription, position: Position) -> bool:
        """
        Whether a message comes after the last one. It does, unless Redis has lost what
        it had told: then it counts anew, and all who listen to it have to look again.
        """
        last = subscription.last
        if (
            last is not None
            and last.epoch == position.epoch
            and last.offset >= position.offset
        ):
            forgotten = self._forget(subscription.keys, Position(last.epoch, MOST))
            forgotten.addBoth(self._forgotten, self._link)
            return False
        subscription.last = position
        subscription.learn(position)
        return True

    def _forget(self, keys: Keys, known: Position) -> Deferred[Any]:
        return self._run(FORGET, [keys.head, keys.stream], known.epoch, known.offset)

    def _forgotten(self, result: object, link: RedisLink | None) -> None:
        if link is not None:
            link.drop("it has lost messages, and counts them anew")

    # Its history

    def read(self, room: str, since: Position) -> Deferred[History]:
        return self._history(room, lambda ask: readHistory(ask, since))

    def recent(self, room: str, count: int) -> Deferred[History]:
        return self._history(room, lambda ask: readRecent(ask, count))

    def _history(
        self, room: str, reading: Callable[[Ask], Awaitable[History]]
    ) -> Deferred[History]:
        return Deferred.fromCoroutine(self._read(room, reading))

    async def _read(
        self, room: str, reading: Callable[[Ask], Awaitable[History]]
    ) -> History:
        keys = self._keys(room)

        def ask(epoch: str, offset: int, count: int) -> Deferred[Any]:
            begun = token_hex(8), POSITION_KEPT
            wanted = epoch, offset, count, PAGE_BYTES
            return self._run(READ, [keys.head, keys.stream], *begun, *wanted)

        try:
            history = await reading(ask)
        except ValueError as error:
            raise self._strange(error) from None
        subscription = self._subscriptions.get(keys.channel)
        if subscription is not None:
            subscription.learn(history.latest)
        return history

    # Who is present

    def enter(self, room: str, members: Mapping[str, str]) -> Deferred[None]:
        if not self.up:
            return self._down()
        entered = self._presence.enter(room, members)
        return entered.addCallback(lambda results: None)

    def leave(self, room: str, members: Collection[str]) -> Deferred[None]:
        left = self._presence.leave(room, members)
        return left.addCallback(lambda results: None)

    def members(self, room: str) -> Deferred[Mapping[str, str]]:
        return self._presence.members(room).addCallback(self._parseMembers)

    def _parseMembers(self, answer: Any) -> dict[str, str]:
        if not isinstance(answer, list) or len(answer) % 2:
            raise self._strange(ValueError("the answer is no list of members"))
        found: dict[str, str] = {}
        for member, value in zip(answer[::2], answer[1::2], strict=True):
            try:
                found[decode(member)] = readMember(value)
            except ValueError as error:
                self._strange(error)
        return found
