"""A person's path through the status page, in real browsers."""

from __future__ import annotations

import json
import shutil
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.protocols.wire import Echo
from twisted.trial.unittest import TestCase

from tests.support.programs.node import TESTS, need, runNode
from txsockjs import SockJSMultiFactory, SockJSResource
from txsockjs.client import SockJSClientEndpoint
from txsockjs.rooms import Rooms
from txsockjs.sessions import SessionInfo
from txsockjs.status import statusSite

TOKEN = "a token of this test"

#: What a client may call itself, if nobody sees to it.
EVIL = "<img src=x onerror=alert(1)>"

ARTEFACTS = TESTS / "artefacts"


class StatusPage(TestCase):
    """What starts the servers."""

    timeout = 120
    browser = "chrome"
    program = "chromium"
    axe: str | None = None
    schemes: tuple[str, ...] = ("light",)

    async def listen(self, factory: Factory) -> str:
        """Listen, and say where."""
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}"

    async def browse(self, **plan: object) -> Any:
        """What the script reads."""
        need("node", self.program, packages=("puppeteer-core", "axe-core"))
        plan = {
            "artefacts": str(ARTEFACTS),
            "axe": self.axe,
            "schemes": self.schemes,
            **plan,
        }
        executable = shutil.which(self.program) or ""
        arguments = (self.browser, executable, json.dumps(plan))
        [read] = await runNode(reactor, "status.js", *arguments)
        return read


class WalkTests(StatusPage):
    """What a person does, in Chromium; what axe-core says of it."""

    axe = str(TESTS / "node_modules" / "axe-core" / "axe.min.js")
    schemes = ("light", "dark")

    async def setUp(self) -> None:
        self.site = SockJSMultiFactory()
        options = {"proxy_header": "X-Forwarded-For", "drain_timeout": 0.5}
        for name in "echo", "news":
            self.site.addFactory(Factory.forProtocol(Echo), name, options)
        self.url = await self.listen(self.site)
        rooms = Rooms(name="rooms here")
        self.addCleanup(rooms.stop)
        services = self.site.services.values()
        self.status = await self.listen(
            statusSite(services, token=TOKEN, rooms=[rooms])
        )
        self.sessions = await gatherResults(
            [
                self.session("echo", "192.0.2.1"),
                self.session("echo", "192.0.2.2"),
                self.session("news", "2001:db8::1"),
                self.session("echo", "192.0.2.3", "xhr-polling"),
            ]
        )
        talk = LoopingCall(self.sessions[0].transport.write, b"hello")
        talk.start(0.2)
        self.addCleanup(talk.stop)

    def session(self, name: str, peer: str, transport: str = "websocket") -> Any:
        """A session of somebody who says to be there."""
        headers = {"X-Forwarded-For": peer}
        endpoint = SockJSClientEndpoint(
            reactor, f"{self.url}/{name}", headers=headers, transports=[transport]
        )
        connecting: Any = endpoint.connect(Factory.forProtocol(Protocol))

        def connected(protocol: Any) -> Any:
            self.addCleanup(protocol.transport.abortConnection)
            return protocol

        return connecting.addCallback(connected)

    async def test_walk(self) -> None:
        """
        It shows what there is, sorts and filters, by keyboard too; who has the token
        closes a session, a service, and all of them. It comes again where a message to
        it was lost.
        """
        read = await self.browse(url=self.status, token=TOKEN)
        self.assertEqual(read["services"], ["echo", "news"])
        self.assertEqual(read["lives"], ["running", "running"])
        self.assertEqual(read["transports"], ["websocket", "xhr"])
        self.assertEqual(read["rooms"], ["rooms here"])
        self.assertEqual(len(read["graphs"]), 8)
        expected = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "[2001:db8::1]"]
        self.assertEqual(read["sorted"], expected)
        self.assertEqual(sorted(read["peers"]), expected)
        self.assertEqual(read["filtered"], ["xhr"])
        for locked in "locked", "stillLocked", "lockedAgain", "asked":
            self.assertTrue(read[locked], locked)
        self.assertEqual(read["objections"], [])
        self.assertEqual(read["tooWide"], [])
        self.assertEqual(read["errors"], [])


class FirefoxTests(WalkTests):
    """The same in Firefox."""

    browser = "firefox"
    program = "firefox-esr"
    axe = None
    schemes = ("light",)


class Crowded(SockJSResource):
    """
    A service with ten thousand sessions, as far as the page can see, the first of which
    would be more than text.
    """

    def openSessions(self) -> Any:
        return [
            SessionInfo(
                key,
                "websocket",
                IPv4Address("TCP", f"client-{key}.example" if key else EVIL, 1),
                None,
                float(key),
                10_000.0 - key,
                key % 7,
            )
            for key in range(10_000)
        ]


class CrowdTests(StatusPage):
    """Ten thousand sessions, in Chromium."""

    async def test_crowd(self) -> None:
        """
        The page has no more rows than are seen, and those are there wherever one
        scrolls to. Whatever a session says of itself is text.
        """
        service = Crowded(Factory.forProtocol(Echo), name="<b>crowd</b>")
        service.counters.refused[EVIL] = 1
        read = await self.browse(crowd=await self.listen(statusSite([service])))
        ARTEFACTS.joinpath("status-crowd.json").write_text(json.dumps(read))
        self.assertLess(read["most"], 100)
        self.assertEqual(read["last"], "10001")
        self.assertEqual(read["row"][0], f"{EVIL}:1<b>crowd</b> · websocket")
        self.assertEqual(read["row"][1], "<b>crowd</b>")
        self.assertEqual(read["refused"], f"{EVIL}  <b>crowd</b>")
        self.assertEqual(read["elements"], 0)
