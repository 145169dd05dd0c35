"""What waits for a slow reader takes no more memory than the option ``max_buffer``."""

from __future__ import annotations

import tracemalloc

from twisted.internet.error import ConnectionLost

from tests.support.sessions import SessionTestCase
from txsockjs.core.frames import Message
from txsockjs.testing import MemoryReceiver

ALLOWED = 1024 * 1024


class MemoryTests(SessionTestCase):
    """
    Messages of any size, to a peer that reads nothing.
    """

    def fill(self, size: int) -> int:
        """
        Send messages of so many characters until the session is closed.

        :return: how many bytes of memory were in use at the most.
        """
        self.application.lost.clear()
        self.configure(max_buffer=ALLOWED)
        receiver = MemoryReceiver()
        session, _ = self.open(receiver)
        receiver.pause()
        self.send(session, "x")
        self.turn()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        count = 0
        while session.pending or not count:
            session.send(Message(f"{count:x}".zfill(size)))
            count += 1
        self.turn()
        self.assertLost(ConnectionLost)
        return tracemalloc.get_traced_memory()[1]

    def test_sizes(self) -> None:
        """
        Small messages, which take more memory than they have bytes, are not allowed to
        take more than large ones.
        """
        for size in (5, 50, 500, 5000, 50_000):
            self.assertLess(self.fill(size), 1.25 * ALLOWED, size)
            tracemalloc.stop()

    def test_all(self) -> None:
        """
        A session may hold what the option says, or nearly so.
        """
        for size in (500, 5000, 50_000):
            self.assertGreater(self.fill(size), 0.75 * ALLOWED, size)
            tracemalloc.stop()
