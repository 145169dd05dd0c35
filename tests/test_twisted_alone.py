"""Every test of HTTP once more, with each request left to Twisted's own parser.

What is in `txsockjs.web.head` stands before that parser, and most requests of the
tests never reach it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

import tests.conformance
import tests.hostile
import tests.web
from tests.conformance.test_ours import OwnServerTest
from tests.support.serving import ServiceCase
from txsockjs.web import channel


class TwistedAlone(SynchronousTestCase):
    """
    Leaves nothing to `txsockjs.web.head`.
    """

    def setUp(self) -> Any:
        reading = patch.object(channel, "readStart", lambda data: None)
        reading.start()
        self.addCleanup(reading.stop)
        return super().setUp()


def again() -> dict[str, type]:
    """
    The test cases.
    """
    cases: dict[str, type] = {}
    for package in (tests.conformance, tests.hostile, tests.web):
        for info in iter_modules(package.__path__, package.__name__ + "."):
            _, _, short = info.name.rpartition(".")
            # Those of the head itself would be about nothing.
            if not short.startswith("test_") or short == "test_head":
                continue
            for name, case in vars(import_module(info.name)).items():
                if (
                    isinstance(case, type)
                    and issubclass(case, ServiceCase | OwnServerTest)
                    and case.__module__ == info.name
                ):
                    name = f"{short}_{name}"
                    own = {"__module__": __name__}
                    cases[name] = type(name, (TwistedAlone, case), own)
    return cases


globals().update(again())
