"""What a client reads of a frame."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client.reading import HEARTBEAT, OPENED, Closed, read
from txsockjs.core.frames import Close, Message, Messages


class ReadTests(SynchronousTestCase):
    def test_frames(self) -> None:
        """
        Each kind of frame is what it is.
        """
        for frame, said in (
            ("o", OPENED),
            ("h", HEARTBEAT),
            ("h" * 2048, HEARTBEAT),
            ("a[]", []),
            ('a["1","2"]', ["1", "2"]),
            ('a [ "1" ]', ["1"]),
            ('m"old"', ["old"]),
            ('c[3000,"Go away!"]', Closed(3000, "Go away!")),
        ):
            self.assertEqual(read(frame), said, frame)

    def test_garbage(self) -> None:
        """
        Anything else is none; to be so takes no longer because it is nested.
        """
        for frame in (
            *("", "O", "oh", "o ", "h1", "error", "<html>", "x[]", "\ufeffo"),
            *(
                "a",
                "a{}",
                "a5",
                "anull",
                'a"1"',
                "a[1]",
                'a["1",[]]',
                'a["1"',
                'a["1"]]',
            ),
            *("m", "m5", "m[]", 'm"1', "c", "c[]", "c[3000]", 'c["1","2"]'),
            *("c[3000,5]", 'c[true,"1"]', 'c[3000.0,"1"]', 'c[3000,"1",2]'),
            *("a" + "[" * 200_000, "a" + '{"a":' * 200_000, "a[NaN]"),
        ):
            self.assertIs(read(frame), None, frame[:20])

    @given(st.lists(st.text(st.characters(exclude_categories=()))))
    def test_messages(self, texts: list[str]) -> None:
        """
        What a server writes is read as it was meant, whatever the text.
        """
        frame = Messages([Message(text) for text in texts])
        self.assertEqual(read(frame.data.decode()), texts)
        self.assertEqual(read("a" + json.dumps(texts)), texts)

    @given(st.integers(1000, 4999), st.text())
    def test_close(self, code: int, reason: str) -> None:
        """
        So is a close.
        """
        self.assertEqual(read(Close(code, reason).data.decode()), Closed(code, reason))

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """
        Nothing raises.
        """
        for kind in "", "a", "m", "c", "o", "h":
            read(kind + text)
