"""Tests of the option ``authorize``: what happens until it has answered."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tests.support.authorizing import TRANSPORTS, AuthorizeTestCase
from txsockjs import Rejected, SessionClosed


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
        [session] = self.site.site.services[""].service._ids  # type: ignore[attr-defined]
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
        self.assertEqual(caller.lost, [SessionClosed])

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
        """Who sends by ``xhr_send`` before the answer is answered after it."""
        for allowed, status in (True, 204), (False, 404):
            self.serveLater()
            self.client.request("POST", "/000/s/xhr")
            sent = self.client.request("POST", "/000/s/xhr_send", body=b'["a"]')
            self.assertEqual(sent.raw, b"")
            self.answer("bob" if allowed else Failure(Rejected()))
            self.assertEqual(sent.status, status)
