"""
Tests for what surrounds C{authorize}: early messages, and logging out.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.test_authorize import TRANSPORTS, AuthorizeTestCase
from txsockjs import Login, Rejected


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
