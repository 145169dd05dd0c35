"""What ``docs/status.rst`` shows works, and the options of ``twistd sockjs`` for it."""

from __future__ import annotations

import re
from typing import Any

from treq.testing import StubTreq
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo
from twisted.python.usage import UsageError

from tests.support.documents import commands
from tests.support.examples import ExampleTestCase, get
from tests.test_tap import ECHO, TapTestCase
from txsockjs import SockJSMultiFactory

DOCUMENT = "docs/status.rst"
TOKEN = "0123456789abcdef0123456789abcdef"


class DocumentTests(ExampleTestCase):
    """``docs/status.rst``."""

    document = DOCUMENT

    def setUp(self) -> None:
        super().setUp()
        self.write(
            "myapp/chat.py", "from twisted.protocols.wire import Echo as ChatFactory"
        )
        self.write("status.token", TOKEN + "\n")

    def test_complete(self) -> None:
        """No block is left out here."""
        self.assertAllTested()

    async def assertPage(self, url: str) -> None:
        """The page is there."""
        self.assertIn("<title>Status", await get(url))

    async def test_resource(self) -> None:
        """The page is a Resource below a site of one's own."""
        site = self.space["site"] = SockJSMultiFactory()
        site.addFactory(Factory.forProtocol(Echo), "chat")
        self.run_("resource")
        await self.assertPage(self.url(9101, "status/"))

    async def test_commands(self) -> None:
        """Each command line serves the page."""
        for number in range(3):
            self.twistd(commands(DOCUMENT, "twistd")[number])
            await self.assertPage(self.url(9101))
            await get(self.url(9101, "live/info"))


class CommandTests(TapTestCase):
    """``twistd sockjs --status``."""

    def write(self, text: str, name: str = "token") -> None:
        """Write a file of a token."""
        self.here.child(name).setContent(text.encode())

    def test_listens(self) -> None:
        """It serves the page on the ports that it is given, and nowhere else."""
        status = "tcp:91:interface=127.0.0.1"
        service = self.start("--service", ECHO, "--status", status, "--status=tcp:92")
        ports = {server[0]: server[1] for server in self.reactor.tcpServers}
        self.assertEqual(set(ports), {8080, 91, 92})
        self.assertIs(ports[8080], service.site)
        self.assertIs(ports[91], ports[92])
        for site, code in (ports[91], 200), (service.site, 404):
            treq = StubTreq(site.resource)
            response = self.successResultOf(treq.get("http://status.test/live/info"))
            self.assertEqual(response.code, code)

    def test_token(self) -> None:
        """The file's token opens the actions, without the end of its line."""
        self.write(TOKEN + "\n")
        options = self.parse(
            "--service", ECHO, "--status=tcp:91", "--status-token=token"
        )
        site: Any = options.statusSite
        live = site.services["live"]
        self.assertTrue(live._factory.actions.possible)
        asked = {"do": "unlock", "token": TOKEN}
        self.assertEqual(
            live._factory.actions.do(asked, "here"), "Actions are unlocked."
        )

    def test_rooms(self) -> None:
        """It shows the rooms that services have, their own as well as shared ones."""
        for arguments, names in (
            ((), ["rooms"]),
            (("--service", ECHO), []),
            (("--service=a=txsockjs.rooms.RoomsFactory", "--rooms=memory:"), ["rooms"]),
        ):
            service = self.start(*arguments, "--status=tcp:91")
            sites = {server[0]: server[1] for server in self.reactor.tcpServers}
            watch = sites[91].services["live"]._factory.watch
            self.assertEqual([each.counters.name for each in watch._rooms], names)
            self.successResultOf(service.stopService())

    def test_none(self) -> None:
        """Without it there is none."""
        self.start("--service", ECHO)
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def assertWrong(self, pattern: str, *arguments: str) -> None:
        """One line says what is wrong."""
        error = self.assertRaises(UsageError, self.parse, "--service", ECHO, *arguments)
        self.assertRegex(str(error), pattern)
        self.assertEqual(len(str(error).splitlines()), 1)

    def test_wrong(self) -> None:
        """What cannot be used is named, with what to do; a token is not shown."""
        self.write("too short")
        self.here.child("binary").setContent(b"\xff" * 32)
        page = "--status=tcp:91"
        for pattern, *arguments in (
            (r"--status 91: .*; try tcp:91:interface=127.0.0.1", "--status=91"),
            (r"--status-token nowhere: .*No such file", page, "--status-token=nowhere"),
            (r"--status-token token: .*16 or more", page, "--status-token=token"),
            (r"--status-token binary: ", page, "--status-token=binary"),
            (r"these go with --status", "--status-token=token"),
            (r"these go with --status", "--status-origin=https://a.example"),
            (r"--status-origin: .*'a.example'", page, "--status-origin=a.example"),
        ):
            self.assertWrong(pattern, *arguments)
        error = self.assertRaises(UsageError, self.parse, page, "--status-token=token")
        self.assertNotIn("too short", str(error))

    def test_help(self) -> None:
        """They are in the help, with where to listen."""
        usage = " ".join(self.parse().getUsage(200).split())
        for option in "--status=", "--status-token=", "--status-origin=":
            self.assertIn(option, usage)
        self.assertTrue(re.search(r"tcp:9101:interface=127\.0\.0\.1", usage))
