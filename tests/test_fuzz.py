"""The command that runs the fuzzers: ``make fuzz``, ``python -m tests.fuzz``."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from unittest import TestCase as Case

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import __main__ as command
from tests.support.documents import ROOT


class CommandTests(SynchronousTestCase):
    """What can be asked of it."""

    def ask(self, *arguments: str) -> tuple[int, str]:
        """What it returns, or exits with, and what it says."""
        self.patch(command.sys, "argv", ["fuzz", *arguments])
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            try:
                code: int = command.main()
            except SystemExit as end:
                assert isinstance(end.code, int)
                code = end.code
        return code, said.getvalue()

    def test_unknown(self) -> None:
        """A fuzzer that there is not is refused, and the others are named."""
        code, said = self.ask("nonsense")
        self.assertEqual(code, 2)
        self.assertIn("no fuzzer nonsense; there are ", said)
        for name in command.NAMES:
            self.assertIn(name, said)

    def test_help(self) -> None:
        """Its help names each of them."""
        code, said = self.ask("--help")
        self.assertEqual(code, 0)
        for name in command.NAMES:
            self.assertIn(name, said)

    def test_described(self) -> None:
        """Each fuzzer says what it holds against what, and has a property."""
        self.assertIn("streams", command.NAMES)
        for name in command.NAMES:
            module = import_module(f"tests.fuzz.test_{name}")
            self.assertTrue(module.__doc__, name)
            tests = [
                kind
                for kind in vars(module).values()
                if isinstance(kind, type)
                and issubclass(kind, Case)
                and not kind.__module__.startswith("twisted.")
            ]
            self.assertTrue(tests, name)

    def test_runs(self) -> None:
        """It runs a fuzzer in rounds, until its time is over, and says how it went."""
        started: list[str] = []
        self.patch(command.Fuzzer, "_start", lambda fuzzer: started.append(fuzzer.name))
        ends = iter([0, 1])

        class Process:
            def wait(self, timeout: float = 0) -> int:
                return next(ends, 0)

            def kill(self) -> None:
                pass

        command.Fuzzer._process = Process()
        self.addCleanup(delattr, command.Fuzzer, "_process")
        self.patch(command.Path, "read_text", lambda *args: "what it found")
        code, said = self.ask("--minutes", "1", "streams")
        self.assertEqual(code, 1)
        self.assertEqual(started, ["streams", "streams"])
        self.assertIn("streams: round 1, ok\nstreams: round 2, FAILED\n", said)
        self.assertIn("what it found", said)

    def test_make(self) -> None:
        """``make fuzz`` is this command."""
        makefile = (ROOT / "Makefile").read_text("utf-8")
        self.assertIn("python -m tests.fuzz --minutes $(MINUTES) $(FUZZERS)", makefile)
