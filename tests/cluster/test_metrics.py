"""Tests of `txsockjs.cluster.metrics`: the metrics of several workers as one."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsockjs.cluster.metrics import (
    WorkersResource,
    merged,
    readMetrics,
    writeMetrics,
)
from txsockjs.cluster.peers import Peer, Slots
from txsockjs.pagesite import PageSite


class MergedTests(SynchronousTestCase):
    """
    What Prometheus gets.
    """

    def metrics(self, value: float) -> list[Metric]:
        gauge = GaugeMetricFamily("open", "Sessions", labels=["service"])
        gauge.add_metric(["a"], value)
        counter = CounterMetricFamily("opened", "Opened", value=value)
        return [gauge, counter]

    def test_merged(self) -> None:
        """
        Each worker's series have its name; a family is there once, with all of them;
        one that has told nothing is known to be down.
        """
        found = {"0": self.metrics(1), "1": None, "0.7": self.metrics(2)}
        up, gauge, counter = merged(found)
        samples = [(each.labels, each.value) for each in up.samples]
        self.assertEqual(
            samples,
            [({"worker": "0"}, 1), ({"worker": "1"}, 0), ({"worker": "0.7"}, 1)],
        )
        self.assertEqual((gauge.type, gauge.documentation), ("gauge", "Sessions"))
        self.assertEqual(
            [(each.labels, each.value) for each in gauge.samples],
            [
                ({"worker": "0", "service": "a"}, 1),
                ({"worker": "0.7", "service": "a"}, 2),
            ],
        )
        self.assertEqual([each.name for each in counter.samples], ["opened_total"] * 2)

    def test_told(self) -> None:
        """
        What one worker tells is what the other reads; anything else is an error.
        """

        class Some:
            def collect(inner) -> list[Metric]:
                return self.metrics(float("inf"))

        registry = CollectorRegistry()
        registry.register(Some())
        read = readMetrics(writeMetrics(registry))
        self.assertEqual(read, self.metrics(float("inf")))
        for wrong in b"", b"{", b"[1]":
            self.assertRaises((ValueError, TypeError), readMetrics, wrong)


class GoneTests(SynchronousTestCase):
    """
    A worker that goes while its metrics are asked for.
    """

    def test_gone(self) -> None:
        """
        Where it is known to be gone before the connection to it fails, Prometheus has
        an answer all the same, and is told that it is down.
        """
        reactor = MemoryReactorClock()
        slots = Slots(2, Peer(0, 1, "/0"))
        slots.update([Peer(1, 2, "/1")])
        site = PageSite(clock=reactor)
        resource = WorkersResource(reactor, slots, CollectorRegistry())
        site.resource.putChild(b"metrics", resource)
        channel: Any = site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(transport.value(), b"")
        slots.update([])
        [(_, connecting, *_)] = reactor.unixClients
        connecting.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertIn(b'sockjs_worker_up{worker="0"} 1.0', transport.value())
        self.assertIn(b'sockjs_worker_up{worker="1"} 0.0', transport.value())
