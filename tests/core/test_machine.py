"""Any order of polls, streams, sockets, drops, writes, closes and time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.support.machine import SessionMachine, SocketMachine


class MachineTests(SynchronousTestCase):
    """
    Whatever happens in whatever order: nothing is lost, doubled or moved unless the
    session is given up; the end is told once; no timer stays behind.
    """

    def runMachine(self, machine: type[SessionMachine], examples: int) -> None:
        run_state_machine_as_test(
            machine,
            settings=settings(
                derandomize=True,
                deadline=None,
                max_examples=examples,
                stateful_step_count=50,
            ),
        )

    def test_responses(self) -> None:
        """
        So it is over HTTP.
        """
        self.runMachine(SessionMachine, 200)

    def test_sockets(self) -> None:
        """
        So it is over WebSockets.
        """
        self.runMachine(SocketMachine, 50)
