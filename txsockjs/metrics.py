"""The counters of services for Prometheus, with the extra C{txsockjs[metrics]}."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txsockjs.factory import SockJSMultiFactory
from txsockjs.transports.resource import SockJSResource

_Family: TypeAlias = type[GaugeMetricFamily] | type[CounterMetricFamily]

#: What Prometheus calls the attributes of L{TransportCounters
#: <txsockjs.counters.TransportCounters>}, and what for.
_METRICS: Final[dict[str, tuple[_Family, str, str]]] = {
    "open": (GaugeMetricFamily, "sessions_open", "Sessions that are open"),
    "opened": (CounterMetricFamily, "sessions_opened", "Sessions that were opened"),
    "messagesIn": (CounterMetricFamily, "messages_received", "Messages that came in"),
    "messagesOut": (CounterMetricFamily, "messages_sent", "Messages that went out"),
    "bytesIn": (CounterMetricFamily, "bytes_received", "Size of what came in, as JSON"),
    "bytesOut": (CounterMetricFamily, "bytes_sent", "Size of what went out, as JSON"),
    "highWater": (
        GaugeMetricFamily,
        "buffer_high_water_bytes",
        "Most bytes that a session has held which nobody had taken",
    ),
}


class SockJSCollector(Collector):
    """
    Reads the counters of services when Prometheus asks. Register it where the process's
    other metrics are::

        REGISTRY.register(SockJSCollector(site.services.values()))
    """

    def __init__(self, services: Iterable[SockJSResource]) -> None:
        """
        @param services: the services, each with a name of its own. A view of a dict
            shows those that are added later, too.
        """
        self._services = services

    def describe(self) -> Iterable[Metric]:
        """
        The metrics that there are, without their values.
        """
        return SockJSCollector(()).collect()

    def collect(self) -> Iterator[Metric]:
        """
        The metrics.
        """
        services = [service.counters for service in list(self._services)]
        transports = [each for service in services for each in list(service.values())]
        labels = ["service", "transport"]
        for attribute, (family, name, meaning) in _METRICS.items():
            metric = family(f"sockjs_{name}", meaning, labels=labels)
            for each in transports:
                where = [each.service, each.transport]
                metric.add_metric(where, getattr(each, attribute))
            yield metric
        labels = ["service", "transport", "code"]
        metric = CounterMetricFamily(
            "sockjs_sessions_closed", "Sessions that have ended", labels=labels
        )
        for each in transports:
            for code, count in list(each.closed.items()):
                metric.add_metric([each.service, each.transport, str(code)], count)
        yield metric
        labels = ["service", "cause"]
        metric = CounterMetricFamily(
            "sockjs_refused", "Sessions and requests that were refused", labels=labels
        )
        for service in services:
            for cause, count in list(service.refused.items()):
                metric.add_metric([service.service, cause], count)
        yield metric


class MetricsResource(Resource):
    """
    Shows all metrics of a registry, for Prometheus to fetch. They are read in the
    reactor's thread, as C{prometheus_client}'s own Resource does not.
    """

    isLeaf = True

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """
        The metrics, in the text format that the client asks for.
        """
        accept = b",".join(request.requestHeaders.getRawHeaders(b"Accept", []))
        try:
            encode, contentType = choose_encoder(accept.decode("ascii"))
            text = encode(self._registry)
        except (TypeError, ValueError):
            # What is no text, or asks for a version that is no number.
            encode, contentType = choose_encoder("")
            text = encode(self._registry)
        request.setHeader("Content-Type", contentType)
        return text

    def render_HEAD(self, request: Request) -> bytes:
        """
        The headers alone.
        """
        request.setHeader("Content-Length", str(len(self.render_GET(request))))
        return b""


class _MetricsSite(SockJSMultiFactory):
    """
    A Site of this package's, for its bounds of time and size.
    """

    noisy = False

    def bodyLimit(self, path: bytes) -> int:
        """
        Nobody has anything to say here.
        """
        return 0


def metricsSite(services: Iterable[SockJSResource], reactor: Any = None) -> Site:
    """
    A site that shows the counters of services, and what the process takes of the
    machine, at C{/metrics}.

    @param reactor: what its time-outs are of; the global reactor if not given.
    """
    registry = CollectorRegistry()
    registry.register(SockJSCollector(services))
    ProcessCollector(registry=registry)
    site = _MetricsSite(clock=reactor)
    site.resource.putChild(b"metrics", MetricsResource(registry))
    return site
