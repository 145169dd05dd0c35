"""
A report for a person to read: one line for each check, the failures, a summary.
"""

from __future__ import annotations

from collections import Counter
from textwrap import fill, indent
from typing import TextIO

from txsockjs.conformance.running import Outcome, Verdict
from txsockjs.conformance.services import STANDARD, Services

WIDTH = 88


class Report:
    """
    Writes a report as outcomes come.

    :ivar outcomes: those that have come.
    """

    def __init__(self, out: TextIO) -> None:
        self.outcomes: list[Outcome] = []
        self._out = out
        self._group = ""

    def begin(self, origin: str, services: Services) -> None:
        """
        Write what is checked.

        :param origin: of the server.
        """
        self._say(f"Checking the SockJS server at {origin}")
        for role in STANDARD:
            if role in services.paths:
                self._say(f"  {role:<8} {services.paths[role] or '/'}")
            else:
                self._say(f"  {role:<8} none: {services.missing[role]}")

    def add(self, outcome: Outcome) -> None:
        """
        Write the line of one check, below the heading of its group.
        """
        check = outcome.check
        if check.group != self._group:
            self._group = check.group
            self._say()
            self._say(fill(f"{check.group}: {check.heading}", WIDTH))
        line = f"  {outcome.verdict.value:<8} {check.shortName}"
        if outcome.why:
            line = _shortened(f"{line}: {_harmless(outcome.why)}")
        self._say(line)
        self.outcomes.append(outcome)

    def end(self, seconds: float) -> None:
        """
        Write the failures with all that is known of them, and the summary.

        :param seconds: how long the run took.
        """
        for outcome in self.outcomes:
            if outcome.verdict is Verdict.FAILED:
                self._say()
                self._say(f"FAILED {outcome.check.name}")
                self._say(indent(fill(outcome.check.clause, WIDTH - 4), "    "))
                self._say(indent(_harmless(outcome.why), "    "))
        skipped = Counter(
            outcome.why
            for outcome in self.outcomes
            if outcome.verdict is Verdict.SKIPPED
        )
        if skipped:
            self._say()
        for why, count in skipped.most_common():
            self._say(f"skipped {count:>3}: {_harmless(why)}")
        counted = Counter(outcome.verdict for outcome in self.outcomes)
        counts = ", ".join(f"{counted[verdict]} {verdict.value}" for verdict in Verdict)
        self._say()
        self._say(f"{len(self.outcomes)} checks in {seconds:.1f} s: {counts}")

    def _say(self, line: str = "") -> None:
        """
        Write a line at once, with what the stream cannot encode escaped.
        """
        encoding = self._out.encoding or "utf-8"
        text = line.encode(encoding, "backslashreplace").decode(encoding)
        self._out.write(text + "\n")
        self._out.flush()


def _harmless(text: str) -> str:
    """
    A text with what the server has sent in it, for a terminal: what does not print
    becomes its escape, but for line ends.
    """
    return "".join(
        char
        if char.isprintable() or char == "\n"
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _shortened(line: str) -> str:
    """
    A text on one line of the report's width, cut off where it is longer.
    """
    line = line.partition("\n")[0]
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
