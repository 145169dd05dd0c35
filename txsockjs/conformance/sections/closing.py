"""
Section 6: how a session over the HTTP transports ends.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import DeferredList

from txsockjs.conformance.case import Case, Session, each
from txsockjs.conformance.wire import (
    BUSY,
    CLOSED,
    POLLING,
    RECEIVING,
    STREAMING,
    framed,
)

INTERRUPTED = 'c[1002,"Connection interrupted"]'


class ClosingTests(Case):
    """
    The application closes: every receiver is told, now and later.
    """

    service = "close"

    @each(*STREAMING)
    async def testStream(self, transport: str) -> None:
        """
        The close frame follows ``o``, and the response ends.
        """
        stream = await self.session().openStream(transport)
        await self.assertReceives(stream, framed(transport, CLOSED))
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testLaterStreams(self, transport: str) -> None:
        """
        A later streaming response gets its prelude and the same close frame.
        """
        session = self.session()
        await (await session.openStream(transport)).readAll()
        for _ in range(2):
            later = await session.stream(transport)
            self.assertEqual(await later.readAll(), framed(transport, CLOSED))

    @each(*POLLING)
    async def testPolls(self, transport: str) -> None:
        """
        Every poll after ``o`` gets the same close frame.
        """
        session = self.session()
        await session.open(transport)
        polls = [await session.poll(transport) for _ in range(3)]
        self.assertEqual(polls, [framed(transport, CLOSED)] * 3)

    @each(*RECEIVING)
    async def testAcrossTransports(self, transport: str) -> None:
        """
        A later receiver of another transport gets the close frame too.
        """
        session = self.session()
        await session.open("jsonp" if transport == "xhr" else "xhr")
        later = await session.fetch(transport)
        self.assertTrue(later.body.endswith(framed(transport, CLOSED)), later.body)

    @each("xhr_send", "jsonp_send")
    async def testSend(self, transport: str) -> None:
        """
        Sending to a closed session is 404.
        """
        session = self.session()
        await session.open()
        self.assertEqual(await session.poll(), framed("xhr", CLOSED))
        reply = await session.fetch(transport, body=b'["x"]')
        self.assertEqual(reply.status, 404)


class ForgettingTests(Case):
    """
    Without a receiver a session lasts for the disconnect delay: 5 seconds, or what the
    server has.
    """

    slow = True
    timeout: ClassVar[int] = 90

    @each("xhr_send", "jsonp_send")
    async def testLost(self, transport: str) -> None:
        """
        After the disconnect delay an open session is unknown: sending is 404.
        """
        session = self.session()
        await session.open()
        reply = await self.eventually(
            lambda: session.fetch(transport, body=b'["x"]'),
            lambda reply: reply.status != (204 if transport == "xhr_send" else 200),
        )
        self.assertEqual(reply.status, 404)

    async def testClosedIsForgotten(self) -> None:
        """
        After the disconnect delay a closed session's id is free for a new one.
        """
        session = self.session("close")
        await session.open()
        body = await self.eventually(
            session.poll, lambda body: body != framed("xhr", CLOSED)
        )
        self.assertEqual(body, framed("xhr", "o"))


class InterruptionTests(Case):
    """
    The client's network fails in the middle of a receiving response.
    """

    async def assertInterrupted(self, session: Session) -> None:
        """
        Once the server has noticed, a receiver finds the session closed, or new.
        """
        body = await self.eventually(
            session.poll, lambda body: body != framed("xhr", BUSY)
        )
        self.assertIn(body, (framed("xhr", "o"), framed("xhr", INTERRUPTED)))

    @each(*STREAMING)
    async def testStream(self, transport: str) -> None:
        """
        A streaming response that is cut off ends the session.
        """
        session = self.session()
        stream = await session.openStream(transport)
        await stream.stop()
        await self.assertInterrupted(session)

    async def testPoll(self) -> None:
        """
        A poll that is cut off while it waits (it made another busy) ends the session.
        """
        session = self.session()
        await session.open()
        polls = [await self.connect(), await self.connect()]
        for poll in polls:
            poll.transport.write(self.target.message("POST", f"{session.path}/xhr"))
        heads = [self.start(poll.readHead()) for poll in polls]
        _, busy = await DeferredList(heads, fireOnOneCallback=True, consumeErrors=True)
        await polls[1 - busy].stop(abort=True)
        await self.assertInterrupted(session)
