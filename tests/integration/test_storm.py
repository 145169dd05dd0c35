"""Many clients connect at once, over real sockets: who is there has a turn."""

from __future__ import annotations

import socket
from collections import Counter
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.trial.unittest import TestCase

from tests.support.serving import Recorder, RecordingFactory
from tests.support.sockets import upgrade
from txsockjs.factory import SockJSFactory
from txsockjs.web.site import ACCEPTED

#: How many connect, which is more than Twisted's port would take six turns for.
CLIENTS = 300
#: By how many Twisted's port accepts more in a turn than in the one before; it may do
#: so twice before it is told by the first of them.
STEP = 20


class CountingFactory(RecordingFactory):
    """
    Says when so many sessions have come.
    """

    def __init__(self) -> None:
        super().__init__(Recorder)
        self._waiting: dict[int, Deferred[None]] = {}

    def come(self, count: int) -> Deferred[None]:
        """
        What fires when so many have come.
        """
        return self._waiting.setdefault(count, Deferred())

    def buildProtocol(self, addr: Any) -> Any:
        built = super().buildProtocol(addr)
        self.come(len(self.sessions)).callback(None)
        return built


class StormTests(TestCase):
    """
    A port that has many to let in.
    """

    timeout = 60

    async def test_turns(self) -> None:
        """
        All of them are let in, and in no turn of the reactor more than the few of the
        first turns, when nobody has said anything yet.
        """
        counting = CountingFactory()
        site = SockJSFactory(counting)
        accepted: Counter[int] = Counter()
        turn = 0
        call: IDelayedCall

        def nextTurn() -> None:
            nonlocal turn, call
            turn += 1
            call = reactor.callLater(0, nextTurn)

        build = site.buildProtocol

        def building(addr: IAddress) -> Any:
            accepted[turn] += 1
            return build(addr)

        self.patch(site, "buildProtocol", building)
        port = reactor.listenTCP(0, site, CLIENTS + 1, "127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(site.closeSessions)

        def connect() -> None:
            client = socket.create_connection(("127.0.0.1", port.getHost().port))
            self.addCleanup(client.close)
            client.sendall(upgrade("/websocket"))

        # A port that has just begun to listen takes a hundred at once.
        connect()
        await counting.come(1)
        for _ in range(CLIENTS):
            connect()
        nextTurn()
        await counting.come(CLIENTS + 1)
        call.cancel()
        self.assertEqual(accepted.total(), CLIENTS + 1)
        self.assertLessEqual(max(accepted.values()), ACCEPTED + 2 * STEP)
