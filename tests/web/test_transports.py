"""Tests for the receiving transports' formats: xhr, eventsource, htmlfile, jsonp."""

from __future__ import annotations

from typing import Any

from tests.support.serving import ServiceCase
from txsockjs.testing import MemoryResponse

#: What a browser or a proxy may lose, alter, or be made to run.
AWKWARD = '\x00\n\r"\\</script><!--%\u2028\u200c\ufffe\U0001f600é'
AWKWARD_JSON = (
    '"\\u0000\\n\\r\\"\\\\</script><!--%\\u2028\\u200c\\ufffe\U0001f600é"'
).encode()

HTMLFILE = b"""\
<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent._jp.a-0;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>
"""


class FormatCase(ServiceCase):
    """
    One transport.
    """

    method = "GET"
    path = ""
    prelude = b""
    contentType = ""

    def receive(self) -> MemoryResponse:
        """
        Make a receiving request.
        """
        return self.client.request(self.method, self.path)

    def frames(self, response: MemoryResponse) -> bytes:
        """
        What came after the prelude.
        """
        self.assertEqual(response.body[: len(self.prelude)], self.prelude)
        return response.body[len(self.prelude) :]

    def say(self, text: str, session: int = -1) -> None:
        """
        Have the application send a message.
        """
        self.sessions[session].transport.sendMessage(text)
        self.site.settle()

    def assertStreams(self, frame: Any) -> None:
        """
        One response carries ``o``, a message, a heartbeat, and the close with its end.

        :param frame: what formats a frame.
        """
        self.serve()
        response = self.receive()
        self.assertHeaders(response, Content_Type=self.contentType)
        self.say(AWKWARD)
        self.site.advance(25)
        self.assertFalse(response.finished)
        self.sessions[0].transport.loseConnection()
        self.site.settle()
        self.assertTrue(response.finished)
        self.assertEqual(
            self.frames(response),
            b"".join(
                map(frame, [b"o", b"a[%b]" % AWKWARD_JSON, b"h", b'c[3000,"Go away!"]'])
            ),
        )

    def assertPolls(self, frame: Any) -> None:
        """
        Each response carries one frame and ends.
        """
        self.serve()
        self.assertEqual(self.receive().body, frame(b"o"))
        poll = self.receive()
        self.assertFalse(poll.raw)
        self.say(AWKWARD)
        self.assertEqual(poll.body, frame(b"a[%b]" % AWKWARD_JSON))
        self.assertHeaders(poll, Content_Type=self.contentType)
        idle = self.receive()
        self.site.advance(25)
        self.assertEqual(idle.body, frame(b"h"))
        self.sessions[0].transport.loseConnection(4001, 'a"b')
        for _ in range(2):
            self.assertEqual(self.receive().body, frame(b'c[4001,"a\\"b"]'))

    def assertEndsAtLimit(self) -> None:
        """
        The response ends with the frame that reaches the limit, and the next one goes
        on where it ended.
        """
        self.serve(streaming_limit=1000)
        response = self.receive()
        self.say("x" * 400)
        self.assertFalse(response.finished)
        self.say("x" * 600)
        self.assertTrue(response.finished)
        self.say("later")
        later = self.receive()
        self.assertIn(b"later", self.frames(later))
        self.assertFalse(later.finished)
        self.assertEqual(self.sessions[0].lost, [])


class XHRTests(FormatCase):
    method, path = "POST", "/0/s/xhr"
    contentType = "application/javascript; charset=UTF-8"

    def test_polls(self) -> None:
        """
        A line a response.
        """
        self.assertPolls(lambda frame: frame + b"\n")

    def test_bodyIgnored(self) -> None:
        """
        A body of any type with the request means nothing.
        """
        self.serve()
        body = {"Content-Type": "text/xml"}
        self.assertEqual(self.post("/0/s/xhr", b"<a/>", body).body, b"o\n")


class XHRStreamingTests(FormatCase):
    method, path = "POST", "/0/s/xhr_streaming"
    contentType = "application/javascript; charset=UTF-8"
    prelude = b"h" * 2048 + b"\n"

    def test_streams(self) -> None:
        """
        2048 letters for browsers that wait, then lines.
        """
        self.assertStreams(lambda frame: frame + b"\n")

    def test_limit(self) -> None:
        """
        The response ends at the limit.
        """
        self.assertEndsAtLimit()


class EventSourceTests(FormatCase):
    path = "/0/s/eventsource"
    contentType = "text/event-stream"
    prelude = b"\r\n"

    def test_streams(self) -> None:
        """
        Events, in which ``%`` is escaped, for the client runs decodeURI over them.
        """
        self.assertStreams(
            lambda frame: b"data: %b\r\n\r\n" % frame.replace(b"%", b"%25")
        )

    def test_limit(self) -> None:
        """
        The response ends at the limit.
        """
        self.assertEndsAtLimit()


class HTMLFileTests(FormatCase):
    path = "/0/s/htmlfile?c=_jp.a-0"
    contentType = "text/html; charset=UTF-8"
    prelude = HTMLFILE + b" " * (1024 - len(HTMLFILE)) + b"\r\n\r\n"

    @staticmethod
    def script(frame: bytes) -> bytes:
        quoted = frame.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        quoted = quoted.replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
        return b'<script>\np("%b");\n</script>\r\n' % quoted

    def test_streams(self) -> None:
        """
        A page of over 1024 bytes, then scripts that no message can end.
        """
        self.assertStreams(self.script)
        self.assertGreater(len(self.prelude), 1024)

    def test_limit(self) -> None:
        """
        The response ends at the limit.
        """
        self.assertEndsAtLimit()

    def test_asTheProtocolHasIt(self) -> None:
        """
        A plain message looks exactly as the protocol shows it.
        """
        self.serve()
        response = self.receive()
        self.say("x")
        self.assertTrue(
            response.body.endswith(b'<script>\np("a[\\"x\\"]");\n</script>\r\n')
        )


class JSONPTests(FormatCase):
    path = "/0/s/jsonp?c=_jp.a-0"
    contentType = "application/javascript; charset=UTF-8"

    @staticmethod
    def call(frame: bytes) -> bytes:
        quoted = frame.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return b'/**/_jp.a-0("%b");\r\n' % quoted

    def test_polls(self) -> None:
        """
        A call of the page's function a response.
        """
        self.assertPolls(self.call)

    def test_longName(self) -> None:
        """
        ``callback`` is another name for ``c``.
        """
        self.serve()
        response = self.get("/0/s/jsonp?callback=f")
        self.assertEqual(response.body, b'/**/f("o");\r\n')


class CallbackTests(ServiceCase):
    """
    What a page may name as its function.
    """

    def test_missing(self) -> None:
        """
        None, or an empty one: 500, and no session is made.
        """
        self.serve()
        for transport in ["jsonp", "htmlfile"]:
            for query in ["", "?", "?c", "?c=", "?d=f", "?callback="]:
                response = self.get(f"/0/s/{transport}{query}")
                self.assertRefused(response, 500, b'"callback" parameter required')
        self.assertEqual(self.sessions, [])

    def test_checkedForAnOpenSession(self) -> None:
        """
        The name is checked for a session that is there, too, which is unharmed.
        """
        self.serve()
        session = self.open()
        self.assertRefused(self.get("/0/s1/jsonp?c=a(b"), 500)
        session.transport.write(b"a")
        self.assertEqual(self.get("/0/s1/jsonp?c=f").body, b'/**/f("a[\\"a\\"]");\r\n')
