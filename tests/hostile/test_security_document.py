"""SECURITY.rst names what is there."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from txsockjs.options import SockJSOptions

ROOT = Path(__file__).parents[2]

#: What is written as an option is, but is one of the Site's.
OTHERS = {"timeout", "nosniff", "htmlfile"}


class SecurityTests(SynchronousTestCase):
    def setUp(self) -> None:
        text = (ROOT / "SECURITY.rst").read_text("utf-8")
        self.literals = re.findall(r"``([^`]+)``", text)

    def test_tests(self) -> None:
        """
        Each promise's tests are where it says.
        """
        paths = [each for each in self.literals if each.startswith("tests/")]
        self.assertGreater(len(paths), 10)
        self.assertEqual([each for each in paths if not (ROOT / each).exists()], [])

    def test_options(self) -> None:
        """
        What is written as an option is one, and can be set as it says.
        """
        names = {name for name, _, _ in SockJSOptions.fields()}
        written = {each for each in self.literals if re.fullmatch("[a-z_]+", each)}
        self.assertEqual(written - names - OTHERS, set())
        for each in self.literals:
            name, equals, value = each.partition("=")
            if equals:
                SockJSOptions.fromStrings({name: value})
