"""
What the bytes on the wire must be, written down without the server's help.
"""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_to_bytes

import attrs

CALLBACK = "_jp.a1b2c3"
"""A callback of the form that the browser client's own have."""

CLOSED = 'c[3000,"Go away!"]'
BUSY = 'c[2010,"Another connection still open"]'

HANDSHAKE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
"""A handshake's header lines, with the key of the example in RFC 6455, section 1.3."""

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What answers that key."""

JAVASCRIPT = "application/javascript; charset=UTF-8"
PLAIN_TEXT = "text/plain; charset=UTF-8"
HTML = "text/html; charset=UTF-8"
FORM = "application/x-www-form-urlencoded"

HTMLFILE_HEAD = f"""\
<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{CALLBACK};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = function() {{c.stop();}};
  </script>""".encode()


@attrs.frozen
class Transport:
    """
    One row of the protocol's table of transports.

    :ivar name: the last segment of its URL.
    :ivar method: the one HTTP method that it serves, beside OPTIONS.
    :ivar contentType: of its successful answer.
    :ivar streaming: whether a response carries many frames.
    :ivar query: what its URL needs after the path.
    """

    name: str
    method: str
    contentType: str
    streaming: bool = False
    query: str = ""


_C = f"?c={CALLBACK}"
TRANSPORTS = {
    row.name: row
    for row in (
        Transport("xhr", "POST", JAVASCRIPT),
        Transport("xhr_streaming", "POST", JAVASCRIPT, streaming=True),
        Transport("eventsource", "GET", "text/event-stream", streaming=True),
        Transport("htmlfile", "GET", HTML, streaming=True, query=_C),
        Transport("jsonp", "GET", JAVASCRIPT, query=_C),
        Transport("xhr_send", "POST", PLAIN_TEXT),
        Transport("jsonp_send", "POST", PLAIN_TEXT),
    )
}
RECEIVING = ("xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp")
STREAMING = ("xhr_streaming", "eventsource", "htmlfile")
POLLING = ("xhr", "jsonp")
SENDING = ("xhr_send", "jsonp_send")

PRELUDE_END = {"xhr_streaming": b"\n", "eventsource": b"\r\n", "htmlfile": b"\r\n\r\n"}
"""What a streaming transport's prelude ends with, and has nowhere before its end."""


FRAME_END = {
    "xhr_streaming": b"\n",
    "eventsource": b"\r\n\r\n",
    "htmlfile": b"</script>\r\n",
}
"""What a frame ends with on a streaming transport, and has nowhere before its end."""


def framed(transport: str, frame: str) -> bytes:
    """
    The bytes of a frame on an HTTP transport.

    :param frame: an ASCII frame without characters that end a script element.
    """
    if transport == "eventsource":
        return b"data: %b\r\n\r\n" % frame.replace("%", "%25").encode()
    literal = json.dumps(frame)
    if transport == "htmlfile":
        return f"<script>\np({literal});\n</script>\r\n".encode()
    if transport == "jsonp":
        return f"/**/{CALLBACK}({literal});\r\n".encode()
    return frame.encode() + b"\n"


_FRAMING = {
    "xhr": rb"(.+)\n",
    "xhr_streaming": rb"(.+)\n",
    "eventsource": rb"data: (.+)\r\n\r\n",
    "htmlfile": rb"<script>\np\((.+)\);\n</script>\r\n",
    "jsonp": rb"/\*\*/%b\((.+)\);\r\n" % re.escape(CALLBACK.encode()),
}


def framesOf(transport: str, body: bytes) -> list[str]:
    """
    The frames in a body without its prelude, as a browser would read them.

    :raise AssertionError: a byte of the body belongs to no frame.
    """
    matches = list(re.finditer(_FRAMING[transport], body))
    if b"".join(match[0] for match in matches) != body:
        raise AssertionError(f"{transport}: not only frames: {body!r}")
    frames = [match[1] for match in matches]
    if transport == "eventsource":
        frames = [unquote_to_bytes(frame) for frame in frames]
    if transport in ("htmlfile", "jsonp"):
        return [json.loads(frame) for frame in frames]
    return [frame.decode() for frame in frames]


def messagesOf(frames: list[str]) -> list[str]:
    """
    The messages in the message frames among ``frames``, in order.
    """
    return [
        message
        for frame in frames
        if frame.startswith("a")
        for message in json.loads(frame[1:])
    ]


_SHORT_FORMS = {
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\f": r"\f",
    "\r": r"\r",
    '"': r"\"",
    "\\": r"\\",
}


def escaped(text: str) -> str:
    """
    Characters that a frame must escape, escaped: the short form where JSON has one,
    else ``\\u`` and four lower-case digits.
    """
    return "".join(_SHORT_FORMS.get(char, f"\\u{ord(char):04x}") for char in text)


def arrayFrame(*messages: str) -> str:
    """
    The frame of some messages of printable ASCII.
    """
    return "a" + json.dumps(messages, separators=(",", ":"))
