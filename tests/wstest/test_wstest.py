"""A short set of the Autobahn test suite."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.support.missing import missing
from tests.wstest.suite import echoSite, failures, run
from txsockjs import admission

#: Nearly everything but large messages, and a bit of compression.
PLAIN = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.1.*", "6.2.*", "6.3.*", "7.*", "10.*"]
DEFLATE = ["12.1.1", "12.2.1", "13.3.1", "13.7.1"]


class SuiteTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        if find_spec("kosoku") is None:
            raise missing("no Autobahn test suite: kosoku is not installed (pip)")
        self.patch(admission, "SessionTransport", admission.SessionTransport)
        listening = reactor.listenTCP(0, echoSite(), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port

    async def assertPasses(self, service: str, cases: list[str]) -> None:
        """
        These cases were run, and are OK or informational, each of them.
        """
        selection = [word for case in cases for word in ("-i", case)]
        out = Path(self.mktemp())
        found = await run(reactor, service, selection, out, self.port)
        self.assertEqual(failures(found), {})
        self.assertGreaterEqual(len(found), len(cases))

    async def test_plain(self) -> None:
        """
        Framing, control frames, fragments, UTF-8, closing.
        """
        await self.assertPasses("plain", PLAIN)

    async def test_deflate(self) -> None:
        """
        permessage-deflate, with compression on.
        """
        await self.assertPasses("deflate", DEFLATE)
