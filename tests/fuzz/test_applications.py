"""Applications that do anything in any call at any moment, over a whole server
(`tests.support.applications`)."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.support.applications import FAULTS, ApplicationMachine


class ApplicationTests(SynchronousTestCase):
    """
    Whatever they raise, close or stop: each is told once, never inside its own call;
    nothing is lost unless it is given up, and nothing stays behind.
    """

    def test_anything(self) -> None:
        """
        So it is, and nothing is logged but what they raised.
        """
        run_state_machine_as_test(ApplicationMachine, settings=examples())
        self.flushLoggedErrors(*FAULTS.values())
