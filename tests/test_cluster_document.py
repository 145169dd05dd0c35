"""What ``docs/cluster.rst`` shows works, and what it lists is all that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, blocks, commands
from txsockjs.cluster import (
    connections,
    directory,
    handover,
    passed,
    reading,
    signing,
    trunk,
    trunktransport,
    waiting,
    workers,
)
from txsockjs.cluster.machines import RedisCluster
from txsockjs.serving.clustering import ClusterUsage
from txsockjs.tap import Options
from txsockjs.testing import MemoryReactor

DOCUMENT = "docs/cluster.rst"


class DocumentTests(SynchronousTestCase):
    """
    The document.
    """

    def setUp(self) -> None:
        self.text = " ".join((ROOT / DOCUMENT).read_text().split())
        here = Path(self.mktemp())
        here.mkdir()
        self.secret = here / "cluster.secret"
        self.secret.touch(mode=0o600)
        self.secret.write_text("correct horse battery staple\n")

    def test_program(self) -> None:
        """
        The program makes a site with a cluster.
        """
        [block] = blocks(DOCUMENT, "python")
        names: dict[str, Any] = {}
        code = block.text.replace("cluster.secret", str(self.secret))
        code = code.replace("from twisted.internet import reactor\n", "")
        exec(code, {"reactor": MemoryReactor()}, names)
        self.assertIsInstance(names["site"].cluster, RedisCluster)
        self.assertIs(names["site"].services[""].elsewhere, names["cluster"])

    def test_commands(self) -> None:
        """
        The command lines can be used.
        """
        [words] = commands(DOCUMENT, "twistd")
        arguments = words[words.index("sockjs") + 1 :]
        arguments[arguments.index("cluster.secret")] = str(self.secret)
        service = arguments.index("--service") + 1
        arguments[service] = "chat=twisted.protocols.wire.Echo"
        options = Options(MemoryReactor())
        options.parseOptions(arguments)
        self.assertIsInstance(options.site.cluster, RedisCluster)

    def test_options(self) -> None:
        """
        All options about clusters are there, here and where all options are.
        """
        named = {f"--{each[0]}" for each in ClusterUsage.optParameters}
        for path in DOCUMENT, "docs/operating.rst":
            found = set(re.findall(r"--cluster[a-z-]*", (ROOT / path).read_text()))
            self.assertEqual(found, named, path)

    def test_numbers(self) -> None:
        """
        What it says in numbers is so.
        """
        for words, value, expected in (
            ("kept for 20 seconds", connections.IDLE_TIME, 20),
            ("at most 10,000 to one worker", connections.MOST_CONNECTIONS, 10_000),
            ("at most 64 KiB are on their way", trunktransport.WINDOW, 2**16),
            ("16 MiB that wait for a worker", trunk.MOST_UNSENT, 2**24),
            ("by ``GOAWAY`` one second before", workers.LINGER_TIME, 1),
            ("for 5 seconds at most, and then", waiting.WAIT_TIME, 5),
            ("1,000 requests that wait", waiting.MOST_WAITING, 1000),
            ("10,000 questions that wait", directory.MOST_WAITING, 10_000),
            ("a head of 64 KiB", reading.LONGEST_HEAD, 2**16),
            ("more than 1 MiB", handover.MOST_BYTES, 2**20),
            ("after four requests in a row", handover.IN_A_ROW, 4),
            ("within 60 seconds", signing.SKEW, 60),
            ("without renewal they go after ten", directory.ENTERED, 600_000),
            ("cannot be reached within 5 seconds", connections.CONNECT_TIME, 5),
            ("cannot be reached within 5 seconds", connections.SILENCE, 5),
            ("passed on twice at the most", passed.MOST_HOPS, 2),
            ("16 bytes or more", signing.SHORTEST, 16),
        ):
            self.assertIn(words, self.text)
            self.assertEqual(value, expected, words)
