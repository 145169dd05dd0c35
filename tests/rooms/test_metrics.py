"""Tests of the metrics of rooms, and of what the documents say of them."""

from __future__ import annotations

from typing import Any

import attrs
from prometheus_client import CollectorRegistry

from tests.rooms.support import RoomsTestCase
from tests.support.documents import literals, rows
from txsockjs.counters import RoomsCounters
from txsockjs.metrics import RoomsCollector, metricsSite

DOCUMENT = "docs/metrics.rst"


class CollectorTests(RoomsTestCase):
    """What Prometheus reads."""

    def setUp(self) -> None:
        super().setUp()
        self.registry = CollectorRegistry()
        self.registry.register(RoomsCollector([self.rooms]))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(
            f"sockjs_rooms_{name}", {"rooms": "rooms", **labels}
        )

    def test_values(self) -> None:
        """They are those of the counters."""
        room = self.rooms.room("h")
        self.join(room)
        self.publish(room, "a", "b")
        self.join(room, recent=1)
        self.join(room, since="other:1")
        self.failureResultOf(room.publish("x" * 65537))
        values = [
            self.value(name)
            for name in (
                "broker_up",
                "inhabited",
                "members",
                "published_total",
                "delivered_total",
                "recovered_total",
                "gaps_total",
            )
        ]
        self.assertEqual(values, [1, 1, 3, 2, 5, 3, 1])
        self.assertEqual(self.value("refused_total", cause="RoomValueError"), 1)
        self.broker.goDown()
        self.assertEqual(self.value("broker_up"), 0)

    def test_documented(self) -> None:
        """Each metric is in the document, with its labels and counter, and each counter
        is."""
        documented = {
            literals(row[0])[0].removesuffix("_total"): literals(row[1])
            for row in rows(DOCUMENT, "Metric of rooms")
        }
        collected: dict[str, Any] = {
            metric.name: list(metric._labelnames)  # type: ignore[attr-defined]
            for metric in RoomsCollector(()).describe()
        }
        self.assertEqual(documented, collected)
        counters = {field.name for field in attrs.fields(RoomsCounters)} - {"name"}
        for table, column in (("Of rooms", 0), ("Metric of rooms", 2)):
            names = {
                name for row in rows(DOCUMENT, table) for name in literals(row[column])
            }
            self.assertEqual(names, counters)

    def test_site(self) -> None:
        """The site of metrics shows those of rooms too."""
        site = metricsSite((), self.clock, [self.rooms])
        resource = site.resource.children[b"metrics"]
        names = {metric.name for metric in resource._registry.collect()}
        self.assertLessEqual({"sockjs_rooms_members", "sockjs_sessions_open"}, names)
