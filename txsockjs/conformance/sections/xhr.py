"""
Section 7: ``xhr``, ``xhr_send`` and ``xhr_streaming``; section 5: what a frame escapes.
"""

from __future__ import annotations

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.wire import (
    FORM,
    FRAME_END,
    JAVASCRIPT,
    PLAIN_TEXT,
    RECEIVING,
    STREAMING,
    escaped,
    framesOf,
    messagesOf,
)


def characters(first: int, last: int) -> str:
    """
    All characters from one code point to another.
    """
    return "".join(map(chr, range(first, last + 1)))


class PollingTests(Case):
    """
    ``xhr``: one frame and a line feed.
    """

    async def testBytes(self) -> None:
        """
        ``o``, then a frame of messages, each exactly with a line feed.
        """
        session = self.session()
        self.assertEqual(await session.poll(), b"o\n")
        await session.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')

    async def testClose(self) -> None:
        """
        The close frame is a JSON array of code and reason, without spaces.
        """
        session = self.session("close")
        await session.open()
        self.assertEqual(await session.poll(), b'c[3000,"Go away!"]\n')

    async def testContentType(self) -> None:
        """
        The answer is a script in UTF-8.
        """
        reply = await self.session().fetch("xhr")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), JAVASCRIPT)

    async def testBodyIsIgnored(self) -> None:
        """
        What the client posts with a poll does not matter.
        """
        reply = await self.session().fetch("xhr", body=b"[nonsense")
        self.assertEqual((reply.status, reply.body), (200, b"o\n"))


class StreamingTests(Case):
    """
    ``xhr_streaming``: a prelude that fills browsers' buffers, then many frames.
    """

    async def testBytes(self) -> None:
        """
        Exactly 2048 ``h`` and a line feed, then each frame with a line feed.
        """
        session = self.session()
        stream = (await session.ask("xhr_streaming")).stream
        await self.assertReceives(stream, b"h" * 2048 + b"\no\n")
        await session.send("x")
        await self.assertReceives(stream, b'a["x"]\n')

    async def testContentType(self) -> None:
        """
        The answer is a script in UTF-8.
        """
        reply = await self.session().ask("xhr_streaming")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), JAVASCRIPT)


class SendingTests(Case):
    """
    ``xhr_send``: a JSON array of messages to an open session.
    """

    async def testAnswer(self) -> None:
        """
        204, plain text in UTF-8, no body.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("xhr_send", body=b'["x"]')
        self.assertEqual((reply.status, reply.body), (204, b""))
        self.assertEqual(reply.header("Content-Type"), PLAIN_TEXT)

    @each(
        none=None,
        empty="",
        plain="text/plain",
        plainUTF8="text/plain; charset=UTF-8",
        plainLatin="text/plain;charset=ISO-8859-1",
        justT="T",
        json="application/json",
        xml="text/xml",
        applicationXML="application/xml",
        form=FORM,
        binary="application/octet-stream",
    )
    async def testContentTypes(self, contentType: str | None) -> None:
        """
        Any content type of the request is taken, and none too: the body is UTF-8 JSON.
        """
        session = self.session()
        await session.open()
        headers = {} if contentType is None else {"Content-Type": contentType}
        reply = await session.fetch("xhr_send", headers, '["\u20ac"]'.encode())
        self.assertEqual(reply.status, 204)
        self.assertEqual(messagesOf(framesOf("xhr", await session.poll())), ["\u20ac"])

    @each(
        empty=(b"", b"Payload expected."),
        unfinished=(b'["x"', b"Broken JSON encoding."),
        word=(b"x", b"Broken JSON encoding."),
        trailing=(b'["x"]]', b"Broken JSON encoding."),
        notANumber=(b"[NaN]", b"Broken JSON encoding."),
        notUTF8=(b'["\xff\xfe"]', b"Broken JSON encoding."),
        deep=(b"[" * 200_000, b"Broken JSON encoding."),
    )
    async def testBroken(self, body: bytes, text: bytes) -> None:
        """
        A body that is missing or no JSON is 500 with exactly that text, and the session
        goes on unharmed.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("xhr_send", body=body)
        self.assertEqual((reply.status, reply.body), (500, text))
        await session.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')

    @each(
        null=b"null",
        number=b"5",
        object=b"{}",
        numbers=b"[1]",
        arrays=b"[[]]",
        nullFirst=b'[null,"x"]',
        stringAndObject=b'["x",{"a":1}]',
    )
    async def testNotMessages(self, body: bytes) -> None:
        """
        JSON that is no array of strings is an error, delivers nothing and leaves the
        session unharmed.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("xhr_send", body=body)
        self.assertEqual(reply.status, 500)
        await session.send("y")
        self.assertEqual(await session.poll(), b'a["y"]\n')

    async def testNoMessages(self) -> None:
        """
        An empty array, the client's own heartbeat, is fine and delivers nothing.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("xhr_send", body=b"[]")
        self.assertEqual((reply.status, reply.body), (204, b""))
        await session.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')


class EscapingTests(Case):
    """
    A frame must escape what browsers or JavaScript could stumble over.
    """

    @each(
        controls=characters(0x00, 0x1F),
        joiners=characters(0x200C, 0x200F),
        separators=characters(0x2028, 0x202F),
        invisible=characters(0x2060, 0x206F),
        specials=characters(0xFFF0, 0xFFFF),
        quotes='"\\',
        loneSurrogates="\udc00\udfff\ud800\udbff",
    )
    async def testEscaped(self, text: str) -> None:
        """
        Each of these is sent in its short form, or as four lower-case hex digits.
        """
        session = self.session()
        await session.open()
        await session.send(text)
        self.assertEqual(await session.poll(), f'a["{escaped(text)}"]\n'.encode())

    @each(*RECEIVING)
    async def testArriveAsSent(self, transport: str) -> None:
        """
        Any text arrives as it was sent, whatever the transport does to its frames.
        """
        texts = ["", characters(0x00, 0xFF), "\U0001d11e\U0010ffff", "100% %25 %u0041"]
        texts += ["</script><!--<script>", "\u2028\u2029", '\\"\\\\', "x" * 40_000]
        session = self.session()
        await session.open()
        await session.send(*texts)
        frames: list[str] = []
        stream = None
        while len(messagesOf(frames)) < len(texts):
            if transport not in STREAMING:
                body = await session.poll(transport)
            else:
                # Where the response ends is a matter of its limit.
                if stream is None or await stream.isOver():
                    stream = await session.stream(transport)
                body = await stream.readThrough(FRAME_END[transport])
            frames += framesOf(transport, body)
        self.assertEqual(messagesOf(frames), texts)

    async def testNoSpaces(self) -> None:
        """
        Messages that go out together are one array, without spaces between them.
        """
        session = self.session()
        await session.open()
        await session.send("a", "b")
        self.assertEqual(await session.poll(), b'a["a","b"]\n')
