"""What an idle session costs everybody else: what the garbage collector walks of it."""

from __future__ import annotations

import json
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

#: Twisted has six of them for a connection: its transport, what that collects, a socket
#: and one of its methods, a protocol and its own transport.
MOST = 12


class WalkedTests(SynchronousTestCase):
    """
    Objects of an idle WebSocket session.
    """

    def test_idle(self) -> None:
        """
        The collector walks twelve objects of a session that says nothing.
        """
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.programs.walked"],
            capture_output=True,
            text=True,
            check=True,
        )
        kinds = json.loads(done.stdout)
        self.assertEqual(1, kinds["Session"], kinds)
        self.assertLessEqual(round(sum(kinds.values()), 1), MOST, kinds)
