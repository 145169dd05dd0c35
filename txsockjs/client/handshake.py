"""The opening handshake of a WebSocket, as a client sees it. (RFC 6455, section 4.1)

Autobahn checks an answer that agrees. Here are the request, and what to make of an
answer that does not: most say why, and some say where to ask instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import attrs
from twisted.web.http_headers import Headers

from txsockjs.errors import TransportFailed

#: The longest head of an answer, in bytes.
HEAD_SIZE: Final = 65536

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))

_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# RFC 9110, sections 5.6.2 and 5.5.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[^\0-\x08\x0a-\x1f\x7f]*")

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

# What is meant for one server alone, as Twisted's RedirectAgent has it.
_SENSITIVE: Final = frozenset(
    ("authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate")
)

# How much of a server's own words goes into an error.
_QUOTED: Final = 200

# What a URL may have beside letters and digits, and what is escaped already.
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"


@attrs.frozen
class Answer:
    """
    The head of an answer.

    @ivar status: its status.
    @ivar phrase: what stands behind the status.
    @ivar headers: its headers.
    """

    status: int
    phrase: str
    headers: Headers

    def __str__(self) -> str:
        return f"{self.status} {self.phrase}".rstrip()


def readAnswer(head: bytes) -> Answer:
    """
    Read the head of an answer.

    @param head: that, with the empty line behind it.
    @raise TransportFailed: if it is not one of HTTP/1.
    """
    first, *lines = head.split(b"\r\n")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise TransportFailed(f"no answer of HTTP/1 came back: {quoted(first)!r}")
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and _TOKEN.fullmatch(name.decode("latin-1")):
            headers.addRawHeader(name, value.strip())
    return Answer(int(found[1]), quoted(found[2] or b""), headers)


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

    @param url: of the WebSocket, with C{http} or C{https}.
    @param key: the value of C{Sec-WebSocket-Key}.
    @param headers: further headers. A C{Host} takes the place of the URL's.
    @param subprotocols: those that are offered.
    @param extensions: the value of C{Sec-WebSocket-Extensions}, if there is one.
    @raise TransportFailed: if a header cannot be sent.
    """
    parts = urlsplit(url)
    resource = parts.path or "/"
    if parts.query:
        resource += f"?{parts.query}"
    fields = {"Host": _host(parts)}
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


def redirected(url: str, answer: Answer) -> str | None:
    """
    Where an answer sends the client.

    @param url: of the request.
    @return: the URL, with C{http} or C{https}; None if it is no redirection.
    @raise TransportFailed: if the client cannot go there.
    """
    if answer.status not in _REDIRECTS:
        return None
    [location, *more] = answer.headers.getRawHeaders(b"location") or [b""]
    if not location or more:
        raise TransportFailed(f"{url} answered {answer} without one Location")
    text = quote(location, _SAFE)
    try:
        parts = urlsplit(urljoin(url, text))
        scheme, host = _SCHEMES[parts.scheme], _host(parts)
    except (KeyError, ValueError):
        raise TransportFailed(
            f"{url} answered {answer}, to what is no URL of a WebSocket: {text!r}"
        ) from None
    if url.startswith("https:") and scheme != "https":
        raise TransportFailed(
            f"{url} answered {answer}, to {text!r}, which is not encrypted"
        )
    # Who is meant is not said in a URL, and there is no fragment of a WebSocket.
    return SplitResult(scheme, host, parts.path, parts.query, "").geturl()


def forAnother(first: str, url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """
    The headers that may go where a client was redirected to: what is for the first
    server alone does not go to another.

    @param first: the URL that the user has given.
    @param url: the URL that is asked.
    @param headers: the headers for that.
    """
    if _origin(first) == _origin(url):
        return headers
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in _SENSITIVE | {"host"}
    }


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, _host(parts)


def _host(parts: SplitResult) -> str:
    """
    Host and port, as the header C{Host} has them.

    @raise ValueError: if there is none.
    """
    scheme, host, port = _SCHEMES[parts.scheme], parts.hostname, parts.port
    if not host:
        raise ValueError(parts)
    if ":" in host:
        host = f"[{host}]"
    return host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
