"""What the yardstick makes of its figures, and what it measures in which order."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import report
from benchmarks.__main__ import main, plan
from benchmarks.goals import BESIDE, GOALS, LIMITS, SEVERAL, between
from benchmarks.measuring import QUICK, Effort, Result
from benchmarks.peers import PEERS
from benchmarks.row import VARIANTS
from benchmarks.rows import ROWS
from benchmarks.run import Run, loadRun, newRun


def result(cpu: float, **more: Any) -> Result:
    """A round with this CPU time for each message."""
    figures = {"client": 1, "rate": 10, "p50": 1, "p99": 2, "memory": 0, "count": 9}
    return Result(cpu=cpu, **{**figures, **more})


def runOf(**rows: dict[str, list[Result]]) -> Run:
    """A run with these results; ``_`` in a row's name stands for ``-``."""
    run = newRun([], QUICK)
    run.results = {name.replace("_", "-"): peers for name, peers in rows.items()}
    return run


class ReportTests(SynchronousTestCase):
    """What is made of the figures."""

    def test_spread(self) -> None:
        """Median, best and worst of the rounds, and the ratio of the best ones."""
        run = runOf(
            websocket={"txsockjs": [result(30), result(20), result(70)]}
            | {"node": [result(50), result(40)]}
        )
        spread = run.spread("websocket", "txsockjs", "cpu")
        self.assertEqual(report.cell(spread), "30.0 (20.0-70.0)")
        self.assertEqual(run.ratio("websocket", "node", "cpu"), 0.5)
        self.assertIsNone(run.ratio("websocket", "tornado", "cpu"))

    def test_untold(self) -> None:
        """What a server cannot tell is no figure."""
        told = {"txsockjs": [result(1, walked=12.0, collection=5.0)]}
        run = runOf(collection=told | {"node": [result(1, collection=4.0)]})
        self.assertIsNone(run.spread("collection", "node", "walked"))
        cells = [
            line[1:]
            for line in next(
                table.lines
                for table in report.tables(run)
                if "what it costs" in table.title
            )
        ]
        self.assertEqual(cells, [["5.00", "4.00"], ["12.0", ""]])

    def test_goals(self) -> None:
        """A goal is met at its factor, and missed above it."""
        for cpu, met in ((6.5, "yes"), (6.6, "no")):
            run = runOf(websocket={"txsockjs": [result(cpu)], "aiohttp": [result(10)]})
            [line] = report.goals(run).lines
            self.assertEqual(line[2:], ["0.65", f"{cpu / 10:.2f}", met])

    def test_missed(self) -> None:
        """Goals that are missed come first."""
        lost = {"txsockjs": [result(20)], "aiohttp": [result(10)]}
        run = runOf(websocket={"txsockjs": [result(1)], "node": [result(10)]})
        run.results["xhr-polling"] = lost
        self.assertEqual([line[-1] for line in report.goals(run).lines], ["no", "yes"])

    def test_goalsHaveRows(self) -> None:
        """Each goal names a row that its peer is measured in, and a figure of it."""
        for goal in GOALS:
            for name in (goal.peer, goal.ours):
                self.assertIn(name, ROWS[goal.row].peers)
                self.assertNotIn(goal.row, PEERS[name].unable)
            self.assertIn(goal.figure, ROWS[goal.row].figures)
        for limit in LIMITS:
            self.assertIn(limit.figure, ROWS[limit.row].figures)
        for row, name, _ in SEVERAL:
            self.assertIn(name, ROWS[row].peers)
        for row, other, _ in BESIDE:
            self.assertIn("txsockjs", ROWS[row].peers)
            self.assertIn("txsockjs", ROWS[other].peers)

    def test_notesHaveRows(self) -> None:
        """What a peer cannot do, or does in its own way, is a row of its kind."""
        for peer in PEERS.values():
            for row in (*peer.unable, *peer.remarks):
                self.assertIn(peer.name, ROWS[row].peers, row)

    def test_between(self) -> None:
        """What a message costs with 9,000 sessions by what it costs with 100."""
        few, many = {"txsockjs": [result(20)]}, {"txsockjs": [result(25)]}
        rows = "txsockjs", "growth-9000", "growth-100"
        self.assertEqual(between(runOf(growth_100=few), *rows), None)
        self.assertEqual(between(runOf(growth_100=few, growth_9000=many), *rows), 1.25)

    def test_beside(self) -> None:
        """Two rows of ours are held against each other."""
        rooms = {"txsockjs": [result(12)]}, {"txsockjs": [result(10)]}
        run = runOf(rooms=rooms[0], broadcast=rooms[1])
        [line] = report.goals(run).lines
        self.assertEqual(line[2:], ["1.10", "1.20", "no"])

    def test_several(self) -> None:
        """What several processes cost is held against one."""
        run = runOf(
            workers_websocket={"txsockjs": [result(10)], "workers": [result(11)]}
        )
        [line] = report.goals(run).lines
        self.assertEqual(line[1:], ["txsockjs", "1.05", "1.10", "no"])

    def test_twice(self) -> None:
        """What two processes cost is shown of ours and of floors."""
        run = runOf(
            workers_websocket={
                "txsockjs": [result(10)],
                "workers": [result(12)],
                "epoll": [result(6)],
                "epoll-two": [result(9)],
                "tcp-direct": [result(6)],
            }
        )
        lines = report.twice(run).lines
        self.assertEqual([line[2] for line in lines], ["1.20", "1.50"])

    def test_limit(self) -> None:
        """A goal may be a number of its own."""
        run = runOf(memory={"txsockjs": [result(1, memory=3600.0)]})
        [line] = report.goals(run).lines
        self.assertEqual(line[1:], ["bytes", "3,500", "3,600", "no"])

    def test_groups(self) -> None:
        """Rows that are measured with other servers have tables of their own."""
        run = runOf(
            websocket={"txsockjs": [result(1)], "node": [result(2)]},
            rooms_redis={"txsockjs": [result(3)], "socketio": [result(4)]},
        )
        headers = [t.header for t in report.tables(run) if "ours by each" in t.title]
        self.assertEqual(headers, [["", "sockjs-node"], ["", "Socket.IO"]])

    def test_losses(self) -> None:
        """What another server does better is shown first, and how much better."""
        won = {"txsockjs": [result(1)], "node": [result(2)], "go": [result(3)]}
        lost = {"txsockjs": [result(4)], "node": [result(5)], "go": [result(2)]}
        run = runOf(websocket=won, open_close=lost)
        first, second = report.summary(run).lines
        self.assertIn("open and close", first[0])
        self.assertEqual(first[1:5], ["2.00", "4.00", "5.00", "2.00"])
        self.assertEqual(second[1], "0.50")
        for table in report.tables(run):
            if len(table.lines) == 2 and "µs" in table.lines[0][0]:
                self.assertIn("open and close", table.lines[0][0])

    def test_cannot(self) -> None:
        """A cell of a server that cannot do a row says so, and a note says why."""
        run = runOf(
            xhr_polling={"txsockjs": [result(1)], "node": [result(2)]},
            broadcast={"txsockjs": [result(1)], "go": [result(2)]},
        )
        table = report.summary(run)
        cells = [line[4] for line in table.lines]
        self.assertEqual(sorted(cells), ["2.00 (1)", "cannot (2)"])
        self.assertIn("Send waits", table.notes[0])
        self.assertIn("2010", table.notes[1])
        self.assertIn("\n(2) sockjs-go: who polls", report.text(run))

    def test_failed(self) -> None:
        """
        A void round voids the others of its server and row, says why, and makes the
        command fail; the rest goes on, and is kept.
        """
        broken = replace(PEERS["epoll"], file="nonsense")
        self.patch(
            sys.modules["benchmarks.__main__"], "PEERS", PEERS | {"epoll": broken}
        )
        kept, said, errors = Path(self.mktemp()), StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(errors):
            status = main(
                ["--quick", "--rows=websocket", "--peers=epoll,tcp", f"--json={kept}"]
            )
        self.assertEqual(status, 1)
        run = loadRun(kept)
        self.assertEqual(list(run.results["websocket"]), ["tcp"])
        self.assertIn("nonsense", errors.getvalue())
        self.assertIn("failed (1)", said.getvalue())
        self.assertIn("(1) bare epoll floor: ServerFailed: epoll did", said.getvalue())
        run.add("websocket", "epoll", result(1))
        self.assertNotIn("epoll", run.results["websocket"])

    def test_folded(self) -> None:
        """The first table stands; the rest is folded where that can be."""
        run = runOf(websocket={"txsockjs": [result(1)], "node": [result(2)]})
        whole, folded = report.rst(run, False), report.rst(run, True)
        self.assertNotIn(".. dropdown::", whole)
        before, _, after = folded.partition(".. dropdown:: Goals")
        self.assertIn("lock step", before)
        self.assertEqual(whole.split(".. rubric")[0].split(), before.split())
        for line in after.splitlines()[1:]:
            self.assertRegex(line, r"^($|    |\.\. dropdown:: )")

    def test_rates(self) -> None:
        """A rate that the row sets is no result."""
        run = runOf(
            websocket={"txsockjs": [result(1)]},
            paced={"txsockjs": [result(1)]},
            rooms_redis_quiet={"txsockjs": [result(1)]},
        )
        self.assertEqual(len(report.speeds(run).lines), 1)

    def test_short(self) -> None:
        """A full run is over in 25 minutes."""
        effort = Effort()
        steps = plan(list(ROWS), [n for n in PEERS if n not in VARIANTS], 2)
        self.assertLess(sum(effort.takes(row) for _, row, _ in steps), 25 * 60)

    def test_unable(self) -> None:
        """No server is driven through a row that it cannot do."""
        peers = ("txsockjs", "go")
        names = [peer.name for _, _, peer in plan(["xhr-polling"], peers, 1)]
        self.assertEqual(names, ["txsockjs"])

    def test_plan(self) -> None:
        """Every round has each server once for a row, another one first each time."""
        peers = ("txsockjs", "node", "tcp")
        steps = [(turn, peer.name) for turn, _, peer in plan(["websocket"], peers, 2)]
        self.assertEqual([name for turn, name in steps if turn == 0], list(peers))
        second = [name for turn, name in steps if turn == 1]
        self.assertEqual(second, ["node", "tcp", "txsockjs"])

    def test_badName(self) -> None:
        """A row that there is not is an error that names those that there are."""
        errors = StringIO()
        with redirect_stderr(errors):
            self.assertRaises(SystemExit, main, ["--rows", "nonsense"])
        self.assertIn("websocket-16", errors.getvalue())
