"""The site, in a real browser: no page is wider than its window."""

from __future__ import annotations

import json
import shutil

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.programs.node import TESTS, need, runNode
from tests.support.site import build

ARTEFACTS = TESTS / "artefacts"

#: Pages that pictures are kept of.
SHOWN = {
    "front": "index.html",
    "options": "options.html",
    "architecture": "architecture.html",
    "reference": "api/server.html",
    "codes": "codes.html",
}


class WindowTests(TestCase):
    """
    What Chromium makes of the pages.
    """

    timeout = 240

    async def test_windows(self) -> None:
        """
        No page has to be scrolled sideways on a phone, and some are looked at on larger
        screens, by day and by night.
        """
        need("node", "chromium", packages=("puppeteer-core",))
        site = build()
        ARTEFACTS.mkdir(exist_ok=True)
        pages = sorted(site.rglob("*.html"))
        self.assertGreater(len(pages), 40)
        plan = {
            "pages": [path.as_uri() for path in pages],
            "shown": {name: (site / SHOWN[name]).as_uri() for name in SHOWN},
            "artefacts": str(ARTEFACTS),
        }
        executable = shutil.which("chromium") or ""
        [read] = await runNode(reactor, "site.js", executable, json.dumps(plan))
        self.assertEqual(read, {"wide": {}, "errors": []})
