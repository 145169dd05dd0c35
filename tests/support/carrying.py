"""A carrier over XHR, and a server that does what a test says."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.error import ConnectionAborted

from tests.support.carriers import Carried
from tests.support.scripted import Asked, ScriptedTestCase
from txsockjs.client.place import Place, Settings
from txsockjs.client.xhr import XHRStreaming
from txsockjs.testing import MemoryReactor

PRELUDE = b"h" * 2048 + b"\n"


def place(
    web: Any,
    clock: MemoryReactor,
    url: str = "http://sockjs.example/0/s",
    **settings: Any,
) -> Place:
    """
    Where a carrier is used.
    """
    return Place(url, web, clock, Settings(**settings))


class CarrierTestCase(ScriptedTestCase):
    """
    A session that is carried to a scripted server, which keeps the requests until the
    test answers them.

    :ivar sends: the requests that were to send.
    """

    def setUp(self) -> None:
        super().setUp()
        self.receives: list[Asked] = []
        self.sends: list[Asked] = []
        self.session = Carried()

        def script(asked: Asked) -> None:
            isSend = asked.line.endswith("/xhr_send")
            (self.sends if isSend else self.receives).append(asked)

        self.server.script = script
        self.addCleanup(self.end)

    def end(self) -> None:
        """
        Nothing is told behind the end.
        """
        if "lost" not in self.session.words:
            self.carrier.abort()
            self.reactor.settle()
            self.assertIsInstance(self.session.reason, ConnectionAborted)
        self.reactor.advance(60)

    def start(self, kind: Any = XHRStreaming, **settings: Any) -> None:
        """
        Begin. With streaming, the response has begun.
        """
        self.carrier = kind(self.session, place(self.web, self.reactor, **settings))
        self.carrier.start()
        self.reactor.settle()
        if kind is XHRStreaming:
            self.receives[-1].begin()
            self.say(PRELUDE)

    def say(self, data: bytes) -> None:
        """
        Go on with a streaming response.
        """
        self.receives[-1].chunk(data)
        self.reactor.settle()

    def answer(self, body: bytes, status: str = "200 OK") -> None:
        """
        Answer a polling request.
        """
        self.receives[-1].answer(body, status)
        self.reactor.settle()

    def take(self, status: str = "204 No Content", body: bytes = b"") -> Any:
        """
        Answer the last sending request.

        :return: the messages in it.
        """
        asked = self.sends[-1]
        asked.answer(body, status)
        self.reactor.settle()
        return json.loads(asked.body)

    @property
    def frames(self) -> list[str]:
        return self.session.values("frame")

    @property
    def lost(self) -> str:
        """
        Why it was lost, as a person reads it.
        """
        return str(self.session.reason)
