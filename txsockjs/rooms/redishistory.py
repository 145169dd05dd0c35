"""Reading a room's history from Redis, page by page: `readHistory`, `readRecent`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Final, TypeAlias

from txsockjs.errors import BrokerUnavailable
from txsockjs.rooms.rediskeys import decode, position
from txsockjs.rooms.values import Entry, History, Position

#: How many entries, and about how many bytes, one answer brings. While Redis puts it
#: together, it does nothing else.
PAGE_ENTRIES: Final = 200
PAGE_BYTES: Final = 1024 * 1024

# How often a history may begin anew while it is read.
_EPOCHS: Final = 3

#: Asks for a page: the epoch and the offset of a position, and how many entries.
Ask: TypeAlias = Callable[[str, int, int], Awaitable[Any]]


async def readHistory(ask: Ask, since: Position) -> History:
    """
    Read what came after a position.

    :param ask: asks for a page.
    :raise BrokerUnavailable: if Redis does not answer.
    :raise ValueError: if it answers what is no history.
    """
    entries: list[Entry] = []
    complete, epochs = True, 0
    last, target = since, Position("", 0)
    while epochs < _EPOCHS:
        newest, page = _parse(await ask(last.epoch, last.offset, PAGE_ENTRIES))
        if newest.epoch != last.epoch:
            # What there is belongs to another count, from its oldest message on.
            entries, complete = [], False
            last = Position(newest.epoch, 0)
        if newest.epoch != target.epoch:
            target = newest
            epochs += 1
        if page and page[0].position != Position(last.epoch, last.offset + 1):
            # The oldest of those that were asked for are gone.
            entries, complete = [], False
        entries += page
        if not page:
            return _whole(entries, last, target, complete)
        last = _last(page)
        if last.offset >= target.offset:
            return History(tuple(entries), last, complete)
    raise BrokerUnavailable("the history begins anew faster than it can be read")


def _whole(
    entries: list[Entry], last: Position, target: Position, complete: bool
) -> History:
    """
    A history at its end: where that is not the newest message, the rest is gone.
    """
    if last == target:
        return History(tuple(entries), target, complete)
    return History((), target, False)


async def readRecent(ask: Ask, count: int) -> History:
    """
    Read the newest messages.

    :param ask: asks for a page.
    :param count: how many at most.
    :raise BrokerUnavailable: if Redis does not answer.
    :raise ValueError: if it answers what is no history.
    """
    newest, page = _parse(await ask("", count, min(count, PAGE_ENTRIES) or 1))
    if not page or _last(page) == newest:
        return History(tuple(page), newest)
    rest = await readHistory(ask, _last(page))
    if not rest.complete:
        page = []
    return History((*page, *rest.entries)[-count:], rest.latest)


def _parse(answer: Any) -> tuple[Position, list[Entry]]:
    """
    A page: the newest position, and entries that follow each other.

    :raise ValueError: if it is none.
    """
    if not isinstance(answer, list) or len(answer) % 2:
        raise ValueError("the answer is no page of a history")
    epoch, newest, *rest = answer
    entries = [
        Entry(decode(text), position(epoch, offset))
        for offset, text in zip(rest[::2], rest[1::2], strict=True)
    ]
    for before, after in pairwise(entries):
        if _offset(after) != _offset(before) + 1:
            raise ValueError("the offsets of a history do not follow each other")
    return position(epoch, newest), entries


def _offset(entry: Entry) -> int:
    return _last([entry]).offset


def _last(page: list[Entry]) -> Position:
    last = page[-1].position
    assert last is not None
    return last
