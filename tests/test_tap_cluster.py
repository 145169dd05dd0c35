"""Tests for `txsockjs.serving.clustering`: ``twistd sockjs`` and other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError

from tests.support.programs.certificates import makeCertificate
from tests.test_tap import ECHO, TapTestCase
from txsockjs.cluster.machines import RedisCluster


class ClusterTests(TapTestCase):
    """
    ``--cluster``, and what goes with it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.secret = self.write("0123456789abcdef", 0o600)
        self.arguments = [
            *("--service", ECHO, "--cluster", "redis://127.0.0.1"),
            *("--cluster-secret", self.secret),
        ]

    def write(self, text: str | bytes, mode: int = 0o644) -> str:
        path = Path(self.mktemp())
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return str(path)

    def assertUsageError(self, arguments: list[str], *words: str) -> None:
        message = str(self.assertRaises(UsageError, self.parse, *arguments))
        self.assertEqual(len(message.splitlines()), 1, message)
        for word in words:
            self.assertIn(word, message)

    def test_cluster(self) -> None:
        """
        The site has the cluster, with all of its services.
        """
        options: Any = self.parse(*self.arguments)
        self.assertIsInstance(options.site.cluster, RedisCluster)
        for service in options.site.services.values():
            self.assertIs(service.elsewhere, options.site.cluster)

    def test_without(self) -> None:
        """
        Without it there is none, and nothing of it can be given.
        """
        self.assertIsNone(self.parse("--service", ECHO).site.cluster)
        for name in "secret", "listen", "address", "ca":
            self.assertUsageError([f"--cluster-{name}", "x"], f"--cluster-{name}: ")

    def test_file(self) -> None:
        """
        The URL may be in a file, which keeps a password out of the list of processes.
        """
        url = self.write("redis://:geheim@127.0.0.1\n")
        self.arguments[3] = f"@{url}"
        self.parse(*self.arguments)
        self.arguments[3] = "@/none"
        self.assertUsageError(self.arguments, "--cluster: @/none")

    def test_authorities(self) -> None:
        """
        The certificates to trust are read from a file.
        """
        good = self.write(makeCertificate().dumpPEM())
        self.parse(*self.arguments, "--cluster-ca", good)
        bad = self.write("none")
        for path, words in (bad, "no certificate"), ("/none", "No such file"):
            self.assertUsageError([*self.arguments, "--cluster-ca", path], words)

    def test_wrong(self) -> None:
        """
        What cannot be used is told in one line, with what would do.
        """
        self.assertUsageError(self.arguments[:-2], "--cluster-secret FILE", "openssl")
        for change, words in (
            (["--cluster", "http://x"], "redis://"),
            (["--cluster-secret", self.write("x", 0o600)], "too short"),
            (["--cluster-secret", self.write("x" * 20)], "chmod 600"),
            (["--cluster-address", "x"], "HOST:PORT"),
            (["--cluster-listen", "tcp:7000"], "--cluster-address"),
            (["--cluster-listen", "ssl:7000:interface=10.0.0.1"], "tls:HOST:PORT"),
            (
                ["--workers", "2", "--cluster-listen", "tcp:7000:interface=10.0.0.1"],
                "port 0",
            ),
            (["--workers", "2", "--cluster-address", "a:1"], "each has another"),
        ):
            self.assertUsageError([*self.arguments, *change], words)

    def test_workers(self) -> None:
        """
        Workers can be members, each at a port of its own.
        """
        listen = ("--cluster-listen", "tcp:0:interface=10.0.0.1")
        self.parse(*self.arguments, "--workers", "2", *listen)
