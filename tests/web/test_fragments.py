"""Tests for what a WebSocket message in many pieces may cost."""

from __future__ import annotations

from sys import getsizeof

from tests.support.serving import ServiceCase
from tests.support.sockets import Socket, frame


class FragmentTests(ServiceCase):
    def size(self, *pieces: bytes) -> int:
        """
        How many bytes the server keeps of a message whose fragments these are.
        """
        self.serve()
        socket = Socket(self.connect(), "/websocket")
        socket.send(frame(b"", final=False))
        socket.send(*pieces)
        (server,) = [
            each
            for each in self.site.reactor.getReaders()
            if each.getPeer().host == "192.0.2.7"
        ]
        kept = server.protocol.message_data
        return sum(map(getsizeof, kept)) + getsizeof(kept)

    def test_empty(self) -> None:
        """
        Empty fragments, of which there may be any number, take no memory.
        """
        self.assertLess(self.size(*[frame(b"", 0, final=False)] * 5000), 1000)

    def test_tiny(self) -> None:
        """
        Tiny fragments take hardly more memory than their bytes.
        """
        self.assertLess(self.size(*[frame(b"xy", 0, final=False)] * 5000), 25_000)
