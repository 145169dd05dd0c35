"""The counters of services for Prometheus, with the extra ``txsockjs[metrics]``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from txsockjs._checkers import IsResource
from txsockjs.counters import TransportCounters
from txsockjs.errors import RoomError, WireError
from txsockjs.membership import Cluster
from txsockjs.options import TRANSPORTS
from txsockjs.pagesite import PageSite
from txsockjs.rooms.directory import Rooms
from txsockjs.transports.resource import SockJSResource

_Label = TypeVar("_Label")


def _names(error: type[Exception]) -> list[str]:
    """
    What is derived from an error, by name.
    """
    names = []
    for each in error.__subclasses__():
        names += [each.__name__, *_names(each)]
    return names


# With what a session ends here or in the client: those that txsockjs sends, and those
# that stand for an end without one. An application has others.
_CODES: Final = (1000, 1002, 1006, 1007, 1009, 1011, 1012, 1013, 3000)

# Why something is refused.
_CAUSES: Final = (*_names(WireError), "Rejected", "TimedOut", "Declined", "Fault")
_ROOM_CAUSES: Final = ("BrokerUnavailable", *_names(RoomError))

_CLUSTER_CAUSES: Final = (
    "NotAPeer",
    "OwnerUnknown",
    "PeerUnavailable",
    "SessionLost",
    "UnknownSession",
)

_Family: TypeAlias = type[GaugeMetricFamily] | type[CounterMetricFamily]

#: What Prometheus calls the attributes of
#: `txsockjs.counters.TransportCounters`, and what for.
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


#: The same for `RoomsCounters <txsockjs.counters.RoomsCounters>`.
_ROOMS: Final[dict[str, tuple[_Family, str, str]]] = {
    "up": (GaugeMetricFamily, "rooms_broker_up", "Whether the broker can be asked"),
    "rooms": (GaugeMetricFamily, "rooms_inhabited", "Rooms that have members here"),
    "members": (GaugeMetricFamily, "rooms_members", "Members of all rooms here"),
    "published": (
        CounterMetricFamily,
        "rooms_published",
        "Messages that the broker has taken",
    ),
    "delivered": (
        CounterMetricFamily,
        "rooms_delivered",
        "Messages that were given to members, once for each",
    ),
    "recovered": (
        CounterMetricFamily,
        "rooms_recovered",
        "Those of them that were read from a history",
    ),
    "gaps": (
        CounterMetricFamily,
        "rooms_gaps",
        "How often members were told that messages are missing",
    ),
}

#: The same for `ClusterCounters <txsockjs.counters.ClusterCounters>`.
_CLUSTER: Final[dict[str, tuple[type[CounterMetricFamily], str, str]]] = {
    "passed": (
        CounterMetricFamily,
        "cluster_passed",
        "Requests that were passed on to another process",
    ),
    "handed": (
        CounterMetricFamily,
        "cluster_handed",
        "Connections that were handed to another process",
    ),
    "received": (
        CounterMetricFamily,
        "cluster_received",
        "Requests that other processes have passed on",
    ),
    "adopted": (
        CounterMetricFamily,
        "cluster_adopted",
        "Connections that other processes have handed over",
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
        :param services: the services, each with a name of its own. A view of a dict
            shows those that are added later, too.
        :raise ValueError: if two of them have the same name.
        """
        self._services = services
        names = [each.counters.service for each in list(services)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two services are called {name!r}; give each a name of its own, "
                    "as in SockJSResource(factory, name='chat')"
                )

    def describe(self) -> Iterable[Metric]:
        """
        The metrics that there are, without their values.
        """
        return SockJSCollector(()).collect()

    def collect(self) -> Iterator[Metric]:
        """
        The metrics.
        """
        resources = list(self._services)
        services = [each.counters for each in resources]
        transports = [each for resource in resources for each in _transports(resource)]
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
            for code, count in _all(_CODES, each.closed):
                metric.add_metric([each.service, each.transport, str(code)], count)
        yield metric
        labels = ["service", "cause"]
        metric = CounterMetricFamily(
            "sockjs_refused", "Sessions and requests that were refused", labels=labels
        )
        for service in services:
            for cause, count in _all(_CAUSES, service.refused):
                metric.add_metric([service.service, cause], count)
        yield metric


def _transports(resource: SockJSResource) -> list[TransportCounters]:
    """
    Those of each transport that a session can come over, whether or not one has.
    """
    counters = resource.counters
    offered = [
        name
        for name in TRANSPORTS
        if not name.endswith("send") and resource.options.offers(name)
    ]
    return [
        counters.get(name) or TransportCounters(counters.service, name)
        for name in dict.fromkeys([*offered, *counters])
    ]


def _all(known: Iterable[_Label], counts: Counter[_Label]) -> list[tuple[_Label, int]]:
    """
    How often each is known to have happened: what never did, has happened 0 times.
    """
    # What Prometheus sees first with 1 has never risen, to its rate and increase.
    return [(each, counts[each]) for each in dict.fromkeys([*known, *counts])]


class RoomsCollector(Collector):
    """
    Reads the counters of rooms when Prometheus asks::

        REGISTRY.register(RoomsCollector([rooms]))
    """

    def __init__(self, rooms: Iterable[Rooms]) -> None:
        """
        :param rooms: the rooms, those of each broker with a name of their own.
        """
        self._rooms = rooms

    def describe(self) -> Iterable[Metric]:
        """
        The metrics that there are, without their values.
        """
        return RoomsCollector(()).collect()

    def collect(self) -> Iterator[Metric]:
        """
        The metrics.
        """
        counters = [rooms.counters for rooms in list(self._rooms)]
        for attribute, (family, name, meaning) in _ROOMS.items():
            metric = family(f"sockjs_{name}", meaning, labels=["rooms"])
            for each in counters:
                metric.add_metric([each.name], float(getattr(each, attribute)))
            yield metric
        refused = CounterMetricFamily(
            "sockjs_rooms_refused",
            "What rooms have refused",
            labels=["rooms", "cause"],
        )
        for each in counters:
            for cause, count in _all(_ROOM_CAUSES, each.refused):
                refused.add_metric([each.name, cause], count)
        yield refused


class ClusterCollector(Collector):
    """
    Reads what was passed on to other processes, and what came from them, when
    Prometheus asks::

        REGISTRY.register(ClusterCollector(lambda: site.cluster))
    """

    def __init__(self, cluster: Callable[[], Cluster | None]) -> None:
        """
        :param cluster: tells the cluster, if there is one.
        """
        self._cluster = cluster

    def describe(self) -> Iterable[Metric]:
        """
        The metrics that there are, without their values.
        """
        return ClusterCollector(lambda: None).collect()

    def collect(self) -> Iterator[Metric]:
        """
        The metrics.
        """
        cluster = self._cluster()
        for attribute, (family, name, meaning) in _CLUSTER.items():
            metric = family(f"sockjs_{name}", meaning)
            if cluster is not None:
                metric.add_metric([], getattr(cluster.counters, attribute))
            yield metric
        refused = CounterMetricFamily(
            "sockjs_cluster_refused",
            "Requests that could not be passed on, or were no peer's",
            labels=["cause"],
        )
        if cluster is not None:
            for cause, count in _all(_CLUSTER_CAUSES, cluster.counters.refused):
                refused.add_metric([cause], count)
        yield refused


class MetricsResource(Resource, IsResource):
    """
    Shows all metrics of a registry, for Prometheus to fetch. They are read in the
    reactor's thread, as ``prometheus_client``'s own Resource does not.
    """

    isLeaf = True

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """
        The metrics, in the text format that the client asks for.
        """
        return encodeMetrics(self._registry, request)

    def render_HEAD(self, request: Request) -> bytes:
        """
        The headers alone.
        """
        request.setHeader("Content-Length", str(len(self.render_GET(request))))
        return b""


def encodeMetrics(registry: CollectorRegistry, request: Request) -> bytes:
    """
    The metrics of a registry, in the text format that a request asks for.
    """
    accept = b",".join(request.requestHeaders.getRawHeaders(b"Accept", []))
    try:
        encode, contentType = choose_encoder(accept.decode("ascii"))
        text = encode(registry)
    except (TypeError, ValueError):
        # What is no text, or asks for a version that is no number.
        encode, contentType = choose_encoder("")
        text = encode(registry)
    request.setHeader("Content-Type", contentType)
    return text


def metricsRegistry(
    services: Iterable[SockJSResource],
    rooms: Iterable[Rooms],
    cluster: Callable[[], Cluster | None],
) -> CollectorRegistry:
    """
    The counters of services, of rooms and of a cluster, and what the process takes of
    the machine.
    """
    registry = CollectorRegistry()
    registry.register(SockJSCollector(services))
    registry.register(RoomsCollector(rooms))
    registry.register(ClusterCollector(cluster))
    ProcessCollector(registry=registry)
    return registry


def metricsSite(
    services: Iterable[SockJSResource],
    reactor: Any = None,
    rooms: Iterable[Rooms] = (),
    cluster: Callable[[], Cluster | None] = lambda: None,
) -> Site:
    """
    A site that shows the counters of services, of rooms and of a cluster, and what the
    process takes of the machine, at ``/metrics``.

    :param reactor: what its time-outs are of; the global reactor if not given.
    :param rooms: the rooms, those of each broker with a name of their own.
    :param cluster: tells the cluster of the services, if they have one.
    """
    registry = metricsRegistry(services, rooms, cluster)
    site = PageSite(clock=reactor)
    site.resource.putChild(b"metrics", MetricsResource(registry))
    return site
