"""
Section 7: the callbacks of ``jsonp`` and ``htmlfile``.
"""

from __future__ import annotations

from urllib.parse import quote

from txsockjs.conformance.case import Case, each


class CallbackTest(Case):
    """
    Checks of a transport that calls back what the ``c`` of its URL names.

    :cvar transport: the transport's name.
    """

    transport: str

    async def assertCalls(self, path: str, callback: str) -> None:
        """
        The answer at ``path`` calls ``callback``.
        """
        raise NotImplementedError

    @each(
        client="_jp.abc123",
        word="callback",
        letter="c",
        every="aZ09_.-",
        nested="a.b.c",
    )
    async def testValid(self, callback: str) -> None:
        """
        Letters, digits, ``_``, ``.`` and ``-`` are a callback, as the client's own.
        """
        path = f"{self.session().path}/{self.transport}?c={callback}"
        await self.assertCalls(path, callback)

    @each(none="", other="?d=callback")
    async def testMissing(self, query: str) -> None:
        """
        Without a callback: 500, with exactly this text.
        """
        path = f"{self.session().path}/{self.transport}{query}"
        reply = await self.fetch("GET", path)
        self.assertEqual(reply.status, 500)
        self.assertEqual(reply.body, b'"callback" parameter required')

    @each(
        call="alert(1)",
        space="a b",
        leadingSpace=" a",
        lineFeed="abc\n",
        lineEnd="abc\r\n",
        lineFeedFirst="\nabc",
        markup="1_</script><script>alert(1)//",
        semicolon="a;b",
        brackets="a[0]",
        letterWithAccent="\u00e9",
        digitOfAnotherScript="\u0663",
        nul="a\0",
        absurdlyLong="a" * 5000,
    )
    async def testInvalid(self, callback: str) -> None:
        """
        Anything else, to the last character, is 500 with exactly this text.
        """
        path = f"{self.session().path}/{self.transport}?c={quote(callback, safe='')}"
        reply = await self.fetch("GET", path)
        self.assertEqual(reply.status, 500)
        self.assertEqual(reply.body, b'invalid "callback" parameter')

    async def testEmpty(self) -> None:
        """
        An empty callback is 500, as missing or as invalid.
        """
        path = f"{self.session().path}/{self.transport}?c="
        reply = await self.fetch("GET", path)
        self.assertEqual(reply.status, 500)
        self.assertIn(
            reply.body,
            (b'"callback" parameter required', b'invalid "callback" parameter'),
        )

    @each(missing="", invalid="?c=alert(1)")
    async def testNoSession(self, query: str) -> None:
        """
        The callback is checked before a session is made.
        """
        session = self.session()
        await self.fetch("GET", f"{session.path}/{self.transport}{query}")
        await session.open()
