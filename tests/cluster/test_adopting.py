"""Tests of `txsockjs.cluster.adopting`, with sockets that are none."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txsockjs.cluster.adopting import AGAIN, WorkerPort


class Opened:
    """
    A port that accepts.
    """

    def __init__(self, reactor: FullReactor, descriptor: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor

    def stopListening(self) -> None:
        self._reactor.opened.remove(self._descriptor)


@implementer(IReactorTime)
class FullReactor(Clock):
    """
    A reactor of a process that may have few descriptors.

    :ivar room: how many it has left.
    :ivar opened: what is accepted on.
    """

    room = 0

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[int] = []

    def adoptStreamPort(self, descriptor: int, family: int, factory: object) -> Any:
        if not self.room:
            raise OSError(errno.EMFILE, "Too many open files")
        self.room -= 1
        self.opened.append(descriptor)
        return Opened(self, descriptor)


class NoDescriptorsTests(SynchronousTestCase):
    """
    A worker that is told to accept, and has no descriptors left.
    """

    def setUp(self) -> None:
        self.reactor = FullReactor()
        self.port = WorkerPort(self.reactor, Factory(), socket.AF_INET, [7, 8, 9])
        self.port.startListening()

    def test_again(self) -> None:
        """
        It accepts where it can, and everywhere as soon as it can. That is logged once,
        and what it was told is done as ever.
        """
        self.reactor.room = 1
        with capturedLogs() as events:
            self.successResultOf(self.port.accept([0, 1, 2]))
            self.assertEqual(self.reactor.opened, [7])
            self.reactor.pump([AGAIN] * 3)
            self.assertEqual(self.reactor.opened, [7])
            self.reactor.room = 1
            self.reactor.advance(AGAIN)
            self.assertEqual(self.reactor.opened, [7, 8])
            self.reactor.room = 1
            self.reactor.advance(AGAIN)
        self.assertEqual(self.reactor.opened, [7, 8, 9])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        [event] = events
        self.assertIs(event["log_level"], LogLevel.warn)
        self.assertEqual(event["problem"], "Too many open files")

    def test_toldOtherwise(self) -> None:
        """
        Told to accept for others meanwhile, it accepts for those.
        """
        self.port.accept([0])
        self.port.accept([2])
        self.reactor.room = 5
        self.reactor.advance(AGAIN)
        self.assertEqual(self.reactor.opened, [9])
        self.port.accept([])
        self.assertEqual(self.reactor.opened, [])

    def test_stopped(self) -> None:
        """
        Told to stop, it tries no more.
        """
        self.port.accept([0])
        self.successResultOf(self.port.stopListening())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
