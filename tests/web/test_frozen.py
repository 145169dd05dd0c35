"""Tests for peers that take nothing more, without a word, in memory."""

from __future__ import annotations

from typing import Any

from tests.web.serving import ServiceCase
from txsockjs.utils import broadcast


class FrozenCase(ServiceCase):
    def freeze(self, transport: str, **options: object) -> Any:
        """
        Open a session whose client reads nothing more.

        @return: the application's protocol.
        """
        self.serve(heartbeat=5, **options)
        session = self.client.session(transport)
        connection = session._socket or session._response.connection
        connection.transport.pauseProducing()
        return self.sessions[0]

    def assertLost(self, protocol: Any, *kinds: type[Exception]) -> None:
        """
        The application was told of the end so often, for such reasons.
        """
        self.assertEqual([each.type for each in protocol.lost], [*kinds])


class Careless:
    """
    A push producer that raises when it is told to stop for a while.
    """

    def pauseProducing(self) -> None:
        raise ZeroDivisionError

    def resumeProducing(self) -> None:
        pass

    def stopProducing(self) -> None:
        pass


class RogueProducerTests(FrozenCase):
    """
    An application's producer that raises.
    """

    def test_broadcast(self) -> None:
        """
        It costs its own session, and neither who sends nor who else is sent to.
        """
        rogue = self.freeze("websocket")
        good = self.client.session("websocket")
        rogue.transport.registerProducer(Careless(), True)
        for _ in range(5):
            broadcast(b"x" * 60_000, [each.transport for each in self.sessions])
            self.site.settle()
        self.assertEqual(len(good.received), 5)
        self.assertLost(rogue, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
