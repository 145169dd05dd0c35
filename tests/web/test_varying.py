"""Tests for `txsockjs.web.varying`, and for heads that differ in a few lines."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.web import head as headModule
from txsockjs.web.head import Head, HeadHeaders, readStart
from txsockjs.web.varying import Varying

LINES = [b"Host: a", b"Accept: */*", b"Content-Length: 5"]


def request(lines: list[bytes]) -> bytes:
    return b"\r\n".join([b"POST /a HTTP/1.1", *lines, b"", b"hello"])


def learned(*starts: bytes) -> Varying:
    """
    What has had many values of some headers.
    """
    varying = Varying()
    for start in starts:
        for _ in range(32):
            varying.isNew(start, start.title())
    return varying


class CuttingTests(SynchronousTestCase):
    """
    What is taken out of a head.
    """

    def test_learned(self) -> None:
        """
        The lines of names that had many values, wherever but at the beginning.
        """
        varying = learned(b"x-id", b"Cookie")
        block = b"Host: a\r\nCookie: \tb=c \r\nAccept: d\r\nx-id:e"
        self.assertEqual(
            varying.cut(block),
            (b"Host: a\r\nAccept: d", {b"Cookie": [b"b=c"], b"X-Id": [b"e"]}),
        )
        self.assertEqual(varying.cut(b"x-id: e"), (b"x-id: e", {}))

    def test_few(self) -> None:
        """
        Not of one that had few.
        """
        varying = Varying()
        for _ in range(31):
            varying.isNew(b"X-Id", b"X-Id")
        self.assertEqual(varying.cut(b"Host: a\r\nX-Id: 1")[1], {})
        varying.isNew(b"X-Id", b"X-Id")
        self.assertEqual(varying.cut(b"Host: a\r\nX-Id: 1")[1], {b"X-Id": [b"1"]})

    def test_fixed(self) -> None:
        """
        Nor of one that says how the request is read.
        """
        varying = learned(b"host", b"Content-Length", b"Expect", b"connection")
        block = b"a: b\r\nhost: c\r\nContent-Length: 3\r\nExpect: x\r\nconnection: y"
        self.assertEqual(varying.cut(block), (block, {}))

    def test_notInOrder(self) -> None:
        """
        Where one of the lines is not in order, or comes twice in two writings, none is.
        """
        for bad in b"X-Id: a\0", b"X-Id: a\rb", b"X-Id: a\nb", b"X-Id: a\r\nx-id: b":
            block = b"Host: a\r\nCookie: b\r\n" + bad
            varying = learned(b"x-id", b"X-Id", b"Cookie")
            self.assertEqual(varying.cut(block), (block, {}))

    def test_bound(self) -> None:
        """
        The latest four names count, and few are watched: whoever invents names costs no
        memory, and others come back.
        """
        varying = learned(*[b"X-%d" % number for number in range(6)])
        for number in range(1000):
            varying.isNew(b"Y-%d" % number, b"Y-%d" % number)
        self.assertLessEqual(len(varying._counts), 64)
        block = b"".join(b"\r\nX-%d: a" % number for number in range(6))
        self.assertEqual(list(varying.cut(block)[1]), [b"X-5", b"X-4", b"X-3", b"X-2"])


LINE = st.one_of(
    st.sampled_from(
        [*LINES, b" more", b"x-id: 1", b"X-ID:2", b"Cookie: a=b", b"Cookie:", b"bad"]
    ),
    st.builds(
        lambda name, value: name + b":" + value,
        st.sampled_from([b"X-Id", b"x-id", b"Cookie", b"Accept", b"Host", b"Expect"]),
        st.binary(max_size=5),
    ),
)


class CommonTests(SynchronousTestCase):
    """
    Heads that are known but for some lines.
    """

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.lists(LINE, max_size=8), max_size=6))
    def test_same(self, heads: list[list[bytes]]) -> None:
        """
        They are what they would be if all of it were read, and so are their headers
        when they are looked up again.
        """
        with (
            patch.object(headModule, "_VARYING", learned(b"X-Id", b"x-id", b"Cookie")),
            patch.object(headModule, "_KNOWN", {}),
        ):
            for lines in heads * 3:
                for each in lines, [*LINES, *lines]:
                    start = readStart(request(each))
                    block = b"\r\n".join(each)
                    if b"\r\n\r\n" in block + b"\r\n":
                        continue
                    expected = headModule._parse(block)
                    self.assertEqual(start and start.head, expected)
                    if start is not None:
                        headers = HeadHeaders(start.head)
                        headers.rest()
                        self.assertEqual(
                            dict(headers.getAllRawHeaders()), start.head.fields
                        )

    def reads(self, line: Callable[[int], bytes]) -> int:
        """
        How many of a thousand requests are read line by line, each with another line.
        """
        counted: list[bytes] = []
        parse = headModule._parse

        def counting(block: bytes) -> Head | None:
            counted.append(block)
            return parse(block)

        with (
            patch.object(headModule, "_VARYING", Varying()),
            patch.object(headModule, "_KNOWN", {}),
            patch.object(headModule, "_parse", counting),
        ):
            for number in range(1000):
                start = readStart(request([*LINES, line(number)]))
                assert start is not None
                [*_, last] = start.head.fields.items()
                name, _, value = line(number).partition(b": ")
                self.assertEqual(last, (name, [value]))
        return len(counted)

    def test_ids(self) -> None:
        """
        With an id that no other request has, few are read line by line.
        """
        self.assertLess(self.reads(lambda number: b"X-Request-Id: %d" % number), 100)

    def test_clients(self) -> None:
        """
        With as many clients, too, each with its own cookie.
        """
        few = self.reads(lambda number: b"Cookie: session=%d" % (number % 300))
        self.assertLess(few, 100)
