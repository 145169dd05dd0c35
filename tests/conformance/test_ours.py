"""
Each check of the suite, made of a txsockjs server that it has for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.conformance.server import listen
from txsockjs.conformance import case
from txsockjs.conformance.client import Target
from txsockjs.conformance.running import allChecks
from txsockjs.conformance.sections import closing, heartbeats
from txsockjs.conformance.services import Services

#: Options of the server for those groups that would wait for it too long.
OPTIONS: dict[type[case.Case], dict[str, Any]] = {
    closing.ForgettingTests: {"timeout": 0.1},
    heartbeats.HeartbeatTests: {"heartbeat": 0.1},
}


class OwnServerTest(TestCase):
    """
    Checks of one group, with a server for each.

    :cvar group: the group.
    """

    timeout = 60
    group: type[case.Case]

    async def setUp(self) -> None:
        url, stop = await listen(OPTIONS.get(self.group, {}))
        self.addCleanup(stop)
        self.case = self.group(Target(reactor, url), Services.below(""))


def checking(group: type[case.Case], name: str) -> Callable[[Any], Any]:
    """
    The test that makes one check.
    """

    async def test(self: OwnServerTest) -> None:
        await self.case.perform(name)

    test.__doc__ = getattr(group, name).__doc__
    return test


def cases() -> dict[str, type]:
    """
    A test case for each group.
    """
    found: dict[str, dict[str, Any]] = {}
    for check in allChecks():
        name = "".join(
            word[0].upper() + word[1:] for word in f"{check.group}.tests".split(".")
        )
        members = found.setdefault(
            name,
            {
                "__module__": __name__,
                "__doc__": check.case.__doc__,
                "group": check.case,
            },
        )
        members[check.method] = checking(check.case, check.method)
    return {
        name: type(name, (OwnServerTest,), members) for name, members in found.items()
    }


globals().update(cases())
