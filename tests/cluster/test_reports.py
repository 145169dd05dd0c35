"""Tests of `txsockjs.cluster.reports`: how all workers are."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.control import Report
from txsockjs.cluster.reports import SILENCE, OtherWorkers, Reports
from txsockjs.cluster.worker import State, Worker


class Link:
    """The connection to a worker that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    def tell(self, command: Any, **arguments: Any) -> Deferred[Any]:
        """Ask it."""
        assert command is Report
        answer: Deferred[Any] = Deferred()
        self.asked.append(answer)
        return answer


class ReportsTests(SynchronousTestCase):
    """What the parent knows."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.workers = [Worker(slot, slot + 1, "") for slot in range(2)]
        self.links = [Link(), Link()]
        for worker, link in zip(self.workers, self.links, strict=True):
            worker.link = link
            worker.state = State.READY
        self.reports = Reports(self.clock, self.workers)

    def read(self) -> list[dict[str, Any]]:
        """What is told now."""
        found: list[dict[str, Any]] = json.loads(self.reports.read())
        return found

    def answer(self, slot: int, **report: object) -> None:
        """A worker answers."""
        self.links[slot].asked.pop().callback({"report": json.dumps(report)})

    def test_asked(self) -> None:
        """Each is asked once until it has answered, and what it says is told."""
        self.read()
        self.read()
        self.assertEqual([len(link.asked) for link in self.links], [1, 1])
        self.answer(1, pid=7, sessions=3)
        first, second = self.read()
        self.assertEqual(first, {"slot": 0, "generation": 1, "state": "ready"})
        expected = {"pid": 7, "sessions": 3, "slot": 1, "generation": 2}
        self.assertEqual(second, {**expected, "state": "ready"})
        self.assertEqual([len(link.asked) for link in self.links], [1, 1])

    def test_silent(self) -> None:
        """Who does not answer is named, and keeps nobody from the others' reports."""
        self.read()
        self.answer(0, pid=7, sessions=1)
        self.clock.advance(SILENCE + 1)
        states = [each["state"] for each in self.read()]
        self.assertEqual(states, ["ready", "does not answer"])
        self.answer(1, pid=8, sessions=2)
        self.assertEqual([each["state"] for each in self.read()], ["ready", "ready"])

    def test_changing(self) -> None:
        """A worker that starts, drains or is gone is told as such."""
        self.workers[0].state = State.DRAINING
        new = Worker(0, 3, "")
        self.workers.append(new)
        del self.workers[1]
        states = [(each["generation"], each["state"]) for each in self.read()]
        self.assertEqual(states, [(1, "draining"), (3, "starting")])

    def test_lost(self) -> None:
        """A worker whose connection is lost is asked again when it has another one."""
        self.read()
        self.links[0].asked.pop().errback(RuntimeError("lost"))
        self.read()
        self.assertEqual(len(self.links[0].asked), 1)


class OtherWorkersTests(SynchronousTestCase):
    """What a worker knows."""

    def test_known(self) -> None:
        """
        It tells what it was told last, knows itself among all, and asks once at a time.
        """
        asked: list[Deferred[str]] = []

        def ask() -> Deferred[str]:
            asked.append(Deferred())
            return asked[-1]

        others = OtherWorkers(1, 4, ask)
        self.assertEqual((others(), others(), len(asked)), ([], [], 1))
        report = {"slot": 1, "pid": 9, "state": "ready", "sessions": 2}
        reports = [{**report, "generation": 3}, {**report, "generation": 4}]
        asked[0].callback(json.dumps(reports))
        old, me = others()
        self.assertEqual((old["name"], me["name"]), ("1", "1 (this one)"))
        self.assertEqual((me["pid"], me["state"], me["sessions"]), (9, "ready", 2))
        self.assertEqual(len(asked), 2)
        asked[1].errback(RuntimeError("lost"))
        self.assertEqual(len(others()), 2)
        self.assertEqual(len(asked), 3)

    def test_alone(self) -> None:
        """Without a parent it knows of nobody."""
        others = OtherWorkers(0, 1, lambda: None)
        self.assertEqual((others(), others()), ([], []))
