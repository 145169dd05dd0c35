"""A person's path through the demo of ``twistd sockjs``, in real browsers."""

from __future__ import annotations

import json
import shutil
from typing import Any

from twisted.internet import reactor

from tests.support.programs.node import TESTS, need, runNode
from tests.support.programs.twistd import TwistdTestCase


class DemoPage:
    """What a person reads; a subclass names the browser."""

    browser: str
    program: str
    axe: str | None = None
    timeout = 120

    async def test_walk(self: Any) -> None:
        """
        The page opens with all of it live, and goes by WebSocket and then by polling.
        Who is cut off from the chat misses nothing; so it is when all are cut off, and
        come back. It fits a phone, in the light and in the dark.
        """
        need("node", self.program, packages=("puppeteer-core", "axe-core"))
        twistd = self.start("--listen", "tcp:0:interface=127.0.0.1")
        plan = {
            "url": await twistd.url() + "/",
            "artefacts": str(TESTS / "artefacts"),
            "axe": self.axe,
        }
        executable = shutil.which(self.program) or ""
        arguments = (self.browser, executable, json.dumps(plan))
        [read] = await runNode(reactor, "demo.js", *arguments)
        self.arrives(read)
        self.talks(read)
        for seen in "objections", "tooWide", "errors":
            self.assertEqual(read[seen], [])

    def arrives(self: Any, read: Any) -> None:
        """What is there without a hand's turn."""
        self.assertEqual(read["client"], "sockjs-client 1.6.1")
        self.assertEqual(read["echoed"], ["o", "Open, by websocket", '["1"]', 'a["1"]'])
        closed = ["o", "Open, by websocket", 'c[3000,"Go away!"]']
        self.assertEqual(read["close"], [*closed, "Closed: 3000 Go away!"])
        self.assertEqual(len(read["sources"]), 8)
        self.assertTrue(read["sources"][0].startswith("class Echo(Protocol):"))
        self.assertEqual(len(read["labels"]), 6)
        for label in read["labels"]:
            self.assertRegex(label, r"^[a-z-]+: median (< )?[\d.]+ ms, ")

    def talks(self: Any, read: Any) -> None:
        """What it does when it is used."""
        self.assertEqual(read["missed"], ["ada: hello"])
        back = "Back, with all that was said meanwhile."
        heard = ["ada: hello", back, "ada: are you there?", "grace: yes"]
        self.assertEqual(read["heard"], heard)
        self.assertEqual(read["off"], "false")
        self.assertEqual(
            read["cutStates"], ["reconnecting, no network"] * 3 + ["closed, 3000"]
        )
        self.assertEqual(read["back"], [*heard, back, "ada: from the tunnel"])
        self.assertEqual(
            read["backStates"], ["open, by websocket"] * 3 + ["closed, 3000"]
        )
        self.assertEqual(
            read["states"],
            ["closed, 1000", *["open, by iframe-xhr-polling"] * 2, "closed, 3000"],
        )


class ChromiumTests(DemoPage, TwistdTestCase):
    """In Chromium, with what axe-core says of it."""

    browser = "chrome"
    program = "chromium"
    axe = str(TESTS / "node_modules" / "axe-core" / "axe.min.js")


class FirefoxTests(DemoPage, TwistdTestCase):
    """In Firefox."""

    browser = "firefox"
    program = "firefox-esr"
