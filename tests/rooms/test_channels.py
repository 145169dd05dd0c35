"""Tests of rooms whose members are channels of multiplexed sessions."""

from __future__ import annotations

import json
from unittest.mock import patch

from tests.rooms.test_factory import FactoryTestCase
from txsockjs import MultiplexFactory, SockJSFactory
from txsockjs.core import frames
from txsockjs.testing import MemoryClient, MemorySite


class ChannelTests(FactoryTestCase):
    """Many channels in one room."""

    def test_once(self) -> None:
        """To any number of channels a message is encoded once, as to any number of
        sessions."""
        multiplex = MultiplexFactory(self.reactor)
        multiplex.addFactory("rooms", self.factory)
        site = MemorySite(SockJSFactory(multiplex, clock=self.reactor))
        self.addCleanup(site.stop)
        client = MemoryClient(site)
        sessions = [client.session() for _ in range(10)]
        for session in sessions:
            session.send("sub,rooms", "msg,rooms," + json.dumps(self.join("r")))
        site.settle()
        room = self.rooms.room("r")
        with patch.object(frames, "quote", wraps=frames.quote) as quote:
            room.publish("once")
            site.settle()
        self.assertEqual(quote.call_count, 1)
        for session in sessions:
            self.assertIn("once", session.received[-1])
