"""Tests for `txsockjs.serving.collecting`."""

from __future__ import annotations

import gc
import weakref

from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import tap
from txsockjs.serving.collecting import ServerCollector


class Knot:
    """
    Something in a cycle with itself.
    """

    def __init__(self) -> None:
        self.self = self


class ServerCollectorTests(SynchronousTestCase):
    """
    The garbage collector while a process serves.
    """

    def setUp(self) -> None:
        before = gc.get_threshold()
        self.addCleanup(lambda: (gc.set_threshold(*before), gc.unfreeze()))
        self.before = before

    def test_rarely(self) -> None:
        """
        The young are collected as often as before, and all of them seldom.
        """
        ServerCollector().start()
        self.assertEqual(gc.get_threshold(), (*self.before[:2], 1000))

    def test_frozen(self) -> None:
        """
        What is there is not looked at again, and what is made afterwards is.
        """
        collector = ServerCollector()
        old = Knot()
        collector.start()
        self.assertGreater(gc.get_freeze_count(), 1000)
        gone = weakref.ref(old)
        del old
        new = weakref.ref(Knot())
        gc.collect()
        self.assertIsNotNone(gone())
        self.assertIsNone(new())

    def test_stop(self) -> None:
        """
        Afterwards everything is as it was.
        """
        collector = ServerCollector()
        collector.start()
        collector.start()
        collector.stop()
        self.assertEqual(gc.get_threshold(), self.before)
        self.assertEqual(gc.get_freeze_count(), 0)
        collector.stop()


class UsageTests(SynchronousTestCase):
    """
    The option ``--gc``.
    """

    def collector(self, *arguments: str) -> ServerCollector | None:
        """
        What a service has that these arguments ask for.
        """
        options = tap.Options(MemoryReactorClock())
        options.parseOptions(["--service", "e=twisted.protocols.wire.Echo", *arguments])
        return tap.makeServer(options).collector

    def test_default(self) -> None:
        """
        It is set for a server, unless it is to be left alone.
        """
        self.assertIsNotNone(self.collector())
        self.assertIsNotNone(self.collector("--gc", "server"))
        self.assertIsNone(self.collector("--gc", "python"))

    def test_unknown(self) -> None:
        """
        What is neither is an error that names both.
        """
        error = self.assertRaises(UsageError, self.collector, "--gc", "never")
        self.assertEqual(str(error), "--gc never: there are server and python")
