"""
Section 7: ``eventsource``.
"""

from __future__ import annotations

from txsockjs.conformance.case import Case, each


class EventSourceTests(Case):
    """
    ``eventsource``: each frame is the data of one event.
    """

    async def testBytes(self) -> None:
        """
        An empty line, then each frame exactly as one line of data and an empty line.
        """
        session = self.session()
        stream = (await session.ask("eventsource")).stream
        await self.assertReceives(stream, b"\r\ndata: o\r\n\r\n")
        await session.send("x")
        await self.assertReceives(stream, b'data: a["x"]\r\n\r\n')

    async def testContentType(self) -> None:
        """
        The content type is exactly the event stream's, without a charset.
        """
        reply = await self.session().ask("eventsource")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), "text/event-stream")

    @each(
        one=("100%", b"100%25"),
        several=("%%a%", b"%25%25a%25"),
        escape=("%25 %0A", b"%2525 %250A"),
    )
    async def testPercent(self, message: str, sent: bytes) -> None:
        """
        Every ``%`` is sent as ``%25``, since the client decodes the data as a URI.
        """
        session = self.session()
        stream = await session.openStream("eventsource")
        await session.send(message)
        await self.assertReceives(stream, b'data: a["%b"]\r\n\r\n' % sent)

    async def testLineEnds(self) -> None:
        """
        Line ends and NUL in a message stay in its JSON: they end no line of the event.
        """
        session = self.session()
        stream = await session.openStream("eventsource")
        await session.send("  \r\n\0 \n\n ")
        await self.assertReceives(stream, b'data: a["  \\r\\n\\u0000 \\n\\n "]\r\n\r\n')

    async def testClose(self) -> None:
        """
        The close frame is an event, and the response ends.
        """
        reply = await self.session("close").fetch("eventsource")
        self.assertEqual(
            reply.body, b'\r\ndata: o\r\n\r\ndata: c[3000,"Go away!"]\r\n\r\n'
        )
