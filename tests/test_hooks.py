"""What an application raises, closes or stops in the calls that come before and after a
session's own: nothing else is stopped half way, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.server import Site
from zope.interface import implementer

from tests.support.authorizing import TRANSPORTS, AuthorizeTestCase
from tests.support.serving import Echo, Recorder, RecordingFactory, ServiceCase
from txsockjs import Login
from txsockjs.factory import SockJSMultiFactory, SockJSResource
from txsockjs.interfaces import ISockJSMessageReceiver
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

LOST = Failure(ConnectionLost())
FAULTS = (
    ZeroDivisionError,
    asyncio.CancelledError,
    GeneratorExit,
    KeyboardInterrupt,
    SystemExit,
)


class AuthorizeHookTests(AuthorizeTestCase):
    """What ``authorize`` can do besides answering."""

    def test_raises(self) -> None:
        """Whatever it raises is logged, and refuses the one session with 1011."""
        for fault in FAULTS:
            for transport in (*TRANSPORTS, "raw"):

                def authorize(request: Any, fault: Any = fault) -> None:
                    raise fault

                self.serve(authorize)
                if transport == "raw":
                    ended = self.raw().ended
                else:
                    ended = self.session(transport).closed
                self.assertEqual(ended, (1011, "Internal error"), (fault, transport))
                self.assertEqual(len(self.flushLoggedErrors(fault)), 1)
                self.assertForgotten()

    def test_raisesLater(self) -> None:
        """So does what a coroutine raises after it has waited."""
        for fault in FAULTS:
            answer: Deferred[None] = Deferred()

            async def authorize(
                request: Any, answer: Any = answer, fault: Any = fault
            ) -> None:
                await answer
                raise fault

            self.serve(authorize)
            session = self.session("xhr")
            answer.callback(None)
            self.site.settle()
            self.assertEqual(session.closed, (1011, "Internal error"), fault)
            self.assertEqual(len(self.flushLoggedErrors(fault)), 1)
            self.assertForgotten()

    def test_cannotBeCancelled(self) -> None:
        """A canceller that raises is logged, and the session is as over as any."""
        for fault in set(FAULTS) - {asyncio.CancelledError}:

            def cancel(asked: object, fault: Any = fault) -> None:
                raise fault

            self.serve(lambda request, cancel=cancel: Deferred(cancel))
            for transport in TRANSPORTS:
                self.session(transport).abort()
            self.assertEqual(len(self.flushLoggedErrors(fault)), len(TRANSPORTS))
            self.assertForgotten()

    def test_cannotBeCancelledInTime(self) -> None:
        """One that raises when its time is over refuses the session with 1011."""
        self.serve(lambda request: Deferred(lambda asked: 1 // 0))
        session = self.session("xhr")
        self.site.advance(60)
        self.assertEqual(session.closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertForgotten()

    def test_stopsAll(self) -> None:
        """One canceller that raises keeps no other session from being dropped."""
        cancelled: list[object] = []

        def cancel(asked: object) -> None:
            cancelled.append(asked)
            raise ZeroDivisionError

        self.serve(lambda request: Deferred(cancel))
        for transport in TRANSPORTS:
            self.session(transport)
        self.site.site.stopFactory()
        self.assertEqual(len(cancelled), len(TRANSPORTS))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), len(cancelled))
        self.assertForgotten()

    def test_goesOn(self) -> None:
        """One that will not be cancelled has lost its say; who it let in is let out."""
        out: list[str] = []
        answer: Deferred[object] = Deferred()

        async def authorize(request: Any) -> object:
            try:
                await Deferred()
            except BaseException:
                return await answer

        self.serve(authorize)
        session = self.session("xhr")
        self.site.advance(60)
        self.assertEqual(session.closed, (1013, "Authorization timed out"))
        answer.callback(Login("bob", lambda: out.append("out")))
        self.assertEqual(out, ["out"])
        self.assertForgotten()

    def test_goesOnAndRaises(self) -> None:
        """What such a one raises in the end is logged."""
        answer: Deferred[object] = Deferred()

        async def authorize(request: Any) -> object:
            try:
                await Deferred()
            except BaseException:
                return await answer

        self.serve(authorize)
        self.session("xhr").abort()
        answer.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertForgotten()

    def test_logout(self) -> None:
        """Whatever ``logout`` raises is logged, and the refusal is told."""
        for fault in FAULTS:

            def logout(fault: Any = fault) -> None:
                raise fault

            self.serve(lambda request, logout=logout: Login("bob", logout))
            self.callers.refuses = True
            self.assertEqual(self.session().closed, (3000, "Go away!"))
            self.assertEqual(len(self.flushLoggedErrors(fault)), 1)
            self.assertForgotten()

    def test_stopped(self) -> None:
        """Where it stops the service, nobody is let in, and who was is let out."""
        for answer in (Login, Deferred):
            out: list[str] = []
            leave = partial(out.append, "out")
            asked: Deferred[object] = Deferred(lambda asked, leave=leave: leave())

            def authorize(
                request: Any, answer: Any = answer, asked: Any = asked, out: Any = leave
            ) -> object:
                self.site.site.stopFactory()
                if answer is Login:
                    return Login("bob", out)
                return asked

            self.serve(authorize)
            self.client.request("POST", "/0/s/xhr")
            self.assertEqual((self.callers.made, out), ([], ["out"]))
            self.assertForgotten()


@implementer(ISockJSMessageReceiver)
class Liar(Recorder):
    """Says that it has ``messageReceived``."""


class BuildProtocolTests(ServiceCase):
    """What ``buildProtocol`` can do besides building."""

    def build(self, deed: Callable[[], object], **options: object) -> None:
        """Serve a factory that does this first."""
        self.serve(Echo, **options)
        resource: Any = self.site.site
        self.service = resource.services[""].service
        factory = resource.services[""]._factory
        built = factory.buildProtocol

        def buildProtocol(address: Any) -> Any:
            deed()
            return built(address)

        factory.buildProtocol = buildProtocol

    def assertNobody(self) -> None:
        """No session is left, and no application has heard of one."""
        self.site.advance(20)
        self.assertEqual((len(self.service), self.service._ids), (0, {}))
        self.assertFalse([p for p in self.sessions if p.transport is not None])

    def test_raises(self) -> None:
        """Whatever it raises is logged, and refuses the one session with 1011."""
        for fault in FAULTS:

            def deed(fault: Any = fault) -> None:
                raise fault

            self.build(deed)
            response = self.post("/0/s/xhr")
            self.assertEqual(response.body, b'c[1011,"Internal error"]\n')
            socket = self.client.websocket("/websocket")
            self.assertEqual(socket.ended, (1011, "Internal error"))
            self.assertEqual(len(self.flushLoggedErrors(fault)), 2)
            self.assertNobody()

    def test_noProtocol(self) -> None:
        """What says that it takes messages and does not is a fault like any other."""
        self.serve(Liar)
        response = self.post("/0/s/xhr")
        self.assertEqual(response.body, b'c[1011,"Internal error"]\n')
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_drains(self) -> None:
        """Where it has the service drained, its own session is refused too."""
        self.build(lambda: self.site.site.closeSessions())  # type: ignore[attr-defined]
        response = self.post("/0/s/xhr")
        self.assertEqual(response.body, b'c[1012,"Service Restart"]\n')
        self.assertNobody()

    def test_stops(self) -> None:
        """Where it stops the service, its own session is dropped too."""
        for url in ("/0/s/xhr", "/0/s/xhr_streaming", "/0/s/websocket"):
            self.build(lambda: self.site.site.stopFactory())
            if url.endswith("websocket"):
                ended: Any = self.client.websocket(url).ended
                self.assertEqual(ended[0], 1006)
            else:
                self.assertTrue(self.post(url).connection.closed)
            self.assertNobody()

    def test_connectionLost(self) -> None:
        """Where the connection is lost meanwhile, so is the session."""
        for url in ("/0/s/xhr", "/0/s/xhr_streaming"):
            connection = self.lose(url)
            self.assertTrue(connection.closed)
            self.assertNobody()

    def lose(self, url: str) -> Any:
        """Lose the connection in the middle of ``buildProtocol``."""
        ends: list[Any] = []
        self.build(lambda: [end.connectionLost(LOST) for end in ends])
        connection = self.connect()
        ends += [t for t in self.site._transports if t is not connection.transport][-1:]
        connection.request("POST", url)
        return connection


class LifeHookTests(ServiceCase):
    """What a factory can do when it starts and stops."""

    def several(self, *factories: Factory) -> SockJSMultiFactory:
        """A Site of several services."""
        site = SockJSMultiFactory(clock=MemoryReactor())
        for number, factory in enumerate(factories):
            site.addFactory(factory, f"s{number}")
        return site

    def test_stopRaises(self) -> None:
        """One that raises when it stops is logged; the others are stopped too."""
        for fault in FAULTS:

            def stop(fault: Any = fault) -> None:
                raise fault

            factories = [RecordingFactory(Echo) for _ in range(3)]
            site = self.several(*factories)
            stopped: list[int] = []
            factories[0].stopFactory = stop  # type: ignore[method-assign]
            factories[2].stopFactory = partialOf(stopped)  # type: ignore[method-assign]
            memory = MemorySite(site)
            socket = MemoryClient(memory).session("websocket", "/s1")
            memory.stop()
            self.assertEqual((stopped, socket.closed), ([1], (1006, "")))
            self.assertEqual(len(self.flushLoggedErrors(fault)), 1)

    def test_startRaises(self) -> None:
        """One that cannot start is told of; those before it are stopped again."""
        for fault in FAULTS:

            def start(fault: Any = fault) -> None:
                raise fault

            factories = [RecordingFactory(Echo) for _ in range(3)]
            site = self.several(*factories)
            factories[1].startFactory = start  # type: ignore[method-assign]
            self.assertRaises(fault, site.doStart)
            self.assertEqual([f.numPorts for f in factories], [0, 0, 0])
            del factories[1].startFactory
            site.doStart()
            self.assertEqual([f.numPorts for f in factories], [1, 1, 1])
            site.doStop()

    def test_cannotStart(self) -> None:
        """A Resource whose factory cannot start says 503, and logs it once."""
        factory = RecordingFactory(Echo)
        factory.startFactory = lambda: 1 // 0  # type: ignore[assignment,method-assign]
        resource = SockJSResource(factory, clock=MemoryReactor())
        self.listen(Site(resource, reactor=resource.service.clock))
        self.assertEqual(self.get("/info").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertRefused(self.get("/info"), 503)
        del factory.startFactory
        resource.start()
        self.assertEqual(self.get("/info").status, 200)
        resource.stop()


def partialOf(calls: list[int]) -> Callable[[], None]:
    """What notes that it was called."""
    return lambda: calls.append(1)
