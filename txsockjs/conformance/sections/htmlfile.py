"""
Section 7: ``htmlfile``.
"""

from __future__ import annotations

import json

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.sections.callbacks import CallbackTest
from txsockjs.conformance.wire import HTML, HTMLFILE_HEAD


class HtmlfileTests(Case):
    """
    ``htmlfile``: a page that never ends, with a script for each frame.
    """

    async def testHead(self) -> None:
        """
        The page starts exactly so, padded with spaces to over 1024 bytes.
        """
        stream = (await self.session().ask("htmlfile")).stream
        head = await stream.readThrough(b"\r\n\r\n")
        self.assertGreater(len(head), 1024)
        self.assertEqual(head[: len(HTMLFILE_HEAD)], HTMLFILE_HEAD)
        self.assertRegex(head[len(HTMLFILE_HEAD) :], rb"\A\n? *\r\n\r\n\Z")

    async def testFrames(self) -> None:
        """
        Each frame is exactly one script that calls ``p`` with the frame.
        """
        session = self.session()
        stream = (await session.ask("htmlfile")).stream
        await stream.readThrough(b"\r\n\r\n")
        await self.assertReceives(stream, b'<script>\np("o");\n</script>\r\n')
        await session.send("x")
        await self.assertReceives(stream, b'<script>\np("a[\\"x\\"]");\n</script>\r\n')

    async def testContentType(self) -> None:
        """
        The answer is a page in UTF-8.
        """
        reply = await self.session().ask("htmlfile")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), HTML)

    async def testClose(self) -> None:
        """
        The close frame is a script too, and the page ends.
        """
        stream = await self.session("close").openStream("htmlfile")
        await self.assertReceives(
            stream, b'<script>\np("c[3000,\\"Go away!\\"]");\n</script>\r\n'
        )
        await self.assertEnds(stream)

    @each(
        end="</script><script>alert(1)//",
        upperCaseEnd="</SCRIPT ><b>",
        comment="<!-- <script>",
        commentEnd="-->",
        separators="\u2028\u2029",
    )
    async def testScriptGoesOn(self, message: str) -> None:
        """
        No message ends the script, starts a comment in it, or breaks its string.
        """
        session = self.session()
        stream = await session.openStream("htmlfile")
        await session.send(message)
        await self.assertReceives(stream, b"<script>\np(")
        end = b");\n</script>\r\n"
        literal = (await stream.readThrough(end)).removesuffix(end)
        for unsafe in (b"<", b">", "\u2028".encode(), "\u2029".encode()):
            self.assertNotIn(unsafe, literal)
        self.assertEqual(json.loads(json.loads(literal)[1:]), [message])


class CallbackTests(CallbackTest):
    """
    The page calls back what its URL names.
    """

    transport = "htmlfile"

    async def assertCalls(self, path: str, callback: str) -> None:
        reply = await self.request("GET", path)
        self.assertEqual(reply.status, 200)
        head = await reply.stream.readThrough(b"\r\n\r\n")
        self.assertIn(b"    var c = parent.%b;\n" % callback.encode(), head)
