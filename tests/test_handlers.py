"""Tests of `txsockjs.handlers`, over whole services in memory."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import AsyncSession, SockJSFactory, handler
from txsockjs.multiplex import MultiplexFactory
from txsockjs.services import loadService
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite

TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


@handler
async def echo(session: AsyncSession) -> None:
    """Sends back what comes in."""
    async for message in session:
        await session.send(message)


class HandlerTestCase(SynchronousTestCase):
    """A service of one handler."""

    def serve(self, factory: Any, **options: Any) -> None:
        site = SockJSFactory(factory, options, clock=MemoryReactor(), name="chat")
        self.site = MemorySite(site)
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def session(self, transport: str = "websocket") -> MemorySession:
        return self.client.session(transport)

    def run_(self, function: Any, **options: Any) -> MemorySession:
        """Serve a function, and open a session of it."""
        self.serve(handler(function), **options)
        return self.session()

    def fire(self, deferred: Deferred[Any]) -> None:
        deferred.callback(None)
        self.site.settle()


class FactoryTests(HandlerTestCase):
    """What ``@handler`` makes."""

    def test_factory(self) -> None:
        """It is a factory, with the name and the docstring of its function."""
        self.assertTrue(IProtocolFactory.providedBy(echo))
        named: Any = echo
        self.assertEqual(named.__name__, "echo")
        self.assertEqual(echo.__doc__, "Sends back what comes in.")
        self.assertEqual(named.__wrapped__.__qualname__, "echo")

    def test_byName(self) -> None:
        """``twistd sockjs --service`` takes it by its name."""
        self.assertIs(loadService(f"{__name__}.echo"), echo)

    def test_notAsync(self) -> None:
        """What is no async function is refused where it is decorated."""

        async def generator(session: Any) -> Any:
            yield

        for wrong in (lambda session: None), generator, HandlerTestCase:
            self.assertRaises(TypeError, handler, wrong)
            self.assertRaises(TypeError, handler(binary=True), wrong)

    def test_method(self) -> None:
        """A method will do, and so will a function with arguments filled in."""

        class Greeter:
            async def greet(self, session: AsyncSession, name: str = "you") -> None:
                await session.send(f"hello {name}")

        greet = Greeter().greet
        for function, greeting in (greet, "you"), (partial(greet, name="me"), "me"):
            session = self.run_(function)
            self.assertEqual(session.received, [f"hello {greeting}"])

    def test_arguments(self) -> None:
        """A function that takes something else is told about, and closes with 1011."""

        async def wrong() -> None:
            """Takes no session."""

        session = self.run_(wrong)
        self.assertEqual(session.closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_channel(self) -> None:
        """It serves the channels of a multiplexed session too."""
        multiplex = MultiplexFactory(MemoryReactor())
        multiplex.addFactory("echo", echo)
        self.serve(multiplex)
        session = self.session()
        session.send("sub,echo", "msg,echo,hi")
        self.assertEqual(session.received, ["msg,echo,hi"])


class TalkTests(HandlerTestCase):
    """What the function sees."""

    def test_echo(self) -> None:
        """Messages come in as they were sent, one by one, on every transport."""
        for transport in TRANSPORTS:
            self.serve(echo)
            session = self.session(transport)
            session.send("", "Grüße", "</script>")
            session.send("\ud800")
            self.assertEqual(session.received, ["", "Grüße", "</script>", "\ud800"])

    def test_raw(self) -> None:
        """On a raw WebSocket binary messages are text, where they are."""
        self.serve(echo)
        socket = self.client.websocket("/websocket")
        for message in "a", b"b\xff":
            socket.send(message)
        self.assertEqual(socket.messages, ["a", "b\ufffd"])

    def test_bytes(self) -> None:
        """``send`` takes bytes too, and nothing else."""
        seen: list[str] = []

        async def talk(session: AsyncSession) -> None:
            await session.send("é".encode())
            wrong: Any = 5
            try:
                await session.send(wrong)
            except TypeError as error:
                seen.append(str(error))

        self.assertEqual(self.run_(talk).received, ["é"])
        self.assertEqual(seen, ["send takes str or bytes, not int"])

    def test_whoIsCalling(self) -> None:
        """It has the request, the avatar and the transport."""

        async def talk(session: AsyncSession) -> None:
            peer: Any = session.transport.getPeer()
            facts = session.avatar, session.request.transport, peer.host
            await session.send(" ".join(facts))

        session = self.run_(talk, authorize=lambda request: "bob")
        self.assertEqual(session.received, ["bob websocket 192.0.2.7"])

    def test_oneMessage(self) -> None:
        """``anext`` takes a message by itself."""

        async def talk(session: AsyncSession) -> None:
            name = await anext(session)
            async for message in session:
                await session.send(f"{name}: {message}")

        session = self.run_(talk)
        session.send("bob", "hi", "ho")
        self.assertEqual(session.received, ["bob: hi", "bob: ho"])

    def test_deferreds(self) -> None:
        """It awaits Deferreds, fired or not; what comes meanwhile waits, in order."""
        work: list[Deferred[str]] = []

        async def talk(session: AsyncSession) -> None:
            async for message in session:
                await succeed(None)
                work.append(Deferred())
                await session.send(message + await work[-1])

        session = self.run_(talk)
        session.send("a", "b")
        session.send("c")
        for answer in "123":
            work[-1].callback(answer)
            self.site.settle()
        self.assertEqual(session.received, ["a1", "b2", "c3"])

    def test_oneReader(self) -> None:
        """Two coroutines cannot wait for one message."""
        seen: list[str] = []

        async def talk(session: AsyncSession) -> None:
            other = Deferred.fromCoroutine(session.__anext__())
            try:
                await anext(session)
            except RuntimeError as error:
                seen.append(str(error))
            await session.send(await other)

        session = self.run_(talk)
        session.send("a")
        self.assertEqual(seen, ["another coroutine waits for the next message"])
        self.assertEqual(session.received, ["a"])


class LeavingTests(HandlerTestCase):
    """How it ends when the function does."""

    def test_return(self) -> None:
        """Leaving it closes the session, after what was sent, on every transport."""

        async def talk(session: AsyncSession) -> None:
            await session.send(await anext(session))

        self.serve(handler(talk))
        for transport in TRANSPORTS:
            session = self.session(transport)
            session.send("a", "b")
            self.assertEqual(session.received, ["a"])
            self.assertEqual(session.closed, (3000, "Go away!"))

    def test_atOnce(self) -> None:
        """It may be left before it has waited for anything."""

        async def talk(session: AsyncSession) -> None:
            await session.send("bye")

        session = self.run_(talk)
        self.assertEqual(session.received, ["bye"])
        self.assertEqual(session.closed, (3000, "Go away!"))

    def test_close(self) -> None:
        """``close`` says with what code and reason; there is no message after it."""
        seen: list[object] = []

        async def talk(session: AsyncSession) -> None:
            async for message in session:
                await session.send(message)
                session.close(4000, "enough")
                await session.send("too late")
            seen.append("left")

        session = self.run_(talk)
        session.send("a", "b")
        self.assertEqual(session.received, ["a"])
        self.assertEqual(session.closed, (4000, "enough"))
        self.assertEqual(seen, ["left"])

    def test_closeTwice(self) -> None:
        """The first close counts, and a wrong code leaves the session open."""

        async def talk(session: AsyncSession) -> None:
            try:
                session.close(5)
            except ValueError:
                await session.send(await anext(session))
            session.close(4000, "first")
            session.close(4001, "second")

        session = self.run_(talk)
        session.send("still here")
        self.assertEqual(session.received, ["still here"])
        self.assertEqual(session.closed, (4000, "first"))

    def test_closedByAnother(self) -> None:
        """Closed by somebody else, the function has no further message."""
        sessions: list[AsyncSession] = []

        async def talk(session: AsyncSession) -> None:
            sessions.append(session)
            async for message in session:
                await session.send(message)
            sessions.clear()

        session = self.run_(talk)
        sessions[0].close(4001, "kicked")
        self.site.settle()
        self.assertEqual(session.closed, (4001, "kicked"))
        self.assertEqual(sessions, [])

    def test_raises(self) -> None:
        """An exception is 1011, after what was sent, and logged with its fields."""

        async def talk(session: AsyncSession) -> None:
            await session.send("before")
            raise ZeroDivisionError

        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        session = self.run_(talk)
        self.assertEqual(session.received, ["before"])
        self.assertEqual(session.closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        [event] = [event for event in events if "handler" in event]
        fields = event["service"], event["transport"], event["code"]
        self.assertEqual(fields, ("chat", "websocket", 1011))

    def test_wantsOneMore(self) -> None:
        """A function that wants a message after the close is left, and no more."""
        sessions: list[AsyncSession] = []

        async def talk(session: AsyncSession) -> None:
            sessions.append(session)
            await anext(session)

        session = self.run_(talk)
        sessions[0].close(4000, "bye")
        self.site.settle()
        self.assertEqual(session.closed, (4000, "bye"))

    def test_ownCancellation(self) -> None:
        """A CancelledError that has nothing to do with the browser is an exception."""

        async def talk(session: AsyncSession) -> None:
            raise CancelledError

        self.assertEqual(self.run_(talk).closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)


class GoneTests(HandlerTestCase):
    """When the browser goes."""

    def setUp(self) -> None:
        self.seen: list[type | None] = []
        self.waits: list[Deferred[None]] = []

    async def listen(self, session: AsyncSession) -> None:
        async for _ in session:
            pass

    async def work(self, session: AsyncSession) -> None:
        self.waits.append(Deferred())
        await self.waits[-1]

    def watched(self, function: Any) -> Any:
        """A handler that notes what ends the function."""

        async def watch(session: AsyncSession) -> None:
            try:
                await function(session)
            except BaseException as error:
                self.seen.append(type(error))
                raise
            self.seen.append(None)

        return handler(watch)

    def test_cancelled(self) -> None:
        """The function is cancelled where it waits, and nothing is logged."""
        for function in self.listen, self.work:
            for transport in TRANSPORTS:
                self.serve(self.watched(function))
                self.session(transport).abort()
                self.assertEqual(self.seen, [CancelledError], transport)
                self.seen.clear()

    def test_goodOrder(self) -> None:
        """It is cancelled too when the browser closes in good order."""
        self.serve(self.watched(self.listen))
        self.client.websocket("/websocket").close()
        self.assertEqual(self.seen, [CancelledError])

    def test_notBack(self) -> None:
        """It is cancelled when the browser does not come for another poll."""
        self.serve(self.watched(self.listen), timeout=5)
        self.client.request("POST", "/0/s/xhr")
        self.site.advance(4)
        self.assertEqual(self.seen, [])
        self.site.advance(10)
        self.assertEqual(self.seen, [CancelledError])

    def test_drain(self) -> None:
        """It is cancelled when the service stops, and the browser is told."""
        self.serve(self.watched(self.listen))
        session = self.session()
        self.site.site.closeSessions()  # type: ignore[attr-defined]
        self.site.advance(1)
        self.assertEqual(session.closed, (1012, "Service Restart"))
        self.assertEqual(self.seen, [CancelledError])

    def test_sending(self) -> None:
        """It is cancelled while it waits to send."""

        async def flood(session: AsyncSession) -> None:
            await anext(session)
            while True:
                await session.send("x" * 1000)

        self.serve(self.watched(flood))
        socket = self.client.websocket("/websocket")
        socket.transport.pauseProducing()
        socket.send("go")
        self.assertEqual(self.seen, [])
        socket.abort()
        self.assertEqual(self.seen, [CancelledError])

    def test_raises(self) -> None:
        """What it raises on its way out is logged."""

        async def work(session: AsyncSession) -> None:
            try:
                await self.work(session)
            finally:
                raise ZeroDivisionError

        self.run_(work).abort()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_doesNotLeave(self) -> None:
        """Who stays after it was cancelled gets no message, and sends to nobody."""

        async def stay(session: AsyncSession) -> None:
            try:
                await self.work(session)
            except CancelledError:
                await session.send("anybody?")
                await self.listen(session)

        self.serve(self.watched(stay))
        self.session().abort()
        self.assertEqual(self.seen, [None])

    def test_othersWrite(self) -> None:
        """Who waits to send to a browser that goes is not kept waiting."""
        sessions: list[AsyncSession] = []

        async def collect(session: AsyncSession) -> None:
            sessions.append(session)
            await self.listen(session)

        self.serve(self.watched(collect))
        socket = self.client.websocket("/0/s/websocket")
        socket.transport.pauseProducing()
        for _ in range(2):
            sending = Deferred.fromCoroutine(sessions[0].send("x" * 1_000_000))
            self.site.settle()
        self.assertNoResult(sending)
        socket.abort()
        self.assertIsNone(self.successResultOf(sending))
        self.assertEqual(self.seen, [CancelledError])
