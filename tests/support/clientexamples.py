"""Runs what the documents show of clients."""

from __future__ import annotations

from io import StringIO
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.tcp import Client

from tests.support.examples import ExampleTestCase


class Watched(StringIO):
    """
    What the examples print.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[str, Deferred[None]]] = []

    def write(self, text: str) -> int:
        size = super().write(text)
        for wanted, waiting in list(self._waiting):
            if wanted in self.getvalue() and not waiting.called:
                waiting.callback(None)
        return size

    def until(self, wanted: str) -> Deferred[None]:
        """
        Wait until this was printed.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append((wanted, waiting))
        self.write("")
        return waiting.addTimeout(10, reactor)

    def clear(self) -> None:
        """
        Forget what was printed.
        """
        self.seek(0)
        self.truncate()


class ClientExampleTestCase(ExampleTestCase):
    """
    A test of examples that connect, by the ports that they name, to others that listen.

    :ivar out: what they print.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(reactor, "connectTCP", self._connect)
        # Where an example would make it, its end would be taken for the example's.
        reactor.getThreadPool()
        self.out = Watched()
        printing = patch("sys.stdout", self.out)
        printing.start()
        self.addCleanup(printing.stop)
        self.addCleanup(lambda: Deferred.fromCoroutine(self._quiet()))

    def _connect(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        # The tests connect as well, to the ports that there are.
        if port in self._ports:
            port = self._ports[port].getHost().port
        return type(reactor).connectTCP(reactor, host, port, *args, **kwargs)

    async def _quiet(self) -> None:
        """
        Wait until the clients have closed what they kept for later requests.
        """
        while any(isinstance(reader, Client) for reader in reactor.getReaders()):
            await deferLater(reactor, 0.01)
