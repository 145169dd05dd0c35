"""What ``docs/start.rst`` shows works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.support.documents import ROOT, blocks, commands
from tests.support.examples import ExampleTestCase, get, opened
from txsockjs.browser import CLIENT

DOCUMENT = "docs/start.rst"
FILES = ROOT / "examples" / "start"


class StartTests(ExampleTestCase):
    """
    The steps, in an empty directory.
    """

    document = DOCUMENT

    def setUp(self) -> None:
        super().setUp()
        [program] = blocks(DOCUMENT, "python")
        self.module(program, "shout.py")

    async def test_first(self) -> None:
        """
        The program answers in capitals.
        """
        first, _ = commands(DOCUMENT, "twistd")
        self.twistd(first)
        session = await opened(self.url(8080, "shout"))
        self.assertEqual(await session.ask("Grüße"), 'a["GRÜSSE"]')

    async def test_page(self) -> None:
        """
        The page is at ``/``, and loads the client that was copied beside it.
        """
        [page] = blocks(DOCUMENT, "html")
        self.write("public/index.html", page.text)
        [copy] = [
            line
            for block in blocks(DOCUMENT, "shell")
            for line in block.text.splitlines()
            if line.startswith("cp ")
        ]
        here = Path(sys.executable).parent
        path = {"PATH": f"{here}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        subprocess.run(["sh", "-c", copy], env=path, check=True)
        _, second = commands(DOCUMENT, "twistd")
        self.twistd(second)
        self.assertEqual(await get(self.url(8080)), page.text)
        script = await get(self.url(8080, "sockjs.min.js"))
        self.assertEqual(script.encode(), CLIENT.getContent())
        self.assertIn('src="sockjs.min.js"', page.text)
        session = await opened(self.url(8080, "shout"))
        self.assertEqual(await session.ask("hello"), 'a["HELLO"]')

    def test_version(self) -> None:
        """
        It is the version that there is.
        """
        shown = blocks(DOCUMENT, "console")[0].text
        self.assertIn(f"txsockjs {version('txsockjs')}\n", shown)

    def test_commands(self) -> None:
        """
        Whatever the document has typed is there, and was run by these tests or by
        `tests.integration.test_tutorial`; but for what makes the environment.
        """
        typed = [
            line.split()[0]
            for block in blocks(DOCUMENT, "shell")
            for line in block.text.splitlines()
        ]
        making = ["mkdir", "cd", "python3", ".", "pip"]
        self.assertEqual(typed, [*making, "twistd", "cp", "twistd"])
        self.assertIsNotNone(shutil.which("txsockjs", path=Path(sys.executable).parent))
