"""asyncio in memory: `MemoryAsyncioReactor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVarTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from txsockjs.clock import clockOr
from txsockjs.testing.network import MemoryReactor

_Ts = TypeVarTuple("_Ts")

# Seconds between two looks at what is waited for, when asyncio has nothing to do.
_PAUSE = 0.001


class _Loop(asyncio.SelectorEventLoop):
    """
    An event loop that has the time of a reactor in memory.

    :ivar woken: whether something was asked for since this was set to false.
    """

    woken = False

    def __init__(self, reactor: MemoryReactor) -> None:
        self._memory = reactor
        self._timers: list[asyncio.TimerHandle] = []
        super().__init__()

    def time(self) -> float:
        return self._memory.seconds()

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        self.woken = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        heappush(self._timers, timer)
        return timer

    def due(self) -> float | None:
        """
        When the next call is to be made that is to be made later; None for never.
        """
        while self._timers and self._timers[0].cancelled():
            heappop(self._timers)
        return self._timers[0].when() if self._timers else None

    def forget(self) -> bool:
        """
        Forget the calls that are made in this turn.

        :return: whether there are any.
        """
        found = False
        while (due := self.due()) is not None and due <= self.time():
            heappop(self._timers)
            found = True
        return found


class MemoryAsyncioReactor(MemoryReactor):
    """
    A `MemoryReactor` under which coroutines of the application are tasks of asyncio,
    as they are under Twisted's asyncio reactor. ``asyncio.sleep``, ``asyncio.timeout``
    and all else that knows the time take that of `advance`. The test is an ordinary
    function; nothing else has to run.

    What waits for a thread or for a real socket does not get there: it belongs into a
    test under the asyncio reactor itself, with `MemorySite.until
    <txsockjs.testing.MemorySite.until>`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop = _Loop(self)

    def turn(self) -> bool:
        """
        Do as `MemoryReactor.turn`, inside of the loop, and what is due there.

        :raise RuntimeError: if another event loop runs in this thread.
        """
        loop = self._loop
        if loop.is_closed() or loop.is_running():
            return super().turn()
        if _running():
            raise RuntimeError(
                "another event loop of asyncio runs in this thread, and is the one for "
                "the application's coroutines: make the MemorySite without "
                "asyncio=True, or with a MemoryReactor, and await MemoryClient.open "
                "and MemorySession.receive"
            )
        outcome: list[bool | BaseException] = []
        due = loop.forget()
        loop.call_soon(self._turn, outcome)
        loop.woken = False
        loop.run_forever()
        [result] = outcome
        if isinstance(result, BaseException):
            raise result
        return result or due or loop.woken

    def _turn(self, outcome: list[bool | BaseException]) -> None:
        try:
            outcome.append(super().turn())
        except BaseException as error:
            outcome.append(error)
        finally:
            self._loop.stop()

    def _due(self) -> float | None:
        times = [t for t in (super()._due(), self._loop.due()) if t is not None]
        return min(times, default=None)

    def close(self) -> None:
        """Cancel the tasks that are left, and close the event loop. What is still
        asked of the reactor is done without asyncio. `MemorySite.stop
        <txsockjs.testing.MemorySite.stop>` does this.
        """
        if self._loop.is_closed():
            return
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self.settle()
        self._loop.close()


def _running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def turn() -> None:
    """
    Let what runs the test do something else: asyncio, in a task of it, or Twisted's
    global reactor.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is not None:
        await asyncio.sleep(_PAUSE)
        return
    reactor: Any = clockOr(None)
    waiting: Deferred[None] = deferLater(reactor, _PAUSE)
    await waiting
