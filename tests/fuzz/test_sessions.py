"""Sessions in any order of events, with receivers and applications that call back in
the middle of everything, held against a model of them (`tests.support.machine`)."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.support.machine import SessionMachine, SocketMachine


class SessionTests(SynchronousTestCase):
    """
    Nothing is lost, doubled or moved unless the session is given up; the end is told
    once; nobody is called from inside a call of its own; no timer stays behind.
    """

    def test_responses(self) -> None:
        """
        So it is over HTTP.
        """
        run_state_machine_as_test(SessionMachine, settings=examples())

    def test_sockets(self) -> None:
        """
        So it is over WebSockets.
        """
        run_state_machine_as_test(SocketMachine, settings=examples(0.5))
