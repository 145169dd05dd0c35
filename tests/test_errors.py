"""Tests for `txsockjs.errors`."""

from __future__ import annotations

import re

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import errors
from txsockjs.errors import (
    OptionError,
    PrefixError,
    Rejected,
    SessionClosed,
    SessionFailed,
    SockJSError,
    WireError,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type)
    and issubclass(value, Exception)
    and value.__module__ == errors.__name__
}


class SessionEndedTests(SynchronousTestCase):
    """
    `SessionClosed` and `SessionFailed`.
    """

    def test_kinds(self) -> None:
        """
        They are what Twisted's protocols look for, and know code and reason.
        """
        for kind, base in (
            (SessionClosed, ConnectionDone),
            (
                SessionFailed,
                ConnectionLost,
            ),
        ):
            error = kind(4000, "mine")
            self.assertTrue(Failure(error).check(base))
            self.assertEqual((error.code, error.reason), (4000, "mine"))
            self.assertEqual((kind().code, kind().reason), (1005, ""))

    def test_text(self) -> None:
        """
        A reason of a browser's making cannot pass for anything else in a log.
        """
        text = Failure(SessionClosed(4000, "a\r\n\x1b")).getErrorMessage()
        self.assertEqual(text, r"4000 'a\r\n\x1b'")


class TreeTests(SynchronousTestCase):
    """
    The exception tree.
    """

    def test_drawn(self) -> None:
        """
        The module's docstring draws each exception, below the one it is derived from.
        """
        names = re.finditer(r"^ *(?:\+-- )?([A-Z]\w+)", errors.__doc__, re.M)
        lines = [
            (match.start(1) - match.start(), match[1])
            for match in names
            if match[1] in CLASSES
        ]
        self.assertEqual(set(CLASSES), {name for _, name in lines})
        for index, (indent, name) in enumerate(lines[1:], 1):
            parent = next(n for i, n in reversed(lines[:index]) if i < indent)
            self.assertIn(CLASSES[parent], CLASSES[name].__bases__, name)

    def test_statuses(self) -> None:
        """
        Each wire error has the status that the docstring says, and a text.
        """
        table = re.findall(r"\+-- (\w+) +(\d{3}) ", errors.__doc__)
        wire = {n for n, c in CLASSES.items() if issubclass(c, WireError)}
        self.assertEqual(wire - {"WireError"}, {name for name, _ in table})
        for name, status in table:
            self.assertEqual(int(status), CLASSES[name].status)
            error = CLASSES[name]()
            self.assertEqual(error.text, str(error))
            self.assertTrue(error.text)

    def test_exactTexts(self) -> None:
        """
        The texts that clients and conformance suites compare are exact. (section 7)
        """
        self.assertEqual("Payload expected.", errors.PayloadExpected.text)
        self.assertEqual("Broken JSON encoding.", errors.BrokenJSON.text)
        self.assertEqual('"callback" parameter required', errors.CallbackRequired.text)
        self.assertEqual('invalid "callback" parameter', errors.InvalidCallback.text)

    def test_valueErrors(self) -> None:
        """
        What a caller did wrong is a ValueError too, as in txsockjs 1.2.2.
        """
        for error in (OptionError, PrefixError):
            self.assertTrue(issubclass(error, ValueError))
            self.assertTrue(issubclass(error, SockJSError))

    def test_option(self) -> None:
        """
        An option error names the option.
        """
        error = OptionError("timeout", "too short")
        self.assertEqual("timeout", error.name)
        self.assertEqual("SockJS option 'timeout': too short", str(error))

    def test_rejected(self) -> None:
        """
        A rejection has a code that can be sent.
        """
        error = Rejected(4403, "Forbidden")
        self.assertEqual((4403, "Forbidden"), (error.code, error.reason))
        self.assertEqual((4401, "Unauthorized"), (Rejected().code, Rejected().reason))
        for code in (999, 5000):
            self.assertRaises(ValueError, Rejected, code)
