"""``make test``: each test is run once, and counts."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from noxfile import unitTests
from tests.suite import BROWSERS, MEASURING, Suite, otherTests

#: Stands for trial. Those that are apart must find themselves alone, and the first of
#: them goes on when one that is not is beside it.
SCRIPT = """
import os, sys, time
name = sys.argv[1]
print("Ran", name)
if name.startswith("apart"):
    os.mkdir("busy")
    latest = time.monotonic() + 30
    while not os.path.exists("other"):
        if time.monotonic() > latest:
            sys.exit("nobody is beside it")
    os.rmdir("busy")
if name.startswith("other"):
    open("other", "w").close()
if name == "dies":
    os.abort()
if name == "fails":
    sys.exit("FAILED (failures=1, errors=2, successes=3)")
if name == "skips":
    print("PASSED (skips=1, successes=2)")
else:
    print("PASSED (successes=3)")
"""


class SuiteTests(SynchronousTestCase):
    """
    `Suite`.
    """

    def setUp(self) -> None:
        self.here = Path(self.mktemp())
        self.here.mkdir()
        (self.here / "trial.py").write_text(SCRIPT)
        self.suite = Suite((sys.executable, "trial.py"), self.here)
        self.out = StringIO()

    def run_(self, *names: str) -> str:
        """
        Run some, one after the other.

        :return: the summary.
        """
        with redirect_stdout(self.out):
            for name in names:
                self.suite.run(name)
        return self.suite.summary()

    def test_passed(self) -> None:
        """
        The numbers of all runs are added up, and what is said of them is there.
        """
        said = self.run_("one", "skips")
        self.assertEqual(said, "PASSED (skips=1, successes=5)")
        self.assertEqual(self.suite.failed, [])
        self.assertIn("Ran one\n", self.out.getvalue())

    def test_failed(self) -> None:
        """
        One that fails is named, and so has the whole.
        """
        said = self.run_("one", "fails", "two")
        self.assertEqual(said, "FAILED (failures=1, errors=2, successes=9)")
        self.assertEqual(self.suite.failed, ["fails: status 1"])

    def test_died(self) -> None:
        """
        One that dies before its end counts as an error.
        """
        said = self.run_("one", "dies")
        self.assertEqual(said, "FAILED (errors=1, successes=3)")
        self.assertEqual(self.suite.failed, ["dies: status -6"])

    def test_nothing(self) -> None:
        """
        Where nothing was run, nothing has passed.
        """
        self.assertEqual(self.run_(), "FAILED ()")

    def test_sideBySide(self) -> None:
        """
        Each is run once, and of those that are apart, one at a time.
        """
        apart = [f"apart-{number}" for number in range(4)]
        others = [f"other-{number}" for number in range(8)]
        with redirect_stdout(self.out):
            self.suite.runSideBySide(apart, others, 3)
        self.assertEqual(self.suite.summary(), "PASSED (successes=36)")
        said = self.out.getvalue()
        self.assertEqual(
            [said.count(f"Ran {name}\n") for name in apart + others], [1] * 12
        )


class ModulesTests(SynchronousTestCase):
    """
    Which modules are run when.
    """

    def test_all(self) -> None:
        """
        Each module of tests is run, and none twice.
        """
        root = Path(__file__).parent
        units, others = unitTests(root), otherTests(root)
        for path in root.rglob("test_*.py"):
            parts = path.relative_to(root.parent).with_suffix("").parts
            name, first = ".".join(parts), ".".join(parts[:2])
            self.assertEqual(units.count(first) + others.count(name), 1, name)

    def test_special(self) -> None:
        """
        Those that need a place of their own are there.
        """
        self.assertLessEqual(
            {*BROWSERS, *MEASURING}, {*otherTests(Path(__file__).parent)}
        )
