"""
The checks of the suite, found and made.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from inspect import getdoc, isclass
from types import ModuleType
from typing import TypeGuard
from unittest import SkipTest

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

from txsockjs.conformance.case import Case, each
from txsockjs.conformance.client import Target
from txsockjs.conformance.sections import (
    closing,
    connections,
    eventsource,
    headers,
    heartbeats,
    htmlfile,
    jsonp,
    pages,
    sessions,
    websockets,
    xhr,
)
from txsockjs.conformance.services import Services

SECTIONS: tuple[ModuleType, ...] = (
    pages,
    headers,
    connections,
    sessions,
    xhr,
    eventsource,
    htmlfile,
    jsonp,
    websockets,
    closing,
    heartbeats,
)
"""The sections of the suite, in the order of a report."""

AT_ONCE = 8
"""How many quick checks are made at a time. The slow ones, which do nothing but wait,
are all begun at the start."""


def _plain(documentation: str | None) -> str:
    """
    A docstring as text on one line, without markup.
    """
    text = " ".join((documentation or "").split())
    return text.replace("`", "")


def _uncapitalized(name: str) -> str:
    """
    ``SendingTests`` and ``testAnswer`` as they are named in a report.
    """
    name = name.removesuffix("Tests").removeprefix("test")
    head = re.match(r"[A-Z]+(?![a-z])|[A-Z]?", name)
    return name if head is None else head[0].lower() + name[head.end() :]


@attrs.frozen
class Check:
    """
    One check of the suite.

    :ivar case: the group's class.
    :ivar method: the name of its method.
    """

    case: type[Case]
    method: str

    @property
    def section(self) -> str:
        """
        The section's name.
        """
        return self.case.__module__.rpartition(".")[2]

    @property
    def group(self) -> str:
        """
        The group's name, with the section's.
        """
        return f"{self.section}.{_uncapitalized(self.case.__name__)}"

    @property
    def shortName(self) -> str:
        """
        The check's name within its group.
        """
        return _uncapitalized(self.method)

    @property
    def name(self) -> str:
        """
        The check's whole name.
        """
        return f"{self.group}.{self.shortName}"

    @property
    def clause(self) -> str:
        """
        What a server must do.
        """
        return _plain(getdoc(getattr(self.case, self.method)))

    @property
    def heading(self) -> str:
        """
        What the group is about.
        """
        return _plain(getdoc(self.case))


class Verdict(Enum):
    """
    How a check has ended.
    """

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@attrs.frozen
class Outcome:
    """
    What came of a check.

    :ivar why: why it failed or was skipped; its first line says most. Else empty.
    :ivar seconds: how long it took.
    """

    check: Check
    verdict: Verdict
    why: str
    seconds: float


def allChecks() -> Iterator[Check]:
    """
    Each check of the suite, in the order of a report.
    """
    for section in SECTIONS:
        for case in vars(section).values():
            # A base that a section shares with another is no group of either.
            if getattr(case, "__module__", "") == section.__name__ and _isGroup(case):
                yield from (Check(case, method) for method in _methods(case))


def _isGroup(found: object) -> TypeGuard[type[Case]]:
    """
    Whether something that a section has is a group of checks.
    """
    return isclass(found) and issubclass(found, Case)


def _methods(case: type[Case]) -> Iterator[str]:
    """
    The names of a group's checks, in the order in which they are written.
    """
    for base in reversed(case.__mro__):
        rows: set[str] = set()
        for name, value in vars(base).items():
            if isinstance(value, each):
                rows.update(value.names)
                yield from value.names
            elif name.startswith("test") and name not in rows:
                yield name


def chosen(only: Sequence[str]) -> list[Check]:
    """
    The checks that are asked for.

    :param only: names of sections, groups or checks, with ``*`` for anything; all if
        there are none.
    :raise ValueError: one of them names no check.
    """
    checks = list(allChecks())
    if not only:
        return checks
    wanted: set[Check] = set()
    for pattern in only:
        found = [
            check
            for check in checks
            if fnmatchcase(check.name, pattern)
            or fnmatchcase(check.name, f"{pattern}.*")
        ]
        if not found:
            sections = ", ".join(dict.fromkeys(check.section for check in checks))
            raise ValueError(
                f"no check is named {pattern!r}; the sections are {sections}"
            )
        wanted.update(found)
    return [check for check in checks if check in wanted]


async def make(check: Check, target: Target, services: Services) -> Outcome:
    """
    Make one check.
    """
    began = target.clock.seconds()
    verdict, why = Verdict.OK, ""
    try:
        await check.case(target, services).perform(check.method)
    except CancelledError:
        raise
    except SkipTest as skip:
        verdict, why = Verdict.SKIPPED, str(skip)
    except AssertionError as error:
        verdict, why = Verdict.FAILED, str(error) or "AssertionError"
    except Exception as error:
        verdict, why = Verdict.FAILED, f"{type(error).__name__}: {error}"
    return Outcome(check, verdict, why, target.clock.seconds() - began)


async def run(
    checks: Sequence[Check], target: Target, services: Services
) -> AsyncGenerator[Outcome, None]:
    """Make checks, some at a time, and give the outcome of each in the order of
    ``checks``.
    """
    places = DeferredSemaphore(AT_ONCE)

    def begin(check: Check) -> Deferred[Outcome]:
        return Deferred.fromCoroutine(make(check, target, services))

    async def outcomeOf(check: Check) -> Outcome:
        # Who is cancelled while waiting here ends the run, not the check alone.
        arrived: Deferred[Outcome] = Deferred()
        begun[check].addBoth(arrived.callback)
        return await arrived

    begun = {
        check: begin(check) if check.case.slow else places.run(begin, check)
        for check in sorted(checks, key=lambda check: not check.case.slow)
    }
    try:
        for check in checks:
            yield await outcomeOf(check)
    finally:
        for outcome in begun.values():
            outcome.addErrback(lambda failure: None)
            outcome.cancel()
