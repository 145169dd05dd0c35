"""
What is written of checks, for a person and for a CI.
"""

from __future__ import annotations

from io import BytesIO, StringIO
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.samples import group
from txsockjs.conformance.junit import document
from txsockjs.conformance.report import Report
from txsockjs.conformance.running import Check, Outcome, Verdict
from txsockjs.conformance.services import Services


class ReportTests(SynchronousTestCase):
    """
    What is written of outcomes.
    """

    def setUp(self) -> None:
        sample = group()
        self.outcomes = [
            Outcome(Check(sample, "testGood"), Verdict.OK, "", 0.25),
            Outcome(
                Check(sample, "testRow_two"),
                Verdict.FAILED,
                "2 != 1 \x1b[31m\ud800" + "x" * 100 + "\nmore",
                1.5,
            ),
            Outcome(Check(sample, "testClosing"), Verdict.SKIPPED, "no close", 0),
        ]

    def written(self, encoding: str = "utf-8") -> list[str]:
        """
        The lines of a report.
        """

        class Stream(StringIO):
            pass

        Stream.encoding = encoding
        out = Stream()
        report = Report(out)
        report.begin("http://example.com", Services.below("/tests"))
        for outcome in self.outcomes:
            report.add(outcome)
        report.end(2.04)
        return out.getvalue().splitlines()

    def test_lines(self) -> None:
        """
        A line says of each check what came of it, below its group, in a line's width.
        """
        lines = self.written()
        start = lines.index("samples.sample: What this is about.")
        self.assertEqual(lines[start + 1], "  ok       good")
        self.assertTrue(lines[start + 2].startswith("  FAILED   row_two: 2 != 1 "))
        self.assertEqual(len(lines[start + 2]), 88)
        self.assertEqual(lines[start + 3], "  skipped  closing: no close")

    def test_failures(self) -> None:
        """
        A failure is told once more, with its clause and all that is known.
        """
        lines = self.written()
        start = lines.index("FAILED samples.sample.row_two")
        self.assertEqual(lines[start + 1], "    The number is 1.")
        self.assertTrue(lines[start + 2].endswith("x" * 100))
        self.assertEqual(lines[start + 3], "    more")

    def test_summary(self) -> None:
        """
        The end is a count of each verdict, and of what was skipped for which reason.
        """
        self.assertEqual(
            self.written()[-3:],
            [
                "skipped   1: no close",
                "",
                "3 checks in 2.0 s: 1 ok, 1 FAILED, 1 skipped",
            ],
        )

    def test_terminal(self) -> None:
        """
        What a server has sent does nothing to a terminal, nor to one that cannot show
        it.
        """
        for encoding in ("utf-8", "ascii"):
            text = "\n".join(self.written(encoding))
            self.assertIn(r"2 != 1 \x1b[31m\ud800", text)

    def test_services(self) -> None:
        """
        The report begins with what is checked.
        """
        self.assertEqual(
            self.written()[:3],
            [
                "Checking the SockJS server at http://example.com",
                "  echo     /tests/echo",
                "  close    /tests/close",
            ],
        )

    def test_junit(self) -> None:
        """
        The XML has the counts, a case for each check and what came of it, and no
        character that XML cannot have.
        """
        stream = BytesIO()
        document("http://example.com", self.outcomes).write(stream, encoding="utf-8")
        root = ElementTree.fromstring(stream.getvalue())
        suite = root[0]
        for element in (root, suite):
            counts = [element.get(name) for name in ("tests", "failures", "skipped")]
            self.assertEqual(counts, ["3", "1", "1"])
            self.assertEqual(element.get("time"), "1.750")
        good, bad, skipped = suite
        self.assertEqual((good.get("name"), len(good)), ("good", 0))
        self.assertEqual(bad.get("classname"), "samples.sample")
        self.assertTrue(
            bad[0].get("message", "").startswith("2 != 1 \ufffd[31m\ufffdx")
        )
        self.assertTrue((bad[0].text or "").startswith("The number is 1.\n\n2 != 1"))
        self.assertEqual(
            (skipped[0].tag, skipped[0].get("message")), ("skipped", "no close")
        )
