"""A status page in memory, and who looks at it."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.trial.unittest import SynchronousTestCase

from txsockjs import SockJSMultiFactory
from txsockjs.status import statusSite
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySite

TOKEN = "0123456789abcdef"


class Looking:
    """
    A viewer: what the page would know.

    :ivar state: all that it was told of, by name.
    :ivar rows: the rows of the table that it knows, by their places.
    :ivar messages: each message.
    """

    def __init__(self, client: MemoryClient, transport: str = "websocket") -> None:
        self.session = client.session(transport, "/live")
        self.state: dict[str, Any] = {}
        self.rows: dict[int, list[Any]] = {}
        self.messages: list[Any] = []
        self._number = 0

    def read(self) -> list[Any]:
        """
        What has come since this was last called.
        """
        received, self.session.received = self.session.received, []
        new = [json.loads(text) for text in received]
        for message in new:
            if message["type"] == "rows":
                if message["number"] == self._number:
                    self.rows |= {int(n): row for n, row in message["rows"].items()}
            else:
                self.state.update(message)
        self.messages += new
        return new

    def look(self, **view: object) -> None:
        """
        Look at a part of the table.
        """
        self._number += 1
        self.rows = {}
        view = {"first": 0, "count": 40, "sort": "age", "down": True, **view}
        self.session.send(json.dumps({"view": {**view, "number": self._number}}))

    def do(self, action: str, token: object = TOKEN, **what: object) -> Any:
        """
        Ask for an action.

        :return: the answer.
        """
        said = {"do": action, "token": token, "number": 7, **what}
        self.session.send(json.dumps(said))
        [answer] = [each for each in self.read() if each["type"] == "done"]
        return answer


class StatusTestCase(SynchronousTestCase):
    """
    Two services, ``chat`` and ``news``, and their status page.

    :ivar users: a client of the services.
    :ivar operator: a client of the page.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.site = SockJSMultiFactory(clock=self.reactor)
        for name in "chat", "news":
            self.site.addFactory(Factory.forProtocol(Echo), name, self.options())
        memory = MemorySite(self.site)
        self.addCleanup(memory.stop)
        self.users = MemoryClient(memory)
        self.serve()

    def options(self) -> dict[str, object]:
        """
        The options of the services.
        """
        return {}

    def serve(self, **settings: Any) -> None:
        """
        Serve the page.
        """
        services = self.site.services.values()
        site = statusSite(services, clock=self.reactor, **settings)
        self.page = MemorySite(site)
        self.addCleanup(self.page.stop)
        self.operator = MemoryClient(self.page)

    def watch(self, transport: str = "websocket") -> Looking:
        """
        Somebody looks.
        """
        looking = Looking(self.operator, transport)
        looking.read()
        return looking

    def seconds(self, count: float = 1) -> None:
        """
        Let seconds pass, in short turns, as a reactor that has nothing to do.
        """
        for _ in range(round(count * 16)):
            self.reactor.advance(1 / 16)
        self.reactor.settle()
