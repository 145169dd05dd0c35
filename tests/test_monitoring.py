"""The Grafana dashboard and the alert rules of ``examples/deploy`` know our metrics."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from prometheus_client import Metric
from twisted.trial.unittest import SynchronousTestCase

from tests.support.documents import ROOT, literals, rows
from tests.support.programs.node import need
from txsockjs.metrics import RoomsCollector, SockJSCollector

DASHBOARD = ROOT / "examples/deploy/grafana-dashboard.json"
RULES = ROOT / "examples/deploy/prometheus-rules.yml"
RULES_TEST = ROOT / "tests/support/prometheus-rules-test.yml"

#: Those of prometheus_client's own ProcessCollector, which metricsSite registers too.
PROCESS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
}

# What Prometheus adds to what it fetches.
TARGET = {"job", "instance"}

# A metric, with what is asked of its labels.
_METRIC = re.compile(r"\b((?:sockjs|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?")


def known() -> dict[str, set[str]]:
    """Each metric as Prometheus names it, with its labels."""
    found: dict[str, set[str]] = {name: set() for name in PROCESS}
    described: list[Metric] = [
        *SockJSCollector(()).describe(),
        *RoomsCollector(()).describe(),
    ]
    for metric in described:
        suffix = "_total" if metric.type == "counter" else ""
        labels: Any = getattr(metric, "_labelnames", ())
        found[metric.name + suffix] = set(labels)
    return found


class Expressions(SynchronousTestCase):
    """What is asked of an expression of PromQL."""

    def assertKnown(self, expression: str) -> set[str]:
        """
        Each metric is one of ours, and has the labels that are asked for.

        :return: the metrics.
        """
        metrics = known()
        names = set()
        for name, selector in _METRIC.findall(expression):
            self.assertIn(name, metrics, expression)
            names.add(name)
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            self.assertLessEqual(asked, metrics[name] | TARGET, expression)
        self.assertNotEqual(names, set(), expression)
        labels = {label for name in names for label in metrics[name]} | TARGET
        for group in re.findall(r"\bby \(([^)]*)\)", expression):
            self.assertLessEqual(set(re.split(r",\s*", group)), labels, expression)
        return names


class DashboardTests(Expressions):
    """The dashboard."""

    def setUp(self) -> None:
        self.dashboard = json.loads(DASHBOARD.read_text("utf-8"))
        self.panels = [p for p in self.dashboard["panels"] if p["type"] != "row"]

    def test_metrics(self) -> None:
        """Each panel asks for metrics that there are, and each of ours is asked for."""
        asked = {
            name
            for panel in self.panels
            for target in panel["targets"]
            for name in self.assertKnown(target["expr"])
        }
        self.assertEqual(set(known()) - asked, set())

    def test_legends(self) -> None:
        """Each legend names labels that the expression keeps."""
        for panel in self.panels:
            for target in panel["targets"]:
                named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                by = re.findall(r"\bby \(([^)]*)\)", target["expr"])
                kept = set(re.split(r",\s*", by[-1])) if by else TARGET
                if not by and "sum(" in target["expr"]:
                    kept = set()
                self.assertLessEqual(named, kept, panel["title"])

    def test_fields(self) -> None:
        """
        It has what Grafana wants of a dashboard: identity, time, variables that are
        used, panels of known types that lie within 24 columns and on no other.
        """
        dashboard = self.dashboard
        self.assertEqual((dashboard["title"], dashboard["uid"]), ("txsockjs",) * 2)
        self.assertGreaterEqual(dashboard["schemaVersion"], 36)
        self.assertEqual(set(dashboard["time"]), {"from", "to"})
        self.assertNotIn("id", dashboard)
        text = DASHBOARD.read_text("utf-8")
        variables = dashboard["templating"]["list"]
        names = [variable["name"] for variable in variables]
        self.assertEqual(names, ["datasource", "job", "instance", "service"])
        for variable in variables:
            name = variable["name"]
            self.assertRegex(text, rf"\$\{{?{name}\b")
            if variable["type"] == "query":
                query = variable["query"]["query"]
                self.assertKnown(query)
                self.assertRegex(query, rf"^label_values\(.*, {name}\)$")
        used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__all"}
        self.assertEqual(used, set(names))
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            grid = panel["gridPos"]
            self.assertLessEqual(grid["x"] + grid["w"], 24)
            place = {
                (x, y)
                for x in range(grid["x"], grid["x"] + grid["w"])
                for y in range(grid["y"], grid["y"] + grid["h"])
            }
            self.assertEqual(place & taken, set(), panel["title"])
            taken |= place
            self.assertIn(panel["type"], {"row", "stat", "timeseries"})
        for panel in self.panels:
            self.assertEqual(panel["datasource"]["uid"], "${datasource}")
            self.assertTrue(panel["title"])
            refs = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(refs), len(set(refs)))
            unit = panel["fieldConfig"]["defaults"]["unit"]
            self.assertIn(unit, {"short", "cps", "Bps", "bytes", "percentunit"})


class RulesTests(Expressions):
    """The alert rules."""

    def promtool(self, *arguments: str) -> str:
        """What promtool says; it has to agree."""
        need("promtool")
        done = subprocess.run(
            ["promtool", *arguments], capture_output=True, text=True, cwd=ROOT
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_check(self) -> None:
        """promtool finds no fault, and as many rules as are documented."""
        said = self.promtool("check", "rules", str(RULES))
        documented = rows("docs/metrics.rst", "Alert")
        self.assertIn(f"{len(documented)} rules found", said)

    def test_behaviour(self) -> None:
        """They speak when they should, and else do not, by Prometheus's own clock."""
        self.promtool("test", "rules", str(RULES_TEST))

    def test_metrics(self) -> None:
        """They ask for metrics and labels that there are."""
        text = RULES.read_text("utf-8")
        expressions = re.split(r"- alert: ", text)[1:]
        for rule in expressions:
            match = re.search(
                r"expr:(?: \|)?(.*?)\n        (?:for|labels):", rule, re.S
            )
            assert match is not None, rule
            self.assertKnown(match[1])

    def test_documented(self) -> None:
        """The document has each of them, and no other."""
        names = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
        documented = [literals(row[0])[0] for row in rows("docs/metrics.rst", "Alert")]
        self.assertEqual(documented, names)
