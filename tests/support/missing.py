"""What a test does where something that it needs is not here."""

from __future__ import annotations

import os
from unittest import SkipTest

from twisted.trial.unittest import FailTest


def missing(problem: object) -> Exception:
    """
    What a test raises that cannot be done here: where the environment has ``CI``,
    nothing may miss, and it fails.

    :param problem: what is missing, and where it can be had.
    """
    return (FailTest if os.environ.get("CI") else SkipTest)(problem)
