"""HTTP/1 in any pieces, against Twisted's own reading of it in one."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import server
from twisted.web.resource import Resource

from tests.fuzz import examples
from txsockjs.factory import SockJSMultiFactory
from txsockjs.testing import MemoryConnection, MemoryReactor, MemorySite
from txsockjs.web.head import BadHost, checkHost

#: What an answer says of itself and not of its request.
REJECTED = re.compile(rb"HTTP/1\.[01] 400 Bad Request\r\n")
DATE = re.compile(rb"Date: [^\r]*")

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"OPTIONS", b"HEAD", b"get", b""])
TARGETS = st.one_of(
    st.sampled_from([b"/", b"/later", b"*", b"a", b"/a%2fb", b"/%", b"/\xa0", b"//"]),
    st.binary(max_size=12).map(lambda data: b"/" + data),
)
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/2.0", b"http/1.1"])
VALUES = st.text("aZ09 \t,;=:\x00\r\n\x7f\xe4-", max_size=8).map(
    lambda text: text.encode("latin-1")
)
LINES = st.one_of(
    st.sampled_from(
        [
            b"Content-Length: 0",
            b"Content-Length: 5",
            b"content-length:5",
            b"Content-Length: x",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: identity",
            b"Connection: close",
            b"Connection: keep-alive, close",
            b"Connection: upgrade",
            b"Expect: 100-continue",
            b"Cookie: a=b; c",
            b" folded",
            b"Host: b",
            b"Bad name: a",
            b": a",
            b"none",
        ]
    ),
    st.builds(lambda value: b"X-Any:" + value, VALUES),
)
BODIES = st.sampled_from(
    [
        b"",
        b'["a"]',
        b"\r\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"3;x\r\nabc\r\n0\r\nTrailer: a\r\n\r\n",
        b"5\r\nabcd",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
)
REQUESTS = st.builds(
    lambda method, target, version, lines, end, body: (
        end.join([b"%b %b %b" % (method, target, version), *lines, b"", b""]) + body
    ),
    METHODS,
    TARGETS,
    VERSIONS,
    st.lists(LINES, max_size=4).map(lambda lines: [b"Host: a", *lines]),
    st.sampled_from([b"\r\n"] * 6 + [b"\n"]),
    BODIES,
)
#: Requests that are not all there, when the next one comes.
TORN = st.builds(
    lambda request, lines: b"".join(request.splitlines(True)[:lines]),
    REQUESTS,
    st.integers(0, 8),
)
TALKS = st.lists(
    st.one_of(REQUESTS, REQUESTS, REQUESTS, TORN, st.binary(max_size=6)), max_size=5
).map(b"".join)
CUTS = st.lists(st.integers(0, 600), max_size=6)


class Seeing(Resource):
    """
    Keeps what it is asked, and answers with it.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[object] = []

    def render(self, request: Any) -> Any:
        headers = dict(request.requestHeaders.getAllRawHeaders())
        line = (request.method, request.uri, request.clientproto)
        content = request.content.read()
        self.seen.append((line, headers, content, request.received_cookies))
        self.seen.append((request.path, request.args, request.postpath))
        answer = repr((line, content)).encode()
        if request.path != b"/later":
            return b"" if request.method == b"HEAD" else answer
        request.site.reactor.callLater(1, self.answerLater, request, answer)
        return server.NOT_DONE_YET

    def answerLater(self, request: Any, answer: bytes) -> None:
        if not request._disconnected:
            request.write(answer)
            request.finish()


class RuledRequest(server.Request):
    """
    Twisted's, with the one rule that Twisted has not: whose request it is must not be
    in doubt.
    """

    isRefused = False

    def gotLength(self, length: int | None) -> None:
        channel: Any = self.channel
        try:
            checkHost(self.requestHeaders, channel._version)
        except BadHost:
            self.isRefused = True
            channel._respondToBadRequestAndDisconnect()
        super().gotLength(length)  # type: ignore[no-untyped-call]

    def requestReceived(self, *args: Any) -> None:
        if not self.isRefused:
            super().requestReceived(*args)  # type: ignore[no-untyped-call]


def talk(site: Any, pieces: list[bytes]) -> tuple[list[object], list[object], bool]:
    """
    What a Site's Resource sees of these bytes, the responses, and whether there is an
    end to the connection then.
    """
    site.resource = resource = Seeing()
    memory = MemorySite(site)
    connection = memory.connect(MemoryConnection(memory.reactor))
    for piece in pieces:
        connection.send(piece)
    memory.advance(20)
    received, ended = DATE.sub(b"Date", connection.received), connection.closed
    memory.stop()
    # How a rejection is put into words is ours; that it is one is not.
    answers, *rejected = REJECTED.split(received, 1)
    return resource.seen, [answers, len(rejected)], ended


class DifferentialTests(SynchronousTestCase):
    @examples(5)
    @given(TALKS, CUTS)
    def test_anyPieces(self, data: bytes, cuts: list[int]) -> None:
        """
        The same requests are seen, and answered alike, as with Twisted alone.
        """
        ends = sorted(cut for cut in cuts if cut < len(data))
        bounds = zip([0, *ends], [*ends, len(data)], strict=True)
        pieces = [data[begin:end] for begin, end in bounds]
        alone = server.Site(  # type: ignore[no-untyped-call]
            Resource(),
            RuledRequest,
            reactor=MemoryReactor(),
            parsePOSTFormSubmission=False,
        )
        expected = talk(alone, [data])
        for way in ([data], pieces, [bytes([each]) for each in data]):
            self.assertEqual(
                talk(SockJSMultiFactory(clock=MemoryReactor()), way), expected
            )
        self.flushLoggedErrors()
