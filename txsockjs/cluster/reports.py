"""How all workers are, for the status page of one of them: `Reports` in their parent,
and `OtherWorkers` in a worker.

It is asked for while somebody looks, once a second, and never else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from txsockjs.cluster.control import Report
from txsockjs.cluster.worker import Worker

#: Seconds without an answer after which it is said that a worker does not answer.
SILENCE: Final = 3.0


class _Asked:
    """
    What one worker was asked, and has said.

    :ivar since: when it was asked that has not answered yet; None where it has.
    """

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.since: float | None = None


class Reports:
    """
    What the parent knows of its workers. It waits for none of them: who does not answer
    keeps nobody from knowing of the others.
    """

    def __init__(self, clock: IReactorTime, workers: Iterable[Worker]) -> None:
        """
        :param workers: all that there are, at any time.
        """
        self._clock = clock
        self._workers = workers
        self._asked: dict[Worker, _Asked] = {}

    def read(self) -> str:
        """
        What each has said last, as JSON; and ask all of them anew.
        """
        now = self._clock.seconds()
        before, self._asked = self._asked, {}
        found = []
        for worker in self._workers:
            asked = self._asked[worker] = before.get(worker) or _Asked()
            state = worker.state.value
            if asked.since is not None and now - asked.since > SILENCE:
                state = "does not answer"
            entry = {"slot": worker.slot, "generation": worker.generation}
            found.append({**asked.said, **entry, "state": state})
            if asked.since is None and worker.link is not None:
                asked.since = now
                worker.tell(Report).addCallback(self._answered, asked)
        return json.dumps(found, separators=(",", ":"))

    def _answered(self, answer: Any, asked: _Asked) -> None:
        asked.since = None
        if answer is not None:
            asked.said = json.loads(answer["report"])


class OtherWorkers:
    """
    What a worker knows of all, itself included: what a status page takes as its
    ``workers``.
    """

    def __init__(self, slot: int, generation: int, ask: Callable[[], Any]) -> None:
        """
        :param slot: its own slot.
        :param generation: its own generation.
        :param ask: asks the parent; returns a `Deferred` that fires with what
            `Reports.read` has returned, or None where there is no parent.
        """
        self._me = slot, generation
        self._ask = ask
        self._asking: Deferred[str] | None = None
        self._known: list[dict[str, object]] = []

    def __call__(self) -> list[dict[str, object]]:
        """
        What the parent has said last; and ask it anew.
        """
        if self._asking is None:
            asking = self._asking = self._ask()
            if asking is not None:
                asking.addCallbacks(self._heard, lambda failure: None)
                asking.addCallback(self._done)
        return self._known

    def _heard(self, reports: str) -> None:
        self._known = [
            {
                "name": f"{each['slot']}" + (" (this one)" if self._isMe(each) else ""),
                **{name: each.get(name) for name in ("pid", "state", "sessions")},
            }
            for each in json.loads(reports)
        ]

    def _isMe(self, report: dict[str, Any]) -> bool:
        return (report["slot"], report["generation"]) == self._me

    def _done(self, result: object) -> None:
        self._asking = None
