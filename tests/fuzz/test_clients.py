"""Clients and a server of ours that drive each other over a network that stalls, breaks
and brings bytes in any pieces, held against what each side has said
(`tests.support.clientmachine`)."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import examples
from tests.support.clientmachine import (
    ClientMachine,
    PollingClientMachine,
    RawClientMachine,
    StreamingClientMachine,
)


class ClientTests(SynchronousTestCase):
    """
    Nothing is lost, doubled or moved while a session lives, and it lives as long as
    nobody ends it and nothing breaks; each side is told of the end once; nothing is
    left behind, and nothing is logged above info.
    """

    def test_webSocket(self) -> None:
        """
        So it is over WebSockets.
        """
        run_state_machine_as_test(ClientMachine, settings=examples(0.5))

    def test_rawWebSocket(self) -> None:
        """
        So it is over raw WebSockets.
        """
        run_state_machine_as_test(RawClientMachine, settings=examples(0.25))

    def test_xhrStreaming(self) -> None:
        """
        So it is over ``xhr-streaming``.
        """
        run_state_machine_as_test(StreamingClientMachine, settings=examples(0.5))

    def test_xhrPolling(self) -> None:
        """
        So it is over ``xhr-polling``.
        """
        run_state_machine_as_test(PollingClientMachine, settings=examples(0.5))
