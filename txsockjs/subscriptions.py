"""A channel that a client has asked for: `Subscription`.

Whether there is one may take a while to find out. What the client sends to it meanwhile
is held, in order, and no more of it than a little: then its connection is not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.coroutines import CANCELLED
from txsockjs.factories import ProtocolSource
from txsockjs.multiplexing import Channel

#: What ``subscribe`` returns: the factory of a topic, or None where there is none, or
#: something that will come to one of these.
Subscribed: TypeAlias = "ProtocolSource | Awaitable[ProtocolSource | None] | None"

#: Bytes that are held for one channel before the connection is not read any more.
HELD: Final = 65536


class TooSlow(Exception):
    """
    It took longer to find out than ``subscribeTimeout``.
    """


class Subscription:
    """
    A channel that was asked for, until its client's messages are delivered.

    :ivar channel: the channel, once it is open.
    :ivar held: what the client has sent to it meanwhile, in order.
    :ivar removed: factories of the topic that were removed meanwhile.
    :ivar spelling: the topic's name as the client writes it.
    :ivar topic: the topic's name.
    """

    __slots__ = ("_decided", "_size", "channel", "held", "removed", "spelling", "topic")

    def __init__(self, topic: str, spelling: str) -> None:
        self.channel: Channel | None = None
        self.held: deque[str] = deque()
        self.removed: list[object] = []
        self.spelling: str = spelling
        self.topic: str = topic
        self._decided: Deferred[Any] | None = None
        self._size = 0

    def hold(self, payload: str) -> bool:
        """
        Keep a message until the channel is open.

        :return: whether there is room for more.
        """
        self.held.append(payload)
        self._size += len(payload) + MESSAGE_COST
        return self._size < HELD

    def wait(
        self, found: Deferred[Any], seconds: float, clock: IReactorTime
    ) -> Deferred[Any]:
        """
        Wait until it is known whether there is such a channel.

        :param found: what ``subscribe`` has returned. It is cancelled when it takes too
            long, or nobody wants to know any more.
        :return: what fires with its result; with `TooSlow` after so many seconds.
        """
        decided: Deferred[Any] = Deferred(lambda _: found.cancel())
        decided.addTimeout(seconds, clock, _tooSlow)
        self._decided = decided
        found.addBoth(self._found, decided)
        return decided

    def _found(self, result: object, decided: Deferred[Any]) -> object:
        if not decided.called:
            decided.callback(result)
            return None
        # It went on after it was cancelled.
        if isinstance(result, Failure) and not result.check(*CANCELLED):
            return result
        return None

    def cancel(self) -> None:
        """
        Nobody wants to know any more.
        """
        self.held.clear()
        if self._decided is not None:
            self._decided.cancel()


def _tooSlow(result: object, seconds: float) -> object:
    """
    What one that was cancelled for its time comes to: itself, if it came to an end all
    the same.
    """
    if isinstance(result, Failure) and result.check(*CANCELLED):
        raise TooSlow
    return result
