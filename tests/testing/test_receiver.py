"""Tests for `txsockjs.testing.receiver`, and for what the package says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsockjs import testing
from txsockjs.core.frames import HEARTBEAT, OPEN
from txsockjs.interfaces import IReceiver
from txsockjs.testing import MemoryReceiver


class PackageTests(SynchronousTestCase):
    """
    The package.
    """

    def test_example(self) -> None:
        """
        The example in the docstring works as it stands.
        """
        assert testing.__doc__ is not None
        lines = [line for line in testing.__doc__.splitlines() if line.startswith("  ")]
        source = "".join(f"{line[4:]}\n" for line in lines)
        self.assertIn("site.stop()", source)
        names: dict[str, Any] = {}
        exec("from twisted.internet.protocol import Factory", names)
        exec("from twisted.protocols import wire", names)
        exec("from txsockjs.testing import *", names)
        exec(source, names)

    def test_noTrial(self) -> None:
        """
        The fakes need nothing of trial: they serve under any test runner.
        """
        code = "import sys, txsockjs.testing; print(*sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            check=True,
        )
        self.assertIn(b"txsockjs.testing.site", done.stdout)
        self.assertNotIn(b"twisted.trial", done.stdout)


class MemoryReceiverTests(SynchronousTestCase):
    """
    `MemoryReceiver`.
    """

    def test_interface(self) -> None:
        """
        It is a receiver.
        """
        verifyObject(IReceiver, MemoryReceiver())

    def test_limit(self) -> None:
        """
        It is finished with as many frames as it was made for, and takes no more.
        """
        receiver = MemoryReceiver(2)
        self.assertTrue(receiver.sendFrame(OPEN))
        self.assertFalse(receiver.sendFrame(HEARTBEAT))
        self.assertTrue(receiver.finished)
        self.assertRaises(RuntimeError, receiver.sendFrame, HEARTBEAT)
        self.assertEqual([b"o", b"h"], receiver.frames)

    def test_pause(self) -> None:
        """
        A paused receiver takes what it is given, and says that it has no room.
        """
        receiver = MemoryReceiver()
        receiver.pause()
        self.assertFalse(receiver.sendFrame(OPEN))
        receiver.resume()
        self.assertTrue(receiver.sendFrame(HEARTBEAT))
