"""
Section 7: ``jsonp`` and ``jsonp_send``.
"""

from __future__ import annotations

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.sections.callbacks import CallbackTest
from txsockjs.conformance.wire import CALLBACK, FORM, JAVASCRIPT, PLAIN_TEXT


class PollingTests(Case):
    """
    ``jsonp``: a script that calls the client back with one frame.
    """

    async def testBytes(self) -> None:
        """
        Exactly an empty comment, the callback, and the frame as a string.
        """
        session = self.session()
        name = CALLBACK.encode()
        self.assertEqual(await session.poll("jsonp"), b'/**/%b("o");\r\n' % name)
        await session.send("x")
        self.assertEqual(
            await session.poll("jsonp"), b'/**/%b("a[\\"x\\"]");\r\n' % name
        )

    async def testContentType(self) -> None:
        """
        The answer is a script in UTF-8.
        """
        reply = await self.session().fetch("jsonp")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Content-Type"), JAVASCRIPT)

    async def testClose(self) -> None:
        """
        The close frame calls back like any other.
        """
        session = self.session("close")
        await session.open("jsonp")
        expected = f'/**/{CALLBACK}("c[3000,\\"Go away!\\"]");\r\n'
        self.assertEqual(await session.poll("jsonp"), expected.encode())


class SendingTests(Case):
    """
    ``jsonp_send``: messages from a form.
    """

    async def testAnswer(self) -> None:
        """
        200, plain text in UTF-8, ``ok``.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("jsonp_send", {"Content-Type": FORM}, b"d=%5B%5D")
        self.assertEqual((reply.status, reply.body), (200, b"ok"))
        self.assertEqual(reply.header("Content-Type"), PLAIN_TEXT)

    @each(
        form=(FORM, b"d=%5B%22x%20%2B%26%22%5D"),
        formWithPlus=(FORM, b"d=%5B%22x+%2B%26%22%5D"),
        formWithCharset=(f"{FORM}; charset=UTF-8", b"d=%5B%22x%20%2B%26%22%5D"),
        formWithOthers=(FORM, b"a=1&d=%5B%22x%20%2B%26%22%5D&b=2"),
        plain=("text/plain", b'["x +&"]'),
        plainUTF8=("text/plain; charset=UTF-8", b'["x +&"]'),
        json=("application/json", b'["x +&"]'),
        none=(None, b'["x +&"]'),
    )
    async def testForms(self, contentType: str | None, body: bytes) -> None:
        """
        A form's field ``d``, or the raw JSON with any other content type, is delivered.
        """
        session = self.session()
        await session.open()
        headers = {} if contentType is None else {"Content-Type": contentType}
        reply = await session.fetch("jsonp_send", headers, body)
        self.assertEqual((reply.status, reply.body), (200, b"ok"))
        self.assertEqual(await session.poll(), b'a["x +&"]\n')

    async def testUTF8(self) -> None:
        """
        The escapes of a form are UTF-8.
        """
        session = self.session()
        await session.open()
        sent = b"d=%5B%22%E2%82%AC%22%5D"
        reply = await session.fetch("jsonp_send", {"Content-Type": FORM}, sent)
        self.assertEqual((reply.status, reply.body), (200, b"ok"))
        body = await session.poll()
        self.assertIn(body, ('a["\u20ac"]\n'.encode(), b'a["\\u20ac"]\n'))

    @each(
        empty=(FORM, b"", b"Payload expected."),
        emptyField=(FORM, b"d=", b"Payload expected."),
        noField=(FORM, b"e=%5B%22x%22%5D", b"Payload expected."),
        nameAlone=(FORM, b"d", b"Payload expected."),
        emptyPlain=("text/plain", b"", b"Payload expected."),
        emptyNone=(None, b"", b"Payload expected."),
        unfinished=(FORM, b"d=%5B%22x", b"Broken JSON encoding."),
        word=(FORM, b"d=x", b"Broken JSON encoding."),
        unfinishedPlain=("text/plain", b'["x', b"Broken JSON encoding."),
        formAsPlain=("text/plain", b"d=%5B%22x%22%5D", b"Broken JSON encoding."),
    )
    async def testBroken(
        self, contentType: str | None, body: bytes, text: bytes
    ) -> None:
        """
        A payload that is missing or no JSON is 500 with exactly that text, and the
        session goes on unharmed.
        """
        session = self.session()
        await session.open()
        headers = {} if contentType is None else {"Content-Type": contentType}
        reply = await session.fetch("jsonp_send", headers, body)
        self.assertEqual((reply.status, reply.body), (500, text))
        await session.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')

    async def testNoMessages(self) -> None:
        """
        An empty array is fine and delivers nothing.
        """
        session = self.session()
        await session.open()
        reply = await session.fetch("jsonp_send", {"Content-Type": FORM}, b"d=[]")
        self.assertEqual((reply.status, reply.body), (200, b"ok"))
        await session.send("x")
        self.assertEqual(await session.poll(), b'a["x"]\n')


class CallbackTests(CallbackTest):
    """
    The script calls back what its URL names.
    """

    transport = "jsonp"

    async def assertCalls(self, path: str, callback: str) -> None:
        reply = await self.fetch("GET", path)
        self.assertEqual(reply.body, b'/**/%b("o");\r\n' % callback.encode())
