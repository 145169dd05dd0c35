"""The head of a request, read in one step where it is plain.

Twisted reads a request line by line, and each header anew, although a client sends the
same ones with every request. A head that is plain and complete is read here, and what
its headers mean is remembered. What is not plain, and all that Twisted would object to,
this module leaves to Twisted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from twisted.web.http_headers import Headers, InvalidHeaderName

from txsockjs.errors import WireError

# The longest head that is read here, without its first line, and the most lines of it:
# what is remembered takes far more memory by the line than by the byte. With a first
# line as below it is less than what Twisted allows.
_LONGEST: Final = 4096
_LINES: Final = 64

#: The longest name of a header. Twisted remembers 10,000 of them, however long.
LONGEST_NAME: Final = 256

# How many heads are remembered, and how many single lines for other heads.
_KEPT: Final = 1024

# A first line in which Twisted would find nothing to object to (RFC 9112, section 3).
_FIRST_LINE: Final = re.compile(rb"(GET|POST) (/[!-~]{0,4095}) HTTP/1\.1\r\n")

# What no line may hold (RFC 9110, section 5.5).
_FORBIDDEN: Final = re.compile(rb"[\x00\r\n]")

# What changes how a request is read or answered.
_SPECIAL: Final = (b"Transfer-Encoding", b"Expect")

# Every WebSocket has another, and so has every request that one machine signs for
# another: no head with one comes again.
_KEY: Final = b"Sec-WebSocket-Key:"
_SIGNATURE: Final = b"Sockjs-Signature:"

_LENGTH: Final = re.compile(rb"[0-9]{1,9}")

# A host, which may be an address in brackets, and a port (RFC 3986, section 3.2.2).
_HOST: Final = re.compile(
    rb"(\[[0-9A-Za-z:.%_~-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?"
)

# The absolute form of a target (RFC 9112, section 3.2.2).
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]*)(.*)", re.DOTALL)


class BadHost(WireError):
    status = 400
    text = "A request has one Host, and one that is in order."


class BadTarget(WireError):
    status = 400
    text = "This is no URL."


class Head(NamedTuple):
    """
    The headers of a request.

    :ivar fields: the names, as Twisted has them, and the values of each.
    :ivar length: how long the body is, in bytes.
    """

    fields: dict[bytes, list[bytes]]
    length: int

    def headers(self) -> Headers:
        """
        The headers, for one request.
        """
        headers = Headers()
        # Names and values have been through Headers before.
        headers._rawHeaders = {
            name: values.copy() for name, values in self.fields.items()
        }
        return headers


def checkHost(headers: Headers, version: bytes) -> None:
    """
    Check that it is not in doubt whose request it is. (RFC 9112, section 3.2)

    :raise BadHost: if it is.
    """
    hosts = headers.getRawHeaders(b"Host", ())
    if len(hosts) != 1 and (hosts or version == b"HTTP/1.1"):
        raise BadHost
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadHost


def originForm(target: bytes) -> tuple[bytes | None, bytes]:
    """
    The host that a target names, if it does, and the path with its query.

    :raise BadTarget: if the host cannot be one.
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    host, path = absolute.groups()
    # RFC 9110, sections 4.2.1 and 4.2.4: no host, or somebody's name before it.
    if host[:1] in (b"", b":") or not _HOST.fullmatch(host):
        raise BadTarget
    return host, path if path.startswith(b"/") else b"/" + path


class Start(NamedTuple):
    """
    What a request begins with.

    :ivar method: the method.
    :ivar target: the URL that it asks for.
    :ivar head: its headers.
    :ivar size: how many bytes all this took.
    """

    method: bytes
    target: bytes
    head: Head
    size: int


def readStart(data: bytes) -> Start | None:
    """
    Read what a request begins with.

    :param data: what came in, from the start of a request.
    :return: None for what is not all there, and for what Twisted should look at.
    """
    first = _FIRST_LINE.match(data)
    if first is None:
        return None
    begin = first.end()
    # Without any header there is no Host.
    end = data.find(b"\r\n\r\n", begin, begin + _LONGEST)
    if end < 0:
        return None
    block = data[begin:end]
    isNew = _KEY in block or _SIGNATURE in block
    head = _parse(block) if isNew else _remembered(block)
    if head is None:
        return None
    method, target = first.groups()
    return Start(method, target, head, end + 4)


@lru_cache(_KEPT)
def _field(line: bytes) -> tuple[bytes, bytes] | None:
    """
    A header's name, as Twisted has it, and its value.
    """
    name, colon, value = line.partition(b":")
    if len(name) > LONGEST_NAME:
        return None
    headers = Headers()
    try:
        headers.addRawHeader(name, value.strip(b" \t"))
    except InvalidHeaderName:
        # Or the line belongs to the one before. (RFC 9112, section 5.2)
        return None
    if not colon or _FORBIDDEN.search(line):
        return None
    [(name, [value])] = headers.getAllRawHeaders()
    return name, value


def _parse(block: bytes) -> Head | None:
    lines = block.split(b"\r\n", _LINES)
    if len(lines) > _LINES:
        return None
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        field = _field(line)
        if field is None:
            return None
        fields.setdefault(field[0], []).append(field[1])
    if not fields.keys().isdisjoint(_SPECIAL):
        return None
    connection = b",".join(fields.get(b"Connection", ()))
    hosts = fields.get(b"Host", ())
    [length, *more] = fields.get(b"Content-Length", [b"0"])
    if (
        b"close" in connection.lower()
        or len(hosts) != 1
        or not _HOST.fullmatch(hosts[0])
        or more
        or not _LENGTH.fullmatch(length)
    ):
        return None
    return Head(fields, int(length))


_remembered = lru_cache(_KEPT)(_parse)
