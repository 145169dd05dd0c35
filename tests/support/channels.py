"""Channels of a client, on one session whose network is the test."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client import (
    Recorder,
    RecorderFactory,
    ScriptedCarrier,
    ScriptedWeb,
    turn,
)
from txsockjs.client.endpoint import Connector
from txsockjs.client.multiplex import MultiplexClientFactory, MultiplexClientProtocol
from txsockjs.client.place import Settings
from txsockjs.client.url import SockJSURL


class MultiplexTest(SynchronousTestCase):
    """
    A test of channels on one session.

    :ivar carrier: what carries the session.
    :ivar connection: the session's protocol.
    """

    url = "http://server.example/multiplex"

    def setUp(self) -> None:
        self.clock = Clock()
        self.multiplex = MultiplexClientFactory(self.clock)
        self.notes = RecorderFactory()

    def connect(self) -> MultiplexClientProtocol:
        """
        Open a session.
        """
        carriers: list[ScriptedCarrier] = []

        def make(session: Any, place: Any) -> ScriptedCarrier:
            carriers.append(ScriptedCarrier(session, place))
            return carriers[-1]

        settings = Settings(transports=("websocket",), heartbeat=0)
        url = SockJSURL.parse(self.url)
        web = ScriptedWeb()
        connector = Connector(self.clock, url, settings, web, {"websocket": make})
        connecting = connector.connect(self.multiplex)
        turn(self.clock)
        [self.carrier] = carriers
        self.carrier.say("o")
        turn(self.clock)
        self.connection: Any = self.successResultOf(connecting)
        return self.connection

    def open(self, name: str = "news", kind: type[Recorder] = Recorder) -> Any:
        """
        Open a channel; forget what was sent for that.

        :return: its protocol.
        """
        self.notes.kind = kind
        protocol = self.connection.open(name, self.notes)
        self.carrier.sent.clear()
        return protocol

    def say(self, *messages: str) -> None:
        """
        Messages come in, all in one frame.
        """
        self.carrier.say("a" + json.dumps(messages))
        turn(self.clock)
