"""What is counted of a cluster, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tests.cluster.machines import MachinesCase
from tests.support.documents import literals, rows
from tests.support.serving import Echo
from txsockjs.factory import SockJSFactory
from txsockjs.metrics import ClusterCollector


class CollectorTests(MachinesCase):
    """
    `ClusterCollector`.
    """

    def text(self, site: SockJSFactory) -> str:
        registry = CollectorRegistry()
        registry.register(ClusterCollector(lambda: site.cluster))
        return generate_latest(registry).decode()

    def test_counted(self) -> None:
        """
        It tells what was passed on, by both sides, and what could not be.
        """
        self.begin(2)
        near, far = self.workers
        self.at(far).request("POST", "/0/one/xhr")
        self.at(near).request("POST", "/0/one/xhr_send", body=b'["x"]')
        self.lose(far)
        self.at(near).request("POST", "/0/one/xhr_send", body=b'["x"]')
        here, there = (self.text(each.site.site) for each in (near, far))
        self.assertIn("sockjs_cluster_passed_total 2.0", here)
        self.assertIn('sockjs_cluster_refused_total{cause="SessionLost"} 1.0', here)
        self.assertIn('sockjs_cluster_refused_total{cause="NotAPeer"} 0.0', here)
        self.assertIn("sockjs_cluster_received_total 1.0", there)

    def test_documented(self) -> None:
        """
        The document has all of them; without a cluster there are none.
        """
        documented = {
            literals(row[0])[0]
            for row in rows("docs/metrics.rst", "Metric of a cluster")
        }
        found = {
            metric.name + "_total"
            for metric in ClusterCollector(lambda: None).describe()
        }
        self.assertEqual(documented, found)
        site = SockJSFactory(Echo, clock=self.reactor)
        self.assertNotIn("\nsockjs_", self.text(site))
