"""The opening handshake of a WebSocket, as a client sees it. (RFC 6455, section 4.1)

Autobahn checks an answer that agrees. Here are the request, and what to make of an
answer that does not: most say why, and some say where to ask instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from hyperlink import URL
from twisted.web.http_headers import Headers

from txsockjs.client.redirections import REDIRECTIONS
from txsockjs.client.servers import httpURL
from txsockjs.errors import TransportFailed

#: The longest head of an answer, in bytes.
HEAD_SIZE: Final = 32768

_SWITCHING: Final = 101

# RFC 9110, sections 5.6.2 and 5.5.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[^\0-\x08\x0a-\x1f\x7f]*")

_END: Final = b"\r\n\r\n"
_PLAIN: Final = re.compile(r"text/plain\b", re.IGNORECASE)
_SIZE: Final = re.compile(r"[0-9]{1,4}")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: (.*))?")

# What the handshake says by itself.
_OURS: Final = frozenset(
    (
        "connection",
        "content-length",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    )
)

# How much of a server's own words goes into an error.
_QUOTED: Final = 200


@attrs.frozen
class Answer:
    """
    An answer.

    :ivar url: of the request.
    :ivar code: its status.
    :ivar phrase: what stands behind the status.
    :ivar headers: its headers. A ``Location`` has ``http`` for ``ws``.
    :ivar text: what its body says, as far as that is plain text and there.
    :ivar missing: how many bytes of the body are to come, which would say more.
    """

    url: str
    code: int
    phrase: str
    headers: Headers
    text: str = ""
    missing: int = 0

    @property
    def agrees(self) -> bool:
        """
        Whether what follows is a WebSocket.
        """
        return self.code == _SWITCHING

    @property
    def redirects(self) -> bool:
        """
        Whether it says where to ask instead.
        """
        return self.code in REDIRECTIONS

    @property
    def status(self) -> str:
        """
        Status and phrase, as in ``404 Not Found``.
        """
        return f"{self.code} {self.phrase}".rstrip()

    def __str__(self) -> str:
        said = f"{self.url} answered {self.status}"
        return f"{said}: {self.text}" if self.text else said


def readAnswer(url: str, data: bytes) -> tuple[Answer, bytes, bytes] | None:
    """
    Read an answer.

    :param url: of the request.
    :param data: what has come.
    :return: None if the head is not all there; else the answer, its head, and what is
        behind it.
    :raise TransportFailed: if it is not one of HTTP/1.
    """
    rest, code = data, 0
    while code < 200 and code != _SWITCHING:
        # RFC 9110, section 15.2: one below 200 is not the answer yet.
        head, end, rest = rest.partition(_END)
        if len(data) - len(rest) > HEAD_SIZE:
            raise TransportFailed(
                f"{url}: the head of the answer has more than {HEAD_SIZE} bytes"
            )
        if not end:
            return None
        first, *lines = head.split(b"\r\n")
        found = _STATUS.fullmatch(first)
        if found is None:
            raise TransportFailed(f"{url} answered what is not HTTP: {quoted(first)!r}")
        code, phrase = int(found[1]), quoted(found[2] or b"")
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and _TOKEN.fullmatch(name.decode("latin-1")):
            headers.addRawHeader(name, value.strip())
    locations = headers.getRawHeaders("Location", [])
    headers.setRawHeaders("Location", [httpURL(location) for location in locations])
    answer = Answer(url, code, phrase, headers)
    if not answer.agrees and not answer.redirects:
        size = _textSize(headers)
        text = rest[:size]
        answer = attrs.evolve(answer, text=quoted(text), missing=size - len(text))
    return answer, head + end, rest


def _textSize(headers: Headers) -> int:
    """
    How many bytes of a body are worth reading: a few of plain text.
    """
    [kind, *_] = headers.getRawHeaders("Content-Type") or [""]
    [size, *_] = headers.getRawHeaders("Content-Length") or [""]
    if not _PLAIN.match(kind) or not _SIZE.fullmatch(size):
        return 0
    return int(size) if int(size) <= _QUOTED else 0


def quoted(text: bytes) -> str:
    """
    A server's words, as far as they can stand in a line of an error.
    """
    shown = text[:_QUOTED].decode("utf-8", "replace").strip()
    return "".join(each if each.isprintable() else " " for each in shown)


def request(
    url: str,
    key: bytes,
    headers: Mapping[str, str],
    subprotocols: Sequence[str] = (),
    extensions: str = "",
) -> bytes:
    """
    The handshake's request.

    :param url: of the WebSocket, in ASCII, with ``http`` or ``https``.
    :param key: the value of ``Sec-WebSocket-Key``.
    :param headers: further headers. A ``Host`` takes the place of the URL's.
    :param subprotocols: those that are offered.
    :param extensions: the value of ``Sec-WebSocket-Extensions``, if there is one.
    :raise TransportFailed: if a header cannot be sent.
    """
    where = URL.from_text(url).replace(userinfo="", fragment="")
    # The origin-form of RFC 9112, section 3.2.1.
    resource = where.replace(scheme="", host="", port=None).to_text()
    if not resource.startswith("/"):
        resource = f"/{resource}"
    # The port is left out if it is the usual one.
    fields = {"Host": where.authority()}
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise TransportFailed(
                f"the header {name!r} is the handshake's own: leave it out"
            )
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise TransportFailed(f"{name!r}: {value!r} is no header")
        fields["Host" if name.lower() == "host" else name] = value
    fields |= {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode("ascii"),
    }
    if subprotocols:
        fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    if extensions:
        fields["Sec-WebSocket-Extensions"] = extensions
    lines = [f"GET {resource} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8")
