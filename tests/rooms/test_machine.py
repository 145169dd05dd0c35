"""Any order of joins, leaves, publishes and faults, on rooms in memory."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.rooms.machine import RoomsMachine


class MachineTests(SynchronousTestCase):
    """
    Whatever happens in whatever order: members get what is published in order and once,
    or are told of a gap; who is in is told so; nothing is left behind.
    """

    def test_rooms(self) -> None:
        """
        So it is for two processes.
        """
        run_state_machine_as_test(
            RoomsMachine,
            settings=settings(
                derandomize=True,
                deadline=None,
                max_examples=300,
                stateful_step_count=40,
            ),
        )
