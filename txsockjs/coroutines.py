"""Running an application's coroutines: `start`, and what they `wait` for.

Under most reactors what a coroutine awaits is a `Deferred` in the end. Under the
asyncio reactor the rest of asyncio is there too, and much of that wants a task to run
in; so there a coroutine becomes one, and awaits both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from inspect import iscoroutine
from types import coroutine as generatorBased
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred

_T = TypeVar("_T")

#: What is raised where a cancelled coroutine waits: Twisted's, or asyncio's in a task.
CANCELLED: Final = (CancelledError, asyncio.CancelledError)


def start(awaitable: Awaitable[_T]) -> Deferred[_T]:
    """
    Run a coroutine, or anything else that can be awaited.

    :return: what fires with its result. Cancel this to cancel the coroutine.
    """
    coroutine = awaitable if iscoroutine(awaitable) else _await(awaitable)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return Deferred.fromCoroutine(coroutine)
    task = loop.create_task(_inTask(coroutine))
    # One that was cancelled before its first step is not to be missed.
    task.add_done_callback(lambda task: coroutine.close())
    return Deferred.fromFuture(task)


def wait(deferred: Deferred[_T]) -> Awaitable[_T]:
    """
    What to await for a Deferred, in a coroutine that Twisted runs or in any task of
    asyncio's. Cancelling the one cancels the other.
    """
    try:
        # Where none runs, that is told much sooner than asyncio.current_task() does.
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return deferred
    if asyncio.current_task(loop) is None:
        return deferred
    return _inTask(_await(deferred))


async def _await(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


async def _inTask(coroutine: Coroutine[Any, Any, _T]) -> _T:
    return await _withFutures(coroutine)


@generatorBased
def _withFutures(coroutine: Coroutine[Any, Any, _T]) -> Generator[Any, Any, _T]:
    """
    Go through a coroutine with a future in place of each Deferred that it awaits.
    """
    step: Callable[[], Any] = partial(coroutine.send, None)
    while True:
        try:
            awaited = step()
        except StopIteration as stop:
            result: _T = stop.value
            return result
        try:
            if isinstance(awaited, Deferred):
                yield from _fired(awaited)
            else:
                yield awaited
        except BaseException as error:
            if isinstance(awaited, Deferred):
                awaited.addErrback(lambda reason: None)
                awaited.cancel()
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, None)


def _fired(deferred: Deferred[Any]) -> asyncio.Future[None]:
    """
    A future that is done when the Deferred has fired. The result stays with the
    Deferred, which gives it to the coroutine that awaits it.
    """
    future = asyncio.get_running_loop().create_future()

    def fire(result: object) -> object:
        if not future.done():
            future.set_result(None)
        return result

    deferred.addBoth(fire)
    return future
