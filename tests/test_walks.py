"""The walks of a message are as short as ``docs/architecture.rst`` says."""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import cache
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.walks import LIMITS, Walk, main, traceAll
from tests.support.documents import literals, rows

DOCUMENT = "docs/architecture.rst"


@cache
def walks() -> list[Walk]:
    """
    A fresh trace of all.
    """
    return traceAll()


class WalkTests(SynchronousTestCase):
    """
    ``benchmarks.walks``.
    """

    def test_limits(self) -> None:
        """
        No walk is longer than it may be.
        """
        for walk in walks():
            rooms, moves = LIMITS[walk.direction]
            self.assertLessEqual(len(walk.rooms), rooms, walk)
            self.assertLessEqual(walk.moves, moves, walk)

    def test_document(self) -> None:
        """
        The document's table is what a fresh trace finds.
        """
        documented = [
            (
                literals(row[0]),
                row[0].astext().partition(":")[0],
                int(row[1].astext()),
                int(row[2].astext()),
                literals(row[3]),
            )
            for row in rows(DOCUMENT, "Walk")
        ]
        traced = [
            (
                [walk.transport],
                walk.direction.capitalize(),
                len(walk.rooms),
                walk.moves,
                walk.rooms,
            )
            for walk in walks()
        ]
        self.assertEqual(documented, traced)

    def test_ends(self) -> None:
        """
        A walk begins and ends where it should.
        """
        for walk in walks():
            first, last = walk.calls[0][1], walk.calls[-1][1]
            if walk.direction == "out":
                self.assertEqual(first, "SessionTransport.write")
                self.assertIn("Wire.write", last)
            else:
                self.assertIn("dataReceived", first)
                self.assertIn(walk.rooms[-1], ("messaging", "core.frames"))

    def test_command(self) -> None:
        """
        The command prints a line a walk, and with ``--verbose`` a line a call.
        """
        lines = []
        for arguments in ([], ["--verbose"]):
            with redirect_stdout(StringIO()) as printed:
                main(arguments)
            lines.append(len(printed.getvalue().splitlines()))
        calls = sum(len(walk.calls) for walk in walks())
        self.assertEqual(lines, [len(walks()), len(walks()) + calls])
