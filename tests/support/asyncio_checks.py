"""
Checks of `txsockjs.handlers`, `txsockjs.coroutines` and `txsockjs.client` under the
asyncio reactor, for `tests.integration.test_calls` to run in a process of its own,
with ``trial --reactor=asyncio``.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support.documents import blocks
from txsockjs import AsyncSession, Rejected, SockJSFactory, handler
from txsockjs.client import Connecting
from txsockjs.coroutines import start, wait
from txsockjs.testing import (
    MemoryClient,
    MemoryReactor,
    MemorySession,
    MemorySite,
    MemorySockJSEndpoint,
)


def later(result: Any = None) -> Deferred[Any]:
    """A Deferred that fires in a later turn of the reactor."""
    return deferLater(reactor, 0, lambda: result)


class RunningTestCase(TestCase):
    """Tests that begin when the loop is running, as what a server does begins."""

    def setUp(self) -> Deferred[Any]:
        return later()


class StartTests(RunningTestCase):
    """A coroutine as a task."""

    async def test_both(self) -> None:
        """It awaits Deferreds and what asyncio has, in any order, and gets results."""

        async def both() -> list[Any]:
            found = [await later(1), await succeed(2)]
            found.append(await asyncio.wait_for(asyncio.sleep(0, 3), 5))
            async with asyncio.timeout(5):
                found.append(await later(4))
            return found

        self.assertEqual(await start(both()), [1, 2, 3, 4])

    async def test_failures(self) -> None:
        """What a Deferred fails with is raised where it is awaited."""

        async def fails(deferred: Deferred[Any]) -> None:
            try:
                await deferred
            except ZeroDivisionError:
                raise LookupError from None

        for deferred in (
            fail(ZeroDivisionError()),
            later().addCallback(lambda _: 1 // 0),
        ):
            with self.assertRaises(LookupError):
                await start(fails(deferred))

    async def test_timeout(self) -> None:
        """asyncio's own time-outs work on a Deferred, and cancel it."""
        never: Deferred[None] = Deferred()

        async def waits() -> None:
            async with asyncio.timeout(0.01):
                await never

        with self.assertRaises(TimeoutError):
            await start(waits())
        self.assertTrue(never.called)

    async def test_cancel(self) -> None:
        """Cancelling it cancels what it waits for, and raises asyncio's error there."""
        seen: list[type] = []
        waits: list[Any] = [Deferred(), asyncio.get_running_loop().create_future()]

        async def watch(awaited: Any) -> None:
            try:
                await awaited
            except BaseException as error:
                seen.append(type(error))
                raise

        for awaited in waits:
            running = start(watch(awaited))
            await later()
            running.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await running
        self.assertEqual(seen, [asyncio.CancelledError] * 2)
        self.assertTrue(waits[0].called and waits[1].cancelled())

    async def test_cancelAtOnce(self) -> None:
        """One that is cancelled before its first step is not warned of as forgotten."""

        async def nothing() -> None:
            raise AssertionError

        with warnings.catch_warnings(record=True) as caught:
            running = start(nothing())
            running.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await running
            gc.collect()
        self.assertEqual(caught, [])

    async def test_wait(self) -> None:
        """``wait`` serves a coroutine of Twisted's, and any task."""

        async def waits(result: int) -> Any:
            return await wait(later(result))

        self.assertEqual(await Deferred.fromCoroutine(waits(1)), 1)
        task = asyncio.ensure_future(waits(2))
        self.assertEqual(await Deferred.fromFuture(task), 2)


class HandlerTests(RunningTestCase):
    """Handlers, over a server in memory."""

    def serve(self, function: Any, **options: Any) -> None:
        factory = SockJSFactory(handler(function), options, clock=MemoryReactor())
        self.site = MemorySite(factory)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    async def until(self, condition: Any) -> None:
        """Let both reactors turn until something is so."""
        for _ in range(1000):
            self.site.settle()
            if condition():
                return
            await later()
        self.fail("it never is")

    async def test_echo(self) -> None:
        """Messages come and go in order, many at once too, and it may be left."""

        async def echo(session: AsyncSession) -> None:
            async for message in session:
                await asyncio.sleep(0)
                await session.send(message)
                if message == "99":
                    break

        self.serve(echo)
        session: MemorySession = self.client.session()
        texts = [str(number) for number in range(100)]
        session.send(*texts[:50])
        session.send(*texts[50:])
        await self.until(lambda: session.closed is not None)
        self.assertEqual(session.received, texts)
        self.assertEqual(session.closed, (3000, "Go away!"))

    async def test_tasks(self) -> None:
        """Tasks that the function starts may send, and wait to send, too."""

        async def tick(session: AsyncSession) -> None:
            for _ in range(100):
                await session.send("x" * 10_000)

        async def both(session: AsyncSession) -> None:
            await anext(session)
            async with asyncio.TaskGroup() as group:
                group.create_task(tick(session))
                group.create_task(tick(session))

        self.serve(both)
        socket = self.client.websocket("/websocket")
        socket.transport.pauseProducing()
        socket.send("go")
        for _ in range(20):
            await later()
            self.site.settle()
        self.assertIsNone(socket.ended)
        socket.transport.resumeProducing()
        await self.until(lambda: socket.ended)
        self.assertEqual(len(socket.messages), 200)

    async def test_gone(self) -> None:
        """When the browser goes, the function and its tasks are cancelled."""
        seen: list[type] = []

        async def watch(session: AsyncSession) -> None:
            try:
                await anext(session)
            except BaseException as error:
                seen.append(type(error))
                raise

        async def group(session: AsyncSession) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(watch(session))

        for function in watch, group:
            self.serve(function)
            session = self.client.session()
            for _ in range(5):
                await later()
            session.abort()
            await self.until(lambda: seen)
            self.assertEqual(seen, [asyncio.CancelledError])
            seen.clear()

    async def test_goneSoon(self) -> None:
        """That is no fault, however soon the browser goes."""
        ended: list[None] = []

        async def listen(session: AsyncSession) -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(session.__anext__())
            finally:
                ended.append(None)

        self.serve(listen)
        for turns in range(1, 6):
            session = self.client.session()
            for _ in range(turns):
                await later()
            session.abort()
            await self.until(lambda turns=turns: len(ended) == turns)

    async def test_raises(self) -> None:
        """An exception is logged, and closes with 1011."""

        async def wrong(session: AsyncSession) -> None:
            await asyncio.sleep(0)
            raise ZeroDivisionError

        self.serve(wrong)
        session = self.client.session()
        await self.until(lambda: session.closed is not None)
        self.assertEqual(session.closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_authorize(self) -> None:
        """``authorize`` may await what asyncio has, and is cancelled in its way."""
        seen: list[type] = []

        async def authorize(request: Any) -> None:
            try:
                async with asyncio.timeout(0.01 if "now" in request.args else 60):
                    await asyncio.sleep(60)
            except TimeoutError:
                raise Rejected(4000, "no") from None
            except asyncio.CancelledError:
                seen.append(CancelledError)
                raise

        self.serve(self._nobody, authorize=authorize)
        socket = self.client.websocket("/websocket?now=1")
        await self.until(lambda: socket.ended)
        self.assertEqual(socket.ended, (4000, "no"))
        slow = self.client.websocket("/websocket")
        await later()
        slow.abort()
        await self.until(lambda: seen)
        service = self.site.site.services[""].service  # type: ignore[attr-defined]
        await self.until(lambda: not service.authorizing)

    async def test_document(self) -> None:
        """The example in ``docs/handlers.rst`` greets who says a name."""
        [code] = [
            block.text
            for block in blocks("docs/handlers.rst", "python")
            if block.name == "asyncio"
        ]
        space: dict[str, Any] = {}
        exec(code, space)
        self.serve(space["hurry"].__wrapped__)
        session = self.client.session()
        session.send("bob")
        await self.until(lambda: session.closed is not None)
        self.assertEqual(session.received, ["Hello, bob!", "How are you?"])

    async def _nobody(self, session: AsyncSession) -> None:
        raise AssertionError


class ClientTests(RunningTestCase):
    """A client's coroutines as tasks, with a server in memory."""

    def setUp(self) -> Deferred[Any]:
        @handler
        async def echo(session: AsyncSession) -> None:
            async for message in session:
                await session.send(message)
                if message == "bye":
                    break

        self.site = MemorySite(SockJSFactory(echo, clock=MemoryReactor()))
        self.addCleanup(self.site.stop)
        return super().setUp()

    def connecting(self) -> Connecting:
        return Connecting(MemorySockJSEndpoint(self.site))

    async def finish(self, task: asyncio.Task[Any]) -> Any:
        """Let both reactors turn until a task is done."""
        for _ in range(1000):
            self.site.settle()
            if task.done():
                return task.result()
            await later()
        self.fail("it does not end")

    async def test_talk(self) -> None:
        """One task sends while another reads, until the server closes."""
        texts = [*map(str, range(100)), "bye"]

        async def talk() -> list[str]:
            async with self.connecting() as session, asyncio.TaskGroup() as group:

                async def send() -> None:
                    for text in texts:
                        await session.send(text)
                        await asyncio.sleep(0)

                group.create_task(send())
                return [message async for message in session]

        self.assertEqual(await self.finish(asyncio.create_task(talk())), texts)

    async def test_timeout(self) -> None:
        """asyncio's time-outs work on whatever waits, and the session goes on."""

        async def talk() -> str:
            async with self.connecting() as session:
                with self.assertRaises(TimeoutError):
                    await asyncio.wait_for(session.recv(), 0.01)
                await session.send("still here")
                return await session.recv()

        self.assertEqual(await self.finish(asyncio.create_task(talk())), "still here")

    async def test_cancel(self) -> None:
        """To cancel a task that connects, or waits inside, leaves nothing."""

        async def talk() -> None:
            async with self.connecting() as session:
                await session.recv()

        for turns in 0, 1, 50:
            task = asyncio.create_task(talk())
            for _ in range(turns):
                await later()
                self.site.settle()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await self.finish(task)
            self.site.settle()
            memory: Any = self.site.reactor
            self.assertEqual(memory.getReaders() + memory.getWriters(), [], turns)
