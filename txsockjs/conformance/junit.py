"""
A report for a CI to read, in the XML of JUnit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from txsockjs.conformance.running import Outcome, Verdict

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no document of XML 1.0 may have, not even escaped. (XML 1.0, section 2.2)"""


def document(url: str, outcomes: Sequence[Outcome]) -> ElementTree[Element]:
    """
    The report: a suite for each section, a case for each check.

    :param url: what was checked.
    """
    root = Element("testsuites", name=f"SockJS conformance of {url}")
    _count(root, outcomes)
    for section, found in groupby(outcomes, lambda outcome: outcome.check.section):
        own = list(found)
        suite = SubElement(root, "testsuite", name=section)
        _count(suite, own)
        for outcome in own:
            _case(suite, outcome)
    indent(root)
    return ElementTree(root)


def _count(element: Element, outcomes: Sequence[Outcome]) -> None:
    """
    Say how many checks there are and what came of them.
    """
    verdicts = [outcome.verdict for outcome in outcomes]
    element.set("tests", str(len(outcomes)))
    element.set("failures", str(verdicts.count(Verdict.FAILED)))
    element.set("errors", "0")
    element.set("skipped", str(verdicts.count(Verdict.SKIPPED)))
    element.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")


def _case(suite: Element, outcome: Outcome) -> None:
    """
    Add one check.
    """
    check = outcome.check
    case = SubElement(
        suite,
        "testcase",
        classname=check.group,
        name=check.shortName,
        time=f"{outcome.seconds:.3f}",
    )
    why = _NO_XML.sub("\ufffd", outcome.why)
    if outcome.verdict is Verdict.FAILED:
        failure = SubElement(case, "failure", message=why.partition("\n")[0])
        failure.text = f"{check.clause}\n\n{why}"
    elif outcome.verdict is Verdict.SKIPPED:
        SubElement(case, "skipped", message=why)
