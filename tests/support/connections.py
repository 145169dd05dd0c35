"""A router of one connection class, in memory: `ConnectionTestCase`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txsockjs.connection import SockJSApplication, SockJSConnection, SockJSRouter
from txsockjs.testing import MemoryClient, MemoryReactor, MemorySession, MemorySite


class Echo(SockJSConnection):
    """Sends back what comes in."""

    def on_message(self, message: str) -> None:
        self.send(message)


class ConnectionTestCase(SynchronousTestCase):
    """A router of one connection class, at ``/chat``."""

    def serve(self, connection: type[SockJSConnection], **settings: object) -> None:
        clock = MemoryReactor()
        self.router = SockJSRouter(connection, "/chat", settings, clock=clock)
        self.site = MemorySite(SockJSApplication(self.router.urls, clock=clock))
        self.addCleanup(self.site.stop)
        self.client = MemoryClient(self.site)

    def session(self, transport: str = "websocket") -> MemorySession:
        return self.client.session(transport, "/chat")

    def open(self, on_open: Any, **more: Any) -> MemorySession:
        """A session of a class with this ``on_open``."""
        self.serve(type("Opened", (Echo,), {"on_open": on_open, **more}))
        return self.session()
