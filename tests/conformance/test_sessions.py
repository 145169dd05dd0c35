"""
Sections 1 and 6: the URLs of a session, and its life over the HTTP transports.
"""

from __future__ import annotations

from twisted.internet.defer import DeferredList

from tests.conformance.support import ConformanceTest, Session, each
from tests.conformance.wire import (
    BUSY,
    CLOSED,
    POLLING,
    RECEIVING,
    STREAMING,
    STREAMING_LIMIT,
    arrayFrame,
    framed,
    framesOf,
    messagesOf,
)

INTERRUPTED = 'c[1002,"Connection interrupted"]'


class URLTests(ConformanceTest):
    """
    C{BASE/server/session/transport}.
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
        await Session(self, f"{self.service}{path}{own}").open()

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
        reply = await self.fetch("POST", f"{self.service}{path}/xhr")
        self.assertEqual(reply.status, 404)

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


class OpeningTests(ConformanceTest):
    """
    The first receiving request with an unknown id opens the session.
    """

    @each(*RECEIVING)
    async def testOpen(self, transport: str) -> None:
        """
        Any receiving transport opens: C{o} is the first frame, and the application
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


class ReceiverTests(ConformanceTest):
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


class PollingTests(ConformanceTest):
    """
    A polling response carries one frame and ends.
    """

    @each(*POLLING)
    async def testOneFrame(self, transport: str) -> None:
        """
        C{o} comes alone, and what waits comes with the next poll, in order.
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


class StreamingLimitTests(ConformanceTest):
    """
    A streaming response ends when its frames' bytes reach the limit.
    """

    async def fill(self, session: Session, transport: str, size: int):
        """
        A new streaming response with frames of exactly C{size} bytes, C{o} included.
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
        stream = await self.fill(self.session(), transport, STREAMING_LIMIT)
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testNotReached(self, transport: str) -> None:
        """
        One byte below the limit the response goes on, and ends with the next frame.
        """
        session = self.session()
        stream = await self.fill(session, transport, STREAMING_LIMIT - 1)
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
        message = "x" * (2 * STREAMING_LIMIT)
        await session.send(message)
        await self.assertReceives(stream, framed(transport, arrayFrame(message)))
        await self.assertEnds(stream)

    @each(*STREAMING)
    async def testGoesOn(self, transport: str) -> None:
        """
        The next response goes on where the last one ended, without another C{o}.
        """
        session = self.session()
        await (await self.fill(session, transport, STREAMING_LIMIT)).readAll()
        await session.send("x")
        stream = await session.stream(transport)
        await self.assertReceives(stream, framed(transport, 'a["x"]'))


class ClosingTests(ConformanceTest):
    """
    The application closes: every receiver is told, now and later.
    """

    service = "/close"

    @each(*STREAMING)
    async def testStream(self, transport: str) -> None:
        """
        The close frame follows C{o}, and the response ends.
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
        Every poll after C{o} gets the same close frame.
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


class ForgettingTests(ConformanceTest):
    """
    Without a receiver a session lasts for the disconnect delay: 5 seconds, or what the
    target has; a server of the test's own has a tenth of one.
    """

    timeout = 90
    options = {"timeout": 0.1}

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
        session = self.session("/close")
        await session.open()
        body = await self.eventually(
            session.poll, lambda body: body != framed("xhr", CLOSED)
        )
        self.assertEqual(body, framed("xhr", "o"))


class InterruptionTests(ConformanceTest):
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
