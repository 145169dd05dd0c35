"""What an idle session costs everybody else: what the garbage collector walks of it,
and the memory that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

#: Twisted has six of them for a connection: its transport, what that collects, a socket
#: and one of its methods, a protocol and its own transport.
MOST = 12

#: A poll that waits has beside them its connection with two lists, its request and the
#: lines of its head, and a response.
MOST_POLLING = 18

#: Of a session with a poll that waits: what Python has allocated, in bytes.
MEMORY_POLLING = 5000


def measured(kind: str) -> Any:
    """
    What one session takes.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.programs.walked", kind],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


class WalkedTests(SynchronousTestCase):
    """
    Objects and bytes of an idle session.
    """

    def test_webSocket(self) -> None:
        """
        The collector walks twelve objects of a WebSocket session that says nothing.
        """
        kinds = measured("websocket")["kinds"]
        self.assertEqual(1, kinds["Session"], kinds)
        self.assertLessEqual(round(sum(kinds.values()), 1), MOST, kinds)

    def test_polling(self) -> None:
        """
        A session whose poll waits is eighteen objects, and less than five kilobytes,
        with heads that no other request has.
        """
        found = measured("xhr")
        kinds = found["kinds"]
        self.assertEqual(1, kinds["Session"], kinds)
        self.assertLessEqual(round(sum(kinds.values()), 1), MOST_POLLING, kinds)
        self.assertLessEqual(found["bytes"], MEMORY_POLLING)
