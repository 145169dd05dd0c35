"""Tests of the option C{authorize}, over a whole server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import Login, Rejected, SockJSOptions
from txsockjs.testing import MemoryClient, MemorySession, MemorySite, MemoryWebSocket

TRANSPORTS = ("websocket", "xhr_streaming", "xhr", "eventsource", "htmlfile", "jsonp")


class Caller(Protocol):
    """Knows who is calling, and remembers what it sees."""

    transport: Any = None

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.lost: list[type[BaseException] | None] = []

    def connectionMade(self) -> None:
        self.avatar = self.transport.avatar

    def dataReceived(self, data: bytes) -> None:
        self.received.append(data)
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(reason.type)


class Callers:
    """A factory of L{Caller}, which it keeps."""

    def __init__(self) -> None:
        self.made: list[Caller] = []
        self.refuses = False
        self.raises = False

    def doStart(self) -> None:
        pass

    doStop = doStart

    def buildProtocol(self, addr: object) -> Caller | None:
        if self.raises:
            raise ZeroDivisionError
        if self.refuses:
            return None
        self.made.append(Caller())
        return self.made[-1]


class AuthorizeTestCase(SynchronousTestCase):
    """A service whose C{authorize} a test decides on."""

    def serve(self, authorize: Callable[[Any], object], **options: Any) -> None:
        self.callers = Callers()
        factory: Any = self.callers
        options["authorize"] = authorize
        self.site = MemorySite.serving(factory, SockJSOptions(**options))
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def serveLater(self, **options: Any) -> None:
        """Answers wait in C{self.asked} until the test gives them."""
        self.asked: list[Deferred[Any]] = []
        self.requests: list[Any] = []

        def authorize(request: Any) -> Deferred[Any]:
            self.requests.append(request)
            self.asked.append(Deferred())
            return self.asked[-1]

        self.serve(authorize, **options)

    def answer(self, result: object, index: int = 0) -> None:
        self.asked[index].callback(result)
        self.site.settle()

    def session(self, transport: str = "websocket") -> MemorySession:
        return self.client.session(transport)

    def raw(self) -> MemoryWebSocket:
        return self.client.websocket("/websocket")

    def assertCalling(self, avatar: object) -> None:
        [caller] = self.callers.made
        self.assertEqual(caller.avatar, avatar)

    def assertForgotten(self) -> None:
        """Nothing is left of any session, once its close frame may go."""
        registry = self.site.site.services[""].registry  # type: ignore[attr-defined]
        self.assertEqual(registry.authorizing, 0)
        self.site.advance(3 * registry.options.timeout)
        self.assertEqual((len(registry), registry._ids), (0, {}))


class AnswerTests(AuthorizeTestCase):
    """What C{authorize} may do to let a browser in."""

    def test_value(self) -> None:
        """It may return at once; what it returns is the avatar, None too."""
        for avatar in "bob", None, 0:
            self.serve(lambda request, avatar=avatar: avatar)
            self.assertTrue(self.session().opened)
            self.assertCalling(avatar)

    def test_firedDeferred(self) -> None:
        """It may return a Deferred that has its result."""
        self.serve(lambda request: succeed("bob"))
        self.assertTrue(self.session().opened)
        self.assertCalling("bob")

    def test_deferred(self) -> None:
        """Nothing is sent, and no protocol made, until its Deferred fires."""
        for transport in TRANSPORTS:
            self.serveLater()
            session = self.session(transport)
            self.assertFalse(session.opened)
            self.assertEqual(self.callers.made, [])
            self.answer("bob")
            self.assertTrue(session.opened)
            self.assertCalling("bob")

    def test_coroutine(self) -> None:
        """It may be a coroutine that awaits."""
        answer: Deferred[str] = Deferred()

        async def authorize(request: Any) -> str:
            return (await answer).upper()

        self.serve(authorize)
        session = self.session("xhr_streaming")
        self.assertFalse(session.opened)
        answer.callback("bob")
        self.site.settle()
        self.assertCalling("BOB")

    def test_awaitable(self) -> None:
        """Whatever else can be awaited is, and is not taken for an avatar."""

        class Refusal:
            def __await__(self) -> Any:
                yield fail(Rejected(4001, "no"))

        self.serve(lambda request: Refusal())
        self.assertEqual(self.session().closed, (4001, "no"))

    def test_future(self) -> None:
        """An asyncio future that nobody runs lets nobody in."""
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        self.serve(lambda request: loop.create_future())
        self.assertEqual(self.session().closed, (1011, "Internal error"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_request(self) -> None:
        """It is given the opening request, without the session's id."""
        self.serveLater()
        self.client.request(
            "GET",
            "/000/secret/htmlfile?c=c&token=t",
            {"Cookie": "a=b", "X-Who": "me"},
        )
        [request] = self.requests
        self.assertEqual(request.args["token"], ("t",))
        self.assertEqual(request.cookies, {"a": "b"})
        self.assertEqual(request.headers["x-who"], ("me",))
        self.assertEqual(request.path, "/000/-/htmlfile")
        self.assertNotIn("secret", repr(request))

    def test_onceASession(self) -> None:
        """It is asked once a session, not with every poll and send."""
        self.serveLater()
        session = self.session("xhr")
        self.answer("bob")
        session.send("a")
        session.send("b")
        self.assertEqual(session.received, ["a", "b"])
        self.assertEqual(len(self.asked), 1)


class RefusalTests(AuthorizeTestCase):
    """What a browser sees that is not let in."""

    def assertRefused(self, code: int, reason: str) -> None:
        """On every transport, the end is the first thing that a browser hears."""
        for transport in TRANSPORTS:
            session = self.session(transport)
            self.assertEqual(session.closed, (code, reason), transport)
            self.assertFalse(session.opened, transport)
        self.assertEqual(self.raw().ended, (code, reason))
        self.assertEqual(self.callers.made, [])
        self.assertForgotten()

    def test_rejected(self) -> None:
        """C{Rejected} is told with exactly its code and its reason."""

        def authorize(request: Any) -> None:
            raise Rejected(4123, "Nüßt, </script> 100%")

        self.serve(authorize)
        self.assertRefused(4123, "Nüßt, </script> 100%")

    def test_rejectedByDefault(self) -> None:
        """Without arguments it is 4401, Unauthorized."""
        self.serve(lambda request: fail(Rejected()))
        self.assertRefused(4401, "Unauthorized")

    def test_rejectedLater(self) -> None:
        """The same when it comes out of a coroutine."""
        later: Deferred[None] = Deferred()

        async def authorize(request: Any) -> None:
            await later
            raise Rejected(4000, "later")

        self.serve(authorize)
        sessions = [self.session(transport) for transport in TRANSPORTS]
        socket = self.raw()
        later.callback(None)
        self.site.settle()
        self.assertEqual({s.closed for s in sessions}, {(4000, "later")})
        self.assertEqual(socket.ended, (4000, "later"))

    def test_raises(self) -> None:
        """Any other exception is logged, and is 1011."""

        async def authorize(request: Any) -> None:
            raise LookupError("the database is away")

        self.serve(authorize)
        self.assertRefused(1011, "Internal error")
        logged = self.flushLoggedErrors(LookupError)
        self.assertEqual(len(logged), len(TRANSPORTS) + 1)

    def test_raisesAtOnce(self) -> None:
        """The same where it does not even return."""
        self.serve(lambda request: {}["user"])
        self.assertRefused(1011, "Internal error")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), len(TRANSPORTS) + 1)

    def test_ownTimeout(self) -> None:
        """A time-out of something that it awaits is an exception like any other."""
        for error in TimeoutError, DeferredTimeout, CancelledError:
            self.serve(lambda request, error=error: fail(error()))
            self.assertEqual(self.session().closed, (1011, "Internal error"))
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    def test_again(self) -> None:
        """Who comes again with the id is told the same, and not asked about."""
        self.serveLater()
        self.client.request("POST", "/000/s/xhr")
        self.asked[0].errback(Rejected(4000, "no"))
        self.site.settle()
        again = self.client.request("POST", "/000/s/xhr")
        self.assertEqual(again.body, b'c[4000,"no"]\n')
        self.assertEqual(len(self.asked), 1)

    def test_codes(self) -> None:
        """A code that cannot be sent is refused where it is raised."""
        for code in 999, 5000, 0:
            self.assertRaises(ValueError, Rejected, code)


class TimeTests(AuthorizeTestCase):
    """Browsers that wait: how long, how many, and what happens meanwhile."""

    def test_timeout(self) -> None:
        """Who is not known in time is refused; it is cancelled and logged."""
        self.serveLater(authorize_timeout=3)
        sessions = [self.session(transport) for transport in TRANSPORTS]
        self.site.advance(2.9)
        self.assertEqual({s.closed for s in sessions}, {None})
        self.site.advance(0.2)
        self.assertEqual(
            {s.closed for s in sessions}, {(1013, "Authorization timed out")}
        )
        self.assertTrue(all(asked.called for asked in self.asked))
        self.assertForgotten()

    def test_lateAnswer(self) -> None:
        """An answer that the cancelled one gives all the same counts."""
        answer: Deferred[str] = Deferred(lambda asked: asked.callback("bob"))
        self.serve(lambda request: answer, authorize_timeout=3)
        session = self.session()
        self.site.advance(3)
        self.assertTrue(session.opened)

    def test_noHeartbeat(self) -> None:
        """A session that is not open yet gets no heartbeat."""
        self.serveLater(heartbeat=1)
        response = self.client.request("POST", "/000/s/xhr_streaming")
        prelude = response.body
        self.site.advance(5)
        self.assertEqual(response.body, prelude)
        self.answer("bob")
        self.assertEqual(response.body, prelude + b"o\n")

    def test_cap(self) -> None:
        """Past the cap a new session is refused with 503, on every transport."""
        self.serveLater(max_authorizing=2)
        waiting = self.session(), self.session("xhr")
        for transport, query in ("xhr", ""), ("eventsource", ""), ("jsonp", "?c=c"):
            method = "POST" if transport == "xhr" else "GET"
            path = f"/000/x/{transport}{query}"
            self.assertEqual(self.client.request(method, path).status, 503)
        self.assertIsNotNone(self.raw().ended)
        self.answer("bob")
        self.assertTrue(waiting[0].opened)
        self.assertIsNone(self.raw().ended)

    def test_leaves(self) -> None:
        """A browser that leaves meanwhile cancels it, and nothing is logged."""
        for transport in TRANSPORTS:
            self.serveLater()
            self.session(transport).abort()
            [asked] = self.asked
            self.assertTrue(asked.called, transport)
            self.assertEqual(self.callers.made, [])
            self.assertForgotten()

    def test_coroutineIsCancelled(self) -> None:
        """A coroutine is cancelled where it waits."""
        seen: list[type] = []

        async def authorize(request: Any) -> None:
            try:
                await Deferred()
            except CancelledError as error:
                seen.append(type(error))
                raise

        self.serve(authorize)
        self.raw().close()
        self.assertEqual(seen, [CancelledError])
        self.assertForgotten()

    def test_raisesTooLate(self) -> None:
        """What it raises when it is cancelled is logged all the same."""

        async def authorize(request: Any) -> None:
            try:
                await Deferred()
            finally:
                raise ZeroDivisionError

        self.serve(authorize)
        self.session().abort()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertForgotten()

    def test_secondReceiver(self) -> None:
        """A second receiver is turned away; the first one is let in."""
        self.serveLater()
        first = self.client.request("POST", "/000/s/xhr")
        second = self.client.request("POST", "/000/s/xhr")
        self.assertEqual(second.body, b'c[2010,"Another connection still open"]\n')
        self.answer("bob")
        self.assertEqual(first.body, b"o\n")
        self.assertEqual(len(self.asked), 1)

    def test_drain(self) -> None:
        """A service that stops lets nobody in who still waits."""
        for transport in TRANSPORTS:
            self.serveLater()
            session = self.session(transport)
            socket = self.raw()
            closed = self.site.site.closeSessions()  # type: ignore[attr-defined]
            self.site.advance(1)
            self.successResultOf(closed)
            self.assertEqual(session.closed, (1012, "Service Restart"))
            self.assertEqual(socket.ended, (1012, "Service Restart"))
            self.assertTrue(all(asked.called for asked in self.asked))
            self.assertEqual(self.callers.made, [])


class EarlyMessageTests(AuthorizeTestCase):
    """What a raw WebSocket sends before it is let in."""

    def test_kept(self) -> None:
        """Messages wait, in order, text and binary, and are read once it is open."""
        self.serveLater()
        socket = self.raw()
        for message in "a", b"b", "c":
            socket.send(message)
        self.answer("bob")
        [caller] = self.callers.made
        self.assertEqual(caller.received, [b"a", b"b", b"c"])
        self.assertEqual(socket.messages, ["a", "b", "c"])

    def test_bounded(self) -> None:
        """Who may not come in yet cannot fill the server: it stops reading."""
        self.serveLater()
        socket = self.raw()
        for _ in range(100):
            socket.send("x" * 10_000)
        [session] = self.site.site.services[""].registry._ids  # type: ignore[attr-defined]
        self.assertLess(session._inbox._size, self.site.room + 10_000)
        self.answer("bob")
        self.assertEqual(len(self.callers.made[0].received), 100)

    def test_leaves(self) -> None:
        """Who has left behind them is not let in; that is known in time."""
        self.serveLater(authorize_timeout=3)
        socket = self.raw()
        socket.send("a")
        socket.abort()
        self.site.advance(3)
        self.assertTrue(self.asked[0].called)
        self.assertEqual(self.callers.made, [])
        self.assertForgotten()

    def test_said(self) -> None:
        """What somebody said who then closed in good order is read, then the end."""
        self.serveLater()
        socket = self.raw()
        socket.sendMessage(b"a")
        socket.close()
        self.answer("bob")
        [caller] = self.callers.made
        self.assertEqual(caller.received, [b"a"])
        self.assertEqual(caller.lost, [ConnectionDone])

    def test_refused(self) -> None:
        """They are dropped with a refusal, which is told at once and cleanly."""
        self.serveLater()
        socket = self.raw()
        socket.send("a")
        self.asked[0].errback(Rejected(4000, "no"))
        self.site.settle()
        self.assertEqual(socket.ended, (4000, "no"))
        self.assertTrue(socket.wasClean)
        self.assertForgotten()

    def test_sendByPost(self) -> None:
        """Who sends by C{xhr_send} before the answer is answered after it."""
        for allowed, status in (True, 204), (False, 404):
            self.serveLater()
            self.client.request("POST", "/000/s/xhr")
            sent = self.client.request("POST", "/000/s/xhr_send", body=b'["a"]')
            self.assertEqual(sent.raw, b"")
            self.answer("bob" if allowed else Failure(Rejected()))
            self.assertEqual(sent.status, status)


class LoginTests(AuthorizeTestCase):
    """C{Login}: an avatar that is told when its session is over."""

    def login(self, **kw: Any) -> tuple[Login, list[str]]:
        out: list[str] = []
        return Login("bob", lambda: out.append("out")), out

    def test_avatar(self) -> None:
        """The protocol sees the avatar that is in it."""
        login, out = self.login()
        self.serve(lambda request: login)
        self.session()
        self.assertCalling("bob")
        self.assertEqual(out, [])

    def test_logout(self) -> None:
        """It is logged out once, after the end of the session, on every transport."""
        for transport in TRANSPORTS:
            login, out = self.login()
            self.serve(lambda request, login=login: login)
            self.session(transport)
            [caller] = self.callers.made
            caller.transport.loseConnection()
            self.site.advance(6)
            self.assertEqual(caller.lost, [ConnectionDone])
            self.assertEqual(out, ["out"], transport)

    def test_notOpened(self) -> None:
        """It is logged out where the factory then has no protocol for it."""
        for name in "refuses", "raises":
            login, out = self.login()
            self.serve(lambda request, login=login: login)
            setattr(self.callers, name, True)
            self.assertIsNotNone(self.session().closed)
            self.assertEqual(out, ["out"], name)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_tooLate(self) -> None:
        """It is logged out where the browser has left before it was logged in."""
        login, out = self.login()
        answer: Deferred[Login] = Deferred(lambda asked: asked.callback(login))
        self.serve(lambda request: answer)
        self.session().abort()
        self.assertEqual(out, ["out"])
        self.assertForgotten()

    def test_raises(self) -> None:
        """A logout that raises is logged, and the browser gets its close frame."""
        self.serve(lambda request: Login("bob", lambda: 1 // 0))
        self.callers.refuses = True
        self.assertEqual(self.session().closed, (3000, "Go away!"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
