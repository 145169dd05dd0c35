"""Tests of the option ``authorize``: who is let in, and what the others see."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone

from tests.support.authorizing import TRANSPORTS, AuthorizeTestCase
from txsockjs import Login, Rejected


class AnswerTests(AuthorizeTestCase):
    """What ``authorize`` may do to let a browser in."""

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
        """``Rejected`` is told with exactly its code and its reason."""

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
        for code in 0, 999, 1005, 1006, 1015, 2999, 5000:
            self.assertRaises(ValueError, Rejected, code)


class LoginTests(AuthorizeTestCase):
    """``Login``: an avatar that is told when its session is over."""

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
