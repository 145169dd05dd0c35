"""``python -m benchmarks.parts``: what single steps cost, and would in other ways.

Before something is taken in place of what we do, this says what it would bring.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from timeit import repeat

import httptools
import orjson
from tabulate import tabulate
from twisted.internet.testing import StringTransport
from twisted.web.http import HTTPChannel, Request

from benchmarks.client.burst import OTHERS, message
from benchmarks.client.http import BROWSER
from txsockjs.core.frames import decode, quote
from txsockjs.web import head

_BODY = b'["hello"]'
HEAD = (
    "POST /echo/000/abcdefgh/xhr_send HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    f"{BROWSER}Content-Type: text/plain\r\nContent-Length: {len(_BODY)}\r\n\r\n"
).encode("ascii")

_WITH_ID = (
    b"%b\r\nX-Request-Id: %016d\r\n\r\n" % (HEAD[:-4], number) for number in count()
)

Fields = dict[bytes, list[bytes]]


class _Reading(Request):
    """What Twisted has read is kept."""

    def process(self) -> None:
        self.channel.read = dict(self.requestHeaders.getAllRawHeaders())


def byTwisted() -> Fields:
    """The fields of a request, read by Twisted line by line."""
    channel = HTTPChannel()
    channel.requestFactory = _Reading
    channel.timeOut = None
    channel.makeConnection(StringTransport())
    channel.dataReceived(HEAD + _BODY)
    fields: Fields = channel.read
    return fields


class _Fields:
    """What httptools tells."""

    def __init__(self) -> None:
        self.fields: Fields = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.setdefault(name, []).append(value)


def byHttptools() -> Fields:
    """The same, read by a parser in C."""
    found = _Fields()
    parser = httptools.HttpRequestParser(found)
    parser.feed_data(HEAD + _BODY)
    parser.get_method()
    parser.should_keep_alive()
    return found.fields


def byUs() -> Fields:
    """The same, as our Sites do it for headers that came before."""
    start = head.readStart(HEAD + _BODY)
    assert start is not None
    return dict(head.HeadHeaders(start.head).getAllRawHeaders())


def withAnId() -> Fields:
    """The same with one header more, which no other request has."""
    start = head.readStart(next(_WITH_ID) + _BODY)
    assert start is not None
    fields = dict(head.HeadHeaders(start.head).getAllRawHeaders())
    del fields[b"X-Request-Id"]
    return fields


def fromLines() -> Fields:
    """The same, where only the single lines came before."""
    head._KNOWN.clear()
    return byUs()


def anew() -> Fields:
    """The same, where nothing of it came before."""
    head._FIELDS.clear()
    return fromLines()


Ways = dict[str, Callable[[], object]]


def reading() -> Ways:
    """Reading the head of a request."""
    return {
        "ours, the headers came before": byUs,
        "ours, all but one came before": withAnId,
        "ours, their lines came before": fromLines,
        "ours, nothing came before": anew,
        "httptools": byHttptools,
        "Twisted, with its channel and request": byTwisted,
    }


def decoding(text: str) -> Ways:
    """Decoding what a client sends."""
    body = json.dumps([text], ensure_ascii=False).encode()
    return {
        "ours": lambda: decode(body),
        "json.loads": lambda: json.loads(body),
        "orjson": lambda: orjson.loads(body),
    }


def quoting(text: str) -> Ways:
    """Making a JSON string of a message. Ours escapes what browsers would alter."""
    return {
        "ours": lambda: quote(text),
        "json.dumps": lambda: json.dumps(text, ensure_ascii=False).encode(),
        "orjson": lambda: orjson.dumps(text),
    }


SHORT, LONG = message(0, 64), message(0, 1024, OTHERS)

#: The steps, and for each the ways to do it, ours first. They come to the same.
STEPS: dict[str, Ways] = {
    "read the head of a browser's request": reading(),
    "decode a message of 64 bytes": decoding(SHORT),
    "decode a message of 1 kB that is not Latin": decoding(LONG),
    "quote a message of 64 bytes": quoting(SHORT),
    "quote a message of 1 kB that is not Latin": quoting(LONG),
}


def measure(calls: int) -> list[list[str]]:
    """
    Time every way of every step, in turns.

    :param calls: how often each is called in a turn.
    :return: lines of step, way and microseconds, the least of seven turns.
    """
    return [
        [step, way, f"{min(repeat(call, number=calls, repeat=7)) / calls * 1e6:.2f}"]
        for step, ways in STEPS.items()
        for way, call in ways.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run as the command line says.

    :return: the process's exit status.
    """
    parser = argparse.ArgumentParser("python -m benchmarks.parts", description=__doc__)
    parser.add_argument("--calls", type=int, default=20000, help="in a turn (20000)")
    parser.add_argument(
        "--rst", type=Path, metavar="FILE", help="write the table for the docs"
    )
    options = parser.parse_args(arguments)
    table = measure(options.calls), ["step", "way", "µs"]
    print(tabulate(*table, disable_numparse=True))
    if options.rst:
        drawn = tabulate(*table, tablefmt="grid", disable_numparse=True)
        options.rst.write_text(
            ".. Written by ``python -m benchmarks.parts --rst``: do not edit.\n\n"
            f"{drawn}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
