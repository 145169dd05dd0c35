"""HTTP/1.1 bytes, as much of them as a load client needs."""

from __future__ import annotations

import re
from itertools import count
from typing import NamedTuple

from benchmarks.errors import WrongAnswer

#: What Chromium sends beside the headers that every request must have.
BROWSER = (
    "Connection: keep-alive\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\n'
    "sec-ch-ua-mobile: ?0\r\n"
    'sec-ch-ua-platform: "Linux"\r\n'
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Referer: http://127.0.0.1/chat.html\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
)


#: What stands for the number of a request until it is sent.
NUMBER = b"0123456789abcdef0123456789abcdef"
_numbers = count(1)


def numbered(request: bytes) -> bytes:
    """A request whose ``X-Request-Id`` no other one has had."""
    return request.replace(NUMBER, b"%032x" % next(_numbers), 1)


class Head(NamedTuple):
    """
    The head of a response.

    :ivar length: of the body, in bytes; None where it is chunked.
    :ivar last: whether the server closes the connection after it.
    """

    status: int
    length: int | None
    last: bool


def request(
    authority: str,
    method: str,
    path: str,
    body: bytes = b"",
    extra: str = "",
    identified: bool = False,
) -> bytes:
    """
    One request.

    :param extra: header lines, each with its CRLF.
    :param identified: whether it has a number, which `numbered` is to put in.
    """
    if identified:
        extra = f"X-Request-Id: {NUMBER.decode()}\r\n{extra}"
    entity = ""
    if method == "POST":
        entity = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\n{extra}"
        f"Origin: http://{authority}\r\n{entity}\r\n"
    ).encode() + body


def takeHead(data: bytes) -> tuple[Head, bytes] | None:
    """
    Read a response's head.

    :return: the head and the bytes after it; None where it is not whole yet.
    :raise WrongAnswer: it is no success.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = data[:end].decode("latin-1").lower().split("\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    success = re.fullmatch(r"http/1\.1 (200|204) .*", first)
    if success is None:
        raise WrongAnswer(f"response: {data[: end + 100]!r}")
    status = int(success[1])
    length: int | None = 0
    if fields.get("transfer-encoding") == "chunked":
        length = None
    elif status != 204:
        try:
            length = int(fields["content-length"])
        except (KeyError, ValueError):
            raise WrongAnswer(f"response: {data[: end + 4]!r}") from None
    return Head(status, length, fields.get("connection") == "close"), data[end + 4 :]


def takeChunk(data: bytes) -> tuple[bytes, bytes] | None:
    """
    Read one chunk (RFC 9112, 7.1); the last is empty.

    :return: the chunk and the bytes after it; None where it is not whole yet.
    """
    end = data.find(b"\r\n")
    if end < 0:
        return None
    try:
        start, size = end + 2, int(data[:end], 16)
    except ValueError:
        raise WrongAnswer(f"not a chunk: {data[:80]!r}") from None
    if len(data) < start + size + 2:
        return None
    if data[start + size : start + size + 2] != b"\r\n":
        raise WrongAnswer(f"not a chunk: {data[:80]!r}")
    return data[start : start + size], data[start + size + 2 :]


def takeResponse(data: bytes) -> tuple[int, bytes, bytes] | None:
    """
    Read a whole response, after which the connection goes on.

    :return: its status and body and the bytes after it; None where it is not whole yet.
    """
    taken = takeHead(data)
    if taken is None:
        return None
    head, rest = taken
    if head.last:
        raise WrongAnswer(f"the connection ends: {data!r:.300}")
    if head.length is not None:
        if len(rest) < head.length:
            return None
        return head.status, rest[: head.length], rest[head.length :]
    body = b""
    while (chunk := takeChunk(rest)) is not None:
        part, rest = chunk
        if not part:
            return head.status, body, rest
        body += part
    return None
