"""
Sections 1 and 6: the URLs of a session, and how it receives over the HTTP transports.
"""

from __future__ import annotations

from twisted.internet.defer import DeferredList

from txsockjs.conformance.case import Case, Session, each
from txsockjs.conformance.client import ByteStream
from txsockjs.conformance.wire import (
    BUSY,
    POLLING,
    PRELUDE_END,
    RECEIVING,
    STREAMING,
    TRANSPORTS,
    arrayFrame,
    framed,
    framesOf,
    messagesOf,
)


class URLTests(Case):
    """
    ``BASE/server/session/transport``.
    """

    @each(
        letters="/a/a",
        underscores="/_/_",
        digitAndWord="/1/abcdefgh_i-j%20",
        escapes="/abcdefgh_i-j%20/x%20",
        escapedSlash="/a%2Fb/c%2Fd",
        escapedUTF8="/%C3%A9/%E2%82%AC",
        tilde="/~/a~b",
    )
    async def testAnySegment(self, path: str) -> None:
        """
        Server and session are any segments without a dot, escapes allowed.
        """
        own = self.session().path.rpartition("/")[2]
        await Session(self, f"{self.at()}{path}{own}").open()

    @each(
        nothing="//",
        slash="/",
        threeSlashes="///",
        dotInServer="/a./a",
        dotInSession="/a/a.",
        dots="/./.",
        emptyServer="//a",
        emptySession="/a/",
    )
    async def testNoSegment(self, path: str) -> None:
        """
        An empty segment, or a dot in one, is 404.
        """
        reply = await self.fetch("POST", f"{self.at()}{path}/xhr")
        self.assertEqual(reply.status, 404)

    @each(*RECEIVING)
    async def testQuery(self, transport: str) -> None:
        """
        A query, as the client puts it there against caches, is no part of the URL.
        """
        session = self.session()
        row = TRANSPORTS[transport]
        query = f"{row.query or '?'}&t=a1b2"
        path = f"{session.path}/{transport}{query}"
        reply = await self.request(row.method, path)
        self.assertEqual(reply.status, 200)
        if transport in STREAMING:
            await reply.stream.readThrough(PRELUDE_END[transport])
        await self.assertReceives(reply.stream, framed(transport, "o"))
        await session.send("x")

    async def testServerIsIgnored(self) -> None:
        """
        A session is the same one below every server segment.
        """
        session = self.session()
        elsewhere = Session(self, session.path.replace("/000/", "/999/"))
        await session.open()
        await elsewhere.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')

    async def testSessionsAreApart(self) -> None:
        """
        Sessions of different ids share no messages.
        """
        one, other = self.session(), self.session()
        await one.open()
        await other.open()
        await other.send("other")
        await one.send("one")
        self.assertEqual(await one.poll(), b'a["one"]\n')
        self.assertEqual(await other.poll(), b'a["other"]\n')


class OpeningTests(Case):
    """
    The first receiving request with an unknown id opens the session.
    """

    @each(*RECEIVING)
    async def testOpen(self, transport: str) -> None:
        """
        Any receiving transport opens: ``o`` is the first frame, and the application
        then answers.
        """
        session = self.session()
        if transport in STREAMING:
            stream = await session.openStream(transport)
            await session.send("x")
            await self.assertReceives(stream, framed(transport, 'a["x"]'))
        else:
            await session.open(transport)
            await session.send("x")
            polled = await session.poll(transport)
            self.assertEqual(polled, framed(transport, 'a["x"]'))

    @each("xhr_send", "jsonp_send")
    async def testSendDoesNotOpen(self, transport: str) -> None:
        """
        Sending to an unknown session is 404, and the session stays unknown.
        """
        session = self.session()
        reply = await session.fetch(transport, body=b'["x"]')
        self.assertEqual(reply.status, 404)
        await session.open()

    async def testAcrossTransports(self) -> None:
        """
        A session goes on over any other transport.
        """
        session = self.session()
        await session.open("xhr")
        await session.send("x")
        polled = await session.poll("jsonp")
        self.assertEqual(polled, framed("jsonp", 'a["x"]'))
        stream = await session.stream("eventsource")
        await session.send("y")
        await self.assertReceives(stream, framed("eventsource", 'a["y"]'))


class ReceiverTests(Case):
    """
    One receiver at a time.
    """

    @each(*STREAMING)
    async def testSecondPoll(self, transport: str) -> None:
        """
        A poll beside a streaming response is sent away, and disturbs nothing.
        """
        session = self.session()
        first = await session.openStream(transport)
        self.assertEqual(await session.poll(), framed("xhr", BUSY))
        await session.send("x")
        await self.assertReceives(first, framed(transport, 'a["x"]'))

    @each(*STREAMING)
    async def testSecondStream(self, transport: str) -> None:
        """
        A second streaming response is told so after its prelude, and ends.
        """
        session = self.session()
        first = await session.openStream(transport)
        second = await session.stream(transport)
        await self.assertReceives(second, framed(transport, BUSY))
        await self.assertEnds(second)
        await session.send("x")
        await self.assertReceives(first, framed(transport, 'a["x"]'))

    @each(*POLLING)
    async def testTwoPolls(self, transport: str) -> None:
        """
        Of two polls at once one is sent away, and the other gets the message.
        """
        session = self.session()
        await session.open()
        polls = [self.start(session.poll(transport)) for _ in range(2)]
        await DeferredList(polls, fireOnOneCallback=True)
        await session.send("x")
        bodies = {await poll for poll in polls}
        self.assertEqual(bodies, {framed(transport, BUSY), framed(transport, 'a["x"]')})


class PollingTests(Case):
    """
    A polling response carries one frame and ends.
    """

    @each(*POLLING)
    async def testOneFrame(self, transport: str) -> None:
        """
        ``o`` comes alone, and what waits comes with the next poll, in order.
        """
        session = self.session()
        await session.open(transport)
        await session.send("a", "b")
        await session.send("c")
        messages: list[str] = []
        while len(messages) < 3:
            frames = framesOf(transport, await session.poll(transport))
            self.assertEqual(len(frames), 1)
            messages += messagesOf(frames)
        self.assertEqual(messages, ["a", "b", "c"])

    @each(*POLLING)
    async def testWaits(self, transport: str) -> None:
        """
        A poll with nothing to tell is answered when there is.
        """
        session = self.session()
        await session.open()
        poll = self.start(session.poll(transport))
        await session.send("x")
        self.assertEqual(await poll, framed(transport, 'a["x"]'))


class StreamingLimitTests(Case):
    """
    A streaming response ends when its frames' bytes reach the limit.
    """

    async def fill(self, session: Session, transport: str, size: int) -> ByteStream:
        """
        A new streaming response with frames of exactly ``size`` bytes, ``o`` included.
        """
        stream = await session.openStream(transport)
        empty = len(framed(transport, arrayFrame("")))
        left = size - len(framed(transport, "o")) - 2 * empty
        for length in (left // 2, left - left // 2):
            message = "x" * length
            await session.send(message)
            await self.assertReceives(stream, framed(transport, arrayFrame(message)))
        return stream

    @each(*STREAMING)
    async def testReached(self, transport: str) -> None:
        """
        The response ends when the limit is reached exactly, the prelude not counted.
        """
        stream = await self.fill(self.session(), transport, self.limit)
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testNotReached(self, transport: str) -> None:
        """
        One byte below the limit the response goes on, and ends with the next frame.
        """
        session = self.session()
        stream = await self.fill(session, transport, self.limit - 1)
        await session.send("x")
        await self.assertReceives(stream, framed(transport, 'a["x"]'))
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testPassed(self, transport: str) -> None:
        """
        A frame that passes the limit is sent whole.
        """
        session = self.session()
        stream = await session.openStream(transport)
        message = "x" * (2 * self.limit)
        await session.send(message)
        await self.assertReceives(stream, framed(transport, arrayFrame(message)))
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testGoesOn(self, transport: str) -> None:
        """
        The next response goes on where the last one ended, without another ``o``.
        """
        session = self.session()
        await (await self.fill(session, transport, self.limit)).readAll()
        await session.send("x")
        stream = await session.stream(transport)
        await self.assertReceives(stream, framed(transport, 'a["x"]'))
