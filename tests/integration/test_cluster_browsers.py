"""
The stock ``sockjs-client`` in real browsers, over each of its transports, with a server
of several processes and nothing that keeps a session at one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import TestCase

from tests.integration.test_browsers import RealBrowser
from tests.support.programs.clusters import (
    balanceByNginx,
    startMachines,
    startWorkers,
)
from tests.support.programs.node import need


class Outside:
    """
    A server in other processes.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.lost: dict[str, Any] = {}

    async def untilLost(self, names: set[str]) -> None:
        """
        That cannot be seen from here.
        """


class Everywhere:
    """
    What must hold in each browser, whichever processes there are.
    """

    browser: str
    crossOrigin = False
    timeout = 200
    maxDiff = None
    _results: Any = None
    server: Outside

    # The one run, and what came out of it, are as for one process.
    transports = RealBrowser.transports
    setUp = RealBrowser.setUp
    runBrowser = RealBrowser.runBrowser
    assertOutcomes = RealBrowser.assertOutcomes
    test_pingPong = RealBrowser.test_pingPong
    test_burst = RealBrowser.test_burst
    test_large = RealBrowser.test_large
    test_serverCloses = RealBrowser.test_serverCloses
    test_closedAsAsked = RealBrowser.test_closedAsAsked
    test_cookie = RealBrowser.test_cookie
    test_noScriptErrors = RealBrowser.test_noScriptErrors

    def groups(self: Any, server: Outside) -> Iterator[list[dict[str, Any]]]:
        """The runs of each page."""
        # The last ones are about which transport the client chooses.
        *pages, _ = RealBrowser.groups(self, server)
        yield from pages

    def test_clientCloses(self: Any) -> None:
        """The client's close is told to the client."""
        close = {"code": 3001, "reason": "enough", "wasClean": True, "opened": 1}
        self.assertOutcomes("clientCloses", close)


class Workers(Everywhere):
    """
    Two workers of one ``twistd sockjs``.
    """

    async def start(self: Any) -> Outside:
        _, url = await startWorkers(self, 2)
        return Outside(url)


class Machines(Everywhere):
    """
    Three processes that find each other in Redis, behind nginx, which goes to each in
    turn.
    """

    async def start(self: Any) -> Outside:
        need("nginx", "redis-server")
        _, _, ports = await startMachines(self, 3)
        return Outside(await balanceByNginx(self, ports))


class ChromiumWorkersTests(Workers, TestCase):
    """Chromium."""

    browser = "chrome"


class ChromiumMachinesTests(Machines, TestCase):
    """Chromium."""

    browser = "chrome"


class FirefoxWorkersTests(Workers, TestCase):
    """Firefox."""

    browser = "firefox"


class FirefoxMachinesTests(Machines, TestCase):
    """Firefox."""

    browser = "firefox"
