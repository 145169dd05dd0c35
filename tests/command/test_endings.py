"""Tests for `txsockjs.command.endings` and what is shown of a session."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.command.endings import (
    cause,
    described,
    exitStatus,
    harmless,
    oneLine,
    problem,
)
from txsockjs.command.rendering import (
    ForTerminal,
    JSONLines,
    Rendering,
    Timestamps,
    encoded,
)
from txsockjs.errors import (
    AllTransportsFailed,
    SessionClosed,
    SessionFailed,
    TransportFailed,
)

ESCAPE = "\x1b]0;title\x07\x1b[2J\u009b31m"


class StatusTests(SynchronousTestCase):
    """
    The exit status.
    """

    def test_codes(self) -> None:
        """
        It is the first digit of the close code, but for what is fine, and for 2, which
        is that of a wrong command line.
        """
        expected = {
            **dict.fromkeys((1000, 1005, 3000), 0),
            **dict.fromkeys((1001, 1002, 1011, 1012, 2010), 1),
            **dict.fromkeys((3001, 3999), 3),
            **dict.fromkeys((4000, 4401, 4999), 4),
        }
        found = {code: exitStatus(Failure(SessionClosed(code))) for code in expected}
        self.assertEqual(found, expected)

    def test_lost(self) -> None:
        """
        What did not end in good order is 1, whatever its code; without a code it is as
        good as its kind.
        """
        errors = (SessionFailed(3000, "x"), SessionFailed(1006, "x"), ConnectionLost())
        for error in errors:
            self.assertEqual(exitStatus(Failure(error)), 1)
        self.assertEqual(exitStatus(Failure(ConnectionDone())), 0)


class DescribedTests(SynchronousTestCase):
    """
    How it is told, in one line.
    """

    def test_described(self) -> None:
        """
        Code and reason are told, and whether it was closed or lost.
        """
        expected: list[tuple[Exception, str]] = [
            (SessionClosed(3000, "Go away!"), "closed: 3000 Go away!"),
            (SessionClosed(1000, ""), "closed: 1000"),
            (SessionFailed(1006, "silence"), "lost: 1006 silence"),
            (ConnectionDone(), "closed"),
            (ConnectionLost("broken"), "lost: Connection to the other side was lost"),
        ]
        for error, text in expected:
            self.assertIn(text, described(Failure(error)))

    def test_hostile(self) -> None:
        """
        A reason that wants to be more than a line, or to do something to a terminal, is
        shown and does nothing.
        """
        text = described(Failure(SessionClosed(4000, f"one\r\ntwo{ESCAPE}")))
        self.assertTrue(text.isprintable(), text)
        self.assertIn("one two\\x1b]0;title\\x07", text)

    def test_problem(self) -> None:
        """
        An exception that says nothing is told by its name.
        """
        self.assertEqual(problem(ValueError()), "ValueError")
        self.assertEqual(problem(ValueError("a\nb")), "a b")

    def test_cause(self) -> None:
        """
        Where one transport was tried, its own error is enough.
        """
        refused = TransportFailed("no")
        one = AllTransportsFailed("url", [("websocket", refused)])
        two = AllTransportsFailed("url", [("websocket", refused), ("xhr", refused)])
        self.assertIs(cause(one), refused)
        self.assertIs(cause(two), two)

    @given(st.text())
    def test_harmless(self, text: str) -> None:
        """
        Whatever it is, nothing is left that a terminal would obey; and what it would
        not obey is left as it is.
        """
        shown = harmless(text)
        self.assertTrue(all(each.isprintable() or each in "\t\n" for each in shown))
        self.assertTrue(oneLine(text).isprintable())
        if all(each.isprintable() or each in "\t\n" for each in text):
            self.assertEqual(shown, text)


class RenderingTests(SynchronousTestCase):
    """
    What ``txsockjs connect`` shows.
    """

    def shown(self, rendering: Rendering) -> list[str]:
        return [
            rendering.opened("websocket"),
            rendering.sent("out"),
            rendering.received("in\x1b"),
            rendering.closed("closed: 3000 Go away!", 3000, "Go away!"),
        ]

    def test_plain(self) -> None:
        """
        Plainly, what comes in is a line, exactly as it came.
        """
        self.assertEqual(self.shown(Rendering()), ["", "", "in\x1b\n", ""])

    def test_terminal(self) -> None:
        """
        On a terminal, it does nothing to that; beside what is typed, it is marked.
        """
        self.assertEqual(self.shown(ForTerminal(False)), ["", "", "in\\x1b\n", ""])
        opened, _, received, _ = self.shown(ForTerminal(True))
        self.assertIn("websocket", opened)
        self.assertEqual(received, "< in\\x1b\n")

    def test_timestamps(self) -> None:
        """
        With timestamps, the time is before it.
        """
        rendering = Timestamps(Rendering(), lambda: 1.25)
        self.assertEqual(
            self.shown(rendering), ["", "", "1970-01-01T00:00:01.250Z in\x1b\n", ""]
        )

    def test_json(self) -> None:
        """
        As JSON, each event is a line.
        """
        lines = self.shown(JSONLines(lambda: 0.0))
        self.assertTrue(all(line.count("\n") == 1 for line in lines))
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        time = "1970-01-01T00:00:00.000Z"
        self.assertEqual({event.pop("time") for event in events}, {time})
        self.assertEqual(
            events,
            [
                {"event": "open", "transport": "websocket"},
                {"event": "message", "direction": "out", "message": "out"},
                {"event": "message", "direction": "in", "message": "in\x1b"},
                {
                    "event": "close",
                    "code": 3000,
                    "reason": "Go away!",
                    "description": "closed: 3000 Go away!",
                },
            ],
        )

    @given(st.text(st.characters(exclude_categories=())))
    @example("\ud800 \udfff\ud800")
    def test_exact(self, message: str) -> None:
        """
        In JSON, any message is what it was, halves of surrogate pairs too.
        """
        line = encoded(JSONLines(lambda: 0.0).received(message))
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(json.loads(line)["message"], message)
