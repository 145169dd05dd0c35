"""A short soak."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.soak.client import ENDS, KINDS
from tests.soak.run import Soak
from tests.support.missing import missing

SECONDS = 20


class SoakTests(TestCase):
    timeout = 240

    async def test_short(self) -> None:
        """
        After sessions over all transports have ended in all ways, the server holds
        what it held before: no session, descriptor, timer or memory more.
        """
        if not Path("/proc/self/statm").exists():
            raise missing("no /proc: a soak cannot see what a process holds")
        said: list[str] = []
        soak = Soak(reactor, said.append, 1)
        wrong = await soak.run(SECONDS)
        self.assertEqual(wrong, [], "\n".join(said))
        seen = {word for how in soak.ends for word in how.split()}
        self.assertLessEqual({*KINDS, *ENDS}, seen)
