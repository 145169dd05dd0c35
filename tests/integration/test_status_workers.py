"""The status page of ``twistd sockjs --workers``."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from tests.support.programs.twistd import TwistdTestCase
from tests.support.waiting import Waiting
from txsockjs.client import SockJSClientEndpoint

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Viewer(Waiting, Protocol):
    """
    Somebody who looks.

    :ivar state: what it was told, by name.
    """

    transport: Any

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def dataReceived(self, data: bytes) -> None:
        """It is told."""
        message = json.loads(data)
        if message["type"] != "rows":
            self.state.update(message)
        self._look()


class WorkersTests(TwistdTestCase):
    """Two workers."""

    async def connect(self, url: str, protocol: type[Protocol]) -> Any:
        """A session."""
        endpoint = SockJSClientEndpoint(reactor, url, transports=["websocket"])
        connecting: Deferred[Any] = endpoint.connect(Factory.forProtocol(protocol))
        connected = await connecting
        self.addCleanup(connected.transport.abortConnection)
        return connected

    async def test_workers(self) -> None:
        """
        Whichever of them one comes to, it shows both, which of them it is, and the
        sessions of each.
        """
        twistd = self.start(
            *("--workers", "2", "--service", "echo=twisted.protocols.wire.Echo"),
            *("--listen", LOOPBACK, "--status", LOOPBACK),
        )
        found = await twistd.until(r"SockJS services echo at (\S+)/\n")
        service = found[1]
        page = (await twistd.until(r"Status page at (\S+)/\n"))[1]
        for _ in range(5):
            await self.connect(f"{service}/echo", Protocol)
        viewer = await self.connect(f"{page}/live", Viewer)

        def workers() -> list[dict[str, Any]]:
            return list(viewer.state.get("workers", ()))

        await viewer.until(lambda: sum(w["sessions"] or 0 for w in workers()) == 5)
        self.assertEqual({each["state"] for each in workers()}, {"ready"})
        self.assertEqual(len({each["pid"] for each in workers()}), 2)
        [me] = [each for each in workers() if "this one" in each["name"]]
        [echo] = viewer.state["services"]
        self.assertEqual((echo["name"], echo["open"]), ("echo", me["sessions"]))
