"""Tests for `txsockjs.web.etags`: entity tags in ``If-None-Match``."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from txsockjs.web.etags import matches

#: What a tag may be made of: RFC 9110, section 8.8.3.
_ETAGC = st.sampled_from([b"!", b",", b"*", b"W", b"/", b"\\", b"a", b"\x80", b"\xff"])
TAGS = st.lists(_ETAGC, max_size=3).map(lambda parts: b'"%b"' % b"".join(parts))
SPACE = st.sampled_from([b"", b" ", b"\t", b"  "])
EMPTY = st.tuples(SPACE)
ELEMENTS = st.tuples(SPACE, st.sampled_from([b"", b"W/"]), TAGS, SPACE)

#: Values that are no list of tags.
BROKEN = [
    b"a",
    b'a"',
    b'"a',
    b'"a" "b"',
    b'"a" b',
    b'"a";"b"',
    b'w/"a"',
    b'W /"a"',
    b'W/ "a"',
    b"W/a",
    b"'a'",
    b'*, "a"',
    b'"a", *',
    b"**",
    b'"\x00"',
    b'"\x7f"',
    b'" "',
    b'"a"\n',
]


class MatchesTests(SynchronousTestCase):
    """
    `matches`.
    """

    @examples()
    @given(TAGS, st.lists(st.lists(ELEMENTS | EMPTY, min_size=1), max_size=3))
    def test_list(self, tag: bytes, lines: list[list[tuple[bytes, ...]]]) -> None:
        """
        A tag matches if it is among those of all lines, weak or not, with any white
        space and any empty elements between them.
        """
        values = [b",".join(map(b"".join, line)) for line in lines]
        tags = [each[2] for line in lines for each in line if len(each) > 1]
        self.assertEqual(matches(tag, values), tag in tags)

    def test_any(self) -> None:
        """
        ``*`` is any tag.
        """
        for value in b"*", b" * ":
            self.assertTrue(matches(b'"a"', [value]))

    def test_none(self) -> None:
        """
        Without a condition, and with an empty one, nothing matches.
        """
        for values in [], [b""], [b" , ,"]:
            self.assertFalse(matches(b'"a"', values))

    def test_broken(self) -> None:
        """
        What is no list of tags matches nothing, whatever else is in it.
        """
        for value in BROKEN:
            for values in [value], [b'"a"', value], [value, b'"a"'], [value + b', "a"']:
                self.assertFalse(matches(b'"a"', values), values)

    def test_long(self) -> None:
        """
        The time that it takes is that of reading it once.
        """
        for part in b'"', b'W/"', b",", b", ", b" ", b'"a" ':
            self.assertFalse(matches(b'"x"', [part * 8000 + b"\x00"]))
