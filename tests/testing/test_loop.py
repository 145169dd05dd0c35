"""Tests of `txsockjs.testing.MemoryAsyncioReactor`, and of what waits for real."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txsockjs import AsyncSession, Rejected, SockJSFactory, handler
from txsockjs.testing import (
    MemoryAsyncioReactor,
    MemoryClient,
    MemorySession,
    MemorySite,
    network,
)
from txsockjs.testing.session import TRANSPORTS


class AsyncioTestCase(SynchronousTestCase):
    """
    Handlers that await what asyncio has, in tests that are plain functions.
    """

    def open(
        self, function: Any, transport: str = "websocket", **options: Any
    ) -> MemorySession:
        """
        Serve a function, and open a session of it.
        """
        self.site = MemorySite.serving(handler(function), options, asyncio=True)
        self.addCleanup(self.site.stop)
        return MemoryClient(self.site).session(transport)


class TimeTests(AsyncioTestCase):
    """
    The time of asyncio is the Site's.
    """

    def test_sleep(self) -> None:
        """
        A sleep is over when it is to be, not before, over each transport.
        """

        async def slow(session: AsyncSession) -> None:
            async for message in session:
                await asyncio.sleep(5)
                await session.send(message)

        for name in TRANSPORTS:
            session = self.open(slow, name)
            session.send("a", "b")
            self.site.advance(4.999)
            self.assertEqual(session.received, [])
            self.site.advance(0.001)
            self.assertEqual(session.received, ["a"], name)
            self.site.advance(5)
            self.assertEqual(session.received, ["a", "b"])

    def test_order(self) -> None:
        """
        What is due at several times comes at each, in one advance, beside Twisted's.
        """
        times: list[tuple[str, float]] = []

        async def ticks(session: AsyncSession) -> None:
            loop = asyncio.get_running_loop()
            for _ in range(3):
                await asyncio.sleep(1)
                times.append(("asyncio", loop.time()))

        self.open(ticks)
        self.site.reactor.callLater(
            1.5, lambda: times.append(("twisted", self.site.reactor.seconds()))
        )
        self.site.advance(10)
        want = [("asyncio", 1.0), ("twisted", 1.5), ("asyncio", 2.0), ("asyncio", 3.0)]
        self.assertEqual(times, want)

    def test_timeout(self) -> None:
        """
        ``asyncio.timeout`` cancels what waits; one that is left in time does nothing.
        """

        async def hurry(session: AsyncSession) -> None:
            try:
                async with asyncio.timeout(5):
                    await session.send(await anext(session))
                async with asyncio.timeout(5):
                    await anext(session)
            except TimeoutError:
                session.close(4008, "Too slow")

        session = self.open(hurry)
        self.site.advance(4)
        session.send("hello")
        self.site.advance(4.5)
        self.assertIsNone(session.closed)
        self.site.advance(0.5)
        self.assertEqual((session.received, session.closed[0]), (["hello"], 4008))  # type: ignore[index]

    def test_callAt(self) -> None:
        """
        A call of the loop's that acts on the session at its time is done with, in the
        same turn too.
        """

        async def later(session: AsyncSession) -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(0, session.transport.write, b"at once")
            loop.call_later(1, session.transport.write, b"now")
            await anext(session)

        session = self.open(later)
        self.assertEqual(session.take(), ["at once"])
        self.site.advance(1)
        self.assertEqual(session.received, ["now"])

    def test_real(self) -> None:
        """
        No real time passes: a day is over at once.
        """

        async def day(session: AsyncSession) -> None:
            await asyncio.sleep(86400)
            await session.send("good morning")

        session = self.open(day)
        self.site.advance(86400)
        self.assertEqual(session.received, ["good morning"])


class TaskTests(AsyncioTestCase):
    """
    What asyncio has beside its time.
    """

    def test_tasks(self) -> None:
        """
        Task groups, queues and futures work, and Deferreds beside them.
        """
        fire: Deferred[str] = Deferred()

        async def many(session: AsyncSession) -> None:
            queue: asyncio.Queue[str] = asyncio.Queue()
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(queue.put(str(number)))
            for _ in range(3):
                await session.send(await queue.get())
            await session.send(await fire)

        session = self.open(many)
        self.assertEqual(session.received, ["0", "1", "2"])
        fire.callback("fired")
        self.site.settle()
        self.assertEqual(session.received[3:], ["fired"])

    def test_future(self) -> None:
        """
        A future that the test sets is seen when the Site settles.
        """
        waiting: list[asyncio.Future[str]] = []

        async def wait(session: AsyncSession) -> None:
            waiting.append(asyncio.get_running_loop().create_future())
            await session.send(await waiting[0])

        session = self.open(wait)
        waiting[0].set_result("set")
        self.assertEqual(session.received, [])
        self.site.settle()
        self.assertEqual(session.received, ["set"])

    def test_gone(self) -> None:
        """
        Who goes cancels the function, as under the asyncio reactor.
        """
        seen: list[type] = []

        async def watch(session: AsyncSession) -> None:
            try:
                await asyncio.sleep(60)
            except BaseException as error:
                seen.append(type(error))
                raise

        for end in "abort", "close":
            getattr(self.open(watch), end)()
        self.assertEqual(seen, [asyncio.CancelledError] * 2)

    def test_raises(self) -> None:
        """
        An exception is logged, and closes with 1011.
        """

        async def wrong(session: AsyncSession) -> None:
            await asyncio.sleep(0)
            raise ZeroDivisionError

        self.assertEqual(self.open(wrong).closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_authorize(self) -> None:
        """
        ``authorize`` awaits what asyncio has, too.
        """

        async def authorize(request: Any) -> str:
            await asyncio.sleep(1)
            if "token" not in request.args:
                raise Rejected(4403, "Log in first")
            return "Ann"

        async def greet(session: AsyncSession) -> None:
            await session.send(f"Hello, {session.avatar}!")

        stranger = self.open(greet, authorize=authorize)
        known = MemoryClient(self.site).session("xhr", query={"token": "1"})
        self.site.advance(1)
        self.assertEqual(stranger.closed, (4403, "Log in first"))
        self.assertEqual(known.received, ["Hello, Ann!"])

    def test_context(self) -> None:
        """
        Context variables are each task's own.
        """
        name = contextvars.ContextVar("name", default="nobody")

        async def talk(session: AsyncSession) -> None:
            name.set(await anext(session))
            await asyncio.sleep(1)
            await session.send(name.get())

        self.open(talk)
        client = MemoryClient(self.site)
        sessions = [client.session() for _ in range(2)]
        for number, session in enumerate(sessions):
            session.send(str(number))
        self.site.advance(1)
        self.assertEqual([session.received for session in sessions], [["0"], ["1"]])


class EndTests(AsyncioTestCase):
    """
    How it ends.
    """

    def test_stop(self) -> None:
        """
        With the Site all tasks end, and the loop is closed: nothing is left to warn of.
        """
        ended: list[None] = []

        async def forever(session: AsyncSession) -> None:
            loop = asyncio.get_running_loop()
            self.loop = loop
            task = loop.create_task(asyncio.sleep(60))
            task.add_done_callback(lambda task: ended.append(None))
            await asyncio.sleep(60)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.open(forever)
            self.site.stop()
            self.site.stop()
            self.assertTrue(self.loop.is_closed())
            self.assertEqual(ended, [None])
            self.site.settle()
            self.site.advance(100)
            gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_neverSettles(self) -> None:
        """
        What goes round in circles is an error, not a hang.
        """
        self.patch(network, "_TURNS", 99)

        async def circle(session: AsyncSession) -> None:
            while True:
                await asyncio.sleep(0)

        with self.assertRaises(RuntimeError):
            self.open(circle)

    def test_faultyProtocol(self) -> None:
        """
        What a call raises that is due is raised where the time is let pass.
        """
        self.open(self.nothing)
        self.site.reactor.callLater(1, lambda: 1 // 0)
        self.assertRaises(ZeroDivisionError, self.site.advance, 1)

    async def nothing(self, session: AsyncSession) -> None:
        await anext(session)

    def test_running(self) -> None:
        """
        Where another loop runs, that is the one, and the error says what to do.
        """
        site = MemorySite(
            SockJSFactory(handler(self.nothing), clock=MemoryAsyncioReactor())
        )

        async def inside() -> None:
            client = MemoryClient(site)
            with self.assertRaises(RuntimeError) as raised:
                client.session()
            self.assertIn("await MemoryClient.open", str(raised.exception))

        asyncio.run(inside())
        site.stop()


class WaitingTests(TestCase):
    """
    Applications that wait for what is not in memory, in tests that wait for them.
    """

    def serve(self, function: Any, **options: Any) -> MemoryClient:
        self.site = MemorySite.serving(handler(function), options)
        self.addCleanup(self.site.stop)
        return MemoryClient(self.site)

    async def slow(self, session: AsyncSession) -> None:
        async for message in session:
            await deferLater(reactor, 0.01)
            await session.send(message)
            if message == "bye":
                break

    async def test_talk(self) -> None:
        """
        The test has each message when it comes, and the end.
        """
        for name in TRANSPORTS:
            session = await self.serve(self.slow).open(name)
            session.send("a", "bye")
            self.assertEqual(await session.receive(), "a")
            self.assertEqual(await session.receive(), "bye")
            self.assertEqual(await session.ended(), (3000, "Go away!"))
            self.assertEqual(session.received, [])

    async def test_asyncio(self) -> None:
        """
        So it is in a task of asyncio's, with the reactor of neither.
        """

        async def slow(session: AsyncSession) -> None:
            async for message in session:
                await asyncio.sleep(0.001)
                await session.send(message)

        async def test() -> None:
            with MemorySite.serving(handler(slow)) as site:
                session = await MemoryClient(site).open("xhr")
                session.send("a")
                self.assertEqual(await session.receive(), "a")
            self.assertIsNotNone(session.closed)

        asyncio.run(test())

    async def test_refused(self) -> None:
        """
        Who is refused has that for an end.
        """

        async def authorize(request: Any) -> str:
            await deferLater(reactor, 0.01)
            raise Rejected(4403, "Log in first")

        client = self.serve(self.slow, authorize=authorize)
        session = await client.open("xhr", cookies={"a": "b"})
        self.assertEqual(session.closed, (4403, "Log in first"))

    async def test_problems(self) -> None:
        """
        What does not come is given up, and the error says what it was.
        """
        session = await self.serve(self.slow).open()
        for waiting, said in (
            (session.receive(timeout=0.01), "no message has come, after 0.01 s"),
            (session.ended(timeout=0.01), "the session has not ended, after 0.01 s"),
            (self.site.until(bool, 0.01), "<class 'bool'> is not so, after 0.01 s"),
            (MemoryClient(self.site, delay=1).open(timeout=0.01), "neither open nor"),
        ):
            with self.assertRaises(AssertionError) as raised:
                await waiting
            self.assertIn(said, str(raised.exception))
        session.abort()
        with self.assertRaises(AssertionError) as raised:
            await session.receive()
        self.assertIn("(1006, '')", str(raised.exception))
