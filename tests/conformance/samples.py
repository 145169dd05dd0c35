"""
Checks that end in all ways, for the tests of what makes and reports checks.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txsockjs.conformance import case
from txsockjs.conformance.services import Services

SERVICES = Services({"echo": "/echo"}, {"close": "none (--close URL)"}, None)


def group() -> type[case.Case]:
    """
    A group of checks that end in all ways. It is made here, for in a module trial would
    find it.
    """

    class SampleTests(case.Case):
        """
        What ``this`` is about.
        """

        said: list[str] = []
        waiting: list[Deferred[None]] = []

        async def testGood(self) -> None:
            """
            All is well.
            """
            self.atEnd(self.said.append, "first begun")
            self.atEnd(self.said.append, "last begun")

        @case.each(one=1, two=2)
        async def testRow(self, number: int) -> None:
            """
            The number is 1.
            """
            self.assertEqual(number, 1)

        async def testClosing(self) -> None:
            """
            It needs another service.
            """
            self.session("close")

        async def testLimit(self) -> None:
            """
            It needs to know the limit.
            """
            self.assertEqual(self.limit, 4096)

        async def testRaises(self) -> None:
            """
            Something goes wrong.
            """
            self.atEnd(self.fail, "and then this")
            raise LookupError("where?")

        async def testBadEnd(self) -> None:
            """
            What was begun does not end well.
            """
            self.atEnd(self.fail, "no end")

        async def testWaits(self) -> None:
            """
            It comes.
            """
            self.atEnd(self.said.append, "given up")
            self.waiting.append(Deferred())
            await self.waiting[-1]

    return SampleTests
