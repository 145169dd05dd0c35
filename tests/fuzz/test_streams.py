"""Lines that come in pieces, against the same stream in one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from txsockjs import streams

LONGEST = 5

PIECES = st.lists(st.text("xy\r\n", max_size=LONGEST + 3).map(str.encode), max_size=12)


def whole(stream: bytes) -> tuple[list[bytes], bool]:
    """The lines of a stream until one is too long, and whether one is."""
    lines = [line.removesuffix(b"\r") for line in stream.split(b"\n")]
    for count, line in enumerate(lines):
        if len(line) > LONGEST:
            return lines[:count], True
    return lines, False


class LinesTests(SynchronousTestCase):
    """``framing="lines"``."""

    @examples()
    @given(pieces=PIECES)
    def test_cut(self, pieces: list[bytes]) -> None:
        """Where the stream is cut changes neither the lines nor what is too long."""
        self.patch(streams, "MAX_LINE", LONGEST)
        framing = streams.Lines()
        found: list[bytes] = []
        tooLong = False
        try:
            for piece in pieces:
                framing.feed(piece)
                while (line := framing.next()) is not None:
                    found.append(line)
            found.append(framing.end())
        except streams.LineTooLong:
            tooLong = True
        self.assertEqual((found, tooLong), whole(b"".join(pieces)))
