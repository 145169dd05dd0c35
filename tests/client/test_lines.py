"""Tests for `txsockjs.client.lines`."""

from __future__ import annotations

from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client.lines import LineReader
from txsockjs.errors import TooLarge

PRELUDE = b"h" * 2048 + b"\n"


class LineReaderTests(SynchronousTestCase):
    """
    `LineReader`.
    """

    @given(
        st.lists(st.text("ah\u20ac\U0001f600", max_size=9)),
        st.integers(0, 2060),
        st.lists(st.integers(1, 7), min_size=1),
    )
    def test_anyPieces(self, texts: list[str], first: int, sizes: list[int]) -> None:
        """
        In whatever pieces a body comes, its lines are those that were sent.
        """
        body = PRELUDE + "".join(f"{text}\n" for text in texts).encode()
        reader = LineReader(100)
        lines = reader.feed(body[:first])
        body = body[first:]
        for size in cycle(sizes):
            if not body:
                break
            lines += reader.feed(body[:size])
            body = body[size:]
        self.assertEqual([line.decode() for line in lines], texts)
        self.assertEqual(reader.unfinished, 0)

    def test_prelude(self) -> None:
        """
        The prelude is none of the lines, however small the limit is; a heartbeat is.
        """
        reader = LineReader(5)
        self.assertEqual(reader.feed(PRELUDE[:100]), [])
        self.assertEqual(reader.feed(PRELUDE[100:] + b"o\nh\n"), [b"o", b"h"])
        self.assertEqual(LineReader(5).feed(b"h\n"), [b"h"])

    def test_tooLarge(self) -> None:
        """
        A line that is too long is refused with what there is of it, ended or not; so it
        is in place of a prelude.
        """
        for pieces, size in (
            ([PRELUDE, b"123456\n"], 6),
            ([PRELUDE, b"123456"], 6),
            ([PRELUDE, b"1234", b"56\n"], 6),
            ([PRELUDE, b"ok\n", b"1234", b"56"], 6),
            ([b"123456\n"], 6),
            ([b"x" * 2049], 2049),
            ([b"h" * 2049], 2049),
            ([PRELUDE, PRELUDE], 2048),
        ):
            reader = LineReader(5)
            for piece in pieces[:-1]:
                reader.feed(piece)
            error = self.assertRaises(TooLarge, reader.feed, pieces[-1])
            self.assertIn(f"{size} bytes or more", str(error))
        self.assertEqual(LineReader(5).feed(PRELUDE + b"12345\n12345"), [b"12345"])

    def test_unfinished(self) -> None:
        """
        It knows how much there is of a line that has not ended.
        """
        reader = LineReader(99)
        reader.feed(b"o\nabc")
        reader.feed(b"de")
        self.assertEqual(reader.unfinished, 5)
        self.assertEqual(reader.feed(b"\n"), [b"abcde"])
        self.assertEqual(reader.unfinished, 0)
