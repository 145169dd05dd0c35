"""What waits for an application that has paused its transport: `Inbox`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from txsockjs.core.outbox import MESSAGE_COST
from txsockjs.errors import NotReading


class Inbox:
    """
    Messages that came in while the application was not reading, in order, with the
    promises to those who brought them.
    """

    __slots__ = ("_allowed", "_items", "_size")

    def __init__(self, allowed: int) -> None:
        """
        :param allowed: how many characters to hold at the most, with ``MESSAGE_COST``
            more for each message. One delivery is always taken: it has been read from
            the network already.
        """
        self._allowed = allowed
        self._items: deque[str | bytes | Deferred[None]] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    def hold(self, messages: Sequence[str | bytes]) -> Deferred[None]:
        """
        Keep the messages.

        :return: what fires when the last of them has been taken out, or they are
            dropped.
        :raise NotReading: if there is no room for them.
        """
        size = sum(map(len, messages)) + MESSAGE_COST * len(messages)
        if self._items and self._size + size > self._allowed:
            raise NotReading
        taken: Deferred[None] = Deferred()
        self._items.extend(messages)
        self._items.append(taken)
        self._size += size
        return taken

    def next(self) -> str | bytes:
        """
        Take out one message.
        """
        item = self._items.popleft()
        assert not isinstance(item, Deferred)
        self._size -= len(item) + MESSAGE_COST
        return item

    def complete(self) -> None:
        """
        Tell those whose last message was taken out.
        """
        while self._items:
            taken = self._items[0]
            if not isinstance(taken, Deferred):
                return
            self._items.popleft()
            taken.callback(None)

    def drop(self, why: Exception | None = None) -> None:
        """
        Nobody will take these.

        :param why: what those who brought them are told, if they are.
        """
        items, self._items = self._items, deque()
        for item in items:
            if not isinstance(item, Deferred):
                continue
            if why is None:
                item.callback(None)
            else:
                item.errback(why)
