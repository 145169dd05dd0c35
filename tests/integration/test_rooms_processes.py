"""A room of three processes, while all that can go goes."""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.support.programs.chatting import WINDOW
from tests.support.programs.processes import Program, start
from tests.support.programs.redis import Redis

#: How many sessions each process has.
MEMBERS = 100

#: How many messages each of the two that stay publishes.
MESSAGES = 5000

#: Seconds after which members of a process that is gone are taken to be gone.
TTL = 4


class CrowdTests(TestCase):
    """Three processes, 300 sessions, 10,000 messages."""

    timeout = 120

    async def begin(self, name: str, messages: int = MESSAGES) -> Program:
        program = "tests.support.programs.chatting"
        numbers = map(str, (MEMBERS, 3 * MEMBERS, messages, TTL))
        command = (sys.executable, "-m", program, name, self.redis.url, *numbers)
        return await start(self, r"joined\.", *command)

    async def report(self, program: Program) -> dict[str, Any]:
        return json.loads((await program.until(r"report (\{.*\})\."))[1])

    async def test_recovery(self) -> None:
        """
        While Redis is restarted and one process is killed, every session of the others
        gets every message once and in order, the same everywhere; nothing that was
        taken is missing, and nobody is told of a gap. Those of the process that was
        killed are gone within twice the time to live, each told once.
        """
        self.redis = await Redis(self, "--appendonly", "yes").start()
        # The third one publishes as long as it lives.
        first, second, third = await gatherResults(
            [
                Deferred.fromCoroutine(self.begin("a")),
                Deferred.fromCoroutine(self.begin("b")),
                Deferred.fromCoroutine(self.begin("c", 1_000_000)),
            ]
        )
        await first.until(r"at 3000\.")
        # The second one does not see it come back before the others go on.
        second.freeze()
        await self.redis.stop()
        await self.redis.start()
        await first.until(r"at 4000\.")
        second.thaw()
        await first.until(r"at 6000\.")
        await third.kill()
        killed = reactor.seconds()
        for program in first, second:
            await program.until(rf"gone c {MEMBERS}\.")
        self.assertLess(reactor.seconds() - killed, 2 * TTL)
        reports = await gatherResults(
            [Deferred.fromCoroutine(self.report(each)) for each in (first, second)]
        )
        for report in reports:
            self.assertTrue(report["alike"], report)
            self.assertTrue(report["whole"], report)
            self.assertEqual(report["missing"], [])
            self.assertEqual(report["gaps"], 0)
            self.assertEqual(report["taken"], MESSAGES + 1)
            # Redis was away, and it was noticed.
            self.assertGreater(report["refused"], 0)
            # Whoever was not sure, and tried again, may have said it twice; the third
            # one too.
            uncertain = sum(each["uncertain"] for each in reports)
            self.assertLessEqual(report["twice"], uncertain + WINDOW)
        self.assertGreaterEqual(reports[1]["recovered"], 100 * MEMBERS)
        self.assertEqual(reports[0]["digest"], reports[1]["digest"])
        self.assertGreater(reports[0]["count"], 2 * MESSAGES)
        for program in first, second:
            self.assertNotIn(f"gone c {MEMBERS + 1}.", program.output)
