"""Tests of the waiting for the end of a session, at `txsockjs.transport`."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from tests.test_transport import Recorder, TransportTestCase


class EndTests(TransportTestCase):
    """
    Who waits for the end of a session.
    """

    def test_told(self) -> None:
        """
        They are told once the protocol was, however many they are; one that gave up is
        not.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        ended = [transport.whenEnded() for _ in range(3)]
        for each in ended:
            each.addCallback(lambda result: protocol.calls.append("ended"))
        ended[1].addErrback(lambda reason: reason.trap(CancelledError))
        ended[1].cancel()
        transport.loseConnection()
        self.assertEqual(["connectionMade"], protocol.calls)
        self.turn()
        expected = ["connectionMade", "connectionLost", "ended", "ended"]
        self.assertEqual(expected, protocol.calls)

    def test_over(self) -> None:
        """
        Who asks when it is over is told at once, in ``connectionLost`` too.
        """
        protocol = Recorder()
        transport = self.open(protocol)
        asked: list[Deferred[None]] = []
        protocol.hooks["connectionLost"] = lambda: asked.append(transport.whenEnded())
        self.assertNoResult(transport.whenEnded())
        transport.abortConnection()
        self.turn()
        self.successResultOf(asked[0])
        self.successResultOf(transport.whenEnded())
