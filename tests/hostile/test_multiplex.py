"""A client that floods a multiplexed service."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

from tests.support.multiplexing import MultiplexTestCase

#: Messages in one delivery, and what may come of them.
MANY, BOUND = 3000, 256


class FloodTests(MultiplexTestCase):
    """What one delivery of many messages makes."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def flood(self, *messages: str) -> list[str]:
        """The answers to one delivery, after which the session is served as before."""
        session = self.session("sub,echo")
        self.events.clear()
        session.send(*messages)
        answers = self.taken(session)
        session.send("msg,echo,still here")
        self.assertEqual(self.taken(session), ["msg,echo,still here"])
        session.send("uns,echo", "sub,echo")
        session.send("msg,echo,again")
        self.assertEqual(self.taken(session), ["msg,echo,again"])
        return answers

    def assertQuiet(self) -> None:
        """One event was logged at the most, at debug."""
        self.assertLessEqual([e["log_level"] for e in self.events], [LogLevel.debug])

    def test_same(self) -> None:
        """The same problem many times is told once, logged once and counted."""
        for message in "x", "msg,nil,x", "uns,nil", "msg,echo", "sub,nil":
            before = self.service.multiplex.refused.total()
            self.assertLessEqual(len(self.flood(*[message] * MANY)), 4, message)
            count = self.service.multiplex.refused.total() - before
            self.assertEqual(count, MANY, message)
            self.assertQuiet()

    def test_different(self) -> None:
        """Many problems are told up to a bound, and counted."""
        answers = self.flood(*[f"msg,{number},x" for number in range(MANY)])
        self.assertEqual(len(answers), BOUND)
        self.assertEqual(self.service.multiplex.refused.total(), MANY)
        self.assertQuiet()

    def test_nextTurn(self) -> None:
        """What is told of once in a turn is told of again in a later one."""
        session = self.session()
        for _ in range(2):
            session.send("msg,nil,x", "msg,nil,y")
            told = ["err,nil,This topic is not open."]
            self.assertEqual(self.taken(session), told)

    def test_churn(self) -> None:
        """A channel that is opened and closed over and over stays within the bound."""
        answers = self.flood(*["sub,note", "uns,note"] * MANY)
        self.assertLessEqual(len(self.notes.notes), BOUND)
        self.assertIn("uns,note", answers)
        self.assertLess(len(answers), 2 * BOUND)
        self.assertQuiet()

    def test_failures(self) -> None:
        """A factory that raises is asked, and logged, a bounded number of times."""
        self.notes.make = lambda: 1 / 0
        self.flood(*["sub,note"] * MANY)
        self.assertLessEqual(len(self.flushLoggedErrors(ZeroDivisionError)), BOUND)

    def test_longNames(self) -> None:
        """A name that is too long is not looked at, and not given back."""
        for kind in "sub", "msg", "uns", "x":
            [answer] = self.flood(f"{kind},{'%41' * 342},x")
            self.assertEqual(answer, "err,,The name of the topic is too long.")

    def test_longestName(self) -> None:
        """A name of the greatest length is as any other."""
        name = "x" * 1024
        self.service.addFactory(name, self.notes)
        self.flood(f"sub,{name}", f"msg,{name},a")
        self.assertEqual(self.notes.notes[-1].received, [b"a"])

    def test_endsMeanwhile(self) -> None:
        """A session that ends with its flood leaves nothing to do."""
        session = self.session()
        session.send(*["x"] * MANY)
        session.abort()
        self.site.stop()
        self.reactor.settle()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
