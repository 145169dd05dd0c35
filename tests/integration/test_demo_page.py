"""A person's path through the demo of ``twistd sockjs``, in real browsers."""

from __future__ import annotations

import shutil
from typing import Any

from twisted.internet import reactor

from tests.support.programs.node import TESTS, need, runNode
from tests.support.programs.servers import CLIENT
from tests.support.programs.twistd import TwistdTestCase


class DemoPage:
    """What a person reads; a subclass names the browser."""

    browser: str
    program: str
    timeout = 120

    async def test_walk(self: Any) -> None:
        """
        Each console does what it says, by WebSocket and then by polling; who is cut off
        from the chat misses nothing.
        """
        need("node", self.program, packages=("puppeteer-core", "sockjs-client"))
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        twistd = self.start(*listen, "--sockjs-client", str(CLIENT))
        artefact = TESTS / "artefacts" / f"demo-{self.browser}.png"
        [read] = await runNode(
            reactor,
            "demo.js",
            *(self.browser, shutil.which(self.program) or ""),
            *(await twistd.url() + "/", str(artefact)),
        )
        self.assertEqual(read["client"], "sockjs-client 1.6.1")
        words = "Grüße <b>☃</b>"
        self.assertEqual(
            read["echo"],
            ["o", "Open, by websocket", f'["{words}"]', f'a["{words}"]'],
        )
        closed = ["o", "Open, by websocket", 'c[3000,"Go away!"]']
        self.assertEqual(read["close"], [*closed, "Closed: 3000 Go away!"])
        polling = "open, by xhr-polling"
        states = ["closed, 1000", polling, "closed, 3000", polling]
        self.assertEqual(read["states"], states)
        self.assertEqual(read["missed"], ["ada: hello"])
        back = ["Back. Nothing was missed:", "ada: are you there?", "grace: yes"]
        self.assertEqual(read["heard"], ["ada: hello", *back])
        self.assertEqual(read["errors"], [])
        self.assertGreater(artefact.stat().st_size, 10_000)


class ChromiumTests(DemoPage, TwistdTestCase):
    """In Chromium."""

    browser = "chrome"
    program = "chromium"


class FirefoxTests(DemoPage, TwistdTestCase):
    """In Firefox."""

    browser = "firefox"
    program = "firefox-esr"
