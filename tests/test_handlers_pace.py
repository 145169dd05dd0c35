"""Tests of `txsockjs.handlers`: a browser that is slow, and a function that is."""

from __future__ import annotations

import json
import re
from io import BytesIO

from twisted.internet.defer import CancelledError, Deferred
from twisted.protocols.basic import FileSender

from tests.test_handlers import HandlerTestCase
from txsockjs import AsyncSession, handler
from txsockjs.transport import SessionTransport


class SlowBrowserTests(HandlerTestCase):
    """``send`` waits while the browser is behind."""

    def setUp(self) -> None:
        self.sent = 0
        self.sessions: list[AsyncSession] = []

    async def flood(self, session: AsyncSession) -> None:
        await anext(session)
        for _ in range(1000):
            await session.send("x" * 1000)
            self.sent += 1

    def test_websocket(self) -> None:
        """A WebSocket that does not read: it waits, then goes on, and all arrive."""
        self.serve(handler(self.flood))
        socket = self.client.websocket("/websocket")
        socket.transport.pauseProducing()
        socket.send("go")
        before = self.sent
        self.assertLess(before, 500)
        self.site.advance(1)
        self.assertEqual(self.sent, before)
        socket.transport.resumeProducing()
        self.site.settle()
        self.assertEqual(socket.messages, ["x" * 1000] * 1000)
        self.assertEqual(socket.ended, (3000, "Go away!"))

    def test_poll(self) -> None:
        """Between two polls no more is held than a frame."""
        self.serve(handler(self.flood))
        poll = self.client.request("POST", "/0/s/xhr")
        self.client.request("POST", "/0/s/xhr_send", body=b'["go"]')
        size, polls = 0, 0
        while not poll.body.startswith(b"c"):
            self.assertLess(self.sent, (polls + 1) * 70 + polls)
            poll = self.client.request("POST", "/0/s/xhr")
            size += poll.body.count(b'"x')
            polls += 1
        self.assertEqual(size, 1000)
        self.assertGreater(polls, 10)

    def test_tinyMessages(self) -> None:
        """A hundred thousand messages of one letter arrive over polling."""

        async def count(session: AsyncSession) -> None:
            for _ in range(100_000):
                await session.send("1")
            session.close(4000, "done")

        self.serve(handler(count))
        texts: list[str] = []
        poll = self.client.request("POST", "/0/s/xhr")
        while not poll.body.startswith(b"c"):
            poll = self.client.request("POST", "/0/s/xhr")
            if poll.body.startswith(b"a"):
                texts += json.loads(poll.body[1:])
            self.site.advance(0.1)
        self.assertEqual(poll.body, b'c[4000,"done"]\n')
        self.assertEqual(texts, ["1"] * 100_000)

    def test_manySend(self) -> None:
        """However many send at once, no more waits than one of them has to send."""
        self.serve(handler(self.collect), max_buffer=200_000)
        self.client.request("POST", "/0/s/xhr")
        [session] = self.sessions
        sending = [
            Deferred.fromCoroutine(session.send(f"{number:02}" + "-" * 50_000))
            for number in range(50)
        ]
        texts: list[str] = []
        while len(texts) < 50:
            body = self.client.request("POST", "/0/s/xhr").body
            texts += json.loads(body[1:])
        self.assertEqual([int(text[:2]) for text in texts], list(range(50)))
        self.assertEqual([self.successResultOf(each) for each in sending], [None] * 50)

    def test_loseTransport(self) -> None:
        """``loseConnection`` on its transport closes, after what was sent."""
        self.serve(handler(self.collect))
        session = self.session("xhr")
        [function] = self.sessions
        self.successResultOf(Deferred.fromCoroutine(function.send("x" * 70_000)))
        function.transport.loseConnection(4000, "bye")
        self.site.settle()
        self.assertEqual([len(text) for text in session.received], [70_000])
        self.assertEqual(session.closed, (4000, "bye"))

    def test_loseTransportWhileWaiting(self) -> None:
        """Who waits to send then is not kept waiting beyond the end."""
        self.serve(handler(self.collect))
        self.client.request("POST", "/0/s/xhr")
        [function] = self.sessions
        sending = [
            Deferred.fromCoroutine(function.send("x" * 70_000)) for _ in range(2)
        ]
        function.transport.loseConnection()
        self.assertNoResult(sending[1])
        for _ in range(2):
            self.client.request("POST", "/0/s/xhr")
        self.assertIsNone(self.successResultOf(sending[1]))

    def test_producer(self) -> None:
        """Its transport takes a producer, as any other does."""

        async def send(session: AsyncSession) -> None:
            file, sender = BytesIO(b"x" * 300_000), FileSender()
            await sender.beginFileTransfer(file, session.transport)
            await session.send("done")

        self.serve(handler(send))
        session = self.session("xhr")
        self.assertEqual("".join(session.received), "x" * 300_000 + "done")
        self.assertEqual(session.closed, (3000, "Go away!"))

    def test_ownPace(self) -> None:
        """A slow browser does not slow the others down."""
        self.serve(handler(self.flood))
        slow, quick = (self.client.websocket("/websocket") for _ in range(2))
        slow.transport.pauseProducing()
        slow.send("go")
        quick.send("go")
        self.assertEqual(quick.ended, (3000, "Go away!"))
        self.assertIsNone(slow.ended)

    def test_inTurn(self) -> None:
        """Several that wait go on one by one, as there is room."""
        self.serve(handler(self.collect))
        self.client.request("POST", "/0/s/xhr")
        [session] = self.sessions
        sending = [
            Deferred.fromCoroutine(self.sendTwice(session, str(number)))
            for number in range(3)
        ]
        texts = b""
        while texts.count(b'"') < 12:
            texts += self.client.request("POST", "/0/s/xhr").body.replace(b"-", b"")
        self.assertEqual(b"".join(re.findall(rb"\d", texts)), b"001212")
        self.assertEqual([self.successResultOf(each) for each in sending], [None] * 3)

    def test_littleInTurn(self) -> None:
        """They do where there is room for all of them, too."""
        self.serve(handler(self.collect))
        self.client.request("POST", "/0/s/xhr")
        [session] = self.sessions
        self.successResultOf(Deferred.fromCoroutine(session.send("-" * 70_000)))
        whenDrained, asked = session.transport.whenDrained, []
        self.patch(
            SessionTransport,
            "whenDrained",
            lambda transport: asked.append(transport) or whenDrained(),
        )
        for number in range(3):
            Deferred.fromCoroutine(self.sendTwice(session, str(number), ""))
        self.assertEqual(asked, [session.transport])
        self.client.request("POST", "/0/s/xhr")
        poll = self.client.request("POST", "/0/s/xhr")
        self.assertEqual(json.loads(poll.body[1:]), list("012012"))

    def test_turns(self) -> None:
        """A browser that takes everything does not keep the others from their turn."""
        self.serve(handler(self.flood))
        quick, other = (self.client.websocket("/websocket") for _ in range(2))
        quick.sendMessage(b"go")
        other.sendMessage(b"go")
        while not quick.messages:
            self.site.reactor.turn()
        self.assertLess(self.sent, 500)

    async def collect(self, session: AsyncSession) -> None:
        self.sessions.append(session)
        await anext(session)

    async def sendTwice(
        self, session: AsyncSession, text: str, rest: str = "-" * 70_000
    ) -> None:
        for _ in range(2):
            await session.send(text + rest)

    def test_cancelOne(self) -> None:
        """Who stops waiting to send does not disturb the next one."""
        self.serve(handler(self.collect))
        self.client.request("POST", "/0/s/xhr")
        [session] = self.sessions
        sent, first, second = (
            Deferred.fromCoroutine(session.send(text * 70_000)) for text in "xyz"
        )
        self.successResultOf(sent)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertNoResult(second)
        bodies = [self.client.request("POST", "/0/s/xhr").body for _ in range(2)]
        self.assertIsNone(self.successResultOf(second))
        self.assertEqual([body[3:4] for body in bodies], [b"x", b"z"])

    def test_closeWhileWaiting(self) -> None:
        """
        A close wakes whoever waits. What was sent arrives before it, and what waited to
        be sent does not.
        """
        self.serve(handler(self.collect))
        self.client.request("POST", "/0/s/xhr")
        [session] = self.sessions
        sending = [
            Deferred.fromCoroutine(session.send(text * 70_000)) for text in "xyz"
        ]
        session.close(4000, "bye")
        self.assertEqual([self.successResultOf(each) for each in sending], [None] * 3)
        self.successResultOf(Deferred.fromCoroutine(session.send("too late")))
        bodies = [self.client.request("POST", "/0/s/xhr").body for _ in range(2)]
        self.assertEqual(bodies[0].count(b"x"), 70_000)
        self.assertEqual(bodies[1], b'c[4000,"bye"]\n')


class SlowFunctionTests(HandlerTestCase):
    """What comes in waits for the function, and then the browser does."""

    def setUp(self) -> None:
        self.taken: list[str] = []
        self.ready: Deferred[None] = Deferred()

    async def wait(self, session: AsyncSession) -> None:
        await self.ready
        async for message in session:
            self.taken.append(message)

    def test_websocket(self) -> None:
        """A WebSocket is not read from while too much waits; nothing is lost."""
        self.serve(handler(self.wait))
        socket = self.client.websocket("/websocket")
        texts = [f"{number:04}".ljust(1000) for number in range(1000)]
        for text in texts:
            socket.sendMessage(text.encode())
        self.site.settle()
        counters = self.site.site.services[""].counters  # type: ignore[attr-defined]
        self.assertLess(counters["rawwebsocket"].messagesIn, 300)
        self.fire(self.ready)
        self.assertEqual(self.taken, texts)

    def test_sends(self) -> None:
        """``xhr_send`` is answered late while too much waits."""
        self.serve(handler(self.wait))
        self.client.request("POST", "/0/s/xhr")
        send = f'["{"x" * 70_000}"]'.encode()
        first, second = (
            self.client.request("POST", "/0/s/xhr_send", body=send) for _ in range(2)
        )
        self.assertEqual((first.status, second.raw), (204, b""))
        self.fire(self.ready)
        self.assertEqual(second.status, 204)
        self.assertEqual([len(text) for text in self.taken], [70_000] * 2)

    def test_little(self) -> None:
        """A little may wait without that."""
        self.serve(handler(self.wait))
        session = self.session("xhr")
        for _ in range(10):
            session.send("a", "")
        self.fire(self.ready)
        self.assertEqual(self.taken, ["a", ""] * 10)

    def test_unreadAtTheEnd(self) -> None:
        """What was not taken when the session closes is not taken afterwards."""
        seen: list[str] = []

        async def close(session: AsyncSession) -> None:
            await self.ready
            session.close()
            seen.extend([message async for message in session])
            seen.append("no more")

        self.serve(handler(close))
        self.session().send("a", "b")
        self.fire(self.ready)
        self.assertEqual(seen, ["no more"])
