"""Tests for the command line of ``txsockjs``: what is taken, and what is told of it."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.client.place import TRANSPORTS
from txsockjs.command import parser
from txsockjs.command.main import SUBCOMMANDS
from txsockjs.command.parser import makeParser

URL = "http://127.0.0.1:8080/echo"


class ParserCase(SynchronousTestCase):
    """
    Command lines.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "COLUMNS": "80"})

    def parse(self, *arguments: str) -> Any:
        return makeParser(SUBCOMMANDS).parse_args(arguments)

    def exit(self, *arguments: str) -> tuple[int, str, str]:
        """
        What a command line that ends the process says.

        :return: the exit status, standard output and standard error.
        """
        output, errors = StringIO(), StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            ending = self.assertRaises(SystemExit, self.parse, *arguments)
        status = ending.code
        assert isinstance(status, int)
        return status, output.getvalue(), errors.getvalue()

    def assertUsage(self, arguments: list[str], *words: str) -> None:
        """
        It is told in one line on standard error what is wrong, and what to try.
        """
        status, output, errors = self.exit(*arguments)
        self.assertEqual((status, output), (2, ""))
        self.assertRegex(errors, r"^txsockjs( \w+)?: [^\n]*: try 'txsockjs[^\n]*'\n$")
        for word in words:
            self.assertIn(word, errors)


class UsageTests(ParserCase):
    """
    What is wrong is told.
    """

    def test_command(self) -> None:
        """
        Without a command, or with an unknown one, those that there are are named.
        """
        self.assertUsage([], "COMMAND", "try 'txsockjs --help'")
        self.assertUsage(["shout"], "'shout'", *(each.name for each in SUBCOMMANDS))

    def test_url(self) -> None:
        """
        Each command wants a URL.
        """
        for command in SUBCOMMANDS:
            self.assertUsage([command.name], "URL", f"'txsockjs {command.name} --help'")

    def test_unknown(self) -> None:
        """
        An option that there is not is named, and one that is cut short is none.
        """
        self.assertUsage(["connect", URL, "--colour"], "--colour")
        self.assertUsage(["connect", URL, "--timest"], "--timest")

    def test_values(self) -> None:
        """
        What a value should be is told with what it is.
        """
        wrong = [
            ("connect", "--transport", "carrier-pigeon", "carrier-pigeon", "websocket"),
            ("connect", "--transport", "websocket,websocket", "twice"),
            ("connect", "--header", "X-A", "'Name: value'"),
            ("connect", "--cookie", "abc", "name=value"),
            ("connect", "--timeout", "0", "above 0"),
            ("connect", "--wait", "soon", "soon"),
            ("connect", "--max-message-size", "0", "1 or more"),
            ("ping", "--count", "-1", "-1"),
            ("load", "--sessions", "1.5", "1.5"),
            ("load", "--rate", "0", "above 0"),
            ("load", "--transports", "websocket:0", "'0'"),
            ("load", "--transports", "websocket:1,websocket:2", "twice"),
            ("load", "--for", "inf", "inf"),
        ]
        for command, option, value, *words in wrong:
            self.assertUsage([command, URL, f"{option}={value}"], option, *words)

    def test_lines(self) -> None:
        """
        However the value looks, the error is one line.
        """
        self.assertUsage(["connect", URL, "--header=A\n\nB: c\r\nD: e"], "--header")


class HelpTests(ParserCase):
    """
    What is told who asks.
    """

    def test_version(self) -> None:
        """
        ``--version`` tells the version of the package.
        """
        self.assertEqual(
            self.exit("--version"), (0, f"txsockjs {version('txsockjs')}\n", "")
        )

    def test_help(self) -> None:
        """``--help`` has all commands, each of which tells its options, its exit
        status and examples that can be parsed.
        """
        status, output, _ = self.exit("--help")
        self.assertEqual(status, 0)
        for command in SUBCOMMANDS:
            self.assertRegex(output, rf"\n +{command.name} +\w")
            status, text, _ = self.exit(command.name, "--help")
            self.assertEqual(status, 0)
            for words in ("--header", "--insecure", "exit status:", "examples:"):
                self.assertIn(words, text)
            self.assertLessEqual(max(map(len, text.splitlines())), 80)
            self.assertExamples(command.epilog)

    def assertExamples(self, epilog: str) -> None:
        """
        The examples are commands that there are.
        """
        lines = epilog.replace("\\\n", " ").splitlines()
        found = [line.partition("txsockjs ")[2] for line in lines]
        self.assertGreater(len(list(filter(None, found))), 1)
        for line in filter(None, found):
            self.parse(*line.partition("<")[0].split())


class ValueTests(SynchronousTestCase):
    """
    The values of arguments.
    """

    def assertWrong(self, convert: Callable[[str], object], *texts: str) -> None:
        for text in texts:
            error = self.assertRaises(ArgumentTypeError, convert, text)
            self.assertIn(repr(text), str(error))

    def test_numbers(self) -> None:
        """
        Numbers are finite, and not negative.
        """
        self.assertEqual(parser.seconds("1.5"), 1.5)
        self.assertEqual(parser.seconds("0"), 0.0)
        self.assertEqual(parser.rate("1e3"), 1000.0)
        self.assertEqual(parser.count("12"), 12)
        for convert in parser.seconds, parser.rate, parser.positiveSeconds:
            self.assertWrong(convert, "", "x", "-1", "nan", "inf", "-inf")
        self.assertWrong(parser.positiveSeconds, "0")
        self.assertWrong(parser.positiveRate, "0")
        self.assertWrong(parser.seconds, "1000001")
        self.assertWrong(parser.count, "", "0", "-1", "1.0", "\u0661", "1" * 10)

    def test_header(self) -> None:
        """
        A header has a name and a value, which may be empty.
        """
        self.assertEqual(parser.header("X-A: b: c "), ("X-A", "b: c"))
        self.assertEqual(parser.header("X-A:"), ("X-A", ""))
        self.assertWrong(
            parser.header, "X-A", ": b", "X A: b", "A: \u20ac", "\u00e4: b"
        )

    def test_cookie(self) -> None:
        """
        A cookie has a name and a value, which may be empty.
        """
        self.assertEqual(parser.cookie("a=b=c"), ("a", "b=c"))
        self.assertEqual(parser.cookie("a="), ("a", ""))
        self.assertWrong(parser.cookie, "a", "=b", "a=b;c", "a=b c", "a b=c", "a=\n")

    @given(st.text())
    def test_injection(self, text: str) -> None:
        """
        Whatever somebody gives, no header ends before its end.
        """
        try:
            name, value = parser.header(text)
        except ArgumentTypeError:
            return
        self.assertFalse(set(name + value) & set("\r\n\0"))
        value.encode("latin-1")

    def test_transports(self) -> None:
        """
        Transports are named in the order in which they are to be tried.
        """
        wanted = ("xhr-polling", "websocket")
        self.assertEqual(parser.transports("xhr-polling, websocket"), wanted)
        self.assertEqual(parser.transports(",".join(TRANSPORTS)), TRANSPORTS)

    def test_weights(self) -> None:
        """
        A share that is not given is 1.
        """
        self.assertEqual(
            parser.weights("websocket:8,xhr-polling"),
            {"websocket": 8, "xhr-polling": 1},
        )
