"""A person's path through the pages of ``examples/``, in real browsers."""

from __future__ import annotations

import shutil
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.programs.node import TESTS, need, runNode
from tests.support.programs.processes import startExample

LOOPBACK = "tcp:0:interface=127.0.0.1"


class PageCase:
    """What a person reads, in either browser."""

    timeout = 120
    browser: str
    program: str

    async def walk(self: Any, page: str) -> Any:
        need("node", self.program, packages=("puppeteer-core", "sockjs-client"))
        url, _ = await startExample(self, f"{page}.py", LOOPBACK)
        artefact = TESTS / "artefacts" / f"example-{page}-{self.browser}.png"
        executable = shutil.which(self.program) or ""
        [read] = await runNode(
            reactor,
            "examples.js",
            *(self.browser, executable, page, url + "/", str(artefact)),
        )
        self.assertGreater(artefact.stat().st_size, 1000)
        return read

    async def test_chat(self: Any) -> None:
        """Two tabs meet in the chat; what one says, the other reads, as text."""
        self.assertEqual(
            await self.walk("chat"),
            [
                "*: somebody joins",
                "*: somebody joins",
                "me: hello <b>you</b>",
                "*: somebody leaves",
            ],
        )

    async def test_multiplex(self: Any) -> None:
        """Four channels on one connection: used, closed, and refused, each alone."""
        echo, chat, room, nothing = await self.walk("multiplex")
        joins = "*: somebody joins"
        self.assertEqual(echo, ["one, two"])
        self.assertEqual(chat, [joins, "me: hello", "Closed: 3000 Go away!"])
        self.assertEqual(room, [joins, "me: still here"])
        self.assertEqual(
            nothing, ["Error: There is no such topic.", "Closed: 3000 Go away!"]
        )


class ChromiumTests(PageCase, TestCase):
    browser = "chrome"
    program = "chromium"


class FirefoxTests(PageCase, TestCase):
    browser = "firefox"
    program = "firefox-esr"
